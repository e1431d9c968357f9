"""Judges an estimate against a threshold: fold the members, decide, say what would change the verdict."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING

from pytest_mlspec.metrics.judging.advice import advise
from pytest_mlspec.metrics.judging.folds import Finding, every_member, mean_member, share_of_members
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
)

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

FRACTIONS = frozenset(
    {
        "accuracy",
        "auroc",
        "ece",
        "f1",
        "failure_rate",
        "false_positive_rate",
        "mce",
        "precision",
        "recall",
        "selection_rate",
        "specificity",
    }
)
"""Metrics that lie in [0, 1] whatever the data."""


def judge(
    estimate: Estimate,
    comparison: Comparison,
    threshold: float,
    *,
    terms: Terms | None = None,
    origin: Origin | None = None,
) -> Verdict:
    """Decide ``estimate comparison threshold`` and tell the recorder of the running test.

    Raises:
        ValueError: the threshold is not a finite number or no fraction where one is needed, or the cases trained the
            model.
    """
    __tracebackhide__ = True
    started = perf_counter()
    terms = terms if terms is not None else configured_terms()
    origin = origin if origin is not None else Origin()
    if not math.isfinite(threshold):
        raise ValueError(f"a threshold is a finite number; got {estimate.metric} {comparison} {threshold!r}")
    refuse_percent(estimate, comparison, threshold)
    refuse_training_rows(estimate)
    if _is_share(terms) and estimate.form != "seed_std":
        finding = share_of_members(estimate, comparison, threshold, terms)
        subject = f"share of retrainings ({estimate.subject} {comparison} {format_limit(threshold)})"
        return _verdict(estimate, finding, ">=", float(terms.members), terms, origin, subject, started)
    if terms.members == "mean" and estimate.form != "seed_std":
        finding = mean_member(estimate, comparison, terms)
        return _verdict(estimate, finding, comparison, threshold, terms, origin, f"mean {estimate.subject}", started)
    finding = every_member(estimate, comparison, threshold, terms)
    return _verdict(estimate, finding, comparison, threshold, terms, origin, estimate.subject, started)


def refuse_percent(estimate: Estimate, comparison: Comparison, threshold: float) -> None:
    """Refuse a limit that every model meets or none can: most often a percentage where a fraction is meant."""
    if estimate.metric not in FRACTIONS and estimate.form != "ratio":
        return
    lowest = -1 if estimate.form == "difference" else 0
    if lowest <= threshold <= 1:
        return
    hint = f": did you mean {threshold / 100:g}?" if 1 < abs(threshold) <= 100 else ""
    raise ValueError(
        f"{estimate.subject} lies in [{lowest}, 1], a fraction and never percent; "
        f"got {estimate.metric} {comparison} {threshold:g}{hint}"
    )


def _is_share(terms: Terms) -> bool:
    return not isinstance(terms.members, str)


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
    predictions = estimate.predictions
    outcome = decide(finding.low, finding.high, comparison, threshold)
    advice = advise(estimate, finding, comparison, threshold, terms) if outcome is Outcome.UNDECIDED else ()
    verdict = Verdict(
        outcome=outcome,
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
        slice=predictions.description,
        details=finding.details,
        advice=advice,
        fingerprints=predictions.fingerprints(),
        duration=perf_counter() - started,
    )
    return announce(verdict)


def refuse_training_rows(estimate: Estimate) -> None:
    """Refuse to judge a model on rows that trained it."""
    predictions = estimate.predictions
    if predictions.training_rows:
        raise ValueError(
            f"{estimate.subject} is judged on rows that trained the model: {predictions.training_rows:,} of "
            f"{predictions.n_examples:,} rows of {predictions.dataset_name or 'the dataset'} are training rows. "
            "A requirement is about new cases: judge on the test split (`.values` still shows the training figure)"
        )
