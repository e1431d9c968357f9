"""Which test set some data belong to, by content: the same in every process, however the rows are called or sorted."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.data.duplicates import blocks_of
from pytest_mlspec.data.fingerprint import digest_of
from pytest_mlspec.data.forms import Vector, count_rows
from pytest_mlspec.data.perturbing import source

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

Marks = npt.NDArray[np.uint64]
_KEPT = "row marks"


def whole_of(data: Dataset) -> Dataset:
    """The whole that the data were cut, drawn or changed from, up to the parts of a split."""
    while True:
        data = source(data)
        parent = data._parent
        if parent is None or not (data._is_slice or parent.role == data.role):
            return data
        data = parent


def content_key(data: Dataset, first: int | None = None) -> str:
    """A name for features and target of the (first) rows in any order, 32 hex digits; columns and names do not count.

    Numbers are compared as float32, so that another type or a last digit makes no other data. Rows without features
    are told apart by their ids and targets; by their places, too, where no ids name each of them.
    """
    return hashlib.blake2b(np.sort(row_marks(data)[:first]).tobytes(), digest_size=16).hexdigest()


def row_marks(data: Dataset) -> Marks:
    """(examples,) a number per row: equal for equal features and target, in every process and for ever.

    Unequal rows share a number by chance with probability 2**-64 a pair.
    """
    if data.rows is not None:
        return row_marks(data.base)[data.rows]
    if _KEPT not in data._cache:
        data._cache[_KEPT] = _marks(data)
    kept: Marks = data._cache[_KEPT]
    return kept


def _marks(data: Dataset) -> Marks:
    X = data._features()
    parts = [np.zeros(count_rows(X), dtype=np.uint64)]
    wide = False
    for start, block in blocks_of(X, bits=_stable_bits):
        wide = wide or block.shape[1] > 0
        parts[0][start : start + len(block)] = _of_rows(block.view(np.uint64))
    if not wide:
        named = [] if data.ids is None else [_stable_bits(data.ids).view(np.uint64)]
        if not named or len(np.unique(named[0])) < len(named[0]):
            named.append(np.arange(len(parts[0]), dtype=np.uint64))
        parts += named
    parts += [] if data.y is None else [_stable_bits(data.y).view(np.uint64)]
    return _of_rows(np.column_stack(parts))


def _of_rows(entries: Marks) -> Marks:
    """(rows,) of (rows, entries): a sum in which every place is scrambled in its own way."""
    places = scrambled(np.arange(1, entries.shape[1] + 1, dtype=np.uint64))
    return scrambled(scrambled(entries + places).sum(axis=1, dtype=np.uint64))


def scrambled(numbers: Marks) -> Marks:
    """64 bits made of 64 bits so that one changed bit changes half of them (SplitMix64: Steele, Lea & Flood 2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Marks = mixed ^ (mixed >> np.uint64(31))
    return found


def _stable_bits(values: Vector) -> npt.NDArray[np.int64]:
    """Every entry as 64 bits, of the same shape; no hash of Python's own, which differs between processes."""
    if values.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            numbers = values.astype(np.float32).astype(np.float64) + 0.0  # -0.0 + 0.0 is 0.0
        numbers[np.isnan(numbers)] = np.nan  # one NaN, whatever its payload
        return numbers.view(np.int64)
    # Objects by their content: the repr of one may name its place in memory, which no other process shares.
    texts = [entry if type(entry) is str else digest_of(entry) for entry in values.reshape(-1).tolist()]
    known = {text: _bits_of_text(text) for text in set(texts)}
    return np.array([known[text] for text in texts], dtype=np.uint64).view(np.int64).reshape(values.shape)


def _bits_of_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
