"""Shares of an error level add up to one at most, whatever becomes of the budget; released scores live in the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_mlspec.records import Ledger

CLIMBER = """
import sys
from pytest_mlspec.records import Ledger

ledger = Ledger(sys.argv[1])
for number in range(25):
    ledger.release(data="d", requirement="r", score=0.5 + 0.01 * number, step=0.001)
    ledger.read(data="d", requirement="r", model=f"{sys.argv[2]}-{number}", budget=60)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def share(ledger: Ledger, model: str, budget: int | None, requirement: str = "r") -> float | None:
    return ledger.read(data="d", requirement=requirement, model=model, budget=budget).share


def test_each_model_of_a_budget_gets_an_equal_share_and_those_past_it_nothing(ledger: Ledger) -> None:
    shares = [share(ledger, f"m{number}", 4) for number in range(6)]

    assert shares == pytest.approx([0.25, 0.25, 0.25, 0.25, 0.0, 0.0])


def test_the_same_model_keeps_its_share_whatever_the_budget_says_later(ledger: Ledger) -> None:
    share(ledger, "m1", 4)

    again = ledger.read(data="d", requirement="r", model="m1", budget=100)

    assert (again.share, again.budget, again.new) == (0.25, 4, False)


def test_a_raised_budget_divides_what_is_left_among_more(ledger: Ledger) -> None:
    """Two of four are judged: half of the level is left, for eight more of ten."""
    shares = [share(ledger, f"m{number}", 4) for number in range(2)]
    shares += [share(ledger, f"n{number}", 10) for number in range(9)]

    assert shares == pytest.approx([0.25] * 2 + [0.5 / 8] * 8 + [0.0])
    assert sum(part for part in shares if part is not None) == pytest.approx(1.0)


def test_a_budget_raised_when_nothing_is_left_is_no_help(ledger: Ledger) -> None:
    for number in range(5):
        share(ledger, f"m{number}", 4)

    assert [share(ledger, f"n{number}", 1000) for number in range(3)] == [0.0, 0.0, 0.0]
    assert share(ledger, "m4", 1000) == 0.0  # judged past the budget: it stays so


def test_a_lowered_budget_leaves_more_for_fewer_and_nothing_past_it(ledger: Ledger) -> None:
    share(ledger, "m1", 4)

    assert [share(ledger, f"n{number}", 2) for number in range(2)] == pytest.approx([0.75, 0.0])


@pytest.mark.parametrize(
    "budgets", [[3, 9, 2, 50, 7, 7, 8, 9, 10, 11, 1000], list(range(1, 40)), list(range(40, 0, -1))]
)
def test_shares_never_add_up_to_more_than_one(ledger: Ledger, budgets: list[int]) -> None:
    shares = [share(ledger, f"m{place}", budget) for place, budget in enumerate(budgets)]

    assert all(part is not None and part >= 0 for part in shares)
    assert sum(part or 0.0 for part in shares) <= 1.0 + 1e-9


def test_requirements_have_shares_of_their_own(ledger: Ledger) -> None:
    assert [share(ledger, "m1", 2), share(ledger, "m2", 2), share(ledger, "m2", 2, "other")] == [0.5, 0.5, 0.5]


def test_reads_without_a_budget_get_no_share_and_are_counted(ledger: Ledger) -> None:
    assert share(ledger, "m1", None) is None
    assert ledger.read(data="d", requirement="r", model="m2", budget=3).place == 2
    assert share(ledger, "m3", 3) == pytest.approx(0.5)  # two of three were left for it and the one before
    assert share(ledger, "m4", 3) == 0.0


@pytest.mark.parametrize(("budget", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)])
def test_a_budget_that_is_none_is_refused(ledger: Ledger, budget: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="budget"):
        share(ledger, "m1", budget)
    assert not ledger.path.exists()


def test_what_people_call_things_is_kept(ledger: Ledger) -> None:
    ledger.read(data="d", requirement="r", model="m", budget=5, name="street.test")

    (entry,) = ledger.history("d")

    assert (entry.name, entry.budget, entry.share) == ("street.test", 5, 0.2)


def test_a_score_is_told_through_the_ladder_of_its_test_set_and_requirement(ledger: Ledger) -> None:
    def told(score: float, requirement: str = "r") -> float:
        return ledger.release(data="d", requirement=requirement, score=score, step=0.01)

    assert ledger.released(data="d", requirement="r") is None
    assert [told(score) for score in (0.903, 0.908, 0.921, 0.5)] == [0.90, 0.90, 0.92, 0.92]
    assert told(0.5, "other") == 0.5
    assert Ledger(ledger.path).released(data="d", requirement="r") == 0.92


def test_losses_are_told_downwards_and_bad_scores_leave_no_file(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match=r"got score=1.2"):
        ledger.release(data="d", requirement="r", score=1.2, step=0.01)
    assert not ledger.path.exists()

    losses = [0.30, 0.24, 0.9]
    told = [
        ledger.release(data="d", requirement="r", score=loss, step=0.05, greater_is_better=False) for loss in losses
    ]
    assert told == [0.30, 0.25, 0.25]


def test_many_processes_climb_one_ladder_and_spend_one_level(ledger: Ledger) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", CLIMBER, str(ledger.path), str(name)]) for name in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4

    entries = ledger.history("d")
    assert ledger.released(data="d", requirement="r") == 0.74
    assert len(entries) == 100
    assert sorted((entry.share or 0.0) > 0 for entry in entries) == [False] * 40 + [True] * 60
    assert sum(entry.share or 0.0 for entry in entries) == pytest.approx(1.0)


def test_checking_writes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    ledger.check()
    Ledger(tmp_path / "new" / "below" / "ledger.sqlite").check()
    assert list(tmp_path.iterdir()) == []

    share(ledger, "m1", 4)
    before = ledger.path.read_bytes()
    ledger.check()
    assert (ledger.path.read_bytes(), list(tmp_path.iterdir())) == (before, [ledger.path])
