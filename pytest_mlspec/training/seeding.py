"""Global random generators: seeded for one fit and put back after it."""

import functools
import operator
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, ModuleType

import numpy as np

__all__ = ["check_seeds", "import_torch_if_named", "seeded"]

_WANTED = "expected a number of members, or distinct integers such as [3, 5, 8]"


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
    while isinstance(function, functools.partial):
        function = function.func
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


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Give the seeds that a declaration means: n stands for 0, 1, ..., n - 1, a list for itself.

    Raises:
        ValueError: not distinct non-negative integers, or none at all.
    """
    if isinstance(seeds, (bool, str, bytes)):
        raise ValueError(f"seeds={seeds!r}: {_WANTED}")  # one kind of error for whatever is wrong
    try:
        n_members = operator.index(seeds)  # type: ignore[arg-type]  # a sequence raises
    except TypeError:
        return _distinct(seeds)
    if n_members < 1:
        raise ValueError(f"seeds={n_members}: expected at least one member")
    return tuple(range(n_members))


def _distinct(given: object) -> tuple[int, ...]:
    if not isinstance(given, Iterable):
        raise ValueError(f"seeds={given!r}: {_WANTED}")  # one kind of error for whatever is wrong
    seeds: tuple[object, ...] = tuple(given)
    wrong = [seed for seed in seeds if isinstance(seed, bool) or not hasattr(seed, "__index__")]
    if wrong:
        raise ValueError(f"seeds={list(seeds)!r}: expected integers, got {wrong[0]!r}")
    numbers = tuple(operator.index(seed) for seed in seeds)  # type: ignore[arg-type]  # checked above
    if not numbers:
        raise ValueError("seeds=[]: expected at least one seed")
    if min(numbers) < 0:
        raise ValueError(f"seeds={list(numbers)}: expected non-negative integers, got {min(numbers)}")
    if len(set(numbers)) < len(numbers):
        repeated = next(seed for seed in numbers if numbers.count(seed) > 1)
        raise ValueError(f"seeds={list(numbers)}: seed {repeated} comes more than once; replicates need distinct seeds")
    return numbers
