"""`--mlspec-seeds=auto`: members are added until seeds decide."""

from __future__ import annotations

import pytest

GROWING = """
import pytest_mlspec as mlspec

N = 2000

@mlspec.dataset
def street():
    '''Every case is a positive; a case is its own number.'''
    return mlspec.Dataset(np.arange(N, dtype=float)[:, None], np.ones(N, int), classes=[0, 1], positive=1)

def wrong_from(seed, share):
    '''Wrong on this share of the cases, on other ones for every seed.'''
    return lambda X: (((X[:, 0] + 100 * seed) % N) >= share * N).astype(int)

@mlspec.ensemble(seeds=10, output="labels", classes=[0, 1])
def detector(seed):
    with open("fits", "a") as fits:
        fits.write(f"{seed} ")
    return wrong_from(seed, SHARES.get(seed, 0.05))

SHARES = {}
"""
SHARE = """
@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_share(detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement
"""
SPREAD = """
@pytest.mark.seed_variance(max_std=0.05)
def test_spread(detector, street, requirement):
    assert metrics.accuracy(detector, street).seed_std() <= requirement
"""
# Accuracies of 0.99, 0.97, ..., 0.91: a spread that ten members cannot tell from 0.05, and forty can.
SPREADING = "SHARES = {seed: 0.01 + 0.02 * (seed % 5) for seed in range(100)}\n"


def fits(suite):
    path = suite.pytester.path / "fits"
    return [int(seed) for seed in path.read_text().split()] if path.exists() else []


def rows(suite):
    """The row of each test; the tests of these suites judge one claim each."""
    return {row["test"].partition("::")[2]: row for row in suite.document()["requirements"]}


def judged(suite, body, *args, auto="auto"):
    suite.run(body, *([f"--mlspec-seeds={auto}"] if auto else []), "--mlspec-json=out.json", *args)
    return rows(suite)


def told(row):
    return "\n".join(row["message"])


def test_members_are_added_until_a_share_is_decided(suite):
    row = judged(suite, GROWING + SHARE)["test_share"]

    # 27 passes in a row prove a share of 0.8 at level 0.05, whenever one stops; the 17 of a fixed number do not.
    assert (row["verdict"], row["n_members"], row["declared_members"]) == ("met", 27, 10)
    assert "27 members, grown from 10" in told(row)
    assert sorted(fits(suite)) == list(range(27)) == row["seeds"]


def test_without_the_option_the_same_test_is_undecided(suite):
    row = judged(suite, GROWING + SHARE, auto="")["test_share"]

    assert (row["verdict"], row["n_members"]) == ("undecided", 10)
    assert fits(suite) == list(range(10))


def test_a_share_is_violated_as_soon_as_that_is_certain(suite):
    row = judged(suite, GROWING + "SHARES = dict.fromkeys(range(100), 0.2)\n" + SHARE)["test_share"]

    assert (row["verdict"], row["n_members"]) == ("violated", 10)


def test_one_bad_member_costs_more_of_them(suite):
    row = judged(suite, GROWING + "SHARES = {3: 0.2}\n" + SHARE)["test_share"]

    assert row["verdict"] == "met"
    assert row["n_members"] > 27


def test_the_largest_number_of_members_is_kept(suite):
    row = judged(suite, GROWING + SHARE, auto="auto:20")["test_share"]

    assert row["verdict"] == "undecided"
    assert len(fits(suite)) == 10  # not even 20 passes would prove it
    assert "up to 20 members would not decide it" in told(row)


def test_where_the_largest_number_is_the_declared_one_the_bounds_are_those_of_a_fixed_number(suite):
    fixed = judged(suite, GROWING.replace("seeds=10", "seeds=17") + SHARE, auto="auto:17")["test_share"]

    assert (fixed["verdict"], fixed["n_members"]) == ("met", 17)


def test_a_spread_is_judged_at_the_declared_and_at_the_largest_number(suite):
    row = judged(suite, GROWING + SPREADING + SPREAD, auto="auto:40")["test_spread"]

    assert (row["verdict"], row["n_members"], row["confidence"]) == ("met", 40, 0.975)
    assert "40 members, grown from 10: look 2 of 2 at level 0.025" in told(row)


def test_the_spread_of_the_declared_members_is_judged_at_half_the_level(suite):
    rows_ = judged(suite, GROWING + SPREADING + SPREAD.replace("0.05)", "0.08)"), auto="auto:40")

    row = rows_["test_spread"]
    assert (row["verdict"], row["n_members"], row["confidence"]) == ("met", 10, 0.975)
    assert "10 members: look 1 of 2 at level 0.025 (the other at 40)" in told(row)
    assert len(fits(suite)) == 10


def test_too_few_cases_are_no_reason_to_train(suite):
    few = GROWING.replace("N = 2000", "N = 40").replace("100 * seed", "seed")
    row = judged(suite, few + SPREAD.replace("0.05)", "0.001)"), auto="auto:40")["test_spread"]

    assert (row["verdict"], len(fits(suite))) == ("undecided", 10)
    assert "up to 40 members would not decide it on these cases" in told(row)


def test_a_mean_over_seeds_has_two_looks(suite):
    body = GROWING + SPREADING.replace("0.01 +", "0.04 +") + SHARE.replace("members=0.8", 'members="mean"')
    row = judged(suite, body.replace("at_least=0.9", "at_least=0.905"), auto="auto:60")["test_share"]

    assert row["n_members"] == 60
    assert "look 2 of 2 at level 0.025" in told(row)


def test_every_member_is_every_declared_member(suite):
    """Member 20 is bad: a share may stand that, and who asked of every member asked of the ten that were declared."""
    body = (
        GROWING
        + "SHARES = {20: 0.3}\n"
        + """
@pytest.mark.satisficing(at_least=0.9, members=0.8, id="SHARE")
@pytest.mark.satisficing(at_least=0.9, members="every", id="EVERY")
def test_both(detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement["EVERY"]
    assert metrics.accuracy(detector, street) >= requirement["SHARE"]
"""
    )
    suite.run(body, "--mlspec-seeds=auto", "--mlspec-json=out.json")

    by_id = {row["id"]: row for row in suite.document()["requirements"]}
    assert (by_id["SHARE"]["verdict"], by_id["EVERY"]["verdict"]) == ("met", "met")
    assert by_id["SHARE"]["n_members"] > 27
    assert "worst of 10 members" in told(by_id["EVERY"])


def test_a_number_about_all_members_is_not_judged_again_on_more_of_them(suite):
    body = (
        GROWING
        + """
@pytest.mark.satisficing(at_least=0.9, members=0.8, id="SHARE")
@pytest.mark.satisficing(at_most=0.9, metric="disagreement", id="ALL")
def test_both(detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement["SHARE"]
    assert metrics.disagreement(detector, street) <= requirement["ALL"]
"""
    )
    suite.run(body, "--mlspec-seeds=auto", "--mlspec-json=out.json")

    by_id = {row["id"]: row for row in suite.document()["requirements"]}
    assert (by_id["SHARE"]["verdict"], by_id["ALL"]["verdict"]) == ("met", "undecided")
    assert "give it a test of its own" in told(by_id["ALL"])


def test_a_share_beside_a_spread_grows_to_where_both_are_judged(suite):
    body = (
        GROWING
        + """
@pytest.mark.satisficing(at_least=0.9, members=0.8)
@pytest.mark.seed_variance(max_std=0.05)
def test_both(detector, street, requirement):
    accuracy = metrics.accuracy(detector, street)
    assert accuracy >= requirement
    assert accuracy.seed_std() <= requirement
"""
    )
    suite.run(body, "--mlspec-seeds=auto:35", "--mlspec-json=out.json")

    found = {row["kind"]: (row["verdict"], row["n_members"]) for row in suite.document()["requirements"]}
    assert found == {"satisficing": ("met", 35), "seed_variance": ("met", 35)}


PAIR = """
@mlspec.ensemble(seeds=10, output="labels", classes=[0, 1])
def other(seed):
    return wrong_from(seed, 0.06)

@pytest.mark.satisficing(at_least=-0.05, members=0.8, metric="accuracy")
def test_pair(detector, other, street, requirement):
    assert metrics.accuracy(detector, street) - metrics.accuracy(other, street) >= requirement
"""


def test_two_ensembles_that_are_compared_grow_together(suite):
    row = judged(suite, GROWING + PAIR)["test_pair"]

    assert (row["verdict"], row["n_members"]) == ("met", 27)


# ---- independence of order, selection and process ---------------------------------------------------------------

MANY = (
    GROWING
    + SPREADING
    + SHARE.replace("0.9,", "0.89,")
    + SPREAD
    + """
@pytest.mark.satisficing(at_least=0.85)
def test_plain(detector, street, requirement):
    assert len(detector) == 10
    assert metrics.accuracy(detector, street) >= requirement

@pytest.mark.satisficing(at_least=0.85, members=0.8)
def test_share_again(detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement
"""
)


def numbers(found):
    told_ = ("verdict", "low", "high", "n_members", "seeds", "values")
    return {test: [row[name] for name in told_] for test, row in found.items()}


def test_verdicts_do_not_depend_on_the_order_or_selection_of_tests(suite):
    together = numbers(judged(suite, MANY, auto="auto:40"))
    suite.pytester.path.joinpath("conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n    items.reverse()\n"
    )
    reversed_ = numbers(judged(suite, MANY, auto="auto:40"))
    alone = {test: numbers(judged(suite, MANY, f"test_it.py::{test}", auto="auto:40"))[test] for test in together}

    assert together == reversed_ == alone
    assert {test: row[3] for test, row in together.items()} == {
        "test_share": 27,
        "test_spread": 40,
        "test_plain": 10,
        "test_share_again": 27,
    }


def test_members_are_trained_once_for_all_tests(suite):
    judged(suite, MANY, auto="auto:40")

    assert sorted(fits(suite)) == list(range(40))


def test_workers_come_to_the_same_verdicts_and_share_members(suite):
    serial = numbers(judged(suite, MANY, "-p", "no:cacheprovider", auto="auto:40"))
    suite.pytester.path.joinpath("fits").unlink()
    spread = numbers(judged(suite, MANY, "-p", "xdist", "-n", "2", "--mlspec-cache=off", auto="auto:40"))

    assert spread == serial
    assert sorted(fits(suite)) == list(range(40))


def test_parallel_jobs_train_the_same_members(suite):
    serial = numbers(judged(suite, GROWING + SHARE, auto="auto:40"))
    jobs = numbers(judged(suite, GROWING + SHARE, "--mlspec-jobs=2", "--mlspec-cache=off", auto="auto:40"))

    assert jobs == serial


CACHED = """
import pytest_mlspec as mlspec
from sklearn.dummy import DummyClassifier

@mlspec.dataset
def street():
    return mlspec.Dataset(np.arange(500.0)[:, None], np.ones(500, int), classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=5)
def detector(seed):
    print(f"fits {seed}.")
    edge = np.arange(500) % 50 != seed
    model = DummyClassifier(strategy="most_frequent").fit(np.arange(500.0)[:, None], edge.astype(int))
    model.marked = edge
    return model

@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_share(detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement
"""


def test_a_second_run_finds_the_members_that_were_added(suite):
    first = suite.run(CACHED, "--mlspec-seeds=auto", "--mlspec-json=out.json", "-s")
    before = numbers(rows(suite))
    second = suite.run(CACHED, "--mlspec-seeds=auto", "--mlspec-json=out.json", "-s")

    assert before["test_share"][3] == 27
    for added in range(5, 27):
        assert f"fits {added}." in first.stdout.str()
        assert f"fits {added}." not in second.stdout.str()
    assert numbers(rows(suite)) == before


# ---- what is not grown, and why ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            """
@pytest.fixture
def recalibrated(detector):
    return list(detector)

@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_it(detector, recalibrated, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement
""",
            "recalibrated depends on it",
        ),
        (
            """
@pytest.fixture
def tools(detector):
    return {"model": detector}

@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_it(tools, street, requirement):
    assert metrics.accuracy(tools["model"], street) >= requirement
""",
            "the test does not take it as an argument",
        ),
        (
            """
@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_it(street, requirement):
    members = [wrong_from(seed, 0.05) for seed in range(10)]
    made = mlspec.Ensemble.of(members, name="made", output="labels", classes=[0, 1])
    assert metrics.accuracy(made, street) >= requirement
""",
            "it is no @mlspec.ensemble of its own",
        ),
        (
            """
from hypothesis import given, settings, strategies

@pytest.mark.satisficing(at_least=0.9, members=0.8)
@settings(max_examples=2, database=None)
@given(n=strategies.just(1))
def test_it(n, detector, street, requirement):
    assert metrics.accuracy(detector, street) >= requirement
""",
            "Hypothesis chooses the examples of this test",
        ),
    ],
    ids=["derived", "elsewhere", "a list", "given"],
)
def test_what_cannot_grow_says_why(suite, body, why):
    if "hypothesis" in body:
        pytest.importorskip("hypothesis", reason="an extra")
    row = judged(suite, GROWING + body)["test_it"]

    assert row["verdict"] == "undecided"
    assert row["n_members"] == 10
    assert f"--mlspec-seeds=auto cannot grow {row['model']}: {why}" in told(row)
    assert len(fits(suite)) <= 10


def test_an_ensemble_trained_on_another_one_does_not_keep_that_from_growing(suite):
    body = (
        GROWING
        + SHARE
        + """
@mlspec.ensemble(seeds=2, output="labels", classes=[0, 1])
def distilled(seed, detector):
    assert len(detector) == 10
    return wrong_from(seed, 0.05)

@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_distilled(detector, distilled, street, requirement):
    assert metrics.accuracy(distilled, street) >= requirement
"""
    )
    found = judged(suite, body)

    assert [found[test]["n_members"] for test in ("test_share", "test_distilled")] == [27, 27]


def test_one_trained_model_never_grows(suite):
    one = "ONE = lambda model: mlspec.Ensemble.of(model, name='one', output='labels', classes=[0, 1])\n"
    body = GROWING + one + SHARE.replace("(detector, street) >=", "(ONE(detector[0]), street) >=")
    row = judged(suite, body)["test_share"]

    assert (row["verdict"], len(fits(suite))) == ("undecided", 10)
    assert "this is one trained model" in told(row)


def test_members_that_come_out_alike_are_refused(suite):
    body = GROWING.replace("seeds=10", "seeds=1").replace("100 * seed", "0") + SHARE
    result = suite.run(body, "--mlspec-seeds=auto", "--mlspec-json=out.json")

    assert rows(suite)["test_share"]["verdict"] == "undecided"
    result.stdout.fnmatch_lines(["*--mlspec-seeds=auto cannot grow detector: *learned exactly the same*"])


# ---- the guard -------------------------------------------------------------------------------------------------


def test_a_test_that_met_or_violated_its_requirements_never_runs_again(suite):
    body = (
        GROWING
        + """
RUNS = []

@pytest.mark.satisficing(at_least=0.97, members="every", id="EVERY")
@pytest.mark.satisficing(at_least=0.9, members=0.8, id="SHARE")
def test_violated(detector, street, requirement):
    RUNS.append(1)
    assert len(RUNS) == 1
    share = metrics.accuracy(detector, street) >= requirement["SHARE"]
    assert metrics.accuracy(detector, street) >= requirement["EVERY"]
    assert share

@pytest.mark.satisficing(at_least=0.9, members=0.5)
def test_met(detector, street, requirement):
    RUNS.append(1)
    assert len(RUNS) == 2
    assert metrics.accuracy(detector, street) >= requirement
"""
    )
    result = suite.run(body, "--mlspec-seeds=auto", "--mlspec-json=out.json")

    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    assert len(fits(suite)) == 10


def test_what_was_open_and_is_not_judged_again_stays_open(suite):
    body = (
        GROWING
        + SPREADING
        + """
@pytest.mark.satisficing
def test_it(detector, street):
    assert metrics.accuracy(detector, street) >= 0.5
    if len(detector) == 10:
        assert metrics.accuracy(detector, street).seed_std() <= 0.05
"""
    )
    result = suite.run(body, "--mlspec-seeds=auto:30", "--mlspec-undecided=fail", "--mlspec-json=out.json")

    assert result.parseoutcomes() == {"failed": 1}
    verdicts = sorted(row["verdict"] for row in suite.document()["requirements"])
    assert verdicts == ["met", "undecided"]


def test_a_crash_of_the_second_run_is_a_crash_that_says_so(suite):
    body = (
        GROWING
        + """
@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_it(detector, street, requirement, tmp_path):
    (tmp_path / "once").mkdir()
    assert metrics.accuracy(detector, street) >= requirement
"""
    )
    result = suite.run(body, "--mlspec-seeds=auto", "--mlspec-json=out.json")

    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["*FileExistsError*", "*ran again with 27 members of detector (--mlspec-seeds=auto)*"])


def test_allowed_to_be_undecided_it_grows_all_the_same(suite):
    row = judged(suite, GROWING + SHARE, "--mlspec-undecided=allow")["test_share"]

    assert (row["verdict"], row["n_members"]) == ("met", 27)


def test_reruns_do_not_roll_a_verdict_again(suite):
    body = GROWING + SHARE.replace("members=0.8", "members=0.97")
    result = suite.run(
        body, "--mlspec-seeds=auto:40", "-p", "rerunfailures", "--reruns=2", "--mlspec-json=out.json", subprocess=True
    )

    assert result.ret == 1
    assert rows(suite)["test_share"]["verdict"] == "undecided"


def test_rows_that_trained_an_added_member_are_training_rows(suite):
    body = """
import pytest_mlspec as mlspec

@mlspec.dataset
def street():
    data = mlspec.Dataset(np.arange(400.0)[:, None], np.ones(400, int), classes=[0, 1], positive=1)
    return data.split(test=0.5, seed=0)

@mlspec.ensemble(seeds=5, output="labels", classes=[0, 1])
def detector(seed, street):
    part = street.test if seed == 7 else street.train
    edge = part.X[:, 0].min() + seed / 100
    return lambda X: (X[:, 0] > edge - 100).astype(int)

@pytest.mark.satisficing(at_least=0.9, members=0.8)
def test_it(detector, street, requirement):
    assert metrics.accuracy(detector, street.test) >= requirement
"""
    result = suite.run(body, "--mlspec-seeds=auto")

    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["*ValueError: accuracy is judged on rows that trained the model*"])


# ---- what a run says -------------------------------------------------------------------------------------------


def test_reports_say_how_far_ensembles_grew_and_for_what(suite):
    result = suite.run(GROWING + SHARE, "--mlspec-seeds=auto", "--mlspec-json=out.json")

    line = "detector: grown from 10 to 27 members for share of retrainings (accuracy >= 0.90) >= 0.80 (*"
    result.stdout.fnmatch_lines([line])
    notes = [note for note in suite.document()["ensembles"] if note["status"] == "grown"]
    assert [(note["name"], note["declared"], note["members"]) for note in notes] == [("detector", 10, 27)]
    assert notes[0]["test"].endswith("::test_share")
    assert not suite.document()["development"]


def test_it_is_no_development_run_under_ci(suite, monkeypatch):
    monkeypatch.setenv("CI", "true")

    assert judged(suite, GROWING + SHARE)["test_share"]["verdict"] == "met"


@pytest.mark.parametrize("option", ["auto:", "auto:0", "auto:x"])
def test_a_wrong_cap_is_a_usage_error(suite, option):
    result = suite.run(GROWING + SHARE, f"--mlspec-seeds={option}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_parameters_of_an_ensemble_grow_one_by_one(suite):
    body = GROWING.replace(
        "classes=[0, 1])\ndef detector(seed)", "classes=[0, 1], params=[0.04, 0.2])\ndef detector(seed, request)"
    )
    body = body.replace("SHARES.get(seed, 0.05)", "request.param") + SHARE
    found = judged(suite, body)

    assert {test: (row["verdict"], row["n_members"]) for test, row in found.items()} == {
        "test_share[0.04]": ("met", 27),
        "test_share[0.2]": ("violated", 10),
    }
