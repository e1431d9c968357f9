"""Rows whose member means are a metric that is itself no mean, so that its spread over seeds can be bounded.

F1, RMSE, AUROC and ECE are smooth functions of means. To first order each moves with its cases as the mean of
their influence values (the infinitesimal jackknife), so that the two-way decomposition over members and cases applies.
Every function here returns rows of shape (members, cases) whose member means are the metric itself. Where no influence
values are known, ``pseudo_values`` leaves out one case, or one group of cases, at a time.

The linearisation, and the range that is taken from the data, make every bound on such rows *approximate*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import BoolArray, FloatArray, IntArray, Method
from pytest_mlspec.stats.seeds import SeedSpread, spread_of

SEED_STD_JACKKNIFE = Method(
    name="seed std, jackknife rows",
    bound_class="approximate",
    source="Efron 1982 (jackknife) and the two-way decomposition of Jordan 2024; simulated for F1, RMSE, AUROC, ECE",
    domain="independent cases, near-normal spread over seeds, at least 20 cases that move the metric",
)

GROUP_SEED = 7


def std_bounds(rows: npt.ArrayLike, level: float, width: float | None = None) -> SeedSpread:
    """Bound the standard deviation over retrainings of a metric from its influence or pseudo-value rows.

    Args:
        rows: (members, cases) from a function of this module; the member means are the metric.
        level: one-sided error of each end; below 0.01 nothing is claimed.
        width: the range of one case's values where it is known (for RMSE with a declared largest loss: its square
            over twice the RMSE); otherwise the largest difference seen stands for it, and members that do not
            differ on any case leave the bound open. Rare large errors that were not seen need it.

    Returns:
        The spread in the unit of the metric, class *approximate*.

    Raises:
        ValueError: on values that are not finite.
    """
    checked = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    if checked.ndim != 2 or checked.shape[1] == 0 or not np.isfinite(checked).all():
        raise ValueError(f"rows must be finite, of shape (members, cases); got shape {checked.shape}")
    if not 0.0 < level < 0.5:
        raise ValueError(f"level is the one-sided error of a bound, between 0 and 0.5; got level={level!r}")
    seen = _largest_norm(checked)
    radius = seen if width is None else max(seen, 0.5 * width * float(np.sqrt(len(checked))))
    if len(checked) > 1 and radius <= 1e-12 * max(float(np.abs(checked).max()), 1e-300):
        return _open(spread_of(checked, level, radius=0.0, method=SEED_STD_JACKKNIFE))
    return spread_of(checked, level, radius=radius, method=SEED_STD_JACKKNIFE)


def ratio_rows(numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> FloatArray:
    """Influence rows of a ratio of two sums: F1, Jaccard, precision.

    Args:
        numerators: (members, cases), for F1 2 for a true positive.
        denominators: (members, cases), for F1 2 for a true positive and 1 for a false positive or negative.

    Returns:
        (members, cases): ``theta + (numerator - theta * denominator) / mean(denominator)``.

    Raises:
        ValueError: where the denominators of a member sum to 0.
    """
    above, below = np.atleast_2d(numerators).astype(np.float64), np.atleast_2d(denominators).astype(np.float64)
    mean = below.mean(axis=1, keepdims=True)
    if not (mean > 0).all():
        raise ValueError(f"a ratio needs a denominator above 0; member {int(np.argmin(mean))} has none")
    theta = above.mean(axis=1, keepdims=True) / mean
    rows: FloatArray = theta + (above - theta * below) / mean
    return rows


def rmse_rows(square_errors: npt.ArrayLike) -> FloatArray:
    """Influence rows of a root mean square.

    Args:
        square_errors: (members, cases), squares of the errors.

    Returns:
        (members, cases): ``rmse + (square - rmse**2) / (2 rmse)``; 0 where a member makes no error.
    """
    squares = np.atleast_2d(square_errors).astype(np.float64)
    root = np.sqrt(squares.mean(axis=1, keepdims=True))
    rows: FloatArray = root + (squares - root**2) / (2.0 * np.where(root > 0, root, 1.0))
    return rows


def auroc_rows(scores: npt.ArrayLike, positive: npt.ArrayLike) -> FloatArray:
    """Influence rows of the area under the ROC curve: each case's placement among the other class.

    Args:
        scores: (members, cases), higher means more likely positive; ties count one half.
        positive: (cases,) booleans.

    Returns:
        (members, cases): ``A + n / n_own_class * (placement - A)``.

    Raises:
        ValueError: where one of the classes is missing.

    Source:
        DeLong, DeLong & Clarke-Pearson 1988 (structural components).
    """
    table, is_positive = np.atleast_2d(np.asarray(scores, dtype=np.float64)), np.asarray(positive, dtype=np.bool_)
    n_positive = int(is_positive.sum())
    if not 0 < n_positive < is_positive.size:
        raise ValueError(f"AUROC needs cases of both classes; got {n_positive} positives of {is_positive.size}")
    return np.stack([_placement_row(member, is_positive) for member in table])


def ece_rows(residuals: npt.ArrayLike, bins: npt.ArrayLike, n_bins: int) -> FloatArray:
    """Influence rows of the binned expected calibration error: residuals with the sign of their bin.

    Args:
        residuals: (members, cases), outcome minus confidence.
        bins: (members, cases), the bin of each confidence, in 0 .. n_bins - 1.
        n_bins: number of bins.

    Returns:
        (members, cases): ``sign(sum of the bin's residuals) * residual``; their mean is the ECE.
    """
    gaps, codes = np.atleast_2d(residuals).astype(np.float64), np.atleast_2d(bins)
    sums = np.stack([np.bincount(code, weights=gap, minlength=n_bins) for gap, code in zip(gaps, codes, strict=True)])
    rows: FloatArray = np.take_along_axis(np.sign(sums), codes, axis=1) * gaps
    return rows


def pseudo_values(
    statistic: Callable[[IntArray], FloatArray], n_examples: int, n_groups: int | None = None
) -> FloatArray:
    """Jackknife rows of any metric, by leaving out one case or one group of cases at a time.

    Args:
        statistic: the metric of every member, shape (members,), on the cases with the given indices.
        n_examples: number of cases.
        n_groups: groups of (nearly) equal size, drawn with a fixed seed; one group per case by default.

    Returns:
        (members, n_groups), shifted so that the member means are the metric on all cases.

    Raises:
        ValueError: on fewer than 2 groups or more groups than cases.

    Source:
        Efron 1982, chapter 2; Shao & Tu 1995, section 2.3 (delete-a-group).
    """
    count = n_examples if n_groups is None else n_groups
    if not 2 <= count <= n_examples:
        raise ValueError(f"expected 2 <= n_groups <= n_examples; got n_groups={count}, n_examples={n_examples}")
    group = np.arange(n_examples) % count
    if n_groups is not None:
        group = np.random.default_rng(GROUP_SEED).permutation(group)
    everything = np.asarray(statistic(np.arange(n_examples)), dtype=np.float64)
    without = np.stack(
        [np.asarray(statistic(np.flatnonzero(group != left)), dtype=np.float64) for left in range(count)]
    )
    pseudo = (count - 1) * (without.mean(axis=0) - without) + everything
    return np.ascontiguousarray(pseudo.T)


def _placement_row(scores: FloatArray, positive: BoolArray) -> FloatArray:
    high, low = scores[positive], scores[~positive]
    row = np.empty(scores.size)
    row[positive] = _share_below(low, high)
    row[~positive] = 1.0 - _share_below(high, low)
    area = float(row[positive].mean())
    weight = np.where(positive, scores.size / high.size, scores.size / low.size)
    placed: FloatArray = area + weight * (row - area)
    return placed


def _share_below(others: FloatArray, own: FloatArray) -> FloatArray:
    """For each of ``own`` the share of ``others`` below it, ties one half."""
    ordered = np.sort(others)
    ranks = np.searchsorted(ordered, own, side="left") + np.searchsorted(ordered, own, side="right")
    share: FloatArray = ranks / (2.0 * others.size)
    return share


def _largest_norm(rows: FloatArray) -> float:
    """Largest norm of one case's column after the member means and the case means were taken out."""
    centred = rows - rows.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.einsum("ki,ki->i", centred, centred).max()))


def _open(spread: SeedSpread) -> SeedSpread:
    reason = spread.reason or "the members do not differ on any case: more cases are needed to see how far they could"
    return replace(spread, low=0.0, high=np.inf, reason=reason)
