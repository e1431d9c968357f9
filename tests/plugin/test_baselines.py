"""``--mlspec-save`` keeps what models said, ``--mlspec-baseline`` brings it back, and no pass is silent."""

from __future__ import annotations

import json
import shutil

import pytest

MODELS = """
import pytest_mlspec as mlspec

@mlspec.dataset
def street():
    light = np.tile(["day", "night"], 1000)
    return mlspec.Dataset(np.arange(2000.0)[:, None], np.ones(2000, int), classes=[0, 1], positive=1,
                          columns={"light": light})

class Model:
    def __init__(self, wrong): self.wrong = wrong
    def predict(self, rows): return np.where(rows[:, 0] < self.wrong, 0, 1)

@mlspec.ensemble(seeds=3)
def detector(seed):
    return Model(open("wrong").read().count("x") + seed)
"""
COMPARED = (
    MODELS
    + """
@pytest.mark.satisficing(at_least=0.01)
def test_new(detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement

def test_compared(detector, street, baseline):
    assert metrics.accuracy(detector, street) - metrics.accuracy(baseline, street) >= -0.01
"""
)


def wrong(suite, cases):
    """How many cases the members get wrong from now on (and one more for each seed)."""
    (suite.pytester.path / "wrong").write_text("x" * cases)


def saved(suite, name="main"):
    """The index of a baseline."""
    folder = suite.pytester.path / ".mlspec" / "baselines" / name
    return json.loads((folder / "index.json").read_text())["content"]


def words(result):
    """The last line of the summary without the time."""
    return result.parseoutcomes()


# ---- saving and comparing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cases", "outcome"), [(100, "passed"), (110, "passed"), (400, "failed")])
def test_the_candidate_is_compared_with_what_was_saved(suite, cases, outcome):
    """100 of 2000 were wrong: 110 cost half a percent, 400 cost 15 %."""
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    wrong(suite, cases)

    result = suite.again("--mlspec-baseline=main", "-k", "compared")

    assert words(result)[outcome] == 1


def test_messages_name_both_models(suite):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    wrong(suite, 400)

    result = suite.again("--mlspec-baseline=main", "-k", "compared")

    result.stdout.fnmatch_lines(["*VIOLATED difference in accuracy, detector minus detector (baseline main) >= -0.01*"])


def test_the_folder_holds_no_pickle_and_everything_that_was_said(suite):
    wrong(suite, 100)
    result = suite.run(COMPARED, "--mlspec-save=main")
    content = saved(suite)
    (entry,) = content["entries"]

    result.stdout.fnmatch_lines(["baseline main saved: 1 model on 1 dataset"])
    assert (entry["model"], entry["dataset"], entry["seeds"], entry["classes"]) == (
        "detector",
        "street",
        [0, 1, 2],
        [0, 1],
    )
    assert set(entry["arrays"]) == {"labels"}
    assert [(row["verdict"], row["id"]) for row in content["scores"]] == [("met", ""), ("not judged", "")]
    files = sorted(path.name for path in (suite.pytester.path / ".mlspec" / "baselines" / "main").rglob("*.*"))
    assert files == ["0-labels.npy", "index.json"]


def test_workers_save_one_baseline_together(suite):
    wrong(suite, 100)
    body = COMPARED + (
        "@pytest.mark.parametrize('light', ['day', 'night'])\n"
        "def test_light(detector, street, light, baseline):\n"
        "    part = street.where(light=light)\n"
        "    assert metrics.accuracy(detector, part) - metrics.accuracy(baseline, part) >= -0.01\n"
    )
    first = suite.run(body, "-p", "xdist", "-n2", "--mlspec-save=main", "--mlspec-json=out.json", subprocess=True)
    assert first.ret == 0, first.stdout.str()
    assert suite.document()["tally"]["first baseline"] == 3
    assert [entry["model"] for entry in saved(suite)["entries"]] == ["detector"]

    again = suite.again("-p", "xdist", "-n2", "--mlspec-baseline=main", subprocess=True)

    assert words(again) == {"passed": 4}
    folders = [path for path in (suite.pytester.path / ".mlspec" / "baselines" / "main").iterdir() if path.is_dir()]
    assert len(folders) == 1


OTHER = """
@mlspec.ensemble(seeds=3)
def other(seed):
    return Model(500 + seed)

def test_other(other, street):
    assert metrics.accuracy(other, street) >= 0.1

"""


def test_several_models_on_the_same_data_need_a_name(suite):
    body = COMPARED.replace("def test_compared", OTHER + "def test_compared")
    wrong(suite, 100)
    suite.run(body, "--mlspec-save=main")

    result = suite.again("--mlspec-baseline=main", "-k", "compared")
    result.stdout.fnmatch_lines(["*holds 2 models on street: say which one, baseline?'detector'?, baseline?'other'?"])
    named = body.replace("metrics.accuracy(baseline, street)", "metrics.accuracy(baseline['detector'], street)")

    assert words(suite.run(named, "--mlspec-baseline=main", "-k", "compared")) == {"passed": 1, "deselected": 2}
    unknown = suite.run(body.replace("(baseline,", "(baseline['detectr'],"), "--mlspec-baseline=main", "-k", "compared")
    unknown.stdout.fnmatch_lines(["*holds no model 'detectr'; did you mean 'detector'[?] It holds detector, other"])


def test_other_data_of_the_same_name_are_an_error_that_names_both(suite):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    fingerprint = saved(suite)["entries"][0]["data"]

    result = suite.run(COMPARED.replace("2000", "1000").replace("1000)\n", "500)\n"), "--mlspec-baseline=main")

    result.stdout.fnmatch_lines([f"*the baseline 'main' is about another street: fingerprint {fingerprint} of 2,000*"])
    assert words(result) == {"passed": 1, "failed": 1}


def test_other_seeds_are_an_error(suite):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")

    result = suite.run(COMPARED.replace("seeds=3", "seeds=[5, 6, 7]"), "--mlspec-baseline=main")

    result.stdout.fnmatch_lines(["*a paired difference needs the same seeds*"])


# ---- no baseline --------------------------------------------------------------------------------------------------

MARKED = COMPARED.replace("def test_compared(", "@pytest.mark.satisficing\ndef test_compared(")
XFAILED = COMPARED.replace("def test_compared(", "@pytest.mark.xfail\ndef test_compared(")
CAUGHT = (
    MODELS
    + """
def test_compared(detector, street, baseline):
    try:
        assert metrics.accuracy(detector, street) - metrics.accuracy(baseline, street) >= -0.01
    except Exception:
        pass
"""
)
SKIPPED = CAUGHT.replace("        pass\n", "        pytest.skip('no baseline')\n")


@pytest.mark.parametrize("body", [COMPARED, MARKED, XFAILED, CAUGHT, SKIPPED])
def test_without_a_baseline_it_is_not_judged_and_fails(suite, body):
    wrong(suite, 100)
    result = suite.run(body, "-k", "compared", "--mlspec-json=out.json")

    assert words(result)["failed"] == 1
    result.stdout.fnmatch_lines(["*no baseline to compare street with: `pytest --mlspec-save=main` makes one*"])
    assert suite.document()["tally"]["not judged"] == 1


@pytest.mark.parametrize("body", [COMPARED, MARKED, XFAILED, CAUGHT])
def test_in_a_run_that_saves_the_first_one_the_row_reads_first_baseline(suite, body):
    wrong(suite, 100)
    result = suite.run(
        body, "-k", "compared", "--mlspec-save=main", "--mlspec-json=out.json", "--mlspec-markdown=out.md"
    )

    assert (result.ret, "failed" in words(result)) == (0, False)
    result.stdout.fnmatch_lines(["FIRST BASELINE *", "0 met, 0 violated, 0 undecided, 0 not judged, 1 first baseline"])
    assert "🆕 first baseline" in (suite.pytester.path / "out.md").read_text(encoding="utf-8")
    assert len(saved(suite)["entries"]) == 1


def test_the_first_baseline_holds_what_the_comparison_needs_even_where_it_is_named_first(suite):
    wrong(suite, 100)
    swapped = COMPARED.replace(
        "assert metrics.accuracy(detector, street) - metrics.accuracy(baseline, street) >= -0.01",
        "old = metrics.accuracy(baseline, street)\n    assert metrics.accuracy(detector, street) - old >= -0.01",
    )

    suite.run(swapped, "-k", "compared", "--mlspec-save=main")

    assert words(suite.again("-k", "compared", "--mlspec-baseline=main"))["passed"] == 1


def test_a_crash_is_no_first_baseline(suite):
    wrong(suite, 100)
    body = CAUGHT.replace("        pass\n", "        raise KeyError('x')\n")

    assert words(suite.run(body, "--mlspec-save=main"))["failed"] == 1


def test_data_that_the_baseline_lacks_are_not_judged_although_this_run_saves(suite):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    other = COMPARED.replace("street", "road").replace("np.arange(2000.0)", "np.arange(1.0, 2001)")

    result = suite.run(other, "--mlspec-baseline=main", "--mlspec-save=main")

    assert words(result)["failed"] == 1
    result.stdout.fnmatch_lines(["*nothing about road in the baseline 'main': `pytest --mlspec-save=main` saves it*"])


# ---- what is refused, and what is not saved -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--mlspec-baseline=mian", "got 'mian'; did you mean 'main'? * holds main*"),
        ("--mlspec-baseline=../elsewhere", "expected the name or path of a baseline, got '../elsewhere'*"),
        ("--mlspec-save=feature/x", "expected a name of letters*got 'feature/x'; did you mean feature-x?"),
        ("--mlspec-save=..", "expected a name of letters*"),
    ],
)
def test_bad_names_are_usage_errors(suite, option, words):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")

    result = suite.again(option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{words}"])


def test_a_path_names_a_baseline_too(suite):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    shutil.move(suite.pytester.path / ".mlspec" / "baselines" / "main", suite.pytester.path / "kept")

    assert words(suite.again("--mlspec-baseline=./kept"))["passed"] == 2


def test_the_folder_of_records_is_where_the_ini_says(suite):
    wrong(suite, 100)
    suite.ini(mlspec_records="kept/records")
    suite.run(COMPARED, "--mlspec-save=main")

    assert (suite.pytester.path / "kept" / "records" / "baselines" / "main" / "index.json").is_file()
    assert words(suite.again("--mlspec-baseline=main"))["passed"] == 2


def test_a_run_that_asks_for_nothing_writes_nothing(suite):
    wrong(suite, 100)
    suite.run(COMPARED)
    assert suite.again("--collect-only", "--mlspec-save=main").ret == 0
    suite.again("--mlspec-list", "--mlspec-save=main")

    assert not (suite.pytester.path / ".mlspec").exists()


def test_a_search_by_hypothesis_saves_the_data_themselves_and_not_what_it_made_of_them(suite):
    pytest.importorskip("hypothesis", reason="an extra")
    searched = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=5, deadline=None)
@given(shift=st.integers(1, 100))
def test_searched(shift, detector, street):
    moved = street.perturb(lambda rows: rows + shift, name="moved")
    assert metrics.accuracy(detector, street) >= 0.1
    assert metrics.accuracy(detector, moved) >= 0.1
"""
    wrong(suite, 100)
    suite.run(MODELS + searched, "-p", "_hypothesis_pytestplugin", "--mlspec-save=main", subprocess=True)

    assert [entry["title"] for entry in saved(suite)["entries"]] == ["street"]


STOPPED = COMPARED + "\ndef test_stop():\n    BODY\n"


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (STOPPED.replace("BODY", "raise KeyboardInterrupt"), ()),
        (STOPPED.replace("BODY", "pytest.exit('enough')"), ()),
        ("def test_first(): assert False\n" + COMPARED, ("-x",)),
        ("def test_nothing(): pass", ()),
    ],
)
def test_a_run_that_did_not_finish_saves_nothing_and_leaves_the_older_one(suite, body, options):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    before = saved(suite)

    result = suite.run(body, "--mlspec-save=main", *options, subprocess=True)

    assert result.ret != 0
    assert "baseline main NOT SAVED" in result.stdout.str()
    assert saved(suite) == before
    assert len(list((suite.pytester.path / ".mlspec" / "baselines" / "main").iterdir())) == 2


def test_a_run_with_a_violated_requirement_saves_and_says_so(suite):
    wrong(suite, 100)
    result = suite.run(COMPARED.replace("at_least=0.01", "at_least=0.99"), "--mlspec-save=main")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["baseline main saved: 1 model on 1 dataset, though 1 requirement is violated"])


def test_a_worker_that_dies_leaves_no_half_baseline(suite):
    wrong(suite, 100)
    body = COMPARED + "\ndef test_dies():\n    import os\n    os._exit(3)\n"

    result = suite.run(body, "-p", "xdist", "-n1", "--mlspec-save=main", subprocess=True)

    assert "baseline main NOT SAVED: the worker gw0 did not finish" in result.stdout.str()
    assert not (suite.pytester.path / ".mlspec" / "baselines" / "main").exists()


@pytest.mark.parametrize("harm", ["truncate", "swap", "pickle", "format", "foreign", "missing"])
def test_damaged_files_are_named(suite, harm):
    wrong(suite, 100)
    suite.run(COMPARED, "--mlspec-save=main")
    folder = suite.pytester.path / ".mlspec" / "baselines" / "main"
    (array,) = folder.rglob("*.npy")
    index = folder / "index.json"
    text = index.read_text()
    hurt = {
        "truncate": lambda: array.write_bytes(array.read_bytes()[:-10]),
        "swap": lambda: index.write_text(text.replace('"detector"', '"other"')),
        "pickle": lambda: array.write_bytes(b"\x80\x04K\x01."),
        "format": lambda: index.write_text(text.replace('"format": 1', '"format": 2')),
        "foreign": lambda: index.write_text("{}"),
        "missing": array.unlink,
    }
    hurt[harm]()

    result = suite.again("--mlspec-baseline=main")

    assert result.ret != 0
    told = result.stdout.str() + result.stderr.str()
    assert ("index.json" if harm in ("swap", "format", "foreign") else "0-labels.npy") in told
    assert "INTERNALERROR" not in told


def test_the_guard_against_training_rows_outlives_the_model(suite):
    body = """
    import pytest_mlspec as mlspec

    @mlspec.dataset
    def street():
        y = np.tile([0, 1], 200)
        return mlspec.Dataset(np.arange(400.0)[:, None], y, positive=1).split(test=0.5, seed=0)

    class Model:
        def __init__(self, seed): self.seed = seed
        def predict(self, rows): return (rows[:, 0] % 2).astype(int)

    @mlspec.ensemble(seeds=1)
    def detector(seed, street):
        street.train.X
        return Model(seed)

    def test_saved(detector, street):
        metrics.accuracy(detector, street.train).values
        metrics.accuracy(detector, street.test).values

    def test_judged(street, baseline):
        assert metrics.accuracy(baseline, street.test) >= 0.9
        assert metrics.accuracy(baseline, street.train) >= 0.9
    """
    suite.run(body, "-k", "saved", "--mlspec-save=main")

    result = suite.again("-k", "judged", "--mlspec-baseline=main")

    result.stdout.fnmatch_lines(
        ["*accuracy is judged on rows that trained the model: 200 of 200 rows of street.train*"]
    )


# ---- the kind under pytest ----------------------------------------------------------------------------------------

CONTRACTS = (
    MODELS
    + """
@pytest.mark.non_inferiority(margin=0.02, id="NI", because="users notice")
@pytest.mark.satisficing(at_least=0.5, id="ABS")
def test_both(detector, street, baseline, requirement):
    ABOVE
    assert metrics.accuracy(detector, street) - metrics.accuracy(baseline, street) >= requirement
    BELOW

@pytest.mark.non_inferiority(margin=0.05, by="light")
def test_gap(detector, street, baseline, requirement):
    new, old = (metrics.recall(model, street).gap(by="light") for model in (detector, baseline))
    assert new - old <= requirement
"""
)
ABSOLUTE = "assert metrics.accuracy(detector, street) >= requirement"
COMPARED_LAST = CONTRACTS.replace("ABOVE", ABSOLUTE).replace("BELOW", "pass")
COMPARED_FIRST = CONTRACTS.replace("ABOVE", "pass").replace("BELOW", ABSOLUTE)


def test_the_marker_judges_and_its_row_is_in_json(suite):
    wrong(suite, 100)
    suite.run(COMPARED_LAST, "--mlspec-save=main")
    wrong(suite, 110)
    result = suite.again("--mlspec-baseline=main", "--mlspec-json=out.json")
    rows = {(row["id"], row["kind"]): row for row in suite.document()["requirements"]}

    assert words(result) == {"passed": 2}
    assert (rows["NI", "non_inferiority"]["verdict"], rows["NI", "non_inferiority"]["threshold"]) == ("met", -0.02)
    assert rows["", "non_inferiority"]["claim"].startswith("difference in gap in recall by light, detector minus ")


def test_a_first_baseline_excuses_nothing_else(suite):
    wrong(suite, 100)
    suite.run(COMPARED_LAST, "--mlspec-save=main", "--mlspec-json=out.json")
    assert suite.document()["tally"] | {"met": 1, "first baseline": 2, "not judged": 0} == suite.document()["tally"]

    result = suite.run(COMPARED_FIRST, "--mlspec-save=other", "--mlspec-json=out.json")

    assert words(result) == {"failed": 1, "first": 1}  # pytest's word has two parts
    assert suite.document()["tally"]["not judged"] == 1
    result.stdout.fnmatch_lines(["NOT JUDGED ABS: *the body ended where it asked for a baseline: write that*"])


def test_a_violated_limit_in_a_run_that_saves_the_first_one_fails(suite):
    wrong(suite, 100)
    result = suite.run(COMPARED_LAST.replace("at_least=0.5", "at_least=0.99"), "--mlspec-save=main")

    assert words(result) == {"failed": 1, "first": 1}  # pytest's word has two parts


def test_comparing_is_no_part_of_the_gate_that_needs_only_the_checkout(suite):
    wrong(suite, 100)

    assert words(suite.run(COMPARED_LAST, "-m", "satisficing", "--collect-only", "-q"))["deselected"] == 1


def test_swapped_sides_are_refused(suite):
    wrong(suite, 100)
    suite.run(COMPARED_LAST, "--mlspec-save=main")
    swapped = (
        COMPARED_LAST.replace(
            "metrics.accuracy(detector, street) - metrics.accuracy(baseline, street)",
            "metrics.accuracy(baseline, street) - metrics.accuracy(detector, street)",
        )
        .replace('@pytest.mark.satisficing(at_least=0.5, id="ABS")\n', "")
        .replace(ABSOLUTE, "pass")
    )

    result = suite.run(swapped, "--mlspec-baseline=main")

    result.stdout.fnmatch_lines(["*the sides are swapped, detector (baseline main) is the baseline; write candidate*"])


def test_a_plan_needs_no_baseline(suite):
    wrong(suite, 100)
    result = suite.run(COMPARED_LAST, "--mlspec-plan")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*difference in accuracy, detector minus baseline >= -0.02*"])


def test_a_baseline_that_is_replaced_unseen_is_said(suite):
    """Saved again without being compared, a worse model becomes the one to beat."""
    wrong(suite, 100)
    assert "in the place of" not in suite.run(COMPARED_LAST, "--mlspec-save=main").stdout.str()
    wrong(suite, 400)
    unseen = suite.again("--mlspec-save=main")
    compared = suite.again("--mlspec-save=main", "--mlspec-baseline=main")

    unseen.stdout.fnmatch_lines(
        [
            "baseline main saved: 1 model on 1 dataset; in the place of the one before, with which nothing "
            "was compared (--mlspec-baseline=main --mlspec-save=main does both)"
        ]
    )
    assert "in the place of" not in compared.stdout.str()
