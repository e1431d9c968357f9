"""Judges an estimate against a threshold: fold the members, decide, say what would change the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from pytest_mlspec.metrics.evidence import Compares
from pytest_mlspec.metrics.judging import reuse
from pytest_mlspec.metrics.judging.advice import advise
from pytest_mlspec.metrics.judging.family import part_of_share
from pytest_mlspec.metrics.judging.folds import Finding, fold
from pytest_mlspec.metrics.judging.growing_data import find, first_cases
from pytest_mlspec.metrics.judging.looks import Within
from pytest_mlspec.metrics.judging.refusals import refuse_percent, refuse_swapped_sides, refuse_training_rows
from pytest_mlspec.predictions.recalled import recalled
from pytest_mlspec.verdict import (
    Comparison,
    Origin,
    Outcome,
    Terms,
    Verdict,
    announce,
    configured_terms,
    decide,
    format_limit,
    planner_here,
    under_waiver,
)

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One comparison of several that a requirement asks together; ``share`` is its part of the error of *violated*."""

    estimate: Estimate
    comparison: Comparison
    threshold: float
    share: float = 1.0
    notes: tuple[str, ...] = ()
    withheld: str = ""
    """Why nothing may be claimed now, in words; empty where it is judged."""
    within: Within | None = None
    """Which of the cases that grow together it is about, where these are not all."""


def judge(
    estimate: Estimate,
    comparison: Comparison,
    threshold: float,
    *,
    terms: Terms | None = None,
    origin: Origin | None = None,
    notes: tuple[str, ...] = (),
) -> Verdict:
    """Decide ``estimate comparison threshold`` and tell the recorder of the running test.

    Args:
        estimate: what was measured.
        comparison: ``>=`` or ``<=``.
        threshold: the limit.
        terms: how to judge it; by default as configured.
        origin: who asks.
        notes: lines that the message adds to its numbers.

    Raises:
        ValueError: the threshold is not a finite number or no fraction where one is needed, or the cases trained the
            model.
    """
    __tracebackhide__ = True
    if not estimate.cells:
        claim = Claim(estimate=estimate, comparison=comparison, threshold=threshold, notes=notes)
        return judge_together([claim], terms, origin)
    limits = [threshold if cell.limit is None else cell.limit for cell in estimate.cells]
    claims = [
        Claim(
            estimate=cell.estimate,
            comparison=comparison,
            threshold=limit,
            share=1 / len(limits),
            notes=notes,
            within=Within(cases=cell.cases, n_examples=estimate.predictions.n_examples),
        )
        for cell, limit in zip(estimate.cells, limits, strict=True)
    ]
    return judge_together(claims, terms, origin)


def judge_together(claims: Sequence[Claim], terms: Terms | None, origin: Origin | None) -> Verdict:
    """Decide several claims of one requirement: met if all are, violated if one is.

    Every claim keeps a verdict and a row of its own. *Met* needs no correction (an intersection-union test: Berger
    1982); for *violated* the claims share the error level. The verdict that comes back is the first violated one, else
    the first undecided one, else that of the last claim.
    """
    __tracebackhide__ = True
    asked = terms = terms if terms is not None else configured_terms()
    origin = origin if origin is not None else Origin()
    if (planner := planner_here()) is not None:
        return planner.claims(claims, reuse.planned(claims, terms), origin)
    for claim in claims:
        _refuse(claim)
    reading = reuse.read(claims, terms, origin)
    terms = replace(reading.terms, share=reading.terms.share * part_of_share(origin))
    stage = None
    if terms.growing_members:
        from pytest_mlspec.metrics.judging.growing_members import stage_of

        stage = stage_of(claims, terms)
        claims, terms = stage.claims, stage.terms
    found = [
        under_waiver(
            reuse.as_read(
                reading,
                claim.estimate,
                _judge_one(
                    claim, replace(terms, share=terms.share * claim.share), replace(origin, claim=place), asked.level
                ),
            )
        )
        for place, claim in enumerate(claims)
    ]
    if stage is not None and not reading.stale:
        found = stage.told(found, silent=reading.tell is not None)
    worst = next(
        (
            verdict
            for outcome in (Outcome.VIOLATED, Outcome.UNDECIDED)
            for verdict in found
            if verdict.outcome is outcome
        ),
        found[-1],
    )
    others = tuple(verdict for verdict in found if verdict is not worst)
    deciding = replace(worst, beside=others) if others else worst
    for verdict in found:
        announce(deciding if verdict is worst else verdict)
    return deciding


def _refuse(claim: Claim) -> None:
    """Refuse what cannot be judged, before the test set is read."""
    if not math.isfinite(claim.threshold):
        raise ValueError(
            f"a threshold is a finite number; got {claim.estimate.metric} {claim.comparison} {claim.threshold!r}"
        )
    refuse_percent(claim.estimate, claim.comparison, claim.threshold)
    refuse_swapped_sides(claim.estimate, claim.comparison)
    refuse_training_rows(claim.estimate)


def _found(claim: Claim, terms: Terms) -> tuple[Estimate, Finding]:
    """What a claim is judged by: its estimate, or the part of it that a look has reached, and its bounds."""
    estimate, comparison, threshold = claim.estimate, claim.comparison, claim.threshold
    if terms.looks or terms.anytime:
        estimate, finding = find(estimate, comparison, threshold, terms, claim.within)
    else:
        finding = fold(estimate, comparison, threshold, terms)
    if claim.withheld:
        finding = replace(finding, low=-math.inf, high=math.inf, reasons=(claim.withheld,))
    return estimate, finding


def _violated_at(verdict: Verdict, claim: Claim, terms: Terms, asked: float) -> float:
    """The smallest level of the requirement at which the claim would still be violated, as its p-value.

    The level asked may be larger than that of the terms, where a ledger or growing ensembles divide it; the claim keeps
    its own share of either.
    """
    from pytest_mlspec.metrics.judging.p_value import smallest_level

    family = configured_terms().share

    def violated(level: float) -> bool:
        _, finding = _found(claim, replace(terms, confidence=1 - level, share=min(1.0, terms.share / family)))
        return decide(finding.low, finding.high, verdict.comparison, verdict.threshold) is Outcome.VIOLATED

    return smallest_level(violated, terms.level * family) * asked / terms.level


def _judge_one(claim: Claim, terms: Terms, origin: Origin, asked: float) -> Verdict:
    """Judge one claim on its terms, of a requirement that was asked at a level."""
    __tracebackhide__ = True
    verdict = replace(_decided(claim, terms, origin), level=asked)
    if verdict.outcome is not Outcome.VIOLATED:
        return verdict
    return replace(verdict, violated_at=_violated_at(verdict, claim, terms, asked))


def _decided(claim: Claim, terms: Terms, origin: Origin) -> Verdict:
    started = perf_counter()
    comparison, threshold = claim.comparison, claim.threshold
    estimate, finding = _found(claim, terms)
    subject = estimate.subject
    finding = replace(finding, details=(*finding.details, *claim.notes))
    if not isinstance(terms.members, str) and not estimate.whole_ensemble:
        subject = f"share of retrainings ({subject} {comparison} {format_limit(threshold)})"
        return _verdict(estimate, finding, ">=", float(terms.members), terms, origin, subject, started)
    if terms.members == "mean" and not estimate.whole_ensemble:
        subject = f"mean {subject}"
    return _verdict(estimate, finding, comparison, threshold, terms, origin, subject, started)


def _verdict(
    estimate: Estimate,
    finding: Finding,
    comparison: Comparison,
    threshold: float,
    terms: Terms,
    origin: Origin,
    subject: str,
    started: float,
) -> Verdict:
    outcome = decide(finding.low, finding.high, comparison, threshold)
    advice = advise(estimate, finding, comparison, threshold, terms) if outcome is Outcome.UNDECIDED else ()
    verdict = make_verdict(estimate, finding, comparison, threshold, terms, origin, subject)
    return replace(verdict, outcome=outcome, advice=advice, duration=perf_counter() - started)


def make_verdict(
    estimate: Estimate,
    finding: Finding,
    comparison: Comparison,
    threshold: float,
    terms: Terms,
    origin: Origin,
    subject: str,
) -> Verdict:
    """Everything that a verdict says of what was found, before it is decided."""
    predictions = estimate.predictions
    return Verdict(
        outcome=Outcome.UNDECIDED,
        origin=origin,
        subject=subject,
        comparison=comparison,
        threshold=threshold,
        value=finding.value,
        low=finding.low,
        high=finding.high,
        confidence=terms.confidence,
        n=finding.n,
        unit=finding.unit,
        method=finding.method.name,
        bound_class=finding.method.bound_class,
        source=finding.method.source,
        metric=estimate.metric,
        form=estimate.form,
        settings=estimate.settings,
        members=terms.members,
        values=tuple(float(value) for value in estimate.values),
        seeds=tuple(int(seed) for seed in predictions.seeds),
        n_members=int(predictions.n_members),
        declared_members=int(predictions.declared),
        model=predictions.name,
        dataset=predictions.dataset_name,
        slice="" if _told_in_subject(estimate) else predictions.description,
        details=finding.details,
        fingerprints=_fingerprints(estimate) | first_cases(estimate, terms),
        recalled=recalled(estimate.sides),
        per_member=_per_member(estimate),
    )


def _told_in_subject(estimate: Estimate) -> bool:
    """Whether the subject of a comparison of two datasets names their slices already."""
    return len({side.title for side in estimate.sides}) > 1


def _fingerprints(estimate: Estimate) -> dict[str, str]:
    found = estimate.predictions.fingerprints()
    for side in estimate.sides:
        if side is not estimate.predictions:
            found |= {f"other {what}": value for what, value in side.fingerprints().items()}
    return found


def _per_member(estimate: Estimate) -> dict[str, tuple[float, ...]]:
    """The values behind a comparison or a spread, which ``values`` holds only as the one number it makes."""
    if not isinstance(estimate.evidence, Compares):
        return {}
    compared = estimate.evidence.compared
    titles = [_title(side, estimate) for side in estimate.sides]
    return {title: tuple(float(value) for value in part.values) for title, part in zip(titles, compared, strict=True)}


def _title(side: Predictions, estimate: Estimate) -> str:
    one_dataset = len({known.title for known in estimate.sides}) < len(estimate.sides)
    return f"{side.name} on {side.title}" if one_dataset else side.title
