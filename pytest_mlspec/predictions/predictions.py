"""Predictions: what every member said about every example, worked out once and shared by every test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pytest_mlspec.predictions import worked_out
from pytest_mlspec.predictions.sources import Given, Source, given_outputs
from pytest_mlspec.predictions.worked_out import Hits
from pytest_mlspec.stats.bounds import IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.groups import Codes, Groups
    from pytest_mlspec.predictions.arrays import Labels, Scores

_T = TypeVar("_T")


class Predictions:
    """What members said about the examples of one dataset: immutable, compared by identity.

    Built from arrays, it stands where no model is at hand (a service, an exported model, a notebook). Everything else
    is worked out when it is first asked for and then kept; a slice takes rows from what the whole has worked out.

    Args:
        y: (examples,) true labels or numbers.
        probabilities: (examples, classes) or (members, examples, classes), rows sum to 1; for two classes also
            (examples,), the probability of the positive class.
        labels: (examples,) or (members, examples), the members' own labels where they are not the most probable class.
        values: (examples,) or (members, examples), predicted numbers.
        columns: columns to slice and group by, each of shape (examples,).
        classes: the classes in the order of the probability columns; without it the sorted labels of ``y``.
        positive: the positive class of binary metrics.
        clusters: name of a column, or an array (examples,): rows of one cluster depend on each other.
        ids: (examples,) names of the examples, for messages.
        name: name of the model.

    Raises:
        TypeError, ValueError: arrays of other lengths or shapes, NaN, labels that are not classes, rows of
            probabilities that do not sum to 1, multi-label or multi-output arrays.

    Example:
        >>> said = Predictions(y=[0, 1, 1], probabilities=[[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
        >>> said.hits.tolist()
        [[1, 1, 0]]
    """

    def __init__(
        self,
        *,
        y: object,
        probabilities: object = None,
        labels: object = None,
        values: object = None,
        columns: Mapping[str, object] | None = None,
        classes: Sequence[object] | None = None,
        positive: object = None,
        clusters: object = None,
        ids: object = None,
        name: str | None = None,
    ) -> None:
        data, source = given_outputs(
            y=y,
            probabilities=probabilities,
            labels=labels,
            values=values,
            columns=columns,
            classes=classes,
            positive=positive,
            clusters=clusters,
            ids=ids,
            name=name or "predictions",
        )
        self._bind(source, data, None)

    def _bind(self, source: Source, data: Dataset, whole: Predictions | None) -> None:
        self._source = source
        self._data = data
        self._whole = whole
        self._kept: dict[str, object] = source.kept if whole is None else {}

    def _keep(self, what: str, make: Callable[[], _T]) -> _T:
        if what not in self._kept:
            made = make()
            self._kept[what] = worked_out.locked(made)
        return self._kept[what]  # type: ignore[return-value]  # the dict holds what `make` made

    # ---- what they are about ---------------------------------------------------------------------------------

    @property
    def base(self) -> Predictions:
        """The predictions that these are a slice of, or themselves."""
        return self if self._whole is None else self._whole

    @property
    def rows(self) -> IntArray | None:
        """(examples,) positions within ``base``; ``None``: all of it."""
        return None if self._whole is None else self._data.rows

    @property
    def dataset(self) -> Dataset | None:
        """The dataset (slice) that was predicted; ``None`` for predictions given as arrays."""
        return None if isinstance(self._source, Given) else self._data

    @property
    def data(self) -> Dataset:
        """The rows that were predicted with their truth and columns, also where outputs were given as arrays."""
        return self._data

    @property
    def title(self) -> str:
        """Dataset and slice for messages, such as ``street.test, light=night``."""
        return self._data.title

    @property
    def dataset_name(self) -> str:
        """The name of the dataset, such as ``street.test``."""
        return "" if isinstance(self._source, Given) else self._data.name or ""

    @property
    def description(self) -> str:
        """The slice in words, such as ``light=night``; empty for the whole."""
        return self._data.description

    @property
    def columns(self) -> Mapping[str, Labels]:
        """The columns to slice and group by."""
        return self._data.columns

    @property
    def ids(self) -> Labels | None:
        """(examples,) names of the examples."""
        return self._data.ids

    @property
    def cluster_codes(self) -> IntArray | None:
        """(examples,) the cluster of each example; ``None`` where rows are independent."""
        return self._data.cluster_codes

    @property
    def cluster_name(self) -> str:
        """What the clusters are, such as ``patient``."""
        return self._data.cluster_name or "cluster"

    @property
    def y(self) -> Labels:
        """(examples,) the truth."""
        if self._data.y is None:
            name = self.dataset_name or "the dataset"
            raise ValueError(f"{name} has no y: a metric compares predictions with the truth")
        return self._data.y

    @property
    def classes(self) -> Labels | None:
        """(classes,) in the order of the probability columns; ``None`` where numbers are predicted."""
        return self._source.classes

    @property
    def positive(self) -> object:
        """The positive class of the dataset, or ``None``."""
        return self._data.positive

    @property
    def is_classification(self) -> bool:
        """Whether labels are predicted, not numbers."""
        return self._source.classes is not None

    @property
    def n_examples(self) -> int:
        """Number of examples."""
        return len(self._data)

    def __len__(self) -> int:
        return len(self._data)

    # ---- who said it -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._source.name

    @property
    def n_members(self) -> int:
        """Number of members."""
        return self._source.n_members

    @property
    def models(self) -> tuple[object, ...]:
        """The trained members themselves; empty where outputs were given as arrays."""
        return self._source.models

    @property
    def held_out(self) -> Mapping[str, object]:
        """Column -> value (or values) of the rows that training left out; empty where nothing was."""
        return self._source.held_out

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each member; empty where there are none."""
        return self._source.seeds

    @property
    def declared(self) -> int:
        """How many members were declared; more than ``n_members`` in a development run."""
        return self._source.declared

    @property
    def retrained(self) -> bool:
        """Whether the members are retrainings of one training function."""
        return self._source.retrained

    @property
    def training_rows(self) -> int:
        """How many of these examples trained the members, as far as their lineage shows."""
        return self._keep("training_rows", lambda: self._source.training_rows(self._data))

    @property
    def known_in_content(self) -> bool:
        """Whether training rows were told by their content, because their lineage shows nothing."""
        return bool(self.training_rows) and self._source.kept.get("equal_rows") is not None

    # ---- what was said ---------------------------------------------------------------------------------------

    @property
    def probabilities(self) -> Scores | None:
        """(members, examples, classes), or ``None`` where the model gives none."""
        return self._part("probabilities", self._source.probabilities)

    @property
    def labels(self) -> IntArray | None:
        """(members, examples) positions within ``classes``, the model's own where it has any; else ``None``."""
        return self._part("labels", self._source.labels)

    @property
    def values(self) -> Scores | None:
        """(members, examples) predicted numbers, or ``None`` for a classifier."""
        return self._part("values", self._source.values)

    def scores(self, positive: object) -> Scores | None:
        """(members, examples) larger where ``positive`` is more likely: its probability, else the decision function."""
        return worked_out.scores(self, positive)

    def class_code(self, label: object) -> int:
        """The position of a class within ``classes``.

        Raises:
            ValueError: it is not one of the classes.
        """
        known = [] if self.classes is None else self.classes.tolist()
        for code, name in enumerate(known):
            if name == label:
                return code
        raise ValueError(f"expected positive to be one of the classes {known}; got positive={label!r}")

    @property
    def y_codes(self) -> IntArray:
        """(examples,) the true class as a position within ``classes``."""
        return self._part_of_whole("y_codes", lambda whole: whole._source.codes_of(whole.y))

    @property
    def hits(self) -> Hits:
        """(members, examples) 1 where the label is right.

        Raises:
            ValueError: the model gives no labels.
        """
        return self._part_of_whole("hits", worked_out.label_hits)

    @property
    def top_probability(self) -> Scores | None:
        """(members, examples) the probability of the most probable class, or ``None``."""
        return self._part_of_whole("top_probability", worked_out.top_probability)

    @property
    def top_hits(self) -> Hits | None:
        """(members, examples) 1 where the most probable class is right, or ``None`` without probabilities."""
        return self._part_of_whole("top_hits", worked_out.top_hits)

    def _part(self, what: str, ask: Callable[[], _T]) -> _T:
        return self._part_of_whole(what, lambda whole: ask())

    def _part_of_whole(self, what: str, make: Callable[[Predictions], _T]) -> _T:
        """Make it for the whole, once, and take this slice's rows (the last axis but that of classes)."""
        if self._whole is None:
            return self._keep(what, lambda: make(self))
        found = self._whole._part_of_whole(what, make)
        if not isinstance(found, np.ndarray):
            return found
        rows = self._data.rows
        assert rows is not None  # a slice of the whole
        return self._keep(what, lambda: found.take(rows, axis=0 if found.ndim == 1 else 1))  # type: ignore[return-value]

    def lacks(self, what: str) -> str:
        """Why there are no ``probabilities``, ``labels``, ``values`` or ``scores``, for messages."""
        return self._source.lacks(what)

    # ---- slices ----------------------------------------------------------------------------------------------

    def where(self, predicate: object = None, /, *, name: str | None = None, **conditions: object) -> Predictions:
        """The predictions on the examples of a slice, as ``Dataset.where`` selects them.

        Raises:
            ValueError: an unknown column or an empty slice.
        """
        return self.on(self._data.where(predicate, name=name, **conditions))

    def take(self, rows: object) -> Predictions:
        """The predictions on these positions, (k,) integers or (examples,) booleans."""
        return self.on(self._data.take(rows))

    def on(self, part: Dataset) -> Predictions:
        """The predictions on a slice of the same base dataset."""
        whole = self.base
        if part is whole._data:
            return whole
        if part.base is not whole._data:
            raise ValueError(f"{part!r} is not a slice of the dataset that was predicted, {whole._data!r}")
        return bound(self._source, part, whole)

    def codes(self, by: str | Sequence[str]) -> tuple[Codes, tuple[str, ...]]:
        """The group of every example and the groups' labels, by one column or the intersections of several."""
        return self._data.codes(by)

    def groups(self, by: str | Sequence[str]) -> Groups:
        """As ``codes``, with the sizes of the groups and the intersections that no example belongs to."""
        return self._data.groups(by)

    def fingerprints(self) -> dict[str, str]:
        """Content hashes by which a record can be told from another."""
        found = {"data": self._data.fingerprint}
        if isinstance(self._source, Given):
            found["predictions"] = (
                self._keep("fingerprint", self._source.fingerprint)
                if self._whole is None
                else (self._whole.fingerprints()["predictions"])
            )
        return found

    def __repr__(self) -> str:
        members = f"{self.n_members} members, " if self.n_members > 1 else ""
        where = f" on {self.dataset_name}" if self.dataset_name else ""
        part = f", {self.description}" if self.description else ""
        return f"<Predictions of {self.name!r}{where}{part}: {members}{self.n_examples:,} examples>"


def bound(source: Source, data: Dataset, whole: Predictions | None) -> Predictions:
    """Predictions from a source of outputs: the way in for models, where the public one is for arrays."""
    made = object.__new__(Predictions)
    made._bind(source, data, whole)
    return made
