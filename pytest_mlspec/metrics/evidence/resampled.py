"""Evidence by the bootstrap, for a metric of which nothing is known but how to compute it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.verdict import Terms

BOOTSTRAP = Method(
    name="percentile bootstrap",
    bound_class="approximate",
    source="Efron & Tibshirani 1993, chapter 13; clusters drawn whole (Davison & Hinkley 1997, section 3.8)",
    domain="at least 50 independent cases or clusters; too narrow near the ends of the range",
)
N_RESAMPLES = 2000
SEED = 61_093
FEWEST = 50
LOWEST_LEVEL = 0.0025  # five of the resamples: the quantile is noise beyond it
_GROUPS = 200

Statistic = Callable[[int, IntArray], float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """One number per member, bounded by resampling cases, or whole clusters, with a fixed seed.

    Args:
        statistic: the metric of one member on the cases at the given positions, which may repeat.
        n_members: number of members.
        rows: (examples,) positions of the cases.
        cluster_codes: (examples,) the cluster of each of ``rows``; ``None``: independent cases.
        name: the metric, for messages.
    """

    statistic: Statistic
    n_members: int
    rows: IntArray
    cluster_codes: IntArray | None = None
    name: str = "metric"
    unit: str = "examples"
    _kept: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def values(self) -> FloatArray:
        """(members,) the metric."""
        if "values" not in self._kept:
            self._kept["values"] = self._measure(self.rows)
        return self._kept["values"]

    def _measure(self, rows: IntArray) -> FloatArray:
        return np.array([self.statistic(member, rows) for member in range(self.n_members)], dtype=np.float64)

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(self.n_members, len(self.rows), dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``: open where resampling promises nothing."""
        n_units = len(self.rows) if self.cluster_codes is None else len(np.unique(self.cluster_codes))
        what = "examples" if self.cluster_codes is None else "clusters"
        if n_units < FEWEST:
            return self._open(f"the bootstrap needs at least {FEWEST} {what}; there are {n_units}")
        if level < LOWEST_LEVEL:
            return self._open(f"the bootstrap is not used below level {LOWEST_LEVEL}; needed was {level:.2g}")
        if "drawn" not in self._kept:
            self._kept["drawn"] = self._draw()
        drawn = self._kept["drawn"]
        if not np.isfinite(drawn).all() or not np.isfinite(self.values).all():
            return self._open(f"{self.name} is not a finite number on every resample of these cases")
        low, high = np.quantile(drawn, level, axis=0), np.quantile(drawn, 1 - level, axis=0)
        return Bounds(low=np.minimum(low, self.values), high=np.maximum(high, self.values), method=BOOTSTRAP)

    def _draw(self) -> FloatArray:
        """(resamples, members): every member on the same resamples."""
        generator = np.random.default_rng(SEED)
        if self.cluster_codes is None:
            pick = (self.rows[generator.integers(len(self.rows), size=len(self.rows))] for _ in range(N_RESAMPLES))
        else:
            compact = np.unique(self.cluster_codes, return_inverse=True)[1].reshape(-1)
            order = np.argsort(compact, kind="stable")
            parts = np.split(self.rows[order], np.cumsum(np.bincount(compact))[:-1])
            pick = (
                np.concatenate([parts[unit] for unit in generator.integers(len(parts), size=len(parts))])
                for _ in range(N_RESAMPLES)
            )
        return np.stack([self._measure(rows) for rows in pick])

    def _open(self, reason: str) -> Bounds:
        unknown = np.full(self.n_members, np.inf)
        return Bounds(low=-unknown, high=unknown, method=BOOTSTRAP, reason=reason)

    def take(self, cases: IntArray) -> Resampled:
        """The same metric on these positions only."""
        clusters = None if self.cluster_codes is None else self.cluster_codes[cases]
        return replace(self, rows=self.rows[cases], cluster_codes=clusters)

    def counts(self, member: int) -> str:
        """Nothing is counted."""
        return ""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """One number has no values per case."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Delete-a-group jackknife rows; ``None`` where the metric is not finite."""
        from pytest_mlspec.stats.jackknife import pseudo_values

        if len(self.rows) < 2:
            return None
        rows = pseudo_values(
            lambda cases: self._measure(self.rows[cases]), len(self.rows), min(len(self.rows), _GROUPS)
        )
        return PseudoValues(rows=rows) if np.isfinite(rows).all() else None

    def plan(self, member: int, goal: Goal) -> int | None:
        """Scaled from the distance of the present bound."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """Not known: nobody says what a flawless model would measure."""
        return None
