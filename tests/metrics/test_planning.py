"""Plans of single claims, on stand-ins and on given predictions: sizes by hand, from theory, or known in advance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec import Dataset, Predictions, metrics
from pytest_mlspec.metrics.judging.judge import Claim
from pytest_mlspec.metrics.planning.compared import best_of_groups
from pytest_mlspec.metrics.planning.levels import levels_of_plan
from pytest_mlspec.metrics.planning.plan import Plan
from pytest_mlspec.metrics.planning.planner import Noting, plans_of
from pytest_mlspec.metrics.planning.requirement import joint_power
from pytest_mlspec.predictions.stand_in import NotTrained, StandIn, is_stand_in
from pytest_mlspec.stats import pairs
from pytest_mlspec.verdict import Origin, Terms


def street(n: int = 1000, positives: int = 500, **columns: object) -> Dataset:
    """Cases with so many positives, and two groups of 3 to 1."""
    y = (np.arange(n) < positives).astype(int)
    sex = np.where(np.arange(n) % 4 == 0, "f", "m")
    return Dataset(np.arange(n)[:, None], y, columns={"sex": sex, **columns}, positive=1, classes=[0, 1], name="street")


def standing(n_members: int = 1, name: str = "model") -> StandIn:
    return StandIn(name, seeds=range(n_members), retrained=n_members > 1)


def plan(
    estimate: metrics.Estimate,
    comparison: str,
    threshold: float,
    *,
    expect: float | None = None,
    budget: int = 1,
    power: float = 0.9,
    **terms: object,
) -> Plan:
    """The plan of one claim."""
    noting = Noting(expect=lambda origin: expect, budget=lambda estimate: budget)
    claim = Claim(estimate=estimate, comparison=comparison, threshold=threshold)  # type: ignore[arg-type]
    assert noting.claims([claim], Terms(**terms), Origin())  # type: ignore[arg-type]  # its truth lets a body run on
    (planned,) = noting.found.values()
    return plans_of(planned, power=power)


def needed(estimate: metrics.Estimate, comparison: str, threshold: float, expect: float, **given: object) -> int | None:
    """What the first way needs."""
    return plan(estimate, comparison, threshold, expect=expect, **given).needs[0].needed  # type: ignore[arg-type]


# ---- stand-ins -----------------------------------------------------------------------------------------------------


def test_a_stand_in_says_the_truth() -> None:
    data, model = street(), standing(3)
    said = model.predictions_on(data)

    assert is_stand_in(said)
    assert not is_stand_in(Predictions(y=[0, 1], labels=[0, 1], classes=[0, 1]))
    assert metrics.accuracy(model, data).values.tolist() == [1.0, 1.0, 1.0]
    assert metrics.auroc(model, data).values.tolist() == [1.0, 1.0, 1.0]
    assert metrics.brier(model, data).values.tolist() == [0.0, 0.0, 0.0]
    assert metrics.ece(model, data.where(sex="f")).values.tolist() == [0.0, 0.0, 0.0]
    assert said.n_members == len(model) == 3


def test_a_stand_in_predicts_numbers_where_these_are_asked() -> None:
    data = Dataset([[0.0], [1.0]], [0.5, 1.5])

    assert metrics.mae(standing(), data).values.tolist() == [0.0]


def test_what_only_a_trained_model_has_is_refused_by_name() -> None:
    model = standing()

    with pytest.raises(NotTrained, match="'model' has no 'coef_': it is not trained in a plan"):
        _ = model.coef_
    with pytest.raises(NotTrained, match="cannot be called"):
        model([[1.0]])
    with pytest.raises(NotTrained, match="has no members"):
        list(model)
    with pytest.raises(NotTrained, match="has no parts"):
        model[0]
    assert not hasattr(model, "predict")
    assert StandIn("baseline", of_many=True)["model"].name == "baseline"


def test_nothing_stands_in_for_a_truth_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="is not trained in a plan: it has no labels"):
        metrics.accuracy(standing(), Dataset([[0.0], [1.0]], name="unlabelled"))


# ---- sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expect", "known"), [(0.95, 263), (0.93, 792), (0.92, 1845)])
def test_a_floor(expect: float, known: int) -> None:
    assert needed(metrics.accuracy(standing(), street()), ">=", 0.9, expect) == known


@pytest.mark.parametrize(("limit", "known"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_no_failures(limit: float, known: int) -> None:
    rate = metrics.failure_rate(standing(), street(), loss="zero_one", delta=0.5)

    assert needed(rate, "<=", limit, 0.0) == known


def test_five_members_are_met_together() -> None:
    """Five members that err on cases of their own need 98 % each: the first size whose power stays above that."""
    of_five = needed(metrics.accuracy(standing(5), street()), ">=", 0.9, 0.95)
    sizes = np.arange(100, 2000)
    power = stats.binom.sf(stats.binom.isf(0.05, sizes, 0.9), sizes, 0.95)

    assert of_five == int(sizes[np.flatnonzero(power < 0.98)[-1]] + 1)


def test_positives_are_counted_for_recall() -> None:
    found = plan(metrics.recall(standing(), street(positives=120)), ">=", 0.9, expect=0.95)

    assert (found.unit, found.at_hand, found.needs[0].needed) == ("positives", 120, 263)


def test_f1_is_planned_on_the_jaccard_index() -> None:
    """F1 of .9 and .95 are Jaccard indices of .8182 and .9048: 160 cases of TP + FP + FN or so."""
    of_f1 = needed(metrics.f1(standing(), street()), ">=", 0.9, 0.95)
    sizes = np.arange(50, 1000)
    power = stats.binom.sf(stats.binom.isf(0.05, sizes, 0.9 / 1.1), sizes, 0.95 / 1.05)

    assert of_f1 == int(sizes[np.flatnonzero(power < 0.9)[-1]] + 1)


def test_precision_counts_what_a_flawless_model_would_flag() -> None:
    found = plan(metrics.precision(standing(), street(positives=120)), ">=", 0.9)

    assert found.at_hand == 120
    assert any("a model without an error" in note for note in found.notes)


def test_clusters_count_as_cases() -> None:
    data = street(patient=np.arange(1000) // 10)
    data = Dataset(data.X, data.y, columns=dict(data.columns), positive=1, classes=[0, 1], clusters="patient")
    found = plan(metrics.accuracy(standing(), data), ">=", 0.9, expect=0.95)

    assert (found.unit, found.at_hand) == ("clusters (patient)", 100)
    assert found.needs[0].needed == 263


def test_the_worst_group_needs_its_size_in_every_group() -> None:
    """Two groups at 95 % power each."""
    found = plan(metrics.accuracy(standing(), street()).worst(by="sex"), ">=", 0.9, expect=0.95)
    sizes = np.arange(100, 2000)
    power = stats.binom.sf(stats.binom.isf(0.05, sizes, 0.9), sizes, 0.95)

    assert found.at_hand == 250
    assert "smallest group (f)" in found.unit
    assert found.needs[0].needed == int(sizes[np.flatnonzero(power < 0.95)[-1]] + 1)


def test_what_is_at_hand_decides_from_some_value_on() -> None:
    """263 cases decide a floor of .90 from a true .95 on."""
    found = plan(metrics.accuracy(standing(), street(263)), ">=", 0.9)

    assert found.from_value == pytest.approx(0.95, abs=0.003)
    assert plan(metrics.accuracy(standing(), street(20, 10)), ">=", 0.9).from_value is None


def test_paired_differences_state_what_they_assume() -> None:
    """(1.645 + 1.282) ** 2 * .05 / .02 ** 2 = 1070 cases by the normal formula, plus what the exact arms cost."""
    data = street()
    change = metrics.accuracy(standing(name="new"), data) - metrics.accuracy(standing(name="old"), data)
    found = plan(change, ">=", -0.02)
    equal = {need.assuming: need.needed for need in found.needs if need.expected == 0.0}

    assert {need.expected for need in found.needs} == {-0.01, 0.0}
    assert 1070 < (equal["sides differ on 5% of cases"] or 0) < 1400
    assert found.unmeetable == ""


def test_a_mean_of_losses_states_their_spread() -> None:
    found = plan(metrics.brier(standing(), street()), "<=", 0.2, expect=0.1)
    spreads = [need.needed or 0 for need in found.needs]

    assert spreads == sorted(spreads, reverse=True)
    assert "whatever the losses" in found.needs[0].assuming


def test_an_unbounded_loss_has_no_plan_without_its_largest_value() -> None:
    data = Dataset(np.arange(100)[:, None], np.arange(100.0))
    error = metrics.mae(standing(), data)

    assert "max_loss" in plan(error, "<=", 5.0).unmeetable
    assert plan(error, "<=", 5.0, max_loss=50.0).needs


@pytest.mark.parametrize(("share", "known"), [(0.8, 17), (0.9, 36), (0.95, 72)])
def test_shares_of_retrainings(share: float, known: int) -> None:
    few = plan(metrics.accuracy(standing(known - 1), street()), ">=", 0.9, members=share)
    enough = plan(metrics.accuracy(standing(known), street()), ">=", 0.9, members=share)

    assert few.members_needed == enough.members_needed == known
    assert f"at least {known} retrainings, and there are {known - 1}" in few.unmeetable
    assert enough.unmeetable == ""


def test_one_model_says_nothing_about_retraining() -> None:
    found = plan(metrics.accuracy(standing(), street()), ">=", 0.9, members="mean")

    assert "needs at least 5 retrainings, and there are 0 (one trained model" in found.unmeetable


def test_the_spread_needs_retrainings_or_cases() -> None:
    found = plan(metrics.accuracy(standing(10), street()).seed_std(), "<=", 0.03, expect=0.01)
    by_unit = [(need.unit, need.needed) for need in found.needs]

    assert [unit for unit, _ in by_unit] == ["retrainings", "examples", "retrainings"]
    assert by_unit[2][1] == next(
        k for k in range(2, 100) if stats.chi2.cdf(stats.chi2.ppf(0.05, k - 1) * 9, k - 1) >= 0.9
    )


# ---- what no model can do ------------------------------------------------------------------------------------------


def test_a_floor_that_even_no_error_proves() -> None:
    """.05 ** (1 / 20) = .8609."""
    found = plan(metrics.accuracy(standing(), street(20, 10)), ">=", 0.9)

    assert found.best == pytest.approx(0.05 ** (1 / 20))
    assert "even without an error, 20 examples prove only accuracy >= 0.861, not 0.90" in found.unmeetable


@pytest.mark.parametrize(
    "make",
    [
        lambda model, data: (metrics.accuracy(model, data).gap(by="sex"), "<=", 0.05),
        lambda model, data: (metrics.accuracy(model, data).ratio(by="sex"), ">=", 0.99),
        lambda model, data: (metrics.accuracy(model, data).worst(by="sex"), ">=", 0.9),
        lambda model, data: (metrics.auroc(model, data), ">=", 0.95),
        lambda model, data: (metrics.ece(model, data), "<=", 0.01),
        lambda model, data: (metrics.brier(model, data), "<=", 0.01),
        lambda model, data: (metrics.accuracy(model, data).seed_std(), "<=", 0.001),
        lambda model, data: (metrics.accuracy(model, data).shortfall(), "<=", 0.001),
    ],
    ids=["gap", "ratio", "worst", "auroc", "ece", "brier", "seed_std", "shortfall"],
)
def test_every_kind_has_limits_out_of_reach(make: object) -> None:
    """40 cases are too few for each of these; 40,000 are enough."""
    few = plan(*make(standing(5), street(40, 20)))  # type: ignore[operator]
    many = plan(*make(standing(5), street(40_000, 20_000)))  # type: ignore[operator]

    assert few.unmeetable
    assert many.unmeetable == ""


def test_real_predictions_are_planned_by_what_a_flawless_model_would_do() -> None:
    """A bad model on few cases is no reason to say that no model could."""
    half = Predictions(y=np.ones(100, int), labels=np.arange(100) % 2, classes=[0, 1], positive=1)

    assert plan(metrics.recall(half), ">=", 0.9).unmeetable == ""
    assert plan(metrics.recall(half.take(np.arange(20))), ">=", 0.9).unmeetable


def test_a_class_of_bounds_that_is_forbidden() -> None:
    found = plan(metrics.auroc(standing(), street()), ">=", 0.9, bound_classes=("exact",))

    assert "a class of bounds that mlspec_bounds forbids" in found.unmeetable


def test_an_empty_slice_is_no_plan() -> None:
    found = plan(metrics.recall(standing(), street(positives=0)), ">=", 0.9)

    assert "no positives to judge" in found.unmeetable


def test_a_ratio_of_errors_is_not_blamed_on_the_stand_in() -> None:
    """A flawless model makes 0 / 0 of it, another model does not."""
    rate = metrics.failure_rate(standing(), street(), loss="zero_one", delta=0.5)

    assert plan(rate.ratio(by="sex"), ">=", 0.8).unmeetable == ""


# ---- what the level pays for ---------------------------------------------------------------------------------------


def test_levels() -> None:
    claim = Claim(estimate=metrics.accuracy(standing(20), street()), comparison=">=", threshold=0.9)

    assert levels_of_plan(claim, Terms())[-1] == 0.05
    assert levels_of_plan(claim, Terms(confidence=0.99))[-1] == 0.01
    assert levels_of_plan(claim, Terms(), 10)[-1] == pytest.approx(0.005)
    assert levels_of_plan(claim, Terms(members=0.8))[-1] == 0.025
    assert levels_of_plan(claim, Terms(members=0.8, growing_members=100))[-1] == pytest.approx(0.0025)
    assert levels_of_plan(claim, Terms(members="mean", growing_members=100))[-1] == 0.025
    assert levels_of_plan(claim, Terms(looks=(100, 200, 300, 400, 500), spending="even"))[-1] < 0.05


def test_a_budget_of_ten_models_costs_its_factor() -> None:
    """A tenth of the level: (2.576 + 1.282) ** 2 / (1.645 + 1.282) ** 2 = 1.74 times the cases."""
    once = needed(metrics.accuracy(standing(), street()), ">=", 0.9, 0.92) or 0
    often = needed(metrics.accuracy(standing(), street()), ">=", 0.9, 0.92, budget=10) or 0

    assert often / once == pytest.approx(1.74, rel=0.03)


def test_members_without_an_end_beyond_the_run_are_unmeetable() -> None:
    found = plan(metrics.accuracy(standing(5), street()), ">=", 0.9, members=0.8, growing_members=26)

    assert "at least 27 retrainings, and there are 26" in found.unmeetable


def test_all_requirements_at_once() -> None:
    assert joint_power(12) == pytest.approx(1 - 0.1 / 12)
    assert joint_power(0) == joint_power(1) == pytest.approx(0.9)


def test_a_threshold_in_percent_is_refused_as_it_would_be_in_a_run() -> None:
    with pytest.raises(ValueError, match="never percent"):
        plan(metrics.accuracy(standing(), street()), ">=", 95)


def test_an_expected_value_at_the_limit() -> None:
    found = plan(metrics.accuracy(standing(), street()), ">=", 0.9, expect=0.9)

    assert found.needs == ()
    assert "expect=0.9 does not lie beyond the limit" in found.no_plan


@pytest.mark.parametrize("fold", ["gap", "ratio"])
@pytest.mark.parametrize(
    ("sizes", "level"), [((10, 2000), 0.05), ((2000, 10), 0.05), ((25, 90), 0.05), ((10, 400), 0.01)]
)
def test_groups_of_unequal_sizes_prove_most_at_unequal_rates(fold, sizes, level):
    """Every table in which one group has no error is enumerated; equal rates would be called the best falsely."""
    sides = np.repeat(["a", "b"], sizes)
    model, data = StandIn("model"), Dataset(np.zeros((len(sides), 1)), np.arange(len(sides)) % 2, columns={"g": sides})
    estimate = getattr(metrics.accuracy(model, data), fold)("g")
    comparison = "<=" if fold == "gap" else ">="
    bounds = pairs.gap_bounds if fold == "gap" else pairs.ratio_bounds
    hits = [(sizes[0], k) for k in range(sizes[1] + 1)] + [(k, sizes[1]) for k in range(sizes[0] + 1)]
    every = bounds(np.array(hits), np.array(sizes), level)
    best = every.high.min() if fold == "gap" else every.low.max()

    found = best_of_groups(estimate.evidence, comparison, level)

    assert found == pytest.approx(best, abs=1e-9)
    equal = bounds(np.array([sizes]), np.array(sizes), level)
    if max(sizes) > 100:
        assert abs((equal.high if fold == "gap" else equal.low)[0] - found) > 0.01


# ---- declared looks ------------------------------------------------------------------------------------------------

LOOKS = (100, 400, 1000, 4000)


def test_a_plan_at_looks_names_a_look() -> None:
    """263 cases prove a floor of .90 at a true .95: no look before 400 has as many, and its own level is smaller."""
    data = street(100, 50)
    found = plan(metrics.accuracy(standing(), data), ">=", 0.9, expect=0.95, looks=LOOKS, spending="pocock")
    strict = plan(metrics.accuracy(standing(), data), ">=", 0.9, expect=0.95, looks=LOOKS)

    assert found.needs[0].needed in (400, 1000)
    # half of the examples are positives: 500 at the look of 1,000 prove it at 0.05, not at 2 Phi(-1.96 / 0.5) = 9e-5
    assert strict.needs[0].needed == 1000  # O'Brien & Fleming spend next to nothing on a tenth of the data
    assert plan(metrics.recall(standing(), data), ">=", 0.9, expect=0.95, looks=LOOKS).needs[0].needed == 2000


@pytest.mark.parametrize("n", [399, 400])
def test_the_look_that_is_planned_meets_in_nine_of_ten_runs(n: int) -> None:
    """The verdict at the planned look, 600 drawn data sets; one look earlier it is missed more often."""
    data, rng = street(n, n // 2), np.random.default_rng(5)
    size = needed(metrics.accuracy(standing(), data), ">=", 0.9, 0.95, looks=LOOKS)
    met = dict.fromkeys((LOOKS[LOOKS.index(size) - 1], size), 0)
    for cases in met:
        y = np.arange(cases) % 2
        for _ in range(600):
            said = Predictions(y=y, labels=np.where(rng.random(cases) < 0.95, y, 1 - y), classes=[0, 1])
            met[cases] += metrics.accuracy(said).judged(">=", 0.9, Terms(looks=LOOKS)).outcome.value == "met"

    assert met[size] / 600 >= 0.9 - 3 * (0.09 / 600) ** 0.5
    assert met[LOOKS[LOOKS.index(size) - 1]] / 600 < 0.9


def test_before_the_first_look_nothing_is_met() -> None:
    assert (
        "the first look is at 100 examples, and there are 90"
        in plan(metrics.accuracy(standing(), street(90, 45)), ">=", 0.5, looks=LOOKS).unmeetable
    )


def test_an_early_look_proves_less_than_the_last() -> None:
    """100 cases without an error prove .9705 at the whole level, of which the first look has hardly any."""
    found = plan(metrics.accuracy(standing(), street(100, 50)), ">=", 0.5, looks=LOOKS)

    assert found.best is not None
    assert found.best < 0.9
    assert found.unmeetable == ""
