"""A contract: what one marker asks of one estimate, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pytest_mlspec.verdict import Comparison, Members, Origin, Terms, format_limit

if TYPE_CHECKING:
    from pytest_mlspec.predictions import Predictions


TOLD = (
    *("max_std", "equal_within", "metric", "delta", "bins", "confidence", "members", "max_loss"),
    *("expect", "looks", "spending", "anytime"),
)
"""Parameters that a contract's description repeats as the marker gives them."""


class ContractError(ValueError):
    """The body of a test and its contract do not fit together."""


class Measured(Protocol):
    """What a contract looks at to recognise its estimate."""

    @property
    def metric(self) -> str: ...
    @property
    def form(self) -> str: ...
    @property
    def by(self) -> tuple[str, ...]: ...
    @property
    def settings(self) -> tuple[tuple[str, object], ...]: ...
    @property
    def subject(self) -> str: ...
    @property
    def greater_is_better(self) -> bool: ...
    @property
    def predictions(self) -> Predictions: ...
    @property
    def sides(self) -> tuple[Predictions, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One limit of one marker with everything that the marker says about judging it."""

    kind: str
    limit: str
    comparison: Comparison
    threshold: float
    index: int = -1
    metric: str | None = None
    by: tuple[str, ...] = ()
    delta: float | None = None
    bins: int | None = None
    shift: str | None = None
    on: tuple[str | int, ...] = ()
    max_std: float | None = None
    equal_within: float | None = None
    confidence: float | None = None
    members: Members | None = None
    max_loss: float | None = None
    expect: float | None = None
    looks: tuple[int, ...] = ()
    spending: str | None = None
    anytime: bool = False
    id: str = ""
    because: str = ""
    tier: str = ""
    location: str = ""

    @property
    def origin(self) -> Origin:
        """Who asks, for the verdict."""
        return Origin(
            kind=self.kind,
            id=self.id,
            because=self.because,
            tier=self.tier,
            contract=self.index,
            location=self.location,
        )

    def terms(self, configured: Terms) -> Terms:
        """The configured terms with what the marker says put over them."""
        return replace(
            configured,
            confidence=configured.confidence if self.confidence is None else self.confidence,
            members=configured.members if self.members is None else self.members,
            max_loss=self.max_loss,
            looks=self.looks,
            spending=self.spending or configured.spending,
            anytime=self.anytime,
        )

    def describe(self) -> str:
        """The marker in one line: ``FAIR-1: parity(by='sex', max_gap=0.10)``."""
        words = [f"{self.limit}={format_limit(self.threshold)}"] if self.limit else []
        for name, columns in (("on", self.on), ("by", self.by)):
            if columns:
                words.insert(0, f"{name}={columns[0]!r}" if len(columns) == 1 else f"{name}={list(columns)!r}")
        if self.shift is not None:
            words.insert(0, f"shift={self.shift!r}")
        for name in TOLD:
            value = getattr(self, name)
            if value not in (None, (), False):
                words.append(f"{name}={value!r}")
        name = f"{self.id}: " if self.id else ""
        return f"{name}{self.kind}({', '.join(words)})"
