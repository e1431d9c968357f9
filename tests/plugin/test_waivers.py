"""Waivers in a run: they excuse violated and undecided until their day, nothing else, and never silently."""

from __future__ import annotations

import textwrap
from datetime import date, timedelta

import pytest

from pytest_mlspec.plugin import waiving

TWO = ("-p", "xdist", "-n2")
TODAY = date.today()
LATER = TODAY + timedelta(days=60)
VIOLATED = """
@pytest.mark.satisficing(at_least=0.9, id="ACC")
def test_it(requirement):
    assert metrics.accuracy(BAD) >= requirement
"""
MET = VIOLATED.replace("BAD", "GOOD")
UNDECIDED = VIOLATED.replace("BAD", "FEW")


def waive(suite, *requirements, expires=LATER, **more):
    """Write a waiver for each requirement."""
    entry = {"reason": "late data", "owner": "Ada", **more}
    lines = [f'{name} = "{value}"' for name, value in entry.items()]
    blocks = [
        "\n".join(["[[waiver]]", f'requirement = "{name}"', *lines, f"expires = {expires}"]) for name in requirements
    ]
    (suite.pytester.path / "mlspec-waivers.toml").write_text("\n\n".join(blocks), encoding="utf-8")


def row(suite):
    (found,) = suite.document()["requirements"]
    return found


@pytest.mark.parametrize("workers", [(), TWO], ids=["serial", "xdist"])
@pytest.mark.parametrize(("body", "verdict"), [(VIOLATED, "violated"), (UNDECIDED, "undecided")])
def test_a_waived_requirement_does_not_fail_its_test(suite, body, verdict, workers):
    waive(suite, "ACC")
    result = suite.run(body, "--mlspec-json=out.json", "--mlspec-markdown=out.md", "--junit-xml=out.xml", *workers)

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            f"WAIVED ACC: accuracy >= 0.90: *, {verdict}, waived until {LATER} by Ada: late data (test_it.py::test_it)",
            "0 met, 0 violated, 0 undecided, 0 not judged, 1 waived",
            "*1 waived in*",
        ]
    )
    assert (row(suite)["verdict"], row(suite)["standing"]) == (verdict, "waived")
    assert suite.document()["tally"]["waived"] == 1
    assert "| 🕓 waived | ACC |" in (suite.pytester.path / "out.md").read_text(encoding="utf-8")
    junit = (suite.pytester.path / "out.xml").read_text(encoding="utf-8")
    assert 'skipped="1"' in junit
    assert "waived until" in junit


def test_without_a_waiver_the_same_test_fails(suite):
    assert suite.outcomes(VIOLATED) == {"test_it": "FAILED"}


@pytest.mark.parametrize(
    ("name", "kind", "outcome"),
    [
        ("ACC", "satisficing", "WAIVED"),
        ("ACC", "parity", "FAILED"),
        ("test_it.py::test_it", None, "WAIVED"),
    ],
)
def test_by_id_by_node_id_and_by_kind(suite, name, kind, outcome):
    waive(suite, name, **({"kind": kind} if kind else {}))

    assert suite.outcomes(VIOLATED) == {"test_it": outcome}


def test_an_expired_waiver_excuses_nothing_and_is_named(suite):
    waive(suite, "ACC", expires=TODAY - timedelta(days=1))
    result = suite.run(VIOLATED)

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"E*the waiver of Ada expired on {TODAY - timedelta(days=1)}*: late data"])


@pytest.mark.parametrize(("day", "outcome"), [(LATER, "WAIVED"), (LATER + timedelta(days=1), "FAILED")])
def test_today_decides(suite, monkeypatch, day, outcome):
    waive(suite, "ACC")
    monkeypatch.setattr(waiving, "today", lambda: day)

    assert suite.outcomes(VIOLATED) == {"test_it": outcome}


@pytest.mark.parametrize("expires", [LATER, TODAY - timedelta(days=1)], ids=["live", "expired"])
@pytest.mark.parametrize("mark", ["", "@pytest.mark.xfail", "@pytest.mark.xfail(strict=True)"])
def test_a_stale_waiver_fails(suite, mark, expires):
    waive(suite, "ACC", expires=expires)
    result = suite.run(f"{mark}\n{MET.strip()}", "-v")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*test_it FAILED*", "STALE WAIVER ACC is missed no longer: remove the waiver of Ada *"]
    )


CASES = """
@pytest.mark.satisficing(at_least=0.9, id="ACC")
@pytest.mark.parametrize("hits", [990, 500])
def test_it(hits, requirement):
    assert metrics.accuracy(rate(hits, 1000)) >= requirement
"""


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("ACC", {"test_it[990]": "FAILED", "test_it[500]": "WAIVED"}),
        ("test_it.py::test_it", {"test_it[990]": "FAILED", "test_it[500]": "WAIVED"}),
        ("test_it.py::test_it[500]", {"test_it[990]": "PASSED", "test_it[500]": "WAIVED"}),
    ],
)
def test_parametrized_tests(suite, name, outcomes):
    """A waiver that covers more than it must would excuse what breaks next."""
    waive(suite, name)

    assert suite.outcomes(CASES) == outcomes


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("    pass", id="empty"),
        pytest.param("    metrics.accuracy(BAD) >= requirement", id="forgotten assert"),
        pytest.param("    assert metrics.accuracy(BAD) >= requirement\n    raise RuntimeError", id="crash"),
        pytest.param("    assert metrics.accuracy(BAD) >= requirement\n    assert 1 == 2", id="another assertion"),
        pytest.param("    assert not metrics.accuracy(BAD) >= requirement", id="negated"),
        pytest.param("    pytest.skip('later')", id="skip in the body"),
        pytest.param("    assert metrics.accuracy(BAD) >= 0.9", id="a literal beside it"),
        pytest.param("    assert metrics.accuracy(BAD).value >= 0.9", id="a point estimate"),
    ],
)
@pytest.mark.parametrize("mark", ["", "@pytest.mark.xfail"])
def test_nothing_else_is_waived(suite, body, mark):
    waive(suite, "ACC")
    head = VIOLATED.strip().rpartition("\n")[0]

    assert suite.outcomes(f"{mark}\n{head}\n{body}") == {"test_it": "FAILED"}


TWO_CONTRACTS = """
@pytest.mark.satisficing(at_least=0.9, metric="accuracy", id="ACC")
@pytest.mark.satisficing(at_least=0.9, metric="recall", id="REC")
def test_it(requirement):
    assert metrics.accuracy(BAD) >= requirement
    assert metrics.recall({other}) >= requirement
"""


@pytest.mark.parametrize(
    ("other", "outcome", "verdicts"),
    [
        ("GOOD", "WAIVED", {"ACC": "violated", "REC": "met"}),
        ("BAD", "FAILED", {"ACC": "violated", "REC": "violated"}),
        ("FEW", "FAILED", {"ACC": "violated", "REC": "undecided"}),
    ],
)
def test_a_second_contract_is_judged_and_may_fail_the_test(suite, other, outcome, verdicts):
    waive(suite, "ACC")
    body = TWO_CONTRACTS.format(other=other)

    assert suite.outcomes(body, "--mlspec-json=out.json") == {"test_it": outcome}
    assert {found["id"]: found["verdict"] for found in suite.document()["requirements"]} == verdicts


@pytest.mark.parametrize("mark", ["@pytest.mark.xfail", "@pytest.mark.xfail(strict=True)"])
def test_a_waived_requirement_under_xfail(suite, mark):
    waive(suite, "ACC")

    assert suite.outcomes(f"{mark}\n{VIOLATED.strip()}") == {"test_it": "XFAIL"}


def test_with_undecided_allowed(suite):
    waive(suite, "ACC")

    assert suite.outcomes(UNDECIDED, "--mlspec-undecided=allow") == {"test_it": "WAIVED"}


def test_claims_of_one_contract(suite):
    """Cells are claims: one that is violated is waived, the others are met."""
    waive(suite, "ACC")
    body = """
    import pytest_mlspec as mlspec
    DOMAIN = mlspec.Domain({"sex": ["women", "men"]}, min_cases=10)
    @pytest.mark.satisficing(at_least=0.8, id="ACC")
    def test_it(requirement):
        assert metrics.recall(groups(women=(200, 400), men=(390, 400))).over(DOMAIN) >= requirement
    """

    assert suite.outcomes(body, "--mlspec-json=out.json") == {"test_it": "WAIVED"}
    assert sorted((found["verdict"], found["standing"]) for found in suite.document()["requirements"]) == [
        ("met", ""),
        ("violated", "waived"),
    ]


def test_literals_of_a_labelled_test_by_its_node_id(suite):
    waive(suite, "test_it.py::test_it")

    assert suite.outcomes("@pytest.mark.satisficing\ndef test_it():\n    assert metrics.accuracy(BAD) >= 0.9") == {
        "test_it": "WAIVED"
    }


@pytest.mark.parametrize("workers", [(), TWO], ids=["serial", "xdist"])
@pytest.mark.parametrize("name", ["ACX", "test_it.py::test_other", "test_gone.py::test_it"])
def test_an_unknown_waiver_fails_a_run_of_everything(suite, name, workers):
    waive(suite, name)
    result = suite.run(MET, "--mlspec-json=out.json", *workers)

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"UNKNOWN WAIVER {name}: no requirement of this suite has this name*", "*1 passed*"])
    assert (suite.document()["exit_code"], len(suite.document()["unknown_waivers"])) == (1, 1)


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("ACX", ("test_it.py",), 0),
        ("ACX", ("test_it.py::test_it",), 0),
        ("ACX", (".",), 1),
        ("ACX", ("-k", "test_it"), 1),
        ("ACX", ("-m", "satisficing"), 1),
        ("ACC", ("-k", "test_plain"), 0),
        ("test_it.py::test_other", ("test_it.py",), 1),
        ("test_it.py::test_other", ("test_it.py::test_it",), 0),
        ("test_b.py::test_other", ("test_it.py",), 0),
        ("test_it.py::test_plain", ("test_it.py",), 1),
        ("ACX", ("--collect-only",), 0),
    ],
)
def test_a_partial_run_knows_what_it_can_know(suite, name, args, code):
    waive(suite, name)
    result = suite.run(MET + "\ndef test_plain():\n    pass\n", *args)

    assert result.ret == code


def test_a_waiver_in_a_suite_without_requirements_is_unknown(suite):
    waive(suite, "ACC")

    assert suite.run("def test_plain():\n    pass").ret == 1


@pytest.mark.parametrize("workers", [(), TWO], ids=["serial", "xdist"])
def test_a_faulty_file_is_a_usage_error(suite, workers):
    waive(suite, "ACC", "ACC", owner="")
    result = suite.run(MET, *workers)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mlspec-waivers.toml, waiver 1 (ACC): owner=''*", "*waiver 2 (ACC): owner=''*"])


def test_a_file_that_is_named_must_be_there(suite):
    suite.ini(mlspec_waivers="waived.toml")
    result = suite.run(MET)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mlspec_waivers=waived.toml: there is no such file*"])


def test_a_file_of_another_name(suite):
    suite.ini(mlspec_waivers="waived.toml")
    waive(suite, "ACC")
    (suite.pytester.path / "mlspec-waivers.toml").rename(suite.pytester.path / "waived.toml")

    assert suite.outcomes(VIOLATED) == {"test_it": "WAIVED"}


def test_no_file_costs_nothing(suite):
    body = textwrap.dedent(
        """
        import sys
        def test_it(request):
            loaded = [name for name in sys.modules if name.startswith("pytest_mlspec.") and "wai" in name]
            assert not loaded
            assert not request.config.pluginmanager.has_plugin("mlspec-upkeep")
        """
    )
    suite.pytester.makepyfile(test_it=body)
    result = suite.again("-p", "pytest_mlspec.plugin", subprocess=True)

    assert result.ret == 0


def test_a_file_that_skips_itself_leaves_its_waivers_known(suite):
    """Its ids are not known in a run without an optional library."""
    waive(suite, "ELSEWHERE")
    result = suite.run(MET, test_other="import pytest\npytest.importorskip('no_such_library')\n")

    assert result.ret == 0, result.stdout.str()


def test_a_pull_request_shows_who_waived_until_when(suite):
    waive(suite, "ACC")
    suite.run(VIOLATED, "--mlspec-markdown=out.md")
    (row,) = (
        line for line in (suite.pytester.path / "out.md").read_text().splitlines() if line.startswith("| 🕓 waived")
    )

    assert "violated, waived until" in row and "by Ada" in row
