"""A red run is red per requirement, and says how many are after Holm's correction; a family shares its level."""

from __future__ import annotations

import pytest

from pytest_mlspec.report.suite import holm

TWO = ("-p", "xdist", "-n2")
# P(X <= 884; 1000, .9) is .054, at 883 .043, at 880 .022, at 860 5e-5.
MANY = """
@pytest.mark.satisficing(at_least=0.9)
@pytest.mark.parametrize("hits", [860, 880] + [950] * 18)
def test_it(hits, requirement):
    assert metrics.accuracy(rate(hits, 1000)) >= requirement
"""


@pytest.fixture(params=[(), TWO], ids=["serial", "xdist"])
def workers(request):
    return request.param


def test_a_red_run_says_how_many_stay_after_correction(suite, workers):
    """Holm asks 5e-5 <= .05/20 of the first, .022 <= .05/19 of the second, which it is not."""
    result = suite.run(MANY, "--mlspec-json=out.json", *workers)

    result.stdout.fnmatch_lines(
        ["2 violated, each at its own level; 1 of them also after Holm's correction over the 20 requirements*"]
    )
    assert suite.document()["suite"] == {"requirements": 20, "violated": 2, "violated_after_holm": 1, "family": None}
    found = {
        row["test"]: row["violated_at"] for row in suite.document()["requirements"] if row["verdict"] == "violated"
    }
    assert 4e-5 < found["test_it.py::test_it[860]"] < 7e-5 * 1.2
    assert 0.02 < found["test_it.py::test_it[880]"] < 0.023 * 1.2


def test_a_green_run_says_nothing_of_it(suite):
    result = suite.run(MANY.replace("[860, 880]", "[940, 945]"), "--mlspec-json=out.json")

    result.stdout.no_fnmatch_line("*Holm*")
    assert suite.document()["suite"]["violated_after_holm"] == 0


@pytest.mark.parametrize("mark", ["xfail", None])
def test_what_is_expected_or_waived_is_not_counted(suite, mark):
    text = 'requirement = "ACC"\nreason = "r"\nowner = "o"\n'
    if mark is None:
        from datetime import date, timedelta

        expires = date.today() + timedelta(days=9)
        (suite.pytester.path / "mlspec-waivers.toml").write_text(f"[[waiver]]\n{text}expires = {expires}\n")
    head = "@pytest.mark.xfail\n" if mark else ""
    result = suite.run(
        f'{head}@pytest.mark.satisficing(at_least=0.9, id="ACC")\n'
        "def test_it(requirement):\n    assert metrics.accuracy(BAD) >= requirement",
    )

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*Holm*")


def test_claims_of_one_requirement_count_once(suite):
    suite.run(
        """
        import pytest_mlspec as mlspec
        DOMAIN = mlspec.Domain({"sex": ["women", "men"]}, min_cases=10)
        @pytest.mark.satisficing(at_least=0.8)
        def test_it(requirement):
            assert metrics.recall(groups(women=(200, 400), men=(200, 400))).over(DOMAIN) >= requirement
        """,
        "--mlspec-json=out.json",
    )

    assert suite.document()["suite"] == {"requirements": 1, "violated": 1, "violated_after_holm": 1, "family": None}


def test_literals_are_requirements_of_their_own(suite):
    suite.run(
        "def test_it():\n    assert metrics.accuracy(GOOD) >= 0.9\n    assert metrics.recall(BAD) >= 0.9",
        "--mlspec-json=out.json",
    )

    assert suite.document()["suite"]["requirements"] == 2


def test_many_tries_of_one_claim_count_as_many(suite):
    """.022 is below .05, three times .022 is not."""
    body = """
    @pytest.mark.satisficing(at_least=0.9)
    def test_it(requirement):
        for _ in range({tries}):
            verdict = metrics.accuracy(rate(880, 1000)) >= requirement
            bool(verdict)
        assert verdict
    """
    counted = []
    for tries in (1, 3):
        suite.run(body.format(tries=tries), "--mlspec-json=out.json")
        counted.append(suite.document()["suite"]["violated_after_holm"])

    assert counted == [1, 0]


# ---- a family --------------------------------------------------------------------------------------------------------


def outcomes(suite, *args):
    suite.run(MANY, "--mlspec-json=out.json", *args)
    return {row["test"].partition("[")[2]: row["verdict"] for row in suite.document()["requirements"]}


def test_a_family_shares_the_level_of_violated(suite, workers):
    """.022 is violated at .05, not at .05/20; 5e-5 is; what is met stays met."""
    alone = outcomes(suite, *workers)
    suite.ini(mlspec_family="true")
    together = outcomes(suite, *workers)

    assert (alone["880]"], together["880]"]) == ("violated", "undecided")
    assert (alone["860]"], together["860]"]) == ("violated", "violated")
    assert [name for name, verdict in together.items() if verdict == "met"] == [
        name for name, verdict in alone.items() if verdict == "met"
    ]
    assert suite.document()["suite"]["family"] == 20


def test_the_summary_says_so(suite, workers):
    suite.ini(mlspec_family="true")
    result = suite.run(MANY, *workers)

    result.stdout.fnmatch_lines(["[*]violated[*] is judged at 1/20 of each level: 20 contracts in this run share it*"])


@pytest.mark.parametrize(
    ("args", "m", "verdict"), [(("-k", "880"), 1, "violated"), (("-k", "880 or 860"), 2, "violated")]
)
def test_the_selected_tests_are_the_family(suite, workers, args, m, verdict):
    suite.ini(mlspec_family="true")

    assert outcomes(suite, *args, *workers)["880]"] == verdict
    assert suite.document()["suite"]["family"] == m


LITERALS = """
@pytest.mark.satisficing
def test_it():
    for place in range(6):
        verdict = metrics.accuracy(rate(880, 1000)) >= 0.9 + place * 1e-6
        with pytest.raises(AssertionError):
            assert verdict
"""


@pytest.mark.parametrize(("family", "violated"), [("false", 6), ("true", 1)])
def test_literals_of_one_test_share_what_it_has(suite, family, violated):
    """.022 is below 9/10 of .05; the second literal may use 1/20 of it."""
    suite.ini(mlspec_family=family)
    suite.run(LITERALS, "--mlspec-json=out.json")

    verdicts = [row["verdict"] for row in suite.document()["requirements"]]
    assert verdicts == ["violated"] * violated + ["undecided"] * (6 - violated)


def test_tests_without_contracts_take_no_part(suite):
    suite.ini(mlspec_family="true")
    result = suite.run("def test_it():\n    assert metrics.accuracy(GOOD) >= 0.9")

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*mlspec_family*")


@pytest.mark.parametrize(
    ("shares", "rejected"),
    [
        ([], 0),
        ([1.0], 1),
        ([1.01], 0),
        ([0.5, 1.0], 2),
        ([0.51, 0.51], 0),
        ([0.2, 0.3, 0.5, 1.0], 4),
        ([0.2, 0.4, 0.4, 0.4], 1),
        ([0.01] * 5, 5),
    ],
)
def test_holm_by_hand(shares, rejected):
    assert holm(shares) == rejected
    assert holm(shares[::-1]) == rejected


def test_holm_agrees_with_statsmodels():
    import numpy as np

    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    rng = np.random.default_rng(0)
    for size in (1, 3, 20):
        p_values = rng.uniform(0, 0.1, size) ** 2

        assert holm(list(p_values / 0.05)) == multipletests(p_values, 0.05, method="holm")[0].sum()
