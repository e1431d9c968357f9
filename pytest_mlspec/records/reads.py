"""A ledger at work: every requirement is judged at its model's share of the error level, or not at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.records.ledger import Ledger, Read
from pytest_mlspec.records.question import Question, TestSet, question_of
from pytest_mlspec.verdict import Comparison, Origin, Reading, Terms

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

NOT_TOLD = "scores, bounds and counts are not told: mlspec_ladder tells them for a rate of one set of cases only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Counts which models are judged on which test set, and says on which terms they may be.

    A model that is the h-th to be judged gets a share of the requirement's error level a, so that the bounds of all of
    them hold together with probability 1 - a (Bonferroni): a / budget each. Past the budget nothing is decided.

    Args:
        ledger: where they are counted.
        budget: models that may be judged on a test set that does not say itself.
        step: the step of the ladder that scores are told through; None: they are told as they are.
        counts: whether reads are counted; a search for counterexamples claims no error rate that they could inflate.

    Source:
        Renggli et al. 2019, "Continuous integration of machine learning models with ease.ml/ci", MLSys: the budget.
        Blum & Hardt 2015, ICML (arXiv 1502.04585): the ladder.
    """

    ledger: Ledger
    budget: int
    step: float | None = None
    counts: bool = True

    def read(
        self, asked: Sequence[tuple[Estimate, Comparison]], terms: Terms, origin: Origin, *, listed: bool = False
    ) -> Reading:
        """Record one read for all that a requirement asks, and say how it may be judged.

        Args:
            asked: its claims without their thresholds.
            terms: how it would be judged by itself.
            origin: who asks.
            listed: whether it counts listed cases; these reads have no budget, for nothing is inferred from them.

        Raises:
            ValueError: the ledger is damaged.
            OSError: it cannot be written.
        """
        question = question_of(asked, terms, origin, listed=listed)
        if question is None:
            return Reading(terms=terms)
        if not self.counts:
            return Reading(terms=terms, tell=self._teller(None, ""))
        found = [(of, self._counted(question, of, listed=listed)) for of in question.test_sets]
        reads = tuple(_record(question, of, read) for of, read in found)
        if listed:
            return Reading(terms=terms, reads=reads, tell=self._teller(None, ""))
        stale = "; ".join(_stale(of, read) for of, read in found if not read.share)
        shares = [read.share or 1.0 / (read.budget or self.budget) for _, read in found]
        return Reading(
            terms=at_share(terms, min(shares)),
            lines=tuple(f"read {read.place:,} of {read.budget:,} of {of.name}" for of, read in found),
            stale=stale,
            reads=reads,
            tell=self._teller(question if len(asked) == 1 else None, stale),
        )

    def planned(self, estimates: Sequence[Estimate], terms: Terms) -> Terms:
        """The terms of a model among as many as the budget allows; nothing is read."""
        budgets = [side.data.budget or self.budget for estimate in estimates for side in estimate.sides]
        return at_share(terms, 1.0 / max(budgets)) if budgets else terms

    def _counted(self, question: Question, of: TestSet, *, listed: bool) -> Read:
        budget = None if listed else of.budget or self.budget
        return self.ledger.read(
            data=of.key, requirement=question.requirement, model=question.model, budget=budget, name=of.name
        )

    def _teller(self, question: Question | None, stale: str) -> Callable[[Estimate], str] | None:
        if self.step is None:
            return None
        step = self.step
        return lambda estimate: self._told(estimate, question, step, stale)

    def _told(self, estimate: Estimate, question: Question | None, step: float, stale: str) -> str:
        """What may be said of a score: the best one that the ladder has let go, which may be another model's."""
        if question is None or len(question.test_sets) > 1 or not _is_rate(estimate):
            return NOT_TOLD
        key: Mapping[str, str] = {"data": question.test_sets[0].key, "requirement": question.requirement}
        if stale:  # the test set has nothing left to say
            shown = self.ledger.released(**key)
        else:
            better = estimate.greater_is_better
            shown = self.ledger.release(**key, score=estimate.value, step=step, greater_is_better=better)
        best = "none" if shown is None else f"{shown:g}"
        return f"best score told so far {best}, in steps of {step:g}; this model's score and bounds are not told"


def _is_rate(estimate: Estimate) -> bool:
    """Whether it is a mean over cases of values in [0, 1], for which alone the ladder is proven."""
    evidence = estimate.evidence
    plain = isinstance(evidence, Rate) and evidence.transform == "rate" and estimate.form == "level"
    return plain and math.isfinite(estimate.value)


def at_share(terms: Terms, share: float) -> Terms:
    """The terms at a share of their error level."""
    return replace(terms, confidence=round(1.0 - terms.level * share, 12))


def _stale(of: TestSet, read: Read) -> str:
    budget = read.budget or 0
    if read.place > budget:
        why = f"{read.place:,} models were judged on {of.name}, {budget:,} were budgeted"
        return f"stale holdout: {why}; take fresh examples: a larger budget now gives no error level back"
    why = f"earlier models used up the error level of {of.name}"
    return f"stale holdout: {why}, and the budget of {budget:,} came after that; take fresh examples"


def _record(question: Question, of: TestSet, read: Read) -> Mapping[str, object]:
    """Builtin types for the reports."""
    return {
        "test_set": of.name,
        "data": of.key,
        "requirement": question.requirement,
        "place": read.place,
        "n_models": read.n_models,
        "budget": read.budget,
        "share": read.share,
    }
