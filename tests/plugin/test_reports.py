"""What a run found: the terminal section, JSON, Markdown; and only builtin types on the way there."""

from __future__ import annotations

import json

import pytest
from scipy.stats import beta

MIXED = """
@pytest.mark.satisficing(at_least=0.9, id="REC-1", because="law | policy", tier="release")
def test_met(requirement):
    assert metrics.recall(GOOD) >= requirement

@pytest.mark.parity(by="sex", max_gap=0.1, id="FAIR-1", because="equal opportunity")
def test_violated(requirement):
    assert metrics.recall(UNFAIR).gap(by="sex") <= requirement

def test_undecided():
    assert metrics.recall(FEW) >= 0.9

@pytest.mark.calibration(max_ece=0.05)
def test_not_judged(requirement):
    pass
"""
LINES = {
    "violated": "VIOLATED FAIR-1: gap in recall by sex <= 0.10: 0.264 [0.201, 0.315] (test_it.py::test_violated)",
    "not judged": "NOT JUDGED calibration(max_ece=0.05, metric='ece') (test_it.py::test_not_judged)",
    "undecided": "UNDECIDED recall >= 0.90: 0.900 [0.606, 0.995] (test_it.py::test_undecided)",
    "met": "MET REC-1: recall >= 0.90: 0.990 [0.983, 0.995] (test_it.py::test_met)",
    "reads": "reads not counted",
    "suite": "1 violated, at its own level; 1 also after Holm's correction over the 4 requirements of this run",
    "tally": "1 met, 1 violated, 1 undecided, 1 not judged",
}
ENDS = ("reads", "suite", "tally")


def section(result: pytest.RunResult) -> list[str]:
    """The lines of the section of ours."""
    ends = [n for n, line in enumerate(result.outlines) if line.startswith("===")]
    start = next(n for n in ends if " mlspec " in result.outlines[n])
    return result.outlines[start + 1 : next(n for n in ends if n > start)]


def test_the_section_has_one_line_per_requirement_not_met(suite):
    result = suite.run(MIXED)

    assert section(result) == [LINES[name] for name in ("violated", "not judged", "undecided", *ENDS)]


def test_verbose_shows_all(suite):
    result = suite.run(MIXED, "-v")

    assert section(result) == [LINES[name] for name in ("violated", "not judged", "undecided", "met", *ENDS)]


def test_a_green_run_is_one_line(suite):
    assert section(suite.run("def test_it():\n    assert metrics.recall(GOOD) >= 0.9")) == [
        LINES["reads"],
        "1 met, 0 violated, 0 undecided, 0 not judged",
    ]


def test_nothing_is_shown_where_nothing_ran(suite):
    result = suite.run("def test_it(): pass", "-v")

    result.stdout.no_fnmatch_line("=* mlspec =*")
    result.stdout.no_fnmatch_line("*not judged*")


@pytest.mark.parametrize(
    ("body", "colour"),
    [
        ("metrics.recall(GOOD) >= 0.9", 32),
        ("metrics.recall(BAD) >= 0.9", 31),
        ("metrics.recall(FEW) >= 0.9", 33),
    ],
)
def test_the_tally_is_green_red_or_yellow(suite, body, colour):
    result = suite.run(f"def test_it():\n    assert {body}", "--color=yes")

    result.stdout.fnmatch_lines([f"\x1b[[]{colour}m? met, *"])


def test_of_several_judgements_of_one_contract_the_worst_is_shown(suite):
    suite.run(
        """
        @pytest.mark.satisficing(at_least=0.9, id="REC")
        def test_it(requirement):
            for model in (GOOD, BAD, GOOD):
                bool(metrics.recall(model) >= requirement)
    """,
        "--mlspec-json=out.json",
    )
    (row,) = suite.document()["requirements"]

    assert (row["verdict"], row["judgements"], row["value"]) == ("violated", 3, 0.5)


def test_json_fields(suite):
    result = suite.run(MIXED, "--mlspec-json=out.json")
    document = suite.document()
    rows = {row["verdict"]: row for row in document["requirements"]}

    assert document["schema"] == "pytest-mlspec/1"
    assert document["exit_code"] == result.ret == 1
    assert document["tally"] == {"met": 1, "violated": 1, "undecided": 1, "not judged": 1}
    assert (document["development"], document["confidence"]) == ([], 0.95)
    assert [row["verdict"] for row in document["requirements"]] == ["violated", "not judged", "undecided", "met"]
    met = rows["met"]
    words = ("test", "id", "kind", "claim", "because", "tier", "metric", "form", "comparison")
    assert {name: met[name] for name in words} == {
        "test": "test_it.py::test_met",
        "id": "REC-1",
        "kind": "satisficing",
        "claim": "recall >= 0.90",
        "because": "law | policy",
        "tier": "release",
        "metric": "recall",
        "form": "level",
        "comparison": ">=",
    }
    assert (met["threshold"], met["value"], met["confidence"]) == (0.9, 0.99, 0.95)
    assert (met["n"], met["unit"]) == (1000, "positives")
    assert (met["values"], met["n_members"], met["declared_members"], met["members"]) == ([0.99], 1, 1, "every")
    assert met["low"] == pytest.approx(beta.ppf(0.05, 990, 11))
    assert met["high"] == pytest.approx(beta.ppf(0.95, 991, 10))
    assert met["method"] == "Clopper-Pearson"
    assert met["bound_class"] == "exact"
    assert met["source"]
    assert met["location"] == "test_it.py:2"
    assert met["message"][0] == "MET REC-1: recall >= 0.90"
    assert set(met["fingerprints"]) == {"data", "predictions"}
    assert rows["undecided"]["kind"] == "literal"
    assert rows["not judged"]["message"] == ["NOT JUDGED calibration(max_ece=0.05, metric='ece') of test_it.py:13"]


def test_json_says_how_the_metric_was_taken(suite):
    suite.run(
        """
        def test_it():
            model = Predictions(y=np.zeros(1000), values=np.zeros(1000))
            for delta in (1, np.float32(2)):
                assert metrics.failure_rate(model, delta=delta) <= 0.1
            assert metrics.recall(rate(0, 1000)) <= 0.1
    """,
        "--mlspec-json=out.json",
    )

    assert [row["settings"] for row in suite.document()["requirements"]] == [
        {"loss": "absolute_error", "delta": 1},
        {"loss": "absolute_error", "delta": 2.0},
        {},
    ]


def test_json_of_an_empty_run(suite):
    suite.run("def test_it(): pass", "--mlspec-json=out.json")

    assert suite.document()["requirements"] == []
    assert suite.document()["tally"] == {"met": 0, "violated": 0, "undecided": 0, "not judged": 0}


def test_json_says_null_where_there_is_no_number(suite):
    suite.run(
        """
        def test_it():
            assert metrics.mae(Predictions(y=[0.0] * 50, values=[1.0] * 50)) <= 3
    """,
        "--mlspec-json=out.json",
    )
    text = (suite.pytester.path / "out.json").read_text(encoding="utf-8")

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    (row,) = json.loads(text, parse_constant=refuse)["requirements"]
    assert row["high"] is None


def test_json_is_written_when_collection_fails(suite):
    """A stale file of an earlier run would be read as this one's."""
    suite.write("@pytest.mark.satisficing(at_lest=1)\ndef test_it(): pass")
    (suite.pytester.path / "out.json").write_text("stale", encoding="utf-8")
    result = suite.again("--mlspec-json=out.json")

    assert suite.document()["exit_code"] == result.ret == pytest.ExitCode.INTERRUPTED


def test_markdown(suite):
    suite.run(MIXED, "--mlspec-markdown=out.md")
    text = (suite.pytester.path / "out.md").read_text(encoding="utf-8").splitlines()

    assert text[0] == "### Model requirements: 1 met, 1 violated, 1 undecided, 1 not judged"
    assert text[2:6] == [f"> {LINES['reads']}", "", f"> {LINES['suite']}", ""]
    assert text[6:12] == [
        "| verdict | id | requirement | measured, bounds | n | because |",
        "|---|---|---|---|---|---|",
        "| ❌ violated | FAIR-1 | gap in recall by sex &lt;= 0.10 | 0.264 [0.201, 0.315] | 792 positives"
        " | equal opportunity |",
        "| ⛔ not judged |  | calibration(max_ece=0.05, metric='ece') |  |  |  |",
        "| ❔ undecided |  | recall >= 0.90 | 0.900 [0.606, 0.995] | 10 positives |  |",
        "| ✅ met | REC-1 | recall >= 0.90 | 0.990 [0.983, 0.995] | 1,000 positives | law \\| policy |",
    ]
    assert text.count("</details>") == 3
    assert "VIOLATED FAIR-1: gap in recall by sex <= 0.10" in text


def test_markdown_of_an_empty_run(suite):
    suite.run("def test_it(): pass", "--mlspec-markdown=out.md")

    assert "No requirement ran." in (suite.pytester.path / "out.md").read_text(encoding="utf-8")


def test_only_builtin_types_cross_process_borders(suite):
    """One NumPy scalar in the properties of a test kills a whole run under xdist."""
    result = suite.run(
        """
        from pytest_mlspec import parity, satisficing

        @pytest.mark.satisficing(
            at_least=np.float32(0.5), confidence=np.float64(0.9), members=np.float64(0.5), id=np.str_("A")
        )
        @pytest.mark.parity(by=np.str_("sex"), max_gap=np.float64(0.9), id="B")
        @pytest.mark.satisficing(max_failures=3, delta=np.float64(2.0), id="C")
        def test_it(requirement):
            assert metrics.recall(FAIR).gap(by=np.str_("sex")) <= requirement
            stops = Predictions(y=[0.0] * 5, values=[0.0] * 5, name=np.str_("m"))
            assert metrics.failure_rate(stops) <= requirement["C"]
            bool(np.float64(0.5) <= metrics.recall(FAIR))
            bool(metrics.accuracy(FAIR) >= np.int64(0))
            assert metrics.recall(FAIR) >= requirement["A"]
    """,
        conftest="""
        import json

        BUILTIN = (str, int, float, bool, type(None))

        def check(value):
            if type(value) in (list, tuple):
                return all(map(check, value))
            if type(value) is dict:
                return all(map(check, value)) and all(map(check, value.values()))
            return type(value) in BUILTIN

        def pytest_runtest_logreport(report):
            if report.when == "call":
                with open("types", "w") as file:
                    json.dump([len(report.user_properties), check(report.user_properties)], file)
    """,
    )

    assert result.parseoutcomes() == {"failed": 1}  # a share of retrainings of one model is undecided
    assert json.loads((suite.pytester.path / "types").read_text()) == [5, True]


def test_records_of_verdicts_are_builtin_types(suite):
    assert suite.outcomes(
        """
        from test_types import leaves

        @pytest.mark.parametrize("make", [
            lambda: metrics.recall(GOOD) >= np.float64(0.9),
            lambda: metrics.recall(FAIR).gap(by="sex") <= 0.1,
            lambda: metrics.recall(FAIR).worst(by="sex") >= np.float32(0.1),
            lambda: metrics.recall(GOOD) - metrics.recall(GOOD) >= np.float64(-0.1),
            lambda: metrics.recall(GOOD).seed_std() <= np.int64(1),
        ])
        def test_it(make):
            verdict = make()
            try:
                bool(verdict)
            except AssertionError:
                pass
            assert {type(leaf) for leaf in leaves(verdict.record())} <= {str, int, float, bool}
    """,
        test_types="""
        def leaves(value):
            if isinstance(value, dict):
                yield from value
                value = list(value.values())
            if isinstance(value, (list, tuple)):
                for part in value:
                    yield from leaves(part)
            else:
                yield value
    """,
    ) == {f"test_it[<lambda>{n}]": "PASSED" for n in range(5)}
