"""Loaded in every run of every suite, the plugin costs nothing, says nothing and gets on with the others."""

from __future__ import annotations

import os
import re

import pytest

HEAVY = (
    "numpy",
    "scipy",
    "sklearn",
    "torch",
    "netcal",
    "hypothesis",
    "matplotlib",
    "joblib",
    "narwhals",
    "cloudpickle",
)
CONFTEST = f"""
import atexit
import sys


@atexit.register
def look():
    print("AT EXIT", sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r})), file=sys.stderr)
"""
STRANGERS = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_numbers(n, tmp_path):
    assert n < 3

@pytest.mark.skip(reason="later")
def test_skipped():
    assert 0

@pytest.mark.xfail(reason="known")
def test_xfailed():
    assert 0

class TestIt:
    def test_method(self, capsys):
        print("x")
"""
USED = """
@pytest.mark.satisficing(at_least=0.9, id="REC")
def test_met(requirement):
    assert metrics.recall(GOOD) >= requirement

@pytest.mark.satisficing(at_least=0.9, id="BAD")
def test_violated(requirement):
    assert not metrics.recall(BAD) >= requirement
"""


@pytest.fixture
def strangers(suite):
    """A suite that knows nothing of us, and what is imported when its run ends."""
    suite.pytester.makepyfile(test_it=STRANGERS)
    suite.pytester.makeconftest(CONFTEST)
    return suite


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-W", "error"),
        ("--strict-markers", "--strict-config"),
        ("-p", "no:cacheprovider"),
        ("-p", "no:terminal"),
        ("--import-mode=importlib",),
        ("--assert=plain",),
        ("-p", "no:unittest", "-p", "no:doctest"),
        ("--junit-xml=out.xml",),
    ],
    ids=" ".join,
)
def test_an_unused_plugin_imports_nothing_and_says_nothing(strangers, arguments):
    result = strangers.again(*arguments, subprocess=True)

    result.stderr.fnmatch_lines(["AT EXIT []"])
    assert result.stderr.lines == ["AT EXIT []"]
    assert result.ret == pytest.ExitCode.OK
    said = [line for line in result.outlines if "mlspec" in line and not line.startswith(("plugins:", "rootdir:"))]
    assert said == []
    if arguments != ("-p", "no:terminal"):
        assert result.parseoutcomes() == {"passed": 4, "skipped": 1, "xfailed": 1}


def test_an_unused_plugin_loads_few_modules_of_its_own(suite):
    suite.pytester.makepyfile(test_it=STRANGERS)
    suite.pytester.makeconftest(CONFTEST.replace(f"& set({HEAVY!r})", "").replace('name.partition(".")[0]', "name"))
    (seen,) = suite.again(subprocess=True).stderr.lines

    assert set(re.findall(r"pytest_mlspec[.\w]*", seen)) == {
        "pytest_mlspec",
        "pytest_mlspec.fixtures",
        "pytest_mlspec.options",
        "pytest_mlspec.plugin",
        "pytest_mlspec.plugin.reporting",
        "pytest_mlspec.plugin.trials",
        "pytest_mlspec.requirements",
        "pytest_mlspec.requirements.catalogue",
        "pytest_mlspec.running",
    }
    assert "'sqlite3'" not in seen


@pytest.mark.parametrize("question", ["--collect-only", "--markers", "--fixtures", "--help"])
def test_asking_pytest_about_itself_imports_nothing(strangers, question):
    result = strangers.again(question, subprocess=True)

    assert result.stderr.lines == ["AT EXIT []"]
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("level", ["1", "2"])
def test_optimised_python(suite, monkeypatch, level):
    """`-O` drops the asserts of modules that pytest does not rewrite, and `-OO` the docstrings: nothing turns green."""
    monkeypatch.setenv("PYTHONOPTIMIZE", level)
    assert suite.outcomes(
        USED
        + """
        from checks import check

        @pytest.mark.satisficing(at_least=0.9)
        def test_dropped(requirement):
            check(BAD, requirement)

        def test_forgotten():
            metrics.recall(BAD) >= 0.9
        """.replace("\n        ", "\n"),
        "-W",
        "ignore",
        subprocess=True,
        checks="""
        from made import metrics

        def check(model, limit):
            assert metrics.recall(model) >= limit
        """,
    ) == {"test_met": "PASSED", "test_violated": "FAILED", "test_dropped": "FAILED", "test_forgotten": "FAILED"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("-W", "error"),
        ("--strict-markers",),
        ("-p", "no:cacheprovider"),
        ("-p", "pytest_cov", "--cov=made"),
        ("-p", "randomly"),
        ("-p", "rerunfailures", "--reruns=2"),
        ("-p", "xdist", "-n2"),
        ("-p", "metadata", "-p", "html", "-p", "html_fixtures", "--html=out.html"),
        ("--junit-xml=out.xml",),
    ],
    ids=" ".join,
)
def test_used_beside_each_neighbour(suite, arguments):
    result = suite.run(USED, *arguments, subprocess=True)

    assert {name: result.parseoutcomes().get(name) for name in ("passed", "failed")} == {"passed": 1, "failed": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["VIOLATED BAD: recall >= 0.90: *", "1 met, 1 violated, 0 undecided, 0 not judged"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert "INTERNALERROR" not in result.stderr.str()


def test_used_with_importlib_and_without_a_terminal(suite):
    suite.pytester.makepyfile(
        test_it="""
        import numpy as np, pytest
        from pytest_mlspec import Predictions, metrics

        @pytest.mark.satisficing(at_least=0.9)
        def test_it(requirement):
            assert metrics.recall(Predictions(y=np.ones(500, int), labels=np.ones(500, int), positive=1)) >= requirement
    """
    )
    result = suite.again("--import-mode=importlib", "-p", "no:terminal", "--mlspec-json=out.json", subprocess=True)

    assert result.ret == pytest.ExitCode.OK
    assert suite.document()["tally"]["met"] == 1
    assert suite.again("--mlspec-list", "-p", "no:terminal", subprocess=True).ret == pytest.ExitCode.OK


RETRIED = """
TRIED = {}

def attempt(name):
    TRIED[name] = TRIED.get(name, 0) + 1
    return TRIED[name]

def better_and_better(name):
    return (BAD, GOOD, GOOD)[attempt(name) - 1]

@pytest.mark.satisficing(at_least=0.9)
def test_violated_once(requirement):
    assert metrics.recall(better_and_better("contract")) >= requirement

def test_literal_violated_once():
    assert metrics.recall(better_and_better("literal")) >= 0.9

def test_literal_undecided_once():
    assert metrics.recall(FEW if attempt("undecided") == 1 else GOOD) >= 0.9

@pytest.mark.satisficing
def test_label_violated_once():
    assert metrics.recall(better_and_better("label")) >= 0.9

@pytest.mark.satisficing(at_least=0.9)
def test_skips_once(requirement):
    if attempt("skip") == 1:
        pytest.skip("busy")
    assert metrics.recall(GOOD) >= requirement

@pytest.mark.satisficing(at_least=0.9)
def test_disk_fails_once(requirement):
    if attempt("crash") == 1:
        raise OSError
    assert metrics.recall(GOOD) >= requirement

def test_flaky_elsewhere():
    assert not metrics.recall(BAD) >= 0.9
    assert attempt("flaky") == 2
"""


@pytest.mark.parametrize("option", [("--reruns=3",), ("--force-reruns=3",)], ids=" ".join)
def test_reruns_never_roll_a_gate_again(suite, option):
    outcomes = suite.outcomes(RETRIED, "-p", "rerunfailures", *option, "--mlspec-json=out.json")

    assert {name: word for name, word in outcomes.items() if word == "PASSED"} == {
        "test_skips_once": "PASSED",
        "test_disk_fails_once": "PASSED",
        "test_flaky_elsewhere": "PASSED",
    }
    assert suite.document()["tally"]["violated"] == 4  # with that of the negative control
    assert suite.document()["tally"]["undecided"] == 1


def test_a_flaky_mark_does_not_either(suite):
    body = "pytestmark = pytest.mark.flaky(reruns=3)\n" + RETRIED

    assert suite.outcomes(body, "-p", "rerunfailures")["test_violated_once"] != "PASSED"


def test_without_the_plugin_nothing_turns_green(suite):
    result = suite.run(USED, "-p", "no:pytest_mlspec.plugin", "-p", "no:mlspec", "-W", "ignore", subprocess=True)

    assert result.parseoutcomes() == {"errors": 2}
    result.stdout.fnmatch_lines(["*fixture 'requirement' not found"])


def test_installed_by_its_entry_point(suite, monkeypatch):
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.delenv("PYTEST_PLUGINS")
    result = suite.run(USED, "-p", "no:randomly", subprocess=True)

    assert result.parseoutcomes() == {"passed": 1, "failed": 1}
    assert suite.again("-p", "no:mlspec", "-W", "ignore", subprocess=True).parseoutcomes() == {"errors": 2}


def test_collecting_only_trains_nothing(suite):
    result = suite.run(
        """
        import pytest_mlspec as mlspec

        @mlspec.ensemble
        def model(seed):
            open("trained", "w")

        def test_it(model): pass
    """,
        "--collect-only",
        "-q",
        "--mlspec-json=out.json",
    )

    assert result.ret == pytest.ExitCode.OK
    assert not (suite.pytester.path / "trained").exists()
    assert suite.document()["requirements"] == []


def test_the_package_itself_imports_nothing(suite):
    result = suite.pytester.runpython_c(
        f"""
import sys
import pytest_mlspec
dir(pytest_mlspec)
print(sorted(set({HEAVY!r}) & set(sys.modules)), "pytest" in sys.modules)
""".strip()
    )

    assert result.outlines == ["[] False"]


def test_every_public_name_resolves(suite):
    result = suite.pytester.runpython_c(
        """
import pytest_mlspec
print([name for name in pytest_mlspec.__all__ if getattr(pytest_mlspec, name, None) is None])
try:
    pytest_mlspec.no_such_name
except AttributeError as error:
    print(error)
""".strip()
    )

    assert result.outlines == ["[]", "module 'pytest_mlspec' has no attribute 'no_such_name'"]


def test_the_environment_of_these_tests_is_the_usual_one():
    """The two checks above that need installed neighbours would pass vacuously without them."""
    from importlib.metadata import version

    assert all(version(f"pytest-{name}") for name in ("xdist", "randomly", "rerunfailures", "cov", "html"))
    assert os.environ.get("PYTHONOPTIMIZE", "") == ""
