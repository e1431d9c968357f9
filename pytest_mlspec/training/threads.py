"""How many threads a fit may use: one, unless asked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["single_threaded"]


@contextmanager
def single_threaded(threads: int | None = 1) -> Iterator[None]:
    """Limit BLAS, OpenMP and torch to `threads` threads for one fit, and restore the old limits afterwards.

    Small models train many times slower on two threads than on one as soon as a neighbour is busy, and sums over
    several threads are not reproducible to the last bit.

    Args:
        threads: the number of threads; None leaves everything as it is.

    Raises:
        ValueError: `threads` is less than 1.
    """
    if threads is None:
        yield
        return
    if threads < 1:
        raise ValueError(f"threads={threads}: expected at least 1, or None to leave the threads alone")
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    # Read before the limit: torch reports the OpenMP limit as its own.
    torch_threads = torch.get_num_threads() if torch else 0
    try:
        with threadpool_limits(limits=threads):
            if torch:
                torch.set_num_threads(threads)
            yield
    finally:
        if torch:
            torch.set_num_threads(torch_threads)
