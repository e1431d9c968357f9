"""One test from set-up to tear-down: what it was asked and what it judged.

The first test of every run loads this module; what judging needs is imported when a test asks or judges something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlspec import fixtures, options
from pytest_mlspec.plugin import OPTIMIZING
from pytest_mlspec.running import Recorder

if TYPE_CHECKING:
    from pytest_mlspec.markers import Asked
    from pytest_mlspec.requirements.contract import Contract
    from pytest_mlspec.requirements.guard import Conclusion
    from pytest_mlspec.running import Reads
    from pytest_mlspec.verdict import Verdict


class Trial:
    """What one test was asked and what it judged, over all its attempts."""

    __slots__ = ("asked", "begun", "item", "lost", "passed", "raised", "recorder", "running")

    def __init__(self, item: pytest.Item, asked: Asked | None) -> None:
        self.item = item
        self.asked = asked
        self.recorder = Recorder(lambda: options.configured(item.config))
        if item.config.getini("mlspec_ledger"):
            self.recorder.reads = lambda: _reads_of(item)
        self.recorder.compares_with_baseline = asked is not None and _takes_baseline(item)
        self.raised: AssertionError | None = None
        self.begun = self.running = self.passed = False
        self.lost: list[Verdict] = []
        upkeep = item.config.pluginmanager.get_plugin("mlspec-upkeep") if asked is not None else None
        if upkeep is not None:
            upkeep.equip(self)
        if any(contract.kind == OPTIMIZING for contract in self.contracts):
            from pytest_mlspec.plugin.tracking import Tracker

            self.recorder.tracking = Tracker(item, self.contracts, self.recorder.unjudged)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts of the test's markers."""
        return self.asked.contracts if self.asked is not None else ()

    @property
    def idle(self) -> bool:
        """Whether the test has nothing to do with requirements."""
        return self.asked is None and not self.recorder.verdicts and not self.recorder.lacking

    @property
    def bound(self) -> bool:
        """Whether the test carries a requirement that must be judged, or the marks for one are faulty."""
        asked = self.asked
        if self.recorder.lacking:
            return True
        if asked is None:
            return False
        return bool(asked.contracts or asked.labelled or asked.faults or (asked.watched and self.recorder.verdicts))

    def conclude(self) -> Conclusion:
        """What stands between this test and its pass."""
        from pytest_mlspec.requirements.guard import conclude

        asked = self.asked
        return conclude(
            self.recorder,
            self.contracts,
            labelled=asked is not None and asked.labelled,
            watched=asked is not None and asked.watched,
            lost=self.lost,
        )

    def check(self) -> None:
        """Raise what keeps a body that went through from passing."""
        __tracebackhide__ = True
        if not self.idle and (error := self.conclude().error()) is not None:
            self.raised = error
            raise error

    def lose(self, error: AssertionError) -> None:
        """Keep the verdict that ended the body, so that a further attempt does not take it back."""
        verdict = self.recorder.last_asked
        if verdict is None or verdict.outcome == "met":
            return
        if not str(error) or verdict.headline() in str(error):
            self.lost.append(verdict)


def _takes_baseline(item: pytest.Item) -> bool:
    """Whether the fixture `baseline` of this package, and no other of that name, is among those of a test."""
    if "baseline" not in getattr(item, "fixturenames", ()) or item.config.option.mlspec_plan:
        return False
    info = getattr(item, "_fixtureinfo", None)
    found = info.name2fixturedefs.get("baseline") if info is not None else None
    return bool(found and getattr(found[-1].func, "__module__", "") == fixtures.__name__)


def _reads_of(item: pytest.Item) -> Reads | None:
    """Who counts the reads of a test; loaded when it judges something."""
    from pytest_mlspec.plugin import counting

    return counting.reads_of(item)
