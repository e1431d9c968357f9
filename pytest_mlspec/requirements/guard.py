"""Decides whether a finished test may count as passed: by what was recorded, not by how the body used it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlspec.requirements.contract import Contract
from pytest_mlspec.running import Recorder
from pytest_mlspec.verdict import TRACKED, NotJudged, Outcome, StaleWaiver, Undecided, Verdict, Violated


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What stands between a test and its pass."""

    not_judged: tuple[Contract, ...]
    nothing_judged: bool
    forgotten: tuple[Verdict, ...]
    violated: tuple[Verdict, ...]
    undecided: tuple[Verdict, ...]
    lacking: tuple[str, ...] = ()
    """Why something could not be compared, where that is known."""
    stale: tuple[str, ...] = ()
    """What is said of waivers of contracts that are met."""

    @property
    def incomplete(self) -> bool:
        """Whether something was never judged, which nothing excuses."""
        return bool(self.not_judged or self.nothing_judged or self.lacking)

    def lines(self) -> list[str]:
        """Everything that keeps the test from passing, violated first."""
        lines: list[str] = []
        for verdict in (*self.violated, *self.undecided):
            lines.extend(_indented(verdict.lines()))
        lines.extend(not_judged_line(contract) for contract in self.not_judged)
        if self.nothing_judged:
            lines.append(NOTHING_JUDGED)
        lines.extend(f"NOT JUDGED: {why}" for why in dict.fromkeys(self.lacking))
        for verdict in self.forgotten:
            lines.append(
                f"NEVER ASKED: {verdict.claim()} was computed and its truth never asked: is an `assert` missing?"
            )
        return [*lines, *self.stale]

    def error(self) -> AssertionError | None:
        """The error that a body that went through all the same ends with."""
        lines = self.lines()
        if self.incomplete or self.forgotten:
            return NotJudged("\n".join(lines))
        if self.violated:
            return Violated("\n".join(lines))
        if self.undecided:
            return Undecided("\n".join(lines))
        return StaleWaiver("\n".join(lines)) if self.stale else None


def conclude(
    recorder: Recorder,
    contracts: Sequence[Contract],
    *,
    labelled: bool,
    watched: bool = False,
    lost: Sequence[Verdict] = (),
) -> Conclusion:
    """Compare what was recorded with what was asked.

    Args:
        recorder: the verdicts of one test, over all its attempts.
        contracts: the contracts of its markers.
        labelled: whether it carries a bare ``satisficing``: it must judge something, and meet all of it.
        watched: whether it carries another bare mark of ours: what it judges it must meet.
        lost: verdicts that ended an attempt of the body; a further attempt does not take them back.
    """
    judged = {verdict.origin.contract for verdict in recorder.verdicts}
    first = awaits_first(recorder)
    bound = bool(contracts) or labelled or watched
    held = [verdict for verdict in (recorder.verdicts if bound else lost) if not verdict.standing]
    allowed = bool(held) and recorder.configured().allow_undecided
    return Conclusion(
        not_judged=tuple(
            contract
            for contract in contracts
            if contract.index not in judged and not (first and contract.kind == COMPARES)
        ),
        nothing_judged=labelled and judged_nothing(recorder) and not first,
        lacking=() if first else tuple(one.why for one in recorder.lacking),
        forgotten=tuple(recorder.unasked()),
        violated=tuple(verdict for verdict in held if verdict.outcome is Outcome.VIOLATED),
        undecided=tuple(verdict for verdict in held if verdict.outcome is Outcome.UNDECIDED and not allowed),
        stale=_stale(recorder),
    )


NOTHING_JUDGED = "NOT JUDGED: the test is marked satisficing and judged no estimate of a model of this run"


def judged_nothing(recorder: Recorder) -> bool:
    """Whether a test judged nothing, or a baseline alone."""
    return all(verdict.recalled for verdict in recorder.verdicts)


def _stale(recorder: Recorder) -> tuple[str, ...]:
    """Waivers of contracts that were judged, and every time met, or not told apart from the best on record."""
    fine = [verdict for verdict in recorder.verdicts if verdict.outcome is Outcome.MET or verdict.standing == TRACKED]
    missed = {verdict.origin.contract for verdict in recorder.verdicts if verdict not in fine}
    judged = {verdict.origin.contract for verdict in recorder.verdicts}
    return tuple(waiver.needless for index, waiver in recorder.waivers.items() if index in judged - missed)


COMPARES = "non_inferiority"
"""The kind whose contracts a run that saves the first baseline leaves unjudged."""


def awaits_first(recorder: Recorder) -> bool:
    """Whether all that a test lacks is the baseline that this very run makes."""
    return bool(recorder.lacking) and all(one.first for one in recorder.lacking)


def not_judged_line(contract: Contract) -> str:
    """``NOT JUDGED FAIR-1: parity(by='sex', max_gap=0.10) of tests/test_fair.py:12``."""
    where = f" of {contract.location}" if contract.location else ""
    return f"NOT JUDGED {contract.describe()}{where}"


def _indented(lines: Sequence[str]) -> list[str]:
    return [lines[0], *(f"  {line}" for line in lines[1:])]
