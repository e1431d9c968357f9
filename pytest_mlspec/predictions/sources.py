"""Where outputs come from: arrays that were given, or (in ``asking``) models that are asked when it is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pytest_mlspec.predictions.arrays import (
    Labels,
    Scores,
    check_labels,
    check_numbers,
    check_probabilities,
    encode,
)
from pytest_mlspec.stats.bounds import IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset


class Source(Protocol):
    """The outputs of all members on all rows of one base dataset."""

    @property
    def name(self) -> str: ...
    @property
    def n_members(self) -> int: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...
    @property
    def declared(self) -> int: ...
    @property
    def retrained(self) -> bool: ...
    @property
    def classes(self) -> Labels | None: ...
    @property
    def has_probabilities(self) -> bool: ...
    @property
    def models(self) -> tuple[object, ...]:
        """The trained members themselves; empty where outputs were given as arrays."""

    @property
    def held_out(self) -> Mapping[str, object]:
        """Column -> value of the rows that the members never saw."""

    @property
    def kept(self) -> dict[str, object]:
        """What has been worked out so far, by name."""

    def probabilities(self) -> Scores | None:
        """(members, examples, classes)."""

    def labels(self) -> IntArray | None:
        """(members, examples) positions within ``classes``."""

    def values(self) -> Scores | None:
        """(members, examples)."""

    def decisions(self) -> Scores | None:
        """(members, examples) for two classes, else (members, examples, classes)."""

    def codes_of(self, y: Labels) -> IntArray:
        """(examples,) the truth as positions within ``classes``."""

    def lacks(self, what: str) -> str:
        """Why an output is missing, in words."""

    def training_rows(self, data: Dataset) -> int:
        """How many rows of this slice trained the members."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """Outputs that came as arrays."""

    name: str
    n_members: int
    retrained: bool
    classes: Labels | None
    given: Mapping[str, Scores | IntArray]
    models: tuple[object, ...] = ()
    held_out: Mapping[str, object] = field(default_factory=dict)
    kept: dict[str, object] = field(default_factory=dict)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Nobody said which seeds these were."""
        return ()

    @property
    def declared(self) -> int:
        """As many as were given."""
        return self.n_members

    @property
    def has_probabilities(self) -> bool:
        """Whether probabilities were given."""
        return "probabilities" in self.given

    def probabilities(self) -> Scores | None:
        """(members, examples, classes)."""
        return self.given.get("probabilities")  # type: ignore[return-value]

    def labels(self) -> IntArray | None:
        """The labels that were given, else the most probable classes."""
        if "labels" in self.given:
            return self.given["labels"]  # type: ignore[return-value]
        return np.argmax(self.given["probabilities"], axis=-1) if self.has_probabilities else None

    def values(self) -> Scores | None:
        """(members, examples)."""
        return self.given.get("values")  # type: ignore[return-value]

    def decisions(self) -> Scores | None:
        """Arrays hold no decision function."""
        return None

    def codes_of(self, y: Labels) -> IntArray:
        """(examples,) positions within ``classes``."""
        return class_codes(y, self.classes)

    def lacks(self, what: str) -> str:
        """Which argument was not given."""
        wanted = {"scores": "probabilities", "labels": "labels or probabilities"}.get(what, what)
        return f"{self.name!r} holds only {', '.join(self.given)}: give Predictions({wanted.split(' or ')[0]}=...)"

    def training_rows(self, data: Dataset) -> int:
        """Arrays do not tell what trained the model."""
        return 0

    def fingerprint(self) -> str:
        """Content hash of the arrays."""
        digest = hashlib.blake2b(digest_size=16)
        for name, array in self.given.items():
            digest.update(f"{name}{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def class_codes(y: Labels, classes: Labels | None) -> IntArray:
    """(examples,) the truth as positions within the classes.

    Raises:
        ValueError: ``y`` holds numbers.
    """
    if classes is None:
        raise ValueError(f"y holds numbers to predict (dtype={y.dtype}), not labels: give classes=[...] or y > limit")
    return encode(y, classes, what="y")


def given_outputs(
    *,
    y: object,
    probabilities: object,
    labels: object,
    values: object,
    columns: Mapping[str, object] | None,
    classes: Sequence[object] | None,
    positive: object,
    clusters: object,
    ids: object,
    name: str,
) -> tuple[Dataset, Given]:
    """Check the arguments of ``Predictions`` and hand back the rows they are about and the outputs."""
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.declarations import require_same_order
    from pytest_mlspec.data.targets import as_target

    _require_one_kind(probabilities, labels, values)
    outputs = {"probabilities": probabilities, "labels": labels, "values": values}
    require_same_order({"y": y, **outputs, "clusters": clusters, "ids": ids}, columns)
    truth = as_target(y)
    declared = classes is not None
    if values is None and not declared:
        classes = _both_truth_values(truth)
    about = Dataset(
        np.empty((truth.size, 0)),
        truth,
        columns=columns,
        positive=positive,
        classes=classes,
        clusters=clusters,
        ids=ids,
        name=name,
    )
    given = _checked(about, truth, outputs, name, declared=declared)
    sizes = {what: array.shape[0] for what, array in given.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{name}: expected as many members in each array, got {sizes}")
    n_members = next(iter(sizes.values()))
    given = {what: array.copy() for what, array in given.items()}  # later changes of the caller's arrays change nothing
    kept_classes = None if values is not None else about.classes
    return about, Given(name=name, n_members=n_members, retrained=n_members > 1, classes=kept_classes, given=given)


def _checked(
    about: Dataset, truth: Labels, outputs: Mapping[str, object], name: str, *, declared: bool
) -> dict[str, Scores | IntArray]:
    """The outputs that were given, as arrays of shape (members, examples, ...)."""
    classes = about.classes
    probabilities, labels, values = outputs["probabilities"], outputs["labels"], outputs["values"]
    if values is not None:
        numbers = check_numbers(values, truth.size, what=f"{name}: values")
        if truth.dtype.kind not in "fiub":
            raise ValueError(f"{name}: values need numbers in y, got {truth.dtype} such as {truth[:1].tolist()}")
        return {"values": numbers}
    if classes is None:
        raise ValueError(
            f"{name}: y holds numbers to predict (dtype={truth.dtype}), not labels: "
            "give values=..., or classes=[...], or y.astype(int)"
        )
    given: dict[str, Scores | IntArray] = {}
    if probabilities is not None:
        given["probabilities"] = check_probabilities(
            probabilities,
            truth.size,
            len(classes),
            who=name,
            classes=classes,
            one_column_of=_class_of_one_column(probabilities, about, name, declared=declared),
        )
    if labels is not None:
        given["labels"] = check_labels(labels, truth.size, classes, what=f"{name}: labels")
    return given


def _require_one_kind(probabilities: object, labels: object, values: object) -> None:
    if probabilities is None and labels is None and values is None:
        raise TypeError("Predictions expects one of probabilities=, labels= (classification) or values= (regression)")
    if values is not None and (probabilities is not None or labels is not None):
        raise TypeError(
            "Predictions expects values= alone (regression), or probabilities= and labels= (classification)"
        )


def _class_of_one_column(probabilities: object, about: Dataset, name: str, *, declared: bool) -> int:
    """Which of two classes probabilities of shape (examples,) are about: the positive one, else the second declared.

    Raises:
        ValueError: nobody said which class is positive or in which order the classes come.
    """
    known = [] if about.classes is None else about.classes.tolist()
    if np.ndim(probabilities) != 1 or len(known) != 2:  # type: ignore[arg-type]
        return 1
    if about.positive is not None:
        return known.index(about.positive)
    if declared:
        return 1
    raise ValueError(
        f"{name}: probabilities of shape (examples,) are about one class and nobody said which of {known}: "
        f"give positive={known[1]!r} (or {known[0]!r})"
    )


def _both_truth_values(truth: Labels) -> list[object] | None:
    """A slice of one class still has two: {0, 1} and {False, True} are known to be pairs."""
    distinct = np.unique(truth).tolist()
    if len(distinct) == 1 and distinct[0] in (0, 1) and not isinstance(distinct[0], (str, float)):
        return [False, True] if isinstance(distinct[0], bool) else [0, 1]
    return None
