"""Levels that keep their promise when one question is asked several times: as data grow, or of one test set.

Judging again whenever more data arrive, or whenever another model is tried, is wrong far more often than one judgement:
a rate at its limit, looked at after every 50 of 2000 cases, is falsely met in every fifth history. The error level is
a budget. It is spent over looks whose sizes were declared before the first one, or over the reads of a test set.

``spent`` divides the level into parts, one for each look, that add up to it. By Bonferroni's inequality they are valid
for every bound of this package and whatever the looks share, and they cost some power because looks share cases.
``rate_levels`` gives that power back for a rate: which count ends the test at each look is found by an exact recursion
over the looks, and its level makes the Clopper-Pearson bound decide exactly so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import special

from pytest_mlspec.stats.bounds import FloatArray, IntArray, Method

Spending = Literal["obrien-fleming", "pocock", "even"]
"""How the level is spread: little at first and nearly all left for the last look, evenly by cases, evenly by looks."""

DECLARED_LOOKS = Method(
    name="Clopper-Pearson at declared looks",
    bound_class="exact",
    source="Lan & DeMets 1983, Biometrika 70:659 (spending); Jennison & Turnbull 1999, chapter 12 (exact recursion)",
    domain="independent cases, looks declared before the first one, none chosen by what was seen",
)

SMALLEST_LEVEL = 1e-30  # an O'Brien-Fleming look at a very small share of the data would otherwise get a level of 0
NEGLIGIBLE = 1e-25  # outcomes rarer than this are left out of the recursion


@dataclass(frozen=True, slots=True, kw_only=True)
class LookLevels:
    """The level of each one-sided bound at each look, (looks,): ``low`` of lower bounds, ``high`` of upper bounds."""

    low: FloatArray
    high: FloatArray


def spent(looks: Sequence[int], level: float, spending: Spending = "obrien-fleming") -> FloatArray:
    """Divide a level over declared looks, so that all of them together err at most at the level.

    The part of a look depends on its own size, on the looks before it and on the last size only: a look that turns out
    a few cases larger than declared may be replaced, so long as the sizes were not chosen by what was seen.

    Args:
        looks: number of cases at each look, increasing; the last is the largest number that will be judged.
        level: one-sided error of all looks together.
        spending: how the level is spread over the looks.

    Returns:
        (looks,) levels that add up to ``level``; each look uses its own as the level of its bounds.

    Raises:
        ValueError: looks that do not increase, a level outside (0, 1) or an unknown spending.

    Source:
        Lan & DeMets 1983, Biometrika 70:659, with t the share of the last look: spent up to t are
        2 (1 - Phi(z_{level/2} / sqrt(t))) for O'Brien-Fleming and level ln(1 + (e - 1) t) for Pocock; even is
        level / L for each of L looks. Bonferroni's inequality for the sum.

    Example:
        >>> spent([500, 1000, 2000], 0.05, "pocock").round(4).tolist()
        [0.0179, 0.0131, 0.019]
    """
    return np.diff(_spent_so_far(_checked_looks(looks), level, spending), prepend=0.0)


def rate_levels(
    looks: Sequence[int],
    threshold: float,
    level: float,
    spending: Spending = "obrien-fleming",
    cases: Sequence[int] | None = None,
) -> LookLevels:
    """Levels of the Clopper-Pearson bounds at each look that judge a rate against a threshold, exactly.

    "Met" is claimed at the first look at which the lower bound reaches the threshold, "violated" at the first one at
    which the upper bound falls to it; the other is then claimed no more. For every true rate on the wrong side the
    chance that a claim is ever made is at most ``level``. What an early look leaves unspent goes to the next.

    Args:
        looks: number of cases at each look, increasing; the last is the largest number that will be judged.
        threshold: the rate that bounds are compared with, in (0, 1). The levels hold for this comparison only.
        level: one-sided error of all looks together, for each side.
        spending: how the level is spread over the looks.
        cases: cases that the rate is made of at each look so far, where it is made of some only (recall: positives);
            whole numbers that do not decrease. What is asked about may depend on the cases and on what the model says
            of them: given which cases count, those that do are independent of each other with the same rate.

    Returns:
        Levels in (0, level], not adding up to ``level``: the looks share their cases, and that is accounted for. As
        many as there are looks, or as ``cases``.

    Raises:
        ValueError: looks that do not increase, a level or threshold outside (0, 1), an unknown spending, more cases
            than a look has.

    Source:
        Lan & DeMets 1983; the recursion over looks of Armitage, McPherson & Rowe 1969, JRSS A 132:235, in its exact
        binomial form (Jennison & Turnbull 1999, section 12.1). More successes never undo a claim, so that the worst
        true rate is the threshold itself.

    Example:
        >>> rate_levels([400, 800, 1200, 1600, 2000], 0.9, 0.05).low.round(4).tolist()
        [0.0, 0.0019, 0.0114, 0.0256, 0.0414]
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"expected a rate in (0, 1) to judge at several looks, got threshold={threshold!r}")
    sizes = _checked_looks(looks)
    budget = _spent_so_far(sizes, level, spending)
    if cases is not None:
        sizes = _checked_cases(cases, sizes)
        budget = budget[: len(sizes)]
    # An upper bound of the successes is a lower bound of the failures.
    return LookLevels(low=_levels(sizes, threshold, budget), high=_levels(sizes, 1.0 - threshold, budget))


def ledger_level(level: float, budget: int) -> float:
    """The level of each of ``budget`` models that are judged on one test set, so that none is falsely met.

    It holds while all that the models' author learns from the test set is "not yet met"; after the first "met", or
    once scores are shown and acted upon, no division of the level protects.

    Args:
        level: one-sided error of the whole history.
        budget: largest number of distinct models that will be judged on the test set.

    Returns:
        ``level / budget``.

    Raises:
        ValueError: a level outside (0, 1) or a budget below 1.

    Source:
        Bonferroni's inequality over the one path of models that "not yet met" allows (Renggli et al. 2019, MLSys).

    Example:
        >>> round(ledger_level(0.05, 20), 6)
        0.0025
    """
    return _checked_level(level) / _checked_number(budget, "budget")


def open_ended_level(level: float, read: int) -> float:
    """The level of the ``read``-th model on one test set where no budget was declared.

    Args:
        level: one-sided error of the whole history, however long.
        read: which distinct model this is, from 1.

    Returns:
        ``level / (read (read + 1))``; over all reads these add up to ``level``.

    Raises:
        ValueError: a level outside (0, 1) or a read below 1.

    Source:
        Bonferroni's inequality with the telescoping sum of 1 / (h (h + 1)) = 1.

    Example:
        >>> [round(open_ended_level(0.06, read), 6) for read in (1, 2, 3)]
        [0.03, 0.01, 0.005]
    """
    number = _checked_number(read, "read")
    return _checked_level(level) / (number * (number + 1))


def _spent_so_far(sizes: IntArray, level: float, spending: Spending) -> FloatArray:
    """(looks,) the part of the level spent up to each look; the last entry is the level."""
    _checked_level(level)
    share = sizes / sizes[-1]
    if spending == "obrien-fleming":
        total = 2.0 * special.ndtr(special.ndtri(level / 2.0) / np.sqrt(share))
    elif spending == "pocock":
        total = level * np.log1p(np.expm1(1.0) * share)
    elif spending == "even":
        total = level * np.arange(1, len(sizes) + 1) / len(sizes)
    else:
        raise ValueError(f"expected spending to be one of {get_args(Spending)}, got spending={spending!r}")
    total = np.maximum(total, SMALLEST_LEVEL * np.arange(1, len(sizes) + 1))
    total[-1] = level
    return np.asarray(total, dtype=np.float64)


def _levels(sizes: IntArray, threshold: float, budget: FloatArray) -> FloatArray:
    """Levels at which Clopper-Pearson claims a rate above the threshold from the counts of the recursion on."""
    counts = _first_counts(sizes, threshold, budget)
    reached, one_less = _tail(counts, sizes, threshold), _tail(counts - 1, sizes, threshold)
    # Every level in [reached, one_less) decides alike. All that may have been spent so far is shown where it is one of
    # them (the level itself at a single look), else a value well inside, that no rounding can push out.
    inside = np.where(reached > 0.0, np.sqrt(reached * one_less), 0.5 * one_less)
    return np.maximum(np.where((reached <= budget) & (budget < one_less), budget, inside), SMALLEST_LEVEL)


def _first_counts(sizes: IntArray, threshold: float, budget: FloatArray) -> IntArray:
    """(looks,) the smallest count at each look with P(reached by then) <= budget; ``n + 1`` where there is none."""
    counts = np.empty_like(sizes)
    open_outcomes, offset, reached, before = np.ones(1), 0, 0.0, 0  # P(count = offset + i, and no claim so far)
    for look, size in enumerate(sizes):
        steps, first = _binomial(int(size) - before, threshold)
        open_outcomes, offset = np.convolve(open_outcomes, steps), offset + first
        at_least = np.append(np.cumsum(open_outcomes[::-1])[::-1], 0.0)
        claim = int(np.argmax(reached + at_least <= budget[look]))  # the appended 0 always is
        counts[look] = offset + claim
        reached += float(at_least[claim])
        open_outcomes, before = open_outcomes[:claim], int(size)
    return counts


def _binomial(trials: int, rate: float) -> tuple[FloatArray, int]:
    """Probabilities of all counts that are not negligible, and the first of these counts."""
    counts = np.arange(trials + 1)
    ways = special.gammaln(trials + 1) - special.gammaln(counts + 1) - special.gammaln(trials - counts + 1)
    chance = np.exp(ways + special.xlogy(counts, rate) + special.xlog1py(trials - counts, -rate))
    kept = np.flatnonzero(chance > NEGLIGIBLE)
    return chance[kept[0] : kept[-1] + 1], int(kept[0])


def _tail(counts: IntArray, trials: IntArray, rate: float) -> FloatArray:
    """P(Binomial(trials, rate) >= counts)."""
    inside = np.clip(counts, 1, trials)
    chance = special.betainc(inside, trials - inside + 1, rate)
    return np.asarray(np.where(counts < 1, 1.0, np.where(counts > trials, 0.0, chance)), dtype=np.float64)


def _checked_looks(looks: Sequence[int]) -> IntArray:
    sizes = np.asarray(looks)
    if sizes.ndim != 1 or not sizes.size or sizes.dtype.kind not in "iu" or sizes[0] < 1 or (np.diff(sizes) < 1).any():
        raise ValueError(f"expected increasing whole numbers of cases, one for each look, got looks={looks!r}")
    return sizes.astype(np.int64)


def _checked_level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a one-sided error level in (0, 1), got level={level!r}")
    return level


def _checked_number(number: int, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
        raise ValueError(f"expected a whole number of at least 1, got {name}={number!r}")
    return int(number)


def _checked_cases(cases: Sequence[int], sizes: IntArray) -> IntArray:
    counted = np.asarray(cases)
    fits = counted.ndim == 1 and 0 < counted.size <= sizes.size and counted.dtype.kind in "iu"
    if not fits or counted[0] < 0 or (np.diff(counted) < 0).any() or (counted > sizes[: counted.size]).any():
        raise ValueError(
            "expected whole numbers of cases that do not decrease, one for each look so far and at most its size; "
            f"got cases={cases!r} for looks={sizes.tolist()}"
        )
    return counted.astype(np.int64)
