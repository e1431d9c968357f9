"""A mark of features or targets by which an overwritten one is found out, cheap enough to take in every test."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.data.forms import Features, Vector, is_tensor

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
