"""On which terms a requirement is judged, who asks, and what a counted read of a test set leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

Comparison: TypeAlias = Literal[">=", "<="]
Members: TypeAlias = Literal["every", "mean"] | float
BOUND_CLASSES = ("exact", "asymptotic", "approximate")
DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a requirement is to be judged: what the contract says, filled up from the configuration."""

    confidence: float = DEFAULT_CONFIDENCE
    members: Members = "every"
    max_loss: float | None = None
    bound_classes: tuple[str, ...] = BOUND_CLASSES
    share: float = 1.0
    """The part of the error level that *violated* may use: less than 1 for one claim of several asked together."""
    looks: tuple[int, ...] = ()
    """Declared numbers of examples at which growing data are judged; empty: once."""
    spending: str = "obrien-fleming"
    """How the error level is spent over the looks."""
    anytime: bool = False
    """Whether the bounds must hold however the number of examples came about."""
    growing_members: int = 0
    """The most members that ensembles may grow to until seeds decide, so that bounds over seeds must hold under that
    stopping; 0: they stay as declared."""

    @property
    def level(self) -> float:
        """The one-sided error level, 1 - confidence, rounded against float noise (1 - 0.95 is 0.05)."""
        return round(1.0 - self.confidence, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who asks: the contract behind a requirement, or a literal in the body of a test."""

    kind: str = "literal"
    id: str = ""
    because: str = ""
    tier: str = ""
    contract: int = -1
    claim: int = 0
    """Which of the several claims of one contract."""
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a counted read of a test set allows.

    Args:
        terms: how the requirement is to be judged, at this model's share of the error level.
        lines: what messages say of the read.
        stale: why nothing can be decided on the test set any more; empty where it can.
        reads: one mapping of builtin types for each test set, for reports.
        tell: what may be said of the scores of an estimate; ``None``: all of them are told.
    """

    terms: Terms
    lines: tuple[str, ...] = ()
    stale: str = ""
    reads: tuple[Mapping[str, object], ...] = ()
    tell: Callable[[Estimate], str] | None = None
