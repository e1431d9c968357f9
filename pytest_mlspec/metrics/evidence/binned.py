"""Evidence of calibration errors: sums over bins of what was said and what happened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.stats import calibration_table
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.stats.calibration import LEAST_FAVOURABLE_ECE, ece_bounds
from pytest_mlspec.stats.calibration_classwise import CLASSWISE_ECE, classwise_ece, classwise_ece_bounds
from pytest_mlspec.stats.calibration_table import BinTable, bin_index, bin_table, equal_mass_edges, overconfidence
from pytest_mlspec.stats.calibration_worst_bin import MCE_ARMS, mce_bounds
from pytest_mlspec.verdict import Terms

Binning: TypeAlias = Literal["width", "mass"]
Scores = npt.NDArray[np.floating]
Hits = npt.NDArray[np.uint8]
CLUSTERED = "rows are clustered by {} and the bounds of a calibration error have no clustered form"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopLabel:
    """The binned calibration error of the top probability per member, expected or of the worst bin.

    Args:
        confidence: (members, examples), in [0, 1].
        hits: (members, examples), 1 where the most probable class is right.
        bins: number of bins.
        binning: bins of equal width or of equal mass.
        worst: whether the worst bin is the metric.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    confidence: Scores
    hits: Hits
    bins: int
    binning: Binning = "width"
    worst: bool = False
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"
    unit: str = "examples"
    _kept: dict[str, BinTable] = field(default_factory=dict, init=False, repr=False)

    @property
    def _bins(self) -> int | FloatArray:
        return self.bins if self.binning == "width" else equal_mass_edges(self.confidence, self.bins)

    @property
    def _table(self) -> BinTable:
        if "table" not in self._kept:
            self._kept["table"] = bin_table(self.confidence, self.hits, self._bins)
        return self._kept["table"]

    @property
    def values(self) -> FloatArray:
        """(members,) NaN without cases."""
        if not self.confidence.shape[1]:
            return np.full(len(self.confidence), np.nan)
        return calibration_table.mce(self._table) if self.worst else calibration_table.ece(self._table)

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.confidence), self.confidence.shape[1], dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``."""
        method = MCE_ARMS if self.worst else LEAST_FAVOURABLE_ECE
        if self.cluster_codes is not None:
            return _open(len(self.confidence), method, CLUSTERED.format(self.cluster_name))
        if not self.confidence.shape[1]:
            return _open(len(self.confidence), method, "there are no examples to judge")
        if self.worst:
            return mce_bounds(self.confidence, self.hits, self._bins, level, table=self._table)
        fixed = self.binning == "width"
        return ece_bounds(
            self.confidence, self.hits, self._bins, level, edges_fixed=fixed, table=self._table, need=need
        )

    def take(self, cases: IntArray) -> TopLabel:
        """The same error on these positions only."""
        return replace(
            self,
            confidence=self.confidence[:, cases],
            hits=self.hits[:, cases],
            cluster_codes=None if self.cluster_codes is None else self.cluster_codes[cases],
        )

    def counts(self, member: int) -> str:
        """The direction of the error: ``over-confident by 0.034 (mean confidence 0.931, accuracy 0.897)``."""
        if not self.confidence.shape[1]:
            return ""
        table = self._table
        over = float(overconfidence(table)[member])
        said, was = (float(part[member].sum()) / table.n_examples for part in (table.score, table.hits))
        word = "over-confident" if over > 0 else "under-confident"
        return f"{word} by {abs(over):.3f} (mean confidence {said:.3f}, accuracy {was:.3f})"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The sum of absolute bin sums is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows: residuals with the sign of their bin; ``None`` for the worst bin, which jumps."""
        from pytest_mlspec.stats.jackknife import ece_rows

        if self.worst or not self.confidence.shape[1]:
            return None
        residuals = self.hits - self.confidence.astype(np.float64)
        return PseudoValues(rows=ece_rows(residuals, bin_index(self.confidence, self._bins), self.bins))

    def plan(self, member: int, goal: Goal) -> int | None:
        """Scaled from the distance of the present bound."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """Not known: it depends on the confidences that a calibrated model would state."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassWise:
    """The class-wise binned calibration error per member.

    Args:
        probabilities: (members, examples, classes), rows sum to 1.
        codes: (examples,) the true classes.
        bins: number of bins of equal width for each class.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    probabilities: Scores
    codes: IntArray
    bins: int
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"
    unit: str = "examples"
    _kept: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def values(self) -> FloatArray:
        """(members,) NaN without cases."""
        if "values" not in self._kept:
            self._kept["values"] = classwise_ece(self.probabilities, self.codes, self.bins)
        return self._kept["values"]

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.probabilities), len(self.codes), dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``."""
        if self.cluster_codes is not None:
            return _open(len(self.probabilities), CLASSWISE_ECE, CLUSTERED.format(self.cluster_name))
        if not len(self.codes):
            return _open(len(self.probabilities), CLASSWISE_ECE, "there are no examples to judge")
        return classwise_ece_bounds(self.probabilities, self.codes, self.bins, level)

    def take(self, cases: IntArray) -> ClassWise:
        """The same error on these positions only."""
        return replace(
            self,
            probabilities=self.probabilities[:, cases],
            codes=self.codes[cases],
            cluster_codes=None if self.cluster_codes is None else self.cluster_codes[cases],
        )

    def counts(self, member: int) -> str:
        """Nothing is counted."""
        return ""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The sum of absolute bin sums is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows: the mean over classes of those of each class."""
        from pytest_mlspec.stats.jackknife import ece_rows

        if not len(self.codes):
            return None
        n_classes = self.probabilities.shape[2]
        rows = np.zeros(self.probabilities.shape[:2])
        for code in range(n_classes):
            column = np.ascontiguousarray(self.probabilities[:, :, code])
            residuals = (self.codes == code) - column.astype(np.float64)
            rows += ece_rows(residuals, bin_index(column, self.bins), self.bins)
        return PseudoValues(rows=rows / n_classes)

    def plan(self, member: int, goal: Goal) -> int | None:
        """Scaled from the distance of the present bound."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """Not known: it depends on the probabilities that a calibrated model would state."""
        return None


def _open(n_members: int, method: Method, reason: str) -> Bounds:
    unknown = np.full(n_members, np.inf)
    return Bounds(low=-unknown, high=unknown, method=method, reason=reason)
