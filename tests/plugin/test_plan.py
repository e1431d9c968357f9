"""`--mlspec-plan`: what a suite needs is said before anything is trained, and nothing is judged or kept."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

SUITE = """
import pytest_mlspec as mlspec

SIGN = np.where(np.arange(1000) % 2, 1, 0)

@mlspec.dataset
def street():
    data = mlspec.Dataset(
        np.arange(1000.0)[:, None], SIGN, columns={"sex": np.where(np.arange(1000) % 4 < 2, "f", "m")}, positive=1
    )
    return data.split(test=0.5, stratify=True, seed=0)

@mlspec.ensemble(seeds=5)
def model(seed, street):
    open("trained", "a").write(f"{seed} ")
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(max_features=1, random_state=seed).fit(street.train.X, street.train.y)
"""


def plan(suite, body, *args, subprocess=False):
    """The claims that a run planned, and its result."""
    result = suite.run(SUITE + body, "--mlspec-plan", "--mlspec-json=out.json", *args, subprocess=subprocess)
    return suite.document()["plan"]["claims"], result


def untrained(suite):
    """Whether no fit was begun and nothing was kept."""
    folder = suite.pytester.path
    return not any((folder / name).exists() for name in ("trained", ".mlspec_cache", ".mlspec", "ledger.sqlite"))


FLOOR = """
@pytest.mark.satisficing(at_least=0.9, expect=0.95, id="ACC-1")
def test_it(model, street, requirement):
    assert metrics.accuracy(model, street.test) >= requirement
"""


def test_a_floor_of_an_ensemble(suite):
    """A floor of .90 at a true .95 needs 263 cases for one model; five members need 98 % each, so more."""
    claims, result = plan(suite, FLOOR)

    (claim,) = claims
    (need,) = claim["needs"]
    assert (claim["id"], claim["at_hand"], claim["members"], claim["unmeetable"]) == ("ACC-1", 500, 5, "")
    assert need["expected"] == 0.95
    assert 263 < need["needed"] < 500
    assert result.ret == 0
    assert untrained(suite)
    result.stdout.fnmatch_lines(["*no ensemble was trained, nothing judged"])


def test_one_model_needs_the_exact_number(suite):
    """Known from an exact search for one model: 263 at a true .95."""
    claims, _ = plan(suite, FLOOR, "--mlspec-seeds=1")

    assert claims[0]["needs"][0]["needed"] == 263


def test_without_an_expected_value_there_is_a_table(suite):
    claims, _ = plan(suite, FLOOR.replace(", expect=0.95", ""), "--mlspec-seeds=1")

    assert [need["expected"] for need in claims[0]["needs"]] == pytest.approx([0.925, 0.95, 0.975, 1.0])
    needed = [need["needed"] for need in claims[0]["needs"]]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] == 29  # .9 ** 29 is the first power below .05


def test_an_expected_value_past_the_limit_is_said(suite):
    claims, _ = plan(suite, FLOOR.replace("expect=0.95", "expect=0.85"))

    assert claims[0]["needs"] == []
    assert "expect=0.85 does not lie beyond the limit >= 0.9" in claims[0]["no_plan"]


def test_a_requirement_that_no_model_can_meet(suite):
    """Without a failure 500 cases prove only 1 - .05 ** (1 / 500) = 0.00597."""
    claims, result = plan(
        suite,
        """
@pytest.mark.satisficing(max_failure_rate=0.001, delta=0.5)
def test_it(model, street, requirement):
    assert metrics.failure_rate(model, street.test, loss="zero_one") <= requirement
""",
    )

    assert "even without an error, 500 examples prove only failure rate <= 0.0060, not 0.001" in claims[0]["unmeetable"]
    assert claims[0]["best"] == pytest.approx(1 - 0.05 ** (1 / 500))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*CANNOT BE MET*", "1 CANNOT BE MET with what is at hand*"])


@pytest.mark.parametrize(
    ("members", "needed"), [("0.8", 17), ("0.9", 36), ("0.95", 72), ("'mean'", 5)], ids=["80", "90", "95", "mean"]
)
def test_retrainings_that_a_fold_needs(suite, members, needed):
    """Wilks at half the level: 17, 36 and 72 retrainings, all of them met."""
    body = FLOOR.replace("id=", f"members={members}, id=")
    claims, result = plan(suite, body, "--mlspec-seeds=4")

    assert claims[0]["members_needed"] == needed
    assert f"needs at least {needed} retrainings, and there are 4" in claims[0]["unmeetable"]
    assert result.ret == 1

    enough, result = plan(suite, body, f"--mlspec-seeds={needed}")

    assert enough[0]["unmeetable"] == ""
    assert result.ret == 0


def test_every_kind_of_contract(suite):
    claims, result = plan(
        suite,
        """
@pytest.mark.calibration(max_ece=0.1)
def test_ece(model, street, requirement):
    assert metrics.ece(model, street.test) <= requirement

@pytest.mark.parity(by="sex", max_gap=0.15)
def test_gap(model, street, requirement):
    assert metrics.recall(model, street.test).gap(by="sex") <= requirement

@pytest.mark.seed_variance(max_std=0.05)
def test_seeds(model, street, requirement):
    assert metrics.accuracy(model, street.test).seed_std() <= requirement

@pytest.mark.satisficing(at_least=0.9)
def test_area(model, street, requirement):
    assert metrics.auroc(model, street.test) >= requirement

@pytest.mark.satisficing(at_most=0.2)
def test_brier(model, street, requirement):
    assert metrics.brier(model, street.test) <= requirement

@pytest.mark.satisficing
def test_literal(model, street):
    assert metrics.accuracy(model, street.test).worst(by="sex") >= 0.8

@pytest.mark.satisficing(max_failures=0, delta=0.5)
def test_listed(model, street, requirement):
    assert metrics.failure_rate(model, street.test.take([0, 1]), loss="zero_one") <= requirement
""",
    )

    assert result.ret == 0
    assert [bool(claim["needs"]) for claim in claims] == [True] * 6 + [False]
    units = [claim["unit"] for claim in claims[:6]]
    assert units[1].startswith("positives in the smallest group")
    assert units[2] == "retrainings"
    assert units[3] == "cases of the rarer class"
    assert "listed cases are counted" in claims[6]["no_plan"]
    assert untrained(suite)


def test_several_contracts_of_one_body_are_all_planned(suite):
    """The first assertion does not end the body, whatever a trained model would make of it."""
    claims, _ = plan(
        suite,
        """
@pytest.mark.satisficing(at_least=0.9999, metric="accuracy")
@pytest.mark.satisficing(at_least=0.9, metric="recall")
def test_it(model, street, requirement):
    assert metrics.accuracy(model, street.test) >= requirement
    assert metrics.recall(model, street.test) >= requirement
""",
    )

    assert sorted(claim["metric"] for claim in claims) == ["accuracy", "recall"]


PLAIN_FIXTURES = """
@pytest.fixture(scope="session")
def plain(street):
    open("trained", "a").write("plain ") if street.train.X is None else None
    open("trained", "a").write("went on ")

@pytest.fixture
def wrapped(model):
    return model.members[0].predict

@pytest.fixture
def sliced(street):
    return street.test.take(np.arange(250))
"""


def test_a_fixture_that_trains_gives_a_stand_in(suite):
    claims, _ = plan(
        suite,
        PLAIN_FIXTURES
        + """
@pytest.mark.satisficing(at_least=0.9)
@pytest.mark.parametrize("name", ["plain", "wrapped"])
def test_it(name, request, sliced, requirement):
    assert metrics.accuracy(request.getfixturevalue(name), sliced) >= requirement
""",
    )

    assert [(claim["at_hand"], claim["members"]) for claim in claims] == [(250, 1), (250, 5)]
    assert untrained(suite)


def test_a_fixture_that_makes_data_may_read_what_it_likes(suite):
    claims, _ = plan(
        suite,
        """
@mlspec.dataset
def scaled(street):
    return mlspec.Dataset((street.test.X - street.train.X.mean()), street.test.y)

@pytest.mark.satisficing(at_least=0.9)
def test_it(model, scaled, requirement):
    assert metrics.accuracy(model, scaled) >= requirement
""",
    )

    assert claims[0]["at_hand"] == 500


def test_a_plain_fixture_that_makes_data_of_training_features_is_told_how(suite):
    claims, _ = plan(
        suite,
        """
@pytest.fixture(scope="session")
def scaled(street):
    return mlspec.Dataset((street.test.X - street.train.resample(0).X.mean()), street.test.y)

@pytest.mark.satisficing(at_least=0.9)
def test_it(model, scaled, requirement):
    assert metrics.accuracy(model, scaled) >= requirement
""",
    )

    assert "if it makes data, decorate it with @mlspec.dataset" in claims[0]["no_plan"]


def test_what_needs_a_trained_model_cannot_be_planned(suite):
    claims, result = plan(
        suite,
        """
@pytest.mark.satisficing(at_least=0.9)
def test_inside(model, street, requirement):
    assert metrics.accuracy(model.members[0], street.test) >= requirement

@pytest.mark.satisficing(at_least=0.9)
def test_body_trains(street, requirement):
    X = street.train.X
    open("trained", "a").write("body ")

@pytest.mark.satisficing(at_least=0.9)
def test_notebook(street, requirement):
    mlspec.Ensemble.fit(lambda seed: open("trained", "a").write("notebook "), 3)

@pytest.mark.satisficing(at_least=0.9)
def test_crash(model, street, requirement):
    raise RuntimeError("boom")

@pytest.mark.satisficing(at_least=0.9)
def test_percent(model, street, requirement):
    assert metrics.accuracy(model, street.test) >= 95
""",
    )

    reasons = [claim["no_plan"] for claim in claims]
    assert "'model' has no 'members'" in reasons[0]
    assert "would train: the features of street.train are read" in reasons[1]
    assert "would train" in reasons[2]
    assert reasons[3] == "RuntimeError: boom"
    assert "never percent" in reasons[4]
    assert result.ret == 0
    assert untrained(suite)


def test_what_does_not_run_is_named(suite):
    claims, _ = plan(
        suite,
        """
@pytest.mark.skip(reason="no GPU")
@pytest.mark.satisficing(at_least=0.9)
def test_skipped(model, street, requirement):
    assert metrics.accuracy(model, street.test) >= requirement

@pytest.mark.satisficing(at_least=0.9)
def test_empty(model, street, requirement):
    pass

@pytest.mark.xfail
@pytest.mark.satisficing(at_least=0.9)
def test_expected(model, street, requirement):
    assert metrics.accuracy(model, street.test) >= requirement

class TestClass:
    @pytest.mark.satisficing(at_least=0.9)
    def test_method(self, model, street, requirement):
        assert metrics.accuracy(model, street.test) >= requirement
""",
    )

    assert claims[0]["no_plan"] == "skipped: no GPU"
    assert claims[1]["no_plan"] == "the body ended without judging it"
    assert claims[2]["needs"]
    assert claims[3]["needs"]


def test_what_cannot_be_met_as_expected_is_no_failure(suite):
    claims, result = plan(
        suite, FLOOR.replace("at_least=0.9, expect=0.95", "at_least=0.999").replace("@", "@pytest.mark.xfail\n@", 1)
    )

    assert claims[0]["unmeetable"]
    assert claims[0]["expected"] is True
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*CANNOT BE MET with what is at hand, as expected (xfail): *"])


def test_a_search_is_planned_once_on_its_smallest_slice(suite):
    pytest.importorskip("hypothesis", reason="an extra")
    claims, _ = plan(
        suite,
        """
from hypothesis import given, settings, strategies as st

@pytest.mark.satisficing(at_least=0.5)
@settings(max_examples=20, database=None, deadline=None)
@given(first=st.integers(1, 400))
def test_it(model, street, requirement, first):
    assert metrics.accuracy(model, street.test.take(np.arange(400))) >= requirement
""",
    )

    assert [claim["at_hand"] for claim in claims] == [400]


def test_selection_and_several_requirements(suite):
    """Two requirements at once need 95 % power each: 1 - 0.1 / 2."""
    body = FLOOR + FLOOR.replace("test_it", "test_other").replace("ACC-1", "ACC-2")
    _, result = plan(suite, body)
    both = suite.document()["plan"]

    assert both["power_of_each"] == pytest.approx(0.95)
    assert all(need["all_at_once"] > need["needed"] for claim in both["claims"] for need in claim["needs"])
    result.stdout.fnmatch_lines(["for all 2 requirements to be met at once with 90% power, each is planned at 95%*"])

    one, _ = plan(suite, body, "-k", "other")

    assert [claim["id"] for claim in one] == ["ACC-2"]
    assert one[0]["needs"][0]["all_at_once"] is None


def test_the_terms_of_the_contract_move_the_plan(suite):
    """Confidence, looks, anytime and members each ask for more cases."""

    def needed(*keywords):
        body = FLOOR.replace("expect=0.95", ", ".join(["expect=0.95", *keywords]))
        claims, _ = plan(suite, body, "--mlspec-seeds=1")
        return claims[0]["needs"][0]["needed"]

    assert needed() == 263
    assert needed("confidence=0.99") > 263
    assert needed("looks=[100, 200, 300, 400, 500]", "spending='even'") > 263
    assert needed("anytime=True") > 263


def test_a_ledger_shares_the_level_out_and_is_not_written(suite):
    suite.ini(mlspec_ledger="ledger.sqlite", mlspec_budget="10")
    claims, _ = plan(suite, FLOOR, "--mlspec-seeds=1")

    assert claims[0]["needs"][0]["needed"] > 400  # a tenth of the level costs 2.45 times the cases where it is near
    assert untrained(suite)


def test_a_candidate_against_a_baseline(suite):
    """No baseline is read: both sides are stand-ins, and a table over discordance says what it takes."""
    claims, result = plan(
        suite,
        """
@pytest.mark.non_inferiority(margin=0.02)
def test_it(model, baseline, street, requirement):
    assert metrics.accuracy(model, street.test) - metrics.accuracy(baseline, street.test) >= requirement
""",
        "--mlspec-baseline=main",
    )

    assert {need["expected"] for need in claims[0]["needs"]} == {-0.01, 0.0}
    assert result.ret == 0
    assert untrained(suite)


def test_what_is_tracked_has_no_plan(suite):
    claims, result = plan(
        suite,
        """
@pytest.mark.optimizing
def test_it(model, street, requirement):
    assert metrics.accuracy(model, street.test) >= requirement
""",
    )

    assert [claim["no_plan"] for claim in claims] == [
        "it is compared with the best recorded value: there is no limit to plan for"
    ]
    assert result.ret == 0
    assert not (suite.pytester.path / "mlspec-record.json").exists()


@pytest.mark.parametrize("option", ["--mlspec-save=main", "--mlspec-update"])
def test_a_plan_keeps_nothing(suite, option):
    result = suite.run(SUITE + FLOOR, "--mlspec-plan", option)

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*judges nothing: leave one out*"])
    assert untrained(suite)


def test_rows_that_were_held_out(suite):
    claims, _ = plan(
        suite,
        """
@mlspec.ensemble(seeds=2, hold_out={"sex": "f"})
def apart(seed, street):
    return None

@mlspec.ensemble(seeds=2)
def on_top(seed, apart, street):
    return None

@pytest.mark.satisficing(at_least=0.9)
@pytest.mark.parametrize("name", ["apart", "on_top"])
def test_it(name, request, street, requirement):
    model = request.getfixturevalue(name)
    part = street.test.where(**model.held_out) if model.held_out else street.test
    assert metrics.accuracy(model, part) >= requirement
""",
    )

    assert claims[0]["members"] == 2
    assert 0 < claims[0]["at_hand"] < claims[1]["at_hand"] == 500


def test_markdown(suite):
    suite.run(SUITE + FLOOR, "--mlspec-plan", "--mlspec-markdown=out.md")
    text = (suite.pytester.path / "out.md").read_text()

    assert "| id | requirement | at hand | expected | needed for 90% power | assuming |" in text
    assert "| ACC-1 | accuracy >= 0.90 |" in text


def test_under_xdist_it_runs_in_one_process(suite):
    result = suite.run(SUITE + FLOOR, "--mlspec-plan", "-p", "xdist", "-n", "2", subprocess=True)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["ACC-1: accuracy >= 0.90*", "1 claim planned*"])
    assert untrained(suite)


def test_without_requirements(suite):
    result = suite.run("def test_it():\n    open('ran', 'w')", "--mlspec-plan")

    assert result.ret == 0
    assert not (suite.pytester.path / "ran").exists()


def test_json_holds_builtin_types_only(suite):
    plan(suite, FLOOR)
    document = json.loads((suite.pytester.path / "out.json").read_text())

    assert set(document) == {"schema", "version", "exit_code", "plan"}


def test_threads_of_a_body_train_nothing(suite):
    body = """
@pytest.mark.satisficing(at_least=0.9)
def test_it(street, requirement):
    from concurrent.futures import ThreadPoolExecutor

    def fit():
        features = street.train.X
        open("trained", "a").write("in a thread")

    with ThreadPoolExecutor() as pool:
        model = pool.submit(fit).result()
    assert metrics.accuracy(model, street.test) >= requirement
"""
    claims, _ = plan(suite, body)

    assert "the body would train" in claims[0]["no_plan"]
    assert untrained(suite)


@pytest.mark.parametrize("asker", ["body", "fixture"])
def test_data_that_are_asked_for_by_name_may_read_what_they_like(suite, asker):
    """The fixture of a dataset is set up inside a block that trains nothing, and is no training itself."""
    body = """
@mlspec.dataset
def scaled(street):
    mean = street.train.X.mean(axis=0)
    return mlspec.Splits(train=street.train, test=street.test.perturb(lambda X: X - mean, name="centred"))

@pytest.fixture
def test_part(request):
    return request.getfixturevalue("scaled").test

@pytest.mark.satisficing(at_least=0.9)
def test_it(request, model, requirement):
    data = request.getfixturevalue("scaled").test if "{asker}" == "body" else request.getfixturevalue("test_part")
    assert metrics.accuracy(model, data) >= requirement
"""
    (claim,), _ = plan(suite, body.replace("{asker}", asker))

    assert (claim["no_plan"], claim["at_hand"]) == ("", 500)


@pytest.mark.parametrize(("expires", "code"), [(1, 0), (-1, 1)])
def test_what_is_waived_fails_no_plan(suite, expires, code):
    """A run does not fail by it either; once the waiver has expired both do."""
    day = date.today() + timedelta(days=expires)
    (suite.pytester.path / "mlspec-waivers.toml").write_text(
        f'[[waiver]]\nrequirement = "ACC-1"\nreason = "labels arrive"\nowner = "Ada"\nexpires = {day}\n'
    )
    claims, result = plan(suite, FLOOR.replace("at_least=0.9, expect=0.95", "at_least=0.999"))

    assert claims[0]["unmeetable"]
    assert bool(claims[0]["waived"]) == (expires > 0)
    assert result.ret == code
    words = f"*CANNOT BE MET with what is at hand, waived until {day} by Ada: labels arrive: *"
    assert any(line.startswith("  CANNOT") for line in result.stdout.lines)
    if expires > 0:
        result.stdout.fnmatch_lines([words])
