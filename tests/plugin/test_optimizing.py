"""`optimizing` in a run: the record file is read, offered and written, and by `--mlspec-update` only."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

TWO = ("-p", "xdist", "-n2")
BODY = """
@pytest.mark.optimizing(id="ACC", metric="accuracy")
def test_it(requirement):
    assert metrics.accuracy(rate({hits}, 1000)) >= requirement

@pytest.mark.optimizing
def test_recall(requirement):
    assert metrics.recall(rate(900, 1000)) >= requirement
"""
KEYS = ["test_it.py::test_it ACC", "test_it.py::test_recall"]


def body(hits=950):
    return BODY.format(hits=hits)


def record(suite):
    return suite.pytester.path / "mlspec-record.json"


def entries(suite):
    return json.loads(record(suite).read_text(encoding="utf-8"))["best"]


def rows(suite):
    return {row["id"] or row["test"].partition("::")[2]: row for row in suite.document()["requirements"]}


@pytest.fixture(params=[(), TWO], ids=["serial", "xdist"])
def workers(request):
    return request.param


def test_without_a_record_nothing_is_judged(suite, workers):
    result = suite.run(body(), "--mlspec-json=out.json", *workers)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["NOT JUDGED ACC: *: no record: `pytest --mlspec-update` makes one (mlspec-record.json) (*", "*2 failed*"]
    )
    assert rows(suite)["ACC"]["verdict"] == "not judged"
    assert not record(suite).exists()


@pytest.mark.parametrize("mark", ["@pytest.mark.xfail", "@pytest.mark.xfail(strict=True)"])
def test_no_xfail_excuses_a_missing_record(suite, mark):
    assert suite.outcomes(body().replace("@pytest.mark.opt", f"{mark}\n@pytest.mark.opt")) == {
        "test_it": "FAILED",
        "test_recall": "FAILED",
    }


def test_an_update_makes_the_record(suite, workers):
    result = suite.run(body(), "--mlspec-update", "--mlspec-json=out.json", *workers)

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "TRACKED ACC: accuracy >= the best recorded: 0.950 [[]0.935, 0.963], first record (test_it.py::test_it)",
            "mlspec-record.json: wrote ACC 0.950 [[]0.935, 0.963], first record",
            "0 met, 0 violated, 0 undecided, 0 not judged, 2 tracked",
        ]
    )
    assert sorted(entries(suite)) == KEYS
    assert entries(suite)[KEYS[0]]["value"] == 0.95


@pytest.mark.parametrize(
    ("hits", "code", "word", "line"),
    [
        (950, 0, "tracked", "TRACKED ACC: *, not told apart from the best 0.950 [[]0.935, 0.963] (*"),
        (940, 0, "tracked", "TRACKED ACC: *, not told apart from the best 0.950 [[]0.935, 0.963] (*"),
        (850, 1, "violated", "VIOLATED ACC: *, worse than the best 0.950 [[]0.935, 0.963] (*"),
        (990, 0, "met", "better than recorded: ACC 0.990 [[]0.982, 0.995]; `pytest --mlspec-update` writes it"),
    ],
)
def test_the_next_run_compares_and_touches_nothing(suite, workers, hits, code, word, line):
    suite.run(body(), "--mlspec-update")
    before, stamp = record(suite).read_bytes(), record(suite).stat().st_mtime_ns
    result = suite.run(body(hits), "--mlspec-json=out.json", *workers)

    assert result.ret == code
    result.stdout.fnmatch_lines([line])
    found = rows(suite)["ACC"]
    assert (found["standing"] or found["verdict"]) == word
    assert (record(suite).read_bytes(), record(suite).stat().st_mtime_ns) == (before, stamp)


@pytest.mark.parametrize(("hits", "value"), [(850, 0.95), (955, 0.95), (990, 0.99)])
def test_an_update_writes_only_what_is_proven_better(suite, workers, hits, value):
    suite.run(body(), "--mlspec-update")
    before = record(suite).read_bytes()
    suite.run(body(hits), "--mlspec-update", *workers)

    assert entries(suite)[KEYS[0]]["value"] == value
    assert (record(suite).read_bytes() == before) is (value == 0.95)


def test_the_same_values_make_the_same_bytes(suite, workers):
    suite.run(body(), "--mlspec-update", *workers)
    before = record(suite).read_bytes()
    record(suite).unlink()
    suite.run(body(), "--mlspec-update")

    assert record(suite).read_bytes() == before


def test_tracked_is_no_met(suite):
    suite.run(body(), "--mlspec-update")
    suite.run(body(), "--mlspec-json=out.json", "--mlspec-markdown=out.md")

    assert suite.document()["tally"] == {"met": 0, "violated": 0, "undecided": 0, "not judged": 0, "tracked": 2}
    assert {row["verdict"] for row in suite.document()["requirements"]} == {"undecided"}
    assert "| 📌 tracked | ACC |" in (suite.pytester.path / "out.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("policy", "word"), [("fail", "PASSED"), ("allow", "PASSED")])
def test_tracked_passes_whatever_undecided_does(suite, policy, word):
    suite.run(body(), "--mlspec-update")

    assert suite.outcomes(body(), f"--mlspec-undecided={policy}") == {"test_it": word, "test_recall": word}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("pass", id="empty"),
        pytest.param("metrics.accuracy(rate(950, 1000)) >= requirement", id="forgotten assert"),
        pytest.param("assert not metrics.accuracy(rate(950, 1000)) >= requirement", id="negated"),
        pytest.param("assert metrics.accuracy(rate(950, 1000)) <= requirement", id="wrong direction"),
        pytest.param("assert metrics.accuracy(rate(850, 1000)) >= requirement or True", id="or True"),
        pytest.param("metrics.accuracy(rate(850, 1000)).value >= 0.95", id="a point estimate"),
    ],
)
def test_the_guard_is_not_weakened(suite, line):
    suite.run(body(), "--mlspec-update")
    outcomes = suite.outcomes(f'@pytest.mark.optimizing(id="ACC")\ndef test_it(requirement):\n    {line}')

    assert outcomes == {"test_it": "FAILED"}


def test_xfail_covers_significantly_worse(suite):
    suite.run(body(), "--mlspec-update")
    outcomes = suite.outcomes(
        body(850).replace("@pytest.mark.optimizing(", "@pytest.mark.xfail\n@pytest.mark.optimizing(")
    )

    assert outcomes["test_it"] == "XFAIL"


def test_it_is_no_part_of_the_gate(suite):
    result = suite.run(body(), "-m", "satisficing")

    result.assert_outcomes(deselected=2)


def test_other_data_are_not_judged_and_an_update_records_anew(suite):
    suite.run(body(), "--mlspec-update")
    more = body().replace("rate(950, 1000)", "rate(1900, 2000)")
    result = suite.run(more)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT JUDGED ACC: *the record is of other data, * n=1,000) and not * n=2,000): *"])
    result = suite.run(more, "--mlspec-update")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["mlspec-record.json: wrote ACC 0.950 *, recorded anew, it was of other data*"])
    assert entries(suite)[KEYS[0]]["n"] == 2000


ENSEMBLE = """
import pytest_mlspec as mlspec

@mlspec.dataset
def data():
    return mlspec.Dataset(np.arange(1000), np.ones(1000, int), classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=5, output="labels", classes=[0, 1])
def model(seed):
    labels = np.ones(1000, int)
    labels[seed : 5 * seed + 10] = 0
    return lambda rows: labels[rows]

@pytest.mark.optimizing(id="REC")
def test_it(model, data, requirement):
    assert metrics.recall(model, data) >= requirement
"""


def test_a_run_of_fewer_members_neither_compares_nor_records(suite):
    off = "--mlspec-cache=off"
    result = suite.run(ENSEMBLE, "--mlspec-update", "--mlspec-seeds=2", off)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT JUDGED REC: *2 of 5 members make no record*"])
    assert suite.again("--mlspec-update", off).ret == 0
    before = record(suite).read_bytes()

    result = suite.again("--mlspec-update", "--mlspec-seeds=2", off)

    result.stdout.fnmatch_lines(["NOT JUDGED REC: *2 of 5 members make no record*"])
    assert record(suite).read_bytes() == before
    suite.again("--mlspec-seeds=2", off).stdout.fnmatch_lines(["*n_members=5 and not 2*"])


def test_one_contract_tracks_one_estimate(suite):
    """Two slices under one entry: the second would be compared with the first."""
    result = suite.run(
        """
        @pytest.mark.optimizing(id="ACC")
        def test_it(requirement):
            assert metrics.accuracy(rate(950, 1000)) >= requirement
            assert metrics.accuracy(rate(190, 200)) >= requirement
        """,
        "--mlspec-update",
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(["E*tracks one estimate, and this test compares two with it*"])


def test_every_case_of_a_parametrized_test_has_an_entry(suite):
    cases = """
    @pytest.mark.optimizing(id="ACC")
    @pytest.mark.parametrize("hits", [900, 950])
    def test_it(hits, requirement):
        assert metrics.accuracy(rate(hits, 1000)) >= requirement
    """
    suite.run(cases, "--mlspec-update")

    assert {key: entry["value"] for key, entry in entries(suite).items()} == {
        "test_it.py::test_it[900] ACC": 0.9,
        "test_it.py::test_it[950] ACC": 0.95,
    }


def test_two_kinds_that_one_estimate_could_match_need_ids(suite):
    result = suite.run(
        """
        @pytest.mark.optimizing
        @pytest.mark.satisficing(at_least=0.9)
        def test_it(requirement):
            assert metrics.accuracy(rate(950, 1000)) >= requirement
        """
    )

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*one estimate could match both*"])


def test_a_limit_and_a_track_on_one_test(suite):
    both = """
    @pytest.mark.optimizing(id="TRACK")
    @pytest.mark.satisficing(at_least=0.9, id="LIMIT")
    def test_it(requirement):
        accuracy = metrics.accuracy(rate(950, 1000))
        assert accuracy >= requirement["LIMIT"]
        assert accuracy >= requirement["TRACK"]
    """
    assert suite.run(both, "--mlspec-update", "-m", "satisficing").ret == 0
    assert sorted(entries(suite)) == ["test_it.py::test_it TRACK"]


# ---- stale entries ---------------------------------------------------------------------------------------------------

ONLY = """
@pytest.mark.optimizing(id="ACC", metric="accuracy")
def test_it(requirement):
    assert metrics.accuracy(rate(950, 1000)) >= requirement
"""


def test_an_entry_whose_test_is_gone_is_reported_and_kept(suite, workers):
    suite.run(body(), "--mlspec-update")
    before = record(suite).read_bytes()
    result = suite.run(ONLY, *workers)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["STALE RECORD test_it.py::test_recall: nothing tracks it any more*"])
    assert record(suite).read_bytes() == before


def test_an_update_of_everything_removes_it(suite, workers):
    suite.run(body(), "--mlspec-update")
    result = suite.run(ONLY, "--mlspec-update", *workers)

    result.stdout.fnmatch_lines(["mlspec-record.json: removed test_it.py::test_recall"])
    assert sorted(entries(suite)) == KEYS[:1]


@pytest.mark.parametrize(
    ("args", "stale"),
    [(("test_it.py",), True), (("test_it.py::test_it",), False), (("test_other.py",), False)],
)
def test_an_update_of_a_part_removes_nothing(suite, args, stale):
    suite.run(body(), "--mlspec-update", test_other="def test_other(): pass")
    result = suite.run(ONLY, "--mlspec-update", *args)

    assert sorted(entries(suite)) == KEYS
    assert ("STALE RECORD" in result.stdout.str()) is stale


@pytest.mark.parametrize("args", [("-k", "test_recall"), ("-m", "not optimizing")])
def test_tests_that_were_left_out_are_not_gone(suite, args):
    suite.run(body(), "--mlspec-update")
    result = suite.again("--mlspec-update", *args)

    assert sorted(entries(suite)) == KEYS
    result.stdout.no_fnmatch_line("STALE RECORD*")


def test_a_mark_that_was_taken_off_leaves_a_stale_entry(suite):
    suite.run(body(), "--mlspec-update")
    result = suite.run(body().replace("@pytest.mark.optimizing\n", "").replace('>= requirement\n"', '>= 0.8\n"'))

    result.stdout.fnmatch_lines(["STALE RECORD test_it.py::test_recall*"])


def test_a_run_that_was_stopped_writes_nothing(suite):
    suite.run(body() + "\ndef test_stop():\n    raise KeyboardInterrupt\n", "--mlspec-update", subprocess=True)

    assert not record(suite).exists()


# ---- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"schema": "pytest-mlspec-record/1",\n<<<<<<< HEAD\n', "*mlspec-record.json, line 2: a merge conflict*"),
        ("{", "*mlspec-record.json, line 1: no JSON*"),
        ('{"schema": "other"}', "*expected a record of schema 'pytest-mlspec-record/1', got schema='other'*"),
    ],
)
def test_a_damaged_file_is_a_usage_error(suite, workers, text, fault):
    suite.write(body())
    record(suite).write_text(text, encoding="utf-8")
    result = suite.again("--mlspec-update", *workers)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([fault])
    assert record(suite).read_text(encoding="utf-8") == text


def test_a_file_of_another_name(suite):
    suite.ini(mlspec_record="records/best.json")
    suite.run(body(), "--mlspec-update")

    assert not record(suite).exists()
    assert (suite.pytester.path / "records" / "best.json").is_file()
    assert suite.again().ret == 0


def test_two_members_of_a_family_share_the_level_of_worse(suite):
    """904 of 1000 is worse than 940 at the whole level, and not told apart at half of it."""
    suite.ini(mlspec_family="true")
    suite.run(body(940), "--mlspec-update")

    assert suite.outcomes(body(904))["test_it"] == "PASSED"
    assert suite.outcomes(body(904), "-o", "mlspec_family=false")["test_it"] == "FAILED"


MEAN_OF_SEEDS = """
import pytest_mlspec as mlspec

class Member:
    def __init__(self, seed):
        self.seed = seed

    def predict(self, X):
        return (np.arange(len(X)) % 20 != self.seed).astype(int)

@mlspec.dataset
def street():
    return mlspec.Dataset(np.arange(1000.)[:, None], np.ones(1000, int), classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=5)
def reader(seed):
    return Member(seed)

@pytest.mark.optimizing(id="M", members="mean")
def test_mean(reader, street, requirement):
    assert metrics.accuracy(reader, street) >= requirement

@pytest.mark.parametrize("floor", [0.5] * 7)
def test_others(floor):
    assert metrics.accuracy(GOOD) >= floor
"""


def test_a_family_too_large_for_the_bounds_of_a_mean_is_no_pass(suite):
    """Bounds over seeds end at a level of 0.01: no mean could ever be worse at less, and nothing would be tracked."""
    suite.run(MEAN_OF_SEEDS.replace("def test_others", "@pytest.mark.satisficing\ndef test_others"), "--mlspec-update")
    assert suite.again().ret == 0

    result = suite.again("-o", "mlspec_family=true")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT JUDGED M: * no bound at its share of the level*could never be worse*"])


def test_a_record_that_cannot_be_written_fails_the_run(suite, monkeypatch):
    from pytest_mlspec.records import best

    def full(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(best.os, "replace", full)
    result = suite.run(body(), "--mlspec-update")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["mlspec-record.json could not be written: disk full"])
    assert not record(suite).exists()


def test_a_plan_neither_compares_nor_writes(suite):
    result = suite.run(body(), "--mlspec-plan")

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*no record*")
    assert not record(suite).exists()


# ---- what a run cannot know ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "skip", ["pytest.importorskip('no_such_library')", "pytest.skip('no GPU', allow_module_level=True)"]
)
def test_a_file_that_skips_itself_keeps_its_records(suite, skip, workers):
    """Without an optional library the entries of its tests would be lost, and with them the best value."""
    suite.run(body(), "--mlspec-update")
    before = record(suite).read_bytes()
    result = suite.run(f"{skip}\n{body()}", "--mlspec-update", *workers, test_other="def test_other(): pass")

    assert record(suite).read_bytes() == before
    assert "STALE RECORD" not in result.stdout.str()


CHANGED = """
import json, pathlib
def test_zz_meanwhile(pytestconfig):
    path = pathlib.Path(pytestconfig.rootpath, "mlspec-record.json")
    path.write_text(path.read_text().replace('"value": 0.9', '"value": 0.901')) if EDIT else None
    document = json.loads(path.read_text()) if path.exists() else {"schema": "pytest-mlspec-record/1", "best": {}}
    document["best"]["test_other.py::test_other"] = OTHER
    path.write_text(json.dumps(document))
"""


def test_what_another_run_wrote_meanwhile_is_kept(suite):
    """Two runs began with the same file: the second to end must not undo what the first one wrote."""
    suite.run(ONLY, "--mlspec-update")
    other = entries(suite)[KEYS[0]]
    late = CHANGED.replace("EDIT", "False").replace("OTHER", repr(other))
    result = suite.run(body() + late, "--mlspec-update")

    assert sorted(entries(suite)) == [*KEYS, "test_other.py::test_other"]
    assert result.ret == 0


def test_an_entry_that_another_run_wrote_meanwhile_is_not_overwritten(suite):
    suite.run(body(900), "--mlspec-update")
    written = CHANGED.replace("EDIT", "True").replace("OTHER", repr(entries(suite)[KEYS[0]]))
    result = suite.run(body(990) + written, "--mlspec-update")

    assert entries(suite)[KEYS[0]]["value"] == 0.901
    result.stdout.fnmatch_lines(["mlspec-record.json: ACC NOT WRITTEN: another run wrote it meanwhile; run again*"])


def test_a_file_that_was_damaged_meanwhile_is_left_alone(suite):
    late = (
        "\ndef test_zz(pytestconfig):\n    open(pytestconfig.rootpath / 'mlspec-record.json', 'w').write('<<<<<<< x')"
    )
    result = suite.run(body() + late, "--mlspec-update")

    assert result.ret == 1
    assert record(suite).read_text() == "<<<<<<< x"
    result.stdout.fnmatch_lines(["mlspec-record.json could not be written: *line 1: a merge conflict*"])


def test_a_waiver_of_what_is_tracked_is_needless(suite):
    """It lets its test pass anyway; waived today, it would excuse a real loss tomorrow."""
    suite.run(body(), "--mlspec-update")
    expires = (date.today() + timedelta(days=9)).isoformat()
    text = f'[[waiver]]\nrequirement = "ACC"\nreason = "r"\nowner = "Ada"\nexpires = {expires}\n'
    (suite.pytester.path / "mlspec-waivers.toml").write_text(text)

    assert suite.outcomes(body(951))["test_it"] == "FAILED"
    assert suite.outcomes(body(800))["test_it"] == "WAIVED"
