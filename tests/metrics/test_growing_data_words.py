"""Requirements on data that grow: what cannot be judged at looks, and what a verdict says of its look."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset, Splits
from pytest_mlspec.perturbations import compose, mask, noise, permute, shift
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Terms
from tests.metrics.grown import MET, UNDECIDED, Says, day_less_night, edited, retrained, right, spread

FIVE = (400, 800, 1200, 1600, 2000)


# ---- what cannot be judged so --------------------------------------------------------------------------------------


def test_two_sets_of_cases_do_not_tell_which_of_them_grows() -> None:
    estimate = day_less_night(np.ones(1000))

    verdict = estimate.judged(">=", -0.1, Terms(looks=(100, 200)))

    assert verdict.outcome is UNDECIDED
    assert "cannot be judged at looks: a difference between two datasets cannot be sliced" in verdict.advice[0]


@pytest.mark.parametrize("y", [np.repeat([0, 1], 100), np.repeat(["b", "a"], 100), np.linspace(0, 1, 200)])
def test_sorted_cases_are_no_sample_at_a_look(y: np.ndarray) -> None:
    outputs = {"values": y} if y.dtype.kind == "f" else {"labels": y}
    sorted_up, shuffled = (
        Predictions(y=y[order], **{name: said[order] for name, said in outputs.items()})
        for order in (np.arange(200), np.random.default_rng(5).permutation(200))
    )
    measure, comparison = (metrics.mae, "<=") if "values" in outputs else (metrics.accuracy, ">=")

    for terms in (Terms(looks=(100, 200), max_loss=1.0), Terms(anytime=True, max_loss=1.0)):
        verdict = measure(sorted_up).judged(comparison, 0.5, terms)

        assert verdict.outcome is UNDECIDED
        assert "sorted by their truth" in verdict.advice[0]
        assert measure(shuffled).judged(comparison, 0.5, terms).outcome is MET


def test_a_random_part_of_a_growing_dataset_is_drawn_anew() -> None:
    rows = np.arange(1300.0)[:, None]
    data = Dataset(rows[:1000], np.ones(1000, int), classes=[0, 1], positive=1, name="street")
    own = Splits(train=data.split(seed=1).train, test=Dataset(rows[1000:], np.ones(300, int), classes=[0, 1]))

    one = Ensemble.of(lambda X: np.ones(len(X), int), output="labels", classes=[0, 1])
    for terms in (Terms(looks=(100, 200)), Terms(anytime=True)):
        drawn = metrics.accuracy(one, data.split(seed=1).test).judged(">=", 0.5, terms)
        appended = metrics.accuracy(one, own.test).judged(">=", 0.5, terms)
        sliced = metrics.accuracy(one, data.where(np.arange(1000) % 2 == 0)).judged(">=", 0.5, terms)

        assert drawn.outcome is UNDECIDED
        assert "300 rows drawn at random from a larger dataset" in drawn.advice[0]
        assert (appended.outcome, sliced.outcome) == (MET, MET)


@pytest.mark.parametrize(
    "perturbation",
    [
        permute(0, seed=3),
        noise(0, severity=3),
        mask(0),
        shift(0, 1.0, unit="std"),
        compose(noise(0, severity=3), shift(1, 2.0)),
    ],
    ids=["permute", "noise", "mask", "shift", "compose"],
)
def test_perturbations_that_draw_anew_when_rows_are_added_are_undecided(perturbation: Callable[..., object]) -> None:
    _, data = edited(400)
    rows = data.X + np.arange(400)[:, None]
    assert not np.array_equal(perturbation(rows[:200].copy()), np.asarray(perturbation(rows.copy()))[:200])

    changed = Dataset(rows, data.y, positive=1).perturb(perturbation)
    for terms in (Terms(looks=(100, 200)), Terms(anytime=True)):
        for other in (changed, changed.named("it"), pickle.loads(pickle.dumps(changed)), changed.perturb(halved)):
            verdict = metrics.selection_rate(Says(), other).judged("<=", 0.9, terms)

            assert verdict.outcome is UNDECIDED
            assert "makes something else of the same rows when rows are added" in verdict.advice[0]


def halved(X: np.ndarray) -> np.ndarray:
    return X / 2


@pytest.mark.parametrize(
    "perturbation",
    [shift(0, 0.5), mask(1, 0.0), permute([0, 1], seed=3, donors=np.eye(9)), halved],
    ids=["shift", "mask", "donors", "halved"],
)
def test_perturbations_of_each_row_alone_are_judged(perturbation: Callable[..., object]) -> None:
    _, data = edited(400)
    assert np.array_equal(perturbation(data.X[:200].copy()), np.asarray(perturbation(data.X.copy()))[:200])

    verdict = metrics.selection_rate(Says(), data.perturb(perturbation)).judged("<=", 0.9, Terms(looks=(100, 200)))

    assert "look 2 of 2" in verdict.details[0]


def test_a_contrast_of_the_first_pairs() -> None:
    """Half of the cases flip; the mean change is 0.1."""
    data, changed = edited(400)
    flips = metrics.flip_rate(Says(), data, changed).judged("<=", 0.9, Terms(looks=(100, 200)))
    change = metrics.mean_change(Says(), data, changed).judged("<=", 0.5, Terms(anytime=True))

    assert (flips.outcome, flips.n, flips.value) == (MET, 200, 0.5)
    assert (change.outcome, change.method) == (MET, "anytime-valid mean")


def test_spreads_and_weighted_metrics_are_not_judged_at_looks() -> None:
    ensemble = retrained(np.stack([spread(900 + seed, 1000) for seed in range(5)]))
    estimate = metrics.accuracy(ensemble)

    std = estimate.seed_std().judged("<=", 0.5, Terms(looks=(500, 1000)))
    weighted = metrics.reweighted(estimate, np.ones(1000)).judged(">=", 0.1, Terms(looks=(500, 1000)))

    assert (std.outcome, std.advice) == (
        UNDECIDED,
        ("a spread over retrainings is not judged at looks: leave looks= and anytime= out",),
    )
    assert weighted.outcome is UNDECIDED
    assert "reweighted metrics have no groups" in weighted.advice[0]


def test_what_is_read_off_the_model_needs_no_look() -> None:
    from sklearn.linear_model import LinearRegression

    X = np.random.default_rng(1).normal(size=(50, 2))
    model = LinearRegression().fit(X, X @ [1.0, 3.0])
    data = Dataset(np.random.default_rng(2).normal(size=(20, 2)), np.zeros(20))
    estimate = metrics.coefficient_share(model, data, features=0)

    for terms in (Terms(looks=(500, 1000)), Terms(anytime=True)):
        assert estimate.judged("<=", 0.5, terms).outcome is MET


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(looks=(1000, 500)), "increasing whole numbers"),
        (Terms(looks=(0, 500)), "increasing whole numbers"),
        (Terms(looks=(500,), spending="linear"), "spending='linear'"),
        (Terms(looks=(500,), anytime=True), r"looks or anytime, not both; got looks=\[500\] and anytime=True"),
    ],
)
def test_terms_of_ones_own_are_checked(terms: Terms, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        metrics.accuracy(right(np.ones(600))).judged(">=", 0.5, terms)


# ---- what it says --------------------------------------------------------------------------------------------------


def test_an_undecided_look_names_the_next_one_and_the_one_that_would_decide() -> None:
    at_first = metrics.accuracy(right(spread(380, 400))).judged(">=", 0.9, Terms(looks=FIVE))
    hopeless = metrics.accuracy(right(spread(362, 400))).judged(">=", 0.9, Terms(looks=FIVE))

    assert at_first.advice == (
        "next look at 800 examples, 400 to go; until then this verdict stays",
        "at this rate look 2 would decide it (800 examples, 90% power)",
    )
    assert hopeless.advice[1].endswith("examples would decide it at this rate, more than the last look will have")
    assert len(at_first.lines()) <= 8


def test_the_first_cases_of_every_look_so_far_are_recorded() -> None:
    """Cases that were appended leave the hashes alone; others at the front do not."""
    hits, terms = spread(900, 1000), Terms(looks=(400, 800, 1200))

    def hashes(hits: np.ndarray) -> dict[str, str]:
        found = metrics.accuracy(right(hits, ids=np.arange(len(hits)))).judged(">=", 0.9, terms).fingerprints
        return {name: value for name, value in found.items() if name.startswith("first")}

    before, appended = hashes(hits[:700]), hashes(hits)

    assert list(before) == ["first 400 examples"]
    assert list(appended) == ["first 400 examples", "first 800 examples"]
    assert appended["first 400 examples"] == before["first 400 examples"]
    labels = right(hits[:400])
    assert labels.data.fingerprint != before["first 400 examples"]
