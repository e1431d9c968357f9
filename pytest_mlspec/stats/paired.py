"""Two models on the same cases: bounds for the difference of their rates from the cases on which they disagree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import FloatArray, Method

PAIRED_SQUARE_AND_ADD = Method(
    name="paired square-and-add Clopper-Pearson",
    bound_class="asymptotic",
    source="Newcombe 1998, Statist. Med. 17:2635, with Clopper-Pearson arms on the discordant cases",
    domain="independent cases, both models on every case",
)


def difference_bounds(
    gained: npt.ArrayLike, lost: npt.ArrayLike, trials: npt.ArrayLike, level: float
) -> tuple[FloatArray, FloatArray]:
    """One-sided bounds for the rate of the new model minus the rate of the old one on the same cases.

    With b = gained / trials and c = lost / trials, their one-sided Clopper-Pearson arms lo and up, and the multinomial
    correlation -f of b and c, f = sqrt(b c / ((1 - b)(1 - c))) (0 where either is 1):
    low = b - c - sqrt(lo_b^2 + up_c^2 + 2 f lo_b up_c), and high the same with lo and up exchanged.

    Args:
        gained: cases that the new model has right and the old one wrong; any shape, broadcasts.
        lost: cases that the old model has right and the new one wrong.
        trials: cases in all, at least ``gained + lost``; 0 gives the bounds -1 and 1.
        level: one-sided error level in (0, 1), for each side.

    Returns:
        ``low`` and ``high`` in the broadcast shape, fractions in [-1, 1].

    Raises:
        ValueError: counts that do not fit together, or a level outside (0, 1).

    Source:
        Newcombe 1998, method 10 (square-and-add for paired proportions); Clopper & Pearson 1934 for the arms.
    """
    wins, losses, cases = np.broadcast_arrays(*(np.asarray(count, np.float64) for count in (gained, lost, trials)))
    if (wins + losses > cases).any():
        raise ValueError("expected gained + lost <= trials, got more disagreements than cases")
    won, won_down, won_up = _arms(wins, cases, level)
    dropped, dropped_down, dropped_up = _arms(losses, cases, level)
    odds = (1.0 - won) * (1.0 - dropped)
    correlation = np.where(odds > 0.0, np.sqrt(won * dropped / np.where(odds > 0.0, odds, 1.0)), 0.0)
    difference = won - dropped
    low = difference - np.sqrt(won_down**2 + dropped_up**2 + 2.0 * correlation * won_down * dropped_up)
    high = difference + np.sqrt(won_up**2 + dropped_down**2 + 2.0 * correlation * won_up * dropped_down)
    return np.clip(low, -1.0, 1.0), np.clip(high, -1.0, 1.0)


def _arms(count: FloatArray, cases: FloatArray, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    low, high = binomial.lower(count, cases, level), binomial.upper(count, cases, level)
    # Without cases nothing is known: the rate 0 with the arms of [0, 1].
    rate = np.divide(count, cases, out=np.zeros_like(low), where=cases > 0)
    return rate, rate - low, high - rate
