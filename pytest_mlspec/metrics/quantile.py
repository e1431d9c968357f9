"""Metrics of the tail of a loss: its quantiles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.case_losses import Loss, Losses, case_losses, loss_name
from pytest_mlspec.metrics.cases import settings
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import CaseValues, Goal, PseudoValues
from pytest_mlspec.predictions import predict
from pytest_mlspec.stats import quantiles
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Side
from pytest_mlspec.verdict import Terms

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset


def loss_quantile(model: object, data: Dataset | None = None, *, q: float, loss: Loss = "absolute_error") -> Estimate:
    """The loss that a share ``q`` of the cases does not exceed.

    Args:
        model: an ensemble, a trained model, a list of retrainings, or predictions (then ``data`` is left out).
        data: the dataset or slice.
        q: the share, in (0, 1): 0.99 asks for the loss that 99 % of the cases do not exceed.
        loss: as ``failure_rate``.

    Returns:
        Estimate in the unit of the loss, bounded by order statistics (exact for every law of the loss); smaller is
        better. From above it takes at least log(level) / log(q) cases: 299 for q = 0.99.

    Raises:
        TypeError, ValueError: a share outside (0, 1), an unknown loss, outputs that are missing.

    Source:
        Hyndman & Fan 1996, definition 1; Hahn & Meeker 1991, section 5.2.
    """
    if isinstance(q, bool) or not isinstance(q, (int, float, np.floating)) or not 0.0 < q < 1.0:
        raise ValueError(f"q is a share in (0, 1), such as 0.99; got loss_quantile(q={q!r})")
    predictions = predict(model, data)
    evidence = Quantile(
        losses=case_losses(predictions, loss, "loss_quantile"),
        q=float(q),
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )
    return Estimate(
        predictions=predictions,
        metric="loss_quantile",
        settings=settings(q=float(q), loss=loss_name(loss)),
        evidence=evidence,
        greater_is_better=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantile:
    """A quantile of the loss per member.

    Args:
        losses: (members, examples), finite.
        q: the share of cases that do not exceed it.
        cluster_codes: (examples,) the cluster of each case; ``None``: independent cases.
        cluster_name: what the clusters are, for messages.
    """

    losses: Losses
    q: float
    cluster_codes: IntArray | None = None
    cluster_name: str = "cluster"
    unit: str = "examples"
    _kept: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def values(self) -> FloatArray:
        """(members,) NaN without cases."""
        if "values" not in self._kept:
            self._kept["values"] = quantiles.quantile(self.losses, self.q)
        return self._kept["values"]

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return np.full(len(self.losses), self.losses.shape[1], dtype=np.int64)

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``."""
        if self.cluster_codes is None and self.losses.shape[1]:
            return quantiles.quantile_bounds(self.losses, self.q, level)
        reason = "there are no examples to judge"
        if self.cluster_codes is not None:
            reason = f"rows are clustered by {self.cluster_name} and the bounds of a quantile have no clustered form"
        unknown = np.full(len(self.losses), np.inf)
        return Bounds(low=-unknown, high=unknown, method=quantiles.ORDER_STATISTICS, reason=reason)

    def take(self, cases: IntArray) -> Quantile:
        """The same quantile on these positions only."""
        clusters = None if self.cluster_codes is None else self.cluster_codes[cases]
        return replace(self, losses=self.losses[:, cases], cluster_codes=clusters)

    def counts(self, member: int) -> str:
        """Nothing is counted."""
        return ""

    def case_values(self, terms: Terms) -> CaseValues | None:
        """A quantile is no mean over cases."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """``None``: the jackknife is not consistent for quantiles (Efron 1982, section 3.4)."""
        return None

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many cases as decide whether the share of losses beyond the threshold is small enough."""
        from pytest_mlspec.stats import planning

        losses = self.losses[member]
        if not losses.size or self.cluster_codes is not None:
            return None
        beyond, limit = (
            (losses > goal.threshold, 1.0 - self.q) if goal.comparison == "<=" else (losses < goal.threshold, self.q)
        )
        return planning.trials_to_decide(float(beyond.mean()), limit, goal.level, power=goal.power, comparison="<=")

    def perfect(self, goal: Goal) -> float | None:
        """Not known: nobody says how small the loss of a flawless model can be."""
        return None
