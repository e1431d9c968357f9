"""What a mark excuses, what a report lists, and whose verdict it is."""

from __future__ import annotations


def test_xfail_covers_a_verdict_and_nothing_else(suite):
    outcomes = suite.outcomes("""
        pytestmark = [pytest.mark.xfail(reason="known"), pytest.mark.satisficing(at_least=0.9)]

        def test_crash_after_met(requirement):
            assert metrics.recall(GOOD) >= requirement
            raise RuntimeError("disk full")

        def test_crash_after_violated(requirement):
            bool(metrics.recall(BAD) >= requirement)
            raise RuntimeError("disk full")

        def test_other_assertion_after_met(requirement):
            assert metrics.recall(GOOD) >= requirement
            assert 1 == 2

        def test_xfail_call_after_violated(requirement):
            bool(metrics.recall(BAD) >= requirement)
            pytest.xfail("never mind")

        def test_skip_after_violated(requirement):
            bool(metrics.recall(BAD) >= requirement)
            pytest.skip("never mind")

        def test_forgotten_after_violated(requirement):
            metrics.recall(GOOD) >= 0.5
            assert metrics.recall(BAD) >= requirement

        def test_violated(requirement):
            assert metrics.recall(BAD) >= requirement
    """)

    assert outcomes.pop("test_violated") == "XFAIL"
    assert set(outcomes.values()) == {"FAILED"}
    assert len(outcomes) == 6


def test_a_skip_mark_skips_and_is_listed(suite):
    suite.run("""
        @pytest.mark.skip(reason="model is being retrained")
        @pytest.mark.satisficing(at_least=0.9, id="REC-1")
        def test_marked(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.skipif("True", reason="another machine")
        @pytest.mark.satisficing
        def test_label():
            pass
    """)
    result = suite.again("--mlspec-json=out.json")

    assert result.parseoutcomes() == {"skipped": 2}
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "NOT JUDGED REC-1: satisficing(at_least=0.90): skipped: model is being retrained (test_it.py::test_marked)",
            "0 met, 0 violated, 0 undecided, 2 not judged",
        ]
    )
    assert [row["verdict"] for row in suite.document()["requirements"]] == ["not judged"] * 2


def test_contracts_after_the_first_failing_assert_are_listed(suite):
    result = suite.run(
        """
        @pytest.mark.satisficing(at_least=0.9, id="REC-1")
        @pytest.mark.parity(by="sex", max_gap=0.1, id="FAIR-1")
        def test_both(requirement):
            assert metrics.recall(BAD) >= requirement
            assert metrics.recall(FAIR).gap(by="sex") <= requirement
    """,
        "--mlspec-json=out.json",
    )

    result.stdout.fnmatch_lines(
        [
            "E*assert VIOLATED REC-1: recall >= 0.90",
            "NOT JUDGED FAIR-1: parity(by='sex', max_gap=0.10) of test_it.py:2",
            "0 met, 1 violated, 0 undecided, 1 not judged",
        ]
    )
    assert [(row["id"], row["verdict"]) for row in suite.document()["requirements"]] == [
        ("REC-1", "violated"),
        ("FAIR-1", "not judged"),
    ]


def test_an_unmarked_test_of_literals_is_an_ordinary_test(suite):
    assert suite.outcomes("""
        def test_met():
            assert metrics.recall(GOOD) >= 0.9

        def test_violated():
            assert metrics.recall(BAD) >= 0.9

        def test_negative_control():
            assert not metrics.recall(BAD) >= 0.9

        def test_no_estimate():
            assert 1 + 1 == 2

        def test_skips():
            pytest.skip("no GPU")
    """) == {
        "test_met": "PASSED",
        "test_violated": "FAILED",
        "test_negative_control": "PASSED",
        "test_no_estimate": "PASSED",
        "test_skips": "SKIPPED",
    }


def test_what_a_fixture_judges_on_its_way_out(suite):
    result = suite.run("""
        @pytest.fixture
        def judges():
            yield
            assert not metrics.recall(BAD) >= 0.9

        @pytest.fixture
        def forgets():
            yield
            metrics.recall(GOOD) >= 0.9

        @pytest.mark.satisficing
        def test_negated_after_a_pass(judges):
            assert metrics.recall(GOOD) >= 0.9

        def test_forgotten_after_a_pass(forgets):
            pass

        @pytest.mark.satisficing(at_least=0.9)
        def test_judged_too_late(requirement, judges):
            pass
    """)

    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "errors": 2}
    result.stdout.fnmatch_lines(["*VIOLATED recall >= 0.90", "*NEVER ASKED: recall >= 0.90 was computed*"])


def test_a_verdict_of_another_test_is_nobodys(suite):
    assert suite.outcomes("""
        @pytest.fixture(scope="module")
        def verdict():
            return metrics.recall(GOOD) >= 0.9

        @pytest.mark.satisficing(at_least=0.9)
        def test_kept(verdict, requirement):
            assert verdict

        @pytest.mark.satisficing
        def test_label(verdict):
            assert verdict

        KEPT = []

        @pytest.mark.satisficing(at_least=0.9)
        def test_keeps(requirement):
            KEPT.append(metrics.recall(GOOD) >= requirement)
            assert KEPT[0]

        @pytest.mark.satisficing(at_least=0.9)
        def test_uses_what_was_kept(requirement):
            assert KEPT[0]
    """) == {
        "test_kept": "FAILED",
        "test_label": "FAILED",
        "test_keeps": "PASSED",
        "test_uses_what_was_kept": "FAILED",
    }
