"""``satisficing``: a hard limit on a metric, or on the share or number of failing cases."""

from __future__ import annotations

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import COMMON, Kind, Limit, Parameter, count, finite_number, fraction, is_number

FORMS = ("level", "worst", "cells", "size", "difference")
COUNTED = ("failure_rate", "flip_rate")
"""Metrics that know which of their cases failed."""


def mismatch(contract: Contract, measured: Measured) -> str:
    """Levels, worst groups and paired differences of any metric but calibration errors."""
    if measured.form not in FORMS:
        return f"a {measured.form.replace('_', ' ')} is judged by another kind of marker"
    if measured.metric in ("ece", "mce"):
        return f"{measured.metric} is judged by a calibration marker"
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    if contract.limit == "max_failures" and measured.metric not in COUNTED:
        return f"max_failures counts cases of {' or '.join(COUNTED)}, not of {measured.metric}"
    if contract.limit == "max_failures" and measured.form != "level":
        return "max_failures counts the listed cases themselves"
    return ""


def hint(arguments: dict[str, object]) -> str:
    """``delta`` alone is the classic mistake."""
    delta = arguments.get("delta")
    if is_number(delta):
        return f"did you mean at_least={delta!r}? delta is the largest loss of one case"
    return ""


KIND = Kind(
    name="satisficing",
    limits=(
        Limit(name="at_least", comparison=">=", check=finite_number),
        Limit(name="at_most", comparison="<=", check=finite_number),
        Limit(name="max_failure_rate", comparison="<=", check=fraction, metrics=("failure_rate",)),
        Limit(name="max_failures", comparison="<=", check=count, metrics=COUNTED),
    ),
    parameters=(*COMMON, Parameter(name="delta", check=finite_number)),
    mismatch=mismatch,
    hint=hint,
)
