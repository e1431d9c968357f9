"""The contracts of a run as one family: *violated* at a level that all of them share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlspec import options
from pytest_mlspec.plugin import ASKED

FAMILY: pytest.StashKey[int] = pytest.StashKey()
"""How many contracts share the level."""


def share_level(session: pytest.Session) -> None:
    """Give each of the m contracts of the selected tests 1/m of the level of *violated*, as Bonferroni does.

    Every xdist worker selects the same tests, so that m is the same in all. A test of literals counts once; what a
    test judges beyond its contracts divides their parts. Literals of a test without a mark are judged at 1/m, too, and
    counted nowhere, because nothing tells at collection that it will judge any: mark it ``satisficing``.
    *Met* keeps its level: all must be met (an intersection-union test: Berger 1982).
    """
    asked = [marks for item in session.items if (marks := item.stash.get(ASKED, None)) is not None]
    contracts = sum(len(marks.contracts) + marks.labelled for marks in asked)
    if not contracts:
        return
    config = session.config
    settings = options.configured(config)
    config.stash[FAMILY] = contracts
    config.stash[options.SETTINGS] = replace(settings, terms=replace(settings.terms, share=1 / contracts))
