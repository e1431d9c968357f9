"""Outputs that an earlier run saved: they stand where its models stood, and say which baseline they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.predictions.arrays import Labels, Scores
from pytest_mlspec.predictions.sources import class_codes
from pytest_mlspec.stats.bounds import BoolArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.predictions.predictions import Predictions

OUTPUTS = ("probabilities", "labels", "values", "decisions")
"""Everything that members can say about a dataset."""
DESCENDED, EQUAL = "descended", "equal"
"""Rows that trained the members, as their lineage showed it, and rows that equal training rows in content."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recalled:
    """The outputs of all members on all rows of one base dataset, read when a metric needs them.

    Args:
        name: the name of the model, with that of the baseline.
        baseline: the name of the baseline.
        saved: names of the arrays that were saved, of ``OUTPUTS`` and of the rows that trained the members.
        load: reads one of them, checked.
        without: output -> why the model could not give it then.
    """

    name: str
    baseline: str
    n_members: int
    seeds: tuple[int, ...]
    declared: int
    retrained: bool
    classes: Labels | None
    saved: tuple[str, ...]
    load: Callable[[str], Labels]
    without: Mapping[str, str] = field(default_factory=dict)
    held_out: Mapping[str, object] = field(default_factory=dict)
    models: tuple[object, ...] = ()
    kept: dict[str, object] = field(default_factory=dict)

    @property
    def has_probabilities(self) -> bool:
        """Whether probabilities were saved."""
        return "probabilities" in self.saved

    def probabilities(self) -> Scores | None:
        """(members, examples, classes)."""
        return self._read("probabilities")  # type: ignore[return-value]

    def labels(self) -> IntArray | None:
        """(members, examples) positions within ``classes``."""
        return self._read("labels")  # type: ignore[return-value]

    def values(self) -> Scores | None:
        """(members, examples)."""
        return self._read("values")  # type: ignore[return-value]

    def decisions(self) -> Scores | None:
        """(members, examples) for two classes, else (members, examples, classes)."""
        return self._read("decisions")  # type: ignore[return-value]

    def _read(self, what: str) -> Labels | None:
        return self.load(what) if what in self.saved else None

    def codes_of(self, y: Labels) -> IntArray:
        """(examples,) positions within ``classes``."""
        return class_codes(y, self.classes)

    def lacks(self, what: str) -> str:
        """What the model gave when it was saved."""
        given = ", ".join(output for output in OUTPUTS if output in self.saved) or "nothing"
        wanted = "probabilities" if what == "scores" else what
        why = f" ({self.without[wanted]})" if wanted in self.without else ""
        return f"{self.name!r} was saved with {given} only{why}"

    def training_rows(self, data: Dataset) -> int:
        """Rows of the slice that trained the members, as far as that was known when they were saved."""
        from pytest_mlspec.predictions.known_rows import count_known

        if data.role == "train" and not self.held_out:
            return len(data)
        descended = self._rows(DESCENDED)
        known = 0 if descended is None else int((descended if data.rows is None else descended[data.rows]).sum())
        if known:
            return known
        equal = self._rows(EQUAL)
        self.kept.setdefault("equal_rows", equal)
        return 0 if equal is None else count_known(equal, data.rows)

    def _rows(self, what: str) -> BoolArray | None:
        if what not in self.saved:
            return None
        if what not in self.kept:
            self.kept[what] = self.load(what)
        return self.kept[what]  # type: ignore[return-value]


def baseline_of(predictions: Predictions) -> str:
    """The name of the baseline that predictions were recalled from; empty where a model of this run made them."""
    source = predictions._source
    return source.baseline if isinstance(source, Recalled) else ""


def recalled(sides: Iterable[Predictions]) -> bool:
    """Whether a baseline said all of it, so that it tells nothing about a model of this run."""
    return all(baseline_of(side) for side in sides)


def known_training_rows(predictions: Predictions) -> dict[str, BoolArray]:
    """What is known of the rows of a base dataset that trained the members: ``descended``, ``equal`` or nothing.

    Returns:
        (examples,) for each; a baseline keeps them, so that it is guarded against its training rows as the model was.
    """
    from pytest_mlspec.predictions.known_rows import equal_rows
    from pytest_mlspec.predictions.members import ModelSource

    source, base = predictions._source, predictions.base.data
    if not isinstance(source, ModelSource):
        return {}
    found: dict[str, BoolArray] = {}
    if "equal_rows" not in source.kept:
        source.kept["equal_rows"] = equal_rows(source.ensemble, base)
    equal = source.kept["equal_rows"]
    if isinstance(equal, np.ndarray):
        found[EQUAL] = equal
    descended = _descended(source, base)
    if descended.any():
        found[DESCENDED] = descended
    return found


def _descended(source: object, base: Dataset) -> BoolArray:
    from pytest_mlspec.data.perturbing import shared_origin
    from pytest_mlspec.predictions.members import ModelSource

    assert isinstance(source, ModelSource)
    trained_on = source.ensemble.trained_on
    known = np.zeros(len(base), dtype=np.bool_)
    relatives = [train for train in trained_on if shared_origin(train, base)]
    for train in relatives:
        known |= np.isin(base.origin_rows, train.origin_rows)
    if base.role == "train" and not (source.ensemble.left_out and relatives):
        known[:] = True
    return known
