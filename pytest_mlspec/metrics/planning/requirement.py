"""The plans of a test and of a whole run, as values that a report can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pytest_mlspec.metrics.planning.plan import POWER, Plan
from pytest_mlspec.metrics.planning.planner import Planned, plans_of


class Asks(Protocol):
    """What a plan shows of a contract."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def index(self) -> int: ...
    def describe(self) -> str:
        """The marker in one line."""


NOT_REACHED = "the body ended without judging it"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOfClaim:
    """The plan of one claim of one contract, or of a literal.

    ``together`` holds what each of ``plan.needs`` grows to where all requirements of the run are to be met at once,
    ``waived`` the words of a waiver that lets it be missed today.
    """

    id: str
    kind: str
    contract: int
    plan: Plan
    together: tuple[int | None, ...] = ()
    waived: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOfTest:
    """Everything that is planned for one test, and the contracts that are not, each with the reason."""

    test: str
    claims: tuple[PlanOfClaim, ...] = ()
    unplanned: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    expected: bool = False
    """Whether an xfail mark says that its requirements are not met."""

    @property
    def n_unmeetable(self) -> int:
        """Claims that no model could meet with the data at hand, though nobody said so."""
        missed = (claim for claim in self.claims if claim.plan.unmeetable and not claim.waived)
        return 0 if self.expected else sum(1 for _ in missed)


@dataclass(slots=True)
class PlanOfRun:
    """The plans of a run."""

    tests: list[PlanOfTest] = field(default_factory=list)
    n_requirements: int = 0

    @property
    def power_of_each(self) -> float:
        """The power at which each requirement is planned, for all of them to be met with 90 %."""
        return joint_power(self.n_requirements)


def joint_power(n_requirements: int) -> float:
    """``1 - 0.1 / m``: by Bonferroni's inequality all of m requirements are then met with 90 %."""
    return 1.0 - (1.0 - POWER) / max(1, n_requirements)


def plans_of_test(
    test: str,
    contracts: Sequence[Asks],
    found: Sequence[Planned],
    *,
    why: str,
    n_requirements: int,
    expected: bool = False,
) -> PlanOfTest:
    """Plan what a body claimed, and name the contracts that it did not come to.

    Args:
        test: its node id.
        contracts: those of its markers.
        found: the claims that its body made.
        why: why it made no further ones; empty where it came to its end.
        n_requirements: requirements of the whole run.
        expected: whether an xfail mark says that they are not met.
    """
    claims = tuple(_plan_of_claim(planned, contracts, n_requirements) for planned in found)
    reached = {claim.contract for claim in claims}
    missing = [contract for contract in contracts if contract.index not in reached]
    unplanned = tuple((contract.describe(), why or _why_not(contract)) for contract in missing)
    if not contracts and not found:
        unplanned = (("satisficing: literals in the body", why or NOT_REACHED),)
    return PlanOfTest(test=test, claims=claims, unplanned=unplanned, expected=expected)


def _why_not(contract: Asks) -> str:
    if contract.kind == "optimizing":
        return "it is compared with the best recorded value: there is no limit to plan for"
    return NOT_REACHED


def _plan_of_claim(planned: Planned, contracts: Sequence[Asks], n_requirements: int) -> PlanOfClaim:
    plan = plans_of(planned)
    together: tuple[int | None, ...] = ()
    if n_requirements > 1 and plan.needs:
        at_once = plans_of(planned, power=joint_power(n_requirements))
        together = tuple(need.needed for need in at_once.needs)
    kind = next((contract.kind for contract in contracts if contract.index == planned.origin.contract), "literal")
    return PlanOfClaim(id=planned.origin.id, kind=kind, contract=planned.origin.contract, plan=plan, together=together)
