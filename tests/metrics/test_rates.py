"""Rates: what is counted, their bounds, and what is answered where nothing can be counted."""

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


GENERATOR = np.random.default_rng(3)


def _binary(n: int = 200, n_members: int = 2, **more: object) -> Predictions:
    generator = np.random.default_rng(n)
    y = np.where(generator.random(n) < 0.4, "ill", "well")
    right = generator.random((n_members, n)) < 0.8
    labels = np.where(right, y, np.where(y == "ill", "well", "ill"))
    return Predictions(y=y, labels=labels, positive="ill", **more)


def test_bounds_are_those_of_clopper_and_pearson():
    evidence = metrics.recall(_binary()).evidence
    bounds = evidence.bounds(LEVEL, Terms())

    for member in range(2):
        hits, cases = int(evidence.successes[member]), int(evidence.sizes[member])
        low = binomtest(hits, cases, alternative="greater").proportion_ci(1 - LEVEL).low
        high = binomtest(hits, cases, alternative="less").proportion_ci(1 - LEVEL).high
        assert (bounds.low[member], bounds.high[member]) == pytest.approx((low, high))
    assert bounds.method.bound_class == "exact"
    assert evidence.counts(0) == f"{evidence.successes[0]}/{evidence.sizes[0]}"
    assert evidence.unit == "positives"


def test_f1_is_bounded_through_the_jaccard_index():
    said = _binary()
    evidence = metrics.f1(said).evidence
    positive, called = said.y == "ill", said.classes[said.labels[0]] == "ill"
    found, asked = int((positive & called).sum()), int((positive | called).sum())
    jaccard = binomtest(found, asked, alternative="greater").proportion_ci(1 - LEVEL).low

    assert evidence.bounds(LEVEL, Terms()).low[0] == pytest.approx(2 * jaccard / (1 + jaccard))
    assert evidence.counts(0) == f"{found} found, {asked - found} missed or falsely alarmed"


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("accuracy", "examples"),
        ("recall", "positives"),
        ("precision", "predicted positives"),
        ("specificity", "negatives"),
        ("false_positive_rate", "negatives"),
        ("selection_rate", "examples"),
        ("f1", "true or predicted positives"),
    ],
)
def test_units_name_what_decides(metric, unit):
    assert getattr(metrics, metric)(_binary()).evidence.unit == unit


def test_nothing_to_count_is_never_a_value():
    nobody = Predictions(y=[0, 0, 0], labels=[0, 0, 0], classes=[0, 1])

    for metric in ("recall", "precision", "f1"):
        estimate = getattr(metrics, metric)(nobody)
        bounds = estimate.evidence.bounds(LEVEL, Terms())
        assert np.isnan(estimate.value)
        assert (bounds.low[0], bounds.high[0]) == (-np.inf, np.inf)
        assert bounds.reason.startswith("there are no ")
        assert estimate.evidence.plan(0, goal(0.9, ">=")) is None
        assert estimate.evidence.pseudo_values(Terms()) is None


def test_a_member_without_predicted_positives_is_open_and_the_other_is_not():
    said = Predictions(y=[0, 1, 1], labels=[[0, 0, 0], [0, 1, 1]])
    bounds = metrics.precision(said).evidence.bounds(LEVEL, Terms())

    assert bounds.low[0] == -np.inf and 0 < bounds.low[1] < 1
    assert bounds.reason == "there are no predicted positives to judge"


def test_the_positive_class_is_named_and_never_guessed():
    said = Predictions(y=["a", "b"], labels=["a", "b"])

    with pytest.raises(ValueError, match=r"recall is about one positive class and nobody said which of \['a', 'b'\]"):
        metrics.recall(said)
    assert metrics.recall(said, positive="b").of == "b"
    assert metrics.recall(Predictions(y=[0, 1], labels=[0, 1])).of == ""
    assert metrics.recall(Predictions(y=[0, 1], labels=[0, 1]), positive=0).of == "0"
    assert metrics.recall(Predictions(y=[False, True], labels=[False, True])).of == ""
    with pytest.raises(ValueError, match="positive='c'"):
        metrics.recall(said, positive="c")
    with pytest.raises(ValueError, match='average="macro"'):
        metrics.recall(Predictions(y=[0, 1, 2], labels=[0, 1, 2]))


def test_arguments_that_contradict_each_other_are_refused():
    said = Predictions(y=[0, 1], probabilities=[0.2, 0.7])

    with pytest.raises(ValueError, match="threshold is a probability"):
        metrics.recall(said, threshold=2)
    with pytest.raises(ValueError, match="leave out positive= and threshold="):
        metrics.recall(said, average="macro", threshold=0.5)
    with pytest.raises(ValueError, match='average is "macro"'):
        metrics.recall(said, average="micro")
    with pytest.raises(ValueError, match="threshold= is for two classes"):
        metrics.recall(Predictions(y=[0, 1, 2], probabilities=np.eye(3)), positive=1, threshold=0.5)
    with pytest.raises(
        ValueError, match="recall with threshold= needs probabilities, and 'predictions' holds only labels"
    ):
        metrics.recall(Predictions(y=[0, 1], labels=[0, 1]), threshold=0.5)


def test_the_threshold_is_part_of_the_settings():
    said = Predictions(y=[0, 1, 1], probabilities=[0.2, 0.3, 0.7])

    assert metrics.recall(said, threshold=0.3).settings == (("threshold", 0.3),)
    assert metrics.recall(said, threshold=0.3).value == 1.0
    assert metrics.recall(said).value == 0.5


@pytest.mark.parametrize("metric", ["accuracy", "recall", "precision", "f1", "false_positive_rate"])
def test_taking_cases_is_the_metric_of_the_slice(metric):
    said = _binary(columns={"ward": GENERATOR.integers(3, size=200)})
    rows = np.flatnonzero(said.columns["ward"] == 1)
    whole, part = getattr(metrics, metric)(said), getattr(metrics, metric)(said.where(ward=1))
    taken = whole.evidence.take(rows)

    assert np.array_equal(taken.values, part.values)
    assert np.array_equal(taken.sizes, part.evidence.sizes)


@pytest.mark.parametrize("metric", ["accuracy", "recall", "precision"])
def test_groups_are_counted_in_one_pass(metric):
    said = _binary(columns={"ward": GENERATOR.integers(3, size=200)})
    evidence = getattr(metrics, metric)(said).evidence
    codes, labels = said.codes("ward")
    hits, sizes = evidence.by_groups(codes, len(labels))

    for group in range(3):
        part = evidence.take(np.flatnonzero(codes == group))
        assert np.array_equal(hits[:, group], part.successes)
        assert np.array_equal(np.broadcast_to(sizes, hits.shape)[:, group], part.sizes)


@pytest.mark.parametrize("metric", ["accuracy", "recall", "precision", "f1"])
def test_pseudo_values_have_the_metric_as_their_mean(metric):
    evidence = getattr(metrics, metric)(_binary()).evidence

    assert evidence.pseudo_values(Terms()).rows.mean(axis=1) == pytest.approx(evidence.values)


def test_case_values_are_given_where_the_cases_are_the_same_for_every_member():
    said = _binary()
    recall = metrics.recall(said).evidence.case_values(Terms())

    assert recall.rows.shape == (2, int((said.y == "ill").sum()))
    assert (recall.low, recall.high) == (0.0, 1.0)
    assert np.array_equal(recall.cases, np.flatnonzero(said.y == "ill"))
    assert recall.rows.mean(axis=1) == pytest.approx(metrics.recall(said).values)
    assert metrics.precision(said).evidence.case_values(Terms()) is None
    assert metrics.f1(said).evidence.case_values(Terms()) is None


def test_clustered_rows_widen_the_bounds_and_one_cluster_says_nothing():
    patients = np.repeat(np.arange(20), 10)
    alone = metrics.accuracy(_binary()).evidence.bounds(LEVEL, Terms())
    clustered = metrics.accuracy(_binary(columns={"patient": patients}, clusters="patient")).evidence
    bounds = clustered.bounds(LEVEL, Terms())

    assert (bounds.low < alone.low).all() and (bounds.high > alone.high).all()
    assert bounds.method.bound_class == "asymptotic"
    one = metrics.accuracy(_binary(clusters=np.zeros(200, dtype=int))).evidence.bounds(LEVEL, Terms())
    assert one.low[0] == -np.inf and one.high[0] == np.inf
    assert one.reason.startswith("needs at least 2 clusters")


def test_equal_clusters_of_rows_that_agree_count_as_one_case_each():
    # 30 patients, 10 equal rows each, 24 right: the rows of a patient tell what one row tells.
    right = np.repeat(np.arange(30) < 24, 10)
    y = np.zeros(300, dtype=int)
    said = Predictions(y=y, labels=np.where(right, 0, 1), classes=[0, 1], clusters=np.repeat(np.arange(30), 10))
    bounds = metrics.accuracy(said).evidence.bounds(LEVEL, Terms())
    of_patients = binomtest(24, 30, alternative="greater").proportion_ci(1 - LEVEL).low

    assert bounds.low[0] == pytest.approx(of_patients, abs=0.015)  # the degrees of freedom make it a little lower
    assert bounds.low[0] <= of_patients


def test_what_a_flawless_model_could_prove():
    said = _binary()
    n_positive = int((said.y == "ill").sum())

    assert metrics.recall(said).evidence.perfect(goal(0.5, ">=")) == pytest.approx(LEVEL ** (1 / n_positive))
    assert metrics.false_positive_rate(said).evidence.perfect(goal(0.5, "<=")) == pytest.approx(
        1 - LEVEL ** (1 / (200 - n_positive))
    )
    assert metrics.precision(said).evidence.perfect(goal(0.5, ">=")) is None
    jaccard = LEVEL ** (1 / n_positive)
    assert metrics.f1(said).evidence.perfect(goal(0.5, ">=")) == pytest.approx(2 * jaccard / (1 + jaccard))


def test_plans_are_exact_for_independent_cases():
    # 0.95 against 0.90 takes 263 cases at 90 % power (exact binomial power).
    said = Predictions(y=np.zeros(20, dtype=int), labels=np.arange(20) == 0, classes=[0, 1])

    assert metrics.accuracy(said).value == 0.95
    assert metrics.accuracy(said).evidence.plan(0, goal(0.90, ">=")) == 263
    assert metrics.accuracy(said).evidence.plan(0, goal(0.95, ">=")) is None


def test_macro_averages_are_open_where_a_class_has_no_case():
    said = Predictions(y=[0, 0, 1], labels=[0, 0, 1], classes=[0, 1, 2])
    estimate = metrics.recall(said, average="macro")
    bounds = estimate.evidence.bounds(LEVEL, Terms())

    assert estimate.subject == "recall of macro average" and np.isnan(estimate.value)
    assert (bounds.low[0], bounds.high[0]) == (-np.inf, np.inf)
    assert "class 2" in bounds.reason


def test_macro_averages_name_the_weakest_class_and_have_rows():
    said = Predictions(y=[0] * 50 + [1] * 30 + [2] * 20, labels=[0] * 50 + [1] * 30 + [2] * 15 + [1] * 5)
    for metric in (metrics.recall, metrics.precision, metrics.f1):
        evidence = metric(said, average="macro").evidence
        bounds = evidence.bounds(LEVEL, Terms())
        assert bounds.low[0] < evidence.values[0] < bounds.high[0]
        assert evidence.pseudo_values(Terms()).rows.mean(axis=1) == pytest.approx(evidence.values)
    assert metrics.recall(said, average="macro").evidence.counts(0) == "lowest for 2: 0.750 (15/20)"
    assert metrics.recall(said, average="macro").evidence.perfect(goal(0.5, ">=")) > 0.8
    clustered = Predictions(y=said.y, labels=said.classes[said.labels[0]], clusters=np.arange(100) // 2)
    assert metrics.recall(clustered, average="macro").evidence.bounds(LEVEL, Terms()).method.bound_class == "asymptotic"
