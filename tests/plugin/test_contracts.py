"""Marks become contracts at collection: faults all at once, the innermost mark wins, an estimate finds its contract."""

from __future__ import annotations

import pytest

UNKNOWN_MARKS = ("-W", "ignore::pytest.PytestUnknownMarkWarning")

FAULTY = """
@pytest.mark.satisficing(delta=0.9)
def test_delta_alone(requirement): train()

@pytest.mark.satisficing(at_lest=0.9, becuase="typo")
def test_misspelt_arguments(requirement): train()

@pytest.mark.satisficing(0.9)
def test_positional(requirement): train()

@pytest.mark.satisficing(at_least="x", at_most=3, confidence=95, members="most", max_loss=0, id="", because=7)
def test_values(requirement): train()

@pytest.mark.parity(max_gap=0.1)
def test_by_is_missing(requirement): train()

@pytest.mark.calibration(max_ece=5)
def test_percent(requirement): train()

@pytest.mark.satisficng(at_least=0.9)
def test_misspelt_marker(): train()

@pytest.mark.satisficing(at_least=0.9)
@pytest.mark.satisficing(at_least=0.8)
def test_ambiguous(requirement): train()

@pytest.mark.satisficing(max_failure_rate=1, metric="recall", delta=1)
def test_metric_of_a_failure_rate(requirement): train()

@pytest.mark.parity
def test_bare_kind(requirement): train()

@pytest.mark.seed_variance(max_std=-1, members="every")
@pytest.mark.satisficing(max_failures=0.5, delta=1)
def test_two_faulty_marks(requirement): train()

@pytest.mark.satisficing(at_least=0.9, id="X")
@pytest.mark.parity(by=["sex", "sex"], max_gap=0.1, id="X")
def test_columns(requirement): train()

@pytest.mark.satisficing(at_least=0.9, id="X")
@pytest.mark.parity(by="sex", max_gap=0.1, id="X")
def test_same_id(requirement): train()

@pytest.mark.calibration(max_ece=0.1, bins=1)
def test_bins(requirement): train()

def test_innocent(): train()

def train():
    open("trained", "a").write("x")
"""

ANSWERS = [
    "test_it.py:2: satisficing: no limit given, expected one of at_least= | at_most= | max_failure_rate= | max_failures=;"
    " did you mean at_least=0.9? delta is the largest loss of one case",
    "test_it.py:5: satisficing: unknown argument at_lest=0.9; did you mean 'at_least'?*",
    "test_it.py:5: satisficing: unknown argument becuase='typo'; did you mean 'because'?*",
    "test_it.py:8: satisficing: takes keywords only, got 0.9; write for example at_least=0.9",
    "test_it.py:*: satisficing: at_least='x': expected a finite number",
    "test_it.py:*: satisficing: confidence=95: expected a confidence in [[]0.5, 1), such as 0.95",
    'test_it.py:*: satisficing: members=\'most\': expected "every", "mean" or a share of retrainings such as 0.9',
    "test_it.py:*: satisficing: max_loss=0: expected a number above 0",
    "test_it.py:*: satisficing: id='': expected a non-empty string",
    "test_it.py:*: satisficing: because=7: expected a non-empty string",
    "test_it.py:*: satisficing: one limit per marker, got at_least='x', at_most=3; stack two markers instead",
    "test_it.py:*: parity: by= is missing",
    "test_it.py:*: calibration: max_ece=5: expected a fraction in [[]0, 1], never percent; did you mean 0.05?",
    "test_it.py:*: unknown marker 'satisficng'; did you mean 'satisficing'?",
    "test_it.py:*: one estimate could match both satisficing(at_least=0.90) and satisficing(at_least=0.80); give each a metric=,"
    ' or each an id= and write requirement[[]"the id"] in the body',
    "test_it.py:*: satisficing: max_failure_rate bounds failure_rate, got metric='recall'",
    "test_it.py:*: satisficing: delta belongs to failure_rate, got metric='recall'",
    "test_it.py:*: parity: no limit given, expected one of max_gap= | min_ratio=",
    "test_it.py:*: satisficing: max_failures=0.5: expected a whole number, 0 or more",
    "test_it.py:*: seed_variance: unknown argument members='every'*",
    "test_it.py:*: seed_variance: max_std=-1: expected a number that is not negative",
    "test_it.py:*: parity: by=[[]'sex', 'sex']: expected distinct columns",
    "test_it.py:*: two contracts have the id 'X': X: satisficing(at_least=0.90) and X: parity(by='sex', max_gap=0.10)",
    "test_it.py:*: calibration: bins=1: expected at least 2 bins",
]




def test_every_fault_is_answered_before_anything_trains(suite):
    result = suite.run(FAULTY, *UNKNOWN_MARKS)

    result.stdout.fnmatch_lines(ANSWERS)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert result.parseoutcomes() == {"errors": 14}
    assert not (suite.pytester.path / "trained").exists()


def test_workers_of_xdist_train_nothing_either(suite):
    result = suite.run(FAULTY, *UNKNOWN_MARKS, "-p", "xdist", "-n2", subprocess=True)

    assert result.parseoutcomes() == {"errors": 14}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not (suite.pytester.path / "trained").exists()


def test_faulty_marks_fail_their_tests_where_collection_errors_are_passed_over(suite):
    body = "pytestmark = pytest.mark.xfail(reason='known')\n" + FAULTY
    result = suite.run(body, *UNKNOWN_MARKS, "--continue-on-collection-errors")

    assert result.parseoutcomes() == {"errors": 28, "xpassed": 1}  # at collection and again at the set-up
    assert (suite.pytester.path / "trained").read_text() == "x"


def test_the_innermost_mark_wins(suite):
    suite.run("""
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
                "model", [pytest.param(GOOD, id="plain"), pytest.param(GOOD, marks=pytest.mark.satisficing(at_least=0.4), id="own")]
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
    """, "--mlspec-json=out.json")
    thresholds = {}
    for row in suite.document()["requirements"]:
        thresholds.setdefault(row["test"].partition("::")[2], set()).add(row["threshold"])

    assert thresholds == {
        "test_module": {0.1}, "test_function": {0.3}, "TestIt::test_class": {0.2}, "TestIt::test_parameter[plain]": {0.3},
        "TestIt::test_parameter[own]": {0.4}, "TestIt::test_bare": {0.2}, "test_another_kind": {0.1, 0.2},
    }
    assert suite.document()["tally"]["met"] == 8


def test_several_contracts_find_their_estimates(suite):
    result = suite.run("""
        said = Predictions(y=[0, 1] * 500, probabilities=[[1.0, 0.0], [0.0, 1.0]] * 500, columns={"sex": ["f", "f", "m", "m"] * 250})

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
    """, "--mlspec-json=out.json")

    assert result.parseoutcomes() == {"passed": 1}
    judged = {row["id"]: (row["metric"], row["form"], row["threshold"]) for row in suite.document()["requirements"]}
    assert judged == {
        "REC": ("recall", "level", 0.9), "ACC": ("accuracy", "level", 0.8), "ANY": ("precision", "level", 0.7),
        "ECE": ("ece", "level", 0.3), "MCE": ("mce", "level", 0.4), "GAP": ("recall", "gap", 0.2),
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
    result.stdout.fnmatch_lines([
        "NOT JUDGED B: satisficing(at_least=0.80) of test_it.py:*",
        '*ContractError: recall matches 2 contracts of this test: write one of requirement[[]"?"], requirement[[]"?"]',
        "*ContractError: no contract of this test has the id 'C'; it has *",
    ])


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
    result.stdout.fnmatch_lines([
        "*ContractError: `requirement` was read while the module fixture 'early' was set up: that fixture outlives the test",
        "*ContractError: this test has no contract: mark it, *",
        "*TypeError: `requirement` judges an estimate *, got 0.99; a bare number has no bounds to decide with",
        "*TypeError: `requirement` has no truth of its own*",
        "*TypeError: write `>=`*",
        "*TypeError: `requirement` is a limit*",
    ])


def test_outside_a_test_requirement_says_so(suite):
    result = suite.run("""
        from pytest_mlspec.requirements.requirement import Requirement

        metrics.recall(GOOD) >= Requirement()
    """, subprocess=True)

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["*`requirement` was read outside a test: it stands for the contract of the running test"])


def test_a_percentage_is_not_a_fraction(suite):
    result = suite.run("""
        @pytest.mark.satisficing(at_most=5)
        def test_always_met(requirement):
            assert metrics.false_positive_rate(Predictions(y=[0] * 50, labels=[1] * 50, classes=[0, 1], positive=1)) <= requirement

        @pytest.mark.parity(by="sex", max_gap=10)
        def test_gap(requirement):
            assert metrics.recall(UNFAIR).gap(by="sex") <= requirement

        def test_literal():
            assert metrics.recall(GOOD) >= 95

        def test_vacuous_difference():
            assert metrics.recall(GOOD) - metrics.recall(GOOD) >= -5

        def test_errors_have_no_such_range():
            assert metrics.mae(Predictions(y=[100.0] * 50, values=[0.0] * 50)) >= 20
    """, *UNKNOWN_MARKS)

    assert result.parseoutcomes() == {"failed": 4, "passed": 1}
    result.stdout.fnmatch_lines([
        "*false positive rate lies in [[]0, 1], a fraction and never percent; got false_positive_rate <= 5: did you mean 0.05?",
        "*got recall <= 10: did you mean 0.1?",
        "*got recall >= 95: did you mean 0.95?",
        "*lies in [[]-1, 1]*did you mean -0.05?",
    ])


def test_marks_of_strangers_are_left_alone(suite):
    """Words such as `parity` label other things in other suites."""
    result = suite.run("""
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
    """, "-v", *UNKNOWN_MARKS)

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
