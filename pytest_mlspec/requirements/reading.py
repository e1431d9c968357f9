"""Reads the arguments of a marker into a contract, or says everything that is wrong with them at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from pytest_mlspec.requirements.catalogue import CATALOGUE
from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.requirements.kind import Kind, Limit

NO_NUMBER = Limit(name="", comparison=">=", check=lambda value: "")
"""Stands for the limit of a kind whose marker takes none."""


def read(
    kind: Kind, args: Sequence[object], arguments: Mapping[str, object], *, location: str = ""
) -> Contract | list[str]:
    """A contract, or the list of faults in the marker's arguments."""
    limits = {limit.name: limit for limit in kind.limits}
    given = [limits[name] for name in arguments if name in limits] if kind.limits else [NO_NUMBER]
    faults = [*_unknown(kind, args, arguments), *_invalid(kind, arguments), *_limits(kind, given, dict(arguments))]
    if faults:
        return [f"{kind.name}: {fault}" for fault in faults]
    return _contract(kind, given[0], dict(arguments), location)


def _unknown(kind: Kind, args: Sequence[object], arguments: Mapping[str, object]) -> list[str]:
    names = [part.name for part in kind.keywords]
    faults = []
    if args:
        shown = ", ".join(repr(value) for value in args)
        faults.append(f"takes keywords only, got {shown}; write for example {kind.keywords[0].name}={args[0]!r}")
    for name in arguments:
        if name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.5)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            faults.append(f"unknown argument {name}={arguments[name]!r}{guess} (it takes {', '.join(names)})")
    return faults


def _invalid(kind: Kind, arguments: Mapping[str, object]) -> list[str]:
    faults = []
    for part in kind.keywords:
        if part.name in arguments and (fault := part.check(arguments[part.name])):
            faults.append(f"{part.name}={arguments[part.name]!r}: {fault}")
    for parameter in kind.parameters:
        if parameter.required and parameter.name not in arguments:
            faults.append(f"{parameter.name}= is missing" + (f": {parameter.missing}" if parameter.missing else ""))
    return faults


def _limits(kind: Kind, given: list[Limit], arguments: dict[str, object]) -> list[str]:
    names = " | ".join(f"{limit.name}=" for limit in kind.limits)
    if not given:
        hint = kind.hint(arguments)
        return [f"no limit given, expected one of {names}" + (f"; {hint}" if hint else "")]
    if len(given) > 1:
        got = ", ".join(f"{limit.name}={arguments[limit.name]!r}" for limit in given)
        return [f"one limit per marker, got {got}; stack two markers instead"]
    limit, metric = given[0], arguments.get("metric")
    faults = []
    if limit.metrics and metric is not None and metric not in limit.metrics:
        faults.append(f"{limit.name} bounds {' or '.join(limit.metrics)}, got metric={metric!r}")
    if "looks" in arguments and arguments.get("anytime"):
        faults.append("looks= or anytime=True, not both: declared looks decide with more power, anytime needs no plan")
    if "spending" in arguments and "looks" not in arguments:
        faults.append(f"spending={arguments['spending']!r} says how looks= spend the level: give looks=[500, 1000]")
    if limit.name == "max_failures" and ("looks" in arguments or arguments.get("anytime")):
        faults.append("max_failures counts the listed cases and infers nothing: leave looks= and anytime= out")
    if "delta" in arguments and metric not in (None, "failure_rate"):
        faults.append(f"delta belongs to failure_rate, got metric={metric!r}")
    return faults


def _contract(kind: Kind, limit: Limit, arguments: dict[str, object], location: str) -> Contract:
    threshold = arguments.pop(limit.name) if limit.name else math.nan
    by = arguments.pop("by", ())
    on = arguments.pop("on", ())
    looks = arguments.pop("looks", ())
    only = limit.metrics[0] if len(limit.metrics) == 1 else None
    metric = arguments.pop("metric", None) or only or ("failure_rate" if "delta" in arguments else None)
    if (members := arguments.get("members")) is not None and not isinstance(members, str):
        arguments["members"] = float(members)  # type: ignore[arg-type]
    return Contract(
        kind=kind.name,
        limit=limit.name,
        comparison=limit.comparison,
        threshold=threshold if isinstance(threshold, int) else float(threshold),  # type: ignore[arg-type]
        metric=metric,  # type: ignore[arg-type]
        by=(by,) if isinstance(by, str) else tuple(by),  # type: ignore[arg-type]
        on=tuple(on) if isinstance(on, (list, tuple)) else (on,),  # type: ignore[arg-type]
        looks=tuple(looks),  # type: ignore[arg-type]
        location=location,
        **arguments,  # type: ignore[arg-type]
    )


def ambiguities(contracts: Sequence[Contract]) -> list[str]:
    """Pairs of contracts of one test that one estimate could match, unless both carry an id."""
    faults = []
    for position, first in enumerate(contracts):
        for second in contracts[position + 1 :]:
            if first.id and first.id == second.id:
                faults.append(f"two contracts have the id {first.id!r}: {first.describe()} and {second.describe()}")
            elif _alike(first, second) and not (first.id and second.id):
                faults.append(
                    f"one estimate could match both {first.describe()} and {second.describe()}; give each a metric=, "
                    'or each an id= and write requirement["the id"] in the body'
                )
    return faults


_LEVELS = {"satisficing", "calibration", "parity", "stress"}
_BY_LIMIT = ("parity", "stress", "reliance")  # their limits bound estimates of different forms


def _alike(first: Contract, second: Contract) -> bool:
    kinds = {first.kind, second.kind}
    if "optimizing" in kinds and kinds & _LEVELS:
        return first.metric == second.metric  # what is tracked may have a limit, too
    if first.kind != second.kind or (first.by, first.on) != (second.by, second.on):
        return False
    if first.kind in _BY_LIMIT and first.limit != second.limit:
        return False
    return first.metric == second.metric


def nearest_kind(name: str) -> str | None:
    """The kind whose name is nearest to a mistyped one."""
    near = get_close_matches(name, list(CATALOGUE), n=1, cutoff=0.7)
    return near[0] if near else None
