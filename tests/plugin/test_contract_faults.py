"""Faulty marks are answered at collection, all at once, before anything trains."""

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
    "test_it.py:2: satisficing: no limit given, expected one of at_least= | at_most= | max_failure_rate="
    " | max_failures=; did you mean at_least=0.9? delta is the largest loss of one case",
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
    "test_it.py:*: one estimate could match both satisficing(at_least=0.90) and satisficing(at_least=0.80);"
    ' give each a metric=, or each an id= and write requirement[[]"the id"] in the body',
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
