"""An estimate: its numbers, the verdicts of its comparisons, and an answer to every misuse."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta

import pytest_mlspec as mlspec
from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Outcome, Terms, Undecided


def right_of(*right: int, n: int = 100, **more: object) -> Predictions:
    """Members that have so many of ``n`` cases right."""
    labels = np.stack([(np.arange(n) >= hits).astype(int) for hits in right])
    return Predictions(y=np.zeros(n, dtype=int), labels=labels, classes=[0, 1], **more)


def accuracy(*right: int, n: int = 100, **more: object) -> Estimate:
    return metrics.accuracy(right_of(*right, n=n, **more))


def low_of(hits: int, n: int, level: float = 0.05) -> float:
    return float(beta.ppf(level, hits, n - hits + 1))


def high_of(hits: int, n: int, level: float = 0.05) -> float:
    return float(beta.ppf(1 - level, hits + 1, n - hits))


# ---- numbers --------------------------------------------------------------------------------------------------------
def test_values_are_per_member_and_value_is_their_mean():
    estimate = accuracy(90, 80, 70)

    assert estimate.values.tolist() == [0.9, 0.8, 0.7]
    assert estimate.value == pytest.approx(0.8)
    assert isinstance(estimate.value, float)


def test_low_and_high_are_one_sided_and_of_one_member():
    estimate = accuracy(90, 80)

    assert estimate.low() == pytest.approx(low_of(90, 100))
    assert estimate.high(1) == pytest.approx(high_of(80, 100))
    assert estimate.low(1, confidence=0.99) == pytest.approx(low_of(80, 100, 0.01))
    assert isinstance(estimate.low(), float)
    with pytest.raises(IndexError):
        estimate.low(2)


@pytest.mark.parametrize("confidence", [1.0, 0.4, 95, True, "high"])
def test_a_confidence_is_a_number_below_one(confidence):
    with pytest.raises(ValueError, match="confidence is a number in"):
        accuracy(90).low(confidence=confidence)


def test_the_words_for_what_is_measured():
    columns = {"sex": np.arange(100) % 2, "age": np.arange(100) // 50}
    said = Predictions(
        y=["ill", "well"] * 50, labels=[["ill"] * 100, ["well"] * 100], positive="ill", columns=columns, name="new"
    )
    recall = metrics.recall(said)

    assert recall.subject == "recall of ill"
    assert recall.gap("sex").subject == "gap in recall of ill by sex"
    assert recall.ratio(by=["sex", "age"]).subject == "ratio of recall of ill by sex and age"
    assert recall.worst(by=("age",)).subject == "worst recall of ill by age"
    assert recall.seed_std().subject == "seed std of recall of ill"
    assert (recall - recall).subject == "difference in recall of ill, new minus new"


def test_repr_shows_the_first_members_and_the_slice():
    assert repr(accuracy(90, 80)) == "<Estimate accuracy: 0.900, 0.800>"
    said = right_of(*range(90, 98), columns={"light": ["night"] * 100}).where(light="night")
    assert repr(metrics.accuracy(said)) == (
        "<Estimate accuracy on light=night: 0.900, 0.910, 0.920, 0.930, 0.940, 0.950, ...>"
    )


# ---- comparisons ----------------------------------------------------------------------------------------------------
def test_the_three_verdicts():
    """Bounds of 90 / 100: [0.836, 0.945]."""
    estimate = accuracy(90)

    assert bool(estimate >= 0.83) is True
    assert bool(estimate >= 0.95) is False
    assert bool(estimate <= 0.95) is True
    assert bool(estimate <= 0.83) is False
    for verdict in (estimate >= 0.9, estimate <= 0.9):
        assert verdict.outcome is Outcome.UNDECIDED
        with pytest.raises(Undecided):
            bool(verdict)


def test_met_at_its_bound_and_not_a_hair_above():
    estimate = accuracy(90)
    bound = estimate.low()

    assert (estimate >= bound).outcome is Outcome.MET
    assert (estimate >= float(np.nextafter(bound, 1))).outcome is Outcome.UNDECIDED
    assert bound == pytest.approx(low_of(90, 100))


def test_violated_is_strict():
    estimate = accuracy(90)
    bound = estimate.high()

    assert (estimate >= bound).outcome is Outcome.UNDECIDED
    assert (estimate >= float(np.nextafter(bound, 1))).outcome is Outcome.VIOLATED


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, Fraction])
def test_numbers_of_any_kind_on_either_side(kind):
    estimate, threshold = accuracy(90), kind(0.75)

    left, right = estimate >= threshold, threshold <= estimate
    for verdict in (left, right):
        assert (verdict.outcome, verdict.comparison, verdict.threshold) == (Outcome.MET, ">=", 0.75)
        assert type(verdict.threshold) is float
    assert (estimate <= threshold).outcome is (threshold >= estimate).outcome is Outcome.VIOLATED


@pytest.mark.parametrize("whole", [1, np.int64(1), np.uint8(1)])
def test_whole_numbers_are_limits_too(whole):
    assert (accuracy(90) >= whole).outcome is (whole <= accuracy(90)).outcome is Outcome.VIOLATED


@pytest.mark.parametrize("threshold", [np.nan, np.inf, -np.inf])
def test_a_threshold_is_finite(threshold):
    with pytest.raises(ValueError, match=r"a threshold is a finite number; got accuracy >= "):
        accuracy(90) >= threshold  # noqa: B015  the comparison itself raises


@pytest.mark.parametrize("other", ["0.9", None, True, np.True_, [0.9], np.array([0.9, 0.8]), np.array(0.9), 0.9 + 0j])
def test_what_is_no_number_is_no_threshold(other):
    with pytest.raises(TypeError, match="not supported between"):
        accuracy(90) >= other  # noqa: B015
    with pytest.raises(TypeError, match="not supported between"):
        other <= accuracy(90)  # noqa: B015


def test_a_percentage_is_refused_with_the_fraction_that_was_meant():
    with pytest.raises(ValueError, match=r"never percent; got accuracy >= 90: did you mean 0\.9\?"):
        accuracy(90) >= 90  # noqa: B015
    with pytest.raises(ValueError, match=r"accuracy lies in \[0, 1\]"):
        accuracy(90) >= -0.1  # noqa: B015
    assert (accuracy(90) - accuracy(90) >= -0.5).outcome is Outcome.MET


def test_judged_takes_terms_of_its_own():
    """Lower bounds of 90 / 100: 0.836 at 95 %, 0.814 at 99 %."""
    estimate = accuracy(90)

    assert estimate.judged(">=", 0.82, Terms()).outcome is Outcome.MET
    verdict = estimate.judged(">=", 0.82, Terms(confidence=0.99))
    assert (verdict.outcome, verdict.confidence) == (Outcome.UNDECIDED, 0.99)
    assert verdict.low == pytest.approx(low_of(90, 100, 0.01))


# ---- misuse ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("misuse", "answer"),
    [
        (lambda e: e == 0.9, r"use `>=` or `<=`, or compare `\.value` \(0\.900\) with pytest\.approx"),
        (lambda e: 0.9 == e, "no exact value to compare with =="),  # noqa: SIM300
        (lambda e: np.float64(0.9) == e, "no exact value to compare with =="),
        (lambda e: e != 0.9, "no exact value to compare with !="),
        (lambda e: e in [0.9], "no exact value to compare with =="),
        (lambda e: e > 0.9, "write `>=`: a requirement includes its limit"),
        (lambda e: 0.9 > e, "write `<=`: a requirement includes its limit"),  # noqa: SIM300  the other side is meant
        (lambda e: e < 0.9, "write `<=`"),
        (lambda e: np.float64(0.9) < e, "write `>=`"),
        (bool, r"the truth of an estimate is not defined: compare it, as in `accuracy\(\.\.\.\) >= 0\.9`"),
        (lambda e: e and True, "the truth of an estimate"),
        (float, r"`\.value` is its mean over members, `\.values` one per member"),
        (lambda e: round(float(e), 2), "an estimate is not one number"),
        (lambda e: e >= accuracy(80), "compared by their difference: write `a - b >= -0.01`"),
        (lambda e: e - 0.1, "write the margin on the right"),
        (lambda e: 1 - e, "unsupported operand"),
        (lambda e: np.float64(1) - e, "unsupported operand"),
        (lambda e: e + e, "unsupported operand"),
        (lambda e: e.with_delta(0.5), "delta is what failure_rate"),
    ],
)
def test_misuse_says_what_to_write(misuse, answer):
    with pytest.raises(TypeError, match=answer):
        misuse(accuracy(90))


@pytest.mark.parametrize("fold", ["gap", "ratio", "worst"])
@pytest.mark.parametrize(
    "again",
    [
        lambda folded, metric: folded.gap(by="sex"),
        lambda folded, metric: folded.ratio(by="sex"),
        lambda folded, metric: folded.worst(by="sex"),
        lambda folded, metric: folded.seed_std(),
        lambda folded, metric: folded - metric,
        lambda folded, metric: metric - folded,
    ],
    ids=["gap", "ratio", "worst", "seed_std", "minuend", "subtrahend"],
)
def test_folds_are_not_folded_again(fold, again):
    metric = accuracy(90, 80, columns={"sex": np.arange(100) % 2})
    folded = getattr(metric, fold)(by="sex")

    with pytest.raises(TypeError, match=rf"not defined on a {fold} \(.*\): apply it to the metric itself"):
        again(folded, metric)


def test_spreads_and_differences_are_not_folded_again():
    metric = accuracy(90, 80, columns={"sex": np.arange(100) % 2})

    with pytest.raises(TypeError, match=r"gap.* is not defined on a seed std"):
        metric.seed_std().gap(by="sex")
    with pytest.raises(TypeError, match=r"seed_std.* is not defined on a difference"):
        (metric - metric).seed_std()


@pytest.mark.parametrize("by", [(), []])
def test_groups_need_a_column(by):
    with pytest.raises(ValueError, match=r"\.gap\(\) expects the name of a column or several"):
        accuracy(90).gap(by=by)


def test_an_unknown_column_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="sex"):
        accuracy(90, columns={"sex": np.arange(100) % 2}).gap(by="sx")


# ---- rows that trained the model ------------------------------------------------------------------------------------
def test_training_rows_are_refused_and_still_shown():
    data = mlspec.Dataset(np.arange(60.0)[:, None], np.arange(60) % 2, name="street").split(test=0.5, seed=0)
    model = Ensemble.of(lambda X: np.zeros(len(X), dtype=int), name="always zero", output="labels", classes=[0, 1])
    estimate = metrics.accuracy(model, data.train)

    with pytest.raises(ValueError, match=r"accuracy is judged on rows that trained the model: 30 of 30 rows") as caught:
        estimate >= 0.5  # noqa: B015
    assert "judge on the test split (`.values` still shows the training figure)" in str(caught.value)
    assert estimate.values.shape == (1,)
    assert metrics.accuracy(model, data.test) <= 1.0


def test_training_rows_are_known_by_lineage_whatever_the_role():
    whole = mlspec.Dataset(np.arange(60.0)[:, None], np.arange(60) % 2, name="street")
    trained_on = whole.take(np.arange(20))
    model = Ensemble.fit(
        lambda seed: lambda X: np.zeros(len(X), dtype=int),
        1,
        name="zero",
        output="labels",
        classes=[0, 1],
        trained_on=[trained_on],
    )

    with pytest.raises(ValueError, match="20 of 60 rows of street are training rows"):
        metrics.accuracy(model, whole) >= 0.5  # noqa: B015
    assert metrics.accuracy(model, whole.take(np.arange(20, 60))) <= 1.0


# ---- failure rates that wait for delta ------------------------------------------------------------------------------
def stops(n_members: int = 1, **more: object) -> Predictions:
    """Errors 0, 1, ..., 99 under every member."""
    errors = np.tile(np.arange(100.0), (n_members, 1))
    return Predictions(y=np.zeros(100), values=errors, columns={"road": np.repeat(["dry", "wet"], 50)}, **more)


def test_delta_comes_later_and_only_once():
    open_ = metrics.failure_rate(stops())
    settled = open_.with_delta(89)

    assert settled.value == 0.1
    assert dict(settled.settings) == {"loss": "absolute_error", "delta": 89}
    with pytest.raises(ValueError, match="failure_rate has no delta"):
        open_ <= 0.1  # noqa: B015
    with pytest.raises(TypeError, match="awaits none"):
        settled.with_delta(3)


@pytest.mark.parametrize("fold", ["gap", "worst", "ratio"])
@pytest.mark.parametrize("clustered", [False, True])
def test_folds_of_a_failure_rate_take_delta_as_the_rate_does(fold, clustered):
    said = stops(2, **({"clusters": np.arange(100) // 2} if clustered else {}))
    later = getattr(metrics.failure_rate(said), fold)(by="road").with_delta(39)
    at_once = getattr(metrics.failure_rate(said, delta=39), fold)(by="road")

    assert later.values == pytest.approx({"gap": [0.8] * 2, "worst": [1.0] * 2, "ratio": [0.2] * 2}[fold])
    assert later.values.tolist() == at_once.values.tolist()
    mine, direct = (e.evidence.bounds(0.05, Terms()) for e in (later, at_once))
    assert (mine.low.tolist(), mine.high.tolist(), mine.method) == (
        direct.low.tolist(),
        direct.high.tolist(),
        direct.method,
    )


def test_differences_of_failure_rates_take_delta_too():
    worse = Predictions(y=np.zeros(100), values=np.arange(100.0) + 10, columns={"road": np.repeat(["dry", "wet"], 50)})
    later = (metrics.failure_rate(worse) - metrics.failure_rate(stops())).with_delta(89)

    assert later.value == pytest.approx(0.10)
    assert later.evidence.counts(0) == "0.200 and 0.100; 10 cases won, 0 lost"
    with pytest.raises(TypeError, match="delta belongs to failure_rate"):
        metrics.failure_rate(stops(2)).seed_std().with_delta(3)
