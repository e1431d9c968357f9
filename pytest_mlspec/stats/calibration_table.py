"""One pass over the rows: the sums per random block and bin from which every calibration figure follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import FloatArray

N_BLOCKS = 64  # random blocks of rows, the steps of the prequential lower bound
BLOCK_SEED = 20_240_811
_CHUNK = 1 << 17  # rows handled at once: the temporaries stay in the cache
_TOP_ROWS = 8192
_ROUNDING = 1e-5  # how far a float32 softmax may leave [0, 1]

Scores = npt.NDArray[np.floating]
Hits = npt.NDArray[np.bool_] | npt.NDArray[np.integer]
Bins = int | FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BinTable:
    """Sums of one set of scores p and hits h over random blocks and bins; the residual of a row is r = h - p.

    All arrays have the shape (members, blocks, bins): ``count`` of rows, ``hits`` = sum h, ``score`` = sum p,
    ``square`` = sum p^2, ``hit_score`` = sum h p. A row's block is drawn with a fixed seed, independent of the data.
    """

    count: FloatArray
    hits: FloatArray
    score: FloatArray
    square: FloatArray
    hit_score: FloatArray

    @property
    def n_examples(self) -> int:
        """Number of rows of each member."""
        return int(self.count[0].sum())

    @property
    def residual(self) -> FloatArray:
        """Sum of h - p, shape (members, blocks, bins)."""
        return self.hits - self.score

    @property
    def residual_square(self) -> FloatArray:
        """Sum of (h - p)^2, shape (members, blocks, bins)."""
        return np.maximum(self.hits - 2.0 * self.hit_score + self.square, 0.0)

    @property
    def score_variance(self) -> FloatArray:
        """Sum of p (1 - p), what a calibrated model says about its own noise, shape (members, blocks, bins)."""
        return np.maximum(self.score - self.square, 0.0)


def equal_mass_edges(confidence: Scores, bins: int) -> FloatArray:
    """Edges at the quantiles of the rows themselves, 0 and 1 at the ends.

    Args:
        confidence: (members, examples), in [0, 1].
        bins: number of bins.

    Returns:
        (members, bins + 1); tied scores give empty bins, never an error.
    """
    rows = np.atleast_2d(np.asarray(confidence, dtype=np.float64))
    edges = np.quantile(rows, np.linspace(0.0, 1.0, bins + 1), axis=1).T
    edges[:, 0], edges[:, -1] = 0.0, 1.0
    return np.asarray(edges, dtype=np.float64)


def bin_index(scores: Scores, bins: Bins) -> npt.NDArray[np.intp]:
    """The bin of each score: [edge, next edge), the last bin closed, as numpy.histogram and netcal count.

    Args:
        scores: any shape, or (members, examples) where ``bins`` is one row of edges per member.
        bins: number of equal-width bins on [0, 1], or the edges, (bins + 1,) or (members, bins + 1).

    Returns:
        Bin numbers from 0, in the shape of ``scores``. Edges are compared in the precision of the scores, so that
        an edge stored as float32 opens the same bin.
    """
    if isinstance(bins, (int, np.integer)):
        return _equal_width_index(scores, int(bins))
    edges = np.asarray(bins, dtype=scores.dtype)
    if edges.ndim == 2:
        found = np.stack([np.searchsorted(e[1:-1], row, side="right") for e, row in zip(edges, scores, strict=True)])
        return np.asarray(found, dtype=np.intp)
    return np.asarray(np.searchsorted(edges[1:-1], scores, side="right"), dtype=np.intp)


def _equal_width_index(scores: Scores, bins: int) -> npt.NDArray[np.intp]:
    edges = np.linspace(0.0, 1.0, bins + 1).astype(scores.dtype)
    above = np.append(edges[1:-1], np.asarray(np.inf, dtype=scores.dtype))
    index = (scores * scores.dtype.type(bins)).astype(np.intp)
    np.minimum(index, bins - 1, out=index)
    index += scores >= above[index]  # the product rounds: put right against the edges themselves
    index -= scores < edges[index]
    return index


@lru_cache(maxsize=8)
def row_blocks(n_examples: int, n_blocks: int = N_BLOCKS) -> npt.NDArray[np.uint8]:
    """The random block of each row, drawn with a fixed seed: same rows, same blocks, on every machine."""
    blocks = np.random.default_rng(BLOCK_SEED).integers(0, n_blocks, size=n_examples, dtype=np.uint8)
    blocks.flags.writeable = False
    return blocks


def bin_table(confidence: Scores, hit: Hits, bins: Bins = 15, n_blocks: int = N_BLOCKS) -> BinTable:
    """Reads scores and hits once and keeps the sums that values and bounds of ECE and MCE need.

    Args:
        confidence: (members, examples) or (examples,), probabilities in [0, 1]; float32 is read as it is.
        hit: same shape, 1 where the predicted event happened.
        bins: number of equal-width bins, or edges as for ``bin_index``.
        n_blocks: number of random blocks, at most 256.

    Returns:
        The table; its arrays have the shape (members, n_blocks, bins).

    Raises:
        ValueError: a score that is NaN or outside [0, 1], a hit other than 0 and 1, shapes that differ.
    """
    scores, hits = checked_rows(confidence, hit)
    n_members, n_examples = scores.shape
    n_bins = int(bins) if isinstance(bins, (int, np.integer)) else bins.shape[-1] - 1
    shape = (n_blocks, n_bins, 2)
    width = int(np.prod(shape))
    offset = row_blocks(n_examples, n_blocks).astype(np.intp) * (n_bins * 2)
    counts, sums, squares = (np.empty((n_members, *shape)) for _ in range(3))
    step = max(1, _CHUNK // max(n_examples, 1))
    for start in range(0, n_members, step):
        part = slice(start, start + step)
        edges = bins[part] if isinstance(bins, np.ndarray) and bins.ndim == 2 else bins
        code = bin_index(scores[part], edges)
        n_part = len(code)
        code *= 2
        code += hits[part]
        code += offset
        if n_part > 1:
            code += np.arange(n_part, dtype=np.intp)[:, None] * width
        flat, weight = code.ravel(), scores[part].ravel().astype(np.float64, copy=False)
        for target, weights in ((counts, None), (sums, weight), (squares, weight * weight)):
            target[part] = np.bincount(flat, weights, minlength=n_part * width).reshape(n_part, *shape)
    return BinTable(
        count=counts.sum(axis=-1),
        hits=counts[..., 1],
        score=sums.sum(axis=-1),
        square=squares.sum(axis=-1),
        hit_score=sums[..., 1],
    )


def checked_rows(confidence: Scores, hit: Hits) -> tuple[Scores, npt.NDArray[np.uint8]]:
    """Scores as (members, examples) floats in [0, 1] and hits as uint8 of that shape, or a ValueError."""
    scores, hits = np.atleast_2d(confidence), np.atleast_2d(hit)
    if scores.dtype not in (np.float32, np.float64):
        scores = scores.astype(np.float32 if scores.dtype == np.float16 else np.float64)
    if scores.shape != hits.shape or scores.ndim != 2:
        raise ValueError(
            f"confidence and hit must have the same shape (members, examples): confidence.shape={scores.shape}, "
            f"hit.shape={hits.shape}"
        )
    codes = hits.view(np.uint8) if hits.dtype == np.bool_ else hits
    if scores.size:
        low, high = float(scores.min()), float(scores.max())
        if not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
            raise ValueError(f"confidence must be probabilities in [0, 1], without NaN: min={low}, max={high}")
        if low < 0.0 or high > 1.0:
            scores = np.clip(scores, 0.0, 1.0)
        if codes.min() < 0 or codes.max() > 1:
            raise ValueError(f"hit must be 0 or 1: min={codes.min()}, max={codes.max()}")
    return scores, codes.astype(np.uint8, copy=False)


def top_label(probabilities: Scores, codes: npt.NDArray[np.integer]) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """The top probability of each row and whether its class is the true one.

    Args:
        probabilities: (members, examples, classes), rows sum to 1.
        codes: (examples,), true classes as numbers from 0.

    Returns:
        Confidence and hit, both (members, examples); of tied classes the first counts, as numpy.argmax.
    """
    confidence = np.empty(probabilities.shape[:2], dtype=probabilities.dtype)
    hit = np.empty(probabilities.shape[:2], dtype=np.bool_)
    for member, rows in enumerate(probabilities):
        for start in range(0, len(codes), _TOP_ROWS):
            part = slice(start, start + _TOP_ROWS)
            confidence[member, part], hit[member, part] = _top_of_rows(rows[part], codes[part])
    return confidence, hit


def _top_of_rows(rows: Scores, codes: npt.NDArray[np.integer]) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Class by class, at half the cost of a call of argmax for each short row."""
    columns = np.ascontiguousarray(rows.T)
    best = columns.max(axis=0)
    is_best = columns == best
    if np.count_nonzero(is_best) > len(rows):  # ties: the first class of a row counts
        return best, rows.argmax(axis=1) == codes
    return best, is_best[codes, np.arange(len(rows))]


def ece(table: BinTable) -> FloatArray:
    """Binned expected calibration error, sum over bins of |sum (h - p)| / n, shape (members,).

    Source: Naeini, Cooper & Hauskrecht (2015), equation 1. NaN without rows.
    """
    total = np.abs(table.residual.sum(axis=1)).sum(axis=1)
    return total / table.n_examples if table.n_examples else np.full_like(total, np.nan)


def mce(table: BinTable) -> FloatArray:
    """Binned maximum calibration error over the bins that hold rows, shape (members,); NaN without rows.

    Source: Naeini, Cooper & Hauskrecht (2015), equation 2.
    """
    count, residual = table.count.sum(axis=1), np.abs(table.residual.sum(axis=1))
    gaps = np.divide(residual, count, out=np.zeros_like(residual), where=count > 0)
    return gaps.max(axis=1) if table.n_examples else np.full(len(gaps), np.nan)


def overconfidence(table: BinTable) -> FloatArray:
    """Mean score minus share of hits, shape (members,): positive is over-confident, negative under-confident."""
    total = -table.residual.sum(axis=(1, 2))
    return total / table.n_examples if table.n_examples else np.full_like(total, np.nan)
