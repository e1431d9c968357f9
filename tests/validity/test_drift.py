"""Distances between two laws: false verdicts at the truth, for smooth, discrete, tiny and lopsided samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics.drift import category_distance, domain_distance
from pytest_mlspec.stats import drift
from pytest_mlspec.verdict import Terms
from tests.validity import table

Floats = npt.NDArray[np.float64]
KS, CATEGORIES, CLASSIFIER = "KS distance", "distance of categories", "distance by a classifier"
LEVEL = 0.05


def normal(rng: np.random.Generator, size: int, shift: float) -> Floats:
    return rng.normal(shift, 1.0, size)


def steps(rng: np.random.Generator, size: int, shift: float) -> Floats:
    """0 or 1, the coarsest law there is: P(1) = 1/2 + shift."""
    return (rng.random(size) < 0.5 + shift).astype(float)


def rare(rng: np.random.Generator, size: int, shift: float) -> Floats:
    """A share of ``shift`` far out, which small samples often miss."""
    return np.where(rng.random(size) < shift, 10.0, rng.random(size))


# law, shift, rows of the source, rows of the target, the true distance
KS_CASES = {
    "normal, equal, 100 and 100": (normal, 0.0, 100, 100, 0.0),
    "normal, .1 sd, 100 and 100": (normal, 0.1, 100, 100, 2 * stats.norm.cdf(0.05) - 1),
    "normal, 1 sd, 20 and 500": (normal, 1.0, 20, 500, 2 * stats.norm.cdf(0.5) - 1),
    "normal, 1 sd, 5 and 5": (normal, 1.0, 5, 5, 2 * stats.norm.cdf(0.5) - 1),
    "two values, .2 apart, 50 and 50": (steps, 0.2, 50, 50, 0.2),
    "two values, .1 apart, 2,000 and 2,000": (steps, 0.1, 2000, 2000, 0.1),
    "2 % far out, 60 and 60": (rare, 0.02, 60, 60, 0.02),
    "30 % far out, 60 and 200": (rare, 0.3, 60, 200, 0.3),
}


def simulate_ks(case: str, runs: int) -> None:
    draw, shift, n, m, truth = KS_CASES[case]
    rng = np.random.default_rng(5)
    measured = [drift.ks_statistic(draw(rng, n, 0.0), draw(rng, m, shift)) for _ in range(runs)]
    false_met = sum(drift.distance_upper(value, n, m, LEVEL) < truth - 1e-12 for value in measured)
    false_violated = sum(drift.ks_lower(value, n, m, LEVEL) > truth + 1e-12 for value in measured)
    words = f"distance = limit {truth:.3g}"
    table.record(KS, case, words, "false met", false_met, runs, LEVEL)
    table.record(KS, case, words, "false violated", false_violated, runs, LEVEL)


@pytest.mark.parametrize("case", KS_CASES)
def test_ks_distance(case: str) -> None:
    simulate_ks(case, runs=1000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", KS_CASES)
def test_ks_distance_in_full(case: str) -> None:
    simulate_ks(case, runs=20_000)


def test_a_test_that_finds_no_drift_passes_data_that_drifted() -> None:
    rng, runs, n = np.random.default_rng(6), 300, 50
    shift = 0.4  # a distance of .159, to be kept below .1
    pairs = [(rng.normal(size=n), rng.normal(shift, 1.0, n)) for _ in range(runs)]

    no_drift_found = np.mean([stats.ks_2samp(*pair).pvalue > 0.05 for pair in pairs])
    met = [drift.distance_upper(drift.ks_statistic(*pair), n, n, LEVEL) <= 0.1 for pair in pairs]

    assert no_drift_found > 0.5
    table.record(KS, "normal, .4 sd, 50 and 50", "distance .159, limit .1", "false met", sum(met), runs, LEVEL)


def test_bounding_only_the_widest_point_that_was_seen_violates_equal_laws() -> None:
    rng, runs, n = np.random.default_rng(7), 1000, 200
    measured = np.array([drift.ks_statistic(rng.normal(size=n), rng.normal(size=n)) for _ in range(runs)])

    naive = measured - 1.645 * np.sqrt(0.25 * 2 / n) > 0

    assert naive.mean() > 0.3
    ours = sum(drift.ks_lower(value, n, n, LEVEL) > 0 for value in measured)
    table.record(KS, "normal, equal, 200 and 200", "distance = limit 0", "false violated", ours, runs, LEVEL)


def shares(n_categories: int, moved: float) -> tuple[Floats, Floats]:
    """Equal shares, and the same with ``moved`` taken from the first half of the categories and given to the other."""
    source = np.full(n_categories, 1 / n_categories)
    half = n_categories // 2
    target = source.copy()
    target[:half] -= moved / half
    target[half:] += moved / (n_categories - half)
    return source, target


# categories, share that moved, rows of each
CATEGORY_CASES = {
    "2 categories, .2 moved, 50": (2, 0.2, 50),
    "3 categories, equal, 100": (3, 0.0, 100),
    "30 categories, .1 moved, 200": (30, 0.1, 200),
    "2,000 categories, equal, 100": (2000, 0.0, 100),
    "2,000 categories, .3 moved, 100": (2000, 0.3, 100),
}


def simulate_categories(case: str, runs: int) -> None:
    n_categories, moved, n = CATEGORY_CASES[case]
    laws = shares(n_categories, moved)
    rng = np.random.default_rng(8)
    met = violated = 0
    for _ in range(runs):
        source, target = (
            Dataset(rng.random((n, 1)), columns={"kind": rng.choice(n_categories, n, p=law)}) for law in laws
        )
        bounds = category_distance(source, target, "kind").evidence.bounds(LEVEL, Terms())
        met += bool(bounds.high[0] < moved - 1e-12)
        violated += bool(bounds.low[0] > moved + 1e-12)
    table.record(CATEGORIES, case, f"distance = limit {moved:g}", "false met", met, runs, LEVEL)
    table.record(CATEGORIES, case, f"distance = limit {moved:g}", "false violated", violated, runs, LEVEL)


@pytest.mark.parametrize("case", CATEGORY_CASES)
def test_category_distance(case: str) -> None:
    simulate_categories(case, runs=300)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", CATEGORY_CASES)
def test_category_distance_in_full(case: str) -> None:
    simulate_categories(case, runs=5000)


def test_the_measured_distance_of_many_categories_is_no_evidence_of_a_shift() -> None:
    rng, runs, n = np.random.default_rng(9), 200, 200
    law, _ = shares(30, 0.0)
    draws = [rng.multinomial(n, law, 2) for _ in range(runs)]

    naive = np.mean([drift.category_statistic(*counts) - 1.645 * np.sqrt(0.25 * 2 / n) > 0 for counts in draws])

    assert naive == 1.0


def simulate_classifier(shift: float, n: int, runs: int) -> None:
    rng = np.random.default_rng(10)
    truth = 2 * stats.norm.cdf(shift / 2) - 1
    wrong = 0
    for run in range(runs):
        source, target = (Dataset(rng.normal([move, 0.0], 1.0, (n, 2))) for move in (0.0, shift))
        distance = domain_distance(source, target, seed=run, classifier=LogisticRegression())
        wrong += bool(distance.evidence.bounds(LEVEL, Terms()).low[0] > truth + 1e-12)
    case = f"normal, {shift:g} sd, logistic, {n} each"
    table.record(CLASSIFIER, case, f"distance = limit {truth:.3g}", "false violated", wrong, runs, LEVEL)


@pytest.mark.parametrize(("shift", "n"), [(0.0, 100), (1.0, 100), (3.0, 60)])
def test_domain_distance(shift: float, n: int) -> None:
    simulate_classifier(shift, n, runs=300)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("shift", "n"), [(0.0, 100), (1.0, 100), (3.0, 60), (0.5, 1000)])
def test_domain_distance_in_full(shift: float, n: int) -> None:
    simulate_classifier(shift, n, runs=1500)


def test_a_classifier_that_is_scored_on_its_own_training_rows_sees_a_shift_in_noise() -> None:
    rng, n = np.random.default_rng(11), 100
    X, domain = rng.normal(size=(2 * n, 2)), np.repeat([0, 1], n)

    said = DecisionTreeClassifier().fit(X, domain).predict(X)

    assert drift.held_out_lower(int(said[:n].sum()), n, int(said[n:].sum()), n, LEVEL) > 0.9
