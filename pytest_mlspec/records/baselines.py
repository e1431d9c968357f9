"""A baseline: what the models of an earlier run said, in the place of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from pytest_mlspec.predictions.arrays import Labels
from pytest_mlspec.predictions.predictions import bound
from pytest_mlspec.predictions.recalled import OUTPUTS, Recalled
from pytest_mlspec.records.baseline_file import INDEX, BaselineError, check_name, read_array, read_index
from pytest_mlspec.running import RECORDER, Lacking
from pytest_mlspec.verdict import NotJudged

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.predictions import Predictions

__all__ = ["Baseline", "Entry", "find_baseline", "names_of", "read_baseline"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """What one model said about one dataset: its index entry, and how to read the arrays."""

    model: str
    title: str
    dataset: str
    data: str
    n_examples: int
    source: Callable[[], Recalled]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """The predictions of an earlier run: they go wherever a model goes, on the same examples.

    Args:
        name: the name of the baseline; empty where the run was given none.
        entries: one for each model and dataset.
        first: whether this run saves a baseline and has none to compare with.
        only: the model that was chosen by ``baseline["detector"]``; empty: the only one.

    Example:
        >>> Baseline(name="main", entries=())
        Baseline('main', nothing saved)
    """

    name: str
    entries: tuple[Entry, ...]
    first: bool = False
    only: str = ""
    _live: WeakKeyDictionary[Dataset, dict[str, Predictions]] = field(default_factory=WeakKeyDictionary, repr=False)

    def __getitem__(self, model: str) -> Baseline:
        """The predictions of one model, where several were saved on the same data.

        Raises:
            ValueError: no model of this name was saved.
        """
        known = sorted({entry.model for entry in self.entries})
        if self.name and model not in known:
            near = get_close_matches(model, known, n=1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"the baseline {self.name!r} holds no model {model!r}{guess} It holds {', '.join(known) or 'none'}"
            )
        return Baseline(name=self.name, entries=self.entries, first=self.first, only=model, _live=self._live)

    def predictions_on(self, dataset: Dataset) -> Predictions:
        """What the model of the baseline said about these examples, a dataset or a slice of one.

        Raises:
            ValueError: the dataset of this name had other content, or several models were saved on it.
            NotJudged: there is no baseline, or nothing was saved on these data.
        """
        __tracebackhide__ = True
        base = dataset.base
        entry = self._find(base)
        live = self._live.setdefault(base, {})
        if entry.model not in live:
            live[entry.model] = bound(entry.source(), base, None)
        return live[entry.model].on(dataset)

    def _find(self, base: Dataset) -> Entry:
        __tracebackhide__ = True
        if not self.name:
            made = "this run saves it" if self.first else "`pytest --mlspec-save=main` makes one"
            self._lack(base, f"no baseline to compare {base.title} with: {made}")
        found = [entry for entry in self.entries if entry.data == base.fingerprint]
        chosen = [entry for entry in found if self.only in ("", entry.model)]
        if not found:
            self._refuse_other_content(base)
        if not chosen:
            word = f"{self.only} on {base.title}" if self.only and found else base.title
            self._lack(
                base, f"nothing about {word} in the baseline {self.name!r}: `pytest --mlspec-save={self.name}` saves it"
            )
        if len(chosen) == 1:
            return chosen[0]
        models = sorted({entry.model for entry in chosen})
        if len(models) < len(chosen):
            raise ValueError(
                f"the baseline {self.name!r} holds {len(chosen)} predictions of {' and '.join(models)} on {base.title} "
                "that differ: give models of one name names of their own, Ensemble.of(model, name=...), or make "
                "training give the same members in every process, and save again"
            )
        listed = ", ".join(f"baseline[{model!r}]" for model in models)
        raise ValueError(
            f"the baseline {self.name!r} holds {len(models)} models on {base.title}: say which one, {listed}"
        )

    def _lack(self, base: Dataset, why: str) -> None:
        __tracebackhide__ = True
        error = NotJudged(f"{'FIRST BASELINE' if self.first else 'NOT JUDGED'}: {why}")
        if (recorder := RECORDER.get()) is not None:
            recorder.lacking.append(Lacking(why=why, first=self.first, data=base, error=error))
        raise error

    def _refuse_other_content(self, base: Dataset) -> None:
        __tracebackhide__ = True
        others = [entry for entry in self.entries if entry.title == base.title and entry.dataset]
        if others:
            raise ValueError(
                f"the baseline {self.name!r} is about another {base.title}: fingerprint {others[0].data} of "
                f"{others[0].n_examples:,} examples then, {base.fingerprint} of {len(base):,} now. A comparison needs "
                f"the same examples: give those, or save again (`pytest --mlspec-save={self.name}` with the old model)"
            )

    def __repr__(self) -> str:
        held = ", ".join(f"{entry.model} on {entry.title}" for entry in self.entries) or "nothing saved"
        return f"Baseline({self.name!r}, {held})"


def find_baseline(asked: str, *, records: Path, here: Path) -> Path:
    """The folder of a baseline: by its name among the records, else by its path.

    Raises:
        ValueError: there is none; lists those that there are.
    """
    try:
        named = records / check_name(asked)
    except ValueError:
        named = None
    path = here / asked
    for folder in (named, path):
        if folder is not None and (folder / INDEX).is_file():
            return folder
    known = names_of(records)
    near = get_close_matches(asked, known, n=1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    listed = f"{records} holds {', '.join(known)}" if known else f"{records} holds none"
    raise ValueError(
        f"expected the name or path of a baseline, got {asked!r}{guess} {listed}. `pytest --mlspec-save=NAME` makes one"
    )


def names_of(records: Path) -> list[str]:
    """The names of the baselines in a folder."""
    return sorted(path.parent.name for path in records.glob(f"[!.]*/{INDEX}"))


def read_baseline(folder: Path) -> Baseline:
    """A baseline, its arrays still on disk.

    Raises:
        BaselineError: the index is damaged, none of ours, or of another format.
    """
    content = read_index(folder)
    listed = content.get("entries")
    try:
        assert isinstance(listed, list)
        entries = tuple(_entry(folder, told) for told in listed)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BaselineError(f"{folder / INDEX} is no index of a baseline ({type(error).__name__}: {error})") from error
    return Baseline(name=folder.resolve().name, entries=entries)


def _entry(folder: Path, told: Mapping[str, object]) -> Entry:
    n_examples, n_members = int(str(told["n_examples"])), int(str(told["n_members"]))
    for what in ("arrays", "seeds", "without", "held_out"):
        told[what]
    return Entry(
        model=str(told["model"]),
        title=str(told["title"]),
        dataset=str(told["dataset"]),
        data=str(told["data"]),
        n_examples=n_examples,
        source=partial(_source, folder, told, n_members, n_examples),
    )


def _source(folder: Path, told: Mapping[str, object], n_members: int, n_examples: int) -> Recalled:
    arrays, seeds, without, held_out = told["arrays"], told["seeds"], told["without"], told["held_out"]
    assert isinstance(arrays, dict) and isinstance(seeds, list)
    assert isinstance(without, dict) and isinstance(held_out, dict)
    classes: Labels | None = None if told["classes"] is None else np.asarray(told["classes"])
    if "classes" in arrays:
        classes = read_array(folder, arrays["classes"])

    def load(what: str) -> Labels:
        array = read_array(folder, arrays[what])
        expected = (n_members, n_examples) if what in OUTPUTS else (n_examples,)
        if array.shape[: len(expected)] != expected:
            raise BaselineError(f"{folder / INDEX}: expected {what} of shape {expected}, got {array.shape}")
        return array

    baseline = folder.resolve().name
    return Recalled(
        name=f"{told['model']} (baseline {baseline})",
        baseline=baseline,
        n_members=n_members,
        seeds=tuple(int(seed) for seed in seeds),
        declared=int(str(told["declared"])),
        retrained=bool(told["retrained"]),
        classes=classes,
        saved=tuple(arrays),
        load=load,
        without={str(what): str(why) for what, why in without.items()},
        held_out=held_out,
    )
