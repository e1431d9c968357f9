"""Judges ensembles to which members are added until seeds decide, so that verdicts hold under this stopping.

A bound for a fixed number of members errs too often where members are added because it left a requirement open.

* A **share of retrainings** may be judged at every number of members: its bounds hold at all of them at once.
* A **spread**, a quotient of spreads and a **mean** over retrainings are judged at two numbers that nothing seen can
  change, the declared one and the most that the run allows, each at half the level (Bonferroni's inequality).
  Between them nothing is claimed. So are all claims of a requirement that asks several things together.
* **Every member** means every declared one. Its verdict is the same with and without the members that were added.
* **One number about all members together**, such as their disagreement, is another number when members are added: it
  is judged on the declared ones only.

Members are trained without a look at the test set, so that all of this holds given what was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.evidence.leading import Leading
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.running import RECORDER
from pytest_mlspec.stats import growing, seeds
from pytest_mlspec.verdict import Outcome, Terms, Verdict

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.metrics.judging.judge import Claim
    from pytest_mlspec.predictions import Predictions

OVER_SEEDS = ("seed_std", "seed_std_quotient")
"""Forms of estimates that are about retraining, whatever the contract says of members."""
LOOKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The claims of one requirement as they are judged at the present number of members.

    Args:
        claims: each with the members it is about, and with words about where the ensemble stands.
        terms: their terms at this number of members.
        n_members: how many there are.
        most: how many there may be; not more than ``n_members`` where none are added.
        refusal: why none can be added to an ensemble that is not all there may be, in words.
    """

    claims: tuple[Claim, ...]
    terms: Terms
    n_members: int
    most: int = 0
    refusal: str = ""

    def told(self, verdicts: Sequence[Verdict], *, silent: bool = False) -> list[Verdict]:
        """The verdicts, with what may still decide the undecided ones; members are asked for where they help.

        Args:
            verdicts: of the claims.
            silent: whether nothing is to be said, because it would tell of scores that are withheld.
        """
        line = self._ask(verdicts)
        return list(verdicts) if silent or not line else [_advised(verdict, line) for verdict in verdicts]

    def _ask(self, verdicts: Sequence[Verdict]) -> str:
        """Ask for more members where they may decide what is undecided, or say why not."""
        if any(verdict.outcome is Outcome.VIOLATED for verdict in verdicts):
            return ""
        places = [place for place, verdict in enumerate(verdicts) if _is_open(verdict)]
        if self.refusal or not places or not self.most:
            return self.refusal
        if self.n_members >= self.most:
            return f"these are all {self.most} members that --mlspec-seeds=auto:{self.most} allows"
        asked = [self._target(self.claims[place]) for place in places]
        wanted = [target for target in asked if target is not None]
        if len(wanted) < len(asked):
            return f"up to {self.most} members would not decide it on these cases: none were added"
        if (recorder := RECORDER.get()) is not None and recorder.growth is not None:
            sides = {id(side): side for claim in self.claims for side in _retrained(claim.estimate)}
            for side in sides.values():
                recorder.growth.wish(side.models, min(wanted))
        return ""

    def _target(self, claim: Claim) -> int | None:
        """The number of members at which an undecided claim is judged next; ``None`` where that would not help."""
        if self.terms.growing_members:
            return _next_share(claim, self.terms, self.n_members, self.most)
        return self.most if claim.withheld or _could_decide(claim, self.terms, self.most) else None


def stage_of(claims: Sequence[Claim], terms: Terms) -> Stage:
    """How the claims of one requirement are judged where members may be added (``terms.growing_members``)."""
    estimate = claims[0].estimate
    n_members, declared = estimate.predictions.n_members, estimate.predictions.declared
    by_looks = any(claim.estimate.form in OVER_SEEDS for claim in claims)
    if not by_looks and (terms.members == "every" or estimate.whole_ensemble):
        fixed = replace(terms, growing_members=0)
        kept = tuple(_of_declared(claim, declared) for claim in claims)
        return Stage(claims=kept, terms=fixed, n_members=min(n_members, declared))
    most, refusal = _most(estimate, terms)
    if most <= declared:
        fixed = replace(terms, growing_members=0)
        return Stage(claims=tuple(claims), terms=fixed, n_members=n_members, refusal=refusal)
    grown = f"{n_members} members, grown from {declared}" if n_members > declared else f"{n_members} members"
    if not by_looks and terms.members != "mean":
        noted = tuple(_noted(claim, f"{grown}: a share that holds after each of up to {most}") for claim in claims)
        return Stage(claims=noted, terms=terms, n_members=n_members, most=most)
    return _look(claims, terms, n_members, declared, most, grown)


def _look(claims: Sequence[Claim], terms: Terms, n_members: int, declared: int, most: int, grown: str) -> Stage:
    """A look at the declared number of members or at the largest; between them nothing is claimed."""
    level = terms.level / LOOKS
    halved = replace(terms, confidence=1 - level, growing_members=0)
    if n_members not in (declared, most):
        why = f"{grown}: judged at {declared} and at {most} members only, each at level {level:g}"
        kept = tuple(replace(claim, withheld=why) for claim in claims)
    else:
        look = 1 if n_members == declared else LOOKS
        other = f" (the other at {most})" if look == 1 else ""
        kept = tuple(_noted(claim, f"{grown}: look {look} of {LOOKS} at level {level:g}{other}") for claim in claims)
    return Stage(claims=kept, terms=halved, n_members=n_members, most=most)


def _noted(claim: Claim, words: str) -> Claim:
    return replace(claim, notes=(*claim.notes, words))


def _is_open(verdict: Verdict) -> bool:
    """Whether it is undecided and that matters: it does not where it is waived or tracked only."""
    return verdict.outcome is Outcome.UNDECIDED and not verdict.standing


def _advised(verdict: Verdict, line: str) -> Verdict:
    if verdict.outcome is not Outcome.UNDECIDED:
        return verdict
    return replace(verdict, advice=(*verdict.advice, line))


def _of_declared(claim: Claim, declared: int) -> Claim:
    """The claim about the declared members; withheld where their number has changed what is measured."""
    estimate = claim.estimate
    if estimate.predictions.n_members <= declared:
        return claim
    if estimate.whole_ensemble or estimate.form == "shortfall":
        if not estimate.predictions.retrained:
            return claim
        why = (
            f"{estimate.subject} is about all members together, and members were added for another requirement of "
            "this test: give it a test of its own"
        )
        return replace(claim, withheld=why)
    return replace(claim, estimate=of_first_members(estimate, declared))


def of_first_members(estimate: Estimate, n_members: int) -> Estimate:
    """The estimate of the first members; one trained model that stands against all of them stays as it is."""
    if len(estimate.values) <= n_members:
        return estimate
    return replace(estimate, evidence=Leading(evidence=estimate.evidence, n_members=n_members))


def _retrained(estimate: Estimate) -> list[Predictions]:
    return [side for side in estimate.sides if side.retrained]


def _most(estimate: Estimate, terms: Terms) -> tuple[int, str]:
    """How many members there may be, and why there may not be more than there are."""
    recorder, most = RECORDER.get(), terms.growing_members
    sides = _retrained(estimate)
    if not sides or (recorder is not None and recorder.growth is None):
        return 0, ""
    for side in sides:
        allowed = most
        if recorder is not None and recorder.growth is not None:
            found = recorder.growth.most(side.models)
            if isinstance(found, str):
                return 0, f"--mlspec-seeds=auto cannot grow {side.name}: {found}"
            allowed = found
        most = min(most, allowed)
    return most, ""


def _next_share(claim: Claim, terms: Terms, n_members: int, most: int) -> int | None:
    from pytest_mlspec.metrics.judging.folds import passed_and_failed

    passes, fails, bounds = passed_and_failed(claim.estimate, claim.comparison, claim.threshold, terms)
    if bounds.reason:
        return None
    return growing.next_decision(passes, fails, n_members, float(terms.members), terms.level, most)


def _could_decide(claim: Claim, terms: Terms, most: int) -> bool:
    """Whether so many members could decide a spread or a mean on these cases; a doubt is settled by training."""
    estimate, evidence = claim.estimate, claim.estimate.evidence
    if estimate.form == "shortfall" or estimate.clustered or not evidence.sizes.all():
        return False
    if (
        terms.level * min(terms.share * claim.share, 1.0) < seeds.LOWEST_LEVEL - 1e-12
        and terms.level < seeds.LOWEST_LEVEL
    ):
        return False
    if isinstance(evidence, SeedStd):
        spread = evidence.spread(terms.level, terms)
        if spread is None or spread.method.bound_class not in terms.bound_classes:
            return False
        return growing.spread_could_decide(spread, most, claim.threshold, terms.level)
    if estimate.form in OVER_SEEDS:
        return "asymptotic" in terms.bound_classes
    return _mean_could_decide(claim, terms, most)


def _mean_could_decide(claim: Claim, terms: Terms, most: int) -> bool:
    from pytest_mlspec.metrics.evidence import Goal
    from pytest_mlspec.metrics.judging.advice import MeanPlan

    cases = claim.estimate.evidence.case_values(terms)
    if cases is None or cases.low is None or cases.high is None or "asymptotic" not in terms.bound_classes:
        return False
    if len(cases.rows) < 2:
        return True
    goal = Goal(threshold=claim.threshold, comparison=claim.comparison, level=terms.level, terms=terms, power=0.5)
    plan = MeanPlan.of(claim.estimate, goal)
    if plan is None:
        return False
    further = 2.0 * float(np.sqrt(plan.seed_variance / plan.n_members))  # where the mean of all may come to lie
    hopeful = replace(plan, distance=plan.distance + further)
    return hopeful.first(np.array([float(most)]), plan.n_examples) is not None
