"""An operational design domain: the conditions under which a model must work, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isfinite
from types import MappingProxyType
from typing import final


@final
@dataclass(frozen=True, slots=True, init=False, eq=False)
class Domain:
    """Factors x levels: every combination is a cell that must hold enough cases and meet its limit.

    Args:
        factors: column -> its levels, such as ``{"weather": ["clear", "snow"], "light": ["day", "night"]}``.
        min_cases: the fewest cases that a cell must have to be judged at all.
        limits: cells with a limit of their own, ``{("snow", "night"): 0.8}``: levels in the order of the factors;
            all others take the limit of the requirement.
        except_for: cells that do not exist in the domain, such as ``[("snow", "summer")]``.

    Raises:
        TypeError, ValueError: no factor, a factor without levels, a level given twice, an unknown cell, a limit that
            is no number, no cell left.

    Example:
        >>> domain = Domain({"weather": ["clear", "snow"], "light": ["day", "night"]}, min_cases=30)
        >>> len(domain), next(iter(domain))
        (4, {'weather': 'clear', 'light': 'day'})
    """

    factors: Mapping[str, tuple[object, ...]]
    min_cases: int
    limits: Mapping[tuple[object, ...], float]
    _cells: tuple[tuple[object, ...], ...] = field(repr=False)

    def __init__(
        self,
        factors: Mapping[str, Sequence[object]],
        *,
        min_cases: int = 30,
        limits: Mapping[tuple[object, ...], float] | None = None,
        except_for: Sequence[tuple[object, ...]] = (),
    ) -> None:
        levels = {name: _levels(name, given) for name, given in _checked_factors(factors).items()}
        if isinstance(min_cases, bool) or not isinstance(min_cases, int) or min_cases < 1:
            raise ValueError(f"min_cases is a whole number, 1 or more; got min_cases={min_cases!r}")
        cells = tuple(product(*levels.values()))
        own = dict(limits or {})
        for cell in (*own, *except_for):
            _require_known(cell, cells, tuple(levels))
        for cell, limit in own.items():
            if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not isfinite(limit):
                raise ValueError(f"a limit is a finite number; got limits={{{cell!r}: {limit!r}}}")
        left = tuple(cell for cell in cells if cell not in set(except_for))
        if not left:
            raise ValueError(f"expected at least one cell; except_for takes all {len(cells)} of them out")
        for name, value in {
            "factors": MappingProxyType(levels),
            "min_cases": min_cases,
            "limits": MappingProxyType(own),
            "_cells": left,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the cells are made of."""
        return tuple(self.factors)

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[dict[str, object]]:
        """The cells, each as the conditions of ``Dataset.where``."""
        return (dict(zip(self.factors, cell, strict=True)) for cell in self._cells)

    def limit(self, cell: Mapping[str, object]) -> float | None:
        """The limit of this cell's own; ``None`` where it takes that of the requirement."""
        return self.limits.get(tuple(cell.values()))


def _checked_factors(factors: Mapping[str, Sequence[object]]) -> Mapping[str, Sequence[object]]:
    if not isinstance(factors, Mapping) or not factors or not all(isinstance(name, str) for name in factors):
        raise TypeError(f"expected factors as a mapping from columns to levels; got factors={factors!r}")
    return factors


def _levels(name: str, given: Sequence[object]) -> tuple[object, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise TypeError(f"expected a list of levels for {name!r}; got {name}={given!r}")
    levels = tuple(given)
    if not levels or len(set(levels)) != len(levels):
        raise ValueError(f"expected at least one level of {name!r} and each once; got {name}={list(levels)!r}")
    return levels


def _require_known(cell: object, cells: tuple[tuple[object, ...], ...], names: tuple[str, ...]) -> None:
    if cell not in cells:
        raise ValueError(
            f"{cell!r} is no cell of this domain: a cell is a tuple of the levels of {', '.join(names)}, "
            f"such as {cells[0]!r}"
        )
