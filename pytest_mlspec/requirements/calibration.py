"""``calibration``: a limit on the binned calibration error of the model's own probabilities."""

from __future__ import annotations

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import Kind, Limit, Parameter, count, fraction, without


def bins(value: object) -> str:
    """At least two bins."""
    return count(value) or ("" if isinstance(value, int) and value >= 2 else "expected at least 2 bins")


def mismatch(contract: Contract, measured: Measured) -> str:
    """The level (or the worst group) of the named calibration error, with the bins that the marker pins."""
    if measured.form not in ("level", "worst"):
        return f"a {measured.form.replace('_', ' ')} is judged by another kind of marker"
    if measured.metric != contract.metric:
        return f"{contract.limit} bounds {contract.metric}, not {measured.metric}"
    used = dict(measured.settings).get("bins")
    if contract.bins is not None and used != contract.bins:
        return f"the marker pins bins={contract.bins}, the body uses bins={used}"
    return ""


KIND = Kind(
    name="calibration",
    limits=(
        Limit(name="max_ece", comparison="<=", check=fraction, metrics=("ece",)),
        Limit(name="max_mce", comparison="<=", check=fraction, metrics=("mce",)),
    ),
    parameters=(*without("max_loss", "metric"), Parameter(name="bins", check=bins)),
    mismatch=mismatch,
)
