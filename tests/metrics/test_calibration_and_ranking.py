"""Calibration errors and AUROC: definitions, bounds, rows, and where they say that they cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Comparison, Terms

LEVEL = 0.05


def goal(threshold: float, comparison: Comparison) -> Goal:
    return Goal(threshold=threshold, comparison=comparison, level=LEVEL)


def _three_classes(n: int = 1500, n_members: int = 2, **more: object) -> Predictions:
    generator = np.random.default_rng(n)
    table = generator.dirichlet([2, 1, 1], size=(n_members, n))
    y = np.array([generator.choice(3, p=row) for row in table[0]])
    return Predictions(y=y, probabilities=table, **more)


def test_the_first_member_is_calibrated_and_the_second_is_not():
    said = _three_classes()
    bounds = metrics.ece(said).evidence.bounds(LEVEL, Terms())

    assert bounds.low[0] == 0 and bounds.high[0] < 0.05
    assert bounds.low[1] > 0.1
    assert bounds.method.bound_class == "asymptotic"


def test_the_definition_is_part_of_the_settings():
    said = _three_classes()

    assert dict(metrics.ece(said).settings) == {"bins": 15, "kind": "top-label", "binning": "width"}
    assert dict(metrics.mce(said, bins=5).settings) == {"bins": 5, "binning": "width"}


def test_the_direction_of_the_error_is_said():
    sure = np.tile([0.1, 0.9], (100, 1))
    over = metrics.ece(Predictions(y=np.arange(100) % 2, probabilities=sure)).evidence
    under = metrics.ece(Predictions(y=np.ones(100, dtype=int), probabilities=sure)).evidence

    assert over.counts(0) == "over-confident by 0.400 (mean confidence 0.900, accuracy 0.500)"
    assert under.counts(0) == "under-confident by 0.100 (mean confidence 0.900, accuracy 1.000)"
    assert over.values[0] == pytest.approx(0.4) and under.values[0] == pytest.approx(0.1)


def test_the_top_label_is_the_most_probable_class_even_where_the_model_labels_otherwise():
    table = np.tile([0.6, 0.4], (50, 1))
    said = Predictions(y=np.zeros(50, dtype=int), probabilities=table, labels=np.ones(50, dtype=int), classes=[0, 1])

    assert metrics.accuracy(said).value == 0
    assert metrics.ece(said).value == pytest.approx(0.4)


@pytest.mark.parametrize("settings", [{}, {"kind": "class-wise"}, {"binning": "mass"}])
def test_rows_and_slices_of_the_expected_error(settings):
    said = _three_classes(columns={"half": np.arange(1500) % 2})
    evidence = metrics.ece(said, **settings).evidence
    part = metrics.ece(said.where(half=1), **settings)

    assert evidence.pseudo_values(Terms()).rows.mean(axis=1) == pytest.approx(evidence.values)
    assert evidence.take(np.arange(1, 1500, 2)).values == pytest.approx(part.values)
    assert evidence.case_values(Terms()) is None and evidence.perfect(goal(0.5, "<=")) is None
    assert evidence.plan(0, goal(0.1, "<=")) > 0


def test_the_worst_bin_has_no_rows_and_is_open_with_few_cases():
    evidence = metrics.mce(_three_classes(n=60)).evidence
    bounds = evidence.bounds(LEVEL, Terms())

    assert evidence.pseudo_values(Terms()) is None
    assert bounds.high[0] > 0.4 and bounds.reason


def test_equal_mass_bins_use_the_form_for_bins_of_the_same_rows():
    said = _three_classes()

    assert "intersection-union" in metrics.ece(said, binning="mass").evidence.bounds(LEVEL, Terms()).method.name
    assert "least favourable" in metrics.ece(said).evidence.bounds(LEVEL, Terms()).method.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bins": 1}, "bins is a number of bins"),
        ({"bins": 2.5}, "bins is a number of bins"),
        ({"kind": "binary"}, 'kind is "top-label" or "class-wise"'),
        ({"binning": "size"}, 'binning is "width" or "mass"'),
        ({"kind": "class-wise", "binning": "mass"}, "binned by width"),
    ],
)
def test_other_definitions_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        metrics.ece(_three_classes(n=30), **arguments)


@pytest.mark.parametrize("metric", [metrics.ece, metrics.mce, metrics.auroc])
def test_labels_alone_are_not_enough(metric):
    with pytest.raises(ValueError, match=r"needs (probabilities|scores), and 'predictions' holds only labels"):
        metric(Predictions(y=[0, 1], labels=[0, 1]))


@pytest.mark.parametrize(
    "metric",
    [
        metrics.ece,
        metrics.mce,
        lambda said: metrics.ece(said, kind="class-wise"),
        lambda said: metrics.auroc(said, positive=1),
    ],
)
def test_clustered_rows_leave_them_undecided_by_name(metric):
    said = _three_classes(n=200, columns={"patient": np.arange(200) // 4}, clusters="patient")
    bounds = metric(said).evidence.bounds(LEVEL, Terms())

    assert (bounds.low == -np.inf).all() and (bounds.high == np.inf).all()
    assert bounds.reason.startswith("rows are clustered by patient and the bounds of")


def _scored(n_positive: int, n_negative: int, **more: object) -> Predictions:
    generator = np.random.default_rng(n_positive)
    scores = 1 / (1 + np.exp(-np.concatenate([generator.normal(2, 1, n_positive), generator.normal(0, 1, n_negative)])))
    return Predictions(y=np.arange(n_positive + n_negative) < n_positive, probabilities=scores, **more)


def test_auroc_is_bounded_on_the_smaller_class():
    estimate = metrics.auroc(_scored(60, 90))
    bounds = estimate.evidence.bounds(LEVEL, Terms())
    # Clopper-Pearson at 60 trials lies between those of the neighbouring whole counts.
    hits = int(60 * estimate.value)
    ends = [binomtest(k, 60, alternative="greater").proportion_ci(1 - LEVEL).low for k in (hits, hits + 1)]

    assert ends[0] <= bounds.low[0] <= ends[1]
    assert estimate.evidence.counts(0) == "60 positives, 90 negatives"
    assert estimate.evidence.sizes.tolist() == [60]


def test_many_cases_of_one_class_take_the_exact_form():
    bounds = metrics.auroc(_scored(40, 400)).evidence.bounds(LEVEL, Terms())

    assert bounds.method.bound_class == "exact" and "placements" in bounds.method.name


def test_the_approximate_form_is_had_by_name_only():
    named = metrics.auroc(_scored(60, 90), bound="hanley-mcneil")

    assert named.evidence.bounds(LEVEL, Terms()).method.bound_class == "approximate"
    assert named.settings == (("bound", "hanley-mcneil"),)
    with pytest.raises(ValueError, match="hanley-mcneil"):
        metrics.auroc(_scored(60, 90), bound="delong")


def test_one_class_alone_has_no_auroc():
    estimate = metrics.auroc(Predictions(y=[True, True], probabilities=[0.1, 0.2]))
    bounds = estimate.evidence.bounds(LEVEL, Terms())

    assert np.isnan(estimate.value) and bounds.low[0] == -np.inf and "no negative cases" in bounds.reason
    assert estimate.evidence.pseudo_values(Terms()) is None and estimate.evidence.plan(0, goal(0.9, ">=")) is None


def test_rows_plan_and_best_bound_of_auroc():
    evidence = metrics.auroc(_scored(60, 90)).evidence

    assert evidence.pseudo_values(Terms()).rows.mean(axis=1) == pytest.approx(evidence.values)
    assert evidence.perfect(goal(0.5, ">=")) == pytest.approx(LEVEL ** (1 / 60))
    value = evidence.values[0]
    assert evidence.plan(0, goal(value - 0.1, ">=")) < evidence.plan(0, goal(value - 0.05, ">="))
    assert metrics.auroc(_scored(40, 400)).evidence.plan(0, goal(0.5, ">=")) > 0
