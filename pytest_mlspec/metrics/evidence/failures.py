"""Failures: cases whose loss is larger than delta, and failures that still wait for their delta."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

NO_DELTA = (
    "failure_rate has no delta: give delta=..., the largest loss that one case may have, on the marker or in "
    "failure_rate(...)"
)
_SHOWN_COLUMNS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PendingFailures:
    """Losses per case before delta is known: the contract gives it, or nothing can be judged.

    Args:
        losses: (members, examples), finite, of any sign.
        predictions: what they are about, to name a case.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cases: (examples,) positions within the predictions; ``None``: all, in their order.
    """

    losses: npt.NDArray[np.floating]
    predictions: Predictions
    cluster_codes: IntArray | None = None
    cases: IntArray | None = None

    def at(self, delta: float) -> Rate:
        """The failure rate at this largest loss of one case."""
        failed = self.losses > delta

        def describe(position: int, member: int) -> str:
            whole = position if self.cases is None else int(self.cases[position])
            loss = float(self.losses[member, position])
            return f"{case_words(self.predictions, whole)}: loss {loss:.4g} > delta {float(delta):g}"

        return Rate(hits=failed.view(np.uint8), unit="examples", cluster_codes=self.cluster_codes, describe=describe)

    @property
    def values(self) -> FloatArray:
        """(members,) not known yet."""
        return np.full(len(self.losses), np.nan)

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.losses), self.losses.shape[1], dtype=np.int64)

    @property
    def unit(self) -> str:
        """What is counted."""
        return "examples"

    def take(self, cases: IntArray) -> PendingFailures:
        """The same on these positions only."""
        clusters = None if self.cluster_codes is None else self.cluster_codes[cases]
        within = cases if self.cases is None else self.cases[cases]
        return replace(self, losses=self.losses[:, cases], cluster_codes=clusters, cases=within)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """There are none without delta.

        Raises:
            ValueError: always.
        """
        raise ValueError(NO_DELTA)

    def by_groups(self, codes: IntArray, n_groups: int) -> NoReturn:
        """There are no counts without delta.

        Raises:
            ValueError: always.
        """
        raise ValueError(NO_DELTA)

    def counts(self, member: int) -> str:
        """Nothing is counted yet."""
        return ""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """There are none without delta.

        Raises:
            ValueError: always.
        """
        raise ValueError(NO_DELTA)

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """There are none without delta.

        Raises:
            ValueError: always.
        """
        raise ValueError(NO_DELTA)

    def plan(self, member: int, goal: Goal) -> int | None:
        """There is none without delta."""
        return None

    def perfect(self, goal: Goal) -> float | None:
        """Not known without delta."""
        return None


def case_words(predictions: Predictions, position: int) -> str:
    """``id 'A-17'`` or ``row 17`` of the base dataset, with its columns and, for labels, the truth."""
    rows = predictions.rows
    row = position if rows is None else int(rows[position])
    name = f"id {predictions.ids.tolist()[position]!r}" if predictions.ids is not None else f"row {row}"
    named = [
        f"{column}={predictions.columns[column][position]}" for column in list(predictions.columns)[:_SHOWN_COLUMNS]
    ]
    more = ", ..." if len(predictions.columns) > _SHOWN_COLUMNS else ""
    return f"{name} ({', '.join(named)}{more})" if named else name
