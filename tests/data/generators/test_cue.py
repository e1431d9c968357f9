"""Redundant cue: the law against its closed form, and networks that agree on `test` and differ on `conflict`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.generators import redundant_cue, redundant_cue_truth

N = 50_000
PARTS = {"test": "iid", "conflict": "conflict", "neutral": "neutral"}
LAWS: list[dict[str, float]] = [
    {},
    {"rho": 0.8, "signal": 1.0, "cue_signal": 1.5},
    {"rho": 0.6, "signal": 0.8, "cue_signal": 0.5, "flipped": -0.3},
    {"rho": 0.0, "signal": 1.2, "cue_signal": 2.0},
    {"rho": 1.0, "signal": 0.5, "cue_signal": 1.5},
]


def scores(data: Dataset) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Projections of the two blocks on their directions, each N(+-signal, 1), and which rows are cows."""
    width = data.X.shape[1] // 2
    assert data.y is not None
    return data.X[:, :width].sum(1) / np.sqrt(width), data.X[:, width:].sum(1) / np.sqrt(width), data.y == "cow"


def likelihood_rule(
    animal: npt.NDArray[np.float64], ground: npt.NDArray[np.float64], rho: float, m: float, k: float
) -> npt.NDArray[np.bool_]:
    """Cow where the density of a cow is larger, from the densities themselves."""

    def density(y: int) -> npt.NDArray[np.float64]:
        grass = (1 + rho * y) / 2
        return stats.norm.pdf(animal, y * m) * (
            grass * stats.norm.pdf(ground, k) + (1 - grass) * stats.norm.pdf(ground, -k)
        )

    return density(1) > density(-1)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("part", PARTS)
def test_the_truth_is_what_the_best_rules_reach(law: dict[str, float], part: str) -> None:
    data = redundant_cue(n=N, seed=3, width=2, **law)[part]
    truth = redundant_cue_truth(**law)
    animal, ground, cow = scores(data)
    rule = likelihood_rule(animal, ground, law.get("rho", 1.0), law.get("signal", 2.4), law.get("cue_signal", 2.4))

    for name, said in [("bayes", rule), ("cue_only", ground > 0)]:
        expected = getattr(truth, f"{name}_{PARTS[part]}")
        assert abs(np.mean(said == cow) - expected) < 3 * np.sqrt(expected * (1 - expected) / N) + 1e-12
    assert abs(np.mean((animal > 0) == cow) - truth.causal_only) < 3 * np.sqrt(0.25 / N)


@pytest.mark.parametrize("rho", [0.3, 0.8, 0.999, 1.0])
def test_the_truth_is_the_integral_over_both_blocks(rho: float) -> None:
    m, k = 1.1, 1.4

    grid = np.linspace(-8, 9, 1701)
    animal, ground = np.meshgrid(grid, grid, indexing="ij")
    said = likelihood_rule(animal, ground, rho, m, k)

    def integral(centre: float) -> float:
        density = stats.norm.pdf(animal, m) * stats.norm.pdf(ground, centre)
        return float(integrate.simpson(integrate.simpson(said * density, x=grid), x=grid))

    agree, differ = integral(k), integral(-k)
    truth = redundant_cue_truth(rho=rho, signal=m, cue_signal=k)
    assert truth.bayes_iid == pytest.approx((1 + rho) / 2 * agree + (1 - rho) / 2 * differ, abs=2e-3)
    assert truth.bayes_conflict == pytest.approx(differ, abs=2e-3)
    assert truth.bayes_neutral == pytest.approx((agree + differ) / 2, abs=2e-3)


def test_known_values() -> None:
    truth = redundant_cue_truth(signal=2.4, cue_signal=2.4)

    # Both blocks together are N(+-2.4 sqrt(2), 1) where they agree, and cancel where they do not.
    assert truth.bayes_iid == pytest.approx(stats.norm.cdf(2.4 * np.sqrt(2)), abs=1e-12)
    assert truth.bayes_conflict == pytest.approx(0.5, abs=1e-12)
    assert truth.causal_only == pytest.approx(stats.norm.cdf(2.4), abs=1e-12)
    assert truth.cue_only_conflict == pytest.approx(1 - stats.norm.cdf(2.4), abs=1e-12)
    # A background that tells nothing is not used: every part then has the accuracy of the animal.
    unrelated = redundant_cue_truth(rho=0.0)
    assert unrelated.bayes_iid == pytest.approx(unrelated.causal_only, abs=1e-9)
    assert unrelated.bayes_conflict == pytest.approx(unrelated.causal_only, abs=1e-9)
    # The integral goes over into the closed form.
    assert redundant_cue_truth(rho=1 - 1e-12).bayes_iid == pytest.approx(truth.bayes_iid, abs=1e-6)


@pytest.mark.parametrize(("part", "link"), [("train", 0.6), ("test", 0.6), ("conflict", -0.9), ("neutral", 0.0)])
def test_background_and_label_correlate_as_asked(part: str, link: float) -> None:
    data = redundant_cue(n=N, rho=0.6, flipped=-0.9)[part]
    _, _, cow = scores(data)
    grass = data.columns["background"] == "grass"

    assert abs(np.mean(cow) - 0.5) < 3 * np.sqrt(0.25 / N)
    assert abs(np.mean(cow == grass) - (1 + link) / 2) < 3 * np.sqrt(0.25 / N)


@pytest.mark.parametrize("root", [0, 1, 2])
def test_networks_agree_on_test_and_differ_on_conflict(root: int) -> None:
    splits = redundant_cue(seed=root)
    reached: dict[str, list[float]] = {"test": [], "conflict": []}
    for seed in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network = MLPClassifier((16,), max_iter=50, random_state=seed).fit(splits.train.X, splits.train.y)
        for part, values in reached.items():
            values.append(network.score(splits[part].X, splits[part].y))

    # Orientation (ten retrainings each): 0.999 +- 0.0005 against 0.51 +- 0.12.
    assert min(reached["test"]) > 0.995
    assert 0.3 < np.mean(reached["conflict"]) < 0.7
    assert np.std(reached["conflict"], ddof=1) > 20 * np.std(reached["test"], ddof=1)


def test_shape_columns_and_names() -> None:
    splits = redundant_cue()

    assert {part: data.X.shape for part, data in splits.items()} == dict.fromkeys(
        ("train", "test", "conflict", "neutral"), (2000, 10)
    )
    assert splits.conflict.name == "redundant_cue.conflict"
    assert splits.test.positive == "cow"
    assert sorted(splits.neutral.split_by("background")) == ["grass", "sand"]
    np.testing.assert_array_equal(splits.test.columns["animal_5"], splits.test.X[:, 4])
    np.testing.assert_array_equal(splits.test.columns["background_1"], splits.test.X[:, 5])


def test_the_seed_decides_and_parts_differ() -> None:
    one, again, other = (redundant_cue(n=50, seed=seed) for seed in (3, 3, 4))

    assert all(data.fingerprint == again[part].fingerprint for part, data in one.items())
    assert len({data.fingerprint for splits in (one, other) for _, data in splits.items()}) == 8


def test_the_first_rows_stay_when_n_grows() -> None:
    few, many = redundant_cue(n=50), redundant_cue(n=80)

    for part, data in few.items():
        np.testing.assert_array_equal(data.X, many[part].X[:50])
        np.testing.assert_array_equal(data.y, many[part].y[:50])


@pytest.mark.parametrize(
    ("knob", "parts"),
    [
        ({"rho": 0.5}, {"train", "test"}),
        ({"flipped": 0.5}, {"conflict"}),
        ({"signal": 1.0}, {"train", "test", "conflict", "neutral"}),
        ({"cue_signal": 1.0}, {"train", "test", "conflict", "neutral"}),
        ({"width": 3}, {"train", "test", "conflict", "neutral"}),
    ],
)
def test_every_knob_moves_its_parts(knob: dict[str, Any], parts: set[str]) -> None:
    plain, moved = redundant_cue(n=50), redundant_cue(n=50, **knob)

    assert {part for part, data in plain.items() if data.fingerprint != moved[part].fingerprint} == parts


def test_all_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError) as caught:
        redundant_cue(n=5, seed=-1, rho=-0.1, flipped=2.0, signal=0.0, cue_signal=-1.0, width=0)

    for got in ("n=5", "seed=-1", "rho=-0.1", "flipped=2.0", "signal=0.0", "cue_signal=-1.0", "width=0"):
        assert f"; got {got}" in str(caught.value)
    with pytest.raises(ValueError, match=r"expected rho as a number in \[0, 1\]; got rho=nan"):
        redundant_cue_truth(rho=float("nan"))
