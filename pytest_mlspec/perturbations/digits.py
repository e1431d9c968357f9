"""The bundled digits with their test part corrupted in several ways."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

from pytest_mlspec.perturbations.blur import motion_blur, pixelate
from pytest_mlspec.perturbations.image_noise import gaussian_noise
from pytest_mlspec.perturbations.light import brightness, contrast
from pytest_mlspec.perturbations.severity import SEVERITIES

if TYPE_CHECKING:
    from pytest_mlspec.data import Splits


def corrupted_digits(severity: int = 3) -> Splits:
    """The digits of :func:`pytest_mlspec.data.bundled.digits` with corrupted copies of the test part.

    Args:
        severity: 1 to 5, of every corruption.

    Returns:
        ``train``, ``test`` and, as shifted sets, ``brightness``, ``contrast``, ``gaussian_noise``, ``motion_blur`` and
        ``pixelate``: the rows of ``test`` with changed images, so that a drop is a paired comparison.

    Raises:
        ValueError: no severity from 1 to 5.

    Source:
        Hendrycks & Dietterich 2019 for the corruptions; D'Amour, Heller et al. 2022 for the study.
    """
    from pytest_mlspec.data import Splits
    from pytest_mlspec.data.bundled import digits

    if isinstance(severity, bool) or not isinstance(severity, Integral) or severity not in SEVERITIES:
        raise ValueError(f"expected a severity from 1 to 5; got severity={severity!r}")
    clean = digits()
    test = clean.test
    return Splits(
        train=clean.train,
        test=test,
        brightness=test.perturb(brightness(severity, shape=(8, 8), value_range=(0, 16))),
        contrast=test.perturb(contrast(severity, shape=(8, 8), value_range=(0, 16))),
        gaussian_noise=test.perturb(gaussian_noise(severity, shape=(8, 8), value_range=(0, 16))),
        motion_blur=test.perturb(motion_blur(severity, shape=(8, 8), value_range=(0, 16))),
        pixelate=test.perturb(pixelate(severity, shape=(8, 8), value_range=(0, 16))),
        name="corrupted_digits",
    )
