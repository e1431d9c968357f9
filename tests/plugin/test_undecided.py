"""Undecided: red by default; under `allow` an outcome of its own, which covers no violated or unjudged contract."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

ALLOW = "--mlspec-undecided=allow"
BODY = """
@pytest.mark.satisficing(at_least=0.9, id="REC")
def test_contract(requirement):
    assert metrics.recall(FEW) >= requirement

def test_literal():
    assert metrics.recall(FEW) >= 0.9

def test_met():
    assert metrics.recall(GOOD) >= 0.9
"""


def test_undecided_is_red_by_default(suite):
    result = suite.run(BODY)

    assert result.parseoutcomes() == {"failed": 2, "passed": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_allow_is_an_outcome_of_its_own_with_exit_code_zero(suite):
    result = suite.run(BODY, ALLOW)

    assert result.parseoutcomes() == {"undecided": 2, "passed": 1}
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "test_it.py uu.*",
            "UNDECIDED REC: recall >= 0.90: 0.900 [[]0.606, 0.995] (test_it.py::test_contract)",
            "1 met, 0 violated, 2 undecided, 0 not judged",
        ]
    )


def test_the_word_and_its_colour(suite):
    result = suite.run(BODY, ALLOW, "-v", "--color=yes")

    result.stdout.fnmatch_lines(["*test_contract *\x1b[[]33mUNDECIDED*", "*\x1b[[]33m*2 undecided*"])


@pytest.mark.parametrize(
    ("ini", "option", "outcome"),
    [
        ("allow", (), "undecided"),
        ("fail", (), "failed"),
        ("fail", (ALLOW,), "undecided"),
        ("allow", ("--mlspec-undecided=fail",), "failed"),
    ],
)
def test_the_ini_twin_gives_way_to_the_option(suite, ini, option, outcome):
    suite.ini(mlspec_undecided=ini)

    assert suite.run(BODY, *option).parseoutcomes() == {outcome: 2, "passed": 1}


def test_junit_says_skipped_and_why(suite):
    suite.run(BODY, ALLOW, "--junit-xml=out.xml")
    cases = {case.attrib["name"]: case for case in ElementTree.parse(suite.pytester.path / "out.xml").iter("testcase")}
    skipped = cases["test_contract"].find("skipped")

    assert skipped.attrib["message"].startswith("UNDECIDED REC: recall >= 0.90\nmeasured 0.900, one-sided 95% bounds")
    assert cases["test_contract"].find("failure") is None
    assert cases["test_met"].find("skipped") is None


def test_allow_covers_nothing_else(suite):
    assert suite.outcomes(
        """
        floor = pytest.mark.satisficing(at_least=0.9, id="REC")
        gap = pytest.mark.parity(by="sex", max_gap=0.1, id="GAP")

        @floor
        def test_negated(requirement):
            assert not metrics.recall(FEW) >= requirement

        def test_negated_literal():
            assert not metrics.recall(FEW) >= 0.9

        @floor
        @gap
        def test_violated_too(requirement):
            assert metrics.recall(FEW) >= requirement
            with pytest.raises(AssertionError):
                assert metrics.recall(UNFAIR).gap(by="sex") <= requirement

        @floor
        @gap
        def test_not_judged_too(requirement):
            assert metrics.recall(FEW) >= requirement

        @floor
        def test_never_asked(requirement):
            metrics.recall(FEW) >= requirement

        @floor
        def test_crash_after(requirement):
            assert metrics.recall(FEW) >= requirement
            raise RuntimeError

        @floor
        def test_skip_after(requirement):
            assert metrics.recall(FEW) >= requirement
            pytest.skip("never mind")

        @floor
        @gap
        def test_met_too(requirement):
            assert metrics.recall(FEW) >= requirement
            assert metrics.recall(FAIR).gap(by="sex") <= requirement
    """,
        ALLOW,
    ) == {
        "test_negated": "FAILED",
        "test_negated_literal": "FAILED",
        "test_violated_too": "FAILED",
        "test_not_judged_too": "FAILED",
        "test_never_asked": "FAILED",
        "test_crash_after": "FAILED",
        "test_skip_after": "FAILED",
        "test_met_too": "UNDECIDED",
    }


@pytest.mark.parametrize("strict", [False, True])
def test_allow_under_xfail_is_the_expected_failure(suite, strict):
    outcomes = suite.outcomes(
        f"""
        pytestmark = pytest.mark.xfail(reason="not enough data yet", strict={strict})

        @pytest.mark.satisficing(at_least=0.9)
        def test_undecided(requirement):
            assert metrics.recall(FEW) >= requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_met(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_not_judged(requirement):
            pass
    """,
        ALLOW,
    )

    assert outcomes == {
        "test_undecided": "XFAIL",
        "test_met": "FAILED" if strict else "XPASS",
        "test_not_judged": "FAILED",
    }


def test_undecided_in_a_worker_of_xdist(suite):
    result = suite.run(BODY, ALLOW, "-p", "xdist", "-n1", subprocess=True)

    assert result.parseoutcomes() == {"undecided": 2, "passed": 1}
    assert result.ret == pytest.ExitCode.OK
