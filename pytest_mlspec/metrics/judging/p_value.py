"""How strongly a requirement is violated: the smallest error level at which it would still be."""

from __future__ import annotations

import math
from collections.abc import Callable

SMALLEST = 1e-6
"""No level below this one is tried: few bounds are checked as far."""
STEP = 1.2


def smallest_level(violated: Callable[[float], bool], known: float) -> float:
    """The smallest level of a grid at which a requirement is violated: a p-value, rounded up by at most a fifth.

    Bounds widen as their level falls, so that the levels at which a requirement is violated have no gaps and the
    smallest is found by halving. A bound that is not valid below some level is open there, and the p-value stays above.

    Args:
        violated: whether the requirement is violated at an error level.
        known: a level at which it is.

    Returns:
        A level in [1e-6, known].

    Source:
        Lehmann & Romano 2005, Testing Statistical Hypotheses, section 3.3: the p-value of nested rejection regions.

    Example:
        >>> round(smallest_level(lambda level: level >= 0.004, 0.05), 4)
        0.0047
    """
    steps = max(0, math.floor(math.log(known / SMALLEST) / math.log(STEP)))
    low, high = 0, steps + 1  # violated after `low` steps, not after `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if violated(known / STEP**middle) else (low, middle)
    return known / STEP**low
