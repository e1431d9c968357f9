"""What the running test says of judging: its terms, who counts reads, who plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict.terms import Terms

if TYPE_CHECKING:
    from pytest_mlspec.running import Planner, Reads


def configured_terms() -> Terms:
    """The terms that hold where no contract says otherwise."""
    recorder = RECORDER.get()
    return recorder.configured().terms if recorder is not None else Terms()


def reads_here() -> Reads | None:
    """Who counts the reads of test sets; ``None``: nobody."""
    recorder = RECORDER.get()
    return recorder.reads() if recorder is not None else None


def scores_are_told() -> bool:
    """Whether scores may be shown as they are: not where a ladder releases them sparingly."""
    reads = reads_here()
    return reads is None or reads.step is None


def planner_here() -> Planner | None:
    """Who plans in place of judging; ``None``: verdicts are wanted."""
    recorder = RECORDER.get()
    return recorder.planner if recorder is not None else None
