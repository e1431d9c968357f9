"""``reliance``: how much a model may lean on named features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import COMMON, Kind, Limit, Parameter, features, fraction, non_negative
from pytest_mlspec.requirements.shifts import changed_rows, wrong_sides

if TYPE_CHECKING:
    from pytest_mlspec.predictions import Predictions

SHARES = ("coefficient_share", "gradient_share")


def mismatch(contract: Contract, measured: Measured) -> str:
    """A difference when the named features and nothing else change, or their share of a model's sensitivity."""
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    if contract.limit == "max_share":
        if measured.metric not in SHARES or measured.form != "level":
            return f"max_share bounds {' or '.join(SHARES)}"
        named = dict(measured.settings).get("on")
        same = isinstance(named, tuple) and set(named) == set(contract.on)
        return "" if same else f"the marker says on={list(contract.on)}, the body {named!r}"
    if measured.form != "difference":
        return f"{contract.limit} bounds a difference between unchanged and changed features"
    better = contract.limit == "max_drop"
    if measured.greater_is_better != better:
        which, other = ("greater", "max_drop") if measured.greater_is_better else ("smaller", "max_rise")
        return f"{which} is better for {measured.metric}: {contract.limit} cannot bound it, {other} can"
    changed = 1 if better else 0
    return wrong_sides(contract, measured, changed) or _other_features(contract, measured.sides, changed)


def _other_features(contract: Contract, sides: tuple[Predictions, ...], changed: int) -> str:
    from pytest_mlspec.data.perturbing import same_rows
    from pytest_mlspec.data.positions import feature_keys
    from pytest_mlspec.perturbations.edits import changed_columns

    before, after = sides[1 - changed].data, sides[changed].data
    if not same_rows(before, after):
        return f"{before.title} and {after.title} do not hold the same rows: change features with .perturb(...)"
    found = set(changed_columns(before.X, after.X))
    asked = set(feature_keys(before, contract.on))
    for wrong, what in ((found - asked, "changed as well"), (asked - found, "did not change")):
        if wrong:
            names = ", ".join(repr(column) for column in sorted(wrong, key=str)[:5])
            return f"the marker says on={list(contract.on)}, and {names} {what}"
    return ""


KIND = Kind(
    name="reliance",
    limits=(
        Limit(name="max_drop", comparison="<=", check=non_negative),
        Limit(name="max_rise", comparison="<=", check=non_negative),
        Limit(name="max_share", comparison="<=", check=fraction),
    ),
    parameters=(Parameter(name="on", check=features, required=True), *COMMON),
    mismatch=mismatch,
    notes=changed_rows,
)
