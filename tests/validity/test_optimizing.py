"""A history of equally good models against a record: which record keeps *significantly worse* from being said in error.

The bounds of a new value and of the record are each at half the level, so that one comparison errs at most at the
level. A record that is raised to every larger value is the maximum of many noisy ones, though, and its lower bound no
longer one of its model: after a hundred equally good models the next one is found significantly worse too often, and it
gets worse with the length of the history. Raised only when a value is proven better, by bounds that do not overlap (the
step that Blum & Hardt 2015 ask of a leaderboard, here as large as the two bounds), it stays below the level for
hundreds of models, and with the bound of a raised record at 1/32 of its level for ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.metrics.judging.best import Best
from pytest_mlspec.stats import binomial
from tests.requirements.test_optimizing import Kept, judge, rate
from tests.validity import table

LEVEL = 0.05
NAME = "record raised when proven better"
Floats = npt.NDArray[np.float64]
Raises = Callable[[Floats, Floats, Floats, Floats], npt.NDArray[np.bool_]]
"""Whether a record of this value and upper bound is raised to a value with this lower bound."""


def larger(value: Floats, high: Floats, new: Floats, low: Floats) -> npt.NDArray[np.bool_]:
    """The naive ratchet: any larger value."""
    return np.asarray(new > value)


def proven(value: Floats, high: Floats, new: Floats, low: Floats) -> npt.NDArray[np.bool_]:
    """The rule of the package: the lower bound reaches the upper bound of the record."""
    return np.asarray(low >= high)


def simulate_history(
    raises: Raises,
    n_cases: int,
    n_models: int,
    runs: int,
    seed: int,
    *,
    alike: float = 0.0,
    rate: float = 0.9,
    part: float = 1.0,
) -> npt.NDArray[np.bool_]:
    """(models, runs) whether each model of a history was found significantly worse than the record so far.

    Args:
        raises: when the record is raised.
        n_cases: cases of the holdout.
        n_models: equally good models, one after the other.
        runs: histories.
        seed: of the draws.
        alike: share of the cases on which all models of a history answer alike, as retrained ones do.
        rate: how often each model is right.
        part: at which part of its level the lower bound of a raised record is taken.
    """
    rng = np.random.default_rng(seed)
    common = int(alike * n_cases)
    shared = rng.binomial(common, rate, runs)
    counts = np.arange(n_cases + 1)
    lows, highs = binomial.lower(counts, n_cases, LEVEL / 2), binomial.upper(counts, n_cases, LEVEL / 2)
    best = shared + rng.binomial(n_cases - common, rate, runs)
    raised_lows = binomial.lower(counts, n_cases, LEVEL / 2 * part)
    crossed = lows[best]
    worse = np.zeros((n_models, runs), dtype=bool)
    for model in range(n_models):
        hits = shared + rng.binomial(n_cases - common, rate, runs)
        worse[model] = highs[hits] < crossed
        raised = raises(best / n_cases, highs[best], hits / n_cases, lows[hits])
        best, crossed = np.where(raised, hits, best), np.where(raised, raised_lows[hits], crossed)
    return worse


def simulate_record(n_cases: int, n_models: int, runs: int, seed: int, **given: float) -> float:
    """Record how often the last ten models of a history are found worse, and return it for the naive ratchet."""
    case = f"history of {n_models} models, n={n_cases}, " + (
        ", ".join(f"{name} {value:g}" for name, value in given.items()) or "independent errors"
    )
    rates = {}
    for name, raises, part in (("kept", proven, 1 / 32), ("naive", larger, 1.0)):
        worse = simulate_history(raises, n_cases, n_models, runs, seed, part=part, **given)[-10:]
        errors = int(worse.mean(axis=0).sum())  # of as many histories
        rates[name] = float(worse.mean())
        if raises is proven:
            table.record(NAME, case, "equally good", "false violated", errors, runs, limit=LEVEL)
        else:
            table.report_only(
                NAME, f"{case}, raised to any larger", "equally good", "false violated", errors, runs, LEVEL
            )
    assert rates["kept"] <= LEVEL
    return rates["naive"]


@pytest.mark.parametrize("n_cases", [200, 1000, 5000])
def test_a_hundred_equally_good_models(n_cases: int) -> None:
    """Errors that have nothing in common, as on a holdout of one's own for each: the hardest of these histories."""
    assert simulate_record(n_cases, 100, 4000, seed=81) > LEVEL


@pytest.mark.parametrize("alike", [0.5, 0.9])
def test_models_that_err_alike_are_told_apart_less_often(alike: float) -> None:
    """On one holdout, retrained models share most of their errors: both rules err less."""
    assert simulate_record(1000, 100, 4000, seed=82, alike=alike) < 0.05


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n_models", "naive"), [(100, 0.06), (1000, 0.2), (10_000, 0.4)])
def test_long_histories_in_full(n_models: int, naive: float) -> None:
    """The longer the history, the worse the naive ratchet; the other one stays below the level."""
    assert simulate_record(1000, n_models, 4000, seed=83) > naive


def test_a_record_of_its_own_level_would_not_last() -> None:
    """Raised when proven better, but with its bound at the whole half level: too often after a thousand models."""
    worse = simulate_history(proven, 1000, 1000, 1000, seed=87)[-100:]

    assert worse.mean() > LEVEL


@pytest.mark.parametrize("rate_", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n_cases", [50, 1000])
def test_one_comparison_with_an_honest_record(n_cases: int, rate_: float) -> None:
    """Both answers can be wrong for equally good models: worse, or proven better."""
    runs = 40_000
    rng = np.random.default_rng(84)
    counts = np.arange(n_cases + 1)
    lows, highs = binomial.lower(counts, n_cases, LEVEL / 2), binomial.upper(counts, n_cases, LEVEL / 2)
    old, new = rng.binomial(n_cases, rate_, (2, runs))
    case = f"one comparison, n={n_cases}"
    for side, wrong in (("false violated", highs[new] < lows[old]), ("false met", lows[new] >= highs[old])):
        table.record(NAME, case, f"both rates {rate_:g}", side, int(wrong.sum()), runs, limit=LEVEL)  # type: ignore[arg-type]


def test_the_hardest_dependence_stays_below_the_level() -> None:
    """A new model that is right where the old one is wrong: n - hits. The union of two errors bounds any dependence."""
    runs, n_cases = 40_000, 1000
    rng = np.random.default_rng(85)
    counts = np.arange(n_cases + 1)
    lows, highs = binomial.lower(counts, n_cases, LEVEL / 2), binomial.upper(counts, n_cases, LEVEL / 2)
    old = rng.binomial(n_cases, 0.5, runs)
    wrong = highs[n_cases - old] < lows[old]

    table.record(
        NAME, f"opposite errors, n={n_cases}", "both rates .5", "false violated", int(wrong.sum()), runs, LEVEL
    )
    points = (n_cases - old) < old  # comparing values
    assert points.mean() > 0.45


def test_a_model_that_is_worse_is_found() -> None:
    """The rule is no blindfold: at n = 5000, .95 then .92 is found in most runs."""
    rng = np.random.default_rng(86)
    n_cases = 5000
    old, new = rng.binomial(n_cases, 0.95, 2000), rng.binomial(n_cases, 0.92, 2000)

    found = binomial.upper(new, n_cases, LEVEL / 2) < binomial.lower(old, n_cases, LEVEL / 2)
    assert found.mean() > 0.9


def test_the_package_judges_by_this_rule() -> None:
    """The verdicts of the package, for every count, are those that were simulated."""
    from pytest_mlspec import metrics

    n_cases, kept = 1000, Kept(updating=True)
    judge(kept, metrics.accuracy(rate(900)))
    assert isinstance(kept.now, Best)
    record = Kept(entry=kept.now)
    counts = np.arange(840, 960)
    outcomes = [str(judge(record, metrics.accuracy(rate(int(hits)))).outcome) for hits in counts]

    lows, highs = binomial.lower(counts, n_cases, LEVEL / 2), binomial.upper(counts, n_cases, LEVEL / 2)
    low, high = (float(bound(np.array(900), n_cases, LEVEL / 2)) for bound in (binomial.lower, binomial.upper))
    assert outcomes == [
        "violated" if u < low else "met" if v >= high else "undecided" for u, v in zip(highs, lows, strict=True)
    ]
