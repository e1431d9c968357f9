"""``seed_variance``: a limit on the standard deviation of a metric over retrainings."""

from __future__ import annotations

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import (
    GROWING,
    Kind,
    Limit,
    Parameter,
    confidence_up_to,
    non_negative,
    without,
)


def mismatch(contract: Contract, measured: Measured) -> str:
    """The seed standard deviation of any metric."""
    if measured.form != "seed_std":
        return "max_std bounds `.seed_std()`"
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    return ""


KIND = Kind(
    name="seed_variance",
    limits=(Limit(name="max_std", comparison="<=", check=non_negative),),
    parameters=(
        Parameter(
            name="confidence",
            check=confidence_up_to(
                0.98, "bounds over seeds are checked down to level 0.01, and an ensemble that grows is judged twice"
            ),
        ),
        *without("members", "confidence", *GROWING),
    ),
    mismatch=mismatch,
)
