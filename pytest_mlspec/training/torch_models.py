"""torch modules: recognised without importing torch, run in evaluation mode, in batches, and left as they were."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["BATCH", "as_numpy", "forward", "is_torch_module"]

BATCH = 1024
"""Examples that go through a module at a time."""


def is_torch_module(model: object) -> bool:
    """Tell whether `model` is a `torch.nn.Module`; without torch in the process nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def as_numpy(values: object) -> np.ndarray:
    """Turn a tensor, an array or a list into a NumPy array on the CPU, half precision into single."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        tensor = values.detach().cpu()
        return np.asarray((tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor).numpy())
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def forward(module: object, X: object, *, batch: int = BATCH) -> np.ndarray:
    """Give a module's output for every example, under `inference_mode` and in `eval()`.

    Args:
        module: a `torch.nn.Module` that takes one tensor of examples and returns one tensor, a row per example.
        X: an array, tensor, frame or list of examples. It is moved to the device of the module's parameters and
            converted to their type; integers stay integers for a module with an embedding.
        batch: examples at a time.

    Returns:
        The output, (examples, ...). Every submodule gets back the mode that it had.

    Raises:
        TypeError: the module returns something else than one tensor, or X holds no numbers.
    """
    import torch

    assert isinstance(module, torch.nn.Module)
    inputs = _as_tensor(X)
    device, dtype = _conversion(module, inputs)
    outputs: list[np.ndarray] = []
    with _evaluating(module), torch.inference_mode():
        for rows in torch.split(inputs, batch):
            output = module(rows.to(device, dtype, copy=True))  # layers may work in place
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"{type(module).__name__} returned {type(output).__name__}, expected one tensor: "
                    "wrap it in a module or a function that returns the tensor of outputs"
                )
            outputs.append(as_numpy(output))
    return np.concatenate(outputs)


def _as_tensor(X: object) -> "torch.Tensor":
    import torch

    if isinstance(X, torch.Tensor):
        return X.detach()
    array = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a torch module needs numbers, got X with dtype={array.dtype}: encode or drop such columns")
    return torch.from_numpy(np.array(array) if not array.flags.writeable else np.ascontiguousarray(array))


def _conversion(module: "torch.nn.Module", inputs: "torch.Tensor") -> "tuple[torch.device, torch.dtype]":
    import torch

    held = [*module.parameters(), *module.buffers()]
    floating = [tensor for tensor in held if tensor.is_floating_point()]
    device = held[0].device if held else torch.device("cpu")
    dtype = floating[0].dtype if floating else torch.get_default_dtype()
    embeds = any(isinstance(part, (torch.nn.Embedding, torch.nn.EmbeddingBag)) for part in module.modules())
    if embeds and not inputs.is_floating_point():
        dtype = torch.int64
    return device, dtype


@contextmanager
def _evaluating(module: "torch.nn.Module") -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
