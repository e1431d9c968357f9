"""Spurious regression: every figure against the law from which the data is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.generators import spurious_regression

N = 200_000
SPLITS = spurious_regression(n=N, seed=1)


def linear(data: Dataset, columns: list[int]) -> npt.NDArray[np.float64]:
    design = np.column_stack([np.ones(len(data)), data.X[:, columns]])
    assert data.y is not None
    weights: npt.NDArray[np.float64] = np.linalg.lstsq(design, data.y, rcond=None)[0]
    return weights


def rmse(data: Dataset, columns: list[int], weights: npt.NDArray[np.float64]) -> float:
    design = np.column_stack([np.ones(len(data)), data.X[:, columns]])
    assert data.y is not None
    return float(np.sqrt(np.mean((design @ weights - data.y) ** 2)))


@pytest.mark.parametrize(("part", "factor"), [("train", 0.2), ("test", 0.2), ("ood", 0.1)])
def test_moments(part: str, factor: float) -> None:
    x1, x2, x3 = SPLITS[part].X.T
    y = SPLITS[part].y
    assert y is not None
    error = 5 / np.sqrt(N)  # five standard errors of a mean with standard deviation 1

    # y has mean 3 and variance 1 + 4 + 1 = 6; Var(sample variance) is about 2 * 6**2 / N.
    assert abs(y.mean() - 3) < error * np.sqrt(6)
    assert abs(y.var() - 6) < error * np.sqrt(2) * 6
    assert abs(x1.mean()) < error
    assert abs(x2.var() - 1) < error * np.sqrt(2)
    # The residual of y is N(0, 1) and independent of x1 and x2.
    noise = y - x1 - 2 * x2 - 3
    assert abs(noise.var() - 1) < error * np.sqrt(2)
    assert abs(np.mean(noise * x1)) < error
    # x3 = y / factor + N(0, sd 3): the jitter has standard deviation 3 and does not depend on y.
    jitter = x3 - y / factor
    assert abs(jitter.std() - 3) < error * 3
    assert abs(np.mean(jitter * (y - 3))) < error * 3 * np.sqrt(6)
    correlation = np.sqrt(6) / factor / np.sqrt(6 / factor**2 + 9)
    assert abs(np.corrcoef(x3, y)[0, 1] - correlation) < error


def test_the_best_linear_predictor() -> None:
    weights = linear(SPLITS.train, [0, 1, 2])

    # Given x1 and x2, y = m + e and 0.2 x3 = y + 0.6 N(0, 1): the best weight of 0.2 x3 is k = 1 / (1 + 0.6**2), the
    # rest is (1 - k) m, and the error variance 1 / (1 + 1 / 0.6**2).
    k = 1 / 1.36
    np.testing.assert_allclose(weights, [3 * (1 - k), 1 - k, 2 * (1 - k), 0.2 * k], atol=0.01)
    assert rmse(SPLITS.test, [0, 1, 2], weights) == pytest.approx(np.sqrt(1 / (1 + 1 / 0.36)), abs=0.005)
    # Out of distribution 0.2 x3 = 2 y + 0.6 N: the error is (1 - 2k) e - k m - 0.6 k N with E m**2 = 9 + 5.
    expected = np.sqrt((1 - 2 * k) ** 2 + k**2 * 14 + 0.36 * k**2)
    assert rmse(SPLITS.ood, [0, 1, 2], weights) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("part", ["test", "ood"])
def test_without_the_spurious_feature_the_error_is_that_of_the_noise(part: str) -> None:
    weights = linear(SPLITS.train, [0, 1])

    np.testing.assert_allclose(weights, [3, 1, 2], atol=0.02)
    assert rmse(SPLITS[part], [0, 1], weights) == pytest.approx(1.0, abs=0.01)


def test_shape_columns_and_names() -> None:
    splits = spurious_regression()

    assert {part: data.X.shape for part, data in splits.items()} == dict.fromkeys(("train", "test", "ood"), (5000, 3))
    assert splits.test.name == "spurious_regression.test"
    assert splits.test.classes is None
    np.testing.assert_array_equal(splits.ood.columns["x3"], splits.ood.X[:, 2])


def test_the_seed_decides_and_parts_differ() -> None:
    one, again, other = (spurious_regression(n=50, seed=seed) for seed in (3, 3, 4))

    assert one.train.fingerprint == again.train.fingerprint
    assert one.ood.fingerprint == again.ood.fingerprint
    assert len({data.fingerprint for splits in (one, other) for _, data in splits.items()}) == 6


@pytest.mark.parametrize(
    ("knob", "parts"),
    [
        ({"factor": 0.5}, {"train", "test"}),
        ({"ood_factor": 0.5}, {"ood"}),
        ({"noise": 1.0}, {"train", "test", "ood"}),
    ],
)
def test_every_knob_moves_its_parts(knob: dict[str, Any], parts: set[str]) -> None:
    plain, moved = spurious_regression(n=50), spurious_regression(n=50, **knob)
    changed = {part for part, data in plain.items() if data.fingerprint != moved[part].fingerprint}

    assert changed == parts


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"n": 0}, "n as an integer >= 1; got n=0"),
        ({"n": 10.5}, "n as an integer >= 1; got n=10.5"),
        ({"n": True}, "n as an integer >= 1; got n=True"),
        ({"seed": None}, "seed as an integer >= 0; got seed=None"),
        ({"seed": -1}, "seed as an integer >= 0; got seed=-1"),
        ({"factor": 0}, "factor as a finite number other than 0; got factor=0"),
        ({"factor": float("nan")}, "factor as a finite number other than 0; got factor=nan"),
        ({"factor": True}, "factor as a finite number other than 0; got factor=True"),
        ({"ood_factor": 0.0}, "ood_factor as a finite number other than 0; got ood_factor=0.0"),
        ({"ood_factor": "0.1"}, "ood_factor as a finite number other than 0; got ood_factor='0.1'"),
        ({"noise": -1.0}, "noise as a number >= 0; got noise=-1.0"),
        ({"noise": float("inf")}, "noise as a number >= 0; got noise=inf"),
    ],
)
def test_a_law_that_cannot_be(bad: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=f"^expected {expected}$"):
        spurious_regression(**bad)


def test_all_faults_of_a_law_come_at_once_and_a_factor_may_be_negative() -> None:
    with pytest.raises(ValueError, match=r"got n=0; .*got seed=-1; .*got factor=0"):
        spurious_regression(n=0, seed=-1, factor=0)

    assert spurious_regression(n=2000, factor=-0.2, seed=np.int64(0)).test.columns["x3"].mean() < 0  # E x3 = 3 / -0.2
