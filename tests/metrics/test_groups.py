"""Gap, ratio and worst group: values as fairlearn has them, bounds that rarely refute equal groups, empty groups."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn import metrics as reference

import pytest_mlspec as mlspec
from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Outcome, Terms, Undecided

fairness = pytest.importorskip("fairlearn.metrics")
LEVEL = 0.05
SEEDS = st.integers(0, 2**32 - 1)
MANY = settings(deadline=None, max_examples=25)
RATES = {
    "accuracy": reference.accuracy_score,
    "recall": reference.recall_score,
    "precision": reference.precision_score,
    "selection_rate": fairness.selection_rate,
    "false_positive_rate": fairness.false_positive_rate,
    "specificity": fairness.true_negative_rate,
    "f1": reference.f1_score,
}
FEWER_IS_BETTER = ("selection_rate", "false_positive_rate")


def drawn(seed: int, n_groups: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth, probabilities of two members and groups in which every (truth, said) pair occurs under both members."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(8 * n_groups, 200))
    group = generator.integers(n_groups, size=n)
    y = generator.integers(2, size=n)
    score = generator.random((2, n))
    for code in range(n_groups):
        rows = slice(4 * code, 4 * code + 4)
        group[rows], y[rows], score[:, rows] = code, [0, 0, 1, 1], [0.2, 0.8, 0.2, 0.8]
    return y, score, group, generator.integers(2, size=n)


def counted(*groups: tuple[int, int], **more: object) -> Predictions:
    """One model and one group per pair (right, cases)."""
    labels = np.concatenate([(np.arange(n) >= hits).astype(int) for hits, n in groups])
    column = np.repeat([f"g{code}" for code in range(len(groups))], [n for _, n in groups])
    return Predictions(
        y=np.zeros(len(labels), dtype=int), labels=labels, classes=[0, 1], columns={"by": column}, **more
    )


# ---- values ---------------------------------------------------------------------------------------------------------
@MANY
@given(seed=SEEDS)
@pytest.mark.parametrize("name", list(RATES))
def test_rates_are_folded_as_fairlearn_folds_them(name, seed):
    y, score, group, _ = drawn(seed)
    estimate = getattr(metrics, name)(
        Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns={"g": group})
    )
    for member in range(2):
        said = (score[member] > 0.5).astype(int)
        frame = fairness.MetricFrame(metrics=RATES[name], y_true=y, y_pred=said, sensitive_features=group)
        worst = frame.group_max() if name in FEWER_IS_BETTER else frame.group_min()

        assert estimate.gap("g").values[member] == pytest.approx(frame.difference())
        assert estimate.ratio("g").values[member] == pytest.approx(frame.ratio())
        assert estimate.worst("g").values[member] == pytest.approx(worst)


@MANY
@given(seed=SEEDS)
def test_intersections_are_folded_as_fairlearn_folds_them(seed):
    y, score, group, other = drawn(seed)
    other[:12] = np.tile([0, 1], 6)  # every intersection occurs
    columns = {"g": group, "h": other}
    estimate = metrics.accuracy(Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns=columns))
    said = (score[0] > 0.5).astype(int)
    frame = fairness.MetricFrame(
        metrics=reference.accuracy_score, y_true=y, y_pred=said, sensitive_features={"g": group, "h": other}
    )

    assert estimate.gap(["g", "h"]).values[0] == pytest.approx(frame.difference())
    assert estimate.worst(["g", "h"]).values[0] == pytest.approx(frame.group_min())
    assert len(estimate.gap(["g", "h"]).evidence.labels) == 6


@MANY
@given(seed=SEEDS)
def test_scores_are_folded_as_fairlearn_folds_them(seed):
    y, score, group, _ = drawn(seed)
    said = Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns={"g": group})
    for estimate, function in [
        (metrics.brier(said), lambda y_true, y_pred: np.mean((y_true - y_pred) ** 2)),
        (metrics.auroc(said), reference.roc_auc_score),
    ]:
        frame = fairness.MetricFrame(metrics=function, y_true=y, y_pred=score[1], sensitive_features=group)
        worst = frame.group_min() if estimate.greater_is_better else frame.group_max()

        assert estimate.gap("g").values[1] == pytest.approx(frame.difference())
        assert estimate.worst("g").values[1] == pytest.approx(worst)


@MANY
@given(seed=SEEDS)
def test_errors_are_folded_as_fairlearn_folds_them(seed):
    y, score, group, _ = drawn(seed)
    said = Predictions(y=y.astype(float), values=score, columns={"g": group})
    for name, function in [("mae", reference.mean_absolute_error), ("rmse", reference.root_mean_squared_error)]:
        estimate = getattr(metrics, name)(said)
        frame = fairness.MetricFrame(metrics=function, y_true=y, y_pred=score[0], sensitive_features=group)

        assert estimate.gap("g").values[0] == pytest.approx(frame.difference())
        assert estimate.ratio("g").values[0] == pytest.approx(frame.ratio())
        assert estimate.worst("g").values[0] == pytest.approx(frame.group_max())


def test_the_calibration_error_of_groups_is_that_of_their_slices():
    netcal = pytest.importorskip("netcal.metrics")
    y, score, group, _ = drawn(11)
    top = np.maximum(score[0], 1 - score[0])
    hits = ((score[0] > 0.5) == y).astype(int)
    of_groups = [netcal.ECE(10).measure(top[group == code], hits[group == code]) for code in range(3)]

    estimate = metrics.ece(
        Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns={"g": group}), bins=10
    )

    assert estimate.gap("g").values[0] == pytest.approx(max(of_groups) - min(of_groups))
    assert estimate.worst("g").values[0] == pytest.approx(max(of_groups))


def test_by_label_compares_the_true_classes():
    """Two of three cats and five of ten dogs are right."""
    y = np.array(["cat"] * 3 + ["dog"] * 10)
    said = Predictions(y=y, labels=np.array(["cat"] * 2 + ["dog"] * 6 + ["cat"] * 5))

    assert metrics.accuracy(said).gap(by="label").value == pytest.approx(2 / 3 - 1 / 2)
    assert metrics.accuracy(said).worst(by="label").value == 0.5
    assert metrics.accuracy(said).gap(by="label").evidence.counts(0) == "dog 0.500 (5/10), cat 0.667 (2/3)"


# ---- bounds ---------------------------------------------------------------------------------------------------------
def arm(hits: int, n: int, side: str, level: float) -> float:
    """A one-sided limit of Clopper and Pearson."""
    if side == "low":
        return float(beta.ppf(level, hits, n - hits + 1)) if hits else 0.0
    return float(beta.ppf(1 - level, hits + 1, n - hits)) if hits < n else 1.0


def test_two_groups_add_the_squares_of_their_arms():
    """d +- sqrt(arm^2 + arm^2); met at the full level, violated at half of it (two ordered pairs)."""
    (a, n), (b, m) = (90, 100), (120, 200)
    gap = metrics.accuracy(counted((a, n), (b, m))).gap("by")
    bounds = gap.evidence.bounds(LEVEL, Terms())

    d = a / n - b / m
    up = np.hypot(arm(a, n, "high", LEVEL) - a / n, b / m - arm(b, m, "low", LEVEL))
    down = np.hypot(a / n - arm(a, n, "low", LEVEL / 2), arm(b, m, "high", LEVEL / 2) - b / m)
    assert bounds.high[0] == pytest.approx(d + up)
    assert bounds.low[0] == pytest.approx(d - down)
    assert bounds.method.bound_class == "asymptotic"


def test_the_worst_group_is_exact_met_at_the_level_violated_at_its_share():
    groups = [(90, 100), (45, 60), (180, 200)]
    bounds = metrics.accuracy(counted(*groups)).worst("by").evidence.bounds(LEVEL, Terms())

    assert bounds.low[0] == pytest.approx(min(arm(*group, "low", LEVEL) for group in groups))
    assert bounds.high[0] == pytest.approx(min(arm(*group, "high", LEVEL / 3) for group in groups))
    assert bounds.method.bound_class == "exact"


def test_the_worst_group_of_a_failure_rate_is_the_largest():
    losses = np.concatenate([np.repeat([0.0, 2.0], [95, 5]), np.repeat([0.0, 2.0], [80, 20])])
    said = Predictions(y=np.zeros(200), values=losses, columns={"by": np.repeat(["a", "b"], 100)})
    worst = metrics.failure_rate(said, delta=1).worst("by")
    bounds = worst.evidence.bounds(LEVEL, Terms())

    assert worst.value == 0.2
    assert bounds.high[0] == pytest.approx(arm(20, 100, "high", LEVEL))
    assert bounds.low[0] == pytest.approx(arm(20, 100, "low", LEVEL / 2))
    assert worst.evidence.counts(0) == "b 0.200 (20/100)"


def test_a_gap_lies_within_its_bounds_and_never_below_zero():
    gap = metrics.accuracy(counted((90, 100), (90, 100))).gap("by")
    bounds = gap.evidence.bounds(LEVEL, Terms())

    assert (gap.value, bounds.low[0]) == (0.0, 0.0)
    assert bounds.high[0] > 0
    assert (gap <= 0).outcome is Outcome.UNDECIDED
    assert (gap >= 0).outcome is Outcome.MET


@pytest.mark.parametrize(("n_groups", "n", "rate"), [(2, 100, 0.9), (4, 50, 0.8), (8, 100, 0.8)])
def test_equal_groups_are_rarely_refuted_where_the_plain_gap_always_is(n_groups, n, rate):
    """max_gap = 0 is violated in at most 5 % of the runs; the plain gap is above 0 in nearly all of them."""
    generator, runs, violated, naive = np.random.default_rng(7), 300, 0, 0
    for _ in range(runs):
        hits = generator.binomial(n, rate, n_groups)
        gap = metrics.accuracy(counted(*((int(k), n) for k in hits))).gap("by")
        bounds = gap.evidence.bounds(LEVEL, Terms(), "low")
        violated += float(bounds.low[0]) > 0
        naive += gap.value > 0

    assert violated / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert naive / runs > 0.85


def test_a_limit_at_the_bound_is_met():
    gap = metrics.accuracy(counted((90, 100), (85, 100))).gap("by")
    bound = gap.high()

    assert (gap <= bound).outcome is Outcome.MET
    assert (gap <= float(np.nextafter(bound, 0))).outcome is Outcome.UNDECIDED


def test_rates_of_clustered_rows_take_arms_that_need_no_independence():
    """high_g - low_h at half the level each: the clusters of one group may reach into the other."""
    generator = np.random.default_rng(5)
    patients = np.repeat(np.arange(60), 5)
    labels = (generator.random(300) < 0.2).astype(int)
    columns = {"by": np.where(np.arange(300) % 2, "a", "b")}
    said = Predictions(y=np.zeros(300, int), labels=labels, classes=[0, 1], columns=columns, clusters=patients)
    gap = metrics.accuracy(said).gap("by")
    bounds = gap.evidence.bounds(LEVEL, Terms())

    ends = {name: metrics.accuracy(said.where(by=name)) for name in "ab"}
    pairs = [
        ends[one].high(confidence=1 - LEVEL / 2) - ends[two].low(confidence=1 - LEVEL / 2)
        for one, two in (("a", "b"), ("b", "a"))
    ]
    assert bounds.high[0] == pytest.approx(max(pairs))
    assert bounds.low[0] == 0.0
    assert bounds.method.name == "Clopper-Pearson on effective counts for each group, difference of one-sided bounds"
    assert bounds.method.bound_class == "asymptotic"
    alone = Predictions(y=said.y, labels=labels, classes=[0, 1], columns=columns)
    assert bounds.high[0] > metrics.accuracy(alone).gap("by").high()


@pytest.mark.parametrize(
    ("metric", "bound_class"),
    [("accuracy", "asymptotic"), ("f1", "exact"), ("brier", "exact"), ("ece", "asymptotic"), ("rmse", "exact")],
)
def test_the_class_of_a_gap_is_that_of_its_loosest_bound(metric, bound_class):
    y, score, group, _ = drawn(3)
    said = Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns={"g": group})
    if metric == "rmse":
        said = Predictions(y=y.astype(float), values=score, columns={"g": group})
    bounds = getattr(metrics, metric)(said).gap("g").evidence.bounds(LEVEL, Terms(max_loss=1.0))

    assert bounds.method.bound_class == bound_class


def test_a_bootstrapped_metric_makes_an_approximate_gap_that_a_project_may_forbid():
    @metrics.metric(greater_is_better=False, bound="bootstrap")
    def bias(y: np.ndarray, predicted: mlspec.Predictions) -> float:
        return float(np.mean(predicted.values - y))

    generator = np.random.default_rng(2)
    said = Predictions(y=np.zeros(200), values=generator.normal(size=200), columns={"g": np.arange(200) % 2})
    gap = bias(said).gap("g")

    allowed = gap.judged("<=", 5.0, Terms())
    forbidden = gap.judged("<=", 5.0, Terms(bound_classes=("exact", "asymptotic")))
    assert (allowed.outcome, allowed.bound_class) == (Outcome.MET, "approximate")
    assert forbidden.outcome is Outcome.UNDECIDED
    assert "a class of bounds that mlspec_bounds forbids" in forbidden.advice[0]


def test_a_project_that_asks_for_exact_bounds_gets_no_gap_of_rates_but_its_worst_group():
    accuracy = metrics.accuracy(counted((95, 100), (94, 100)))
    exact = Terms(bound_classes=("exact",))

    assert accuracy.gap("by").judged("<=", 0.5, exact).outcome is Outcome.UNDECIDED
    assert accuracy.gap("by").judged("<=", 0.5, Terms()).outcome is Outcome.MET
    assert accuracy.worst("by").judged(">=", 0.5, exact).outcome is Outcome.MET


# ---- groups with nothing in them ------------------------------------------------------------------------------------
def patients(**sexes: tuple[int, int, int]) -> Predictions:
    """Per group: (positives found, positives, negatives), every negative left alone."""
    y, said, column = [], [], []
    for name, (found, positives, negatives) in sexes.items():
        y += [1] * positives + [0] * negatives
        said += [1] * found + [0] * (positives - found + negatives)
        column += [name] * (positives + negatives)
    return Predictions(y=y, labels=said, columns={"sex": column}, classes=[0, 1])


@pytest.mark.parametrize("fold", ["gap", "ratio", "worst"])
def test_a_group_without_positives_is_undecided_and_named_never_perfect(fold):
    recall = metrics.recall(patients(men=(90, 100, 10), women=(0, 0, 50)))
    folded: Estimate = getattr(recall, fold)("sex")
    verdict = folded <= 0.9 if fold == "gap" else folded >= 0.01

    assert np.isnan(folded.value)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("no positives in the group 'women': a group without cases decides nothing",)
    with pytest.raises(Undecided):
        bool(verdict)


def test_what_is_violated_stays_violated_beside_an_empty_group():
    recall = metrics.recall(patients(men=(90, 100, 10), women=(20, 100, 10), others=(0, 0, 20)))

    assert (recall.gap("sex") <= 0.1).outcome is Outcome.VIOLATED
    assert (recall.worst("sex") >= 0.9).outcome is Outcome.VIOLATED
    assert (recall.ratio("sex") >= 0.8).outcome is Outcome.VIOLATED


def test_the_area_under_the_curve_of_a_group_without_positives_is_undecided():
    score = np.linspace(0.01, 0.99, 60)
    y = np.r_[np.zeros(30, int), np.tile([0, 1], 15)]
    said = Predictions(y=y, probabilities=score, columns={"g": np.repeat(["a", "b"], 30)})
    gap = metrics.auroc(said).gap("g")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = gap <= 0.99
    assert np.isnan(gap.value)
    assert verdict.outcome is Outcome.UNDECIDED


def test_a_missing_intersection_keeps_the_fold_from_being_met():
    columns = {"sex": ["m"] * 400 + ["f"] * 200, "age": ["old"] * 200 + ["young"] * 200 + ["old"] * 200}
    said = Predictions(y=np.zeros(600, int), labels=np.zeros(600, int), classes=[0, 1], columns=columns)
    gap = metrics.accuracy(said).gap(["sex", "age"])

    verdict = gap <= 0.5
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("no cases at all of 'f, young': an empty intersection decides nothing",)
    assert (metrics.accuracy(said).worst(["sex", "age"]) >= 0.5).outcome is Outcome.UNDECIDED
    assert (metrics.accuracy(said).gap("sex") <= 0.5).outcome is Outcome.MET


def test_a_never_selected_group_makes_the_ratio_zero_and_is_kept():
    said = Predictions(
        y=np.tile([0, 1], 100), labels=np.repeat([1, 0], 100), columns={"sex": np.repeat(["men", "women"], 100)}
    )
    ratio = metrics.selection_rate(said).ratio("sex")

    assert ratio.value == 0.0
    assert (ratio >= 0.8).outcome is Outcome.VIOLATED
    assert ratio.evidence.counts(0) == "women 0.000 (0/100), men 1.000 (100/100)"


def test_a_ratio_of_zeros_is_not_defined_and_says_so():
    said = Predictions(y=np.tile([0, 1], 100), labels=np.zeros(200, int), columns={"sex": np.arange(200) % 2})
    ratio = metrics.selection_rate(said).ratio("sex")

    verdict = ratio >= 0.1
    assert np.isnan(ratio.value)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("the ratio is not defined where the value of every group is 0",)
    assert (metrics.selection_rate(said).gap("sex") <= 0.5).outcome is Outcome.MET


@pytest.mark.parametrize("fold", ["gap", "ratio", "worst"])
def test_one_group_compares_nothing(fold):
    with pytest.raises(ValueError, match=rf"{fold} by by needs at least two groups, got only 'g0'"):
        getattr(metrics.accuracy(counted((9, 10))), fold)("by")


def test_a_fold_of_fewer_cases_keeps_its_groups():
    """Cases come group by group: the first 14 are all of g0 (9 of 10 right) and 4 of g1, right; none is of g2."""
    gap = metrics.accuracy(counted((9, 10), (8, 10), (3, 5))).gap("by").evidence

    two, one = gap.take(np.arange(14)), gap.take(np.arange(10))

    assert two.group_sizes.tolist() == [[10, 4, 0]]
    assert two.group_values[0, :2] == pytest.approx([0.9, 1.0])
    assert one.group_sizes.tolist() == [[10, 0, 0]]
    assert "no examples in the group 'g1', 'g2'" in one.bounds(0.05, Terms()).reason


def test_a_fold_that_does_not_know_its_cases_is_not_sliced():
    gap = replace(metrics.accuracy(counted((9, 10), (8, 10))).gap("by").evidence, whole=None)

    with pytest.raises(TypeError, match="does not know its cases: slice the data, then fold"):
        gap.take(np.arange(3))
    with pytest.raises(TypeError, match="does not know its cases"):
        gap.by_parts()


def test_equal_groups_are_shown_as_two():
    gap = metrics.accuracy(counted((90, 100), (90, 100), (90, 100))).gap("by")

    assert gap.evidence.counts(0) == "g0 0.900 (90/100), g2 0.900 (90/100)"


def test_counts_name_the_groups_that_make_the_fold():
    accuracy = metrics.accuracy(counted((90, 100), (45, 60), (180, 200), (57, 60)))

    assert accuracy.gap("by").evidence.counts(0) == "g1 0.750 (45/60), g3 0.950 (57/60)"
    assert accuracy.worst("by").evidence.counts(0) == "g1 0.750 (45/60)"
    y, score, group, _ = drawn(3)
    brier = metrics.brier(Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns={"g": group}))
    assert brier.gap("g").evidence.counts(0).count("(n=") == 2
