"""Rows of some values of a column left out of what a model is trained on, so that it meets them for the first time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import numpy as np

from pytest_mlspec.data.columns import unknown_column
from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import BoolArray
from pytest_mlspec.data.slices import condition_mask, occurring_values
from pytest_mlspec.data.splits import Splits, restored
from pytest_mlspec.data.targets import missing_rows

_TRAINED_ON = ("train", "validation")
_NAMED = 3
"""So many clusters are named in a message."""
_SETTINGS = 100
"""Lists of at most so many entries are settings, however short the data are."""


def held_out_words(held_out: Mapping[str, object]) -> str:
    """How messages call it: ``hospital=C held out``."""
    words = [f"{name}={'|'.join(map(str, _options(wanted)))}" for name, wanted in held_out.items()]
    return f"{', '.join(words)} held out"


def leave_out(
    arguments: Mapping[str, object], held_out: Mapping[str, object]
) -> tuple[dict[str, object], tuple[Dataset, ...]]:
    """Take the rows that satisfy every condition out of all data that a training function may learn from.

    These are the ``train`` and ``validation`` parts of ``Splits``, and every ``Dataset`` that is no test part. Test
    parts and shifted data stay whole, and so does everything that is neither.

    Args:
        arguments: what the training function takes, by name.
        held_out: column -> value, several values (any of them), or a function of the column that returns a mask.

    Returns:
        The arguments without these rows, and the rows: one dataset for each part that had any.

    Raises:
        ValueError: no training data among the arguments, or further data that are no ``Dataset``; a part without one
            of the columns or with missing entries in it, a value that no part has, no row that satisfies all of it,
            clusters with rows on both sides, or nothing left to train on.
    """
    parts = [part for value in arguments.values() for part in _training_parts(value)]
    if not parts:
        raise ValueError(
            f"hold_out={dict(held_out)!r} leaves rows out of the training data, and the training function takes none: "
            f"expected a Dataset or Splits with a train part; got {', '.join(arguments) or 'only the seed'}"
        )
    _require_filterable(arguments, parts)
    _require_columns(parts, held_out)
    _require_values(parts, held_out)
    chosen = {id(part): matching(part, held_out) for part in parts}
    if not any(mask.any() for mask in chosen.values()):
        raise ValueError(f"no training row satisfies all of hold_out={dict(held_out)!r} at once")
    _require_whole_clusters(parts, chosen, held_out)
    kept: dict[int, Dataset] = {}
    left_out: list[Dataset] = []
    for part in parts:
        mask = chosen[id(part)]
        if mask.all():
            raise ValueError(
                f"hold_out={dict(held_out)!r} leaves nothing of {part.title}: all {len(part)} rows satisfy it"
            )
        if mask.any():
            words = ", ".join(text for text in (part.description, held_out_words(held_out)) if text)
            kept[id(part)] = part._at(np.flatnonzero(~mask), description=words)
            left_out.append(part._at(np.flatnonzero(mask)))
    return {name: _without(value, kept) for name, value in arguments.items()}, tuple(left_out)


def _training_parts(value: object) -> Iterator[Dataset]:
    if isinstance(value, Splits):
        yield from (part for name, part in value.items() if name in _TRAINED_ON)
    elif isinstance(value, Dataset) and value.role != "test":
        yield value


def _without(value: object, kept: Mapping[int, Dataset]) -> object:
    if isinstance(value, Dataset):
        return kept.get(id(value), value)
    if not isinstance(value, Splits):
        return value
    parts = {name: kept.get(id(part), part) for name, part in value.items()}
    fields = ("duplicates", "max_duplicates", "message", "name")
    return restored({field: getattr(value, field) for field in fields} | {"_parts": parts})


def _options(wanted: object) -> list[object]:
    if isinstance(wanted, list | tuple | range | np.ndarray):
        return list(wanted)
    if isinstance(wanted, set | frozenset):
        return sorted(wanted, key=str)
    return [getattr(wanted, "__name__", "condition")] if callable(wanted) else [wanted]


def matching(part: Dataset, held_out: Mapping[str, object]) -> BoolArray:
    """(examples,) whether a row satisfies every condition."""
    mask = np.ones(len(part), dtype=np.bool_)
    for name, wanted in held_out.items():
        values = part.column(name)
        options = [wanted] if callable(wanted) else _options(wanted)
        mask &= np.logical_or.reduce([condition_mask(values, option, name, len(part))[0] for option in options])
    return mask


def _require_filterable(arguments: Mapping[str, object], parts: list[Dataset]) -> None:
    """Data beside the datasets would bring the rows back that are left out of these."""
    longest = max(_SETTINGS, min(map(len, parts)) - 1)
    for name, value in arguments.items():
        found = None if isinstance(value, Dataset | Splits) else _data_within(value, longest)
        if found:
            raise ValueError(
                f"hold_out cannot leave rows out of {name!r} ({found}): give it as a Dataset. A setting that is no "
                "data may be a short list, or a constant of the module that the training function reads"
            )


def _data_within(value: object, longest: int) -> str | None:
    """What rows of data there are in an argument, in words: an array or frame of several rows, or a long list."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and isinstance(shape[0], int) and shape[0] > 1:
        return f"{type(value).__name__} of {shape[0]:,} rows"
    if _is_read_later(value):
        return type(value).__name__
    if isinstance(value, Dataset | Splits):
        return f"{type(value).__name__} within a container" if any(_training_parts(value)) else None
    if isinstance(value, list | tuple) and len(value) > longest:
        return f"{type(value).__name__} of {len(value):,} entries"
    if isinstance(value, Mapping | list | tuple):
        entries = value.values() if isinstance(value, Mapping) else value
        return next((found for entry in entries if (found := _data_within(entry, longest))), None)
    return None


def _is_read_later(value: object) -> bool:
    """Data without a shape: a lazy frame of polars, what torch loads batches from."""
    loading = sys.modules.get("torch.utils.data")
    from_torch = loading is not None and isinstance(value, loading.Dataset | loading.DataLoader)
    return from_torch or type(value).__name__ == "LazyFrame"


def _require_whole_clusters(
    parts: list[Dataset], chosen: Mapping[int, BoolArray], held_out: Mapping[str, object]
) -> None:
    """A cluster with rows on both sides is not new to the model: it meets the same patient again."""
    of_name: dict[object, list[Dataset]] = {}
    for part in parts:
        if part.cluster_name is not None:
            # Codes tell clusters within one lineage only, the values of a column everywhere.
            key = part.cluster_name if _are_named(part) else (part.origin, part.cluster_name)
            of_name.setdefault(key, []).append(part)
    for sharing in of_name.values():
        gone = set().union(*(_clusters(part, chosen[id(part)]) for part in sharing))
        stay = set().union(*(_clusters(part, ~chosen[id(part)]) for part in sharing))
        if gone & stay:
            raise ValueError(_torn_words(sharing[0], sorted(gone & stay, key=str), held_out))


def _are_named(part: Dataset) -> bool:
    return part.cluster_name in part._with_label()


def _clusters(part: Dataset, mask: BoolArray) -> set[object]:
    assert part.cluster_name is not None and part.cluster_codes is not None
    values = part.column(part.cluster_name) if _are_named(part) else part.cluster_codes
    return set(values[mask].tolist())


def _torn_words(part: Dataset, torn: list[object], held_out: Mapping[str, object]) -> str:
    words = [repr(value) if _are_named(part) else f"no. {value} in sorted order" for value in torn[:_NAMED]]
    more = f" and {len(torn) - _NAMED:,} more" if len(torn) > _NAMED else ""
    return (
        f"hold_out={dict(held_out)!r} leaves other rows of the same clusters ({part.cluster_name}) in training, so the "
        f"model meets them all the same: {', '.join(words)}{more}. Hold out whole clusters ({part.cluster_name}), or "
        "drop their other rows from the data"
    )


def _require_columns(parts: list[Dataset], held_out: Mapping[str, object]) -> None:
    """Every part that is trained on must tell which of its rows are meant."""
    for part in parts:
        for name in held_out:
            if name not in part._with_label():
                raise unknown_column(name, part._with_label(), part.title)
            missing = missing_rows(part.column(name))
            if missing.size:
                raise ValueError(
                    f"{missing.size} rows of {part.title} have no {name} (the first is row {missing[0]}): nobody knows "
                    f"whether hold_out={dict(held_out)!r} means them. Fill it in, or drop these rows"
                )


def _require_values(parts: list[Dataset], held_out: Mapping[str, object]) -> None:
    for name, wanted in held_out.items():
        for option in [] if callable(wanted) else _options(wanted):
            if not any(condition_mask(part.column(name), option, name, len(part))[0].any() for part in parts):
                there = f"in {parts[0].title} {occurring_values(name, parts[0].column(name), option)}"
                raise ValueError(f"hold_out={dict(held_out)!r}: no training row has {name}={option!r}; {there}")
