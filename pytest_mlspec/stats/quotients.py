"""Bounds for the quotient of two quantities that are never negative, from the bounds of each at half the level.

``first / second <= limit`` says the same as ``first <= limit * second``: it is proven by an upper bound of the first
and a lower bound of the second, and refuted by the two others. With each of the two at half the level, Bonferroni's
inequality covers whatever dependence there is: members that are judged on both sets, sets of unequal sizes.

A quotient of standard deviations over seeds needs no less. The F ratio of the plain standard deviations takes
test-set noise for a spread, and a generalised pivotal interval, which subtracts the mean noise, errs in more than half
of the runs where members differ along one direction only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import BoundClass, Bounds, FloatArray, Method

QUOTIENT = Method(
    name="quotient of seed stds, each end at half the level",
    bound_class="asymptotic",
    source="Bonferroni's inequality over the bounds of the two standard deviations",
    domain="as the bounds of the two standard deviations; the members may depend on each other in any way",
)
NOT_TOLD_FROM_ZERO = (
    "the i.i.d. spread cannot be told from 0 on these cases, so no quotient can be proven small: "
    "bound the stress spread itself (seed_variance(max_std=...))"
)

_CLASSES: tuple[BoundClass, ...] = ("exact", "asymptotic", "approximate")


class Ends(Protocol):
    """One-sided bounds of a quantity, one or several: ``Bounds`` or a ``SeedSpread``."""

    @property
    def low(self) -> FloatArray | float:
        """The lower bounds."""

    @property
    def high(self) -> FloatArray | float:
        """The upper bounds."""

    @property
    def method(self) -> Method:
        """What they are."""

    @property
    def reason(self) -> str:
        """Why one of them is open, in words."""


def quotient_bounds(stress: Ends, iid: Ends) -> Bounds:
    """Bound the standard deviation over retrainings on stress cases over the one on i.i.d. cases.

    Args:
        stress: the spread on the stress cases, bounded at half of the wanted level.
        iid: the spread on the i.i.d. cases, bounded at half of the wanted level.

    Returns:
        Bounds of their shape: ``high`` is infinite where the i.i.d. spread cannot be told from 0 (then ``reason`` says
        so), ``low`` is 0 where nothing is known from below.

    Source:
        high = U_stress / L_iid and low = L_stress / U_iid, each bound at level / 2 (Bonferroni's inequality).
    """
    bounds = ratio_of_bounds(stress, iid)
    reason = bounds.reason or ("" if np.all(np.asarray(iid.low) > 0) else NOT_TOLD_FROM_ZERO)
    return replace(bounds, method=replace(QUOTIENT, bound_class=bounds.method.bound_class), reason=reason)


def ratio_of_bounds(first: Ends, second: Ends) -> Bounds:
    """Bound ``first / second`` of two quantities that are never negative, whatever their dependence.

    Args:
        first: bounds of the dividend, at half of the wanted level.
        second: bounds of the divisor, at half of the wanted level, of a shape that broadcasts.

    Returns:
        Bounds in the broadcast shape: ``low`` = L_first / U_second, 0 where nothing is known; ``high`` = U_first /
        L_second, infinite where the divisor cannot be told from 0. The class is the weaker one of the two.

    Source:
        Bonferroni's inequality.
    """
    low = _divided(np.maximum(first.low, 0.0), np.maximum(second.high, 0.0))
    high = np.where(np.asarray(second.low) > 0, _divided(np.maximum(first.high, 0.0), second.low), np.inf)
    method = _of_both(first.method, second.method)
    return Bounds(low=low, high=high, method=method, reason=first.reason or second.reason)


def _divided(dividend: npt.ArrayLike, divisor: npt.ArrayLike) -> FloatArray:
    """The quotient; over 0 it is infinite, or 0 where the dividend is 0 too; over an infinite divisor it is 0."""
    above, below = np.broadcast_arrays(np.asarray(dividend, np.float64), np.asarray(divisor, np.float64))
    over_zero = np.where(above > 0, np.inf, 0.0)
    known = (below > 0) & np.isfinite(below)
    return np.divide(above, below, out=np.where(np.isinf(below), 0.0, over_zero), where=known)


def _of_both(first: Method, second: Method) -> Method:
    names = dict.fromkeys((first.name, second.name))
    weaker = max(first, second, key=lambda method: _CLASSES.index(method.bound_class))
    return Method(
        name=f"{' and '.join(names)} for each side, Bonferroni",
        bound_class=weaker.bound_class,
        source="; ".join(dict.fromkeys((first.source, second.source))),
        domain="; ".join(dict.fromkeys((first.domain, second.domain))),
    )
