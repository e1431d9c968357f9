"""Two classes with Gaussian scores: how often a threshold is right, and the best threshold."""

from __future__ import annotations

import math

from scipy.special import ndtr


def accuracy_above(cut: float, signal: float, prior: float, *, offset: float = 0.0) -> float:
    """Share of right answers of "positive where u > cut", for u | y ~ N(y * signal + offset, 1), y = +1 or -1.

    Args:
        cut: threshold on u; infinite for a rule that always gives one answer.
        signal: half the distance between the class means, in standard deviations.
        prior: share of y = +1.
        offset: what both class means are moved by.

    Returns:
        prior * Phi(signal + offset - cut) + (1 - prior) * Phi(signal - offset + cut).
    """
    return float(prior * ndtr(signal + offset - cut) + (1 - prior) * ndtr(signal - offset + cut))


def best_cut(signal: float, prior: float, *, offset: float = 0.0) -> float:
    """The threshold of the Bayes rule for the law of :func:`accuracy_above`: where both classes are equally likely."""
    if prior in (0.0, 1.0):
        return -math.inf if prior == 1.0 else math.inf
    return offset - math.log(prior / (1 - prior)) / (2 * signal)
