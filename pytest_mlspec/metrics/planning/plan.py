"""What a plan is: the question that is asked, the ways to meet it, and what they need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlspec.verdict import Comparison, Terms

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

POWER = 0.9
Needed = Callable[[float, float], int | None]
"""How many it takes at an expected value to be met with some power; ``None``: no number would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One claim that is to be planned: as it would be judged, and at which level after all that the level pays for.

    Args:
        estimate: what would be measured, on stand-ins for the models.
        comparison, threshold, terms: as it would be judged.
        level: one-sided error level of the bound that must prove it.
        expect: the value that the model is expected to have; ``None``: not said.
        flawless: whether the estimate is that of a model without an error.
        look_levels: that of every declared look; ``level`` is the last of them.
    """

    estimate: Estimate
    comparison: Comparison
    threshold: float
    terms: Terms
    level: float
    expect: float | None = None
    flawless: bool = True
    look_levels: tuple[float, ...] = ()

    @property
    def n_members(self) -> int:
        """Retrainings that the run would have."""
        return int(self.estimate.predictions.n_members)

    def right(self, value: float) -> bool:
        """Whether a value meets the requirement."""
        return value >= self.threshold if self.comparison == ">=" else value <= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One thing of which more would help, under one assumption about what the data do not say.

    Args:
        unit: what is counted, plural.
        at_hand: how many there are; 0 where the way starts from nothing.
        needed: how many it takes.
        assuming: what else was assumed, in words; empty where nothing was.
        quick: whether ``needed`` may be asked often.
    """

    unit: str
    at_hand: int
    needed: Needed
    assuming: str = ""
    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one way needs at one expected value."""

    expected: float
    needed: int | None
    unit: str
    at_hand: int
    assuming: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one claim needs to be met, what the data at hand can decide, and whether any model could meet it.

    Args:
        claim: the claim in words.
        needs: for every expected value and way.
        members: retrainings that the run would have, and ``members_needed`` of them where a fold asks for a number.
        best: the bound of the best model that can be thought of, on the data at hand; ``None``: not known.
        from_value: the expected value from which on the data at hand give 90 % power; ``None``: not known.
        unmeetable: why no model can meet it with the data at hand; empty where one could.
        no_plan: why there is no plan; empty where there is one.
        notes: assumptions and what the level pays for.
    """

    claim: str
    metric: str = ""
    comparison: Comparison = ">="
    threshold: float = 0.0
    expect: float | None = None
    needs: tuple[Need, ...] = ()
    unit: str = ""
    at_hand: int = 0
    members: int = 1
    members_needed: int | None = None
    best: float | None = None
    from_value: float | None = None
    unmeetable: str = ""
    no_plan: str = ""
    notes: tuple[str, ...] = field(default=())
