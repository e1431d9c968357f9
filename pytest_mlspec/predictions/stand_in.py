"""A model that was not trained: it says the truth, so that requirements can be planned before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakKeyDictionary

import numpy as np

from pytest_mlspec.predictions.predictions import Predictions, bound
from pytest_mlspec.predictions.sources import class_codes

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.predictions.arrays import Labels, Scores
    from pytest_mlspec.stats.bounds import IntArray


class NotTrained(AttributeError):
    """A body asked a stand-in for what only a trained model has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flawless:
    """The truth about one dataset, said by every member: probability 1 for the true class.

    Nothing is copied for a member: all of them share the same arrays.
    """

    name: str
    seeds: tuple[int, ...]
    retrained: bool
    declared: int
    data: Dataset
    held_out: Mapping[str, object] = field(default_factory=dict)
    models: tuple[object, ...] = ()
    kept: dict[str, object] = field(default_factory=dict)

    @property
    def n_members(self) -> int:
        """As many as would be trained."""
        return len(self.seeds)

    @property
    def classes(self) -> Labels | None:
        """Those of the dataset; ``None`` where numbers are predicted."""
        return self.data.classes

    @property
    def has_probabilities(self) -> bool:
        """Whether labels are predicted, not numbers."""
        return self.classes is not None

    def probabilities(self) -> Scores | None:
        """(members, examples, classes)."""
        if self.classes is None:
            return None
        table = np.zeros((len(self.data), len(self.classes)))
        table[np.arange(len(self.data)), self._codes()] = 1.0
        return np.broadcast_to(table, (self.n_members, *table.shape))

    def labels(self) -> IntArray | None:
        """(members, examples) positions within ``classes``."""
        if self.classes is None:
            return None
        codes = self._codes()
        return np.broadcast_to(codes, (self.n_members, len(codes)))

    def values(self) -> Scores | None:
        """(members, examples) the numbers to predict."""
        if self.classes is not None or self.data.y is None:
            return None
        numbers = np.asarray(self.data.y, np.float64)
        return np.broadcast_to(numbers, (self.n_members, len(numbers)))

    def decisions(self) -> Scores | None:
        """A stand-in has no decision function."""
        return None

    def codes_of(self, y: Labels) -> IntArray:
        """(examples,) the truth as positions within ``classes``."""
        return class_codes(y, self.classes)

    def lacks(self, what: str) -> str:
        """Why an output is missing, in words."""
        return f"{self.name!r} is not trained in a plan: it has no {what}"

    def training_rows(self, data: Dataset) -> int:
        """Nothing was trained."""
        return 0

    def _codes(self) -> IntArray:
        if self.data.y is None:
            raise NotTrained(f"{self.data.name or 'the dataset'} has no y, so that nothing stands in for {self.name!r}")
        return self.codes_of(self.data.y)


class StandIn:
    """Stands where a model will be, while a run is planned: predicts the truth and holds no trained member.

    Args:
        name: how messages call it.
        seeds: the seeds that would be trained.
        retrained: whether these are retrainings; ``False``: one model.
        declared: the number of members that was declared.
        held_out: column -> value of the rows that training would leave out.
        why: what was not run, in words.
        of_many: whether ``stand_in["name"]`` is again a stand-in, as a baseline holds several models.
    """

    __slots__ = ("__weakref__", "_said", "declared", "held_out", "name", "of_many", "retrained", "seeds", "why")

    def __init__(
        self,
        name: str,
        *,
        seeds: Sequence[int] = (0,),
        retrained: bool = False,
        declared: int | None = None,
        held_out: Mapping[str, object] | None = None,
        why: str = "it is not trained in a plan",
        of_many: bool = False,
    ) -> None:
        self.name = name
        self.seeds = tuple(seeds)
        self.retrained = retrained
        self.declared = len(self.seeds) if declared is None else declared
        self.held_out = dict(held_out or {})
        self.why = why
        self.of_many = of_many
        self._said: WeakKeyDictionary[Dataset, Predictions] = WeakKeyDictionary()

    def predictions_on(self, dataset: Dataset) -> Predictions:
        """The truth about a dataset, or about a slice of it."""
        base = dataset.base
        found = self._said.get(base)
        if found is None:
            source = Flawless(
                name=self.name,
                seeds=self.seeds,
                retrained=self.retrained,
                declared=self.declared,
                data=base,
                held_out=self.held_out,
            )
            found = self._said[base] = bound(source, base, None)
        return found.on(dataset)

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        return f"<stand-in for {self.name!r}>"

    def __getattr__(self, name: str) -> NoReturn:
        raise NotTrained(f"{self.name!r} has no {name!r}: {self.why}")

    def __call__(self, *given: object, **named: object) -> NoReturn:
        raise NotTrained(f"{self.name!r} cannot be called: {self.why}")

    def __getitem__(self, place: object) -> StandIn:
        if self.of_many and isinstance(place, str):
            return self
        raise NotTrained(f"{self.name!r} has no parts: {self.why}")

    def __iter__(self) -> NoReturn:
        raise NotTrained(f"{self.name!r} has no members: {self.why}")


def is_stand_in(predictions: Predictions) -> bool:
    """Whether these predictions are the truth itself, because nothing was trained."""
    return isinstance(predictions._source, Flawless)
