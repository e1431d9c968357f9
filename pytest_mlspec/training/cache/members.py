"""A trained member as bytes: a small pickle, and beside it the numbers of its arrays and tensors."""

import io
import os
import pickle
import site
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import FunctionType

import cloudpickle
import numpy as np

from pytest_mlspec.training.cache.safetensors_file import RawTensor
from pytest_mlspec.training.cache.torch_members import Given, Taken, module_settings
from pytest_mlspec.training.content import content_digest

__all__ = ["NotKept", "Packed", "pack", "pack_surely", "unpack"]

_SMALL = 1024
"""Arrays of fewer bytes stay in the pickle."""


class NotKept(Exception):
    """A member that cannot be stored so that the same comes back; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A member without its arrays and tensors (`skeleton`, a pickle), and these, as bytes.

    Attributes:
        skeleton: a pickle of protocol 5.
        arrays: what the skeleton lacks, in the order of its out-of-band buffers (PEP 574).
        tensors: by the name that they have in the module's state.
        device: where tensors were, such as "cuda:0"; "cpu" otherwise.
        origins: module -> file of the classes and functions that the skeleton names, where they are not installed.
    """

    skeleton: bytes
    arrays: tuple[np.ndarray, ...]
    tensors: Mapping[str, RawTensor]
    device: str
    origins: Mapping[str, str]


def pack(member: object) -> Packed:
    """Take a member apart; the arrays still share the member's memory.

    Classes and functions of modules go by name, those of `__main__`, lambdas and closures by value.
    """
    taken, arrays, buffer = Taken(member), list[np.ndarray](), io.BytesIO()
    origins: dict[str, str] = {}

    def take(found: pickle.PickleBuffer) -> bool:
        content = np.frombuffer(found.raw(), np.uint8)
        if len(content) < _SMALL:
            return True
        arrays.append(content)
        return False

    pickler = _Pickler(buffer, protocol=5, buffer_callback=take)
    pickler.taken, pickler.origins = taken, origins
    pickler.dump(member)
    device = ",".join(sorted(taken.devices)) or "cpu"
    return Packed(skeleton=buffer.getvalue(), arrays=tuple(arrays), tensors=taken.raw, device=device, origins=origins)


def unpack(packed: Packed) -> object:
    """Put a member together again; its arrays may share memory with `packed`, with no other member.

    Raises:
        NotKept: a module of the same name, such as conftest, now comes from another file.
    """
    unpickler = _Unpickler(io.BytesIO(packed.skeleton), buffers=packed.arrays)
    unpickler.given = Given(packed.tensors)
    member = unpickler.load()
    for module, file in packed.origins.items():
        if _origin(module) != {module: file} and os.path.exists(file):  # else the whole project has moved
            raise NotKept(f"its class came from {file}, and {module} is another file now")
    return member


def pack_surely(member: object) -> Packed:
    """Take a member apart, and see that the same comes out when it is put together.

    Raises:
        NotKept: it cannot be pickled, its content cannot be read, or another one comes out.
    """
    try:
        before = _digests(member)
    except Exception as error:  # reading runs the member's own code
        raise NotKept(f"its content cannot be read ({_in_words(error)})") from error
    if before[0] is None:
        raise NotKept("its content cannot be read, so that nothing shows whether the same would come back")
    try:
        packed = pack(member)
        again = unpack(replace(packed, arrays=tuple(array.copy() for array in packed.arrays)))
    except Exception as error:  # so does pickling
        raise NotKept(f"it cannot be pickled ({_in_words(error)})") from error
    lost = getattr(member, "__dict__", {}).keys() - getattr(again, "__dict__", {}).keys()
    if lost:
        raise NotKept(f"it loses {', '.join(sorted(map(str, lost)))} when it is pickled")
    if type(again) is not type(member) and type(member).__module__ != "__main__":
        raise NotKept(f"it comes back as another type ({type(again).__qualname__})")
    if _digests(again) != before:
        raise NotKept("another one comes back: what it holds changes when it is pickled")
    return packed


# To subclass is pickle's own way to change how single objects are kept.
class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    taken: Taken
    origins: dict[str, str]

    def persistent_id(self, obj: object) -> object:
        return self.taken.ticket(obj)

    def reducer_override(self, obj: object) -> object:
        if isinstance(obj, (type, FunctionType)) and _is_found_by_name(obj):
            self.origins.update(_origin(obj.__module__))
            return NotImplemented  # also where the module is registered to go by value: no second copy of it
        return super().reducer_override(obj)


class _Unpickler(pickle.Unpickler):
    given: Given

    def persistent_load(self, pid: object) -> object:
        return self.given.tensor(pid)  # type: ignore[arg-type]


def _digests(member: object) -> tuple[str | None, str | None]:
    settings = [f"{name}.{key}={content_digest(value)}" for name, key, value in module_settings(member)]
    return content_digest(member), content_digest(sorted(settings))  # pickling may change their order


def _in_words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _is_found_by_name(value: "type | FunctionType") -> bool:
    module = getattr(value, "__module__", None)
    found: object = sys.modules.get(module) if isinstance(module, str) and module != "__main__" else None
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def _origin(module: str) -> dict[str, str]:
    """The file of a module that is not installed: several may be called conftest."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(file, str) or file.startswith(_installed()):
        return {}
    return {module: os.path.realpath(file)}


@cache
def _installed() -> tuple[str, ...]:
    paths = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return tuple({*paths, *site.getsitepackages()})
