"""A mark of features or targets by which an overwritten one is found out, cheap enough to take in every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data.forms import Features, Vector, is_tensor

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

_LOOKED_AT = 1 << 17
"""About this many bytes are compared, in whole rows that are evenly spread."""
_MOST_COLUMNS = 64


def mark_of(values: Features) -> object:
    """What tells that numbers were overwritten; ``None`` for forms that are not looked into."""
    if is_tensor(values):
        return None if values.is_inference() else values._version
    if isinstance(values, np.ndarray):
        return _bytes(values, _LOOKED_AT)
    if type(values).__module__.partition(".")[0] != "pandas" or not hasattr(values, "columns"):
        return None
    numeric = [place for place, kind in enumerate(values.dtypes) if getattr(kind, "kind", "O") in "fiub"]
    chosen = numeric[:: -(-len(numeric) // _MOST_COLUMNS) or 1]
    share = _LOOKED_AT // max(len(chosen), 1)
    return list(values.columns), [_bytes(values.iloc[:, place].to_numpy(), share) for place in chosen]


def _bytes(values: Vector, budget: int) -> bytes:
    if values.dtype.hasobject or not values.size:
        return b""
    return values[:: -(-values.nbytes // budget)].tobytes()


def changed_in_place(data: Dataset) -> bool:
    """Whether somebody wrote into X or y since they were loaded, as far as a look at some rows shows."""
    now = {"y mark": mark_of(data.y)} | ({"X mark": mark_of(data._cache["X"])} if "X" in data._cache else {})
    return any(data._cache.setdefault(key, mark) != mark for key, mark in now.items())


def require_unchanged(data: Dataset) -> None:
    """Raise where X or y was changed in place: what a model says about them is not about these data."""
    if data.changed_in_place():
        raise ValueError(
            f"X or y of {data.title} was changed in place after the data were made: change a copy, as in "
            "X = X.copy(), or use perturb(function)"
        )
