"""Every knob moves the outcome, bad values are refused by name, and a run of less than was declared says so first."""

from __future__ import annotations

import pytest

ENSEMBLE = """
import pytest_mlspec as mlspec

def member(seed):
    labels = np.ones(1000, int)
    labels[seed : 5 * seed + 10] = 0
    return lambda rows: labels[rows]

@mlspec.dataset
def data():
    return mlspec.Dataset(np.arange(1000), np.ones(1000, int), classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=5, output="labels", classes=[0, 1])
def model(seed):
    open("fits", "a").write(f"{seed} ")
    return member(seed)

@mlspec.ensemble(output="labels", classes=[0, 1])
def open_model(seed):
    open("open_fits", "a").write(f"{seed} ")
    return member(seed)

def test_declared(model, data):
    assert metrics.recall(model, data) >= 0.9
"""
OPEN = ENSEMBLE.replace("def test_declared(model, data)", "def test_open(open_model, data)").replace(
    "metrics.recall(model, data)", "metrics.recall(open_model, data)"
)


def fits(suite, name="fits"):
    """The seeds that were trained, in order."""
    return [int(seed) for seed in (suite.pytester.path / name).read_text().split()]


def row(suite):
    """The one row of the JSON file."""
    (found,) = suite.document()["requirements"]
    return found


@pytest.mark.parametrize(
    ("ini", "option", "confidence", "verdict"),
    [
        (None, None, 0.95, "met"),
        ("0.999", None, 0.999, "undecided"),
        (None, "0.999", 0.999, "undecided"),
        ("0.999", "0.95", 0.95, "met"),
    ],
)
def test_confidence(suite, ini, option, confidence, verdict):
    """927 of 1000: the lower bound is 0.912 at 95 %, 0.899 at 99.9 %."""
    if ini:
        suite.ini(mlspec_confidence=ini)
    suite.run(
        "def test_it():\n    assert metrics.recall(rate(927, 1000)) >= 0.9",
        "--mlspec-json=out.json",
        *([f"--mlspec-confidence={option}"] if option else []),
    )

    assert (row(suite)["confidence"], row(suite)["verdict"]) == (confidence, verdict)


def test_a_marker_names_its_own_confidence(suite):
    suite.run(
        """
        @pytest.mark.satisficing(at_least=0.9, confidence=0.999)
        def test_it(requirement):
            assert metrics.recall(rate(927, 1000)) >= requirement
    """,
        "--mlspec-json=out.json",
        "--mlspec-confidence=0.9",
    )

    assert (row(suite)["confidence"], row(suite)["verdict"]) == (0.999, "undecided")


@pytest.mark.parametrize(("option", "seeds"), [(None, [0, 1, 2, 3, 4]), ("2", [0, 1]), ("7", [0, 1, 2, 3, 4, 5, 6])])
def test_seeds_of_a_declared_ensemble(suite, option, seeds):
    suite.ini(mlspec_seeds="3")
    suite.run(ENSEMBLE, "--mlspec-json=out.json", *([f"--mlspec-seeds={option}"] if option else []))

    assert fits(suite) == seeds == row(suite)["seeds"]
    assert row(suite)["declared_members"] == 5


@pytest.mark.parametrize(("ini", "option", "n_members"), [(None, None, 5), ("3", None, 3), ("3", "2", 2)])
def test_seeds_of_an_open_ensemble(suite, ini, option, n_members):
    if ini:
        suite.ini(mlspec_seeds=ini)
    suite.run(OPEN, "--mlspec-json=out.json", *([f"--mlspec-seeds={option}"] if option else []))

    assert fits(suite, "open_fits") == list(range(n_members)) == row(suite)["seeds"]


def test_a_development_run_says_so_first(suite):
    suite.ini(mlspec_confidence="0.95")
    reports = ("--mlspec-json=out.json", "--mlspec-markdown=out.md")
    result = suite.run(ENSEMBLE, "--mlspec-seeds=1", "--mlspec-confidence=0.8", *reports)
    lines = result.outlines
    section = next(n for n, line in enumerate(lines) if " mlspec " in line and line.startswith("==="))
    reasons = ["1 of 5 members", "confidence 0.8 instead of 0.95"]

    assert lines[section + 1] == f"DEVELOPMENT RUN: {'; '.join(reasons)}"
    assert suite.document()["development"] == reasons
    assert "**DEVELOPMENT RUN**: 1 of 5 members" in (suite.pytester.path / "out.md").read_text(encoding="utf-8")


def test_a_full_run_is_none(suite):
    result = suite.run(ENSEMBLE, "--mlspec-seeds=6", "--mlspec-confidence=0.99", "--mlspec-json=out.json")

    result.stdout.no_fnmatch_line("*DEVELOPMENT*")
    assert suite.document()["development"] == []


@pytest.mark.parametrize("option", ["--mlspec-seeds=4", "--mlspec-confidence=0.9"])
@pytest.mark.parametrize(("ci", "refused"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_a_development_run_is_refused_in_ci(suite, monkeypatch, option, ci, refused):
    monkeypatch.setenv("CI", ci)
    result = suite.run(ENSEMBLE, option)

    assert result.ret == (pytest.ExitCode.USAGE_ERROR if refused else pytest.ExitCode.OK)
    assert (suite.pytester.path / "fits").exists() is not refused
    if refused:
        result.stderr.fnmatch_lines([f"ERROR: {option}* below *a development run, refused where CI is set"])


def test_workers_refuse_a_development_run_in_ci(suite, monkeypatch):
    monkeypatch.setenv("CI", "1")
    result = suite.run(ENSEMBLE, "--mlspec-seeds=4", "-p", "xdist", "-n1", subprocess=True)

    assert result.ret != pytest.ExitCode.OK
    assert not (suite.pytester.path / "fits").exists()


def test_jobs_train_in_other_processes(suite):
    body = ENSEMBLE.replace('f"{seed} "', 'f"{os.getpid()} "') + "    open('own', 'w').write(str(os.getpid()))"
    trained = {}
    for jobs in ("1", "2"):
        suite.ini(mlspec_jobs=jobs, mlspec_cache="off")
        suite.run("import os\n" + body, subprocess=True)
        trained[jobs] = {process == fits(suite, "own")[0] for process in fits(suite)}
        (suite.pytester.path / "fits").unlink()

    assert trained == {"1": {True}, "2": {False}}


@pytest.mark.parametrize(
    ("loosest", "verdict"), [("approximate", "met"), ("asymptotic", "met"), ("exact", "undecided")]
)
def test_bounds_forbid_looser_classes(suite, loosest, verdict):
    suite.ini(mlspec_bounds=loosest)
    result = suite.run("def test_it():\n    assert metrics.recall(FAIR).gap(by='sex') <= 0.1", "--mlspec-json=out.json")

    assert row(suite)["verdict"] == verdict
    if verdict == "undecided":
        result.stdout.fnmatch_lines(["*is asymptotic, a class of bounds that mlspec_bounds forbids"])


def test_list_shows_every_contract_and_runs_nothing(suite):
    result = suite.run(
        """
        @pytest.mark.satisficing(max_failure_rate=0.01, delta=2.0, id="BRK-1", because="it must stop", tier="release")
        @pytest.mark.parity(by=["sex", "age"], max_gap=0.1)
        def test_two(requirement):
            open("ran", "w")

        @pytest.mark.satisficing
        def test_label():
            open("ran", "w")

        @pytest.mark.parity
        def test_of_a_stranger():
            open("ran", "w")

        def test_other():
            open("ran", "w")
    """,
        "--mlspec-list",
        "-q",
    )

    assert result.ret == pytest.ExitCode.OK
    assert not (suite.pytester.path / "ran").exists()
    assert result.outlines[:7] == [
        "BRK-1: satisficing(max_failure_rate=0.01, metric='failure_rate', delta=2.0) [release], because: it must stop",
        "  test_it.py::test_two",
        "parity(by=['sex', 'age'], max_gap=0.10)",
        "  test_it.py::test_two",
        "satisficing: literals in the body",
        "  test_it.py::test_label",
        "2 contracts in 2 tests; nothing was run",
    ]


def test_list_with_workers_and_with_a_selection(suite):
    suite.write("""
        @pytest.mark.satisficing(at_least=0.9, id="A")
        def test_a(requirement): pass

        @pytest.mark.parity(by="sex", max_gap=0.1, id="B")
        def test_b(requirement): pass
    """)
    with_workers = suite.again("--mlspec-list", "-p", "xdist", "-n2", subprocess=True)
    with_workers.stdout.fnmatch_lines(["A: *", "B: *", "2 contracts in 2 tests; nothing was run"])
    selected = suite.again("--mlspec-list", "-m", "parity")
    selected.stdout.fnmatch_lines(["B: *", "1 contracts in 1 tests; nothing was run"])


def test_reports_go_where_they_are_sent(suite):
    suite.run(ENSEMBLE, "--mlspec-json=reports/deep/out.json", "--mlspec-markdown=reports/out.md")

    assert (suite.pytester.path / "reports" / "deep" / "out.json").exists()
    assert (suite.pytester.path / "reports" / "out.md").exists()


@pytest.mark.parametrize(
    ("option", "answer"),
    [
        ("--mlspec-confidence=95", "*--mlspec-confidence is a confidence in [[]0.5, 1)*; got --mlspec-confidence=95"),
        ("--mlspec-confidence=nan", "*such as 0.95; got --mlspec-confidence=nan"),
        ("--mlspec-confidence=high", "*such as 0.95; got --mlspec-confidence=high"),
        ("--mlspec-seeds=0", "*--mlspec-seeds is a whole number, 1 or more; got --mlspec-seeds=0"),
        ("--mlspec-seeds=many", "*--mlspec-seeds is a whole number, 1 or more; got --mlspec-seeds=many"),
        ("--mlspec-jobs=0", "*--mlspec-jobs is a whole number, 1 or more; got --mlspec-jobs=0"),
        ("--mlspec-undecided=maybe", "*--mlspec-undecided: invalid choice: 'maybe'*"),
    ],
)
def test_bad_options_are_usage_errors(suite, option, answer):
    result = suite.run("def test_it(): pass", option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([answer])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mlspec_confidence", "1"),
        ("mlspec_seeds", "-1"),
        ("mlspec_jobs", "two"),
        ("mlspec_undecided", "maybe"),
        ("mlspec_bounds", "rough"),
    ],
)
def test_bad_ini_values_are_usage_errors(suite, name, value):
    suite.ini(**{name: value})
    result = suite.run("def test_it(): pass")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {name} is *got {name}=*{value}*"])


def test_every_option_is_in_the_help(suite):
    shown = suite.run("", "--help").stdout.str()

    for name in ("undecided", "confidence", "seeds", "jobs", "list", "json", "markdown"):
        assert f"--mlspec-{name}" in shown
    for name in ("undecided", "confidence", "seeds", "jobs", "bounds"):
        assert f"mlspec_{name}" in shown
