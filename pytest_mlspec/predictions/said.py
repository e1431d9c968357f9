"""What members said about a dataset, as one short token: equal for the same models, in every process and run."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data.row_marks import row_marks, scrambled
from pytest_mlspec.stats.bounds import FloatArray

if TYPE_CHECKING:
    from pytest_mlspec.predictions.arrays import Scores
    from pytest_mlspec.predictions.predictions import Predictions

_LOOKS = 4
"""Numbers that all scores are condensed to."""
_STEP = 1e-5
"""Scores that differ by less than about this part of their spread are those of one model."""


def said(predictions: Predictions, n_members: int | None = None, n_rows: int | None = None) -> str:
    """A token of the labels and scores of the first members on the first rows of the base in any order; by default all.

    Labels count as they are. Scores are condensed to a few random sums over rows and classes, told to the fifth digit
    of their spread: the noise of another machine's arithmetic makes no other model, a retraining does.
    """
    whole = predictions.base
    first = whole.n_members if n_members is None else min(n_members, whole.n_members)
    return whole._keep(f"said by {first} on {n_rows}", lambda: _said(whole, first, n_rows))


def _said(whole: Predictions, first: int, n_rows: int | None) -> str:
    digest = hashlib.blake2b(digest_size=16)
    classes = [] if whole.classes is None else whole.classes.tolist()
    digest.update(f"{first} members, classes {classes!r}".encode())
    marks = row_marks(whole.data)[:n_rows]
    if (labels := whole.labels) is not None:
        ordered = np.ascontiguousarray(labels[:first, np.argsort(marks, kind="stable")], dtype="<i4")
        digest.update(f"labels {ordered.shape}".encode())
        digest.update(ordered.data)
    if (scores := _scores(whole)) is not None:
        digest.update(_condensed(scores[:first, :n_rows], marks).encode())
    return digest.hexdigest()


def _scores(whole: Predictions) -> Scores | None:
    """(members, examples, ...) probabilities, else numbers, else decisions, where there are any."""
    if not whole.is_classification:
        return whole.values
    if whole._source.has_probabilities:
        return whole.probabilities
    try:
        return whole._part("decisions", whole._source.decisions)
    except Exception:
        return None  # a metric that needs them fails on its own; the others are about labels


def _condensed(scores: Scores, marks: np.ndarray) -> str:
    """Sums with weights that follow from the rows' content, in steps of their size."""
    weights = np.stack([_weights(marks, look) for look in range(_LOOKS)], axis=1)
    of_classes = _weights(np.arange(math.prod(scores.shape[2:]), dtype=np.uint64), _LOOKS)
    sums, spread, largest = np.zeros(_LOOKS), 0.0, 0.0
    for member, weight in enumerate(_weights(np.arange(len(scores), dtype=np.uint64), _LOOKS + 1)):
        table = np.asarray(scores[member], dtype=np.float64).reshape(len(marks), -1)
        sums += weight * ((table.T @ weights).T @ of_classes)
        spread, largest = max(spread, float(table.std(axis=0).max())), max(largest, float(np.abs(table).max()))
    size = spread if spread > 1e-9 * largest else largest
    power = math.floor(math.log10(size)) if size > 0 else 0
    step = _STEP * 10.0**power * math.sqrt(scores.size)
    return f"scores {scores.shape} {power} {[round(float(total) / step) for total in sums]}"


def _weights(numbers: np.ndarray, look: int) -> FloatArray:
    """Uniform in [-1, 1), the same for ever: generators of libraries may change."""
    salt = scrambled(np.array([look + 1], dtype=np.uint64))
    mixed = scrambled(numbers.astype(np.uint64) ^ salt)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0)
