"""The case studies hold for other seeds than those of the examples: signs, orderings, and what theory gives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pytest_mlspec.metrics.profiles import Axis, Profile

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    """An example as a module; `examples` is no package of ours, and others install one of that name."""
    spec = spec_from_file_location(f"loaded_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


studies, corruptions, spurious = map(load, ("studies", "test_digits_corruptions", "test_spurious_regression"))
ROOTS = [pytest.param(root, marks=pytest.mark.slow_validity) for root in (0, 1, 2)]


def axes(profile: Profile) -> dict[str, Axis]:
    return {axis.name: axis for axis in profile.axes}


def plain_std(axis: Axis) -> float:
    return float(np.std(axis.values, ddof=1))


# ---- corrupted digits ------------------------------------------------------------------------------------------------


def check_corruptions(found: Mapping[str, Profile]) -> None:
    """Equal on clean digits, apart under corruption; equal everywhere once the light is levelled."""
    plain, levelled = axes(found["plain"]), axes(found["levelled"])

    assert 0.94 < plain["clean"].mean < 0.99
    assert plain_std(plain["clean"]) < 0.01
    assert plain["contrast"].mean < plain["brightness"].mean - 0.2 < plain["gaussian_noise"].mean - 0.2
    assert plain["gaussian_noise"].mean < plain["motion_blur"].mean < plain["clean"].mean
    for light in ("contrast", "brightness"):
        assert plain_std(plain[light]) > 8 * plain_std(plain["clean"])
        assert plain_std(levelled[light]) < 0.01
        assert levelled[light].mean > plain[light].mean + 0.1
    assert levelled["clean"].mean > plain["clean"].mean - 0.005


def test_corruptions_part_what_clean_digits_hold_together() -> None:
    check_corruptions(corruptions.study(root=7, n_members=6))


@pytest.mark.parametrize("root", ROOTS)
def test_twenty_members_decide_what_corruptions_do(root: int) -> None:
    """By the limits of the example: a quotient of 5 violated with plain training, a std of 0.03 met without."""
    found = corruptions.study(root=root)

    check_corruptions(found)
    plain, levelled = axes(found["plain"]), axes(found["levelled"])
    quotient = plain["contrast"].quotient
    assert quotient is not None
    assert quotient.low > 5
    assert plain["contrast"].std.low > 0.03
    assert max(axis.std.high for axis in levelled.values()) < 0.03


# ---- the spurious feature --------------------------------------------------------------------------------------------


def best_line(noise: float) -> tuple[float, float]:
    """Weight of each cause and of x3 in the best line where x3 = 5 y + N(0, noise^2): a posterior mean by hand.

    y given x1 and x2 is N(x1 + 2 x2 + 3, 1), and x3 / 5 is y with an error of variance noise^2 / 25.
    """
    variance = noise**2 / 25
    return variance / (1 + variance), 1 / (1 + variance) / 5


def rmse_of_line(cause: float, weight: float, slope: float) -> float:
    """The RMSE where x3 = slope y + N(0, 9), with m = x1 + 2 x2 + 3 ~ N(3, 5) and y = m + e, without a gap at slope 5.

    The line says cause m + weight x3, so it errs by (cause + slope weight - 1) m + (slope weight - 1) e + 3 weight z.
    """
    on_m, on_e = cause + slope * weight - 1, slope * weight - 1
    return float(np.sqrt(on_m**2 * (9 + 5) + on_e**2 + 9 * weight**2))


@pytest.mark.parametrize("root", [0, 1, 2, 7])
def test_lines_learn_what_theory_gives(root: int) -> None:
    """Five thousand rows fix the weights to about 0.02, and the shift multiplies what is off by 10."""
    found = spurious.lines(root)

    for name, noise in (("plain", 3.0), ("augmented", np.hypot(3.0, 30.0))):
        (x1, x2, x3), held_out, shifted = found[name]
        cause, weight = best_line(float(noise))
        assert (x1, x2) == pytest.approx((cause, 2 * cause), abs=0.05)
        assert x3 == pytest.approx(weight, abs=0.005)
        assert held_out == pytest.approx(rmse_of_line(cause, weight, 5.0), abs=0.03)
        assert shifted == pytest.approx(rmse_of_line(cause, weight, 10.0), abs=0.15)


@pytest.mark.parametrize("root", [0, 1, 2, 7])
def test_the_better_line_is_worse_on_held_out_data(root: int) -> None:
    found = spurious.lines(root)
    weight = {name: weights[2] for name, (weights, _, _) in found.items()}
    held_out = {name: error for name, (_, error, _) in found.items()}
    shifted = {name: error for name, (_, _, error) in found.items()}

    assert weight["plain"] > 5 * weight["randomised"] > 5 * weight["augmented"] > 0
    assert held_out["plain"] < held_out["x2 randomised"] < held_out["randomised"] < held_out["augmented"]
    assert max(shifted["randomised"], shifted["augmented"]) < 1.2 < 2.5 < shifted["plain"] < shifted["x2 randomised"]


def check_networks(found: Mapping[str, Profile]) -> None:
    """Plain networks are five times as wrong after the shift, and by how much is a matter of the seed."""
    on = {name: axes(profile) for name, profile in found.items()}

    assert on["plain"]["clean"].mean == pytest.approx(0.52, abs=0.03)
    assert on["plain"]["shifted"].mean > 4.5 * on["plain"]["clean"].mean
    assert on["augmented"]["shifted"].mean < 1.1
    assert on["plain"]["clean"].mean < on["augmented"]["clean"].mean
    assert plain_std(on["plain"]["shifted"]) > 8 * plain_std(on["plain"]["clean"])
    assert plain_std(on["augmented"]["shifted"]) < 0.5 * plain_std(on["plain"]["shifted"])


def test_the_seed_decides_what_the_shift_does_to_plain_networks() -> None:
    ways = {name: spurious.WAYS[name] for name in ("plain", "augmented")}

    check_networks(spurious.networks(root=7, n_members=5, ways=ways))


@pytest.mark.parametrize("root", ROOTS)
def test_twenty_members_decide_what_the_shift_does(root: int) -> None:
    """By the limits of the example: a quotient of 5 is violated with plain training and met with augmentation."""
    found = spurious.networks(root)

    check_networks(found)
    on = {name: axes(profile) for name, profile in found.items()}
    plain, augmented = on["plain"]["shifted"].quotient, on["augmented"]["shifted"].quotient
    assert plain is not None
    assert augmented is not None
    assert plain.low > 5 > augmented.high
    assert on["randomised"]["shifted"].mean < 1.2
    assert on["plain"]["clean"].mean < on["randomised"]["clean"].mean < on["augmented"]["clean"].mean
    assert on["plain"]["clean"].mean < on["x2 randomised"]["clean"].mean
    assert on["plain"]["shifted"].mean < on["x2 randomised"]["shifted"].mean


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_knows_every_example_that_prints() -> None:
    known = studies.studies()

    assert {"digits_corruptions", "spurious_regression"} <= set(known)
    assert "breast_cancer" not in known
    assert list(studies.studies(["spurious_regression"])) == ["spurious_regression"]


def test_a_study_that_does_not_exist_is_an_error() -> None:
    command = [sys.executable, str(EXAMPLES / "studies.py"), "digits"]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "no such study: digits; there are " in result.stderr
    assert "digits_corruptions" in result.stderr
