"""What one read of a test set is: which test sets, for which requirement, by which model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlspec.data.perturbing import source
from pytest_mlspec.data.row_marks import content_key, whole_of
from pytest_mlspec.metrics.evidence.distance import Distance
from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.predictions.said import said
from pytest_mlspec.verdict import Comparison, Origin, Terms

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.predictions import Predictions


FIRST = 20
"""Rows that name a test set which may be judged at any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSet:
    """The whole that was read, and nothing of it that a renaming or a further column changes.

    Args:
        key: its content, features and truth of all rows in any order.
        name: how messages call it.
        budget: how many models may be judged on it; None where it does not say.
    """

    __test__ = False  # pytest takes every class of this name for tests

    key: str
    name: str
    budget: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One requirement, asked of one model on one or several test sets.

    Args:
        requirement: the contract's id with the changes that were made to the data, else what is claimed and of which
            part; without its threshold, so that an edited threshold starts no new count.
        model: token of what the model said on the test sets, and of the thresholds by which it decides.
        test_sets: on which it said that.
    """

    requirement: str
    model: str
    test_sets: tuple[TestSet, ...]


def question_of(
    asked: Sequence[tuple[Estimate, Comparison]], terms: Terms, origin: Origin, *, listed: bool = False
) -> Question | None:
    """The question that a requirement asks, all its claims together; None where no case had a part in it.

    Args:
        asked: every claim without its threshold.
        terms: how it is to be judged.
        origin: who asks.
        listed: whether listed cases are counted, which claims nothing beyond them.
    """
    about = [(estimate, comparison) for estimate, comparison in asked if _is_of_models_on_cases(estimate)]
    sides = [side for estimate, _ in about for side in estimate.sides]
    if not sides:
        return None
    sets: dict[str, TestSet] = {}
    for side in sides:
        key = content_key(whole_of(side.data), _first_rows(terms))
        sets.setdefault(key, TestSet(key=key, name=_name(side), budget=side.data.budget))
    requirement = _requirement(about, origin) + (" (listed cases)" if listed else "")
    model = _deciding(_model(sides, terms), [estimate for estimate, _ in about])
    return Question(requirement=requirement, model=model, test_sets=tuple(sets.values()))


def _first_rows(terms: Terms) -> int | None:
    """How many rows name a test set that grows by further ones; None for all of them."""
    if terms.looks:
        return terms.looks[0]
    return FIRST if terms.anytime else None


def _is_of_models_on_cases(estimate: Estimate) -> bool:
    """Not so for figures read off the model itself, nor for distances between two sets of data."""
    return not isinstance(estimate.evidence, Known | Distance)


def _name(side: Predictions) -> str:
    return side.dataset_name or f"{len(side.data.base):,} cases"


def _model(sides: Sequence[Predictions], terms: Terms) -> str:
    """What every side said; of an ensemble that grows until seeds decide, its declared members alone.

    Bounds over a growing number of members hold at any time, so that all its sizes together are one model.
    """
    declared = [max(side.declared, 1) if terms.growing_members else None for side in sides]
    found = {said(side, members, _judged_rows(side, terms)) for side, members in zip(sides, declared, strict=True)}
    return found.pop() if len(found) == 1 else _digest(*sorted(found))


def _judged_rows(side: Predictions, terms: Terms) -> int | None:
    """How many rows a look is made of, so that a model is the same until the next one; None for all there are.

    At any time, and on a slice, the verdict moves with every row, and a model counts again at each size of the data.
    """
    reached = [size for size in terms.looks if size <= len(side.data)]
    return reached[-1] if reached and side.data.rows is None else None


def _deciding(model: str, estimates: Sequence[Estimate]) -> str:
    """A model with the thresholds by which it decides: one that is tuned on the test set is another model each time."""
    thresholds = {_lasting(value) for estimate in estimates for name, value in estimate.settings if name == "threshold"}
    return _digest(model, *sorted(thresholds)) if thresholds - {"None"} else model


def _requirement(about: Sequence[tuple[Estimate, Comparison]], origin: Origin) -> str:
    changes = sorted({words for estimate, _ in about for side in estimate.sides for words in _changes(side.data)})
    if origin.id:
        # Slices share the count of their id, as they share predictions; changed data have predictions of their own.
        return f"{origin.id} under {', '.join(changes)}" if changes else origin.id
    claims = sorted({_claim(estimate, comparison) for estimate, comparison in about})
    parts = sorted({_part(side.data) for estimate, _ in about for side in estimate.sides} - {""})
    more = f" and {len(claims) - 1} more" if len(claims) > 1 else ""
    return f"{claims[0]}{more}" + (f" #{_digest(*claims, *parts)[:12]}" if more or parts else "")


def _claim(estimate: Estimate, comparison: Comparison) -> str:
    """``gap in recall of malignant by sex <=``, with the settings that make it another claim."""
    settings = ", ".join(f"{name}={_lasting(value)}" for name, value in estimate.settings)
    words = [estimate.metric.replace("_", " "), f"of {estimate.of}" if estimate.of else "", f"({settings})"]
    form = "" if estimate.form == "level" else f"{estimate.form.replace('_', ' ')} in"
    by = f"by {' and '.join(estimate.by)}" if estimate.by else ""
    return " ".join(word for word in (form, *words, by, comparison) if word and word != "()")


def _lasting(value: object) -> str:
    """A setting by words that hold in every process; the repr of a function would name its place in memory."""
    if value is None or isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_lasting, value))}]"
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return str(value.item())
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _part(data: Dataset) -> str:
    """Which rows of the test set, and what was done to them; empty for all of them as they are."""
    before = source(data)
    key = content_key(before)
    rows = "" if key == content_key(whole_of(data)) else key
    return ", ".join(word for word in (rows, *_changes(data)) if word)


def _changes(data: Dataset) -> tuple[str, ...]:
    """What was done to the data; nothing where they came out as they were, whatever that was called."""
    base = data.base
    unchanged = base.perturbations and content_key(base) == content_key(source(base))
    return () if unchanged else data.perturbations


def _digest(*words: str) -> str:
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()
