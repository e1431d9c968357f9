"""Takes the tensors out of a member before it is pickled, and puts them back, bit for bit and tied as they were."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pytest_mlspec.training.cache.safetensors_file import DTYPES, RawTensor

if TYPE_CHECKING:
    import torch

__all__ = ["Given", "Taken", "module_settings"]

Ticket: TypeAlias = tuple[int, str, tuple[int, ...], tuple[int, ...], int, bool, bool, str]
"""Number of the tensor, name of its storage, shape, strides, offset, is it a parameter, requires_grad, device."""


class Taken:
    """The tensors of one member, by the name of their storage, while it is being pickled.

    A storage is kept once, so that tensors that share it (tied weights, views) still share it afterwards. Tensors of
    other kinds (sparse, quantized, complex, with hooks, of a subclass) are left to torch's own pickling.
    """

    def __init__(self, member: object) -> None:
        self.raw: dict[str, RawTensor] = {}
        self.devices: set[str] = set()
        self._names = _state_names(member)
        self._tickets: dict[int, tuple[object, Ticket]] = {}  # with the tensor: an id is only its own while it lives
        self._storages: dict[tuple[str, int], tuple[str, str]] = {}

    def ticket(self, value: object) -> Ticket | None:
        """What to pickle in a tensor's stead; None for anything else."""
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(value, torch.Tensor) or not _is_plain(value):
            return None
        if id(value) in self._tickets:
            return self._tickets[id(value)][1]
        name = self._storage(value)
        if name is None:
            return None
        shape, strides = tuple(value.shape), tuple(value.stride())
        device = str(value.device)
        if device != "cpu":
            self.devices.add(device)
        is_parameter = type(value) is torch.nn.Parameter
        number, offset = len(self._tickets), int(value.storage_offset())
        ticket = (number, name, shape, strides, offset, is_parameter, bool(value.requires_grad), device)
        self._tickets[id(value)] = (value, ticket)
        return ticket

    def _storage(self, value: "torch.Tensor") -> str | None:
        """The name of a tensor's storage, kept at its first sight; None where two types share one."""
        storage, dtype = value.untyped_storage(), str(value.dtype).removeprefix("torch.")
        key = (str(value.device), storage.data_ptr())
        if storage.nbytes() and key in self._storages:
            name, kept_as = self._storages[key]
            return name if kept_as == dtype else None
        if storage.nbytes() % DTYPES[dtype][1]:
            return None
        wanted = self._names.get(id(value), "")
        name = wanted if wanted and wanted not in self.raw else f"tensor.{len(self.raw)}"
        while name in self.raw:
            name += "_"
        whole = value.is_contiguous() and value.numel() * DTYPES[dtype][1] == storage.nbytes()
        shape = tuple(value.shape) if whole else (storage.nbytes() // DTYPES[dtype][1],)
        self.raw[name] = RawTensor(dtype=dtype, shape=shape, data=_bytes_of(value))
        self._storages[key] = (name, dtype)
        return name


class Given:
    """The tensors of one member while it is being unpickled; each owns its memory."""

    def __init__(self, raw: Mapping[str, RawTensor]) -> None:
        self._raw = raw
        self._storages: dict[tuple[str, str], torch.Tensor] = {}
        self._tensors: dict[int, torch.Tensor] = {}

    def tensor(self, ticket: Ticket) -> "torch.Tensor":
        """The tensor that a ticket stands for: the same object for the same ticket."""
        import torch

        number, name, shape, strides, offset, is_parameter, requires_grad, device = ticket
        if number not in self._tensors:
            flat = self._storage(name, device)
            tensor = torch.empty(0, dtype=flat.dtype, device=flat.device)
            tensor.set_(flat.untyped_storage(), offset, shape, strides)
            if is_parameter:
                tensor = torch.nn.Parameter(tensor, requires_grad=requires_grad)
            else:
                tensor.requires_grad_(requires_grad)
            self._tensors[number] = tensor
        return self._tensors[number]

    def _storage(self, name: str, device: str) -> "torch.Tensor":
        """All numbers of one storage, flat, on the device where they were, or on the CPU where there is none such."""
        import torch

        if (name, device) not in self._storages:
            raw = self._raw[name]
            dtype = getattr(torch, raw.dtype)
            flat = torch.frombuffer(raw.data, dtype=dtype).clone() if len(raw.data) else torch.empty(0, dtype=dtype)
            self._storages[name, device] = flat if device == "cpu" else _moved(flat, device)
        return self._storages[name, device]


def module_settings(member: object) -> list[tuple[str, str, object]]:
    """What a torch module holds beside its tensors (training mode, sizes, hooks), one by one; empty for others."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(member, torch.nn.Module):
        return []
    tensors = ("_parameters", "_buffers", "_modules")
    found = [
        (name, key, value)
        for name, part in member.named_modules()
        for key, value in vars(part).items()
        if key not in tensors
    ]
    parameters = member.named_parameters(remove_duplicate=False)
    return [*found, *((name, "requires_grad", parameter.requires_grad) for name, parameter in parameters)]


def _is_plain(value: "torch.Tensor") -> bool:
    import torch

    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.layout == torch.strided
        and str(value.dtype).removeprefix("torch.") in DTYPES
        and value.device.type != "meta"
        and value.is_leaf
        and not vars(value)
        and not value._backward_hooks
        and not value.is_neg()
    )


def _bytes_of(value: "torch.Tensor") -> np.ndarray:
    """The bytes of a tensor's whole storage, as they are now."""
    import torch

    storage = value.detach().untyped_storage()
    if not storage.nbytes():
        return np.empty(0, np.uint8)
    flat = torch.empty(0, dtype=torch.uint8, device=value.device).set_(storage)
    found: np.ndarray = flat.cpu().numpy()
    return found


def _moved(flat: "torch.Tensor", device: str) -> "torch.Tensor":
    try:
        return flat.to(device)
    except (RuntimeError, AssertionError, NotImplementedError):  # no such device here, or not so many of them
        return flat


def _state_names(member: object) -> dict[int, str]:
    """The name of each tensor in a module's state, by identity."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(member, torch.nn.Module):
        return {}
    named = [*member.named_buffers(), *member.named_parameters()]
    return {id(tensor): name for name, tensor in named}
