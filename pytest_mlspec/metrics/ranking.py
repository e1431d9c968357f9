"""Metrics of ranking: the area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_mlspec.metrics.cases import Scores, class_word, is_positive, positive_class, settings
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.predictions import predict
from pytest_mlspec.stats import ranking
from pytest_mlspec.stats.bounds import BoolArray, Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

Form = Literal["hanley-mcneil"]


def auroc(
    model: object, data: Dataset | None = None, *, positive: object = None, bound: Form | None = None
) -> Estimate:
    """Probability that a positive case scores above a negative one, ties counted half.

    Cases are ranked by the probability of the positive class or, where there is none, by the decision function.

    Args:
        model: an ensemble, a trained model, a list of retrainings, or predictions (then ``data`` is left out).
        data: the dataset or slice.
        positive: the positive class; by default that of the dataset.
        bound: ``"hanley-mcneil"`` for bounds that are nearer but hold for near-binormal scores only (approximate).

    Returns:
        Estimate in [0, 1]; undecided where one class is absent. Its bounds hold for all laws of the scores:
        on the smaller class (asymptotic) or, from five cases of one class for each of the other, by betting on
        placements (exact).

    Raises:
        TypeError, ValueError: nobody said which class is positive, no scores, outputs that do not fit the data.

    Source:
        Hanley & McNeil 1982; Birnbaum & Klose 1957.
    """
    if bound not in (None, "hanley-mcneil"):
        raise ValueError(f'bound is "hanley-mcneil" or left out; got auroc(bound={bound!r})')
    predictions = predict(model, data)
    code = positive_class(predictions, positive, "auroc")
    assert predictions.classes is not None
    scores = predictions.scores(predictions.classes.tolist()[code])
    if scores is None:
        raise ValueError(f"auroc needs scores, and {predictions.lacks('scores')}")
    evidence = Ranking(
        scores=scores,
        positive=is_positive(predictions, code),
        named=bound is not None,
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )
    return Estimate(
        predictions=predictions,
        metric="auroc",
        of=class_word(predictions, code),
        settings=settings(bound=bound),
        evidence=evidence,
        greater_is_better=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """The AUROC per member.

    Args:
        scores: (members, examples), larger means more positive.
        positive: (examples,) the true class.
        named: whether the Hanley-McNeil bounds were asked for by name.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    scores: Scores
    positive: BoolArray
    named: bool = False
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"
    _kept: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def unit(self) -> str:
        """Every case of the rarer class is placed among the others: it is their number that counts."""
        return "cases of the rarer class"

    @property
    def values(self) -> FloatArray:
        """(members,) NaN where one class is absent."""
        if "values" not in self._kept:
            self._kept["values"] = ranking.auroc(self.scores, self.positive)
        return self._kept["values"]

    def _class_sizes(self) -> tuple[int, int]:
        n_positive = int(np.count_nonzero(self.positive))
        return n_positive, self.positive.size - n_positive

    @property
    def sizes(self) -> IntArray:
        """(members,) cases of the rarer class."""
        return np.full(len(self.scores), min(self._class_sizes()), dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``."""
        if self.cluster_codes is not None:
            unknown = np.full(len(self.scores), np.inf)
            reason = f"rows are clustered by {self.cluster_name} and the bounds of AUROC have no clustered form"
            return Bounds(low=-unknown, high=unknown, method=ranking.SMALLER_CLASS_AUROC, reason=reason)
        if self.named:
            return ranking.hanley_mcneil_bounds(self.scores, self.positive, level, value=self.values)
        value = None if self._in_blocks() else self.values
        return ranking.auroc_bounds(self.scores, self.positive, level, value=value)

    def _in_blocks(self) -> bool:
        smaller, larger = sorted(self._class_sizes())
        return not self.named and larger >= ranking.BLOCK_RATIO * smaller

    def take(self, cases: IntArray) -> Ranking:
        """The same metric on these positions only."""
        return replace(
            self,
            scores=self.scores[:, cases],
            positive=self.positive[cases],
            cluster_codes=None if self.cluster_codes is None else self.cluster_codes[cases],
        )

    def counts(self, member: int) -> str:
        """``37 positives, 305 negatives``."""
        n_positive, n_negative = self._class_sizes()
        return f"{n_positive:,} positives, {n_negative:,} negatives"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """The area compares pairs of cases: no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """Influence rows by placements."""
        from pytest_mlspec.stats.jackknife import auroc_rows

        return PseudoValues(rows=auroc_rows(self.scores, self.positive)) if min(self._class_sizes()) else None

    def plan(self, member: int, goal: Goal) -> int | None:
        """How many cases of the rarer class, the other one growing alike, would decide it."""
        from pytest_mlspec.metrics.judging.planned import scaled
        from pytest_mlspec.stats import planning

        value = float(self.values[member])
        if not np.isfinite(value) or not 0.0 <= goal.threshold <= 1.0 or self.cluster_codes is not None:
            return None
        if self.named or self._in_blocks():
            return scaled(self, member, goal)
        return planning.trials_to_decide(
            value, goal.threshold, goal.level, power=goal.power, comparison=goal.comparison
        )

    def perfect(self, goal: Goal) -> float | None:
        """The bound of a model that ranks every positive case above every negative one."""
        if goal.comparison == "<=" or not min(self._class_sizes()) or self.cluster_codes is not None:
            return None
        ideal = replace(self, scores=self.positive[None].astype(np.float64))
        return float(ideal.bounds(goal.level, goal.terms).low[0])
