"""A project with a ledger: whoever judges is counted, the level is shared out, a worn-out test set decides nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from pytest_mlspec.records import Ledger

LEDGER = "reads.sqlite"

# The smallest k whose one-sided lower bound of k / 1000 is at least 0.9 is 916 at level 0.05 and 926 at 0.05 / 20.
JUDGE = """
import os

@pytest.mark.satisficing(at_least=0.9, id="PED-2")
def test_it(requirement):
    assert metrics.recall(rate(int(os.environ["HITS"]), 1000)) >= requirement
"""

MODELS = """
import os
import pytest_mlspec as mlspec

class Model:
    classes_ = np.array([0, 1])
    def __init__(self, wrong):
        self.wrong = wrong
    def predict(self, X):
        return np.where(X[:, 0] < self.wrong, 0, 1)

@mlspec.dataset
def street():
    X = np.arange(1000.0)[:, None]
    light = np.where(np.arange(1000) % 2, "night", "day")
    columns = {"light": light} | ({"more": light} if os.environ.get("MORE") else {})
    data = mlspec.Dataset(X, np.ones(1000, int), columns=columns, classes=[0, 1], positive=1, **BUDGET)
    return mlspec.Splits(test=data)
"""


def export(suite):
    """Every entry of the ledger."""
    return Ledger(suite.pytester.path / LEDGER).export()


def rows(suite):
    """The rows of the JSON file."""
    return suite.document()["requirements"]


@pytest.fixture
def counted(suite, monkeypatch):
    """A project with a ledger; `judge(hits)` runs it on a model with so many hits."""
    suite.ini(mlspec_ledger=LEDGER)
    suite.write(JUDGE)

    def judge(hits, *args):
        monkeypatch.setenv("HITS", str(hits))
        return suite.again("--mlspec-json=out.json", *args)

    return suite, judge


# ---- on and off ----------------------------------------------------------------------------------------------------


def test_without_a_ledger_nothing_is_written_and_the_summary_says_so(suite):
    result = suite.run("def test_it():\n    assert metrics.recall(GOOD) >= 0.9", "--mlspec-json=out.json")

    assert "reads not counted" in result.outlines
    assert suite.document()["reads"] == ["reads not counted"]
    assert rows(suite)[0]["reads"] == []
    assert not list(suite.pytester.path.glob("*.sqlite*"))


@pytest.mark.parametrize("ledger", ["", LEDGER])
def test_a_run_without_requirements_says_and_writes_nothing(suite, ledger):
    suite.ini(mlspec_ledger=ledger)
    result = suite.run("def test_it(): pass")

    assert "read" not in result.stdout.str()
    assert not (suite.pytester.path / LEDGER).exists()


def test_each_model_is_judged_at_its_share_of_the_level(counted):
    """920 of 1000: met at 95 %, undecided at the 99.75 % of one model among twenty."""
    suite, judge = counted
    result = judge(920)

    assert (rows(suite)[0]["verdict"], rows(suite)[0]["confidence"]) == ("undecided", 0.9975)
    result.stdout.fnmatch_lines(["*one-sided 99.75% bounds*", "*read 1 of 20 of 1,000 cases"])
    assert "1,000 cases: 1 model judged for 1 requirement; PED-2 read 1 of 20" in result.outlines
    (read,) = rows(suite)[0]["reads"]
    assert (read["place"], read["n_models"], read["budget"], read["share"]) == (1, 1, 20, 0.05)
    assert judge(930).ret == pytest.ExitCode.OK
    assert rows(suite)[0]["reads"][0]["place"] == 2


def test_violated_is_judged_at_the_share_too(counted):
    """Below 0.9 at 95 % with 883 of 1000 (upper bound 0.8993), not at 99.75 % (0.9101)."""
    suite, judge = counted
    judge(883)
    assert rows(suite)[0]["verdict"] == "undecided"
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="1")
    (suite.pytester.path / LEDGER).unlink()
    judge(883)
    assert rows(suite)[0]["verdict"] == "violated"


def test_the_budget_moves_the_level(counted):
    suite, judge = counted
    for budget, confidence in (("1", 0.95), ("2", 0.975), ("100", 0.9995)):
        suite.ini(mlspec_ledger=LEDGER, mlspec_budget=budget)
        (suite.pytester.path / LEDGER).unlink(missing_ok=True)
        judge(930)
        assert rows(suite)[0]["confidence"] == confidence


def test_a_worn_out_test_set_decides_nothing_whatever_the_numbers(counted):
    suite, judge = counted
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="2")
    for hits in (890, 891):
        judge(hits)
    for hits in (1000, 10):
        result = judge(hits)
        assert rows(suite)[0]["verdict"] == "undecided"
        assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*stale holdout: 4 models were judged on 1,000 cases, 2 were budgeted; take fresh examples: a larger budget*"]
    )
    judge(1000)
    assert rows(suite)[0]["reads"][0]["place"] == 3  # the same model stays where it was


def test_a_raised_budget_revives_nothing_and_an_early_one_divides_what_is_left(counted):
    suite, judge = counted
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="2")
    judge(1000)
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="11")
    judge(999)
    assert rows(suite)[0]["confidence"] == 0.9975  # half of the level is left, for ten models
    judge(1000)
    assert rows(suite)[0]["confidence"] == 0.975  # the first keeps what it had

    (suite.pytester.path / LEDGER).unlink()
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="1")
    judge(1000)
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="50")
    result = judge(999)
    assert rows(suite)[0]["verdict"] == "undecided"
    result.stdout.fnmatch_lines(["*stale holdout: earlier models used up the error level of 1,000 cases*"])


def test_the_same_model_again_is_free_in_any_run_and_process(counted):
    suite, judge = counted
    for _ in range(3):
        judge(950)
    env = {**os.environ, "HITS": "950", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=suite.pytester.path, env=env, check=True)

    assert [entry["requirement"] for entry in export(suite)] == ["PED-2"]


# ---- what is one requirement, one test set, one model ----------------------------------------------------------------


@pytest.mark.parametrize("with_id", [True, False])
def test_an_edited_threshold_or_test_name_goes_on_counting(counted, with_id):
    suite, judge = counted
    base = JUDGE if with_id else JUDGE.replace(', id="PED-2"', "")
    for edit in (("", ""), ("at_least=0.9", "at_least=0.5"), ("def test_it", "def test_other")):
        suite.write(base.replace(*edit))
        judge(950)
    assert len(export(suite)) == 1

    judge(951)
    assert len({entry["requirement"] for entry in export(suite)}) == 1
    assert len(export(suite)) == 2


def test_a_literal_and_a_marker_without_an_id_are_one_requirement(counted):
    suite, judge = counted
    suite.write(JUDGE.replace(', id="PED-2"', ""))
    judge(950)
    suite.write("import os\ndef test_it():\n    assert metrics.recall(rate(int(os.environ['HITS']), 1000)) >= 0.8")
    judge(951)

    assert [entry["requirement"] for entry in export(suite)] == ["recall >="] * 2


def test_other_claims_and_parts_are_requirements_of_their_own(suite):
    suite.ini(mlspec_ledger=LEDGER)
    suite.run(
        """
        def test_it():
            assert metrics.recall(FAIR) >= 0.5
            assert metrics.accuracy(FAIR) >= 0.5
            assert metrics.recall(FAIR) <= 0.99
            assert metrics.recall(FAIR).gap(by="sex") <= 0.5
            assert metrics.recall(FAIR.where(sex="women")) >= 0.5
            assert metrics.recall(FAIR.where(sex="men")) >= 0.5
            assert metrics.recall(FAIR.where(sex="men", name="another name")) >= 0.6
        """
    )

    entries = export(suite)
    assert len(entries) == len({entry["requirement"] for entry in entries}) == 6
    assert len({entry["data"] for entry in entries}) == len({entry["model"] for entry in entries}) == 1


def test_slices_and_changed_copies_count_under_their_test_set(suite):
    suite.ini(mlspec_ledger=LEDGER)
    result = suite.run(
        MODELS.replace("**BUDGET", "")
        + """
@pytest.mark.satisficing(at_least=0.5, id="A")
def test_it(street, requirement):
    assert metrics.recall(Model(10), street.test) >= requirement

@pytest.mark.satisficing(at_least=0.5, id="A")
def test_slice(street, requirement):
    assert metrics.recall(Model(10), street.test.where(light="night")) >= requirement

def half(X):
    return X / 2

@pytest.mark.satisficing(at_least=0.5, id="A")
def test_changed(street, requirement):
    assert metrics.recall(Model(10), street.test.perturb(half)) >= requirement
"""
    )

    assert (
        "street.test: 2 models judged for 2 requirements; A read 1 of 20, A under half read 1 of 20" in result.outlines
    )
    assert {(entry["requirement"], entry["name"]) for entry in export(suite)} == {
        ("A", "street.test"),
        ("A under half", "street.test"),
    }
    assert len({entry["data"] for entry in export(suite)}) == 1


def test_a_further_column_goes_on_counting_and_a_further_row_does_not(suite, monkeypatch):
    suite.ini(mlspec_ledger=LEDGER)
    body = (
        MODELS.replace("**BUDGET", "")
        + "\ndef test_it(street):\n    assert metrics.recall(Model(10), street.test) >= 0.5"
    )
    suite.run(body)
    monkeypatch.setenv("MORE", "1")
    suite.run(body)
    assert len(export(suite)) == 1

    suite.run(body.replace("1000", "1001"))
    assert len({entry["data"] for entry in export(suite)}) == 2


@pytest.mark.parametrize(("declared", "budget"), [("", 20), ("budget=3", 3)])
def test_the_budget_of_a_dataset_goes_before_that_of_the_project(suite, declared, budget):
    suite.ini(mlspec_ledger=LEDGER)
    body = MODELS.replace("**BUDGET", declared) + (
        "\ndef test_it(street):\n    assert metrics.recall(Model(10), street.test.where(light='day')) >= 0.5"
    )
    suite.run(body, "--mlspec-json=out.json")

    assert rows(suite)[0]["reads"][0]["budget"] == budget
    assert rows(suite)[0]["confidence"] == pytest.approx(1 - 0.05 / budget)


def test_all_claims_of_one_contract_are_one_read_and_both_models_of_a_difference_count(suite):
    suite.ini(mlspec_ledger=LEDGER)
    body = """
def test_it():
    old, new = rate(900, 1000), rate({hits}, 1000)
    assert metrics.accuracy(new) - metrics.accuracy(old) >= -0.1
"""
    suite.run(body.format(hits=950))
    suite.run(body.format(hits=950).replace("900", "901"))
    suite.run(body.format(hits=950))

    assert len(export(suite)) == 2
    assert {entry["requirement"] for entry in export(suite)} == {"difference in accuracy >="}


def test_ensembles_of_another_size_are_other_models(suite):
    """A development run looked, too."""
    suite.ini(mlspec_ledger=LEDGER)
    body = (
        MODELS.replace("**BUDGET", "")
        + """
@mlspec.ensemble(seeds=3)
def model(seed):
    return Model(10 + seed)

def test_it(model, street):
    assert metrics.recall(model, street.test) >= 0.5
"""
    )
    for seeds in ("3", "1", "3"):
        suite.run(body, f"--mlspec-seeds={seeds}")

    assert len(export(suite)) == 2


def test_listed_cases_are_counted_without_a_limit(counted):
    suite, judge = counted
    suite.ini(mlspec_ledger=LEDGER, mlspec_budget="1")
    suite.write(
        """
        import os

        @pytest.mark.satisficing(max_failures=0, delta=0.5, id="EDGE")
        def test_it(requirement):
            y = np.zeros(10)
            values = np.zeros(10); values[0] = float(os.environ["HITS"]) / 1000
            assert metrics.failure_rate(Predictions(y=y, values=values), loss="absolute_error") <= requirement
        """
    )
    for hits in (100, 200, 300):
        judge(hits)
        assert rows(suite)[0]["verdict"] == "met"
    result = judge(900)

    assert rows(suite)[0]["verdict"] == "violated"
    result.stdout.fnmatch_lines(
        ["*case row 0*", "10 cases: 4 models judged for 1 requirement; EDGE (listed cases) read 4 times"]
    )


def test_figures_of_the_model_itself_and_refused_judgements_read_nothing(suite):
    suite.ini(mlspec_ledger=LEDGER)
    suite.run("def test_it():\n    assert metrics.recall(GOOD) >= 95")

    assert not (suite.pytester.path / LEDGER).exists()


# ---- every way to run -----------------------------------------------------------------------------------------------

MANY = """
import os

@pytest.mark.parametrize("hits", range(900, 930))
@pytest.mark.satisficing(at_least=0.1, id="MANY")
def test_many(hits, requirement):
    assert metrics.recall(rate(hits, 1000)) >= requirement

@pytest.mark.xfail(strict=False)
@pytest.mark.satisficing(at_least=0.99, id="X")
def test_xfail(requirement):
    assert metrics.recall(rate(100, 1000)) >= requirement
"""


def test_counts_are_exact_with_workers_and_several_processes(suite):
    """Two runs at once, each with two workers, judge the same thirty models; the first twenty share the level."""
    suite.ini(mlspec_ledger=LEDGER)
    suite.write(MANY)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n2"]
    runs = [subprocess.Popen(command, cwd=suite.pytester.path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120)[0] for run in runs]

    entries = [entry for entry in export(suite) if entry["requirement"] == "MANY"]
    assert len(entries) == 30
    assert sum(float(entry["share"]) for entry in entries) == pytest.approx(1.0)
    assert sorted(float(entry["share"]) for entry in entries) == pytest.approx([0.0] * 10 + [0.05] * 20)
    for output in outputs:
        assert "10 failed, 20 passed, 1 xfailed" in output
        assert "1,000 cases: 31 models judged for 2 requirements; MANY read 30 of 20, X read 1 of 20" in output


def test_expected_failures_and_reruns_count_once(suite):
    pytest.importorskip("pytest_rerunfailures")
    suite.ini(mlspec_ledger=LEDGER)
    suite.run(
        "def test_it():\n    assert metrics.recall(BAD) >= 0.9", "-p", "rerunfailures", "--reruns=3", subprocess=True
    )

    assert len(export(suite)) == 1


@pytest.mark.parametrize("option", ["--mlspec-list", "--mlspec-plan", "--collect-only"])
def test_a_list_a_plan_and_a_collection_read_nothing(suite, option):
    suite.ini(mlspec_ledger=LEDGER)
    suite.run(JUDGE.replace('int(os.environ["HITS"])', "950"), option)

    assert not (suite.pytester.path / LEDGER).exists()


def test_a_search_is_not_counted(suite):
    pytest.importorskip("hypothesis", reason="an extra")
    suite.ini(mlspec_ledger=LEDGER)
    suite.run(
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=30, derandomize=True, database=None)
        @given(st.integers(900, 1000))
        def test_it(hits):
            assert metrics.recall(rate(hits, 1000)) >= 0.1
        """,
        "--mlspec-json=out.json",
    )

    assert (rows(suite)[0]["verdict"], rows(suite)[0]["confidence"]) == ("met", 0.95)
    assert not (suite.pytester.path / LEDGER).exists()


# ---- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"accuracy,0.9\n", b""])
@pytest.mark.parametrize("args", [(), ("--mlspec-ledger=show",), ("--mlspec-ledger=export",), ("-p", "xdist", "-n1")])
def test_a_file_that_is_no_ledger_is_a_usage_error_before_anything_runs(suite, content, args):
    suite.ini(mlspec_ledger=LEDGER)
    path = suite.pytester.path / LEDGER
    path.write_bytes(content)
    result = suite.run("open('ran', 'w')\ndef test_it(): pass", *args, subprocess="xdist" in args)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: mlspec_ledger={LEDGER}: expected a ledger, got *"])
    assert path.read_bytes() == content
    assert not (suite.pytester.path / "ran").exists()


def test_a_place_that_cannot_be_written_is_a_usage_error_before_anything_runs(suite):
    suite.ini(mlspec_ledger="file/reads.sqlite")
    (suite.pytester.path / "file").touch()
    result = suite.run("open('ran', 'w')\ndef test_it(): pass")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: mlspec_ledger=file/reads.sqlite: *cannot be used*"])
    assert not (suite.pytester.path / "ran").exists()


def test_what_cannot_be_counted_is_not_judged(counted):
    """The ledger is damaged while the run goes on."""
    suite, judge = counted
    suite.write(JUDGE.replace("    assert", f"    open({LEDGER!r}, 'w').write('x' * 5000)\n    assert"))
    result = judge(990)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*ValueError: expected a ledger*"])


@pytest.mark.parametrize("how", ["show", "export"])
def test_without_a_ledger_there_is_nothing_to_show(suite, how):
    result = suite.run("open('ran', 'w')", f"--mlspec-ledger={how}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --mlspec-ledger={how} needs a ledger: *mlspec_ledger = .mlspec/ledger.sqlite"]
    )
    assert not (suite.pytester.path / "ran").exists()


def test_show_prints_what_was_read_and_runs_nothing(counted):
    suite, judge = counted
    assert suite.again("--mlspec-ledger=show").outlines == ["no test set was read yet"]
    assert not (suite.pytester.path / LEDGER).exists()
    for hits in (950, 951):
        judge(hits)
    before = (suite.pytester.path / LEDGER).read_bytes()
    suite.write("open('ran', 'w')")
    result = suite.again("--mlspec-ledger=show")

    assert result.ret == pytest.ExitCode.OK
    assert re.fullmatch(r"1,000 cases \([0-9a-f]{12}\): 2 models", result.outlines[0])
    assert re.sub(r"\d{4}-\S+", "T", result.outlines[2]) == "  PED-2        2       18 of 20  T  T"
    assert not (suite.pytester.path / "ran").exists()
    assert (suite.pytester.path / LEDGER).read_bytes() == before


def test_export_is_json_and_nothing_else(counted):
    suite, judge = counted
    judge(950)
    result = suite.again("--mlspec-ledger=export", subprocess=True)

    (entry,) = json.loads(result.stdout.str())
    assert {key: entry[key] for key in ("requirement", "share", "budget", "name")} == {
        "requirement": "PED-2",
        "share": 0.05,
        "budget": 20,
        "name": "1,000 cases",
    }
