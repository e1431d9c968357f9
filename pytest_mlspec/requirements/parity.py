"""``parity``: a limit on the gap or the ratio of any metric between the groups of a column."""

from __future__ import annotations

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import COMMON, Kind, Limit, Parameter, columns, fraction, non_negative

FORM = {"max_gap": "gap", "min_ratio": "ratio"}


def mismatch(contract: Contract, measured: Measured) -> str:
    """A gap or ratio over the very columns that the marker names."""
    if measured.form != FORM[contract.limit]:
        return f"{contract.limit} bounds a {FORM[contract.limit]}, not a {measured.form.replace('_', ' ')}"
    if measured.by != contract.by:
        return f"the marker says by={list(contract.by)}, the body by={list(measured.by)}"
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    return ""


KIND = Kind(
    name="parity",
    limits=(
        Limit(name="max_gap", comparison="<=", check=non_negative),
        Limit(name="min_ratio", comparison=">=", check=fraction),
    ),
    parameters=(*COMMON, Parameter(name="by", check=columns, required=True)),
    mismatch=mismatch,
)
