"""Global random generators: seeded for one fit and put back after it."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, ModuleType

import numpy as np

__all__ = ["import_torch_if_named", "seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators from `seed`, and restore their states afterwards.

    Each generator gets a child of `numpy.random.SeedSequence(seed)`, so no two share a stream. torch is seeded only
    when it has been imported already: on the CPU, and on CUDA now or as soon as CUDA starts.

    Args:
        seed: the non-negative integer that names the fit.

    Raises:
        ValueError: `seed` is negative.

    Example:
        >>> import random
        >>> with seeded(3):
        ...     first = random.random()
        >>> with seeded(3):
        ...     assert random.random() == first
    """
    if seed < 0:
        raise ValueError(f"seed={seed}: expected a non-negative integer")
    for_python, for_numpy, for_torch = np.random.SeedSequence(seed).spawn(3)
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    torch = sys.modules.get("torch")
    restore_torch = _seed_torch(torch, int(for_torch.generate_state(1, np.uint64)[0])) if torch else _nothing
    random.seed(int.from_bytes(for_python.generate_state(8).tobytes(), "little"))
    np.random.seed(for_numpy.generate_state(8))
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        restore_torch()


def _seed_torch(torch: ModuleType, seed: int) -> Callable[[], None]:
    cpu_state = torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    # What CUDA would start from: torch.manual_seed gives both the same seed, and so does a fresh interpreter.
    initial_seed = torch.initial_seed()
    torch.random.default_generator.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)  # queued by torch while CUDA has not been started

    def restore() -> None:
        torch.random.default_generator.manual_seed(initial_seed)  # `initial_seed()` is not part of the state
        torch.set_rng_state(cpu_state)
        if cuda_states is None:
            torch.cuda.manual_seed_all(initial_seed)
        else:
            torch.cuda.set_rng_state_all(cuda_states)

    return restore


def _nothing() -> None:
    return None


def import_torch_if_named(function: Callable[..., object]) -> None:
    """Import torch now when the function's own code imports it, so that `seeded` reaches its generator."""
    code = getattr(function, "__code__", None)
    if "torch" in sys.modules or not isinstance(code, CodeType) or not _names_torch(code):
        return
    try:
        import torch  # noqa: F401
    except ImportError:
        return  # the function itself says best what it misses


def _names_torch(code: CodeType) -> bool:
    if any(name.partition(".")[0] == "torch" for name in code.co_names):
        return True
    return any(_names_torch(constant) for constant in code.co_consts if isinstance(constant, CodeType))
