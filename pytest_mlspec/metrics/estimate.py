"""What a metric returns: a value per member, its bounds, and comparisons that give verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, ClassVar, Literal, NoReturn, TypeAlias

import numpy as np

from pytest_mlspec.metrics.evidence import Evidence, at_delta
from pytest_mlspec.stats.bounds import Bounds, FloatArray
from pytest_mlspec.verdict import Comparison, Terms, Verdict, configured_terms, format_value, scores_are_told

if TYPE_CHECKING:
    from pytest_mlspec.data.domain import Domain
    from pytest_mlspec.metrics.cells import Cell
    from pytest_mlspec.predictions import Predictions

Form: TypeAlias = Literal[
    "level",
    "gap",
    "ratio",
    "worst",
    "cells",
    "seed_std",
    "seed_std_quotient",
    "difference",
    "quotient",
    "size",
    "shortfall",
]
SAID = ("threshold", "delta", "q")
"""Settings without which a claim says nothing: they stand in every message and table."""
WORDS: dict[str, str] = {
    "level": "{metric}",
    "gap": "gap in {metric} by {by}",
    "ratio": "ratio of {metric} by {by}",
    "worst": "worst {metric} by {by}",
    "cells": "{metric} in every cell of {by}",
    "seed_std": "seed std of {metric}",
    "seed_std_quotient": "quotient of seed stds of {metric}",
    "difference": "difference in {metric}",
    "quotient": "quotient of {metric}",
    "size": "size of {metric}",
    "shortfall": "shortfall of the worst member in {metric}",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """A measured metric that answers ``>=`` and ``<=`` with a verdict whose error rate is controlled.

    ``.values`` is the metric per member, ``.value`` their mean, ``.low(member)`` and ``.high(member)`` the one-sided
    bounds; ``.gap(by)``, ``.worst(by)``, ``.ratio(by)``, ``.over(domain)``, ``.seed_std()``, ``-``, ``/`` and
    ``abs()`` give further estimates, whose ``operands`` are the estimates that they were made of.
    """

    # NumPy scalars on the left leave the comparison to us instead of turning it into an array.
    __array_ufunc__: ClassVar[None] = None

    predictions: Predictions
    metric: str
    evidence: Evidence
    greater_is_better: bool
    of: str = ""
    settings: tuple[tuple[str, object], ...] = ()
    form: Form = "level"
    by: tuple[str, ...] = ()
    between: str = ""
    operands: tuple[Estimate, ...] = ()
    cells: tuple[Cell, ...] = ()

    @property
    def sides(self) -> tuple[Predictions, ...]:
        """What was predicted on either side of a difference or quotient, as written; else the predictions alone."""
        return tuple(operand.predictions for operand in self.operands) or (self.predictions,)

    @property
    def whole_ensemble(self) -> bool:
        """Whether it is one number about all members together, such as a spread: no member has one of its own."""
        return bool(getattr(self.evidence, "whole_ensemble", False))

    @property
    def values(self) -> FloatArray:
        """(members,) the metric of each member."""
        return self.evidence.values

    @property
    def value(self) -> float:
        """The mean of the members' values."""
        return float(np.mean(self.values))

    def low(self, member: int = 0, *, confidence: float | None = None) -> float:
        """The one-sided lower bound of one member (its position, not its seed)."""
        return float(self._bounds(confidence).low[member])

    def high(self, member: int = 0, *, confidence: float | None = None) -> float:
        """The one-sided upper bound of one member (its position, not its seed)."""
        return float(self._bounds(confidence).high[member])

    def _bounds(self, confidence: float | None) -> Bounds:
        terms = configured_terms()
        if confidence is not None:
            terms = replace(terms, confidence=check_confidence(confidence))
        return self.evidence.bounds(terms.level, terms)

    @property
    def said(self) -> str:
        """The settings that belong to the claim, in words: ``delta 2``."""
        told = ((name, value) for name, value in self.settings if name in SAID and isinstance(value, float | int))
        return ", ".join(f"{name} {value:g}" for name, value in told)

    @property
    def subject(self) -> str:
        """What is measured, in words: ``gap in recall of malignant by sex``."""
        metric = self.metric.replace("_", " ") + (f" of {self.of}" if self.of else "")
        metric += f" ({self.said})" if self.said else ""
        if self.form == "size" and len(self.operands) > 1:
            metric = f"the difference in {metric}"
        if self.by and self.form in ("difference", "size"):  # of two gaps
            metric = WORDS["gap"].format(metric=metric, by=" and ".join(self.by))
        words = WORDS[self.form].format(metric=metric, by=" and ".join(self.by))
        return f"{words}, {self.between}" if self.between else words

    # ---- the algebra -------------------------------------------------------------------------------------------

    def gap(self, by: str | Sequence[str]) -> Estimate:
        """Largest minus smallest value over the groups of a column, or of the intersections of several columns."""
        return self._grouped("gap", by)

    def ratio(self, by: str | Sequence[str]) -> Estimate:
        """Smallest over largest value over the groups of a column (0.8 is the four-fifths rule)."""
        return self._grouped("ratio", by)

    def worst(self, by: str | Sequence[str]) -> Estimate:
        """The value of the worst group: the smallest where greater is better, else the largest."""
        return self._grouped("worst", by)

    def _grouped(self, form: Literal["gap", "ratio", "worst"], by: str | Sequence[str]) -> Estimate:
        from pytest_mlspec.metrics.evidence.groups import fold_groups

        self._require_level(f".{form}()")
        columns = (by,) if isinstance(by, str) else tuple(by)
        if not columns:
            raise ValueError(f".{form}() expects the name of a column or several, got by={by!r}")
        evidence = fold_groups(form, self.evidence, self.predictions, columns, greater_is_better=self.greater_is_better)
        greater = {"gap": False, "ratio": True, "worst": self.greater_is_better}[form]
        return replace(self, evidence=evidence, form=form, by=columns, greater_is_better=greater)

    def seed_std(self) -> Estimate:
        """The standard deviation over retrainings, with the noise of the finite test set removed."""
        from pytest_mlspec.metrics.evidence.spread import SeedStd

        self._require_members(".seed_std()")
        evidence = SeedStd(evidence=self.evidence, retrained=self.predictions.retrained, clustered=self.clustered)
        return replace(self, evidence=evidence, form="seed_std", greater_is_better=False, operands=(self,))

    def shortfall(self) -> Estimate:
        """How much worse each retraining is than the mean of all of them on the same cases."""
        from pytest_mlspec.metrics.evidence.shortfall import Shortfall

        self._require_members(".shortfall()")
        evidence = Shortfall(evidence=self.evidence, greater_is_better=self.greater_is_better, clustered=self.clustered)
        return replace(self, evidence=evidence, form="shortfall", greater_is_better=False, operands=(self,))

    def over(self, domain: Domain) -> Estimate:
        """The metric in every cell of an operational design domain; each cell is judged, at its own limit.

        Raises:
            ValueError: a cell with fewer cases than the domain asks for.
        """
        from pytest_mlspec.metrics.cells import cells_of

        self._require_level(".over()")
        return replace(self, cells=cells_of(self, domain), form="cells", by=domain.columns)

    def __sub__(self, other: object) -> Estimate:
        from pytest_mlspec.metrics.comparing import difference_of

        if not isinstance(other, Estimate):
            raise TypeError(
                "only an estimate can be subtracted from an estimate: write the margin on the right, "
                f"as in `a - b >= -0.01`; got {other!r}"
            )
        if not self.form == other.form == "gap":
            self._require_level("-")
            other._require_level("-")
        return difference_of(self, other)

    def __truediv__(self, other: object) -> Estimate:
        from pytest_mlspec.metrics.comparing import quotient_of

        if not isinstance(other, Estimate):
            raise TypeError(
                "only an estimate can divide an estimate, as in `a.seed_std() / b.seed_std() <= 3` or "
                f"`rmse(m, shifted) / rmse(m, test) <= 1.2`; got {other!r}"
            )
        return quotient_of(self, other)

    def __abs__(self) -> Estimate:
        from pytest_mlspec.metrics.evidence.size import Size

        if self.form not in ("level", "difference"):
            raise TypeError(f"abs() is of a metric or a difference, not of {self.subject}")
        return replace(self, evidence=Size(evidence=self.evidence), form="size", greater_is_better=False)

    def with_delta(self, delta: float) -> Estimate:
        """The failure rate at this largest loss of one case, where the body left it to the contract."""
        if self.metric != "failure_rate" or "delta" in dict(self.settings):
            raise TypeError(f"delta is what failure_rate(...) leaves open; {self.subject} awaits none")
        cells = tuple(replace(cell, estimate=cell.estimate.with_delta(delta)) for cell in self.cells)
        settings = (*self.settings, ("delta", delta))
        return replace(self, evidence=at_delta(self.evidence, delta), settings=settings, cells=cells)

    def _require_level(self, operation: str) -> None:
        if self.form != "level":
            form = self.form.replace("_", " ")
            raise TypeError(f"{operation} is not defined on a {form} ({self.subject}): apply it to the metric itself")

    def _require_members(self, operation: str) -> None:
        self._require_level(operation)
        if self.whole_ensemble:
            raise TypeError(f"{operation} needs a value per member: {self.subject} is one number about all of them")

    @property
    def clustered(self) -> bool:
        """Whether cases depend on each other in a way that its case values do not take account of."""
        by_pair = getattr(self.evidence, "exchanged", None) is not None
        return not by_pair and any(side.cluster_codes is not None for side in self.sides)

    # ---- comparisons -------------------------------------------------------------------------------------------

    def __ge__(self, other: object) -> Verdict:
        return self._compare(">=", other)

    def __le__(self, other: object) -> Verdict:
        return self._compare("<=", other)

    def _compare(self, comparison: Comparison, other: object) -> Verdict:
        __tracebackhide__ = True
        if isinstance(other, Estimate):
            raise TypeError("two estimates are compared by their difference: write `a - b >= -0.01`")
        if isinstance(other, bool) or not isinstance(other, Real):
            return NotImplemented  # `requirement` answers by its reflected method
        from pytest_mlspec.metrics.judging.judge import judge

        return judge(self, comparison, float(other) if not isinstance(other, int) else other)

    def judged(self, comparison: Comparison, threshold: float, terms: Terms) -> Verdict:
        """Judge on terms of one's own, as a notebook does that has no markers."""
        from pytest_mlspec.metrics.judging.judge import judge

        return judge(self, comparison, threshold, terms=terms)

    # ---- misuse, answered --------------------------------------------------------------------------------------

    def __gt__(self, other: object) -> NoReturn:
        raise TypeError("write `>=`: a requirement includes its limit")

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError("write `<=`: a requirement includes its limit")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(
            f"an estimate has no exact value to compare with ==: use `>=` or `<=`, or compare `.value` "
            f"({format_value(self.value) if scores_are_told() else 'not told'}) with pytest.approx"
        )

    def __ne__(self, other: object) -> NoReturn:
        raise TypeError("an estimate has no exact value to compare with !=: use `>=` or `<=`")

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise TypeError(f"the truth of an estimate is not defined: compare it, as in `{self.metric}(...) >= 0.9`")

    def __float__(self) -> NoReturn:
        raise TypeError("an estimate is not one number: `.value` is its mean over members, `.values` one per member")

    def __repr__(self) -> str:
        if not scores_are_told():
            return f"<Estimate {self.subject}: its scores are told through a ladder>"
        where = f" on {self.predictions.description}" if self.predictions.description else ""
        values = ", ".join(format_value(float(value)) for value in self.values[:6])
        more = ", ..." if len(self.values) > 6 else ""
        return f"<Estimate {self.subject}{where}: {values}{more}>"


def check_confidence(confidence: float) -> float:
    """Return the confidence, or say what a confidence is."""
    if isinstance(confidence, bool) or not isinstance(confidence, Real) or not 0.5 <= float(confidence) < 1.0:
        raise ValueError(f"confidence is a number in [0.5, 1), such as 0.95; got confidence={confidence!r}")
    return float(confidence)
