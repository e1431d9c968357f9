"""A digest of what a Python object holds: equal for equal content, in every process."""

import copyreg
import functools
import hashlib
import random
import re
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import cast

import numpy as np

__all__ = ["Follow", "content_digest", "is_generator"]

_SCALARS = (type(None), bool, int, float, complex, type(Ellipsis))
_SEED_NAMES = re.compile(r"(^|_)(random_state|random_seed|seeds?|rng)(_|$)")
# A search also keeps how long its fits took, which never repeats.
_TIME_NAMES = re.compile(r"(^cv_results_$)|((^|_)times?_?$)")
_MOST_OBJECTS = 500_000
_OF_EVERY_MODULE = frozenset(
    {
        *("training", "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "_is_full_backward_hook"),
        *("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs"),
        *("_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
        *("_flat_weights", "_flat_weight_refs"),  # of recurrent ones: their parameters again
        *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
    }
)
"""What torch puts into every module."""
Follow = Callable[[object], tuple[str, object] | None]
"""What stands for an object: its kind and other objects to read in its place; None for the object itself."""


def content_digest(value: object, *, forget_seeds: bool = False, follow: Follow | None = None) -> str | None:
    """Give a digest of an object's content, or None where the content cannot be read.

    Args:
        value: anything: arrays, estimators, torch modules (their state), functions (code and closure), containers.
        forget_seeds: leave out, from estimators, the attributes that hold a seed or a generator and not what was
            learned (`random_state`, `seed`, ...), however deep they lie.
        follow: told every object that is no plain value; what it gives is read in the object's place. By default
            functions count by their code and closure, classes and modules by their names.

    Returns:
        A hexadecimal BLAKE2b digest, the same in other processes and under other hash seeds; None for objects such
        as locks and open files, and for graphs of more than half a million objects.
    """
    walk = _Walk(forget_seeds=forget_seeds, follow=follow)
    try:
        walk.visit(value)
    except (_NotReadable, RecursionError):
        return None
    return walk.hash.hexdigest()


class _NotReadable(Exception):
    """The content of an object cannot be read."""


class _Walk:
    """One pass over an object graph; objects seen before are named by their number, so cycles end."""

    def __init__(self, *, forget_seeds: bool, follow: Follow | None) -> None:
        self.hash = hashlib.blake2b(digest_size=20)
        self.follow = follow
        self.forget_seeds = forget_seeds
        self.numbers: dict[int, int] = {}
        self.kept: list[object] = []  # an id is only unique while its object lives

    def visit(self, value: object) -> None:
        if isinstance(value, _SCALARS):
            self.note(type(value).__name__, repr(value))
        elif isinstance(value, str):
            self.note("str", value)
        elif isinstance(value, (bytes, bytearray)):
            self.note(type(value).__name__, bytes(value))
        elif isinstance(value, np.generic):
            self.array(np.asarray(value))
        elif isinstance(value, tuple) and type(value) is tuple:
            self.sequence("tuple", value)
        elif id(value) in self.numbers:
            self.note("seen", str(self.numbers[id(value)]))
        else:
            self.numbers[id(value)] = len(self.numbers)
            self.kept.append(value)
            if len(self.kept) > _MOST_OBJECTS:
                raise _NotReadable
            instead = None if self.follow is None else self.follow(value)
            if instead is None:
                self.once(value)
            else:
                self.note("instead", instead[0])
                self.visit(instead[1])

    def once(self, value: object) -> None:
        if type(value) in (np.ndarray, np.memmap):  # others, such as masked arrays, hold more than their numbers
            self.array(value)  # type: ignore[arg-type]
        elif type(value) is list:
            self.sequence("list", value)
        elif type(value) is dict:
            self.mapping(value, in_order=self.follow is not None)
        elif isinstance(value, (set, frozenset)):
            self.unordered(value)
        elif isinstance(value, (type, ModuleType)):
            self.note("named", f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}")
        elif isinstance(value, (FunctionType, MethodType, BuiltinFunctionType, CodeType, functools.partial)):
            self.function(value)
        elif not self.tensor(value):
            self.reduced(value)

    def note(self, kind: str, content: str | bytes) -> None:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self.hash.update(f"{kind}:{len(data)}:".encode())
        self.hash.update(data)

    def array(self, value: np.ndarray) -> None:
        self.note("array", f"{value.dtype.str}{value.shape}")
        if value.dtype.names is not None:  # field by field: the padding between fields is left to chance
            for field in value.dtype.names:
                self.array(value[field])
        elif value.dtype.hasobject or value.dtype.kind == "T":
            self.sequence("objects", value.ravel().tolist())
        else:
            self.hash.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)

    def sequence(self, kind: str, values: "list[object] | tuple[object, ...]") -> None:
        self.note(kind, str(len(values)))
        if all(type(value) in (int, float, str, bool) for value in values):
            self.note("scalars", repr(list(values)))
            return
        for value in values:
            self.visit(value)

    def mapping(self, value: dict[object, object], *, in_order: bool = False) -> None:
        """Hash a dictionary; the order of its keys counts where code is followed, which may go through them."""
        self.note("dict", str(len(value)))
        text_only = not in_order and all(type(key) is str for key in value)
        keys = sorted(cast("dict[str, object]", value)) if text_only else list(value)
        for key in keys:
            self.visit(key)
            self.visit(value[key])

    def unordered(self, value: "set[object] | frozenset[object]") -> None:
        digests = [content_digest(item, forget_seeds=self.forget_seeds, follow=self.follow) for item in value]
        if None in digests:
            raise _NotReadable
        self.sequence("set", sorted(cast("list[str]", digests)))  # type: ignore[arg-type]

    def function(self, value: object) -> None:
        if isinstance(value, CodeType):
            self.note("code", value.co_code)
            self.visit((value.co_names, value.co_varnames, value.co_freevars, value.co_consts))
        elif isinstance(value, FunctionType):
            cells = [_cell_content(cell) for cell in value.__closure__ or ()]
            self.visit((value.__code__, value.__defaults__, value.__kwdefaults__, cells))
        elif isinstance(value, functools.partial):
            self.visit((value.func, value.args, value.keywords))
        else:
            owner = getattr(value, "__self__", None)
            self.note("method", getattr(value, "__qualname__", repr(value)))
            self.visit((owner, getattr(value, "__func__", None)))

    def tensor(self, value: object) -> bool:
        """Hash a torch tensor by its numbers and a torch module by its state; False for anything else."""
        torch = sys.modules.get("torch")
        if torch is None:
            return False
        if isinstance(value, torch.Tensor):
            if value.layout != torch.strided or value.is_quantized:
                return False  # several tensors each, or numbers with a scale: as they are pickled
            try:
                numbers = value.detach().cpu().contiguous().reshape(-1)
            except NotImplementedError as error:  # a tensor on the device "meta" has no numbers
                raise _NotReadable from error
            self.note("tensor", f"{value.dtype}{tuple(value.shape)}")
            self.hash.update(numbers.view(torch.uint8).numpy().data if numbers.numel() else b"")
            return True
        if isinstance(value, torch.nn.Module) and value.state_dict():
            self.note("module", type(value).__qualname__)
            self.mapping(dict(value.state_dict()))
            if self.follow is not None:
                self.visit([(name, type(part), _settings(part)) for name, part in value.named_modules()])
            return True
        module = getattr(value, "module_", None)  # skorch: the rest of the net is its history and its settings
        if isinstance(module, torch.nn.Module):
            self.visit(module)
            return True
        return False

    def reduced(self, value: object) -> None:
        """Hash any other object by what pickle would keep of it."""
        if type(value).__module__.startswith("pytest_mlspec.data.") and hasattr(value, "fingerprint"):
            named = (getattr(value, "name", ""), getattr(value, "role", ""))
            self.note("dataset", f"{value.fingerprint} {named}")
            return
        if self.forget_seeds and is_generator(value):
            self.note("generator", "")
            return
        try:
            registered = copyreg.dispatch_table.get(type(value))  # such as NumPy's own way to pickle np.log
            parts = value.__reduce_ex__(4) if registered is None else registered(value)
        except Exception as error:  # whatever an object raises here, it cannot be read
            raise _NotReadable from error
        if isinstance(parts, str):
            self.note("global", parts)
            return
        for index, part in enumerate(parts):
            if index == 2:
                self.state(self.without_seeds(value, part))
            elif index in (3, 4):
                self.visit(None if part is None else list(part))
            else:
                self.visit(part)

    def state(self, state: object) -> None:
        """Hash what an object holds; the order in which its attributes were set does not count."""
        if type(state) is dict:
            self.mapping(state)
        else:
            self.visit(state)

    def without_seeds(self, owner: object, state: object) -> object:
        if not self.forget_seeds or not isinstance(state, dict) or not _is_estimator(owner):
            return state
        return {
            key: item
            for key, item in state.items()
            if not (isinstance(key, str) and (_SEED_NAMES.search(key) or _TIME_NAMES.search(key)))
        }


def _settings(module: object) -> dict[str, object]:
    """What a torch module holds besides its state: sizes, switches, functions, hooks, buffers that are not saved."""
    held = {name: item for name, item in vars(module).items() if name not in _OF_EVERY_MODULE}
    hooks = {name: item for name, item in vars(module).items() if name in _OF_EVERY_MODULE and "hook" in name and item}
    unsaved = vars(module).get("_non_persistent_buffers_set", ())
    return {**held, **hooks, **{name: vars(module)["_buffers"].get(name) for name in sorted(unsaved)}}


def _cell_content(cell: object) -> object:
    try:
        return cell.cell_contents  # type: ignore[attr-defined]
    except ValueError:  # not yet filled
        return None


def is_generator(value: object) -> bool:
    """Whether an object is a random generator of Python, NumPy or torch."""
    kinds: tuple[type, ...] = (np.random.RandomState, np.random.Generator, np.random.BitGenerator, random.Random)
    torch = sys.modules.get("torch")
    return isinstance(value, (*kinds, torch.Generator) if torch else kinds)


def _is_estimator(value: object) -> bool:
    return hasattr(type(value), "get_params") or type(value).__module__.partition(".")[0] == "sklearn"
