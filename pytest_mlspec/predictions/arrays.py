"""What models said, as checked arrays: every way in which an array can be wrong is answered here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import IntArray

Labels = npt.NDArray[np.generic]
_Entry = TypeVar("_Entry", bound=np.generic)
Scores = npt.NDArray[np.floating]

ROW_SUM_TOLERANCE = 1e-3  # float16 and float32 softmax rows stay well inside; logits do not
_ROUNDING = 1e-5  # how far rounding may carry a probability out of [0, 1]


def as_array(what: str, given: object) -> Labels:
    """A NumPy array of what came: NumPy, lists, pandas, polars and torch (detached, on the CPU)."""
    if (
        isinstance(given, (list, tuple))
        and given
        and all(np.ndim(part) == 2 for part in given)
        and what != "probabilities"
    ):
        raise ValueError(f"{what}: a list of matrices is multi-output, which is not supported")
    detach = getattr(given, "detach", None)
    if callable(detach):
        given = detach().cpu().numpy()
    array = np.asarray(given)
    if array.dtype == object and array.ndim > 1:
        raise ValueError(f"{what}: expected numbers, got an array of objects of shape {array.shape}")
    return array


def check_probabilities(
    given: object, n_examples: int, n_classes: int, *, who: str, classes: object, one_column_of: int = 1
) -> Scores:
    """Probabilities of shape (members, n_examples, n_classes), float32 or float64.

    Args:
        given: (members, examples, classes), (examples, classes) or, for two classes, (examples,) of one of them.
        n_examples: rows of y.
        n_classes: number of classes.
        who: whose they are, for the messages.
        classes: the classes, for the messages.
        one_column_of: the position of the class that probabilities of shape (examples,) are about.

    Raises:
        ValueError: a wrong shape, a NaN, a value outside [0, 1], or rows that do not sum to 1.
    """
    array = _floating(as_array(f"{who}: probabilities", given), f"{who}: probabilities")
    shape = array.shape
    if array.ndim == 1 and n_classes == 2:
        _require_length(array.shape[0], n_examples, f"{who}: probabilities")
        _require_finite(array, f"{who}: probabilities")
        array = np.stack([1 - array, array] if one_column_of == 1 else [array, 1 - array], axis=-1)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise ValueError(
            f"{who}: expected probabilities of shape (examples, classes) or (members, examples, classes), or "
            f"(examples,) of the positive one of two classes; got shape {shape} with {n_classes} classes"
        )
    _require_length(array.shape[1], n_examples, f"{who}: probabilities of shape {array.shape}")
    if array.shape[2] != n_classes:
        more = "more" if array.shape[2] > n_classes else "fewer"
        raise ValueError(
            f"{who}: {more} probability columns than classes: {array.shape[2]} columns, {n_classes} classes "
            f"({_list(classes)}); give classes=[...] in the order of the columns"
        )
    _require_finite(array, f"{who}: probabilities")
    _require_distribution(array, who)
    return array


def _require_distribution(array: Scores, who: str) -> None:
    if array.size == 0:
        raise ValueError(f"{who}: no probabilities: got shape {array.shape}")
    low, high = float(array.min()), float(array.max())
    deviation = np.abs(array.sum(axis=-1, dtype=np.float64) - 1.0)
    worst = float(deviation.max())
    if low >= -_ROUNDING and high <= 1 + _ROUNDING and worst <= ROW_SUM_TOLERANCE:
        return
    member, row = np.unravel_index(int(np.argmax(deviation)), deviation.shape)
    raise ValueError(
        f"{who}: expected probabilities in [0, 1] whose rows sum to 1; got values from {low:.4g} to {high:.4g}, "
        f"row {row} (member {member}) sums to {float(array[member, row].sum()):.4g}: are these logits? Declare "
        "output='logits' for a model, or apply softmax"
    )


def check_numbers(given: object, n_examples: int, *, what: str) -> Scores:
    """Finite numbers of shape (members, n_examples) from (examples,) or (members, examples)."""
    array = _members_first(_floating(as_array(what, given), what), n_examples, what)
    _require_finite(array, what)
    return array


def check_labels(given: object, n_examples: int, classes: Labels, *, what: str) -> IntArray:
    """Positions within ``classes`` of shape (members, n_examples) from labels (examples,) or (members, examples)."""
    array = as_array(what, given)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{what}: expected labels, got NaN or infinity at {_first(~np.isfinite(array))}")
    return encode(_members_first(array, n_examples, what), classes, what=what)


def encode(labels: Labels, classes: Labels, *, what: str) -> IntArray:
    """The position of every label within ``classes``, whatever their order.

    Raises:
        ValueError: labels that are not classes, with how often each came.
    """
    if (
        (labels.dtype.kind in "US") != (classes.dtype.kind in "US")
        and labels.dtype != object
        and classes.dtype != object
    ):
        raise ValueError(
            f"{what}: expected labels of the kind of the classes ({_list(classes)}), got {labels.dtype} labels such as "
            f"{labels.ravel()[:1].tolist()}"
        )
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    places = np.minimum(np.searchsorted(ordered, labels), len(classes) - 1)
    unknown = ordered[places] != labels
    if unknown.any():
        strange, counts = np.unique(labels[unknown], return_counts=True)
        words = ", ".join(
            f"{label!r} ({n} times)" for label, n in list(zip(strange.tolist(), counts.tolist(), strict=True))[:5]
        )
        raise ValueError(
            f"{what}: labels outside the classes: {words}; the classes are {_list(classes)}. "
            "Give classes=[...] that hold them all"
        )
    return order[places].astype(np.int64, copy=False)


def stack_members(arrays: Sequence[Scores] | Sequence[IntArray]) -> npt.NDArray[np.generic]:
    """(members, ...) of one array per member, without a copy where there is one member."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(list(arrays))


def _members_first(array: npt.NDArray[_Entry], n_examples: int, what: str) -> npt.NDArray[_Entry]:
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        raise ValueError(
            f"{what}: expected shape (examples,) or (members, examples), got shape {array.shape}; "
            "multi-label and multi-output are not supported"
        )
    if array.shape == (n_examples, 1) and n_examples != 1:
        array = array.T  # one column per target is how many libraries write one value per example
    _require_length(array.shape[1], n_examples, f"{what} of shape {array.shape}")
    return array


def _floating(array: Labels, what: str) -> Scores:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{what}: expected numbers, got {array.dtype} such as {array.ravel()[:1].tolist()}")
    floating: Scores = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)  # type: ignore[assignment]
    return floating


def _require_length(found: int, n_examples: int, what: str) -> None:
    if found != n_examples:
        raise ValueError(
            f"{what}: expected one row for each of the {n_examples} examples of y, got {found}; the axes are (members, "
            "examples, classes)"
        )


def _require_finite(array: Scores, what: str) -> None:
    # A sum is finite only if all of it is: one pass without a temporary in the usual case.
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(array.sum(dtype=np.float64))
    if not np.isfinite(total) and not (finite := np.isfinite(array)).all():
        raise ValueError(f"{what}: expected finite numbers, got NaN or infinity at {_first(~finite)}")


def _first(wrong: npt.NDArray[np.bool_]) -> str:
    names = {1: ("row",), 2: ("member", "row"), 3: ("member", "row", "class")}.get(wrong.ndim, ())
    place = np.argwhere(wrong)[0]
    words = ", ".join(f"{name} {int(index)}" for name, index in zip(names, place, strict=False))
    return f"{words} ({int(wrong.sum())} in all)"


def _list(classes: object) -> str:
    names = np.asarray(classes).tolist()
    return ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
