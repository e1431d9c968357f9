"""Waivers in a run: read at its start, given to the tests that they cover, and refused where nothing has their name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from pytest_mlspec.options import INI
from pytest_mlspec.plugin.collected import Collected
from pytest_mlspec.records.waivers import Standing, Waiver, read_waivers


def today() -> date:
    """The day on which waivers are read."""
    return date.today()


def waivers_of_run(config: pytest.Config) -> tuple[Waiver, ...]:
    """The waivers of the project's file; none where it has no such file.

    Raises:
        pytest.UsageError: a faulty file, or one that is named and not there.
    """
    name = str(config.getini("mlspec_waivers"))
    path = config.rootpath / name
    if not path.is_file():
        if name != INI["mlspec_waivers"][0]:
            raise pytest.UsageError(f"mlspec_waivers={name}: there is no such file in {config.rootpath}")
        return ()
    try:
        return read_waivers(path, today())
    except (ValueError, OSError) as error:
        raise pytest.UsageError(str(error)) from None


def standing_of(
    waivers: Sequence[Waiver], nodeid: str, contract_id: str, kind: str, config: pytest.Config
) -> Standing | None:
    """What the waivers say of a contract today; of several that cover it one that has not expired."""
    place = Path(str(config.getini("mlspec_waivers"))).name
    found = [
        Standing(waiver=waiver, today=today(), place=place)
        for waiver in waivers
        if waiver.covers(nodeid, contract_id, kind)
    ]
    return next((standing for standing in found if standing.live), found[0] if found else None)


def unknown_lines(waivers: Sequence[Waiver], collected: Collected, place: str) -> list[str]:
    """A line for every waiver whose requirement the suite does not have."""
    lines = []
    for waiver in waivers:
        if any(waiver.covers(*entry) for entry in collected.contracts):
            continue
        named = "::" in waiver.requirement
        asks_nothing = named and collected.has(waiver.requirement)
        if (
            (collected.everything and not collected.unseen)
            or asks_nothing
            or (named and collected.gone(waiver.requirement))
        ):
            lines.append(f"UNKNOWN WAIVER {waiver}: no requirement of this suite has this name ({place})")
    return lines
