"""Many models read one test set: with its budget a false met stays rare, without it one is more likely than not.

All models of a history lie just under the floor, or on it. A history errs when any one of them is judged met. Models
fail on cases of their own, or mostly on the same hard cases, as retrained ones do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.records import Ladder, Ledger
from pytest_mlspec.stats import binomial
from tests.validity import table

Counts = npt.NDArray[np.int64]
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
