"""Markers: the typed twins that users write, and how the marks of a collected test become contracts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

import pytest

from pytest_mlspec.requirements.catalogue import CATALOGUE, kind
from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.requirements.reading import ambiguities, nearest_kind, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the marks of one test ask: contracts, a bare ``satisficing``, another bare mark (watched), or faults."""

    contracts: tuple[Contract, ...] = ()
    labelled: bool = False
    watched: bool = False
    faults: tuple[str, ...] = ()


Members = Literal["every", "mean"] | float
Spending = Literal["obrien-fleming", "pocock", "even"]
Shift = Literal["covariate", "concept", "label", "compound", "domain", "corruption", "contrastive"]


def read_marks(item: pytest.Item) -> Asked | None:
    """Read every mark of ours on a test; ``None`` where there is none."""
    levels = list(_levels(item))
    if not any(mark.name in CATALOGUE or mark.kwargs for marks in levels for mark in marks):
        return None
    contracts: list[Contract] = []
    faults = [fault for marks in levels for mark in marks if (fault := _misspelt(mark))]
    labelled = watched = False
    for name, marks in _closest(levels):
        full = [mark for mark in marks if (mark.args or mark.kwargs) and not _label_of_a_stranger(mark, item)]
        if not full and not kind(name).limits and "requirement" in getattr(item, "fixturenames", ()):
            full = list(marks[:1])  # a kind without a limit says all with its name
        if not full and any(mark.args or mark.kwargs for mark in marks):
            continue
        if not full:
            labelled = labelled or name == "satisficing"
            watched = True
            if name != "satisficing" and "requirement" in getattr(item, "fixturenames", ()):
                faults.append(f"{name}: no limit given, expected one of {_limits(name)}")
        for mark in reversed(full):  # the decorator nearest to the function comes last, as it is written
            found = read(kind(name), mark.args, mark.kwargs, location=location(item))
            if isinstance(found, Contract):
                contracts.append(replace(found, index=len(contracts)))
            else:
                faults.extend(found)
    if not (contracts or faults or labelled or watched):
        return None
    faults.extend(ambiguities(contracts))
    labelled = labelled and not contracts
    return Asked(contracts=tuple(contracts), labelled=labelled, watched=watched, faults=tuple(faults))


def _label_of_a_stranger(mark: pytest.Mark, item: pytest.Item) -> bool:
    """``stress`` is an ordinary word: with arguments that are none of ours it is somebody else's label.

    Not so on a test that asks for ``requirement``, or where a keyword is nearly one of ours.
    """
    if mark.name != "stress" or "requirement" in getattr(item, "fixturenames", ()):
        return False
    known = [part.name for part in kind("stress").keywords]
    return not any(get_close_matches(name, known, n=1, cutoff=0.6) for name in mark.kwargs)


def _misspelt(mark: pytest.Mark) -> str:
    """A mark that carries a limit of ours under a name that is almost ours would silently ask for nothing."""
    near = nearest_kind(mark.name) if mark.name not in CATALOGUE else None
    if near is None or not any(part.name in mark.kwargs for part in kind(near).limits or kind(near).parameters):
        return ""
    return f"unknown marker {mark.name!r}; did you mean {near!r}?"


def _closest(levels: Sequence[Sequence[pytest.Mark]]) -> Iterator[tuple[str, list[pytest.Mark]]]:
    """For each kind the marks of the innermost level that gives arguments: parameter, function, class, module.

    ``get_closest_marker`` puts the function before the parameter, so the levels are walked here.
    """
    for name in CATALOGUE:
        per_level = [[mark for mark in marks if mark.name == name] for marks in levels]
        with_arguments = [marks for marks in per_level if any(mark.args or mark.kwargs for mark in marks)]
        bare = [mark for marks in per_level for mark in marks]
        if with_arguments:
            yield name, with_arguments[0]
        elif bare:
            yield name, bare


def _levels(item: pytest.Item) -> Iterator[Sequence[pytest.Mark]]:
    callspec = getattr(item, "callspec", None)
    of_parameter = list(callspec.marks) if callspec is not None else []
    yield of_parameter
    yield [mark for mark in item.own_markers if not any(mark is other for other in of_parameter)]
    for node in reversed(item.listchain()[:-1]):
        yield node.own_markers


def _limits(name: str) -> str:
    return " | ".join(f"{limit.name}=" for limit in kind(name).limits)


def location(item: pytest.Item) -> str:
    """``tests/test_model.py:12`` of the test function, as the editor counts lines."""
    path, line, _ = item.location
    return f"{path}:{line + 1}" if line is not None else path


def imply_satisficing(item: pytest.Item, asked: Asked) -> None:
    """Every hard limit is part of the gate that ``-m satisficing`` selects."""
    hard = any(kind(contract.kind).gate for contract in asked.contracts)
    if hard and not any(mark.name == "satisficing" for mark in item.iter_markers()):
        item.add_marker(pytest.mark.satisficing)


def _mark(name: str, arguments: dict[str, object]) -> pytest.MarkDecorator:
    mark: pytest.MarkDecorator = getattr(pytest.mark, name)
    return mark.with_args(**{key: value for key, value in arguments.items() if value is not None})


def satisficing(
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    max_failure_rate: float | None = None,
    max_failures: int | None = None,
    delta: float | None = None,
    metric: str | None = None,
    members: Members | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    looks: Sequence[int] | None = None,
    spending: Spending | None = None,
    anytime: bool | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A hard limit: exactly one of ``at_least``, ``at_most``, ``max_failure_rate`` and ``max_failures``.

    ``delta`` is the largest loss that one case may have; a case with a larger loss fails.
    """
    return _mark("satisficing", dict(locals()))


def calibration(
    *,
    max_ece: float | None = None,
    max_mce: float | None = None,
    bins: int | None = None,
    members: Members | None = None,
    confidence: float | None = None,
    expect: float | None = None,
    looks: Sequence[int] | None = None,
    spending: Spending | None = None,
    anytime: bool | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A limit on a binned calibration error: ``max_ece`` or ``max_mce``; ``bins`` pins the definition."""
    return _mark("calibration", dict(locals()))


def parity(
    *,
    by: str | Sequence[str],
    max_gap: float | None = None,
    min_ratio: float | None = None,
    metric: str | None = None,
    members: Members | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    looks: Sequence[int] | None = None,
    spending: Spending | None = None,
    anytime: bool | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A limit between groups of ``by``: ``max_gap`` (largest - smallest) or ``min_ratio`` (smallest / largest)."""
    return _mark("parity", dict(locals()))


def seed_variance(
    *,
    max_std: float,
    metric: str | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A limit on the standard deviation over retrainings, with the noise of the finite test set removed."""
    return _mark("seed_variance", dict(locals()))


def stress(
    *,
    shift: Shift,
    at_least: float | None = None,
    at_most: float | None = None,
    max_failure_rate: float | None = None,
    max_failures: int | None = None,
    max_drop: float | None = None,
    max_rise: float | None = None,
    max_ratio: float | None = None,
    min_ratio: float | None = None,
    delta: float | None = None,
    metric: str | None = None,
    members: Members | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    looks: Sequence[int] | None = None,
    spending: Spending | None = None,
    anytime: bool | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A limit under a named shift: exactly one of the limits.

    ``at_least``, ``at_most``, ``max_failure_rate`` and ``max_failures`` bound a metric on shifted data, ``max_drop``
    bounds clean - shifted, ``max_rise`` shifted - clean, ``max_ratio`` and ``min_ratio`` shifted / clean.
    """
    return _mark("stress", dict(locals()))


def underspecification(
    *,
    shift: Shift,
    max_ratio: float,
    max_std: float,
    equal_within: float,
    metric: str | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """Retrainings that perform alike on clean data must not differ under a shift.

    ``max_ratio`` bounds the quotient of the seed spreads shifted / clean, ``max_std`` the shifted spread itself,
    ``equal_within`` how far a member may fall behind the mean of all on clean data.
    """
    return _mark("underspecification", dict(locals()))


def non_inferiority(
    *,
    margin: float | None = None,
    superiority: float | None = None,
    by: str | Sequence[str] | None = None,
    metric: str | None = None,
    members: Members | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    looks: Sequence[int] | None = None,
    spending: Spending | None = None,
    anytime: bool | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A limit on candidate - baseline: at most ``margin`` worse, or better by at least ``superiority``.

    ``by`` says that it is the gap between these groups that is compared.
    """
    return _mark("non_inferiority", dict(locals()))


def optimizing(
    *,
    metric: str | None = None,
    delta: float | None = None,
    members: Literal["every", "mean"] | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """A metric that is tracked: not significantly worse than its best recorded value, which the record file holds."""
    return _mark("optimizing", dict(locals()))


def reliance(
    *,
    on: str | int | Sequence[str | int],
    max_drop: float | None = None,
    max_rise: float | None = None,
    max_share: float | None = None,
    metric: str | None = None,
    members: Members | None = None,
    confidence: float | None = None,
    max_loss: float | None = None,
    expect: float | None = None,
    looks: Sequence[int] | None = None,
    spending: Spending | None = None,
    anytime: bool | None = None,
    id: str | None = None,
    because: str | None = None,
    tier: str | None = None,
) -> pytest.MarkDecorator:
    """How much a model may lean on the features ``on``: what changing them costs, or their share of its sensitivity."""
    return _mark("reliance", dict(locals()))
