"""Perturbations in a row, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pytest_mlspec.data.forms import Features, IntArray
from pytest_mlspec.perturbations.changing import ColumnChange

Perturbation: TypeAlias = Callable[[Features], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """Perturbations that are applied one after the other."""

    steps: tuple[Perturbation, ...]

    @property
    def name(self) -> str:
        """The names of the steps, in their order."""
        return ", then ".join(_name(step) for step in self.steps)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def mixes_rows(self) -> bool:
        """Whether some step puts values of another row of the same data into a row."""
        return any(getattr(step, "mixes_rows", False) for step in self.steps)

    @property
    def redraws(self) -> bool:
        """Whether some step makes something else of the same rows once there are more."""
        return any(getattr(step, "redraws", False) for step in self.steps)

    def exchanged(self, n_rows: int) -> IntArray | None:
        """(examples,) which rows exchanged values with each other, in one step or over several; ``None``: no rows."""
        asked = [step.exchanged(n_rows) for step in self.steps if hasattr(step, "exchanged")]
        return _joined([codes for codes in asked if codes is not None], n_rows)

    def __call__(self, X: Features) -> Features:
        """``X`` changed by every step in turn."""
        changed: Features = X
        for step in self.steps:
            changed = step(changed)
        return changed


def compose(*steps: Perturbation) -> Composed:
    """Several perturbations as one: the first is applied first.

    Args:
        steps: two or more functions from features to features of the same form.

    Returns:
        A function from features to features; its name names the steps.

    Raises:
        ValueError: fewer than two steps, or one random step twice, whose second draw would repeat the first.
        TypeError: a step that cannot be called.

    Example:
        >>> from pytest_mlspec.perturbations import contrast, gaussian_noise
        >>> compose(contrast(2), gaussian_noise(1, seed=0)).name
        'contrast, severity 2, then gaussian_noise, severity 1'
    """
    if len(steps) < 2:
        raise ValueError(f"expected two or more perturbations to compose; got {len(steps)}")
    for number, step in enumerate(steps, start=1):
        if not callable(step):
            raise TypeError(f"expected functions from features to features; got step {number} = {step!r}")
    flat = tuple(part for step in steps for part in (step.steps if isinstance(step, Composed) else (step,)))
    twice = [one for number, one in enumerate(flat) for other in flat[:number] if _same_draws(one, other)]
    if twice:
        kind, seed = _stream(twice[0])
        raise ValueError(
            f"expected random steps with draws of their own; got {kind} twice with {seed=}. "
            "Give one of them another seed"
        )
    return Composed(steps=flat)


def _joined(codes: Sequence[IntArray], n_rows: int) -> IntArray | None:
    """Groups of rows that are linked through any of the codes."""
    if len(codes) < 2:
        return codes[0] if codes else None
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offsets = np.cumsum([n_rows, *(int(group.max()) + 1 for group in codes)])
    rows = np.tile(np.arange(n_rows), len(codes))
    groups = np.concatenate([group + start for group, start in zip(codes, offsets[:-1], strict=True)])
    links = coo_array((np.ones(len(rows), dtype=np.int8), (rows, groups)), shape=(offsets[-1], offsets[-1]))
    linked: IntArray = connected_components(links, directed=False)[1][:n_rows].astype(np.int64)
    return linked


def _name(step: Perturbation) -> str:
    return str(getattr(step, "__name__", type(step).__name__))


def _same_draws(one: Perturbation, other: Perturbation) -> bool:
    """Whether the second step draws what the first drew."""
    if isinstance(one, ColumnChange):
        return one.shares_draws(other)
    return _stream(one)[1] is not None and _stream(one) == _stream(other)


def _stream(step: Perturbation) -> tuple[str, object]:
    """What a step draws from: its kind and its seed, which is None where it draws nothing."""
    return str(getattr(step, "kind", _name(step))), getattr(step, "seed", None)
