"""A data set that knows its slices, its groups and the rows it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np

from pytest_mlspec.data.columns import Columns, unknown_column
from pytest_mlspec.data.fingerprint import fingerprint_of
from pytest_mlspec.data.forms import Features, IntArray, Vector, count_rows, take_rows
from pytest_mlspec.data.groups import Codes, Groups, code_values, groups_of
from pytest_mlspec.data.making import new_values, packed_values, part_values
from pytest_mlspec.data.marks import changed_in_place, mark_of, require_unchanged
from pytest_mlspec.data.perturbing import perturbed
from pytest_mlspec.data.printing import described
from pytest_mlspec.data.reading import note_read
from pytest_mlspec.data.resampling import bootstrap_rows
from pytest_mlspec.data.slices import checked_rows, choose_rows
from pytest_mlspec.data.targets import Label

if TYPE_CHECKING:
    from pytest_mlspec.data.printing import Printer
    from pytest_mlspec.data.splits import Splits

Role: TypeAlias = Literal["train", "validation", "test", ""]


@final
@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True, init=False, repr=False)
class Dataset:
    """Features and targets with the columns to slice by; it never changes, and equality is identity.

    Args:
        X: features, shape (examples, ...): NumPy, pandas, polars, torch, SciPy sparse or a list; ``X`` keeps its form.
            The columns of a frame are slice columns at once.
        y: target, shape (examples,). Integers, booleans and text are class labels; floats are numbers to predict
            (unless they are exactly 0.0 and 1.0, or ``classes=`` is given).
        columns: further slice columns, name -> shape (examples,); they replace a frame's column of that name.
        positive: the positive class of binary metrics; by default True or 1 where the labels are booleans or {0, 1}.
        classes: all classes in the order of a model's outputs; by default the sorted labels of ``y``.
        clusters: column name, or shape (examples,): rows of one cluster (a patient, a video) are dependent.
        ids: unique row ids, shape (examples,), by which a row is known again in another data set.
        name: how messages call the data.
        budget: how many models may be judged on it, where a ledger counts them: each requirement's error level is
            split over so many; by default ``mlspec_budget``. Slices, parts of a split and changed copies keep it.

    Raises:
        TypeError, ValueError: no rows, lengths that differ, a missing or infinite entry of ``y``, several targets per
            example, an unknown column, a positive class that is not among the classes, ids that repeat,
            a budget that is no whole number of 1 or more.

    Example:
        >>> light = ["day", "night", "night"]
        >>> street = Dataset([[0.1], [0.7], [0.9]], ["car", "person", "car"], columns={"light": light})
        >>> street.where(light="night")
        Dataset(light=night, 2 rows, 2 classes, columns: light)
    """

    y: Vector | None
    columns: Columns
    positive: Label | None
    classes: Vector | None
    cluster_name: str | None
    cluster_codes: IntArray | None
    ids: Vector | None
    name: str
    budget: int | None
    role: Role
    description: str
    perturbations: tuple[str, ...]
    _unperturbed: Dataset | None
    _parent: Dataset | None
    _parent_rows: IntArray | None
    _is_slice: bool
    _origin: Dataset | str | None
    _origin_rows: IntArray | None
    _cache: dict[object, Any]

    def __init__(
        self,
        X: object,
        y: object = None,
        *,
        columns: object = None,
        positive: object = None,
        classes: Collection[object] | None = None,
        clusters: object = None,
        ids: object = None,
        name: str | None = None,
        budget: int | None = None,
    ) -> None:
        values = new_values(
            X,
            y,
            columns=columns,
            positive=positive,
            classes=classes,
            clusters=clusters,
            ids=ids,
            name=name,
            budget=budget,
        )
        self._set(**values)

    def _set(self, **values: object) -> None:
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def _with(self, **changes: object) -> Dataset:
        """A copy in which only ``changes`` differ; what is cached stays right, because content does not change."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _restored(values | {"_cache": dict(self._cache)} | changes)

    def _at(self, rows: IntArray, **changes: object) -> Dataset:
        """The given rows, features not yet copied; a part with a base of its own unless ``_is_slice`` is set."""
        return self._with(**part_values(self, rows) | changes)

    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[dict[str, object]]]:
        return _restored, (packed_values(self),)

    def __len__(self) -> int:
        return count_rows(self._cache["X"]) if self._parent_rows is None else len(self._parent_rows)

    def __repr__(self) -> str:
        return described(self)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        # IPython and Hypothesis would print a dataclass field by field.
        printer.text(repr(self))

    @property
    def X(self) -> Features:  # the field's name for the design matrix
        """Features in the form in which they came, shape (examples, ...); a slice copies its rows on first use."""
        note_read(self)
        return self._features()

    def _features(self) -> Features:
        if "X" not in self._cache:
            assert self._parent is not None and self._parent_rows is not None
            self._parent.require_unchanged()
            self._cache["X"] = take_rows(self._parent._features(), self._parent_rows)
            self._cache["X mark"] = mark_of(self._cache["X"])
        return self._cache["X"]

    @property
    def title(self) -> str:
        """Name and slice for messages, such as ``street.test, light=night``."""
        return ", ".join(part for part in (self.name, self.description) if part) or "the data"

    @property
    def base(self) -> Dataset:
        """The data of which this is a slice, or itself: predictions are made once for the base."""
        return self._parent if self._is_slice and self._parent is not None else self

    @property
    def rows(self) -> IntArray | None:
        """Row numbers in ``base``, shape (examples,); None for all of them."""
        return self._parent_rows if self._is_slice else None

    @property
    def _root(self) -> Dataset | str:
        return self if self._origin is None else self._origin

    @property
    def origin(self) -> str:
        """Fingerprint of the data set in which the lineage of rows begins: the same in every process."""
        root = self._root
        return root if isinstance(root, str) else root.fingerprint

    @property
    def origin_rows(self) -> IntArray:
        """Row numbers in the origin, shape (examples,)."""
        if self._origin_rows is not None:
            return self._origin_rows
        if "origin_rows" not in self._cache:
            self._cache["origin_rows"] = np.arange(len(self), dtype=np.int64)
        rows: IntArray = self._cache["origin_rows"]
        return rows

    @property
    def fingerprint(self) -> str:
        """Hash of the content (features, target, columns, ids, positive class, classes, clusters), 32 hex digits.

        Equal content has an equal fingerprint in every process; names and roles do not count.
        """
        if "fingerprint" not in self._cache:
            self._cache["fingerprint"] = fingerprint_of(self)
        return str(self._cache["fingerprint"])

    def changed_in_place(self) -> bool:
        """Whether somebody wrote into X or y since they were loaded, as far as a look at some rows shows."""
        return changed_in_place(self)

    def require_unchanged(self) -> None:
        """Raise where X or y was changed in place: what a model says about them is not about these data.

        Raises:
            ValueError: X or y is not what it was when the data were made.
        """
        require_unchanged(self)

    def named(self, name: str) -> Dataset:
        """The same data under another name."""
        return self._with(name=name)

    def where(self, predicate: object = None, /, *, name: str | None = None, **conditions: object) -> Dataset:
        """The slice of the rows that satisfy every condition; slices of slices add up.

        Args:
            predicate: mask or row numbers, or a function from the mapping of columns to either.
            name: how messages call the slice, instead of such words as ``light=night``.
            **conditions: column=value, column=[values] (any of them), or column=function from its values to a mask.
                ``label`` is the target, unless a column has that name.

        Raises:
            ValueError: an unknown column, or no row left (says which values the column has).

        Example:
            >>> cars = Dataset([[1], [2], [3]], columns={"speed": [30, 50, 80]})
            >>> len(cars.where(speed=lambda speed: speed > 40))
            2
        """
        rows, words = choose_rows(self._with_label(), len(self), predicate, conditions, self.title)
        return self._slice(rows, name or words)

    def take(self, rows: object) -> Dataset:
        """The slice of the given row numbers, in that order; copies of a row that repeats count as one cluster."""
        chosen = checked_rows(rows, len(self))
        taken = self._slice(chosen, f"{len(chosen)} rows taken")
        if self.cluster_codes is not None or len(np.unique(chosen)) == len(chosen):
            return taken
        return taken._with(cluster_codes=taken.origin_rows, cluster_name="repeated row")

    def _slice(self, rows: IntArray, words: str) -> Dataset:
        description = ", ".join(part for part in (self.description, words) if part)
        return self._at(rows, _is_slice=True, description=description)

    def _with_label(self) -> Columns:
        return self.columns if self.y is None or "label" in self.columns else self.columns.including("label", self.y)

    def split_by(self, column: str) -> dict[object, Dataset]:
        """One slice for every value of ``column`` (or of ``label``), in sorted order."""
        codes, values = code_values(self.column(column), f"column {column!r}")
        return {
            value: self._slice(np.flatnonzero(codes == code), f"{column}={value}") for code, value in enumerate(values)
        }

    def column(self, name: str) -> Vector:
        """The values of a column, shape (examples,); ``label`` is the target, unless a column has that name.

        Raises:
            ValueError: an unknown column (names the nearest).
        """
        known = self._with_label()
        if name not in known:
            raise unknown_column(name, known, self.title)
        return known[name]

    def groups(self, by: str | Sequence[str]) -> Groups:
        """The group of every example by one column (or ``label``), or by the intersections of several; kept once made.

        Raises:
            ValueError: an unknown or repeated column, a missing entry, or ``label`` where y holds numbers to predict.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        if ("groups", names) not in self._cache:
            self._cache[("groups", names)] = groups_of(self, names)
        found: Groups = self._cache[("groups", names)]
        return found

    def codes(self, by: str | Sequence[str]) -> tuple[Codes, tuple[str, ...]]:
        """Group codes of shape (examples,), uint8 up to 255 groups, and the groups' labels; see :meth:`groups`."""
        found = self.groups(by)
        return found.codes, found.labels

    def perturb(self, function: Callable[[Any], object], name: str | None = None) -> Dataset:
        """The same rows with changed features: target, columns, ids and lineage stay.

        Args:
            function: from ``X`` to a copy of ``X`` to features of as many rows, in the form that the model takes.
            name: what messages add to the name; by default the function's name.

        Raises:
            ValueError: the number of rows changed.
        """
        if not callable(function):
            raise TypeError(f"expected a function from features to features; got function={function!r}")
        words = name or str(getattr(function, "__name__", type(function).__name__))
        return perturbed(self, function, words.replace("<lambda>", "perturbed"))

    @property
    def unperturbed(self) -> Dataset | None:
        """The same rows before the last perturbation; None where there was none, or in another process."""
        before = self.base._unperturbed
        return before if before is None or self.rows is None else before.take(self.rows)

    def shuffle(self, seed: int) -> Dataset:
        """The same rows in another order, drawn from ``seed``: training data whose order varies by itself."""
        return self._at(np.random.default_rng(seed).permutation(len(self)))

    def resample(self, seed: int) -> Dataset:
        """A bootstrap sample to train on: as many rows (or clusters, where declared), drawn with replacement.

        Copies of one row, or of one cluster, count as one cluster of the sample.
        """
        rows = bootstrap_rows(len(self), self.cluster_codes, seed)
        if self.cluster_codes is not None:
            return self._at(rows)
        return self._at(rows, cluster_codes=self.origin_rows[rows], cluster_name="resampled row")

    def split(
        self,
        *,
        test: float = 0.3,
        validation: float = 0.0,
        stratify: bool = False,
        by: str | None = None,
        seed: int = 0,
        max_duplicates: float = 0.01,
    ) -> Splits:
        """Train, validation and test data that share no row and no cluster; see :func:`splitting.split`."""
        from pytest_mlspec.data import splitting

        return splitting.split(
            self, test=test, validation=validation, stratify=stratify, by=by, seed=seed, max_duplicates=max_duplicates
        )


def _restored(values: Mapping[str, object]) -> Dataset:
    dataset = object.__new__(Dataset)
    dataset._set(**values)
    return dataset
