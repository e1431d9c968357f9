"""Has a model changed since its predictions were kept? A token that is cheap to take and to compare."""

import hashlib
import sys
from collections.abc import Iterable
from itertools import chain

import numpy as np

from pytest_mlspec.training.torch_models import is_torch_module

__all__ = ["StateToken", "state_token"]

_HASHED_WHOLE = 1 << 20
"""Arrays up to this many bytes are hashed whole; larger ones by about this much of them, evenly spread."""
_DEEPEST = 4
_SCALARS = (type(None), bool, int, float, complex, str, bytes)


class StateToken:
    """The state of a model at one moment; two tokens are equal when the model did not change in between.

    It keeps the objects alive whose identities it compares, so that no later object can take their place.
    """

    __slots__ = ("_kept", "_marks")

    def __init__(self, marks: tuple[object, ...], kept: tuple[object, ...]) -> None:
        self._marks = marks
        self._kept = kept

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StateToken) and self._marks == other._marks

    def __hash__(self) -> int:
        return hash(self._marks)


def state_token(model: object) -> StateToken | None:
    """Take the state of a model: it differs after a new fit, `partial_fit` or an optimiser's step.

    An estimator gives the identities of its attributes and a hash of its arrays, nested ones too; a torch module
    the storage, version counter and a hash of its parameters and buffers, and its plain attributes. State that a
    model keeps outside Python objects (a compiled booster that is trained further in place) is seen only when the
    object is replaced.

    Args:
        model: a trained model.

    Returns:
        The token; None for a plain callable, or an object that holds one as its `predict`, whose state cannot be
        seen: do not keep its predictions.
    """
    attributes = getattr(model, "__dict__", {})
    own_functions = "predict" in attributes or "predict_proba" in attributes  # what these close over is not seen
    if not is_torch_module(model) and (own_functions or not hasattr(model, "predict")):
        return None
    reading = _Reading()
    reading.read(model, depth=0)
    return StateToken(tuple(reading.marks), tuple(reading.kept))


class _Reading:
    """One pass over a model's attributes."""

    def __init__(self) -> None:
        self.marks: list[object] = []
        self.kept: list[object] = []
        self.seen: set[int] = set()

    def read(self, value: object, depth: int) -> None:
        if isinstance(value, _SCALARS):
            self.marks.append(repr(value))  # NaN equals itself here
            return
        self.marks.append(id(value))
        self.kept.append(value)
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            self.items(value.ravel().tolist(), depth)
        elif isinstance(value, np.ndarray):
            self.array(value)
        elif isinstance(value, (list, tuple)):
            self.items(value, depth)
        elif isinstance(value, dict):
            self.items(value.values(), depth)
        elif is_torch_module(value):
            self.tensors(chain(value.parameters(), value.buffers()))  # type: ignore[attr-defined]
            for part in value.modules():  # type: ignore[attr-defined]
                plain = (name for name in vars(part) if not name.startswith("_") and name != "training")
                self.items((vars(part)[name] for name in plain), depth + 1)
        elif not self.tensor(value) and depth < _DEEPEST:
            self.items((*getattr(value, "__dict__", {}).values(), *_slots(value)), depth + 1)

    def items(self, values: Iterable[object], depth: int) -> None:
        items = list(values)
        if items and type(items[0]).__module__.startswith("sklearn.tree"):
            # A forest's trees are many, new ones after every fit, and never changed in place.
            self.marks.extend(map(id, items))
            self.kept.extend(items)
            return
        for item in items:
            self.read(item, depth)

    def array(self, values: np.ndarray) -> None:
        flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        if flat.size > _HASHED_WHOLE:
            words = flat[: flat.size // 8 * 8].view(np.uint64)
            flat = np.ascontiguousarray(words[:: -(-flat.size // _HASHED_WHOLE)]).view(np.uint8)
        self.marks.append((values.shape, hashlib.blake2b(flat.data, digest_size=16).digest()))

    def tensor(self, value: object) -> bool:
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(value, torch.Tensor):
            return False
        self.tensors([value])
        return True

    def tensors(self, values: Iterable[object]) -> None:
        import torch

        for tensor in values:
            assert isinstance(tensor, torch.Tensor)
            version = -1 if tensor.is_inference() else tensor._version
            self.marks.append((tensor.data_ptr(), version))
            self.kept.append(tensor)
            if tensor.device.type == "cpu" and tensor.layout == torch.strided and not tensor.is_quantized:
                # `tensor.data.add_(...)` leaves the version counter alone.
                self.array(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())


def _slots(value: object) -> list[object]:
    """What an object without a ``__dict__`` holds."""
    names = [name for kind in type(value).__mro__ for name in _listed(vars(kind).get("__slots__", ()))]
    return [getattr(value, name) for name in names if name not in ("__dict__", "__weakref__") and hasattr(value, name)]


def _listed(names: object) -> list[str]:
    return [names] if isinstance(names, str) else list(names)  # type: ignore[call-overload]
