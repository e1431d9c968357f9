"""Data in, changed data out: corruptions of images, faults of tables and texts, edits of one thing."""

from pytest_mlspec.perturbations.blur import defocus as defocus
from pytest_mlspec.perturbations.blur import motion_blur as motion_blur
from pytest_mlspec.perturbations.blur import pixelate as pixelate
from pytest_mlspec.perturbations.composing import Composed as Composed
from pytest_mlspec.perturbations.composing import compose as compose
from pytest_mlspec.perturbations.geometry import occlusion as occlusion
from pytest_mlspec.perturbations.geometry import rotation as rotation
from pytest_mlspec.perturbations.geometry import translation as translation
from pytest_mlspec.perturbations.images import Corruption as Corruption
from pytest_mlspec.perturbations.images import corruption as corruption
from pytest_mlspec.perturbations.light import brightness as brightness
from pytest_mlspec.perturbations.light import contrast as contrast
from pytest_mlspec.perturbations.noise import gaussian_noise as gaussian_noise
from pytest_mlspec.perturbations.noise import impulse_noise as impulse_noise
from pytest_mlspec.perturbations.noise import shot_noise as shot_noise
from pytest_mlspec.perturbations.severity import SEVERITIES as SEVERITIES
