"""A test with a contract passes only if the contract was judged and met, whatever its body does with the verdict."""

from __future__ import annotations

import pytest

MARKS = {
    "no xfail": "",
    "xfail": "pytestmark = pytest.mark.xfail(reason='known')",
    "strict xfail": "pytestmark = pytest.mark.xfail(reason='known', strict=True)",
}
every_mark = pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)

MET = """
@pytest.mark.satisficing(at_least=0.9)
def test_met(requirement):
    assert metrics.recall(GOOD) >= requirement

@pytest.mark.satisficing
def test_met_label():
    assert metrics.recall(GOOD) >= 0.9
"""

NOT_JUDGED = """
floor = pytest.mark.satisficing(at_least=0.9)
gap = pytest.mark.parity(by="sex", max_gap=0.2)

@floor
def test_empty(requirement):
    pass

@floor
def test_value_only(requirement):
    assert metrics.recall(GOOD).value >= 0.9

@floor
def test_dropped(requirement):
    metrics.recall(GOOD) >= requirement

@floor
def test_is_not_none(requirement):
    assert (metrics.recall(GOOD) >= requirement) is not None

@floor
def test_returned(requirement):
    return metrics.recall(GOOD) >= requirement

@floor
def test_weaker_literal(requirement):
    assert metrics.recall(GOOD) >= 0.5

@floor
def test_same_literal(requirement):
    assert metrics.recall(GOOD) >= 0.9

@floor
def test_wrong_direction(requirement):
    assert metrics.recall(GOOD) <= requirement

@floor
def test_wrong_direction_caught(requirement):
    with pytest.raises(ValueError):
        metrics.recall(GOOD) <= requirement

@floor
def test_short_circuit(requirement):
    assert True or metrics.recall(GOOD) >= requirement

@floor
def test_returns_early(requirement):
    if len(GOOD) == 1000:
        return
    assert metrics.recall(GOOD) >= requirement

@pytest.mark.satisficing(at_least=0.9, metric="recall")
def test_another_metric(requirement):
    assert metrics.accuracy(GOOD) >= requirement

@gap
def test_another_by(requirement):
    columns = {"sex": list("ab"), "age": list("cd")}
    both = Predictions(y=[1, 1], labels=[1, 1], positive=1, classes=[0, 1], columns=columns)
    assert metrics.recall(both).gap(by="age") <= requirement

@gap
def test_level_for_gap(requirement):
    assert metrics.recall(FAIR) <= requirement

@gap
def test_worst_for_gap(requirement):
    assert metrics.recall(FAIR).worst(by="sex") <= requirement

@pytest.mark.calibration(max_ece=0.2, bins=10)
def test_another_bins(requirement):
    said = Predictions(y=[0, 1] * 500, probabilities=[[1.0, 0.0], [0.0, 1.0]] * 500)
    assert metrics.ece(said, bins=15) <= requirement

@pytest.mark.satisficing(max_failure_rate=0.5, delta=1.0)
def test_another_delta(requirement):
    assert metrics.failure_rate(Predictions(y=[0.0] * 90, values=[0.1] * 90), delta=2.0) <= requirement

@pytest.mark.satisficing
def test_label_of_nothing():
    pass

@pytest.mark.satisficing
def test_label_of_a_float():
    assert metrics.recall(GOOD).value >= 0.9

@floor
def test_crash(requirement):
    raise RuntimeError("no data")

@floor
def test_assertion_of_something_else(requirement):
    assert len(GOOD) == 3

@floor
def test_skips_in_the_body(requirement):
    pytest.skip("no GPU")

@pytest.fixture
def gpu():
    pytest.skip("no GPU")

@floor
def test_skips_in_a_fixture(gpu, requirement):
    assert metrics.recall(GOOD) >= requirement

@floor
def test_imports_or_skips(requirement):
    pytest.importorskip("no_such_module")

@floor
def test_xfails_in_the_body(requirement):
    pytest.xfail("later")

@floor
@pytest.mark.xfail(run=False)
def test_xfails_unrun(requirement):
    assert metrics.recall(GOOD) >= requirement

def test_forgotten_assert_without_a_marker():
    metrics.recall(GOOD) >= 0.9
"""

DISGUISED = """
from contextlib import suppress
floor = pytest.mark.satisficing(at_least=0.9)

@floor
def test_plain(requirement):
    assert metrics.recall(BAD) >= requirement

@floor
def test_negated(requirement):
    assert not metrics.recall(BAD) >= requirement

@floor
def test_or_true(requirement):
    assert metrics.recall(BAD) >= requirement or True

@floor
def test_only_asked(requirement):
    bool(metrics.recall(BAD) >= requirement)

@floor
def test_branch(requirement):
    if metrics.recall(BAD) >= requirement:
        raise RuntimeError

@floor
def test_caught(requirement):
    try:
        assert metrics.recall(BAD) >= requirement
    except AssertionError:
        pass

@floor
def test_suppressed(requirement):
    with suppress(BaseException):
        assert metrics.recall(BAD) >= requirement

@floor
def test_raises(requirement):
    with pytest.raises(AssertionError):
        assert metrics.recall(BAD) >= requirement

@floor
def test_undecided_raises(requirement):
    with pytest.raises(AssertionError):
        assert metrics.recall(FEW) >= requirement

@floor
def test_undecided_negated(requirement):
    assert not metrics.recall(FEW) >= requirement

@floor
def test_undecided_or(requirement):
    with suppress(AssertionError):
        assert metrics.recall(FEW) >= requirement or True

@floor
def test_met_once_and_violated_once(requirement):
    assert any(metrics.recall(model) >= requirement for model in (BAD, GOOD))

@floor
def test_a_violated_literal_beside_a_met_contract(requirement):
    assert metrics.recall(GOOD) >= requirement
    assert not metrics.recall(BAD) >= 0.8

@pytest.mark.satisficing
def test_label_negated():
    assert not metrics.recall(BAD) >= 0.9

@pytest.mark.satisficing
def test_label_undecided():
    with pytest.raises(AssertionError):
        assert metrics.recall(FEW) >= 0.9

@pytest.mark.parity
def test_bare_kind_negated():
    assert not metrics.recall(UNFAIR).gap(by="sex") <= 0.1
"""


@every_mark
def test_met_contracts_pass(suite, mark):
    word = {"": "PASSED", MARKS["xfail"]: "XPASS", MARKS["strict xfail"]: "FAILED"}[mark]

    assert suite.outcomes(mark + "\n" + MET) == {"test_met": word, "test_met_label": word}


@every_mark
def test_what_was_not_judged_is_red_under_any_mark(suite, mark):
    outcomes = suite.outcomes(mark + "\n" + NOT_JUDGED)

    assert len(outcomes) == NOT_JUDGED.count("def test_")
    assert {name for name, word in outcomes.items() if word not in ("FAILED", "ERROR")} == set()


@every_mark
def test_what_was_judged_badly_is_red_unless_expected(suite, mark):
    outcomes = suite.outcomes(mark + "\n" + DISGUISED)

    assert len(outcomes) == DISGUISED.count("def test_")
    assert set(outcomes.values()) == {"XFAIL" if mark else "FAILED"}


def test_the_words_for_what_was_not_judged(suite):
    result = suite.run(NOT_JUDGED)

    result.stdout.fnmatch_lines(
        [
            "*NOT JUDGED satisficing(at_least=0.90) of test_it.py:*",
            "*NEVER ASKED: recall >= 0.90 was computed and its truth never asked: is an `assert` missing?",
            "*ContractError: at_least takes >=, the body says <=: satisficing(at_least=0.90)",
            "*ContractError: no contract of this test asks for accuracy. It has:*metric='recall', not 'accuracy'*",
            "*ContractError: no contract of this test asks for gap in recall by age.*marker says*'sex'*the body*'age'*",
            "*ContractError:*the marker pins bins=10, the body uses bins=15*",
            "*ContractError: the body says delta=2.0, the contract satisficing(*delta=1.0); leave delta*",
            "*NOT JUDGED: the test is marked satisficing and judged no estimate of a model of this run",
            "an unjudged requirement is never excused (Skipped: no GPU)",
            "an unjudged requirement is never excused (XFailed: later)",
        ]
    )
