"""With a ladder nothing that follows from the scores of a holdout is shown, but what the ladder has let go."""

from __future__ import annotations

import re

import pytest

LEDGER = "reads.sqlite"

JUDGE = """
import os

@pytest.mark.satisficing(at_least=0.9, id="PED-2")
def test_it(requirement):
    estimate = metrics.recall(rate(int(os.environ["HITS"]), 1000))
    assert estimate >= requirement
"""
EVERY_REPORT = ("-l", "-v", "-rA", "--mlspec-json=out.json", "--mlspec-markdown=out.md", "--junit-xml=junit.xml")


@pytest.fixture
def judge(suite, monkeypatch):
    """Run a body on a model with so many hits, and hand back all that was printed and written."""
    suite.ini(mlspec_ledger=LEDGER, mlspec_ladder="0.01")

    def run(hits, body=JUDGE, *args):
        monkeypatch.setenv("HITS", str(hits))
        result = suite.run(body, *EVERY_REPORT, *args)
        files = [(suite.pytester.path / name).read_text("utf-8") for name in ("out.json", "out.md", "junit.xml")]
        return "\n".join([result.stdout.str(), result.stderr.str(), *files])

    return run


def test_scores_are_told_on_the_grid_of_the_ladder_and_only_when_they_gain(suite, judge):
    told = []
    for hits in (903, 908, 921, 500):
        judge(hits)
        (row,) = suite.document()["requirements"]
        told.append(re.findall(r"best score told so far (\S+), in steps of 0.01", row["told"])[0])

    assert told == ["0.9", "0.9", "0.92", "0.92"]


@pytest.mark.parametrize(("hits", "verdict"), [(951, "met"), (917, "undecided"), (737, "violated")])
def test_no_report_shows_a_score_a_bound_or_a_count(suite, judge, hits, verdict):
    """What would be shown without the ladder is taken from a run without it."""
    suite.ini(mlspec_ledger=LEDGER)
    open_output = judge(hits)
    (row,) = suite.document()["requirements"]
    numbers = [row["value"], row["low"], row["high"], *row["values"]]
    assert row["verdict"] == verdict
    leaks = {f"{number:.3f}" for number in numbers} | {str(hits)}
    assert all(leak in open_output for leak in {f"{row['value']:.3f}", f"{row['low']:.3f}"})

    suite.ini(mlspec_ledger=LEDGER, mlspec_ladder="0.01")
    output = judge(hits)
    (row,) = suite.document()["requirements"]

    assert row["verdict"] == verdict
    assert [row["value"], row["low"], row["high"], row["values"], row["per_member"]] == [None, None, None, [], {}]
    assert (row["n"], row["unit"]) == (1000, "examples")
    assert [leak for leak in leaks if leak in output] == []
    assert "would decide it" not in output
    assert "read 1 of 20 of 1,000 cases" in output


@pytest.mark.parametrize(
    ("assertion", "leak"),
    [
        ("metrics.recall(FAIR).gap(by='sex') <= 0.5", "450/500"),
        ("metrics.recall(UNFAIR).gap(by='sex') <= 0.1", "218/368"),
        ("metrics.accuracy(GOOD) - metrics.accuracy(BAD) >= 0.7", "0.490"),
        ("metrics.f1(BAD) >= 0.9", "0.667"),
    ],
)
def test_what_is_no_rate_of_one_set_is_not_told_at_all(judge, assertion, leak):
    output = judge(0, f"def test_it():\n    assert {assertion}")

    assert leak not in output
    assert "scores, bounds and counts are not told: mlspec_ladder tells them for a rate" in output


def test_listed_cases_are_not_named(judge):
    output = judge(
        0,
        """
        def listed():
            return Predictions(y=np.zeros(10), values=np.where(np.arange(10) == 3, 7 / 8, 0))

        @pytest.mark.satisficing(max_failures=0, delta=0.5)
        def test_it(requirement):
            assert metrics.failure_rate(listed(), loss="absolute_error") <= requirement
        """,
    )

    assert "VIOLATED" in output
    assert "0.875" not in output
    assert "row 3" not in output
    assert "1 failing" not in output


def test_a_search_does_not_tell_either(judge):
    pytest.importorskip("hypothesis", reason="an extra")
    output = judge(
        0,
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=3, derandomize=True, database=None)
        @given(st.just(737))
        def test_it(hits):
            assert metrics.recall(rate(hits, 1000)) >= 0.9
        """,
    )

    assert "VIOLATED" in output
    assert "0.737" not in output


def test_misuse_does_not_tell_the_value(judge):
    output = judge(0, "def test_it():\n    assert metrics.recall(rate(737, 1000)) == 0.5")

    assert "an estimate has no exact value" in output
    assert "0.737" not in output


def test_several_claims_tell_nothing(judge):
    """Each cell has a row of its own."""
    output = judge(
        0,
        """
        from pytest_mlspec import Domain

        def test_it():
            assert metrics.recall(UNFAIR).over(Domain({"sex": ["women", "men"]})) >= 0.99
        """,
    )

    assert "VIOLATED" in output
    assert "0.592" not in output
    assert "218/368" not in output


def test_a_worn_out_test_set_releases_nothing_more(suite, judge):
    suite.ini(mlspec_ledger=LEDGER, mlspec_ladder="0.01", mlspec_budget="1")
    judge(900)
    output = judge(999)

    assert "stale holdout" in output
    assert "best score told so far 0.9," in output


def test_reasons_that_hold_for_every_model_stay(judge):
    output = judge(0, "def test_it():\n    assert metrics.recall(FEW).seed_std() <= 0.1")

    assert "needs at least" in output


def test_a_ladder_needs_a_ledger(suite):
    suite.ini(mlspec_ladder="0.01")
    result = suite.run("def test_it(): pass")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: mlspec_ladder=0.01 needs a ledger to keep what was told: *"])


@pytest.mark.parametrize("step", ["0", "2", "small"])
def test_a_bad_step_is_a_usage_error(suite, step):
    suite.ini(mlspec_ledger=LEDGER, mlspec_ladder=step)

    assert suite.run("def test_it(): pass").ret == pytest.ExitCode.USAGE_ERROR
