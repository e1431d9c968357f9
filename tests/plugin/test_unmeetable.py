"""A gate that cannot pass is said at collection, before anything trains, and only where that is certain."""

from __future__ import annotations

import json

import pytest

SEEDS = """
import pytest_mlspec as mlspec

@mlspec.dataset
def data():
    return mlspec.Dataset(np.arange(100), np.ones(100, int), classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=10, output="labels", classes=[0, 1])
def model(seed):
    labels = np.ones(100, int)
    labels[seed] = 0
    return lambda rows: labels[rows]

@pytest.mark.satisficing(at_least=0.5, members=0.9, id="SHARE-1")
def test_share(model, data, requirement):
    assert metrics.accuracy(model, data) >= requirement
"""
FEW = """
@pytest.mark.satisficing(max_failure_rate={limit}, delta=0.5, id="BRK-1")
def test_few(requirement):
    assert metrics.failure_rate(rate(40, 40), loss="zero_one") <= requirement
"""


@pytest.fixture(autouse=True)
def folder(suite):
    """The folder of the fit cache, as an earlier run with an ensemble left it."""
    (suite.pytester.path / ".mlspec_cache").mkdir()


def said(result):
    """The lines about gates that cannot pass."""
    return [line for line in result.stdout.lines if line.startswith("mlspec: ")]


def test_a_share_of_retrainings_that_needs_more_seeds(suite):
    """All of 36 must be met for a share of 0.9: Wilks 1941 at half of 0.05."""
    result = suite.run(SEEDS, "--collect-only")

    assert said(result) == [
        "mlspec: SHARE-1 cannot be met however good the model: members=0.9 needs at least 36 retrainings, model has 10 "
        "(test_it.py::test_share)"
    ]


@pytest.mark.parametrize(("option", "lines"), [("--mlspec-seeds=36", 0), ("--mlspec-seeds=35", 1)])
def test_the_seeds_of_the_run_count(suite, option, lines):
    assert len(said(suite.run(SEEDS, "--collect-only", option))) == lines


@pytest.mark.parametrize(
    ("members", "kind", "lines"),
    [
        ("'mean'", "satisficing(at_least=0.5, members='mean')", 1),
        ("every", "satisficing(at_least=0.5)", 0),
        ("", "seed_variance(max_std=0.1)", 0),
    ],
)
def test_other_folds_with_four_seeds(suite, members, kind, lines):
    """A mean needs 5 retrainings, every member none in particular, a spread 2."""
    body = SEEDS.replace('satisficing(at_least=0.5, members=0.9, id="SHARE-1")', kind)
    assert len(said(suite.run(body, "--collect-only", "--mlspec-seeds=4"))) == lines


def test_members_that_may_be_added_count(suite):
    """One by one 27 retrainings are the fewest that prove a share of 0.8, all of them met."""
    body = SEEDS.replace("members=0.9", "members=0.8")

    assert said(suite.run(body, "--collect-only", "--mlspec-seeds=auto:27")) == []
    assert "needs at least 27 retrainings" in said(suite.run(body, "--collect-only", "--mlspec-seeds=auto:26"))[0]


def test_a_spread_of_one_seed(suite):
    body = SEEDS.replace('satisficing(at_least=0.5, members=0.9, id="SHARE-1")', "seed_variance(max_std=0.1)")

    assert "needs at least 2 retrainings, model has 1" in said(suite.run(body, "--collect-only", "--mlspec-seeds=1"))[0]


def test_the_sizes_of_the_last_run(suite):
    """Without a failure 40 cases prove 1 - .05 ** (1 / 40) = 0.0722 at best."""
    first = suite.run(FEW.format(limit=0.01))
    second = suite.again("--collect-only")

    assert said(first) == []  # nothing is known yet
    assert said(second) == [
        "mlspec: BRK-1 cannot be met however good the model: even without an error, 40 examples prove only failure "
        "rate <= 0.072, not 0.01, as of the last run (test_it.py::test_few)"
    ]


def test_a_limit_that_was_moved_into_reach_is_not_warned_of(suite):
    suite.run(FEW.format(limit=0.01))
    suite.write(FEW.format(limit=0.0723))

    assert said(suite.again("--collect-only")) == []

    suite.write(FEW.format(limit=0.0721))

    assert len(said(suite.again("--collect-only"))) == 1


def test_the_confidence_of_this_run_counts(suite):
    """With 90 % confidence 40 cases prove 1 - .1 ** (1 / 40) = 0.0559."""
    suite.run(FEW.format(limit=0.06))

    assert len(said(suite.again("--collect-only"))) == 1
    assert said(suite.again("--collect-only", "--mlspec-confidence=0.9")) == []


@pytest.mark.parametrize("mark", ["xfail", "skip"])
def test_what_nobody_expects_to_be_met_is_not_warned_of(suite, mark):
    suite.run(f"@pytest.mark.{mark}{FEW.format(limit=0.01)}")

    assert said(suite.again("--collect-only")) == []


def test_new_sizes_take_the_place_of_old_ones(suite):
    suite.run(FEW.format(limit=0.01))
    suite.run(FEW.format(limit=0.01).replace("rate(40, 40)", "rate(400, 400)"))

    assert said(suite.again("--collect-only")) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"schema": 99, "tests": {}}', '{"schema": 1, "tests": {"a": 3}}', '{"schema": 1}', "\x00"],
)
def test_a_broken_file_is_no_reason_to_say_anything(suite, text):
    suite.run(FEW.format(limit=0.01))
    file = suite.pytester.path / ".mlspec_cache" / "sizes.json"
    assert file.exists()
    file.write_text(text)
    result = suite.again("--collect-only")

    assert said(result) == []
    assert result.ret == 0

    suite.again()

    assert json.loads(file.read_text())["tests"]


def test_a_note_of_nonsense_is_no_reason_to_say_anything(suite):
    suite.run(FEW.format(limit=0.01))
    file = suite.pytester.path / ".mlspec_cache" / "sizes.json"
    file.write_text(file.read_text().replace('"n": 40', '"n": 0'))

    assert said(suite.again("--collect-only")) == []


def test_without_a_cache_nothing_is_noted(suite):
    suite.run(FEW.format(limit=0.01), "--mlspec-cache=off")

    assert not list((suite.pytester.path / ".mlspec_cache").iterdir())


def test_a_run_without_ensembles_makes_no_folder_for_it(suite):
    """Predictions cost nothing to judge: the verdict is there as soon as a warning would be."""
    (suite.pytester.path / ".mlspec_cache").rmdir()
    suite.run(FEW.format(limit=0.01))

    assert not (suite.pytester.path / ".mlspec_cache").exists()


def test_a_run_with_an_ensemble_makes_the_folder(suite):
    (suite.pytester.path / ".mlspec_cache").rmdir()
    suite.run(SEEDS.replace("members=0.9, ", ""))

    assert (suite.pytester.path / ".mlspec_cache" / "sizes.json").exists()


def test_a_contract_that_was_never_judged_is_not_that_of_another_one(suite):
    """The body ends at its first requirement, so that only the cases of that one are known."""
    suite.run(
        """
@pytest.mark.satisficing(at_least=0.99, metric="accuracy")
@pytest.mark.satisficing(at_least=0.9, metric="recall")
def test_both(requirement):
    assert metrics.recall(rate(30, 40)) >= requirement
    assert metrics.accuracy(rate(4000, 4000)) >= requirement
"""
    )
    noted = json.loads((suite.pytester.path / ".mlspec_cache" / "sizes.json").read_text())["tests"]

    assert [note["contract"] for notes in noted.values() for note in notes] == [1]
    assert said(suite.again("--collect-only")) == []


def test_a_run_without_requirements_notes_nothing(suite):
    suite.run("def test_it():\n    assert True")

    assert not list((suite.pytester.path / ".mlspec_cache").iterdir())


def test_precision_depends_on_the_model_and_is_not_warned_of(suite):
    """Another model may flag more cases than this one did."""
    suite.run(
        """
@pytest.mark.satisficing(at_least=0.99)
def test_few(requirement):
    assert metrics.precision(rate(40, 40)) >= requirement
"""
    )

    assert said(suite.again("--collect-only")) == []


def test_under_xdist_the_controller_notes(suite):
    suite.run(FEW.format(limit=0.01), "-p", "xdist", "-n", "2", subprocess=True)

    assert len(said(suite.again("--collect-only"))) == 1
    assert [path.name for path in (suite.pytester.path / ".mlspec_cache").glob("sizes*")] == ["sizes.json"]


def test_no_pytest_warning_is_made_of_it(suite):
    suite.run(FEW.format(limit=0.01))
    result = suite.again("-W", "error")

    assert len(said(result)) == 1
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_under_xdist_the_summary_says_it(suite, workers):
    """Workers collect and show nothing; the controller shows and collects nothing."""
    result = suite.run(SEEDS, "-p", "xdist", "-n", workers, subprocess=True)

    assert len(said(result)) == 1
    assert "members=0.9 needs at least 36 retrainings" in said(result)[0]
