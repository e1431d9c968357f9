"""A contract that asks several claims: a row for each, one outcome, and nothing left unasked."""

from __future__ import annotations

from tests.plugin.conftest import Suite

CELLS = """
from pytest_mlspec import Dataset, Domain

class Says:
    classes_ = np.array([0, 1])
    def predict(self, X):
        return X[:, 0].astype(int)

def street(wrong_at_night, n=2000):
    y = np.tile([0, 1], n // 2)
    light = np.repeat(["day", "night"], n // 2)
    X = y.copy()
    X[n - wrong_at_night:] = 1 - X[n - wrong_at_night:]
    return Dataset(X[:, None].astype(float), y, columns={"light": light}, name="street.test")

DOMAIN = Domain({"light": ["day", "night"]})
"""


def test_every_claim_has_a_row_and_the_worst_decides(suite: Suite) -> None:
    found = suite.verdicts(
        CELLS
        + """
@pytest.mark.stress(shift="domain", at_least=0.9, id="ODD-1")
def test_bad(requirement):
    assert metrics.accuracy(Says(), street(500)).over(DOMAIN) >= requirement

@pytest.mark.stress(shift="domain", at_least=0.9)
def test_good(requirement):
    assert metrics.accuracy(Says(), street(0)).over(DOMAIN) >= requirement
"""
    )

    assert found == {"test_bad": ["violated", "met"], "test_good": ["met", "met"]}


def test_the_message_is_that_of_the_claim_that_failed(suite: Suite) -> None:
    result = suite.run(
        CELLS
        + """
@pytest.mark.stress(shift="domain", at_least=0.9, id="ODD-1", because="the permit says so")
def test_bad(requirement):
    assert metrics.accuracy(Says(), street(500)).over(DOMAIN) >= requirement
"""
    )

    result.stdout.fnmatch_lines(
        ["*VIOLATED ODD-1: accuracy >= 0.90 on light=night", "*measured 0.500*", "*because: the permit says so"]
    )
    result.assert_outcomes(failed=1)


def test_an_untested_cell_fails_its_test(suite: Suite) -> None:
    result = suite.run(
        CELLS
        + """
@pytest.mark.stress(shift="domain", at_least=0.9)
def test_snow(requirement):
    assert metrics.accuracy(Says(), street(0)).over(Domain({"light": ["day", "dusk"]})) >= requirement
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*untested cell of street.test: (light=dusk): 0 cases; *light has day (1,000), night*"]
    )


def test_a_forgotten_assert_is_heard_for_all_claims(suite: Suite) -> None:
    outcomes = suite.outcomes(
        CELLS
        + """
@pytest.mark.stress(shift="domain", at_least=0.9)
def test_forgotten(requirement):
    metrics.accuracy(Says(), street(0)).over(DOMAIN) >= requirement
"""
    )

    assert outcomes == {"test_forgotten": "FAILED"}


def test_stress_is_an_ordinary_word_in_other_suites(suite: Suite) -> None:
    """A label with arguments of its own, on a test that asks nothing of ours."""
    outcomes = suite.outcomes(
        """
@pytest.mark.stress
def test_plain():
    pass

@pytest.mark.stress(minutes=5)
def test_labelled():
    pass

@pytest.mark.stress("heavy")
def test_positional():
    pass
"""
    )

    assert outcomes == {"test_plain": "PASSED", "test_labelled": "PASSED", "test_positional": "PASSED"}


def test_a_typo_of_ours_is_no_label(suite: Suite) -> None:
    result = suite.run(
        """
@pytest.mark.stress(shift="domain", max_dropp=0.1)
def test_typo():
    pass

@pytest.mark.stress(minutes=5)
def test_asks(requirement):
    pass
"""
    )

    output = result.stdout.str() + result.stderr.str()
    assert "did you mean 'max_drop'?" in output
    assert "unknown argument minutes=5" in output
    assert result.ret != 0


def test_members_is_refused_for_what_is_one_number(suite: Suite) -> None:
    result = suite.run(
        """
@pytest.mark.seed_variance(max_std=0.1)
@pytest.mark.satisficing(at_most=0.1, members=0.9)
def test_it(requirement):
    from pytest_mlspec.metrics.disagreement import disagreement
    labels = np.ones((3, 50), int)
    assert disagreement(Predictions(y=np.ones(50, int), labels=labels, classes=[0, 1])) <= requirement
"""
    )

    result.stdout.fnmatch_lines(["*is one number about all members together: leave members=0.9 out*"])


def test_two_contracts_that_one_estimate_matches_ask_for_ids(suite: Suite) -> None:
    result = suite.run(
        CELLS
        + """
@pytest.mark.satisficing(at_least=0.5)
@pytest.mark.stress(shift="domain", at_least=0.5)
def test_it(requirement):
    assert metrics.accuracy(Says(), street(0).where(light="day")) >= requirement
"""
    )

    result.stdout.fnmatch_lines(["*matches 2 contracts of this test: *Give each an id= and write requirement*"])
