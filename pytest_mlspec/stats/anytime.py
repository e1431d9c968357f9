"""Bounds of a rate that may be looked at after every case: valid at all sample sizes at once, whatever stops the data.

Against "the rate is at most d" a gambler spreads a wealth of 1 evenly over all rates q above d and bets on each by its
likelihood ratio against d. Where the rate is at most d no such bet can be expected to gain, so that the wealth ever
reaches ``1 / level`` with probability at most ``level`` (Ville's inequality). The wealth depends on the counts alone,
not on the order of the cases, and has a closed form.

The bound costs power at any fixed sample size. Where the sizes of the looks can be declared, ``sequential`` is better
for rates near the limit; far from it this one decides earlier.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_mlspec.stats.bounds import Bounds, FloatArray, Method

ANYTIME = Method(
    name="anytime-valid rate",
    bound_class="exact",
    source="Ville 1939; Robbins 1970, Ann. Math. Statist. 41:1397; uniform mixture of likelihood ratios above the rate",
    domain="independent cases, any stopping rule",
)
RETRAININGS_ONE_BY_ONE = Method(
    name="share of retrainings, anytime-valid",
    bound_class="exact",
    source="Ville 1939 at half the level; Markov's inequality for the luck of the shared test set",
    domain="independent retrainings, each judged at sequence_member_level on one shared test set, any stopping rule",
)

LUCK = 0.1
"""Largest share of bad retrainings that one test set is allowed to pass before half of the level has to pay for it."""

HALVINGS = 60


def log_evidence(successes: npt.ArrayLike, trials: npt.ArrayLike, threshold: npt.ArrayLike) -> FloatArray:
    """Log wealth against "the rate is at most the threshold"; it proves a larger rate at ``log(1 / level)``.

    The mirror, against "the rate is at least the threshold", is ``log_evidence(trials - successes, trials,
    1 - threshold)``.

    Args:
        successes: whole counts so far, between 0 and ``trials``; broadcasts with the others.
        trials: cases so far, at least 0.
        threshold: the rate to be exceeded, a fraction in (0, 1).

    Returns:
        Natural logarithms in the broadcast shape; 0 before the first case, ``-inf`` where the wealth is lost.

    Raises:
        ValueError: impossible counts or a threshold outside (0, 1).

    Source:
        Robbins 1970 with the prior uniform on (d, 1]:
        ln B(k + 1, n - k + 1) + ln P(Beta(k + 1, n - k + 1) > d) - ln(1 - d) - k ln d - (n - k) ln(1 - d).

    Example:
        >>> log_evidence([19, 20], [19, 20], 0.8) >= np.log(20)
        array([False,  True])
    """
    hits, cases = _counts(successes, trials)
    limit = np.asarray(threshold, dtype=np.float64)
    if not ((limit > 0.0) & (limit < 1.0)).all():
        raise ValueError(f"expected a rate in (0, 1) to be exceeded, got threshold={threshold!r}")
    return _log_wealth(hits, cases, limit)


def anytime_bounds(successes: npt.ArrayLike, trials: npt.ArrayLike, level: float) -> Bounds:
    """Bound a rate from below and from above, however the number of cases came about.

    Args:
        successes: (members,) or scalar, whole counts between 0 and ``trials``.
        trials: (members,) or scalar, cases so far, at least 0 (0 gives the bounds 0 and 1).
        level: one-sided error of each end over all sample sizes together.

    Returns:
        Bounds in the broadcast shape, rates as fractions: with probability ``1 - level`` ``low`` exceeds the rate at
        no sample size, and the same holds for ``high``.

    Raises:
        ValueError: impossible counts or a level outside (0, 1).

    Source:
        Inverts ``log_evidence``. Below k / (n + 1) the wealth falls in d wherever it is at least 1, so that the
        excluded rates are one interval; above it the wealth stays below e.

    Example:
        >>> bounds = anytime_bounds([90, 950], [100, 1000], 0.05)
        >>> bounds.low.round(3).tolist(), bounds.high.round(3).tolist()
        ([0.795, 0.927], [0.971, 0.972])
    """
    _check_level(level)
    hits, cases = _counts(successes, trials)
    return Bounds(low=_low(hits, cases, level), high=1.0 - _low(cases - hits, cases, level), method=ANYTIME)


def sequence_member_level(level: float) -> float:
    """The level at which each member has to be judged for ``share_sequence`` at ``level``: a twentieth.

    Args:
        level: one-sided error of the share of retrainings.

    Returns:
        ``LUCK level / 2``: 0.0025 at level 0.05.

    Raises:
        ValueError: a level outside (0, 1).
    """
    _check_level(level)
    return LUCK * level / 2.0


def share_sequence(passes: npt.ArrayLike, fails: npt.ArrayLike, n_members: npt.ArrayLike, level: float) -> Bounds:
    """Bound the share of all retrainings that meet a requirement, after each new member.

    Members share their test set. Given that set let r be the share of bad members that it passes: a random number of
    mean at most the level m of each member, and more members do not average it away. It exceeds ``LUCK`` with
    probability at most m / LUCK = level / 2; otherwise the passes, whose rate is p + (1 - p) r, bound p from below.

    Args:
        passes: members proven to meet it, each at ``sequence_member_level(level)``.
        fails: members proven to violate it, each at that level; the others are undecided.
        n_members: all members so far; the three broadcast.
        level: one-sided error of each end over all numbers of members together.

    Returns:
        Bounds in the broadcast shape: ``low`` counts undecided members as bad, ``high`` counts them as good.

    Raises:
        ValueError: counts that do not fit together or a level outside (0, 1).

    Source:
        ``anytime_bounds`` of the passes at level / 2, then (low - LUCK) / (1 - LUCK); Markov's inequality.

    Example:
        >>> round(float(share_sequence(27, 0, 27, 0.05).low), 3)
        0.802
    """
    _check_level(level)
    good, bad, members = np.broadcast_arrays(*(np.asarray(count, np.float64) for count in (passes, fails, n_members)))
    whole = (good == np.floor(good)) & (bad == np.floor(bad)) & (members == np.floor(members))
    if not (whole & (good >= 0) & (bad >= 0) & (good + bad <= members) & (members < np.inf)).all():
        raise ValueError(
            "expected whole counts with passes + fails <= n_members, each at least 0; "
            f"got passes={passes!r}, fails={fails!r}, n_members={n_members!r}"
        )
    return Bounds(
        low=_without_luck(_low(good, members, level / 2.0)),
        high=1.0 - _without_luck(_low(bad, members, level / 2.0)),
        method=RETRAININGS_ONE_BY_ONE,
    )


def _without_luck(low: FloatArray) -> FloatArray:
    return np.maximum(0.0, (low - LUCK) / (1.0 - LUCK))


def _log_wealth(hits: FloatArray, cases: FloatArray, limit: FloatArray) -> FloatArray:
    misses = cases - hits
    with np.errstate(divide="ignore"):  # the chance of a rate above the limit may vanish: all wealth is lost
        above = np.log(special.betaincc(hits + 1.0, misses + 1.0, limit))
    gained = special.betaln(hits + 1.0, misses + 1.0) + above
    return np.asarray(gained - hits * np.log(limit) - (misses + 1.0) * np.log1p(-limit), dtype=np.float64)


def _low(hits: FloatArray, cases: FloatArray, level: float) -> FloatArray:
    """Largest rate up to k / (n + 1) that the counts exclude, by bisection from below; 0 where there is none."""
    low, high = np.zeros(hits.shape), hits / (cases + 1.0)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        inside = np.where(middle > 0.0, middle, 0.5)  # no successes exclude nothing: the bracket is empty
        excluded = (middle > 0.0) & (_log_wealth(hits, cases, inside) >= -np.log(level))
        low, high = np.where(excluded, middle, low), np.where(excluded, high, middle)
    return low


def _counts(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    hits, cases = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    whole = (hits == np.floor(hits)) & (cases == np.floor(cases))
    if not (whole & (hits >= 0.0) & (hits <= cases) & (cases < np.inf)).all():
        raise ValueError(
            f"expected whole counts with 0 <= successes <= trials, got successes={successes!r}, trials={trials!r}"
        )
    return hits, cases


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a one-sided error level in (0, 1), got level={level!r}")
