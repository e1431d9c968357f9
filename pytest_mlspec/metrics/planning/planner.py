"""Takes claims in place of a judge, and plans them once the run is over."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_mlspec.metrics.judging.judge import Claim
from pytest_mlspec.metrics.judging.refusals import refuse_percent
from pytest_mlspec.metrics.planning.plan import POWER, Plan, Question
from pytest_mlspec.predictions.stand_in import is_stand_in
from pytest_mlspec.verdict import Comparison, Origin, Outcome, Terms, Verdict

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

Expect = Callable[[Origin], float | None]
"""The value that the contract behind an origin expects of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A claim that a body made: its question, or that it counts listed cases, for which there is nothing to plan."""

    origin: Origin
    claim: str
    question: Question | None
    n_claims: int = 1
    """Claims that the requirement asks together: each needs its part of the power."""


@dataclass(slots=True)
class Noting:
    """Hears the claims of one test.

    Args:
        expect: what the contracts expect.
        budget: models that one test set may judge, where reads are counted: each pays its part of the level.
    """

    expect: Expect
    budget: Callable[[Estimate], int] = lambda estimate: 1
    found: dict[object, Planned] = field(default_factory=dict)

    def claims(self, claims: Sequence[Claim], terms: Terms, origin: Origin) -> Verdict:
        """Note several claims of one requirement; the verdict lets the body run on.

        Raises:
            ValueError: a threshold that is no number, or a percentage.
        """
        answer: Verdict | None = None
        for place, claim in enumerate(claims):
            if not math.isfinite(claim.threshold):
                raise ValueError(f"a threshold is a finite number; got {claim.threshold!r}")
            refuse_percent(claim.estimate, claim.comparison, claim.threshold)
            asked = replace(origin, claim=place)
            answer = _met(claim.estimate, claim.comparison, claim.threshold, terms, asked)
            question = self._question(claim, terms, asked, last=place == len(claims) - 1)
            self._keep(
                Planned(origin=asked, claim=_words(answer, terms), question=question, n_claims=len(claims)), answer
            )
        assert answer is not None
        return answer

    def count(self, estimate: Estimate, limit: int, terms: Terms, origin: Origin) -> Verdict:
        """Note a requirement that counts listed cases."""
        answer = _met(estimate, "<=", limit, terms, origin)
        words = f"failing cases among {estimate.predictions.n_examples:,} listed ones <= {limit}"
        self._keep(Planned(origin=origin, claim=words, question=None), answer)
        return answer

    def _keep(self, planned: Planned, answer: Verdict) -> None:
        """Of several tries of one claim, as a search makes, the one with the fewest cases."""
        by_contract = planned.origin.contract >= 0
        key = (planned.origin.contract, planned.origin.claim) if by_contract else planned.claim
        known = self.found.get(key)
        if known is None or _cases(planned) < _cases(known):
            self.found[key] = planned

    def _question(self, claim: Claim, terms: Terms, origin: Origin, *, last: bool) -> Question:
        from pytest_mlspec.metrics.planning.levels import levels_of_plan

        estimate = claim.estimate
        levels = levels_of_plan(claim, terms, self.budget(estimate))
        of_cells = bool(origin.claim) or not last
        return Question(
            estimate=estimate,
            comparison=claim.comparison,
            threshold=claim.threshold,
            terms=terms,
            level=levels[-1],
            look_levels=levels if terms.looks else (),
            # Of several claims of one kind the last carries the limit; cells are alike, so that it holds for each.
            expect=self.expect(origin) if last or (of_cells and estimate.form == "level") else None,
            flawless=all(is_stand_in(side) for side in estimate.sides),
        )


def _cases(planned: Planned) -> int:
    return -1 if planned.question is None else int(planned.question.estimate.predictions.n_examples)


def _met(estimate: Estimate, comparison: Comparison, threshold: float, terms: Terms, origin: Origin) -> Verdict:
    """A verdict whose truth lets the body run on; nobody is told of it."""
    predictions = estimate.predictions
    several_places = len({side.title for side in estimate.sides}) > 1
    return Verdict(
        outcome=Outcome.MET,
        origin=origin,
        subject=estimate.subject,
        comparison=comparison,
        threshold=threshold,
        value=math.nan,
        low=-math.inf,
        high=math.inf,
        confidence=terms.confidence,
        n=0,
        unit="",
        method="planned",
        bound_class="exact",
        source="",
        metric=estimate.metric,
        form=estimate.form,
        members=terms.members,
        model=predictions.name,
        dataset=predictions.dataset_name,
        slice="" if several_places else predictions.description,
    )


def _words(answer: Verdict, terms: Terms) -> str:
    if isinstance(terms.members, str):
        return f"mean {answer.claim()}" if terms.members == "mean" and answer.form == "level" else answer.claim()
    return f"{100 * terms.members:g}% of retrainings: {answer.claim()}"


def plans_of(planned: Planned, *, power: float = POWER) -> Plan:
    """The plan of one claim, at the power that it needs for its whole requirement to be met with ``power``."""
    from pytest_mlspec.metrics.planning.answer import answer

    if planned.question is None:
        return Plan(claim=planned.claim, no_plan="its listed cases are counted: nothing is inferred beyond them")
    each = 1.0 - (1.0 - power) / planned.n_claims
    plan = answer(planned.question, planned.claim, power=each)
    if planned.n_claims == 1:
        return plan
    return replace(plan, notes=(*plan.notes, f"one of {planned.n_claims} claims that must all be met"))
