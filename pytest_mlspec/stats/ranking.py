"""AUROC by sorting once, and its bounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from pytest_mlspec.stats import betting, binomial
from pytest_mlspec.stats.bounds import BoolArray, Bounds, FloatArray, Method

BLOCK_RATIO = 5  # majority cases per minority case from which placements in own blocks are the tighter bound
_SEED = 51_407
_HALVINGS = 50

SMALLER_CLASS_AUROC = Method(
    name="AUROC, Clopper-Pearson on the smaller class",
    bound_class="asymptotic",
    source="Clopper & Pearson (1934) with Var(AUROC) <= A (1 - A) / min(m, n), Birnbaum & Klose (1957)",
    domain="independent cases of both classes, any laws of the scores",
)
PLACEMENTS_AUROC = Method(
    name="AUROC, betting on placements in separate blocks",
    bound_class="exact",
    source="Waudby-Smith & Ramdas (2024) on the placement of each minority case in its own block of the majority",
    domain="independent cases of both classes, any laws of the scores",
)
PAIRED_PLACEMENTS = Method(
    name="difference of AUROC, betting on paired placements",
    bound_class="exact",
    source="Waudby-Smith & Ramdas (2024) on the placements of each minority case in its own block under both models",
    domain="independent cases of both classes, both models on every case, any laws of the scores",
)
HANLEY_MCNEIL_AUROC = Method(
    name="AUROC, Hanley-McNeil score",
    bound_class="approximate",
    source="Hanley & McNeil (1982); Newcombe (2006), method 5",
    domain="near-binormal scores; fails where a part of one class lies beyond all of the other",
)

Scores = npt.NDArray[np.floating]


def auroc(scores: Scores, positive: BoolArray) -> FloatArray:
    """Probability that a positive case scores above a negative one, ties counted half.

    Args:
        scores: (members, examples) or (examples,), any real scores, larger means more positive.
        positive: (examples,), the true class.

    Returns:
        (members,); NaN where one class is absent.

    Raises:
        ValueError: scores with NaN, shapes that differ.

    Source: Hanley & McNeil (1982); equals the Mann-Whitney statistic with midranks divided by m n.
    """
    rows, is_positive = _checked(scores, positive)
    n_positive = int(is_positive.sum())
    n_negative = len(is_positive) - n_positive
    if not n_positive or not n_negative:
        return np.full(len(rows), np.nan)
    fewer = is_positive if n_positive <= n_negative else ~is_positive
    few, many = np.flatnonzero(fewer), np.flatnonzero(~fewer)
    share = np.array([_share_above(row[few], row[many]) for row in rows])
    return share if n_positive <= n_negative else 1.0 - share


def auroc_bounds(
    scores: Scores, positive: BoolArray, level: float = 0.05, *, value: FloatArray | None = None
) -> Bounds:
    """One-sided bounds for the AUROC of the population, each with error at most ``level``, whatever the scores' laws.

    Args:
        scores: (members, examples) or (examples,).
        positive: (examples,), the true class.
        level: error of each side.
        value: what ``auroc`` made of the same arguments, where it is at hand.

    Returns:
        Bounds of shape (members,). With at least five times as many cases of one class as of the other: betting on
        placements (exact); otherwise Clopper-Pearson with the smaller class as the number of trials. Which one is
        used depends on the class counts only. One class absent: -inf, inf and a reason.

    Raises:
        ValueError: scores with NaN, shapes that differ, a level outside (0, 0.5).
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"level must lie between 0 and 0.5, both excluded: level={level}")
    rows, is_positive = _checked(scores, positive)
    n_positive = int(is_positive.sum())
    smaller, larger = sorted((n_positive, len(is_positive) - n_positive))
    if not smaller:
        return _absent(len(rows), n_positive, SMALLER_CLASS_AUROC)
    if larger >= BLOCK_RATIO * smaller:
        return betting_bounds(rows, is_positive, level)
    area = auroc(rows, is_positive) if value is None else value
    hits = np.clip(smaller * area, 0.0, smaller)
    return Bounds(
        low=binomial.lower(hits, smaller, level),
        high=binomial.upper(hits, smaller, level),
        method=SMALLER_CLASS_AUROC,
    )


def betting_bounds(scores: Scores, positive: BoolArray, level: float) -> Bounds:
    """Exact bounds: every case of the smaller class is placed among its own random block of the larger one.

    The placements (share of the block that the case beats, ties half) of different blocks are independent and have
    the AUROC as their mean, so any bound for the mean of values in [0, 1] applies. Arguments as ``auroc_bounds``.
    """
    rows, is_positive = _checked(scores, positive)
    n_positive = int(is_positive.sum())
    if n_positive in (0, len(is_positive)):
        return _absent(len(rows), n_positive, PLACEMENTS_AUROC)
    bounds = betting.mean_bounds(block_placements(rows, is_positive), level)
    return Bounds(low=bounds.low, high=bounds.high, method=PLACEMENTS_AUROC)


def difference_bounds(first: Scores, second: Scores, positive: BoolArray, level: float) -> Bounds:
    """Exact bounds for the AUROC of one model minus that of another one on the same cases.

    Both models place a case of the smaller class among the same random block of the larger one. The differences of the
    two placements of different blocks are independent, lie in [-1, 1] and have the difference as their mean; where
    the models rank alike they are 0.

    Args:
        first, second: (members, examples) or (examples,) scores; one member is compared with each of several.
        positive: (examples,) the true class.
        level: error of each side.

    Returns:
        Bounds of shape (members,); one class absent: -inf, inf and a reason.

    Raises:
        ValueError: scores with NaN, shapes that differ, a level outside (0, 1).

    Source:
        Waudby-Smith & Ramdas (2024) for the mean of bounded values.
    """
    sides = [_checked(scores, positive)[0] for scores in (first, second)]
    is_positive = np.asarray(positive, dtype=np.bool_)
    n_positive = int(is_positive.sum())
    if n_positive in (0, len(is_positive)):
        return _absent(max(map(len, sides)), n_positive, PAIRED_PLACEMENTS)
    placed = np.broadcast_arrays(*(block_placements(side, is_positive) for side in sides))
    bounds = betting.difference_bounds(placed[0], placed[1], 1.0, level)
    return Bounds(low=bounds.low, high=bounds.high, method=PAIRED_PLACEMENTS)


def block_placements(scores: Scores, positive: BoolArray) -> FloatArray:
    """Share of its own block of the larger class that each case of the smaller class is ranked rightly against.

    Args:
        scores: (members, examples). positive: (examples,), both classes present.

    Returns:
        (members, cases of the smaller class), in [0, 1]; blocks are drawn with a fixed seed.
    """
    is_positive = np.asarray(positive, dtype=np.bool_)
    few, many = np.flatnonzero(is_positive), np.flatnonzero(~is_positive)
    sign = 1
    if len(few) > len(many):
        few, many, sign = many, few, -1
    block = len(many) // len(few)
    generator = np.random.default_rng(_SEED)
    drawn = generator.permutation(many)[: block * len(few)].reshape(len(few), block)
    placed = np.empty((len(scores), len(few)))
    for member, row in enumerate(scores):
        own, others = row[few][:, None], row[drawn]
        above = np.count_nonzero(own > others, axis=1)
        not_below = np.count_nonzero(own >= others, axis=1)
        placed[member] = (above + not_below) / (2 * block)
    return placed if sign == 1 else 1.0 - placed


def hanley_mcneil_bounds(
    scores: Scores, positive: BoolArray, level: float = 0.05, *, value: FloatArray | None = None
) -> Bounds:
    """Approximate bounds, more powerful where both classes score nearly normally: only for whoever asks by name.

    An area A is rejected where |a - A| > z sqrt(V(A)) with
    V(A) = A (1 - A) (1 + N (1 - A) / (2 - A) + N A / (1 + A)) / (m n) and N = (m + n) / 2 - 1.
    Arguments and return value as ``auroc_bounds``; below level 0.05 unchecked.

    Source: Hanley & McNeil (1982); Newcombe (2006), method 5.
    """
    rows, is_positive = _checked(scores, positive)
    n_positive = int(is_positive.sum())
    n_negative = len(is_positive) - n_positive
    if not n_positive or not n_negative:
        return _absent(len(rows), n_positive, HANLEY_MCNEIL_AUROC)
    area = auroc(rows, is_positive) if value is None else value
    z = float(-ndtri(level))
    low = _score_end(area, np.zeros_like(area), z, n_positive, n_negative)
    high = _score_end(area, np.ones_like(area), z, n_positive, n_negative)
    return Bounds(low=low, high=high, method=HANLEY_MCNEIL_AUROC)


def _score_end(area: FloatArray, end: FloatArray, z: float, n_positive: int, n_negative: int) -> FloatArray:
    """Bisects between the estimate, which is never rejected, and the end of the range."""
    half = (n_positive + n_negative) / 2 - 1
    inside, outside = area.copy(), end
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        factor = 1.0 + half * (1.0 - middle) / (2.0 - middle) + half * middle / (1.0 + middle)
        deviation = np.sqrt(middle * (1.0 - middle) * factor / (n_positive * n_negative))
        rejected = np.abs(area - middle) > z * deviation
        inside, outside = np.where(rejected, inside, middle), np.where(rejected, middle, outside)
    return outside


def _share_above(few: Scores, many: Scores) -> float:
    """Share of pairs in which the case of ``few`` is larger, ties half; two sorts and one merge."""
    own, others = np.sort(few), np.sort(many)
    below = np.searchsorted(others, own, side="left")
    tied = others[np.minimum(below, len(others) - 1)] == own
    twice = 2 * int(below.sum())
    if tied.any():
        twice += int((np.searchsorted(others, own[tied], side="right") - below[tied]).sum())
    return twice / (2 * len(few) * len(many))


def _checked(scores: Scores, positive: BoolArray) -> tuple[Scores, BoolArray]:
    rows, is_positive = np.atleast_2d(scores), np.asarray(positive, dtype=np.bool_)
    if rows.ndim != 2 or rows.shape[1:] != is_positive.shape:
        raise ValueError(
            f"scores must be (members, examples) and positive (examples,): scores.shape={np.shape(scores)}, "
            f"positive.shape={is_positive.shape}"
        )
    n_missing = int(np.isnan(rows).sum())
    if n_missing:
        raise ValueError(f"scores must be numbers: {n_missing} of {rows.size} are NaN")
    return rows, is_positive


def _absent(n_members: int, n_positive: int, method: Method) -> Bounds:
    absent = "negative" if n_positive else "positive"
    unknown = np.full(n_members, np.inf)
    return Bounds(low=-unknown, high=unknown, method=method, reason=f"there are no {absent} cases: AUROC needs both")
