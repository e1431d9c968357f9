"""Judges an estimate against the best value that was recorded for it: significantly worse, provably better, or neither.

The record keeps the best with bounds of its own. Both sides are uncertain, so each is bounded at half the level:
*violated* needs the upper bound of the new value below the lower bound of the best, which is wrong only where one of
the two bounds is, with probability at most level / 2 + level / 2, however the two depend on each other; *met*, which
here means proven at least as good, is the same the other way round. Everything between is tracked: shown, and let pass.

A best that was raised was chosen for its luck, too: of many equally good values the one that got past the bar. The
bound that a worse value must cross is therefore taken at 1/32 of its level when a record is raised: of 32 models that
tried, no bound is above its own model but with probability level / 2, however they depend on each other (Bonferroni).
A record is raised only by a value that is proven better, so that a history of ten thousand equally good models still
stays below the level (simulated); raised by any larger value, one of a hundred is above it already. Blum & Hardt 2015
(arXiv 1502.04585) ask a leaderboard for such a step for the same reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn, Protocol

from pytest_mlspec.metrics.judging.best import HALVINGS, Best, as_entry, differences
from pytest_mlspec.metrics.judging.folds import Finding, fold
from pytest_mlspec.metrics.judging.judge import Claim, make_verdict
from pytest_mlspec.metrics.judging.refusals import refuse_training_rows
from pytest_mlspec.metrics.judging.reuse import as_read, read
from pytest_mlspec.verdict import (
    TRACKED,
    Comparison,
    NotJudged,
    Origin,
    Outcome,
    Terms,
    Verdict,
    announce,
    format_value,
    under_waiver,
)

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

RAISED = 5
"""How often the level is halved for the bound that a worse value must cross, in a record that was raised."""
COMMAND = "pytest --mlspec-update"


class Tracking(Protocol):
    """The record of best values, as one test sees it."""

    @property
    def updating(self) -> bool:
        """Whether this run writes better values."""

    @property
    def file(self) -> str:
        """The name of the record file."""

    def key(self, contract: int) -> str:
        """The name of a contract's entry."""

    def best(self, contract: int) -> Best | None:
        """The entry of a contract."""

    def refuse(self, contract: int, why: str) -> None:
        """Note why a contract cannot be judged."""

    def measured(self, contract: int, now: Best) -> None:
        """Hear what was measured for a contract; another estimate of the same contract is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One judgement against a record: of what, on which terms, for whom."""

    estimate: Estimate
    comparison: Comparison
    terms: Terms
    origin: Origin
    tracking: Tracking

    @property
    def downwards(self) -> bool:
        """Whether a worse value is a smaller one."""
        return self.comparison == ">="

    def finding(self, halvings: int, limit: float | None = None) -> Finding:
        """Both bounds at half the level, halved so often again; its words name the members beyond a limit."""
        if limit is None:  # beyond which nothing lies
            limit = -math.inf if self.downwards else math.inf
        confidence = 1 - self.terms.level / 2 / 2**halvings
        return fold(self.estimate, self.comparison, limit, replace(self.terms, confidence=confidence, share=1.0))

    def refuse(self, why: str) -> NoReturn:
        """Leave the contract unjudged, and say why."""
        __tracebackhide__ = True
        self.tracking.refuse(self.origin.contract, why)
        raise NotJudged(f"NOT JUDGED {self.origin.id or self.estimate.subject}: {why}")


def judge_tracked(
    estimate: Estimate, comparison: Comparison, terms: Terms, origin: Origin, tracking: Tracking
) -> Verdict:
    """Judge an estimate against its best recorded value.

    Args:
        estimate: a metric, with a direction in which it is better.
        comparison: that direction.
        terms: how to judge it.
        origin: the contract.
        tracking: where the best is kept.

    Raises:
        NotJudged: there is no record, or it was made under other conditions; or nothing could ever be worse.
    """
    __tracebackhide__ = True
    started = perf_counter()
    refuse_training_rows(estimate)
    reading = read([Claim(estimate=estimate, comparison=comparison, threshold=0.0)], terms, origin)
    asked = Asked(
        estimate=estimate,
        comparison=comparison,
        terms=replace(reading.terms, share=terms.share),
        origin=origin,
        tracking=tracking,
    )
    if reading.tell is not None:
        asked.refuse("a record of best values tells scores, which mlspec_ladder withholds")
    if reading.stale:
        asked.refuse(reading.stale)
    now = measure(asked, tail=tracking.updating)
    _refuse_boundless(asked, now)
    tracking.measured(origin.contract, now)
    best = tracking.best(origin.contract)
    changed = differences(best, now) if best is not None else []
    verdict = _recorded(asked, now, best, changed) if best is None or changed else _compared(asked, now, best)
    spent = terms.level / asked.terms.level
    verdict = replace(
        verdict,
        level=terms.level,
        violated_at=verdict.violated_at * spent,
        duration=perf_counter() - started,
    )
    return announce(under_waiver(as_read(reading, estimate, verdict)))


def _recorded(asked: Asked, now: Best, best: Best | None, changed: Sequence[str]) -> Verdict:
    """The verdict where there is no best to compare with: this run makes one, or nothing is judged."""
    __tracebackhide__ = True
    predictions, tracking = asked.estimate.predictions, asked.tracking
    if not tracking.updating:
        why = "no record" if best is None else f"the record is of {'; '.join(changed)}"
        asked.refuse(f"{why}: `{COMMAND}` makes one ({tracking.file})")
    if predictions.n_members < predictions.declared:
        asked.refuse(f"{predictions.n_members} of {predictions.declared} members make no record")
    remark = "first record" if best is None else f"recorded anew, it was of {'; '.join(changed)}"
    return _told(asked, now, asked.finding(0), "the best recorded", remark, write=True)


def _compared(asked: Asked, now: Best, best: Best) -> Verdict:
    """Compare with the best, *violated* at the part of the level that the terms leave it."""
    halvings = max(0, math.ceil(-math.log2(asked.terms.share) - 1e-9))
    crossed = best.crossed(asked.comparison, halvings)
    limit = f"the best recorded, {format_value(best.value)}"
    if now.low >= best.high if asked.downwards else now.high <= best.low:
        raised = raised_to(asked, now) if asked.tracking.updating else now
        told = "" if asked.tracking.updating else f": `{COMMAND}` records it"
        if raised is None:
            told = f"; it has no bound at 1/{2**RAISED} of the level, so that only deleting the entry records it anew"
        remark = f"better than the best {best.words()}{told}"
        verdict = _told(asked, raised or now, asked.finding(0), limit, remark, write=raised is not None)
        return replace(verdict, outcome=Outcome.MET, standing="")
    finding = asked.finding(halvings, crossed if math.isfinite(crossed) else None)
    _refuse_unreachable(asked, finding)
    if _worse(asked, finding, best, halvings):
        at_share = f", {format_value(crossed)} at its share of the level" if halvings else ""
        verdict = _told(asked, now, finding, limit, f"worse than the best {best.words()}{at_share}", write=False)
        return replace(verdict, outcome=Outcome.VIOLATED, standing="", violated_at=_violated_at(asked, best))
    return _told(asked, now, finding, limit, f"not told apart from the best {best.words()}", write=False)


def raised_to(asked: Asked, now: Best) -> Best | None:
    """What a record that is raised keeps: the bound to be crossed at 1/32 of its level; None where there is none."""
    low, high = (now.tail[RAISED - 1], now.high) if asked.downwards else (now.low, now.tail[RAISED - 1])
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return replace(now, low=low, high=high, tail=now.tail[RAISED:], told={**now.told, "raised": True})


def _worse(asked: Asked, finding: Finding, best: Best, halvings: int) -> bool:
    crossed = best.crossed(asked.comparison, halvings)
    return finding.high < crossed if asked.downwards else finding.low > crossed


def _violated_at(asked: Asked, best: Best) -> float:
    """The smallest of the levels that the record keeps at which the value would still be worse than the best."""
    halvings = 0
    while halvings < len(best.tail) and _worse(asked, asked.finding(halvings + 1), best, halvings + 1):
        halvings += 1
    return asked.terms.level / 2**halvings


def measure(asked: Asked, *, tail: bool) -> Best:
    """The value with bounds at half the level, as a record keeps it; ``tail``: with those at smaller levels, too."""
    estimate, predictions = asked.estimate, asked.estimate.predictions
    finding = asked.finding(0)
    sterner = [asked.finding(halvings) for halvings in range(1, HALVINGS + RAISED + 1)] if tail else []
    settings = {name: value if isinstance(value, (int, float)) else str(value) for name, value in estimate.settings}
    return Best(
        value=finding.value,
        low=finding.low,
        high=finding.high,
        n=finding.n,
        unit=finding.unit,
        tail=tuple(found.low if asked.downwards else found.high for found in sterner),
        conditions={
            "metric": estimate.metric,
            "form": estimate.form,
            "by": list(estimate.by),
            "of": estimate.of,
            "settings": settings,
            "comparison": asked.comparison,
            "data": predictions.fingerprints()["data"],
            "members": asked.terms.members,
            "n_members": int(predictions.n_members),
            "confidence": asked.terms.confidence,
            "max_loss": asked.terms.max_loss,
        },
        told={
            "id": asked.origin.id,
            "subject": estimate.subject,
            "model": predictions.name,
            "dataset": predictions.dataset_name,
            "slice": predictions.description,
            "method": finding.method.name,
        },
    )


def _refuse_boundless(asked: Asked, now: Best) -> None:
    """Refuse what could never be told to be worse than a best, or a best that nothing could be worse than."""
    __tracebackhide__ = True
    if all(math.isfinite(number) for number in (now.value, now.low, now.high)):
        return
    reasons = asked.finding(0).reasons or ("a loss without a largest value of one case needs max_loss=",)
    missing = "bound on either side" if math.isfinite(now.value) else "value"
    asked.refuse(f"{asked.estimate.subject} has no {missing} to compare with a best: {'; '.join(reasons)}")


def _refuse_unreachable(asked: Asked, finding: Finding) -> None:
    """Refuse a comparison in which nothing could be worse, because no bound is known at its share of the level."""
    __tracebackhide__ = True
    if not math.isfinite(finding.high if asked.downwards else finding.low):
        why = "; ".join(finding.reasons) or "none is known so far out"
        asked.refuse(
            f"{asked.estimate.subject} has no bound at its share of the level, so that it could never be worse than "
            f"the best: {why} (mlspec_family leaves *violated* {asked.terms.share:.2g} of it)"
        )


def _told(asked: Asked, now: Best, finding: Finding, limit: str, remark: str, *, write: bool) -> Verdict:
    """The verdict *undecided* that lets its test pass; the message shows the bounds that decided."""
    terms = replace(asked.terms, confidence=1 - asked.terms.level / 2)
    subject = f"mean {asked.estimate.subject}" if terms.members == "mean" else asked.estimate.subject
    verdict = make_verdict(asked.estimate, finding, asked.comparison, now.value, terms, asked.origin, subject)
    return replace(
        verdict,
        outcome=Outcome.UNDECIDED,
        standing=TRACKED,
        remark=remark,
        advice=(),
        limit_words=limit,
        extra={"tracked": {"key": asked.tracking.key(asked.origin.contract), "write": write, **as_entry(now)}},
    )


def plan_tracked(estimate: Estimate, comparison: Comparison, terms: Terms, origin: Origin) -> Verdict:
    """What a run that plans says: a metric that is tracked has no limit to plan for."""
    finding = fold(estimate, comparison, -math.inf if comparison == ">=" else math.inf, terms)
    verdict = make_verdict(estimate, finding, comparison, finding.value, terms, origin, estimate.subject)
    return replace(verdict, outcome=Outcome.UNDECIDED, standing=TRACKED, limit_words="the best recorded")
