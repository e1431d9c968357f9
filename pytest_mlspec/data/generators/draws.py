"""What every law needs to be drawn: checked parameters, streams that do not disturb each other, no empty class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from pytest_mlspec.data.forms import Vector

MIN_ROWS = 20
"""Fewer rows than these hold no class of a law reliably."""


def refuse(faults: Iterable[str]) -> None:
    """Raise one error that names every bad argument; empty texts are no faults.

    Raises:
        ValueError: at least one fault.
    """
    found = [fault for fault in faults if fault]
    if found:
        raise ValueError("; ".join(found))


def whole(name: str, value: object, least: int) -> str:
    """The fault of an argument that must be an integer of at least ``least``; empty where it is one."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least:
        return ""
    return f"expected {name} as an integer >= {least}; got {name}={value!r}"


def between(name: str, value: object, low: float, high: float = math.inf, *, ends: bool = True) -> str:
    """The fault of an argument that must be a finite number from ``low`` to ``high``, the ends allowed or not."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and (low < number < high or (ends and number in (low, high))):
            return ""
    limits = f"[{low:g}, {high:g}]" if ends else f"({low:g}, {high:g})"
    words = f"in {limits}" if math.isfinite(high) else f"{'>=' if ends else '>'} {low:g}"
    return f"expected {name} as a number {words}; got {name}={value!r}"


def sizes(n: object, seed: object, least: int = MIN_ROWS) -> list[str]:
    """The faults of the two arguments that every law shares: rows per part and the root seed."""
    return [whole("n", n, least), whole("seed", seed, 0)]


def streams(seed: int, *names: str) -> dict[str, np.random.Generator]:
    """One generator for every name, children of one root seed: what one draws does not change what another draws."""
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def variables(stream: np.random.Generator, *names: str) -> dict[str, np.random.Generator]:
    """One generator for every variable of a part, so that its first rows stay the same when n grows."""
    return dict(zip(names, stream.spawn(len(names)), strict=True))


def coin(stream: np.random.Generator, n: int, share: float | Vector = 0.5) -> Vector:
    """Signs of shape (n,): +1 with probability ``share``, else -1."""
    signs: Vector = np.where(stream.random(n) < share, 1, -1)
    return signs


def require_every(part: str, values: Vector, expected: Sequence[object], what: str) -> None:
    """Raise where a class or a group of the law has no row in a part.

    Raises:
        ValueError: names what is missing, and the way out.
    """
    missing = [value for value in expected if not np.any(values == value)]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise ValueError(f"expected every {what} among the n={len(values)} rows of {part}; none has {listed}: raise n")
