"""The outputs of an ensemble's members on one base dataset, asked for when first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pytest_mlspec.predictions.arrays import (
    Labels,
    Scores,
    check_labels,
    check_numbers,
    check_probabilities,
    stack_members,
)
from pytest_mlspec.predictions.class_order import merged_classes, unclear_column
from pytest_mlspec.predictions.kept_outputs import Said, recalled
from pytest_mlspec.predictions.sources import class_codes
from pytest_mlspec.predictions.untouched import untouched
from pytest_mlspec.stats.bounds import IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.training.ensemble import Ensemble

_T = TypeVar("_T")


class ModelSource:
    """Asks every member, checks what comes and keeps it in ``kept``."""

    def __init__(self, ensemble: Ensemble, data: Dataset, kept: dict[str, object]) -> None:
        self.ensemble = ensemble
        self.data = data
        self.kept = kept
        self.classes = merged_classes(ensemble, data)

    @property
    def name(self) -> str:
        """The name of the ensemble."""
        return self.ensemble.name

    @property
    def models(self) -> tuple[object, ...]:
        """The trained members."""
        return self.ensemble.members

    @property
    def held_out(self) -> Mapping[str, object]:
        """Column -> value of the rows that training left out."""
        return self.ensemble.held_out

    @property
    def n_members(self) -> int:
        """Number of members."""
        return len(self.ensemble.members)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each member."""
        return self.ensemble.seeds

    @property
    def declared(self) -> int:
        """How many members were declared."""
        return self.ensemble.declared

    @property
    def retrained(self) -> bool:
        """Whether the members are retrainings."""
        return self.ensemble.retrained

    @property
    def has_probabilities(self) -> bool:
        """Whether every member gives probabilities, without asking for them."""
        if self.classes is None:
            return False
        if self.ensemble.output is not None:
            return self.ensemble.output in ("probabilities", "logits")
        return all(hasattr(member, "predict_proba") for member in self.ensemble.members)

    def probabilities(self) -> Scores | None:
        """(members, examples, classes), columns in the order of ``classes``."""
        if not self.has_probabilities:
            return None
        if "probabilities" not in self.kept:
            said = recalled(self.ensemble, self.data, "probabilities", self._ask_for_probabilities)
            for name, array in (said or {}).items():
                self.kept.setdefault(name, array)
        return self.kept["probabilities"]  # type: ignore[return-value]

    def _ask_for_probabilities(self) -> Said:
        from pytest_mlspec.training import models

        tables, tops = [], []
        labels_follow = self._labels_follow()  # looks at every member
        for index, member in enumerate(self.ensemble.members):
            own = self._classes_of(member)
            table = self._ask(
                index, partial(models.predict_probabilities, unclear=unclear_column(self.ensemble, member, self.data))
            )
            checked = check_probabilities(table, len(self.data), len(own), who=self._who(index), classes=own)[0]
            places = self._places(own)
            if labels_follow:  # ties are broken in the order of the model's own columns
                tops.append(places[np.argmax(checked, axis=1)])
            tables.append(self._in_order(checked, places))
        self._refuse_identical(tables)
        labels = {"labels": stack_members(tops)} if tops else {}
        return {"probabilities": stack_members(tables), **labels}

    def _in_order(self, table: Scores, places: IntArray) -> Scores:
        """Columns in the order of ``classes``; 0 for a class that the member never saw."""
        assert self.classes is not None
        if np.array_equal(places, np.arange(len(self.classes))):
            return table
        ordered = np.zeros((len(table), len(self.classes)), dtype=table.dtype)
        ordered[:, places] = table
        return ordered

    def labels(self) -> IntArray | None:
        """(members, examples): the members' own ``predict`` where they have one, else the most probable class."""
        if "labels" in self.kept or self.classes is None:
            return self.kept.get("labels")  # type: ignore[return-value]
        if self._labels_follow():
            self.probabilities()
        else:
            said = recalled(self.ensemble, self.data, "labels", self._ask_for_labels)
            self.kept["labels"] = None if said is None else said["labels"]
        return self.kept["labels"]  # type: ignore[return-value]

    def _ask_for_labels(self) -> Said | None:
        from pytest_mlspec.training import models

        assert self.classes is not None
        found = []
        for index in range(self.n_members):
            own = self._ask(index, models.predict_labels)
            if own is None:
                return None
            found.append(check_labels(own, len(self.data), self.classes, what=f"{self._who(index)}: labels")[0])
        return {"labels": stack_members(found)}

    def _labels_follow(self) -> bool:
        """Whether labels are the most probable classes by definition: then one question does for both."""
        from pytest_mlspec.training import models

        if not self.has_probabilities:
            return False
        if self.ensemble.output in ("probabilities", "logits"):
            return True
        return all(not hasattr(m, "predict") or models.labels_follow_probabilities(m) for m in self.ensemble.members)

    def values(self) -> Scores | None:
        """(members, examples) predicted numbers."""
        if self.classes is not None:
            return None
        said = recalled(self.ensemble, self.data, "values", self._ask_for_values)
        return None if said is None else said["values"]  # type: ignore[return-value]

    def _ask_for_values(self) -> Said:
        from pytest_mlspec.training import models

        found = [
            check_numbers(self._ask(index, models.predict_values), len(self.data), what=f"{self._who(index)}: values")[
                0
            ]
            for index in range(self.n_members)
        ]
        self._refuse_identical(found)
        return {"values": stack_members(found)}

    def decisions(self) -> Scores | None:
        """(members, examples) for two classes, larger for the second; else (members, examples, classes)."""
        if self.classes is None or self.has_probabilities:
            return None
        said = recalled(self.ensemble, self.data, "decisions", self._ask_for_decisions)
        return None if said is None else said["decisions"]  # type: ignore[return-value]

    def _ask_for_decisions(self) -> Said | None:
        from pytest_mlspec.training import models

        found = []
        for index, member in enumerate(self.ensemble.members):
            own = self._ask(index, models.predict_scores)
            if own is None:
                return None
            places = self._places(self._classes_of(member))
            found.append(self._decisions_in_order(np.asarray(own, dtype=np.float64), places, self._who(index)))
        return {"decisions": stack_members(found)}

    def _decisions_in_order(self, own: Scores, places: IntArray, who: str) -> Scores:
        assert self.classes is not None
        if own.ndim == 2 and own.shape[1] == 1:
            own = own[:, 0]
        if own.ndim == 1 and len(places) == 2 and len(self.classes) == 2:
            return own if places[1] == 1 else -own
        if own.ndim == 2 and own.shape[1] == len(places) == len(self.classes):
            return own[:, np.argsort(places)]
        raise ValueError(f"{who}: decision function of shape {own.shape} does not fit the {len(self.classes)} classes")

    def codes_of(self, y: Labels) -> IntArray:
        """(examples,) positions within ``classes``."""
        return class_codes(y, self.classes)

    def lacks(self, what: str) -> str:
        """Which method or declaration is missing."""
        member = type(self.ensemble.members[0]).__name__
        if self.data.y is None:
            return f"{self.data.title} has no y to compare with: give Dataset(X, y)"
        if self.classes is None and what != "values":
            return f"{self.name!r} ({member}) predicts numbers, not labels"
        if what == "values":
            return f"{self.name!r} ({member}) predicts labels, not numbers{self._or_numbers()}"
        if self.ensemble.output is not None:
            return f"{self.name!r} declares output={self.ensemble.output!r}, which holds no {what}"
        method = {
            "probabilities": "predict_proba",
            "labels": "predict",
            "scores": "predict_proba or decision_function",
        }[what]
        return f"{self.name!r} ({member}) has no {method}"

    def _or_numbers(self) -> str:
        """What to declare where only the labels of ``y`` speak for a classifier."""
        from pytest_mlspec.training import models

        if models.family(self.ensemble.members[0], self.ensemble.output) != "unknown":
            return ""
        return ", because y holds labels; if it predicts numbers, say so: Ensemble.of(model, output='values')"

    def training_rows(self, data: Dataset) -> int:
        """Rows of the slice that are training rows, by the role of the split, by their lineage or by their content."""
        from pytest_mlspec.predictions.known_rows import training_rows

        return training_rows(self.ensemble, self.data, data, self.kept)

    # ---- one member ------------------------------------------------------------------------------------------

    def _who(self, index: int) -> str:
        if not self.ensemble.retrained:
            return repr(self.name)
        return f"{self.name!r}, member {index + 1} of {self.n_members} (seed {self.ensemble.seeds[index]})"

    def _ask(self, index: int, question: Callable[..., _T]) -> _T:
        """Ask one member; a failure names it, and says where features are not finite if that may be why."""
        try:
            with untouched(self.data, self._who(index)):
                return question(self.ensemble.members[index], self.data.X, output=self.ensemble.output)
        except Exception as error:
            if isinstance(error, ValueError):
                _blame_features(self.data, self._who(index), error)
            error.add_note(f"while {self._who(index)} predicted {self.data!r}")
            raise

    def _classes_of(self, member: object) -> Labels:
        from pytest_mlspec.training import models

        own = models.model_classes(member)
        if own is None and self.ensemble.classes is not None:
            own = np.asarray(self.ensemble.classes)
        if own is not None:
            return own
        return _declared(self.data, self.classes)

    def _places(self, own: Labels) -> IntArray:
        assert self.classes is not None
        known = {name: place for place, name in enumerate(self.classes.tolist())}
        return np.array([known[name] for name in own.tolist()], dtype=np.int64)

    def _refuse_identical(self, outputs: list[Scores]) -> None:
        """Callables and torch modules hide what they learned; equal outputs on every row give them away."""
        if not self.retrained or len(outputs) < 2 or self.ensemble.output is None:
            return
        if (
            all(np.array_equal(outputs[0], other) for other in outputs[1:])
            and not np.isin(outputs[0], (0.0, 1.0)).all()
        ):
            from pytest_mlspec.training.identity import IdenticalMembersError

            raise IdenticalMembersError(
                f"all {len(outputs)} members of {self.name!r} say exactly the same about every row of {self.data!r}: "
                f"they are one model, not {len(outputs)} retrainings. Declare seeds=1, or let each seed see other "
                "rows: fit on `street.train.resample(seed)` (with your dataset for `street`)"
            )


def _declared(data: Dataset, classes: Labels | None) -> Labels:
    if data.classes is not None:
        return data.classes
    assert classes is not None
    return classes


def _blame_features(data: Dataset, who: str, error: ValueError) -> None:
    from pytest_mlspec.data import require_finite

    try:
        require_finite(data, who)
    except ValueError as better:
        raise better from error
