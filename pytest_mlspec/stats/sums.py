"""How far a weighted sum of independent cases may lie from its expectation, when few of the cases may ever move it.

A normal arm ``z sqrt(v)`` is 0 where no case moved: ten members that never disagree would prove any margin. Wilson's
interval for a rate has the answer: ``z^2 / n`` at no event, the normal arm where there are many. ``arm`` carries it
over to any sum: what one unseen case could do stands beside the cases seen, as one imagined case of the largest size.
"""

from __future__ import annotations

import numpy as np

from pytest_mlspec.stats.bounds import FloatArray


def arm(moved: FloatArray, radius: FloatArray, quantile: float, level: float) -> FloatArray:
    """The one-sided distance between a sum of independent cases and its bound, on both sides the same.

    Args:
        moved: (members, examples), how far each case moved the sum from what was expected of it; the sum of squares is
            the variance of the sum.
        radius: (members,), the most that one case can move it.
        quantile: normal or Student quantile at ``1 - level``.
        level: one-sided error.

    Returns:
        (members,) arms in the unit of the sum.

    Source:
        With v = sum moved^2, R the radius, c = max(quantile^2, ln(1/level)) and r = (sum |moved|^3 + R^3) / (v + R^2):
        sqrt(quantile^2 v + (c R / 2)^2) + c r / 2, which is c R where no case moved (Wilson 1927 for a rate, with
        ln(1/level) where that is larger: no event among Poisson ones).
    """
    sizes = np.abs(moved)
    squares, cubes = np.square(sizes).sum(axis=1), (sizes**3).sum(axis=1)
    weight = 0.5 * max(quantile**2, float(np.log(1.0 / level)))
    typical = np.divide(
        cubes + radius**3, squares + radius**2, out=np.zeros_like(squares), where=squares + radius**2 > 0
    )
    distance: FloatArray = np.hypot(quantile * np.sqrt(squares), weight * radius) + weight * typical
    return distance
