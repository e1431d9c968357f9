"""The bundled digits with corrupted copies of their test part."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.data.perturbing import same_rows, stressed_side
from pytest_mlspec.perturbations.digits import corrupted_digits

SHIFTED = ["brightness", "contrast", "gaussian_noise", "motion_blur", "pixelate"]


@pytest.mark.parametrize("name", SHIFTED)
def test_a_corrupted_part_holds_the_rows_of_the_test_part(name: str) -> None:
    splits = corrupted_digits()
    part = splits[name]

    assert part.name == f"corrupted_digits.{name}" or name in part.title
    assert same_rows(splits.test, part)
    assert stressed_side(splits.test, part) == 1
    assert not np.array_equal(part.X, splits.test.X)
    assert part.X.min() >= 0
    assert part.X.max() <= 16


@pytest.mark.parametrize("name", SHIFTED)
def test_the_severity_moves_the_harm(name: str) -> None:
    """The mean squared change of a pixel."""
    mild, hard = (corrupted_digits(severity) for severity in (1, 5))
    changes = [float(np.mean((splits[name].X - splits.test.X) ** 2)) for splits in (mild, hard)]

    assert 0 < changes[0] < changes[1]


@pytest.mark.parametrize("severity", [0, 6, 2.5])
def test_other_severities_are_refused(severity: object) -> None:
    with pytest.raises(ValueError, match=r"expected a severity from 1 to 5; got severity="):
        corrupted_digits(severity)  # type: ignore[arg-type]
