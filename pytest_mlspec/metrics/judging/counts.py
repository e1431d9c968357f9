"""Judges listed cases by counting: nothing is inferred beyond them, so nothing is ever undecided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pytest_mlspec.metrics.judging import reuse
from pytest_mlspec.metrics.judging.folds import member_name
from pytest_mlspec.metrics.judging.refusals import refuse_training_rows
from pytest_mlspec.predictions.recalled import recalled
from pytest_mlspec.stats.bounds import IntArray
from pytest_mlspec.verdict import Origin, Terms, Verdict, announce, decide, planner_here

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

SHOWN = 3


@runtime_checkable
class CountsFailures(Protocol):
    """Evidence that knows which cases failed."""

    def failing(self, member: int) -> IntArray:
        """Positions of the failing cases of one member."""

    def describe_case(self, position: int, member: int) -> str:
        """One case in words: its index or id, its columns, its loss."""


def judge_count(estimate: Estimate, limit: int, *, terms: Terms, origin: Origin) -> Verdict:
    """Count the failing cases of the worst member and name them.

    Raises:
        TypeError: the estimate does not know which cases failed.
    """
    started = perf_counter()
    evidence, predictions = estimate.evidence, estimate.predictions
    if not isinstance(evidence, CountsFailures):
        raise TypeError(f"max_failures counts failing cases of failure_rate or flip_rate, got {estimate.subject}")
    if (planner := planner_here()) is not None:
        return planner.count(estimate, limit, terms, origin)
    refuse_training_rows(estimate)
    reading = reuse.read_listed(estimate, terms, origin)
    n_members = len(evidence.values)
    if terms.growing_members:  # the declared members, as without those that were added
        n_members = min(n_members, max(predictions.declared, 1))
    failing = [evidence.failing(member) for member in range(n_members)]
    worst = max(range(len(failing)), key=lambda member: len(failing[member]))
    failures = float(len(failing[worst]))
    verdict = Verdict(
        outcome=decide(failures, failures, "<=", float(limit)),
        level=terms.level,
        violated_at=math.nan if failures <= limit else 0.0,  # counted, not inferred
        origin=origin,
        subject=f"failing cases ({estimate.said})" if estimate.said else "failing cases",
        comparison="<=",
        threshold=limit,
        value=failures,
        low=failures,
        high=failures,
        confidence=terms.confidence,
        n=int(evidence.sizes[worst]),
        unit="listed cases",
        method="counted",
        bound_class="exact",
        source="a statement about the listed cases themselves",
        metric=estimate.metric,
        form="count",
        settings=estimate.settings,
        members=terms.members,
        values=tuple(float(len(positions)) for positions in failing),
        seeds=tuple(int(seed) for seed in predictions.seeds),
        n_members=int(predictions.n_members),
        declared_members=int(predictions.declared),
        model=predictions.name,
        dataset=predictions.dataset_name,
        slice=predictions.description,
        details=_cases(estimate, evidence, failing, worst),
        fingerprints=predictions.fingerprints(),
        recalled=recalled(estimate.sides),
        duration=perf_counter() - started,
    )
    return announce(reuse.as_read(reading, estimate, verdict))


def _cases(estimate: Estimate, evidence: CountsFailures, failing: Sequence[IntArray], worst: int) -> tuple[str, ...]:
    """The first failing cases of the worst member, and how many more there are."""
    of_worst = failing[worst]
    lines = [f"case {evidence.describe_case(int(position), worst)}" for position in of_worst[:SHOWN]]
    if len(of_worst) > SHOWN:
        lines.append(f"and {len(of_worst) - SHOWN} more failing cases")
    if len(failing) > 1:
        lines.insert(0, f"worst of {len(failing)} members ({member_name(estimate, worst)})")
    return tuple(lines)
