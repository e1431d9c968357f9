"""Saves predictions as a baseline: everything that the models of a run can say about the data that they were asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np

from pytest_mlspec.predictions import Predictions
from pytest_mlspec.predictions.arrays import Labels
from pytest_mlspec.predictions.recalled import OUTPUTS, baseline_of, known_training_rows
from pytest_mlspec.records.baseline_file import INDEX, Document, complete, digest_of, read_index, write_array

__all__ = ["Part", "assemble", "discard"]

_MARK = "saved as a baseline by "


class Part:
    """The predictions that one process saves, written as they come; a baseline is assembled of all parts at the end.

    Args:
        folder: the folder of the baseline; nothing is written before the first predictions come.
        name: what tells this process from others that save at the same time.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / f".part-{name}"
        self.entries: list[Document] = []
        self._mark = f"{_MARK}{uuid4().hex}"
        self._seen: set[str] = set()

    def add(self, predictions: Predictions) -> None:
        """Write all outputs of these predictions, asked for now where no metric has needed them; once for each."""
        whole = predictions.base
        kept = whole._source.kept
        if self._mark in kept or baseline_of(whole):
            return
        arrays, without = _outputs(whole)
        classes = None if whole.classes is None else whole.classes.tolist()
        about: Document = {
            "model": whole.name,
            "title": whole.title,
            "dataset": whole.dataset_name,
            "data": whole.fingerprints()["data"],
            "n_examples": len(whole),
            "n_members": int(whole.n_members),
            "seeds": [int(seed) for seed in whole.seeds],
            "declared": int(whole.declared),
            "retrained": bool(whole.retrained),
            "classes": classes if _is_plain(classes) else None,
            "held_out": {column: _plain(value) for column, value in whole.held_out.items()},
            "without": without,
        }
        if classes is not None and not _is_plain(classes):
            arrays["classes"] = np.asarray(whole.classes).astype(str)
        self._write(about, arrays)
        kept[self._mark] = True

    def _write(self, about: Document, arrays: Mapping[str, Labels]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(self.entries)
        told = {what: write_array(self.folder / f"{number}-{what}.npy", array) for what, array in arrays.items()}
        entry: Document = {**about, "arrays": told}
        if (known := _identity(entry)) in self._seen:
            for what in told:
                (self.folder / f"{number}-{what}.npy").unlink()
            return
        self._seen.add(known)
        self.entries.append(entry)


def _outputs(whole: Predictions) -> tuple[dict[str, Labels], dict[str, str]]:
    """What the members can say, and for what they cannot, why."""
    arrays: dict[str, Labels] = dict(known_training_rows(whole).items())
    without: dict[str, str] = {}
    for what in OUTPUTS:
        try:
            found = whole._part(what, getattr(whole._source, what))
        except Exception as error:  # a model may raise anything for an output that nobody has asked it for
            without[what] = f"{type(error).__name__}: {error}"
            continue
        if found is not None:
            arrays[what] = np.asarray(found)
    if not any(what in arrays for what in OUTPUTS):
        raise ValueError(f"{whole.name!r} gives no output on {whole.title}: {without or 'nothing came'}")
    return arrays, without


def _identity(entry: Mapping[str, object]) -> str:
    """What makes two entries one: the same outputs of the same members on the same data."""
    arrays = entry["arrays"]
    assert isinstance(arrays, dict)
    digests = {what: told["blake2b"] for what, told in arrays.items()}
    return digest_of([entry["model"], entry["data"], entry["seeds"], digests])


def _is_plain(classes: list[object] | None) -> bool:
    return classes is None or all(isinstance(name, (str, int, float, bool)) for name in classes)


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(part) for part in value]
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def assemble(
    folder: Path, parts: Sequence[tuple[Path, Sequence[Document]]], scores: Sequence[object], version: str
) -> tuple[list[Document], list[str]]:
    """Make one baseline of the parts of all processes; what two processes saved alike is kept once.

    Args:
        folder: the folder of the baseline.
        parts: the folder and the entries of each process.
        scores: the rows of the judged requirements, of builtin types.
        version: of the package that writes.

    Returns:
        The entries, and what the baseline before held (``model on data``) that this one does not.

    Raises:
        OSError: the parts cannot be moved.
    """
    arrays = uuid4().hex[:16]
    joined = folder / f".part-{arrays}"
    joined.mkdir(parents=True, exist_ok=True)
    entries: list[Document] = []
    seen: set[str] = set()
    for part, written in parts:
        for entry in written:
            if (known := _identity(entry)) in seen:
                continue
            seen.add(known)
            entries.append(_moved(entry, part, joined, arrays, len(entries)))
    gone = sorted(_listed(_before(folder)) - _listed(entries))
    complete(folder, joined, arrays, {"version": version, "entries": entries, "scores": list(scores)})
    discard(part for part, _ in parts)
    return entries, gone


def _moved(entry: Document, part: Path, joined: Path, arrays: str, number: int) -> Document:
    told = entry["arrays"]
    assert isinstance(told, dict)
    moved = {}
    for what, array in told.items():
        name = f"{number}-{what}.npy"
        (part / array["file"]).rename(joined / name)
        moved[what] = {**array, "file": f"{arrays}/{name}"}
    return {**entry, "arrays": moved}


def _before(folder: Path) -> list[Document]:
    try:
        entries = read_index(folder)["entries"] if (folder / INDEX).exists() else []
    except (ValueError, KeyError):
        return []  # what cannot be read is replaced
    return entries if isinstance(entries, list) else []


def _listed(entries: Iterable[Mapping[str, object]]) -> set[str]:
    return {f"{entry['model']} on {entry['title']}" for entry in entries}


def discard(parts: Iterable[Path]) -> None:
    """Remove parts of which no baseline is made, and the folder of the baseline where nothing else is in it."""
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
        if part.parent.exists() and not any(part.parent.iterdir()):
            part.parent.rmdir()
