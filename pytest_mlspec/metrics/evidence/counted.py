"""Evidence that is counted: cases that hit among cases that are asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.stats import binomial, clusters
from pytest_mlspec.stats.bounds import BoolArray, Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.verdict import Terms

Hits = npt.NDArray[np.uint8]
Describe = Callable[[int, int], str]

F1_CLOPPER_PEARSON = Method(
    name="Clopper-Pearson on the Jaccard index",
    bound_class="exact",
    source="Lam, Gopal & Qian 2023, arXiv 2309.14621: F1 = 2J / (1 + J), TP of TP + FP + FN is binomial",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rate:
    """A rate per member, bounded by Clopper-Pearson or, where rows are clustered, by its effective-count form.

    Args:
        hits: (members, examples), 1 where a case counts; 0 wherever a case is not included.
        included: (examples,) or (members, examples), the cases that are asked about; ``None``: all.
        unit: what the included cases are, plural.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        transform: ``f1`` where the rate is a Jaccard index and F1 = 2J / (1 + J) is reported.
        flawless: (examples,) the cases that a flawless model would be asked about; ``None``: those included.
        describe: one case in words, for evidence whose hits are failures to be listed.
    """

    hits: Hits
    unit: str
    included: BoolArray | None = None
    cluster_codes: IntArray | None = None
    transform: Literal["rate", "f1"] = "rate"
    flawless: BoolArray | None = None
    describe: Describe | None = None
    _kept: dict[str, IntArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def successes(self) -> IntArray:
        """(members,) hits."""
        if "successes" not in self._kept:
            self._kept["successes"] = _row_counts(self.hits)
        return self._kept["successes"]

    @property
    def sizes(self) -> IntArray:
        """(members,) included cases."""
        if "sizes" not in self._kept:
            self._kept["sizes"] = self._count_included()
        return self._kept["sizes"]

    def _count_included(self) -> IntArray:
        n_members, n_examples = self.hits.shape
        if self.included is None:
            return np.full(n_members, n_examples, dtype=np.int64)
        if self.included.ndim == 1:
            return np.full(n_members, np.count_nonzero(self.included), dtype=np.int64)
        return _row_counts(self.included)

    @property
    def values(self) -> FloatArray:
        """(members,) the rate; NaN where no case is included."""
        with np.errstate(invalid="ignore"):
            return self.shown(self.successes / self.sizes)

    def shown(self, rate: FloatArray) -> FloatArray:
        """Rates as they are reported: F1 where the rate is a Jaccard index."""
        return rate if self.transform == "rate" else binomial.jaccard_to_f1(rate)

    def as_rate(self, value: float) -> float:
        """A value or threshold of F1 as one of the Jaccard index."""
        return value if self.transform == "rate" else float(binomial.f1_to_jaccard(value))

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``; open for a member without cases."""
        method, reason = self.method(), ""
        decidable = self.sizes > 0
        if self.cluster_codes is None:
            hits, trials = self.successes.astype(np.float64), self.sizes.astype(np.float64)
        else:
            hits, trials, enough = self._effective(level)
            reason = "" if enough[decidable].all() else clusters.ONE_CLUSTER
            decidable = decidable & enough
        if not (self.sizes > 0).all():
            reason = f"there are no {self.unit} to judge"
        low = np.where(decidable, self.shown(binomial.lower(hits, trials, level)), -np.inf)
        high = np.where(decidable, self.shown(binomial.upper(hits, trials, level)), np.inf)
        return Bounds(low=low, high=high, method=method, reason=reason)

    def method(self) -> Method:
        """What bounds it at one look."""
        if self.cluster_codes is not None:
            return clusters.KORN_GRAUBARD
        return binomial.CLOPPER_PEARSON if self.transform == "rate" else F1_CLOPPER_PEARSON

    def _effective(self, level: float) -> tuple[FloatArray, FloatArray, BoolArray]:
        assert self.cluster_codes is not None
        codes, n_clusters = _compact(self.cluster_codes)
        hits, sizes = self.by_groups(codes, n_clusters)
        return clusters.effective_counts(hits, sizes, level)

    def by_groups(self, codes: npt.NDArray[np.integer], n_groups: int) -> tuple[IntArray, IntArray]:
        """Hits and included cases of every member in every group of cases, each (members, groups)."""
        from pytest_mlspec.stats.counting import group_counts

        if self.included is None or self.included.ndim == 1:
            kept = slice(None) if self.included is None else self.included
            hits, sizes = group_counts(codes[kept], self.hits[:, kept], n_groups)
            return hits, np.broadcast_to(sizes, hits.shape)
        hits, _ = group_counts(codes, self.hits, n_groups)
        sizes, _ = group_counts(codes, self.included.view(np.uint8), n_groups)
        return hits, sizes

    def take(self, cases: IntArray) -> Rate:
        """The same rate on these positions of the predictions only."""
        describe = self.describe
        return replace(
            self,
            hits=self.hits[:, cases],
            included=None if self.included is None else self.included[..., cases],
            cluster_codes=None if self.cluster_codes is None else self.cluster_codes[cases],
            flawless=None if self.flawless is None else self.flawless[cases],
            describe=None if describe is None else lambda case, member: describe(int(cases[case]), member),
        )

    def counts(self, member: int) -> str:
        """``218/368``, or the three counts behind an F1."""
        hits, cases = int(self.successes[member]), int(self.sizes[member])
        if self.transform == "f1":
            return f"{hits} found, {cases - hits} missed or falsely alarmed"
        return f"{hits}/{cases}"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """Hits of the included cases, where they are the same cases for every member."""
        if self.transform == "f1" or (self.included is not None and self.included.ndim == 2 and len(self.hits) > 1):
            return None
        included = self.included if self.included is None or self.included.ndim == 1 else self.included[0]
        cases = np.arange(self.hits.shape[1]) if included is None else np.flatnonzero(included)
        rows = self.hits if included is None else self.hits[:, cases]
        return CaseValues(rows=rows, low=0.0, high=1.0, cases=cases)  # type: ignore[arg-type]  # uint8 is a real type

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows of the ratio of sums; ``None`` where a member has no included case."""
        from pytest_mlspec.stats.jackknife import ratio_rows

        if not (self.sizes > 0).all():
            return None
        asked = np.ones(self.hits.shape[1]) if self.included is None else self.included.astype(np.float64)
        below = np.broadcast_to(asked, self.hits.shape)
        if self.transform == "f1":
            return PseudoValues(rows=ratio_rows(2.0 * self.hits, below + self.hits))
        return PseudoValues(rows=ratio_rows(self.hits, below))

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases in all would decide it at the measured rate with this power."""
        from pytest_mlspec.stats import planning

        if not self.sizes[member]:
            return None
        rate, limit = float(self.successes[member] / self.sizes[member]), self.as_rate(goal.threshold)
        if not 0.0 <= limit <= 1.0:
            return None
        needed = planning.trials_to_decide(rate, limit, goal.level, power=goal.power, comparison=goal.comparison)
        if needed is None or self.cluster_codes is None:
            return needed
        _, effective, enough = self._effective(goal.level)
        if not enough[member]:
            return None
        return int(np.ceil(needed * self.sizes[member] / effective[member]))

    def perfect(self, goal: Goal) -> float | None:
        """The bound of a model without an error on these cases."""
        trials = self._flawless_trials(goal.level)
        if not trials:
            return None
        if goal.comparison == ">=":
            return float(self.shown(np.asarray(binomial.lower(trials, trials, goal.level))))
        return float(self.shown(np.asarray(binomial.upper(0.0, trials, goal.level))))

    def _flawless_trials(self, level: float) -> float | None:
        asked = self.flawless if self.flawless is not None else self.included
        if asked is not None and asked.ndim == 2:
            return None  # which cases are asked about depends on the model
        if self.cluster_codes is None:
            return float(self.hits.shape[1] if asked is None else np.count_nonzero(asked))
        codes, n_clusters = _compact(self.cluster_codes if asked is None else self.cluster_codes[asked])
        sizes = np.bincount(codes, minlength=n_clusters)
        return float(clusters.effective_counts(sizes, sizes, level)[1])

    def failing(self, member: int) -> IntArray:
        """Positions of the failing cases of one member.

        Raises:
            TypeError: hits are not failures here.
        """
        if self.describe is None:
            raise TypeError(
                f"max_failures counts failing cases of failure_rate or flip_rate; this is a rate over {self.unit}"
            )
        return np.flatnonzero(self.hits[member])

    def describe_case(self, position: int, member: int) -> str:
        """One case in words: its index or id, its columns, its loss."""
        return f"at position {position}" if self.describe is None else self.describe(position, member)


def _row_counts(flags: Hits | BoolArray) -> IntArray:
    # Counting booleans row by row runs on whole machine words; a sum over uint8 widens every entry first.
    return np.array([np.count_nonzero(row) for row in flags.view(np.bool_)], dtype=np.int64)


def _compact(codes: IntArray) -> tuple[IntArray, int]:
    """Codes 0 .. n - 1 of the clusters that occur, and n."""
    distinct, compact = np.unique(codes, return_inverse=True)
    return compact.reshape(-1), len(distinct)
