"""Many models read one test set: with its budget a false met stays rare, without it one is more likely than not.

All models of a history lie just under the floor, or on it. A history errs when any one of them is judged met. Models
fail on cases of their own, or mostly on the same hard cases, as retrained ones do.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.records import Ladder, Ledger
from pytest_mlspec.records.reads import Reads
from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.requirements.requirement import Requirement
from pytest_mlspec.running import CONTRACTS, RECORDER, Recorder
from pytest_mlspec.stats import binomial
from pytest_mlspec.verdict import Terms, Verdict
from tests.validity import table

Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
NAME = "Clopper-Pearson, budget of models"
FLOOR = 0.90

# How often a model fails on hard and on other cases; a tenth of the cases is hard. All of them fail 10.5 %.
ALIKE = {"independent": (0.105, 0.105), "similar": (0.6, 0.05), "near-identical": (0.96, 0.01)}


def simulate_hits(n_cases: int, n_models: int, fails: tuple[float, float], runs: int, seed: int) -> Counts:
    """Hits of every model on the test set of its history: (runs, models)."""
    rng = np.random.default_rng(seed)
    hard = rng.binomial(n_cases, 0.1, (runs, 1))
    shape = (runs, n_models)
    return np.asarray(n_cases - rng.binomial(hard, fails[0], shape) - rng.binomial(n_cases - hard, fails[1], shape))


def met(hits: Counts, n_cases: int, level: float) -> npt.NDArray[np.bool_]:
    """Whether the lower bound of each model lies above the floor."""
    return np.asarray(hits >= binomial.smallest_count(n_cases, FLOOR, level))


def simulate_budget(alike: str, runs: int) -> float:
    """Record 100 models at .895 with a budget of 100, and report the same without one, which is returned."""
    n_cases, n_models = 2000, 100
    hits = simulate_hits(n_cases, n_models, ALIKE[alike], runs, seed=41)
    kept = int(met(hits, n_cases, 0.05 / n_models).any(axis=1).sum())
    unprotected = int(met(hits, n_cases, 0.05).any(axis=1).sum())
    case, truth = f"{n_models} {alike} models, n={n_cases}", "rates .895, floor .90"
    table.record(NAME, case, truth, "false met", kept, runs, limit=0.05)
    table.report_only(NAME, f"{case}, unprotected", truth, "false met", unprotected, runs, limit=0.05)
    return unprotected / runs


@pytest.mark.parametrize(("alike", "naive"), [("independent", 0.45), ("similar", 0.10), ("near-identical", 0.05)])
def test_a_hundred_models_just_under_the_floor(alike: str, naive: float) -> None:
    assert simulate_budget(alike, runs=4000) > naive


@pytest.mark.slow_validity
@pytest.mark.parametrize(("alike", "naive"), [("independent", 0.45), ("similar", 0.10), ("near-identical", 0.05)])
def test_a_hundred_models_just_under_the_floor_in_full(alike: str, naive: float) -> None:
    assert simulate_budget(alike, runs=40_000) > naive


@pytest.mark.parametrize(("n_cases", "budget"), [(200, 5), (2000, 20), (5000, 100)])
def test_models_on_the_floor_itself_are_the_hardest_case(n_cases: int, budget: int) -> None:
    runs = 4000
    hits = simulate_hits(n_cases, budget, (0.1, 0.1), runs, seed=42)
    too_low = binomial.upper(hits, n_cases, 0.05 / budget) < FLOOR

    case, truth = f"{budget} independent models, n={n_cases}", "rates = floor .90"
    table.record(NAME, case, truth, "false met", int(met(hits, n_cases, 0.05 / budget).any(axis=1).sum()), runs, 0.05)
    table.record(NAME, case, truth, "false violated", int(too_low.any(axis=1).sum()), runs, 0.05)


def test_models_past_the_budget_must_be_undecided() -> None:
    """Eight hundred models at the level of twenty: the budget protects only because the rest is not judged."""
    runs, n_cases, n_models, budget = 2000, 2000, 800, 20
    hits = simulate_hits(n_cases, n_models, (0.1, 0.1), runs, seed=43)
    found = met(hits, n_cases, 0.05 / budget)

    case, truth = f"{n_models} models, a budget of {budget}, n={n_cases}", "rates = floor .90"
    table.record(NAME, case, truth, "false met", int(found[:, :budget].any(axis=1).sum()), runs, 0.05)
    past = int(found.any(axis=1).sum())
    table.report_only(NAME, f"{case}, judged past it", truth, "false met", past, runs, 0.05)
    assert past / runs > 0.5


def test_a_ledger_says_which_models_the_budget_covers(tmp_path: Path) -> None:
    """One history through the file itself: the same models come back in later runs, in another order."""
    ledger, n_cases, budget = Ledger(tmp_path / "ledger.sqlite"), 2000, 10
    hits = simulate_hits(n_cases, 40, (0.1, 0.1), 1, seed=44)[0]
    order = np.random.default_rng(44).permutation(np.repeat(np.arange(40), 3))

    covered = {
        int(model)
        for model in order
        if ledger.read(data="d", requirement="r", model=f"m{hits[model]}-{model}").place <= budget
    }

    first_seen = list(dict.fromkeys(int(model) for model in order))
    assert covered == set(first_seen[:budget])
    assert ledger.read(data="d", requirement="r", model="last").n_models == 41


def reads_of(path: Path, budget: int, step: float | None = None) -> Recorder:
    """A recorder as the plugin makes it, with a ledger of its own."""
    recorder = Recorder(Configured)
    reads = Reads(ledger=Ledger(path), budget=budget, step=step)
    recorder.reads = lambda: reads
    return recorder


class Configured:
    """What a run without options asks for."""

    terms = Terms()
    allow_undecided = False
    family = False


def contract(at_least: float) -> Contract:
    """What `@pytest.mark.satisficing(at_least=..., id="R")` says."""
    return Contract(kind="satisficing", limit="at_least", comparison=">=", threshold=at_least, index=0, id="R")


def judged(recorder: Recorder | None, y: Labels, labels: Labels, at_least: float = FLOOR) -> Verdict:
    """The verdict of `assert metrics.accuracy(Predictions(...)) >= requirement` in a test."""
    predictions = Predictions(y=y, labels=labels, classes=[0, 1])
    with RECORDER.hold(recorder), CONTRACTS.hold((contract(at_least),)):
        verdict = metrics.accuracy(predictions) >= Requirement()  # type: ignore[operator]
    assert isinstance(verdict, Verdict)
    return verdict


def simulate_labels(n_cases: int, n_models: int, fails: tuple[float, float], rng: np.random.Generator) -> Labels:
    """What every model says of cases that are all 1: (models, cases)."""
    hard = rng.random(n_cases) < 0.1
    return (rng.random((n_models, n_cases)) >= np.where(hard, *fails)).astype(np.int64)


def simulate_histories(alike: str, folder: Path, runs: int, n_models: int, budget: int) -> None:
    """Judge every model of every history as a test does, with a ledger and without; hold the errors to the level."""
    n_cases, rng = 2000, np.random.default_rng(46)
    y, kept, unprotected = np.ones(n_cases, dtype=np.int64), 0, 0
    for run in range(runs):
        recorder = reads_of(folder / f"{alike}-{run}.sqlite", budget)
        said = simulate_labels(n_cases, n_models, ALIKE[alike], rng)
        found = [judged(recorder, y, labels).outcome == "met" for labels in said]
        alone = met(said.sum(axis=1), n_cases, 0.05)
        assert found[:budget] == met(said.sum(axis=1), n_cases, 0.05 / budget).tolist()[:budget]
        assert not any(found[budget:])
        kept, unprotected = kept + any(found), unprotected + bool(alone.any())
    case, truth = (
        f"as tests judge: {n_models} {alike} models, a budget of {budget}, n={n_cases}",
        "rates .895, floor .90",
    )
    table.record(NAME, case, truth, "false met", kept, runs, limit=0.05)
    table.report_only(NAME, f"{case}, unprotected", truth, "false met", unprotected, runs, limit=0.05)
    if alike == "independent":
        assert unprotected / runs > 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory, where there is one, and judgements without advice, which takes longer than all the rest."""
    monkeypatch.setattr("pytest_mlspec.metrics.judging.judge.advise", lambda *_: ())
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


@pytest.mark.parametrize("alike", list(ALIKE))
def test_tests_that_judge_a_hundred_models(alike: str, folder: Path) -> None:
    simulate_histories(alike, folder, runs=10, n_models=100, budget=100)


@pytest.mark.slow_validity
@pytest.mark.parametrize("budget", [20, 100])
@pytest.mark.parametrize("alike", list(ALIKE))
def test_tests_that_judge_a_hundred_models_in_full(alike: str, budget: int, folder: Path) -> None:
    simulate_histories(alike, folder, runs=40, n_models=100, budget=budget)


def attack_by_verdicts(path: Path, step: float | None, rng: np.random.Generator) -> Verdict:
    """The verdict of the majority of 500 guesses at 2000 random labels, kept or turned round by what was told of each.

    No model is right on more than half of the cases to come, and each is asked for 0.55.
    """
    n_cases, n_guesses = 2000, 500
    recorder = reads_of(path, n_guesses + 1, step)
    y = rng.integers(0, 2, n_cases)
    guesses = rng.integers(0, 2, (n_guesses, n_cases))
    kept, shown = [], 0.5
    for guess in guesses:
        verdict = judged(recorder, y, guess, at_least=0.55)
        assert verdict.outcome != "met"
        if step is None:
            kept.append(verdict.value > 0.5)
            continue
        assert math.isnan(verdict.value)
        assert math.isnan(verdict.low)
        (told,) = re.findall(r"so far ([\d.]+),", verdict.told)
        kept.append(float(told) > shown)
        shown = max(shown, float(told))
    votes = np.where(np.array(kept)[:, None], guesses, 1 - guesses).mean(axis=0)
    return judged(recorder, y, (votes > 0.5).astype(np.int64), at_least=0.55)


def test_a_budget_alone_is_fooled_by_those_who_act_on_scores_and_a_ladder_is_not(folder: Path) -> None:
    rng, runs = np.random.default_rng(47), 2

    told = [attack_by_verdicts(folder / f"told-{run}.sqlite", None, rng) for run in range(runs)]
    released = [attack_by_verdicts(folder / f"released-{run}.sqlite", 0.02, rng) for run in range(runs)]

    fooled = sum(verdict.outcome == "met" for verdict in told)
    truth = "rate .5, floor .55"
    table.report_only(NAME, "a majority of 500 guesses, scores told", truth, "false met", fooled, runs, limit=0.05)
    assert fooled == runs
    assert [verdict.confidence for verdict in told] == [pytest.approx(1 - 0.05 / 501)] * runs
    assert [verdict for verdict in released if verdict.outcome == "met"] == []
    assert max(float(re.findall(r"so far ([\d.]+),", verdict.told)[0]) for verdict in released) <= 0.56


def attack(n_cases: int, n_guesses: int, step: float | None, rng: np.random.Generator) -> float:
    """The score told for a majority of guesses at random labels, each kept or turned round by what its score told.

    Every guess is right on half of all cases to come. Without a step the scores are told as they are.
    """
    labels = rng.integers(0, 2, n_cases) * 2 - 1
    guesses = rng.integers(0, 2, (n_guesses, n_cases)) * 2 - 1
    scores = (guesses == labels).mean(axis=1)
    if step is None:
        majority = np.sign((np.sign(scores - 0.5)[:, None] * guesses).sum(axis=0))
        return float((majority == labels).mean())
    ladder, kept = Ladder(step, shown=0.5), []
    for score in scores:
        higher = ladder.climb(float(score))
        kept.append(1.0 if higher.shown != ladder.shown else -1.0)
        ladder = higher
    majority = np.sign((np.array(kept)[:, None] * guesses).sum(axis=0))
    shown = ladder.climb(float((majority == labels).mean())).shown
    assert shown is not None
    return shown


def test_told_scores_are_overfitted_and_those_of_a_ladder_are_not() -> None:
    """Blum & Hardt 2015, section 4: a majority of 500 guesses at 2000 random labels. A budget is no help here."""
    rng, runs, n_cases = np.random.default_rng(45), 30, 2000

    told = np.array([attack(n_cases, 500, None, rng) for _ in range(runs)])
    released = np.array([attack(n_cases, 500, 0.02, rng) for _ in range(runs)])

    assert told.mean() > 0.64
    assert (binomial.lower(told * n_cases, n_cases, 0.05 / 501) > 0.55).all()
    assert released.max() <= 0.5 + 0.06
    assert told.min() > released.max()
