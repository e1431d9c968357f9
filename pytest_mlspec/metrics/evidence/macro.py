"""Evidence of a macro average: the mean over classes of one rate per class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.stats import betting
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.verdict import Terms

BLOCKS = Method(
    name="betting on blocks that hold cases of every class",
    bound_class="exact",
    source="Waudby-Smith & Ramdas 2024 on the mean over classes within disjoint random blocks",
)
PER_CLASS = Method(
    name="mean of Clopper-Pearson bounds at level / classes",
    bound_class="exact",
    source="Clopper & Pearson 1934 for each class, Bonferroni over classes",
)
PER_CLASS_CLUSTERED = replace(PER_CLASS, name=f"{PER_CLASS.name} on effective counts", bound_class="asymptotic")
BLOCK_SEED = 20_641
_TYPICAL_VARIANCE = 0.09  # of a hit at a rate of 0.9; only the choice between two valid bounds depends on it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Macro:
    """The mean over classes of one rate per class.

    Args:
        parts: one rate per class.
        names: the classes, for messages.
    """

    parts: tuple[Rate, ...]
    names: tuple[str, ...]

    @property
    def unit(self) -> str:
        """All cases are needed: each class decides its own rate."""
        return "examples"

    @property
    def values(self) -> FloatArray:
        """(members,) NaN where a class has no cases."""
        values: FloatArray = np.mean([part.values for part in self.parts], axis=0)
        return values

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        n_members, n_examples = self.parts[0].hits.shape
        return np.full(n_members, n_examples, dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds; which of the two exact forms is used depends on class counts only."""
        n_members = len(self.sizes)
        empty = [name for name, part in zip(self.names, self.parts, strict=True) if not part.sizes.all()]
        if empty:
            unknown = np.full(n_members, np.inf)
            reason = f"there are no {self.parts[0].unit} of class {', '.join(empty[:5])}, so its rate is unknown"
            return Bounds(low=-unknown, high=unknown, method=PER_CLASS, reason=reason)
        if all(self._in_blocks(member, level) for member in range(n_members)):
            return self._block_bounds(level)
        return self._per_class(level, terms)

    def _per_class(self, level: float, terms: Terms) -> Bounds:
        """Each class at level / classes: together they hold, whatever their dependence."""
        found = [part.bounds(level / len(self.parts), terms) for part in self.parts]
        reason = next((bounds.reason for bounds in found if bounds.reason), "")
        method = PER_CLASS if self.parts[0].cluster_codes is None else PER_CLASS_CLUSTERED
        low = np.mean([bounds.low for bounds in found], axis=0)
        high = np.mean([bounds.high for bounds in found], axis=0)
        return Bounds(low=low, high=high, method=method, reason=reason)

    def _in_blocks(self, member: int, level: float) -> bool:
        """Whether blocks promise the nearer bounds, judged by class counts alone, so that the choice costs nothing."""
        part = self.parts[0]
        if part.cluster_codes is not None or part.transform == "f1":
            return False  # dependent cases; classes that share cases
        counts = np.array([part.sizes[member] for part in self.parts], dtype=np.float64)
        n_classes, n_blocks = len(counts), counts.min()
        used = n_blocks * np.floor(counts / n_blocks)
        each = -ndtri(level / n_classes) * np.sqrt(_TYPICAL_VARIANCE / counts) + np.log(n_classes / level) / (
            3 * counts
        )
        blocks = np.sqrt(2 * np.log(1 / level) * _TYPICAL_VARIANCE * (1 / used).sum()) / n_classes
        return bool(blocks + np.log(1 / level) / (3 * n_blocks) < each.mean())

    def _block_bounds(self, level: float) -> Bounds:
        """Blocks are disjoint, each holds as many cases of a class as any other: their means are independent draws.

        Given which case belongs to which class, the mean over classes of the hit shares within one block has the macro
        average as its expectation and lies in [0, 1], so any bound for such a mean applies.
        """
        n_members = len(self.sizes)
        if all(part.included is not None and part.included.ndim == 1 for part in self.parts):
            bounds = betting.mean_bounds(self._block_means(slice(None)), level)
            return replace(bounds, method=BLOCKS)
        found = [betting.mean_bounds(self._block_means(slice(k, k + 1)), level) for k in range(n_members)]
        low, high = (np.concatenate([getattr(bounds, end) for bounds in found]) for end in ("low", "high"))
        return Bounds(low=low, high=high, method=BLOCKS)

    def _block_means(self, members: slice) -> FloatArray:
        """(members, blocks) for members whose classes hold the same cases."""
        generator = np.random.default_rng(BLOCK_SEED)
        n_blocks = int(min(part.sizes[members].min() for part in self.parts))
        shares = np.zeros((len(self.sizes[members]), n_blocks))
        for part in self.parts:
            assert part.included is not None  # a rate of one class asks about the cases of that class
            cases = np.flatnonzero(part.included if part.included.ndim == 1 else part.included[members][0])
            drawn = generator.permutation(cases)[: len(cases) // n_blocks * n_blocks]
            shares += part.hits[members][:, drawn].reshape(len(shares), n_blocks, -1).mean(axis=2)
        means: FloatArray = np.clip(shares / len(self.parts), 0.0, 1.0)
        return means

    def take(self, cases: IntArray) -> Macro:
        """The same average on these positions only."""
        return replace(self, parts=tuple(part.take(cases) for part in self.parts))

    def counts(self, member: int) -> str:
        """The weakest class."""
        rates = [float(part.values[member]) for part in self.parts]
        if not rates or np.isnan(rates).any():
            return ""
        weakest = int(np.argmin(rates))
        return f"lowest for {self.names[weakest]}: {rates[weakest]:.3f} ({self.parts[weakest].counts(member)})"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """A macro average weighs cases by the sizes of their classes: no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows: the mean of those of the classes."""
        rows = [part.pseudo_values(terms) for part in self.parts]
        known = [row.rows for row in rows if row is not None]
        return PseudoValues(rows=np.mean(known, axis=0)) if len(known) == len(rows) else None

    def plan(self, member: int, goal: Goal) -> int | None:
        """Scaled from the distance of the present bound."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """The bound of a model that is right about every case; known where the classes are given by the truth."""
        if any(part.included is None or part.included.ndim == 2 for part in self.parts):
            return None
        flawless = tuple(replace(part, hits=np.asarray(part.included)[None].view(np.uint8)) for part in self.parts)
        bounds = replace(self, parts=flawless).bounds(goal.level, goal.terms)
        return float(bounds.low[0]) if goal.comparison == ">=" and np.isfinite(bounds.low[0]) else None
