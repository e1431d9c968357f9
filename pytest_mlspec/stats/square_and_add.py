"""Closed-form bounds for two independent rates from the arms of each: the squares of the arms are added.

An arm is the distance from a rate to its own one-sided bound. Rates and arms have the shape (members, groups); the
results have the shape (members, g, h) and hold the bound of group g against group h.
"""

from __future__ import annotations

import numpy as np

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import FloatArray


def arms(hits: FloatArray, cases: FloatArray, rate: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Clopper-Pearson arms below and above each rate."""
    return rate - binomial.lower(hits, cases, level), binomial.upper(hits, cases, level) - rate


def differences_above(rate: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Upper bounds of rate g minus rate h: d + sqrt(above_g^2 + below_h^2) (Newcombe 1998, method 10)."""
    squares = above[:, :, None] ** 2 + below[:, None, :] ** 2
    return np.asarray(rate[:, :, None] - rate[:, None, :] + np.sqrt(squares))


def differences_below(rate: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Lower bounds of rate g minus rate h: d - sqrt(below_g^2 + above_h^2), the mirror image of h minus g."""
    return -np.swapaxes(differences_above(rate, below, above), 1, 2)


def ratios_below(rate: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Lower bounds of rate g over rate h: where the lower bound of p_g - r p_h is 0 (Donner & Zou 2012, MOVER-R).

    That is the smaller root r of (p_g - r p_h)^2 = below_g^2 + r^2 above_h^2, in the form that does not cancel.
    """
    p, q, arm, other_arm = rate[:, :, None], rate[:, None, :], below[:, :, None], above[:, None, :]
    constant = p**2 - arm**2
    divisor = p * q + np.sqrt(q**2 * arm**2 + other_arm**2 * constant)
    constant = np.broadcast_to(constant, divisor.shape)
    return np.divide(constant, divisor, out=np.zeros_like(divisor), where=divisor > 0)


def ratios_above(rate: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """Upper bounds of rate g over rate h: the larger root r of (p_g - r p_h)^2 = above_g^2 + r^2 below_h^2.

    Infinite where rate h may be 0.
    """
    p, q, arm, other_arm = rate[:, :, None], rate[:, None, :], above[:, :, None], below[:, None, :]
    leading = q**2 - other_arm**2
    dividend = p * q + np.sqrt(p**2 * other_arm**2 + arm**2 * leading)
    leading = np.broadcast_to(leading, dividend.shape)
    return np.divide(dividend, leading, out=np.full_like(dividend, np.inf), where=leading > 0)
