"""What kinds about shifted data have in common: the name of the shift, and which side is the shifted one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlspec.data import Dataset
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.predictions import Predictions

SHIFTS: dict[str, str] = {
    "covariate": "the inputs change, the truth given an input does not",
    "concept": "the truth given an input changes",
    "label": "the shares of the classes change, the inputs of a class do not",
    "compound": "several of these at once",
    "domain": "the conditions change: another hospital, camera, country",
    "corruption": "the inputs are damaged, the truth stays",
    "contrastive": "one thing is edited in matched pairs",
}
"""The kinds of shift. A requirement names its own, because what follows from it depends on what has changed."""


def _known_shift(value: object) -> str:
    if isinstance(value, str) and value in SHIFTS:
        return ""
    near = get_close_matches(str(value), list(SHIFTS), n=1)
    return f"expected one of {', '.join(SHIFTS)}" + (f"; did you mean {near[0]!r}?" if near else "")


SHIFT = Parameter(
    name="shift", check=_known_shift, required=True, missing=f"say what has changed, one of {', '.join(SHIFTS)}"
)


DAMAGED = ("corruption", "contrastive")
"""Shifts that change the features of rows: a slice of clean data shows none of them."""


def not_stressed(contract: Contract, measured: Measured) -> str:
    """Why an estimate is not about stressed data; empty where it is."""
    from pytest_mlspec.data.perturbing import is_part

    if len(measured.sides) > 1:
        return _no_stressed_side(measured)
    data = measured.predictions.data
    if (reason := faulty(data)) or data.perturbations:
        return reason
    stratified = is_part(data) or measured.form in ("worst", "cells")
    if data.base.role in ("test", "validation") and (not stratified or contract.shift in DAMAGED):
        what = "perturbed nor shifted" if contract.shift in DAMAGED else "perturbed nor shifted nor a slice"
        return f"{data.title} is neither {what}"
    return ""


def _no_stressed_side(measured: Measured) -> str:
    """Of the size of a difference: whether one model is compared on clean and on shifted data, in either order."""
    from pytest_mlspec.data.perturbing import stressed_side

    left, right = measured.sides
    if reason := _two_models(left, right) or faulty(left.data) or faulty(right.data) or _same_data(left, right):
        return reason
    return "" if stressed_side(left.data, right.data) is not None else _nothing_tells(left, right)


def wrong_sides(contract: Contract, measured: Measured, stressed: int) -> str:
    """Why a comparison does not have its stressed data on this side (0 left, 1 right); empty where it has."""
    from pytest_mlspec.data.perturbing import stressed_side

    left, right = measured.sides
    if reason := _two_models(left, right) or faulty(left.data) or faulty(right.data) or _same_data(left, right):
        return reason
    found = stressed_side(left.data, right.data)
    if found is None:
        found = _unseen_side(left, right)
    if found is None:
        return _nothing_tells(left, right)
    if found != stressed:
        return (
            f"{contract.limit} takes the shifted data on the {('left', 'right')[stressed]}: here it is the other side"
        )
    return ""


def _unseen_side(left: Predictions, right: Predictions) -> int | None:
    """The side that training left out altogether, where the other one was seen; ``None`` where nothing tells."""
    unseen = [_all_unseen(side.data, side.held_out) for side in (left, right)]
    return None if unseen[0] == unseen[1] else int(unseen[1])


def _all_unseen(data: Dataset, held_out: Mapping[str, object]) -> bool:
    from pytest_mlspec.data.hold_out import matching

    if not held_out or any(column not in data.columns for column in held_out):
        return False
    return bool(matching(data, held_out).all())


def changed_rows(contract: Contract, estimate: Estimate) -> tuple[str, ...]:
    """``changed 4 of 2,000 rows (he to she)`` where a perturbation left some as they were."""
    from pytest_mlspec.data.perturbing import source, unequal_rows

    data = next((side.data for side in reversed(estimate.sides) if side.data.unperturbed is not None), None)
    if data is None:
        return ()
    changed = unequal_rows(data, source(data))
    return () if changed == len(data) else (f"changed {changed:,} of {len(data):,} rows ({data.perturbations[-1]})",)


def _two_models(left: Predictions, right: Predictions) -> str:
    from pytest_mlspec.metrics.comparing import one_model

    if one_model(left, right):
        return ""
    return f"it compares two model objects, {left.name} and {right.name}; a stress compares one model on two datasets"


def _same_data(left: Predictions, right: Predictions) -> str:
    """Two datasets of equal features and truth, whatever they are called, are one."""
    from pytest_mlspec.data.perturbing import equal_features

    one, other = left.data, right.data
    if len(one) != len(other) or not equal_features(one, other):
        return ""
    if one.y is not None and other.y is not None and one.y.tolist() != other.y.tolist():
        return ""  # the concept changed
    return f"nothing changed: {one.title} and {other.title} hold the same features and the same truth"


def _nothing_tells(left: Predictions, right: Predictions) -> str:
    return (
        f"nothing tells which of {left.title} and {right.title} is the shifted one: perturb the clean one, or make "
        "both parts of Splits(test=..., shifted=...)"
    )


def faulty(data: Dataset) -> str:
    """Why perturbed data are not what a verdict can be about: nothing changed, or rows changed places or values.

    Data that were not perturbed are not at fault.
    """
    from pytest_mlspec.data.perturbing import equal_features, exchanged_by_hand, reordered, source

    before = data.unperturbed
    if before is None:
        return ""
    last, clean = data.perturbations[-1], source(data)
    if equal_features(data, before):
        return f"the perturbation {last!r} changed nothing in {before.title}"
    if equal_features(data, clean):
        return f"the perturbations {', '.join(map(repr, data.perturbations))} together changed nothing in {clean.title}"
    if reordered(clean, data):
        return (
            f"the perturbation {last!r} put the rows of {clean.title} in another order, or made each into another that "
            "was there: labels no longer belong to them (slice first where every row has its counterpart)"
        )
    if handed := exchanged_by_hand(clean, data):
        return (
            f"the perturbation {last!r} hands the values of feature {handed[0]!r} round among the rows, which makes "
            "them depend on each other: use perturbations.permute, which tells who exchanged with whom, or its donors="
        )
    return ""
