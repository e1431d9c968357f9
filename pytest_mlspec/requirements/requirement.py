"""``requirement``: the right-hand side of an assertion that stands for the running test's contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pytest_mlspec.requirements.catalogue import kind
from pytest_mlspec.requirements.contract import Contract, ContractError
from pytest_mlspec.running import CONTRACTS
from pytest_mlspec.verdict import Comparison, Verdict, configured_terms

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate


class Requirement:
    """Stands for the contract of the running test: ``assert metrics.recall(model, data) >= requirement``."""

    __slots__ = ("_id",)
    __array_ufunc__ = None

    def __init__(self, id: str | None = None) -> None:
        self._id = id

    def __getitem__(self, id: str) -> Requirement:
        """The contract with this id, where a test has several: ``requirement["BRK-1"]``."""
        known = [contract.id for contract in self._contracts() if contract.id]
        if id not in known:
            raise ContractError(f"no contract of this test has the id {id!r}; it has {', '.join(known) or 'no ids'}")
        return Requirement(id)

    def __le__(self, estimate: Estimate) -> Verdict:
        __tracebackhide__ = True
        return self._judge(estimate, ">=")

    def __ge__(self, estimate: Estimate) -> Verdict:
        __tracebackhide__ = True
        return self._judge(estimate, "<=")

    def _contracts(self) -> tuple[Contract, ...]:
        contracts = CONTRACTS.get()
        if isinstance(contracts, str):
            raise ContractError(f"`requirement` was read {contracts}")
        if not contracts:
            raise ContractError(
                "this test has no contract: mark it, for example with @pytest.mark.satisficing(at_least=0.95), "
                "or compare with a number"
            )
        return contracts

    def _judge(self, estimate: Estimate, comparison: Comparison) -> Verdict:
        __tracebackhide__ = True
        from pytest_mlspec.metrics.estimate import Estimate as EstimateType
        from pytest_mlspec.metrics.judging.counts import judge_count
        from pytest_mlspec.metrics.judging.judge import judge, judge_together

        if not isinstance(estimate, EstimateType):
            raise TypeError(
                f"`requirement` judges an estimate of pytest_mlspec.metrics, got {estimate!r}; "
                "a bare number has no bounds to decide with"
            )
        contract = self._find(estimate)
        _refuse_baseline_alone(contract, estimate)
        if (judge_itself := kind(contract.kind).judge) is not None:
            return judge_itself(contract, settle_delta(estimate, contract), comparison)
        asked, threshold = contract.comparison, contract.threshold
        if (orient := kind(contract.kind).oriented) is not None:
            asked, threshold = orient(contract, estimate)
        if comparison != asked:
            raise ContractError(f"{contract.limit} takes {asked}, the body says {comparison}: {contract.describe()}")
        if contract.members is not None and estimate.whole_ensemble:
            raise ContractError(
                f"{estimate.subject} is one number about all members together: leave members={contract.members!r} out "
                f"of {contract.describe()}"
            )
        estimate = settle_delta(estimate, contract)
        terms = contract.terms(configured_terms())
        if contract.limit == "max_failures":
            return judge_count(estimate, int(contract.threshold), terms=terms, origin=contract.origin)
        claims = kind(contract.kind).claims
        if claims is not None:
            return judge_together(claims(contract, estimate), terms, contract.origin)
        notes = tell(contract, estimate) if (tell := kind(contract.kind).notes) is not None else ()
        return judge(estimate, comparison, threshold, terms=terms, origin=contract.origin, notes=notes)

    def _find(self, estimate: Estimate) -> Contract:
        contracts = self._contracts()
        asked = [contract for contract in contracts if self._id is None or contract.id == self._id]
        why = {contract: kind(contract.kind).mismatch(contract, estimate) for contract in asked}
        matching = [contract for contract, reason in why.items() if not reason]
        # Two models compared are what such a kind is about; to satisficing they are one estimate among others.
        matching = [contract for contract in matching if kind(contract.kind).oriented is not None] or matching
        specific = [contract for contract in matching if contract.metric is not None]
        best = specific or matching
        if len(best) == 1:
            return best[0]
        if not best:
            listed = "; ".join(f"{contract.describe()} ({reason})" for contract, reason in why.items())
            raise ContractError(f"no contract of this test asks for {estimate.subject}. It has: {listed}")
        if not all(contract.id for contract in best):
            listed = "; ".join(contract.describe() for contract in best)
            raise ContractError(
                f"{estimate.subject} matches {len(best)} contracts of this test: {listed}. Give each an id= and write "
                'requirement["the id"] in the body'
            )
        listed = ", ".join(f'requirement["{contract.id}"]' for contract in best)
        raise ContractError(f"{estimate.subject} matches {len(best)} contracts of this test: write one of {listed}")

    def __repr__(self) -> str:
        contracts = CONTRACTS.get()
        if isinstance(contracts, str):
            return "requirement"
        listed = [contract.describe() for contract in contracts if self._id in (None, contract.id)]
        return f"requirement<{'; '.join(listed)}>"

    def __bool__(self) -> NoReturn:
        raise TypeError("`requirement` has no truth of its own: compare an estimate with it, using >= or <=")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("`requirement` is a limit: compare with >= or <=, never ==")

    def __ne__(self, other: object) -> NoReturn:
        raise TypeError("`requirement` is a limit: compare with >= or <=, never !=")

    __hash__ = object.__hash__

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError("write `<=` or `>=`: a requirement includes its limit")

    __gt__ = __lt__

    def __float__(self) -> NoReturn:
        raise TypeError("`requirement` is not a number: the contract's limit, confidence and members decide together")


def _refuse_baseline_alone(contract: Contract, estimate: Estimate) -> None:
    """Refuse to judge the old model alone, by a slip of the pen, whatever the new one does."""
    from pytest_mlspec.predictions.recalled import recalled

    if recalled(estimate.sides):
        raise ContractError(
            f"{estimate.subject} is about {estimate.predictions.name}, what an earlier run said, which no contract may "
            f"pass on: give {contract.describe()} a model of this run, or compare the two, candidate - baseline"
        )


def settle_delta(estimate: Estimate, contract: Contract) -> Estimate:
    """Give a failure rate the delta of its contract; another one in the body is an error."""
    if estimate.metric != "failure_rate":
        return estimate
    in_body = dict(estimate.settings).get("delta")
    if in_body is None:
        if contract.delta is None:
            raise ContractError(
                f"delta is missing: the largest loss that one case may have; give it to {contract.describe()}"
            )
        return estimate.with_delta(contract.delta)
    if contract.delta is not None and in_body != contract.delta:
        raise ContractError(
            f"the body says delta={in_body}, the contract {contract.describe()}; leave delta to the contract"
        )
    return estimate
