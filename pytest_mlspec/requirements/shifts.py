"""What kinds about shifted data have in common: the name of the shift, and which side is the shifted one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlspec.data import Dataset
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
    if value in SHIFTS:
        return ""
    near = get_close_matches(str(value), list(SHIFTS), n=1)
    return f"expected one of {', '.join(SHIFTS)}" + (f"; did you mean {near[0]!r}?" if near else "")


SHIFT = Parameter(
    name="shift", check=_known_shift, required=True, missing=f"say what has changed, one of {', '.join(SHIFTS)}"
)


def not_stressed(measured: Measured) -> str:
    """Why an estimate is not about stressed data; empty where it is."""
    data = measured.predictions.data
    if measured.form in ("worst", "cells"):
        return ""
    if (reason := changed_nothing(data)) or data.perturbations or data.rows is not None:
        return reason
    if data.base.role in ("test", "validation"):
        return f"{data.title} is neither perturbed nor shifted nor a slice"
    return ""


def wrong_sides(contract: Contract, measured: Measured, stressed: int) -> str:
    """Why a comparison does not have its stressed data on this side (0 left, 1 right); empty where it has."""
    from pytest_mlspec.data.perturbing import stressed_side
    from pytest_mlspec.metrics.comparing import one_model

    left, right = measured.sides
    if not one_model(left, right):
        return (
            f"it compares two model objects, {left.name} and {right.name}; a stress compares one model on two datasets"
        )
    for side in (left, right):
        if reason := changed_nothing(side.data):
            return reason
    found = stressed_side(left.data, right.data)
    if found is None:
        found = _unseen_side(left, right)
    if found is None:
        return (
            f"nothing tells which of {left.title} and {right.title} is the shifted one: perturb the clean one, or make "
            "both parts of Splits(test=..., shifted=...)"
        )
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


def changed_nothing(data: Dataset) -> str:
    """``the perturbation 'contrast, severity 0' changed nothing``; empty where it did, or where there was none."""
    from pytest_mlspec.data.perturbing import equal_features

    before = data.unperturbed
    if before is None or not equal_features(data, before):
        return ""
    return f"the perturbation {data.perturbations[-1]!r} changed nothing in {before.title}"
