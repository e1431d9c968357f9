"""What judging owes to a test set that many models are judged on: a read that is counted, and scores that are not told.

Who counts is the recorder of the running test; without one, or where it counts nothing, everything stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlspec.verdict import Origin, Outcome, Reading, Terms, Verdict, reads_here

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.metrics.judging.judge import Claim


def read(claims: Sequence[Claim], terms: Terms, origin: Origin) -> Reading:
    """Have one read counted for all claims of a requirement, before anything of them is decided."""
    reads = reads_here()
    if reads is None:
        return Reading(terms=terms)
    asked = tuple((claim.estimate, claim.comparison) for claim in claims)
    return reads.read(asked, terms, origin)


def read_listed(estimate: Estimate, terms: Terms, origin: Origin) -> Reading:
    """Have a look at listed cases counted: it claims nothing beyond them, so that no budget limits it."""
    reads = reads_here()
    return Reading(terms=terms) if reads is None else reads.read(((estimate, "<="),), terms, origin, listed=True)


def planned(claims: Sequence[Claim], terms: Terms) -> Terms:
    """The terms that the next model would be judged on, without a read."""
    reads = reads_here()
    return terms if reads is None else reads.planned(tuple(claim.estimate for claim in claims), terms)


def as_read(reading: Reading, estimate: Estimate, verdict: Verdict) -> Verdict:
    """The verdict as its reading allows: undecided on a test set that is worn out, without scores that are not told."""
    if reading.stale:
        verdict = replace(verdict, outcome=Outcome.UNDECIDED, violated_at=math.nan, advice=(reading.stale,))
    if reading.reads:
        verdict = replace(verdict, reads=reading.reads, details=(*reading.lines, *verdict.details))
    return verdict if reading.tell is None else _withheld(reading, estimate, verdict)


def _withheld(reading: Reading, estimate: Estimate, verdict: Verdict) -> Verdict:
    """The verdict without anything that follows from the scores but its outcome and what a ladder tells.

    Advice stays where there are no bounds: it says why there are none, and follows from no score.
    """
    assert reading.tell is not None
    boundless = all(math.isinf(end) or end == 0 for end in (verdict.low, verdict.high))
    why = tuple(line for line in verdict.advice if not _is_plan(line)) if boundless or reading.stale else ()
    nothing = float("nan")
    return replace(
        verdict,
        value=nothing,
        low=nothing,
        high=nothing,
        n=int(estimate.predictions.n_examples),
        unit="examples",
        values=(),
        per_member={},
        violated_at=nothing,
        extra={},
        details=reading.lines,
        advice=why,
        told=reading.tell(estimate),
    )


def _is_plan(line: str) -> bool:
    """Whether a line plans from the measured value how many cases would decide."""
    return "would decide" in line or "affordable" in line or "the measured value" in line
