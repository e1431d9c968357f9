"""``optimizing``: a metric that is tracked against its best recorded value and must not be significantly worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, ContractError, Measured
from pytest_mlspec.requirements.kind import GROWING, Kind, Parameter, finite_number, without
from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict import Comparison, Verdict, configured_terms

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

FORMS = ("level", "worst", "gap", "ratio")


def _every_or_mean(value: object) -> str:
    return "" if value in ("every", "mean") else 'expected "every" or "mean": a share of retrainings has no best value'


def mismatch(contract: Contract, measured: Measured) -> str:
    """Levels, worst groups, gaps and ratios of any metric."""
    if measured.form not in FORMS:
        return f"a {measured.form.replace('_', ' ')} is not tracked"
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    return ""


def judge(contract: Contract, estimate: Estimate, comparison: Comparison) -> Verdict:
    """Judge an estimate against the best that was recorded for its contract.

    Raises:
        ContractError: the comparison is not the one in which the metric is better, or there is no run that holds a
            record.
        NotJudged: there is no record, or it was made under other conditions.
    """
    __tracebackhide__ = True
    from pytest_mlspec.metrics.judging.tracked import judge_tracked, plan_tracked

    wanted: Comparison = ">=" if estimate.greater_is_better else "<="
    if comparison != wanted:
        which = "greater" if estimate.greater_is_better else "smaller"
        raise ContractError(
            f"{which} is better for {estimate.subject}: write `{wanted} requirement`, the body says {comparison}"
        )
    if contract.members is not None and estimate.whole_ensemble:
        raise ContractError(
            f"{estimate.subject} is one number about all members together: leave members={contract.members!r} out "
            f"of {contract.describe()}"
        )
    terms = contract.terms(configured_terms())
    recorder = RECORDER.get()
    if recorder is not None and recorder.planner is not None:
        return plan_tracked(estimate, comparison, terms, contract.origin)
    if recorder is None or recorder.tracking is None:
        raise ContractError("`optimizing` compares with the record file of a pytest run: there is none here")
    return judge_tracked(estimate, comparison, terms, contract.origin, recorder.tracking)


KIND = Kind(
    name="optimizing",
    limits=(),
    parameters=(
        *without("members", "expect", *GROWING),
        Parameter(name="members", check=_every_or_mean),
        Parameter(name="delta", check=finite_number),
    ),
    mismatch=mismatch,
    judge=judge,
    gate=False,
)
