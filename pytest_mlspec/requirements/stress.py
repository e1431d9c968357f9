"""``stress``: a limit on a metric where the data are shifted, or on how much worse it is there."""

from __future__ import annotations

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import (
    COMMON,
    Kind,
    Limit,
    Parameter,
    count,
    finite_number,
    fraction,
    non_negative,
    positive,
)
from pytest_mlspec.requirements.shifts import SHIFT, changed_rows, not_stressed, wrong_sides

LEVELS = ("level", "worst", "cells", "size")
FORM = {"max_drop": "difference", "max_rise": "difference", "max_ratio": "quotient", "min_ratio": "quotient"}
WRITTEN = {
    "max_drop": "clean - shifted",
    "max_rise": "shifted - clean",
    "max_ratio": "shifted / clean",
    "min_ratio": "shifted / clean",
}
"""How the body writes the estimate of each comparing limit."""


def mismatch(contract: Contract, measured: Measured) -> str:
    """Levels on shifted data; differences and quotients of one model between clean and shifted data."""
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    if contract.limit not in FORM:
        if contract.limit == "max_failures" and measured.metric not in ("failure_rate", "flip_rate"):
            return f"max_failures counts cases of failure_rate or flip_rate, not of {measured.metric}"
        if measured.form not in LEVELS or (contract.limit == "max_failures" and measured.form != "level"):
            return f"{contract.limit} bounds a metric on shifted data, not a {measured.form.replace('_', ' ')}"
        return not_stressed(contract, measured)
    if measured.form != FORM[contract.limit]:
        return f"{contract.limit} bounds {WRITTEN[contract.limit]}, not a {measured.form.replace('_', ' ')}"
    better = contract.limit in ("max_drop", "min_ratio")
    if measured.greater_is_better != better:
        limit = {"max_drop": "max_rise", "max_rise": "max_drop", "max_ratio": "min_ratio", "min_ratio": "max_ratio"}
        which = "greater" if measured.greater_is_better else "smaller"
        return f"{which} is better for {measured.metric}: {contract.limit} cannot bound it, {limit[contract.limit]} can"
    return wrong_sides(contract, measured, 1 if contract.limit == "max_drop" else 0)


KIND = Kind(
    name="stress",
    limits=(
        Limit(name="at_least", comparison=">=", check=finite_number),
        Limit(name="at_most", comparison="<=", check=finite_number),
        Limit(name="max_failure_rate", comparison="<=", check=fraction, metrics=("failure_rate",)),
        Limit(name="max_failures", comparison="<=", check=count, metrics=("failure_rate", "flip_rate")),
        Limit(name="max_drop", comparison="<=", check=non_negative),
        Limit(name="max_rise", comparison="<=", check=non_negative),
        Limit(name="max_ratio", comparison="<=", check=positive),
        Limit(name="min_ratio", comparison=">=", check=positive),
    ),
    parameters=(SHIFT, *COMMON, Parameter(name="delta", check=finite_number)),
    mismatch=mismatch,
    notes=changed_rows,
)
