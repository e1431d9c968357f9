"""Marks become contracts at collection: the innermost mark wins, and an estimate finds its contract."""

from __future__ import annotations

import pytest

UNKNOWN_MARKS = ("-W", "ignore::pytest.PytestUnknownMarkWarning")


def test_the_innermost_mark_wins(suite):
    suite.run(
        """
        pytestmark = pytest.mark.satisficing(at_least=0.1)

        def test_module(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing(at_least=0.3)
        def test_function(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing(at_least=0.2)
        class TestIt:
            def test_class(self, requirement):
                assert metrics.recall(GOOD) >= requirement

            @pytest.mark.satisficing(at_least=0.3)
            @pytest.mark.parametrize(
                "model", [
                    pytest.param(GOOD, id="plain"),
                    pytest.param(GOOD, marks=pytest.mark.satisficing(at_least=0.4), id="own"),
                ]
            )
            def test_parameter(self, model, requirement):
                assert metrics.recall(model) >= requirement

            @pytest.mark.satisficing
            def test_bare(self, requirement):
                assert metrics.recall(GOOD) >= requirement

        @pytest.mark.parity(by="sex", max_gap=0.2)
        def test_another_kind(requirement):
            assert metrics.recall(FAIR).gap(by="sex") <= requirement
            assert metrics.recall(GOOD) >= requirement
    """,
        "--mlspec-json=out.json",
    )
    thresholds = {}
    for row in suite.document()["requirements"]:
        thresholds.setdefault(row["test"].partition("::")[2], set()).add(row["threshold"])

    assert thresholds == {
        "test_module": {0.1},
        "test_function": {0.3},
        "TestIt::test_class": {0.2},
        "TestIt::test_parameter[plain]": {0.3},
        "TestIt::test_parameter[own]": {0.4},
        "TestIt::test_bare": {0.2},
        "test_another_kind": {0.1, 0.2},
    }
    assert suite.document()["tally"]["met"] == 8


def test_several_contracts_find_their_estimates(suite):
    result = suite.run(
        """
        columns = {"sex": ["f", "f", "m", "m"] * 250}
        said = Predictions(y=[0, 1] * 500, probabilities=[[1.0, 0.0], [0.0, 1.0]] * 500, columns=columns)

        @pytest.mark.satisficing(at_least=0.9, metric="recall", id="REC")
        @pytest.mark.satisficing(at_least=0.8, metric="accuracy", id="ACC")
        @pytest.mark.satisficing(at_least=0.7, id="ANY")
        @pytest.mark.calibration(max_ece=0.3, id="ECE")
        @pytest.mark.calibration(max_mce=0.4, id="MCE")
        @pytest.mark.parity(by="sex", max_gap=0.2, id="GAP")
        @pytest.mark.parity(by="sex", min_ratio=0.6, id="RATIO")
        def test_all(requirement):
            recall = metrics.recall(said)
            assert recall.ratio(by="sex") >= requirement
            assert recall.gap(by="sex") <= requirement
            assert metrics.ece(said) <= requirement
            assert metrics.mce(said) <= requirement
            assert metrics.precision(said) >= requirement
            assert metrics.accuracy(said) >= requirement
            assert recall >= requirement
    """,
        "--mlspec-json=out.json",
    )

    assert result.parseoutcomes() == {"passed": 1}
    judged = {row["id"]: (row["metric"], row["form"], row["threshold"]) for row in suite.document()["requirements"]}
    assert judged == {
        "REC": ("recall", "level", 0.9),
        "ACC": ("accuracy", "level", 0.8),
        "ANY": ("precision", "level", 0.7),
        "ECE": ("ece", "level", 0.3),
        "MCE": ("mce", "level", 0.4),
        "GAP": ("recall", "gap", 0.2),
        "RATIO": ("recall", "ratio", 0.6),
    }


def test_two_alike_are_told_apart_by_id(suite):
    result = suite.run("""
        pytestmark = [pytest.mark.satisficing(at_least=0.9, id="A"), pytest.mark.satisficing(at_least=0.8, id="B")]

        def test_named(requirement):
            assert metrics.recall(GOOD) >= requirement["A"]
            assert metrics.recall(GOOD) >= requirement["B"]

        def test_one_is_left(requirement):
            assert metrics.recall(GOOD) >= requirement["A"]

        def test_unnamed(requirement):
            assert metrics.recall(GOOD) >= requirement

        def test_unknown(requirement):
            assert metrics.recall(GOOD) >= requirement["C"]
    """)

    assert result.parseoutcomes() == {"passed": 1, "failed": 3}
    result.stdout.fnmatch_lines(
        [
            "NOT JUDGED B: satisficing(at_least=0.80) of test_it.py:*",
            '*ContractError: recall matches 2 contracts of this test: write one of requirement[[]"?"], *[[]"?"]',
            "*ContractError: no contract of this test has the id 'C'; it has *",
        ]
    )


def test_where_requirement_cannot_be_read(suite):
    result = suite.run("""
        from pytest_mlspec.requirements.requirement import Requirement

        @pytest.fixture(scope="module")
        def early(requirement):
            return metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_wider_fixture(early):
            assert early

        def test_no_contract(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_float(requirement):
            assert metrics.recall(GOOD).value >= requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_truth(requirement):
            assert requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_strictly(requirement):
            assert metrics.recall(GOOD) > requirement

        @pytest.mark.satisficing(at_least=0.9)
        def test_equal(requirement):
            assert requirement == metrics.recall(GOOD)
    """)

    assert result.parseoutcomes() == {"failed": 5, "errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*ContractError: `requirement` was read while the module fixture 'early' was set up: *outlives the test",
            "*ContractError: this test has no contract: mark it, *",
            "*TypeError: `requirement` judges an estimate *, got 0.99; a bare number has no bounds to decide with",
            "*TypeError: `requirement` has no truth of its own*",
            "*TypeError: write `>=`*",
            "*TypeError: `requirement` is a limit*",
        ]
    )


def test_outside_a_test_requirement_says_so(suite):
    result = suite.run(
        """
        from pytest_mlspec.requirements.requirement import Requirement

        metrics.recall(GOOD) >= Requirement()
    """,
        subprocess=True,
    )

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*`requirement` was read outside a test: it stands for the contract of the running test",
        ]
    )


def test_a_percentage_is_not_a_fraction(suite):
    result = suite.run(
        """
        @pytest.mark.satisficing(at_most=5)
        def test_always_met(requirement):
            alarms = Predictions(y=[0] * 50, labels=[1] * 50, classes=[0, 1], positive=1)
            assert metrics.false_positive_rate(alarms) <= requirement

        @pytest.mark.parity(by="sex", max_gap=10)
        def test_gap(requirement):
            assert metrics.recall(UNFAIR).gap(by="sex") <= requirement

        def test_literal():
            assert metrics.recall(GOOD) >= 95

        def test_vacuous_difference():
            assert metrics.recall(GOOD) - metrics.recall(GOOD) >= -5

        def test_errors_have_no_such_range():
            assert metrics.mae(Predictions(y=[100.0] * 50, values=[0.0] * 50)) >= 20
    """,
        *UNKNOWN_MARKS,
    )

    assert result.parseoutcomes() == {"failed": 4, "passed": 1}
    result.stdout.fnmatch_lines(
        [
            "*false positive rate lies in [[]0, 1], a fraction and never percent;"
            " got false_positive_rate <= 5: did you mean 0.05?",
            "*got recall <= 10: did you mean 0.1?",
            "*got recall >= 95: did you mean 0.95?",
            "*lies in [[]-1, 1]*did you mean -0.05?",
        ]
    )


def test_marks_of_strangers_are_left_alone(suite):
    """Words such as `parity` label other things in other suites."""
    result = suite.run(
        """
        @pytest.mark.parity
        def test_even():
            assert 2 % 2 == 0

        @pytest.mark.calibration
        class TestSensor:
            def test_offset(self):
                pass

        @pytest.mark.slow(reason="nightly", limit=3)
        def test_slow():
            pass

        @pytest.mark.satisfying("customers")
        def test_nearly_ours():
            pass
    """,
        "-v",
        *UNKNOWN_MARKS,
    )

    assert result.parseoutcomes() == {"passed": 4}
    result.stdout.no_fnmatch_line("*mlspec =*")


SELECTED = """
from pytest_mlspec import calibration, parity, satisficing, seed_variance

@satisficing(at_least=0.9)
def test_satisficing(): pass

@calibration(max_ece=0.1)
def test_calibration(): pass

@parity(by="sex", max_gap=0.1)
def test_parity(): pass

@seed_variance(max_std=0.1)
def test_seed_variance(): pass

@satisficing()
def test_label(): pass

def test_other(): pass
"""


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("satisficing", ["satisficing", "calibration", "parity", "seed_variance", "label"]),
        ("parity", ["parity"]),
        ("calibration or seed_variance", ["calibration", "seed_variance"]),
        ("not satisficing", ["other"]),
    ],
)
def test_the_gate_and_one_kind_can_be_selected(suite, expression, selected):
    result = suite.run(SELECTED, "--collect-only", "-q", "-m", expression, "--strict-markers")
    found = [line.removeprefix("test_it.py::test_") for line in result.outlines if line.startswith("test_it.py::")]

    assert found == selected


def test_nothing_selected_is_the_exit_code_of_pytest(suite):
    assert suite.run("def test_other(): pass", "-m", "satisficing").ret == pytest.ExitCode.NO_TESTS_COLLECTED
