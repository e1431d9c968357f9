"""A metric on reweighted cases: what it would be where cases are met more or less often."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import AwaitsDelta, CaseValues, Evidence, Goal, PseudoValues
from pytest_mlspec.stats import betting
from pytest_mlspec.stats.bounds import Bounds, FloatArray, IntArray, Method, Side
from pytest_mlspec.stats.drift import effective_sample_size
from pytest_mlspec.verdict import Terms

__all__ = ["Reweighted", "reweighted"]

WEIGHTED_BETTING = Method(
    name="betting on weighted cases, weights taken as given",
    bound_class="exact",
    source="Waudby-Smith & Ramdas 2024, JRSS B 86(1), section 4, on w v and w (high - v), with E w = 1",
    domain="independent cases, weights that are known and not estimated, unchanged p(y|x)",
)
CLUSTERED = "rows are clustered and the betting bound of a weighted mean has no clustered form"
_FAR = 4.0  # standard errors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reweighted:
    """Evidence for E[w v], the mean of a value per case under other frequencies of the cases; E[w] = 1.

    Args:
        evidence: the metric itself, a mean over all cases.
        weights: (examples,), at least 0.
        max_weight: the largest weight that a case can have, where it is known.
        clustered: whether rows depend on each other.
    """

    evidence: Evidence
    weights: FloatArray
    max_weight: float | None = None
    clustered: bool = False

    @property
    def values(self) -> FloatArray:
        """(members,) the weighted mean, sum w v / sum w."""
        rows = self._rows(Terms()).rows
        weighted: FloatArray = rows @ self.weights / self.weights.sum()
        return weighted

    def _rows(self, terms: Terms) -> CaseValues:
        cases = self.evidence.case_values(terms)
        assert cases is not None  # checked where this was made
        return replace(cases, rows=np.asarray(cases.rows, dtype=np.float64))

    @property
    def sizes(self) -> IntArray:
        """(members,) all cases."""
        return self.evidence.sizes

    @property
    def unit(self) -> str:
        """What is counted, plural."""
        return self.evidence.unit

    def bounds(self, level: float, terms: Terms, need: Side = "both") -> Bounds:
        """(members,) one-sided bounds, each at ``level``.

        With E w = 1, a lower bound of E[w (high - v)] is an upper bound of E[w v], whatever the weights. Where their
        limit is declared, each end is bounded directly, too, both at half the level, and the better one is kept.
        """
        cases = self._rows(terms)
        if self.clustered:
            return self._open(CLUSTERED)
        if cases.low is None:
            return self._open("values below 0 have no exact bound: bound P(loss > t) with failure_rate")
        gains = (cases.rows - cases.low) * self.weights
        if cases.high is None:
            low = cases.low + betting.lower_bound_unbounded(gains, level).low
            reason = "an unbounded loss cannot be met without max_loss=... on the marker"
            return Bounds(low=low, high=np.full_like(low, np.inf), method=WEIGHTED_BETTING, reason=reason)
        width = cases.high - cases.low
        losses = (cases.high - cases.rows) * self.weights
        low = cases.low + _mean_above(gains, losses, width, self.max_weight, level)
        high = cases.high - _mean_above(losses, gains, width, self.max_weight, level)
        return Bounds(low=low, high=high, method=WEIGHTED_BETTING)

    def _open(self, reason: str) -> Bounds:
        unknown = np.full(len(self.values), np.inf)
        return Bounds(low=-unknown, high=unknown, method=WEIGHTED_BETTING, reason=reason)

    def take(self, cases: IntArray) -> NoReturn:
        """Within a group the mean weight is not known to be 1."""
        raise TypeError(
            "reweighted metrics have no groups: reweight the metric on the slice, with weights of mean 1 on it"
        )

    def counts(self, member: int) -> str:
        """How many equally weighted cases would tell as much."""
        effective = effective_sample_size(self.weights)
        return f"weights up to {self.weights.max():.3g}, worth {effective:,.0f} equally weighted {self.unit}"

    def case_values(self, terms: Terms) -> CaseValues | None:
        """``None``: what w v says holds for means over cases, not for pairs of them."""
        return None

    def pseudo_values(self, terms: Terms) -> PseudoValues | None:
        """(members, examples) w (v - mean) + mean, the influence of each case."""
        centre = self.values[:, None]
        return PseudoValues(rows=(self._rows(terms).rows - centre) * self.weights + centre)

    def plan(self, member: int, goal: Goal) -> int | None:
        """As many cases with such weights as bring the bound to the limit."""
        from pytest_mlspec.metrics.judging.planned import scaled

        return None if self.clustered else scaled(self, member, goal)

    def perfect(self, goal: Goal) -> float | None:
        """``None``: it depends on which cases the weights fall on."""
        return None


def reweighted(estimate: Estimate, weights: npt.ArrayLike, *, max_weight: float | None = None) -> Estimate:
    """The metric where each case is met ``weights`` times as often, provided that p(y|x) stays the same.

    Args:
        estimate: a metric that is a mean over all cases: accuracy, a failure rate, a mean loss, a metric of one's own.
        weights: (examples,) q(x) / p(x) of each case, at least 0 and of mean 1, such as
            ``covariate_weights(street.test, street.night)``.
        max_weight: the largest weight that any case can have (the ``clip`` of ``covariate_weights``); with it bounds
            are narrower as soon as there are many more cases than that.

    Returns:
        Estimate of E[w v] with bounds that hold for weights that are known (exact, betting). The error of estimated
        weights, and a p(y|x) that differs, are in no bound: the message says so, and labelled target cases beat it.

    Raises:
        TypeError, ValueError: a metric over some cases only (recall) or a fold of one; weights of another length,
            below 0, NaN, above ``max_weight``, or of a mean that is not 1.

    Source:
        Shimodaira 2000, J. Stat. Plan. Inference 90:227 (weights); Waudby-Smith & Ramdas 2024 (bounds).

    Example:
        >>> from pytest_mlspec.metrics import accuracy
        >>> from pytest_mlspec.predictions import Predictions
        >>> said = Predictions(y=[0, 1, 1, 0], labels=[0, 1, 0, 0])
        >>> reweighted(accuracy(said), [0.5, 0.5, 2.5, 0.5])
        <Estimate reweighted accuracy, if p(y|x) is unchanged and the weights are right: 0.375>
    """
    if estimate.form != "level":
        raise TypeError(f"reweighted(...) takes the metric itself, not a {estimate.form} of it ({estimate.subject})")
    if isinstance(estimate.evidence, AwaitsDelta):
        raise TypeError("reweighted(...) cannot wait for the delta of a contract: write failure_rate(..., delta=...)")
    n_examples = estimate.predictions.n_examples
    cases = None if estimate.evidence.sizes.min() == 0 else estimate.evidence.case_values(Terms())
    if cases is None or len(cases.cases) != n_examples:
        raise TypeError(
            f"reweighted(...) takes a metric that is a mean over all cases, such as accuracy, a failure rate or a mean "
            f"loss; {estimate.subject} is none"
        )
    given = _checked(weights, n_examples, max_weight)
    evidence = Reweighted(
        evidence=estimate.evidence,
        weights=given,
        max_weight=max_weight,
        clustered=estimate.predictions.cluster_codes is not None,
    )
    return replace(
        estimate,
        metric=f"reweighted_{estimate.metric}",
        evidence=evidence,
        between="if p(y|x) is unchanged and the weights are right",
    )


def _checked(weights: npt.ArrayLike, n_examples: int, max_weight: float | None) -> FloatArray:
    given = np.array(weights, dtype=np.float64)
    if given.shape != (n_examples,):
        raise ValueError(f"expected one weight per case, shape ({n_examples},); got weights of shape {given.shape}")
    bad = np.flatnonzero(~(np.isfinite(given) & (given >= 0)))
    if len(bad):
        raise ValueError(
            f"expected weights that are finite and at least 0; got {given[bad[0]]} at position {bad[0]} "
            f"({len(bad):,} of {n_examples:,} are not)"
        )
    mean, error = float(given.mean()), float(given.std()) / math.sqrt(n_examples)
    if abs(mean - 1) > max(_FAR * error, 1e-6) or mean == 0:
        hint = ": they sum to 1, multiply them by the number of cases" if abs(given.sum() - 1) < 1e-6 else ""
        raise ValueError(
            f"expected weights q(x) / p(x), whose mean is 1; got mean={mean:.4g}, {_FAR:g} standard errors "
            f"({error:.2g}) and more from it{hint}"
        )
    if max_weight is not None and not (max_weight >= 1 and given.max() <= max_weight * (1 + 1e-9)):
        raise ValueError(
            f"max_weight declares that no case can have a larger weight; got max_weight={max_weight!r} and a weight of "
            f"{given.max():.4g}. Declare what the weights allow, not what was seen"
        )
    given.flags.writeable = False
    return given


def _mean_above(
    values: FloatArray, rest: FloatArray, width: float, max_weight: float | None, level: float
) -> FloatArray:
    """(members,) lower bounds of E[values], where values + rest = weight x width and E[weight] = 1."""
    if max_weight is None:
        return betting.lower_bound_unbounded(values, level).low
    directly = betting.lower_bound_unbounded(values, level / 2).low
    largest = width * max_weight
    shares = np.clip(rest / largest, 0.0, 1.0)
    return np.maximum(directly, width - largest * betting.mean_bounds(shares, level / 2, "high").high)
