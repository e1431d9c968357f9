"""Candidate minus baseline on the same cases: how often a verdict at the margin is wrong, for every kind of metric.

The true difference lies on the margin, where a false *met* and a false *violated* are as likely as they get. Models
make the same errors (``agree``), mostly the same (``mixed``) or independent ones (``apart``). The gate that compares
the two point estimates with the margin errs there about half the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict import Terms
from tests.validity import table

Floats = npt.NDArray[np.float64]
LEVEL = 0.05
AGREEMENT = ("agree", "mixed", "apart")


def pair_of_draws(rng: np.random.Generator, shape: tuple[int, ...], how: str) -> tuple[Floats, Floats]:
    """Uniform numbers behind the answers of the old and of the new model."""
    old, fresh = rng.random(shape), rng.random(shape)
    if how == "mixed":
        return old, np.where(rng.random(shape) < 0.9, old, fresh)
    return old, old if how == "agree" else fresh


def said(name: str, y: npt.NDArray[np.generic], groups: object = None, **outputs: object) -> Predictions:
    """Predictions whose members are simulated runs."""
    columns = {} if groups is None else {"group": groups}
    labels = {} if "values" in outputs else {"classes": [0, 1], "positive": 1}
    return Predictions(y=y, columns=columns, name=name, **outputs, **labels)  # type: ignore[arg-type]


def wrong_verdicts(estimate: Estimate, truth: float, terms: Terms | None = None) -> tuple[int, int, int]:
    """Runs with a false *met*, with a false *violated*, and wrong by the point estimate on its worse side."""
    judged_by = terms or Terms()
    high = estimate.evidence.bounds(LEVEL, judged_by, "high").high
    low = estimate.evidence.bounds(LEVEL, judged_by, "low").low
    naive = max(int((estimate.values > truth).sum()), int((estimate.values < truth).sum()))
    met, violated = (low > truth, high < truth) if estimate.greater_is_better else (high < truth, low > truth)
    return int(met.sum()), int(violated.sum()), naive


# ---- gaps ---------------------------------------------------------------------------------------------------------

Case = tuple[str, Sequence[int], Sequence[float], Sequence[float]]
GAPS: list[Case] = [
    ("2 x 200, equal models", [200, 200], [0.8, 0.8], [0.8, 0.8]),
    ("2 x 200, one group gains", [200, 200], [0.9, 0.8], [0.92, 0.8]),
    ("2 x 200, the gap changes sides", [200, 200], [0.9, 0.88], [0.85, 0.9]),
    ("2 x 200, the old model is fair", [200, 200], [0.85, 0.85], [0.9, 0.85]),
    ("2 x 200, the new model is fair", [200, 200], [0.9, 0.8], [0.85, 0.85]),
    ("2 x 1000, near 1", [1000, 1000], [0.99, 0.97], [0.995, 0.965]),
    ("2 x 50, near 1", [50, 50], [1.0, 0.98], [1.0, 0.93]),
    ("4 x 100, one group loses", [100] * 4, [0.9, 0.9, 0.8, 0.8], [0.9, 0.9, 0.8, 0.77]),
    ("10 and 400, the small one gains", [10, 400], [0.9, 0.9], [0.99, 0.9]),
    ("10 and 400, the large one loses", [10, 400], [0.99, 0.9], [0.999, 0.8]),
    ("20 and 400, the small one loses", [20, 400], [0.98, 0.99], [0.93, 0.99]),
]


def difference_of_gaps(rng: np.random.Generator, runs: int, case: Case, how: str) -> tuple[Estimate, float]:
    """The estimate with a member per run, and the true difference of the gaps in recall."""
    _, sizes, old, new = case
    group = np.repeat(np.arange(len(sizes)), sizes)
    before, after = pair_of_draws(rng, (runs, len(group)), how)
    y = np.ones(len(group), dtype=int)
    made = (
        metrics.recall(said(name, y, group.astype(str), labels=(draws < np.asarray(rates)[group]).astype(int)))
        for name, draws, rates in (("new", after, new), ("old", before, old))
    )
    first, second = (recall.gap(by="group") for recall in made)
    return first - second, (max(new) - min(new)) - (max(old) - min(old))


def record_gap(case: Case, how: str, runs: int) -> None:
    estimate, truth = difference_of_gaps(np.random.default_rng(11), runs, case, how)
    met, violated, naive = wrong_verdicts(estimate, truth)
    words = f"{case[0]}, errors {how}"
    told = f"difference = {truth:+.3f}"

    table.record("difference of gaps", words, told, "false met", met, runs, 0.065)
    table.record("difference of gaps", words, told, "false violated", violated, runs, 0.065)
    if how == "apart":  # models that agree have differences of 0, on neither side
        assert naive > 0.4 * runs, "the gate that compares point estimates errs about half the time"


@pytest.mark.parametrize(("case", "how"), [(GAPS[1], "mixed"), (GAPS[3], "mixed"), (GAPS[4], "apart")])
def test_differences_of_gaps(case: Case, how: str) -> None:
    record_gap(case, how, 400)


@pytest.mark.slow_validity
@pytest.mark.parametrize("how", AGREEMENT)
@pytest.mark.parametrize("case", GAPS, ids=[case[0] for case in GAPS])
def test_differences_of_gaps_in_full(case: Case, how: str) -> None:
    record_gap(case, how, 2000)


def test_pairing_decides_what_two_gaps_cannot() -> None:
    """Models that agree on nine cases of ten, within a margin of 0.08: half the level for each gap proves nothing."""
    rng = np.random.default_rng(12)
    estimate, truth = difference_of_gaps(rng, 200, ("", [500, 500], [0.9, 0.85], [0.9, 0.85]), "mixed")
    first, second = (operand.evidence for operand in estimate.operands)
    paired = estimate.evidence.bounds(LEVEL, Terms(), "high").high
    unpaired = first.bounds(LEVEL / 2, Terms(), "high").high - second.bounds(LEVEL / 2, Terms(), "low").low

    assert truth == 0
    assert np.mean(paired <= 0.08) > 0.9
    assert np.mean(unpaired <= 0.08) < 0.5


# ---- rates, mean losses, AUROC and ECE ----------------------------------------------------------------------------


def rates(rng: np.random.Generator, runs: int, how: str, n: int = 300) -> tuple[Estimate, float]:
    """Accuracies of .90 and .88."""
    before, after = pair_of_draws(rng, (runs, n), how)
    y = np.ones(n, dtype=int)
    new, old = (
        metrics.accuracy(said(name, y, labels=(draws < rate).astype(int)))
        for name, draws, rate in (("new", after, 0.88), ("old", before, 0.90))
    )
    return new - old, -0.02


def mean_losses(rng: np.random.Generator, runs: int, how: str, n: int = 300) -> tuple[Estimate, float]:
    """Mean absolute errors of 0.105 and 0.1: uniform errors up to 0.21 and 0.2."""
    before, after = pair_of_draws(rng, (runs, n), how)
    y = np.zeros(n)
    new, old = (
        metrics.mae(said(name, y, values=draws * width))
        for name, draws, width in (("new", after, 0.21), ("old", before, 0.20))
    )
    return new - old, 0.005


def rankings(rng: np.random.Generator, runs: int, how: str, n: int = 120) -> tuple[Estimate, float]:
    """AUROC of uniform scores against uniform scores to the power a: a / (1 + a)."""
    y = np.tile([0, 1], n // 2)
    before, after = pair_of_draws(rng, (runs, n), how)
    made = []
    for name, draws, area in (("new", after, 0.85), ("old", before, 0.87)):
        score = np.where(y == 1, draws ** ((1 - area) / area), draws)
        made.append(metrics.auroc(said(name, y, probabilities=np.stack([1 - score, score], axis=-1))))
    return made[0] - made[1], -0.02


def calibration_errors(rng: np.random.Generator, runs: int, how: str, n: int = 600) -> tuple[Estimate, float]:
    """Both say .7 or .9 and are right less often: by .06 the new model, by .03 the old one, which is their ECE.

    The truth is the same for all runs; a run is right where it puts its score on that side.
    """
    stated = np.tile([0.7, 0.9], n // 2)
    before, after = pair_of_draws(rng, (runs, n), how)
    y = np.ones(n, dtype=int)
    made = []
    for name, draws, short in (("new", after, 0.06), ("old", before, 0.03)):
        score = np.where(draws < stated - short, stated, 1 - stated)
        made.append(metrics.ece(said(name, y, probabilities=np.stack([1 - score, score], axis=-1)), bins=15))
    return made[0] - made[1], 0.03


METRICS: dict[str, Callable[..., tuple[Estimate, float]]] = {
    "accuracy": rates,
    "mean absolute error": mean_losses,
    "AUROC": rankings,
    "ECE": calibration_errors,
}


def record_metric(name: str, how: str, runs: int) -> None:
    estimate, truth = METRICS[name](np.random.default_rng(13), runs, how)
    terms = Terms(max_loss=1.0) if name == "mean absolute error" else None
    met, violated, naive = wrong_verdicts(estimate, truth, terms)
    words, told = f"{name}, errors {how}", f"difference = {truth:+g}"

    table.record("candidate - baseline", words, told, "false met", met, runs, 0.065)
    table.record("candidate - baseline", words, told, "false violated", violated, runs, 0.065)
    assert naive > 0.4 * runs


@pytest.mark.parametrize("how", AGREEMENT[1:])
@pytest.mark.parametrize("name", METRICS)
def test_differences_of_metrics(name: str, how: str) -> None:
    record_metric(name, how, 400)


@pytest.mark.slow_validity
@pytest.mark.parametrize("how", AGREEMENT)
@pytest.mark.parametrize("name", METRICS)
def test_differences_of_metrics_in_full(name: str, how: str) -> None:
    record_metric(name, how, 3000)


def test_paired_placements_decide_what_two_areas_cannot() -> None:
    """500 cases of each class, models that rank nearly alike and 0.02 apart: a margin of 0.07 is met by pairing."""
    rng = np.random.default_rng(15)
    estimate, _ = rankings(rng, 100, "mixed", n=1000)
    new, old = (operand.evidence for operand in estimate.operands)
    unpaired = new.bounds(LEVEL / 2, Terms()).low - old.bounds(LEVEL / 2, Terms()).high

    assert np.mean(estimate.evidence.bounds(LEVEL, Terms()).low >= -0.07) > 0.9
    assert np.mean(unpaired >= -0.07) < 0.1


# ---- ten retrainings ----------------------------------------------------------------------------------------------


def ten_members(rng: np.random.Generator, metric: str) -> tuple[Estimate, float]:
    """Ten retrainings of each model that share the cases and differ in nine answers of a hundred."""
    if metric == "accuracy":
        return rates(rng, 10, "mixed")
    return difference_of_gaps(rng, 10, GAPS[3], "mixed")


def record_ten_members(metric: str, runs: int) -> None:
    rng = np.random.default_rng(14)
    wrong = {"met": 0, "violated": 0}
    for _ in range(runs):
        estimate, truth = ten_members(rng, metric)
        # A member at the limit is neither better nor worse: a verdict either way is wrong.
        with RECORDER.hold(None):
            verdict = estimate.judged(">=" if estimate.greater_is_better else "<=", truth, Terms())
        if verdict.outcome in wrong:
            wrong[verdict.outcome] += 1
    for outcome, count in wrong.items():
        table.record(
            f"difference, {metric}", "10 members at the margin", "every member", f"false {outcome}", count, runs, 0.065
        )  # type: ignore[arg-type]


def test_ten_members_at_the_margin() -> None:
    record_ten_members("accuracy", 150)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("metric", "runs"), [("accuracy", 1000), ("gap", 150)])
def test_ten_members_at_the_margin_in_full(metric: str, runs: int) -> None:
    record_ten_members(metric, runs)
