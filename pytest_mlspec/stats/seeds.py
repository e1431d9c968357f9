"""Bounds over retrainings on one shared test set: the spread over seeds and the mean of the expected retraining.

``K`` members are judged on the same ``n`` cases. The standard deviation ``s`` of their ``K`` mean values holds two
things: how much retraining changes the model (the target, on the distribution the cases came from) and the noise of
a finite test set, which falls with ``n``. With ``E`` the rows after both the member means and the case means were taken
out, the eigenvalues ``lam_j`` of ``E E' / ((n - 1) n)`` are the noise variances of the ``K`` member means in ``K - 1``
directions; their sum over ``K - 1`` is the noise in ``s ** 2``. Members that differ along one direction only (one
threshold, say) put all of it into ``lam_1``, so the bounds pay for ``lam_1`` and not for the average. What may safely
be taken out of ``s ** 2`` before the upper bound is the noise that every direction has, ``lam_{K-1}``: near nothing for
such members, and most of the noise for members that err on cases of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats import binomial
from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

SEED_STD = Method(
    name="seed std, noise-corrected chi-square",
    bound_class="asymptotic",
    source="two-way decomposition of Jordan 2024 (arXiv 2304.01910) with a Wilson-type term; see std_bounds",
    domain="independent cases, near-normal spread over seeds (not collapsed runs), level >= 0.01",
)
SEED_MEAN = Method(
    name="mean over seeds, effective-n Clopper-Pearson",
    bound_class="asymptotic",
    source="two-way standard error, Korn & Graubard 1998 for the effective n; see mean_bounds",
    domain="independent cases, at least 5 retrainings to be met, level >= 0.01",
)

# The validity suite covers the bounds of this module down to here: 0.02 is the share that each of two bounds has in one
# of several claims judged together (40 % of 0.05), and 0.01 that of one of two looks at a growing ensemble. They err
# less than their level there, and less the lower it is.
LOWEST_LEVEL = 0.01
MEMBERS_TO_BE_MET = 5
MEMBERS_TO_SEE_OWN_NOISE = 5  # with fewer, one direction cannot be told from all
NULL_DRAWS = 1 << 14
CHUNK = 1 << 13  # cases converted to floats at once


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSpread:
    """The standard deviation of a metric over retrainings, with one-sided bounds, in the unit of the metric.

    ``value`` has the test-set noise taken out, ``raw`` is the plain standard deviation of the members' values.
    ``noise`` is the standard deviation that the finite test set adds, ``main_noise`` the one along its largest
    direction, ``own_noise`` the one along its smallest (0 with fewer than 5 members), ``radius`` the largest distance
    of one case's column of values from its mean. ``low`` is 0 and ``high`` infinite where nothing can be said, and
    ``reason`` says why.
    """

    value: float
    raw: float
    low: float
    high: float
    n_members: int
    n_examples: int
    noise: float
    main_noise: float
    own_noise: float
    radius: float
    method: Method
    reason: str = ""


def std_bounds(rows: npt.ArrayLike, level: float, width: float = 1.0) -> SeedSpread:
    """Bound the standard deviation over retrainings of a metric that is a mean over cases.

    Args:
        rows: (members, examples), the value of each case under each member (hits as 0/1, losses).
        level: one-sided error of each end; below 0.01 nothing is claimed.
        width: the range of one case's values: 1 for a rate, the largest loss for a loss.

    Returns:
        The spread in the unit of the rows.

    Raises:
        ValueError: on NaN, on one case whose values differ by more than ``width``, on a wrong shape.

    Source:
        With z the normal and chi2_q the chi-square quantile (K - 1 degrees), f = sqrt((K-1) / chi2_level),
        R = width sqrt(K) / 2, N = z sqrt((lam_1 + z^2 R^2 / (4 n^2)) / (K-1)), the noise o = lam_{K-1} -
        z^2 R^2 / (n^2 (K-1)) that every direction has (0 if negative or K < 5, at most s^2) and s_o = sqrt(s^2 - o):
        high = s_o + sqrt((sqrt(f^2 s^2 - o) - s_o)^2 + f^2 N^2) + f z^2 R / (2 n sqrt(K-1));
        low = s_c - sqrt((s_c - l)^2 + N^2) with s_c^2 = s^2 - noise^2 and l^2 = (K-1) s^2 / chi2_{1-level} - noise^2,
        and 0 unless (K-1) s^2 exceeds the (1-level) quantile of sum_j lam_j chi2_1 plus z^2 R^2 / n^2.
    """
    checked = _checked(rows, level)
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"width must be a positive number: the range of one case's values; got width={width!r}")
    widest = float(np.max(checked.max(axis=0) - checked.min(axis=0))) if checked.dtype != np.bool_ else 1.0
    if widest > width * (1.0 + 1e-9) and len(checked) > 1:
        raise ValueError(f"the values of one case differ by {widest:g} between members, more than width={width:g}")
    return spread_of(checked, level, radius=0.5 * width * float(np.sqrt(len(checked))), method=SEED_STD)


def mean_bounds(
    rows: npt.ArrayLike,
    level: float,
    comparison: Literal[">=", "<="] = ">=",
    value_range: tuple[float, float] = (0.0, 1.0),
) -> Bounds:
    """Bound the mean value of the expected retraining: the error holds the noise of seeds and of the test set.

    Args:
        rows: (members, examples), the value of each case under each member, inside ``value_range``.
        level: one-sided error of each end; below 0.01 nothing is claimed.
        comparison: ``">="`` where the requirement is a floor, ``"<="`` where it is a ceiling: the end that would
            prove it met needs at least 5 retrainings, the end that would prove it violated at least 2.
        value_range: smallest and largest value that one case can have.

    Returns:
        Bounds of shape (), in the unit of the rows.

    Raises:
        ValueError: on a value outside ``value_range`` and on a wrong shape.

    Source:
        se^2 = Var_i(mean_k Y) / n + (t_{K-1} / z)^2 s^2 / K, n_eff = min(n, p (1-p) / se^2) (n where se = 0), then
        Clopper-Pearson with n_eff p successes in n_eff trials (after Korn & Graubard 1998).
    """
    checked = _checked(rows, level)
    start, end = (float(edge) for edge in value_range)
    if not (start < end and checked.min() >= start and checked.max() <= end):
        raise ValueError(
            f"every value must lie in value_range=({start:g}, {end:g}); got values in "
            f"[{checked.min():g}, {checked.max():g}]"
        )
    n_members = len(checked)
    reason = _why_undecided(n_members, checked.shape[1], level)
    low, high = -np.inf, np.inf
    if not reason:
        low, high = (start + (end - start) * side for side in _effective_rate(checked, level, start, end))
        if n_members < MEMBERS_TO_BE_MET:
            low, high = (-np.inf, high) if comparison == ">=" else (low, np.inf)
            reason = f"needs at least {MEMBERS_TO_BE_MET} retrainings to be met, got {n_members}"
    return Bounds(low=np.asarray(low), high=np.asarray(high), method=SEED_MEAN, reason=reason)


def spread_of(rows: npt.NDArray[np.generic], level: float, radius: float, method: Method) -> SeedSpread:
    """The spread of rows that were checked before; ``radius`` is the largest norm of one case's centred column."""
    n_members, n_examples = rows.shape
    raw, noises = _two_way(rows)
    noise_square = float(noises.sum()) / max(n_members - 1, 1)
    main, own = float(noises.max(initial=0.0)), 0.0
    if n_members >= MEMBERS_TO_SEE_OWN_NOISE:
        own = float(np.partition(noises, 1)[1])  # the smallest of K - 1: one of the K is 0 by construction
    reason = _why_undecided(n_members, n_examples, level)
    low, high = 0.0, np.inf
    if not reason:
        low = std_low(raw, noises, n_members, n_examples, level, radius)
        high = std_high(raw, main, own, n_members, n_examples, level, radius)
    return SeedSpread(
        value=_without_noise(raw, noise_square) if n_members > 1 and n_examples > 1 else np.nan,
        raw=raw if n_members > 1 else np.nan,
        low=low,
        high=high,
        n_members=n_members,
        n_examples=n_examples,
        noise=float(np.sqrt(noise_square)),
        main_noise=float(np.sqrt(main)),
        own_noise=float(np.sqrt(own)),
        radius=radius,
        method=method,
        reason=reason,
    )


def _checked(rows: npt.ArrayLike, level: float) -> npt.NDArray[np.generic]:
    if not 0.0 < level < 0.5:
        raise ValueError(f"level is the one-sided error of a bound, between 0 and 0.5; got level={level!r}")
    checked = np.atleast_2d(np.asarray(rows))
    if checked.ndim != 2 or checked.shape[1] == 0:
        raise ValueError(f"rows must have shape (members, examples) with at least one example; got {checked.shape}")
    if checked.dtype.kind not in "biuf":
        raise TypeError(f"rows must be numbers; got dtype={checked.dtype}")
    if checked.dtype.kind == "f" and not np.isfinite(checked).all():
        raise ValueError("rows must be finite: a case whose value is NaN or infinite has no mean; drop or mend it")
    return checked


def _why_undecided(n_members: int, n_examples: int, level: float) -> str:
    if n_members < 2:
        return f"needs at least 2 retrainings, got {n_members}"
    if n_examples < 2:
        return f"needs at least 2 examples, got {n_examples}"
    if level < LOWEST_LEVEL - 1e-12:
        return f"bounds over seeds are checked down to level {LOWEST_LEVEL:g}, asked for {level:g}"
    return ""


def _two_way(rows: npt.NDArray[np.generic]) -> tuple[float, FloatArray]:
    """Standard deviation of the member means, and the K noise variances ``lam_j`` of their directions."""
    n_members, n_examples = rows.shape
    if n_members < 2 or n_examples < 2:
        return 0.0, np.zeros(n_members)
    is_binary = rows.dtype == np.bool_ or (rows.dtype.kind in "iu" and rows.min() >= 0 and rows.max() <= 1)
    products, sums = np.zeros((n_members, n_members)), np.zeros(n_members)
    for start in range(0, n_examples, CHUNK):
        part = rows[:, start : start + CHUNK]
        if is_binary:
            block = part.astype(np.float32)  # exact: counts of at most CHUNK cases
        else:
            block = part.astype(np.float64)
            block -= block.mean(axis=0)  # cases' own levels cancel later anyway; without them no digits are lost
        products += block @ block.T
        sums += block.sum(axis=1)
    means = sums / n_examples
    covariance = products - n_examples * np.outer(means, means)
    covariance -= covariance.mean(axis=0)
    covariance -= covariance.mean(axis=1, keepdims=True)
    noises = np.clip(np.linalg.eigvalsh(covariance), 0.0, None) / ((n_examples - 1) * n_examples)
    return float(means.std(ddof=1)), noises


def std_high(
    raw: float, main: float, own: float, n_members: int, n_examples: int, level: float, radius: float
) -> float:
    """Upper end of ``std_bounds`` from the standard deviation ``raw`` of the member means, lam_1 and lam_{K-1}."""
    degrees = n_members - 1
    z = float(special.ndtri(1.0 - level))
    factor = np.sqrt(degrees / _chi2_quantile(level, degrees))
    wilson = z**2 * radius / (2.0 * n_examples)
    taken_out = min(max(own - (z * radius / n_examples) ** 2 / degrees, 0.0), raw**2)
    centre = np.sqrt(raw**2 - taken_out)
    arm = np.sqrt((factor * raw) ** 2 - taken_out) - centre
    noise = np.sqrt((z**2 * main + wilson**2) / degrees)
    return float(centre + np.hypot(arm, factor * noise) + factor * wilson / np.sqrt(degrees))


def std_low(
    raw: float,
    noises: FloatArray,
    n_members: int,
    n_examples: int,
    level: float,
    radius: float,
    null: float | None = None,
) -> float:
    """Lower end of ``std_bounds`` from ``raw`` and the K noise variances ``lam_j``.

    ``null`` is the (1 - level) quantile of sum_j lam_j chi2_1; by default that of fixed draws.
    """
    degrees = n_members - 1
    z = float(special.ndtri(1.0 - level))
    if null is None:
        null = float(np.quantile(_null_draws(n_members) @ noises, 1.0 - level, method="higher"))
    if degrees * raw**2 <= null + (z * radius / n_examples) ** 2:
        return 0.0
    noise_square = noises.sum() / degrees
    corrected = _without_noise(raw, float(noise_square))
    plain = np.sqrt(max(degrees * raw**2 / _chi2_quantile(1.0 - level, degrees) - noise_square, 0.0))
    wilson = z**2 * radius / (2.0 * n_examples)
    noise = np.sqrt((z**2 * noises.max() + wilson**2) / degrees)
    return float(max(corrected - np.hypot(corrected - plain, noise), 0.0))


def _without_noise(raw: float, noise_square: float) -> float:
    excess = raw**2 - noise_square
    return float(np.sqrt(excess)) if excess > 1e-12 * raw**2 else 0.0  # what is left of equal squares is rounding


def _effective_rate(rows: npt.NDArray[np.generic], level: float, start: float, end: float) -> tuple[float, float]:
    n_members, n_examples = rows.shape
    z, t = float(special.ndtri(1.0 - level)), float(special.stdtrit(n_members - 1, 1.0 - level))
    cases = (rows.mean(axis=0, dtype=np.float64) - start) / (end - start)
    raw, _ = _two_way(rows)
    rate = float(np.clip(cases.mean(), 0.0, 1.0))
    error_square = cases.var(ddof=1) / n_examples + (t / z) ** 2 * (raw / (end - start)) ** 2 / n_members
    trials = min(n_examples, rate * (1.0 - rate) / error_square) if error_square > 0 else float(n_examples)
    low = binomial.lower(trials * rate, trials, level)
    high = binomial.upper(trials * rate, trials, level)
    return float(np.asarray(low).item()), float(np.asarray(high).item())


def _chi2_quantile(probability: float, degrees: int) -> float:
    return 2.0 * float(special.gammaincinv(degrees / 2.0, probability))


@lru_cache(maxsize=4)
def _null_draws(n_members: int) -> FloatArray:
    """Fixed draws of chi-square variables with one degree, one column per direction."""
    return np.square(np.random.default_rng(n_members).standard_normal((NULL_DRAWS, n_members)))
