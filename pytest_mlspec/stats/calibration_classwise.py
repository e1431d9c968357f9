"""Class-wise ECE: the mean over classes of the binned ECE of each class probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method
from pytest_mlspec.stats.calibration import LOWEST_LEVEL, continuity
from pytest_mlspec.stats.calibration_table import N_BLOCKS, Scores, bin_index, row_blocks

_N_ORDERS = 4
_ORDER_SEED = 7_302
_ROUNDING = 1e-3

CLASSWISE_ECE = Method(
    name="class-wise ECE, upper by intersection-union over signs, lower by prequential signs",
    bound_class="asymptotic",
    source="derived here: ECE = max over signs of a mean; Berger (1982); Wilson (1927); signs after Dawid (1984)",
    domain="independent cases, level from 0.01",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One member's rows: probabilities, residuals and the number of the (class, bin) cell of each, all (n, classes)."""

    residual: FloatArray
    cell: npt.NDArray[np.intp]
    n_cells: int


def classwise_ece(probabilities: Scores, codes: IntArray, bins: int = 15) -> FloatArray:
    """Mean over classes of the binned ECE of "is this class" against its probability, shape (members,).

    Args:
        probabilities: (members, examples, classes), rows sum to 1.
        codes: (examples,), true classes as numbers from 0.
        bins: number of equal-width bins for each class.

    Returns:
        The error as a fraction; NaN without rows.

    Raises:
        ValueError: shapes that differ, probabilities outside [0, 1], rows that do not sum to 1, unknown codes.

    Source: Kull et al. (2019), equation 3.
    """
    _check(probabilities, codes)
    if not len(codes):
        return np.full(len(probabilities), np.nan)
    return np.array([_plug_in(_member(p, codes, bins)) for p in probabilities])


def classwise_ece_bounds(probabilities: Scores, codes: IntArray, bins: int = 15, level: float = 0.05) -> Bounds:
    """One-sided bounds for the class-wise ECE of the population, each with error at most ``level``.

    A row adds (1/k) sum over classes of s r, at most a = (1/k) sum |r| <= 2/k in size whatever the signs; so
    high = e + (2/k) (z^2/2 + c0)/n + z sqrt((mean a^2 - e^2)/n + (2/k)^2 z^2/(4 n^2)). The lower bound weighs every
    (class, bin) with signs from earlier random blocks, as ``calibration.prequential_lower``.

    Args: as ``classwise_ece``; ``level`` is the error of each side.

    Returns:
        Bounds of shape (members,); below level 0.01 none is known to hold: -inf, inf and a reason.

    Raises:
        ValueError: as ``classwise_ece``, and a level outside (0, 0.5).
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"level must lie between 0 and 0.5, both excluded: level={level}")
    _check(probabilities, codes)
    n_members, n_examples, n_classes = probabilities.shape
    if not n_examples or level < LOWEST_LEVEL:
        unknown = np.full(n_members, np.inf)
        reason = (
            f"class-wise ECE has no bound checked below level {LOWEST_LEVEL}" if n_examples else "there are no cases"
        )
        return Bounds(low=-unknown, high=unknown, method=CLASSWISE_ECE, reason=reason)
    ends = [_ends(_member(p, codes, bins), 2.0 / n_classes, level) for p in probabilities]
    low, high = np.array(ends, dtype=np.float64).T
    return Bounds(low=np.maximum(low, 0.0), high=np.minimum(high, 2.0 / n_classes), method=CLASSWISE_ECE)


def _ends(member: _Member, width: float, level: float) -> tuple[float, float]:
    n, n_classes = member.residual.shape
    z, guard = float(-ndtri(level)), continuity(level)
    plug_in = _plug_in(member)
    size = np.abs(member.residual).sum(axis=1) / n_classes
    spread = max(float(np.mean(size**2)) - plug_in**2, 0.0)
    high = plug_in + width * (z * z / 2 + guard) / n + z * np.sqrt(spread / n + (width * z / (2 * n)) ** 2)
    lows = []
    for weights in _weights(member):
        signed = np.einsum("ij,ij->i", weights, member.residual) / n_classes
        noise = z * np.sqrt(float(signed.var()) / n + (width * z / (2 * n)) ** 2)
        lows.append(float(signed.mean()) - width * z * z / (2 * n) - noise)
    low = float(np.mean(lows)) - (width * guard / n if level > 0.05 else 0.0)
    return low, float(high)


def _weights(member: _Member) -> list[FloatArray]:
    """For each order of the blocks, the weight of every row and class from earlier blocks of its (class, bin)."""
    block = row_blocks(len(member.residual)).astype(np.intp)[:, None] * member.n_cells + member.cell
    flat, values = block.ravel(), member.residual.ravel()
    shape = (N_BLOCKS, member.n_cells)
    sums = np.bincount(flat, values, minlength=shape[0] * shape[1]).reshape(shape)
    squares = np.bincount(flat, values * values, minlength=shape[0] * shape[1]).reshape(shape)
    generator = np.random.default_rng(_ORDER_SEED)
    found = []
    for _ in range(_N_ORDERS):
        order = generator.permutation(N_BLOCKS)
        past, past_square = np.empty(shape), np.empty(shape)
        past[order] = np.cumsum(sums[order], axis=0) - sums[order]
        past_square[order] = np.cumsum(squares[order], axis=0) - squares[order]
        weight = np.clip(past / np.sqrt(np.maximum(past_square, 0.0) + 0.25), -1.0, 1.0)
        found.append(weight.ravel()[block])
    return found


def _member(probabilities: Scores, codes: IntArray, bins: int) -> _Member:
    n_classes = probabilities.shape[1]
    residual = -probabilities.astype(np.float64)
    residual[np.arange(len(codes)), codes] += 1.0
    cell = bin_index(probabilities, bins) + np.arange(n_classes, dtype=np.intp) * bins
    return _Member(residual=residual, cell=cell, n_cells=n_classes * bins)


def _plug_in(member: _Member) -> float:
    sums = np.bincount(member.cell.ravel(), member.residual.ravel(), minlength=member.n_cells)
    return float(np.abs(sums).sum() / member.residual.size)


def _check(probabilities: Scores, codes: IntArray) -> None:
    if probabilities.ndim != 3 or probabilities.shape[1:2] != codes.shape:
        raise ValueError(
            f"probabilities must be (members, examples, classes) and codes (examples,): "
            f"probabilities.shape={probabilities.shape}, codes.shape={codes.shape}"
        )
    if not probabilities.size:
        return
    low, high = float(probabilities.min()), float(probabilities.max())
    if not (low >= 0.0 and high <= 1.0 + _ROUNDING):
        raise ValueError(f"probabilities must lie in [0, 1], without NaN: min={low}, max={high}")
    off = float(np.abs(probabilities.sum(axis=2) - 1.0).max())
    if off > _ROUNDING:
        raise ValueError(f"the probabilities of each row must sum to 1: largest difference={off}; are these logits?")
    if codes.min() < 0 or codes.max() >= probabilities.shape[2]:
        raise ValueError(f"codes must lie in 0 .. {probabilities.shape[2] - 1}: min={codes.min()}, max={codes.max()}")
