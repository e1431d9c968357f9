"""Evidence that is known: a figure read off the model itself, about which nothing has to be inferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.verdict import Terms

READ_OFF = Method(
    name="read off the model",
    bound_class="exact",
    source="a property of these very members: no case was drawn, nothing is inferred",
    domain="these members",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """A figure per member that holds whatever the cases: both bounds are the figure itself.

    Args:
        values: (members,) finite.
        n: how many things the figure was read off, the same for every member.
        unit: what they are, plural: ``coefficients``.
        words: what a message says of every member, such as ``x3 of 30 coefficients``; may be empty.
    """

    values: FloatArray
    n: int
    unit: str
    words: str = ""

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise ValueError(f"expected a finite figure per member; got values={self.values.tolist()}")

    @property
    def sizes(self) -> IntArray:
        """(members,) how many things each figure was read off."""
        return np.full(len(self.values), self.n, dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) the figures themselves, whatever the level."""
        return Bounds(low=self.values, high=self.values, method=READ_OFF)

    def take(self, cases: IntArray) -> NoReturn:
        """There is nothing to take: the figure is that of the whole model.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"this figure is read off the {self.unit} of the model and not off cases: it has no groups")

    def counts(self, member: int) -> str:
        """What the figure was read off."""
        return self.words

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: no cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: no cases."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """``None``: no number of cases changes it."""
        return None

    def perfect(self, goal: Goal) -> float | None:
        """``None``: there is no flawless model to compare with."""
        return None
