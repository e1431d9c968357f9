"""Train, validation, test and shifted data by name, checked to be apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import final

import numpy as np

from pytest_mlspec.data.dataset import Dataset, Role
from pytest_mlspec.data.duplicates import row_hashes

_ROLES: tuple[Role, ...] = ("train", "validation", "test")


@final
class Splits:
    """Named data sets that a model may be trained on and judged on, with proof that they do not overlap.

    Args:
        train, validation, test: the parts; each gets its role and the name ``<name>.<part>``.
        max_duplicates: largest share of an evaluated part's rows that may equal a training row (or, for ``test``, a
            validation row) in features and target.
        name: how messages call the whole.
        **shifted: further data to judge on, such as ``ood=`` or ``night=``.

    Attributes:
        duplicates: number of equal rows per pair of parts, such as ``{("train", "test"): 3}``; pairs without any
            are absent.
        message: the same in words, empty when there are none.

    Raises:
        ValueError: training data used again, shared rows or ids, too many equal rows, no part at all, a bad name.

    Example:
        >>> splits = Dataset([[float(i)] for i in range(10)], [0, 1] * 5, name="toy").split(test=0.5, stratify=True)
        >>> splits.test
        Dataset('toy.test', 5 rows, 2 classes)
    """

    __slots__ = ("__weakref__", "_parts", "duplicates", "max_duplicates", "message", "name")

    duplicates: Mapping[tuple[str, str], int]
    max_duplicates: float
    message: str
    name: str
    _parts: dict[str, Dataset]

    def __init__(
        self,
        *,
        train: Dataset | None = None,
        validation: Dataset | None = None,
        test: Dataset | None = None,
        max_duplicates: float = 0.01,
        name: str | None = None,
        **shifted: Dataset,
    ) -> None:
        given = {"train": train, "validation": validation, "test": test} | shifted
        parts = {part: data for part, data in given.items() if data is not None}
        _check_parts(parts, max_duplicates)
        compared = [pair for pair in combinations(parts, 2) if pair[0] == "train" or pair == ("validation", "test")]
        for first, second in compared:
            _check_apart(first, parts[first], second, parts[second])
        _check_unequal(parts)
        duplicates = _count_duplicates(parts, compared)
        message = _describe(duplicates, parts)
        _check_duplicates(duplicates, parts, max_duplicates)
        self._set(
            _parts={part: _as_part(data, part, name or "") for part, data in parts.items()},
            duplicates=duplicates,
            max_duplicates=max_duplicates,
            message=message,
            name=name or "",
        )

    def _set(self, **values: object) -> None:
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Splits do not change; make new ones: Splits(..., {name}=...)")

    def __reduce__(self) -> tuple[object, tuple[dict[str, object]]]:
        return restored, ({field: getattr(self, field) for field in self.__slots__ if field != "__weakref__"},)

    def named(self, name: str) -> Splits:
        """The same parts under another name: ``<name>.train``, ``<name>.test``, ..."""
        values: dict[str, object] = {field: getattr(self, field) for field in self.__slots__ if field != "__weakref__"}
        parts = {part: _as_part(data, part, name) for part, data in self._parts.items()}
        return restored(values | {"name": name, "_parts": parts})

    @property
    def train(self) -> Dataset:
        """The part that models are fitted on."""
        return self._part("train")

    @property
    def validation(self) -> Dataset:
        """The part that models are tuned on."""
        return self._part("validation")

    @property
    def test(self) -> Dataset:
        """The part that models are judged on."""
        return self._part("test")

    def __getattr__(self, name: str) -> Dataset:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._part(name)

    def _part(self, part: str) -> Dataset:
        if part not in self._parts:
            raise AttributeError(f"{self.name or 'Splits'} has no part {part!r}; it has {', '.join(self._parts)}")
        return self._parts[part]

    def __getitem__(self, part: str) -> Dataset:
        try:
            return self._part(part)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, part: object) -> bool:
        return part in self._parts

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parts]

    def items(self) -> Iterator[tuple[str, Dataset]]:
        """Pairs of a part's name and its data."""
        return iter(self._parts.items())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}: {len(data)} rows" for part, data in self._parts.items())
        return f"Splits({f'{self.name!r}, ' if self.name else ''}{sizes})"


def restored(values: Mapping[str, object]) -> Splits:
    splits = object.__new__(Splits)
    splits._set(**values)
    return splits


def _as_part(data: Dataset, part: str, name: str) -> Dataset:
    role: Role = _ROLES[_ROLES.index(part)] if part in _ROLES else data.role
    return data._with(name=f"{name}.{part}" if name else part, role=role, _is_slice=False)


def _check_parts(parts: Mapping[str, Dataset], max_duplicates: float) -> None:
    if not parts:
        raise ValueError("expected at least one part, such as Splits(train=..., test=...); got none")
    if not 0.0 <= max_duplicates <= 1.0:
        raise ValueError(f"expected max_duplicates as a share in [0, 1]; got max_duplicates={max_duplicates!r}")
    for part, data in parts.items():
        if part.startswith("_") or (part not in _ROLES and (part in dir(Splits) or part in Splits.__slots__)):
            raise ValueError(f"expected another name for a part: {part!r} already means something on Splits")
        if not isinstance(data, Dataset):
            raise TypeError(f"expected {part} as a Dataset; got {type(data).__name__}: wrap it, {part}=Dataset(X, y)")


def overlap(train: Dataset, other: Dataset) -> int:
    """Number of rows of ``other`` that descend from a row of ``train``, by lineage (slices, samples, perturbations)."""
    if train._root is not other._root and train.origin != other.origin:
        return 0
    return int(np.isin(other.origin_rows, train.origin_rows).sum())


def _check_apart(first: str, one: Dataset, second: str, other: Dataset) -> None:
    shared = overlap(one, other)
    if shared:
        raise ValueError(
            f"expected {first} and {second} without a common row; {shared} of the {len(other)} rows of {second} "
            f"are rows of {first} (of {len(one)}). Make them with Dataset(...).split(test=0.3)"
        )
    if one.ids is None or other.ids is None:
        return
    known = set(one.ids.tolist())
    again = [row_id for row_id in other.ids.tolist() if row_id in known]
    if again:
        listed = ", ".join(map(repr, again[:3])) + (", ..." if len(again) > 3 else "")
        raise ValueError(f"expected {first} and {second} without a common id; {len(again)} ids are in both: {listed}")


def _check_unequal(parts: Mapping[str, Dataset]) -> None:
    """A shifted part that equals an evaluated one in content would be judged as if something had changed."""
    shifted = [part for part in parts if part not in _ROLES]
    for part, clean in ((part, clean) for part in shifted for clean in ("validation", "test") if clean in parts):
        one, other = parts[clean], parts[part]
        if len(one) == len(other) and _equal_content(one, other):
            raise ValueError(f"expected {part} to differ from {clean}: their {len(one):,} rows are equal in content")


def _equal_content(one: Dataset, other: Dataset) -> bool:
    labelled = one.y is not None and other.y is not None
    first, second = (np.sort(row_hashes(data.X, data.y if labelled else None)) for data in (one, other))
    return np.array_equal(first, second)


def _count_duplicates(parts: Mapping[str, Dataset], pairs: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    needed = dict.fromkeys(part for pair in pairs for part in pair)
    labelled = all(parts[part].y is not None for part in needed)
    hashes = {part: row_hashes(parts[part].X, parts[part].y if labelled else None) for part in needed}
    counts = {(one, other): int(np.isin(hashes[other], hashes[one]).sum()) for one, other in pairs}
    return {pair: count for pair, count in counts.items() if count}


def _describe(duplicates: Mapping[tuple[str, str], int], parts: Mapping[str, Dataset]) -> str:
    return "; ".join(
        f"{count} of {len(parts[other])} rows of {other} equal a row of {one} in content"
        for (one, other), count in duplicates.items()
    )


def _check_duplicates(counts: Mapping[tuple[str, str], int], parts: Mapping[str, Dataset], limit: float) -> None:
    above = {pair: count for pair, count in counts.items() if count > limit * len(parts[pair[1]])}
    if above:
        raise ValueError(
            f"expected at most max_duplicates={limit:g} of the evaluated rows to be known from another part; "
            f"{_describe(above, parts)}. "
            "Drop repeated rows before splitting, declare them (clusters=), or raise max_duplicates"
        )
