"""The shortfall of each member as evidence: by hand, in both directions, on every family of metrics, and where open."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.metrics.evidence.shortfall import Shortfall
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import shortfall
from pytest_mlspec.verdict import Terms

LEVEL = 0.05


def hits(right: np.ndarray, **more: object) -> Predictions:
    """Members whose errors are where ``right`` is 0."""
    right = np.asarray(right)
    return Predictions(y=np.zeros(right.shape[1], int), labels=1 - right, classes=[0, 1], **more)


def of(estimate: metrics.Estimate) -> Shortfall:
    return Shortfall(evidence=estimate.evidence, greater_is_better=estimate.greater_is_better)


def scored(n_members: int, n: int, **more: object) -> Predictions:
    """Members whose scores differ a little; the last one hardly knows the classes."""
    generator = np.random.default_rng(1)
    y = generator.integers(2, size=n)
    strength = np.where(np.arange(n_members) == n_members - 1, 0.3, 2.0)[:, None]
    logit = strength * (2 * y - 1) + generator.normal(size=n) + 0.3 * generator.normal(size=(n_members, n))
    score = 1 / (1 + np.exp(-logit))
    return Predictions(y=y, probabilities=np.stack([1 - score, score], axis=-1), **more)


def test_three_members_by_hand() -> None:
    """Accuracies .9, .9 and .6: their mean is .8, and the last one falls .2 behind it."""
    right = np.ones((3, 100), int)
    right[:2, :10] = 0
    right[2, :40] = 0
    found = of(metrics.accuracy(hits(right)))

    assert found.values == pytest.approx([-0.1, -0.1, 0.2])
    assert found.counts(2) == "0.600 against 0.800 of all members"
    assert (found.sizes.tolist(), found.unit) == ([100] * 3, "examples")
    bounds = found.bounds(LEVEL, Terms())
    assert 0.1 < bounds.low[2] < 0.2 < bounds.high[2] < 0.3
    assert bounds.high[0] < 0
    # cases 0 to 9 are wrong for all: what the members have in common tells nothing
    assert (
        found.bounds(LEVEL, Terms()).low.tolist()
        == of(metrics.accuracy(hits(_with_common(right)))).bounds(LEVEL, Terms()).low.tolist()
    )


def _with_common(right: np.ndarray) -> np.ndarray:
    """The same members, right instead of wrong on the ten cases on which all of them agree."""
    changed = right.copy()
    changed[:, :10] = 1
    return changed


def test_it_is_the_bound_of_the_rows() -> None:
    right = (np.random.default_rng(2).random((4, 300)) < 0.9).astype(int)
    found = of(metrics.accuracy(hits(right))).bounds(LEVEL, Terms())

    direct = shortfall.shortfall_bounds(right, LEVEL)
    assert found.high == pytest.approx(direct.high)
    assert found.low == pytest.approx(direct.low)
    assert found.method.bound_class == "asymptotic"


def test_a_loss_that_is_larger_is_worse() -> None:
    values = np.zeros((3, 50))
    values[2] = 0.6
    found = of(metrics.mae(Predictions(y=np.zeros(50), values=values)))

    assert found.values == pytest.approx([-0.2, -0.2, 0.4])
    assert found.bounds(LEVEL, Terms(max_loss=1.0)).low[2] > 0.2


def test_an_unbounded_loss_is_open_without_max_loss_and_says_so() -> None:
    values = np.random.default_rng(3).normal(size=(3, 400))
    for name in ("mae", "rmse"):
        found = of(getattr(metrics, name)(Predictions(y=np.zeros(400), values=values)))

        without, declared = found.bounds(LEVEL, Terms()), found.bounds(LEVEL, Terms(max_loss=6.0))
        assert without.reason.startswith("an unbounded loss cannot be met without max_loss")
        assert np.isposinf(without.high).all() and np.isneginf(without.low).all()
        assert np.isfinite(declared.high).all() and declared.reason == ""


@pytest.mark.parametrize(
    ("name", "bound_class"),
    [
        ("accuracy", "asymptotic"),
        ("recall", "asymptotic"),
        ("brier", "asymptotic"),
        ("log_loss", "asymptotic"),
        ("f1", "approximate"),
        ("precision", "approximate"),
        ("auroc", "approximate"),
        ("ece", "approximate"),
    ],
)
def test_every_family_finds_the_member_that_learnt_little(name: str, bound_class: str) -> None:
    estimate = getattr(metrics, name)(scored(6, 800))
    found = of(estimate)

    bounds = found.bounds(LEVEL, Terms())
    assert bounds.method.bound_class == bound_class
    assert np.isfinite(bounds.low).all() and np.isfinite(bounds.high).all()
    assert (bounds.low <= found.values).all() and (found.values <= bounds.high).all()
    assert found.values.sum() == pytest.approx(0, abs=1e-9)
    if name != "ece":  # a member that knows little may well be calibrated
        assert int(np.argmax(found.values)) == 5
        assert bounds.low[5] > 0


def test_macro_averages_have_one_too() -> None:
    found = of(metrics.recall(scored(4, 600), average="macro"))

    assert np.isfinite(found.bounds(LEVEL, Terms()).high).all()


@pytest.mark.parametrize("name", ["accuracy", "auroc", "ece", "brier", "f1"])
def test_clustered_rows_are_open_and_say_so(name: str) -> None:
    estimate = getattr(metrics, name)(scored(3, 200, clusters=np.arange(200) // 4))

    bounds = of(estimate).bounds(LEVEL, Terms())
    assert bounds.reason == "rows are clustered, and the shortfall of a member has no clustered form"
    assert np.isposinf(bounds.high).all()


def test_clusters_of_a_macro_average_are_seen_in_its_parts() -> None:
    clustered = metrics.recall(scored(3, 200, clusters=np.arange(200) // 4), average="macro")

    assert "clustered" in of(clustered).bounds(LEVEL, Terms()).reason


def test_clusters_can_be_told() -> None:
    evidence = metrics.accuracy(scored(3, 200)).evidence

    bounds = Shortfall(evidence=evidence, greater_is_better=True, clustered=True).bounds(LEVEL, Terms())
    assert "clustered" in bounds.reason


def test_what_is_missing_is_said() -> None:
    one = of(metrics.accuracy(hits(np.ones((1, 30), int))))
    assert one.bounds(LEVEL, Terms()).reason == "needs at least 2 members: one trained model falls behind nobody"
    assert np.isnan(one.values).all()

    nobody = of(metrics.recall(hits(np.ones((3, 30), int))))
    assert nobody.bounds(LEVEL, Terms()).reason == "there are no positives to judge"

    quantile = of(metrics.loss_quantile(Predictions(y=np.zeros(90), values=np.ones((3, 90))), q=0.9))
    assert quantile.bounds(LEVEL, Terms()).reason == "this metric has no values per case to compare the members by"


def test_slices_keep_the_members() -> None:
    right = np.ones((3, 100), int)
    right[2, :40] = 0
    found = of(metrics.accuracy(hits(right)))

    assert found.take(np.arange(40)).values == pytest.approx([-1 / 3, -1 / 3, 2 / 3])
    assert found.take(np.arange(40, 100)).values.tolist() == [0.0, 0.0, 0.0]


def test_its_own_rows_average_to_it() -> None:
    found = of(metrics.accuracy(hits((np.random.default_rng(4).random((3, 60)) < 0.8).astype(int))))

    cases = found.case_values(Terms())
    assert cases is not None
    assert cases.rows.mean(axis=1) == pytest.approx(found.values)
    assert (cases.low, cases.high) == (pytest.approx(-2 / 3), pytest.approx(2 / 3))


def test_identical_members_prove_ln_20_over_n() -> None:
    """The best that members which agree everywhere can show is ln(20) / n of the largest shortfall, 2 / 3."""
    found = of(metrics.accuracy(hits(np.ones((3, 200), int))))
    goal = Goal(threshold=0.005, comparison="<=", level=LEVEL)

    assert found.perfect(goal) == pytest.approx(2 / 3 * np.log(20) / 200)
    assert found.bounds(LEVEL, Terms()).high[0] == pytest.approx(found.perfect(goal))
    assert found.perfect(Goal(threshold=0.005, comparison=">=", level=LEVEL)) is None


def test_planned_cases_settle_it_in_nine_of_ten_runs() -> None:
    """Three members with errors of their own, the margin .03; the rates that 400 cases showed are taken for true."""
    generator = np.random.default_rng(5)
    pilot = of(metrics.accuracy(hits((generator.random((3, 400)) < 0.9).astype(int))))
    member = int(np.argmin(np.abs(pilot.values)))
    planned = pilot.plan(member, Goal(threshold=0.03, comparison="<=", level=LEVEL))
    assert planned is not None

    rows = generator.random((200, 3, planned)) < pilot.evidence.values[:, None]
    met = sum(shortfall.shortfall_bounds(run, LEVEL).high[member] <= 0.03 for run in rows)
    assert met / 200 >= 0.9 - 3 * np.sqrt(0.09 / 200)
    assert planned > 400
