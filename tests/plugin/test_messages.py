"""What a failing requirement says: status first, every number that decided, what would change it, in eight lines."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

CREDIT = """
import pytest_mlspec as mlspec

FOUND = [(230, 363), (218, 363), (230, 360), (231, 362), (235, 365)]  # of 368 women and 424 men, by seed

@mlspec.dataset
def credit():
    sex = np.repeat(["women", "men"], [368, 424])
    return mlspec.Dataset(np.arange(792), np.ones(792, int), columns={"sex": sex}, classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=5, output="labels", classes=[0, 1])
def credit_model(seed):
    women, men = FOUND[seed]
    found = np.concatenate([np.repeat([1, 0], [women, 368 - women]), np.repeat([1, 0], [men, 424 - men])])
    return lambda rows: found[rows]

@pytest.mark.parity(by="sex", max_gap=0.10, id="FAIR-1", because="equal opportunity, policy 4.2")
def test_gap(credit_model, credit, requirement):
    assert metrics.recall(credit_model, credit).gap(by="sex") <= requirement
"""


def errors(result: pytest.RunResult) -> list[str]:
    """The lines that pytest marks with an E, without the mark."""
    return [line.removeprefix("E").strip() for line in result.outlines if line.startswith("E ")]


def test_a_violated_gap(suite):
    """With p, q the rates and l, u their Clopper-Pearson arms: d -/+ sqrt((q - l_q)^2 + (u_p - p)^2).

    low: five members and two ordered pairs share the level, 0.05 / 5 / 2 per arm: 0.1817; high: one arm of 0.05: 0.3155
    """
    result = suite.run(CREDIT)

    assert errors(result) == [
        "assert VIOLATED FAIR-1: gap in recall by sex <= 0.10",
        "measured 0.264, one-sided 95% bounds [0.182, 0.315], n=792 positives (square-and-add Clopper-Pearson),"
        " all of it above 0.10",
        "women 0.592 (218/368), men 0.856 (363/424); worst of 5 members (seed 1); all 5 violate it",
        "because: equal opportunity, policy 4.2",
    ]
    result.stdout.fnmatch_lines(
        [
            "FAILED test_it.py::test_gap - assert VIOLATED FAIR-1: gap in recall by sex <=*",
        ]
    )


def test_an_undecided_recall_of_a_slice(suite):
    """Bounds of 96 / 100: scipy.stats.beta.ppf(0.05, 96, 5) = 0.911 and beta.ppf(0.95, 97, 4) = 0.986."""
    result = suite.run("""
        said = Predictions(
            y=np.repeat(["pedestrian", "car"], [100, 50]), labels=np.repeat(["pedestrian", "car"], [96, 54]),
            positive="pedestrian", columns={"light": ["night"] * 150},
        )

        def test_night():
            assert metrics.recall(said.where(light="night")) >= 0.95
    """)

    assert errors(result) == [
        "Undecided: UNDECIDED recall of pedestrian >= 0.95 on light=night",
        "measured 0.960, one-sided 95% bounds [0.911, 0.986], n=100 positives (Clopper-Pearson): 0.95 lies inside",
        "about 3,900 positives would decide it at this rate (90% power);"
        " re-running the same model on the same data cannot",
    ]


def test_cases_that_prove_too_little_for_any_model(suite):
    """Without a failure in n cases the bound is 1 - 0.05**(1/n): 0.072 for 40; 0.01 needs ln 0.05 / ln 0.99 = 299."""
    result = suite.run("""
        @pytest.mark.satisficing(max_failure_rate=0.01, delta=2.0, id="BRK-1", because="the car must stop within 2 m")
        def test_stops(requirement):
            stops = Predictions(y=np.zeros(40), values=np.zeros(40))
            assert metrics.failure_rate(stops, loss="absolute_error") <= requirement
    """)

    assert errors(result) == [
        "Undecided: UNDECIDED BRK-1: failure rate (delta 2) <= 0.01",
        "measured 0.000, one-sided 95% bounds [0.000, 0.072], n=40 examples (Clopper-Pearson): 0.01 lies inside",
        "about 300 examples would decide it at this rate (90% power);"
        " re-running the same model on the same data cannot",
        "no model could meet this on these cases: even without an error, 40 examples prove only failure rate <= 0.072,"
        " not 0.01",
        "because: the car must stop within 2 m",
    ]


def test_listed_cases_are_counted_and_named_within_eight_lines(suite):
    result = suite.run("""
        @pytest.mark.satisficing(max_failures=0, delta=2.0, id="EDGE", because="every one of them was an accident")
        def test_edge(requirement):
            stops = Predictions(
                y=np.zeros(40), values=np.r_[np.zeros(35), 3, 4, 5, 6, 7.0], columns={"road": ["wet"] * 40}
            )
            assert metrics.failure_rate(stops) <= requirement
    """)

    assert errors(result) == [
        "assert VIOLATED EDGE: failing cases (delta 2) <= 0",
        "measured 5 failing of 40 listed cases; nothing is inferred beyond them",
        "case row 35 (road=wet): loss 3 > delta 2",
        "case row 36 (road=wet): loss 4 > delta 2",
        "case row 37 (road=wet): loss 5 > delta 2",
        "and 2 more failing cases",
        "because: every one of them was an accident",
    ]


def test_a_users_own_message_stands_beside_ours(suite):
    result = suite.run("""
        @pytest.mark.satisficing(at_least=0.9, id="REC")
        def test_own(requirement):
            assert metrics.recall(BAD) >= requirement, "too low for the road"
    """)

    assert errors(result)[:2] == ["AssertionError: too low for the road", "assert VIOLATED REC: recall >= 0.90"]


CHECKS = """
from pytest_mlspec import metrics


def check(model, limit):
    assert metrics.recall(model) >= limit, "low"
"""


@pytest.mark.parametrize("arguments", [(), ("--assert=plain",)], ids=["rewritten tests", "nothing rewritten"])
def test_asserts_in_modules_that_pytest_does_not_rewrite(suite, arguments):
    result = suite.run(
        """
        from checks import check

        @pytest.mark.satisficing(at_least=0.9, id="REC")
        def test_it(requirement):
            check(BAD, requirement)

        def test_literal():
            check(BAD, 0.9)
    """,
        *arguments,
        checks=CHECKS,
    )

    assert result.parseoutcomes() == {"failed": 2}
    bounds = "measured 0.500, one-sided 95% bounds [[]0.474, 0.526], n=1,000 positives (Clopper-Pearson), *"
    result.stdout.fnmatch_lines(
        [
            "*- mlspec -*",
            "VIOLATED REC: recall >= 0.90",
            bounds,
            "*- mlspec -*",
            "VIOLATED recall >= 0.90",
            bounds,
        ]
    )


def test_no_frame_of_ours_is_shown_for_a_verdict(suite):
    result = suite.run("""
        floor = pytest.mark.satisficing(at_least=0.9)

        @floor
        def test_violated(requirement):
            assert metrics.recall(BAD) >= requirement

        @floor
        def test_undecided(requirement):
            assert metrics.recall(FEW) >= requirement

        @floor
        def test_not_judged(requirement):
            pass

        @floor
        def test_negated(requirement):
            assert not metrics.recall(BAD) >= requirement

        @floor
        def test_wrong_direction(requirement):
            assert metrics.recall(GOOD) <= requirement

        @pytest.fixture
        def judges():
            yield
            assert not metrics.recall(BAD) >= 0.9

        @pytest.mark.satisficing
        def test_tear_down(judges):
            assert metrics.recall(GOOD) >= 0.9
    """)

    assert result.parseoutcomes() == {"failed": 5, "passed": 1, "errors": 1}
    for name in ("plugin.py", "verdict.py", "judge.py", "requirement.py", "estimate.py", "running.py", "runner.py"):
        result.stdout.no_fnmatch_line(f"*{name}:*")


def test_comparisons_of_other_things_are_not_explained_by_us(suite):
    result = suite.run("""
        def test_it():
            assert not metrics.recall(BAD) >= 0.9
            assert 1 >= 2
    """)

    assert errors(result) == ["assert 1 >= 2"]


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("metrics.recall(GOOD)", "the truth of an estimate is not defined: compare it, as in `recall(...) >= 0.9`"),
        ("metrics.recall(GOOD) == 0.99", "an estimate has no exact value to compare with ==*pytest.approx"),
        ("metrics.recall(GOOD) != 0.99", "an estimate has no exact value to compare with !=*"),
        ("metrics.recall(GOOD) > 0.9", "write `>=`: a requirement includes its limit"),
        ("metrics.recall(GOOD) < 0.9", "write `<=`: a requirement includes its limit"),
        ("float(metrics.recall(GOOD)) > 0.9", "an estimate is not one number: `.value` is its mean over members*"),
        ("metrics.recall(GOOD) >= metrics.recall(BAD)", "two estimates are compared by their difference*"),
        ("metrics.recall(GOOD) >= True", "'>=' not supported between instances of 'Estimate' and 'bool'"),
        ("metrics.recall(GOOD) >= '0.9'", "'>=' not supported between instances of 'Estimate' and 'str'"),
        ("metrics.recall(FAIR).gap(by='sex').gap(by='sex') <= 1", ".gap() is not defined on a gap*"),
        ("metrics.recall(GOOD) - 0.9 >= 0", "only an estimate can be subtracted from an estimate*"),
    ],
)
def test_misuse_is_answered(suite, expression, answer):
    result = suite.run(f"def test_it():\n    assert {expression}")

    result.stdout.fnmatch_lines([f"E*TypeError: {answer}"])
    assert result.parseoutcomes() == {"failed": 1}


def test_junit_carries_every_row(suite):
    suite.run(
        """
        @pytest.mark.satisficing(at_least=0.9, id="REC")
        def test_violated(requirement):
            assert metrics.recall(BAD) >= requirement

        @pytest.mark.parity(by="sex", max_gap=0.2, id="GAP")
        @pytest.mark.satisficing(at_least=0.8, id="REC")
        def test_met(requirement):
            assert metrics.recall(FAIR) >= requirement
            assert metrics.recall(FAIR).gap(by="sex") <= requirement
    """,
        "--junit-xml=out.xml",
    )
    cases = ElementTree.parse(suite.pytester.path / "out.xml").findall(".//testcase")
    properties = {case.attrib["name"]: [entry.attrib for entry in case.iter("property")] for case in cases}

    assert {name: [entry["name"] for entry in found] for name, found in properties.items()} == {
        "test_violated": ["mlspec"],
        "test_met": ["mlspec", "mlspec"],
    }
    assert '"verdict":"violated","id":"REC"' in properties["test_violated"][0]["value"]
    assert "VIOLATED REC: recall >= 0.90" in cases[0].find("failure").attrib["message"]
