"""What one read is, and the level that follows from it: growing data, growing ensembles, two test sets, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec import Dataset, Predictions, metric, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.predictions.asking import predict
from pytest_mlspec.records import Ledger
from pytest_mlspec.records.question import Question, question_of
from pytest_mlspec.records.reads import Reads, at_share
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.verdict import Origin, Terms

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 2))
Y = rng.integers(0, 2, 1000)
ID = Origin(id="R", kind="satisficing", contract=0)


class Model:
    """Says whether a feature is above a limit."""

    classes_ = np.array([0, 1])

    def __init__(self, limit: float = 0.0) -> None:
        self.limit = limit

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > self.limit).astype(int)


def question(estimate: Estimate, *, terms: Terms | None = None, origin: Origin = ID) -> Question:
    found = question_of([(estimate, ">=")], terms or Terms(), origin)
    assert found is not None
    return found


def accuracy(n_examples: int = 1000, limit: float = 0.0) -> Estimate:
    return metrics.accuracy(predict(Model(limit), Dataset(X[:n_examples], Y[:n_examples])))


def keys(*questions: Question) -> int:
    return len({one.test_sets[0].key for one in questions})


@pytest.mark.parametrize("terms", [Terms(looks=(200, 600, 1000)), Terms(anytime=True)])
def test_data_that_grow_stay_one_test_set_and_a_model_counts_at_each_size(terms: Terms) -> None:
    sizes = [question(accuracy(n_examples), terms=terms) for n_examples in (200, 600, 1000)]

    assert keys(*sizes) == 1
    assert len({one.model for one in sizes}) == 3
    assert keys(*(question(accuracy(n_examples)) for n_examples in (200, 600, 1000))) == 3


def test_a_model_counts_once_at_each_look_however_many_cases_wait_for_the_next() -> None:
    looks, order = Terms(looks=(200, 600)), np.random.default_rng(2).permutation(1000)

    def asked(n_examples: int, terms: Terms, limit: float = 0.0) -> str:
        return question(accuracy(n_examples, limit), terms=terms).model

    assert asked(200, looks) == asked(201, looks) == asked(599, looks)
    assert asked(599, looks) != asked(600, looks) == asked(1000, looks)
    assert asked(599, looks) != asked(599, looks, limit=0.1)
    assert asked(200, Terms(anytime=True)) != asked(201, Terms(anytime=True))
    shuffled = metrics.accuracy(predict(Model(), Dataset(X[order], Y[order])))
    assert question(shuffled, terms=looks).model != asked(1000, looks)  # other cases come first


def test_an_ensemble_that_grows_until_seeds_decide_is_one_model() -> None:
    def grown(n_members: int, terms: Terms) -> str:
        labels = np.stack([np.where(np.arange(1000) < 10 + seed, 1 - Y, Y) for seed in range(n_members)])
        estimate = metrics.accuracy(Predictions(y=Y, labels=labels, classes=[0, 1]))
        return question(estimate, terms=terms).model

    # Arrays declare as many members as they have, so that only the parameter is shown to matter here.
    assert grown(3, Terms()) == grown(3, Terms(growing_members=10))
    assert grown(3, Terms()) != grown(4, Terms())


def test_a_difference_on_two_test_sets_reads_both_and_gets_the_smaller_share(tmp_path: Path) -> None:
    model = Model()
    first = Dataset(X[:500], Y[:500], name="a", budget=4)
    second = Dataset(X[500:], Y[500:], name="b", budget=10)
    estimate = metrics.accuracy(predict(model, first)) - metrics.accuracy(predict(model, second))
    reads = Reads(ledger=Ledger(tmp_path / "l.sqlite"), budget=20)

    reading = reads.read([(estimate, ">=")], Terms(), ID)

    assert reading.lines == ("read 1 of 4 of a", "read 1 of 10 of b")
    assert reading.terms.level == pytest.approx(0.05 / 10)


def test_settings_that_show_their_place_in_memory_are_known_by_their_name() -> None:
    def similar(one: object, other: object) -> float:
        return 0.0

    estimate = accuracy()
    made = [
        Estimate(
            predictions=estimate.predictions,
            metric="own",
            evidence=estimate.evidence,
            greater_is_better=True,
            settings=(("measure", function), ("weights", np.float64(2.0)), ("of", ["a", 1])),
        )
        for function in (similar, similar)
    ]

    found = {question(one, origin=Origin()).requirement for one in made}
    assert len(found) == 1
    assert "0x" not in found.pop()


class Sure(Model):
    """Says how sure it is, too."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        positive = 1 / (1 + np.exp(-X[:, 0]))
        return np.stack([1 - positive, positive], axis=1)


def test_a_threshold_that_is_tuned_on_the_test_set_makes_another_model_each_time() -> None:
    data = Dataset(X, Y, positive=1)

    def model(**given: float) -> str:
        return question(metrics.recall(Sure(), data, **given)).model

    assert len({model(), model(threshold=0.3), model(threshold=0.31)}) == 3
    assert model(threshold=0.3) == model(threshold=0.3)
    against = {
        question(metrics.recall(Sure(), data, threshold=limit) - metrics.recall(Sure(0.5), data, threshold=limit)).model
        for limit in (0.3, 0.4, 0.6)
    }
    assert len(against) == 3


def test_a_perturbation_that_changes_nothing_starts_no_new_count_by_its_name() -> None:
    data = Dataset(X, Y)

    def asked(name: str, factor: float, origin: Origin) -> str:
        changed = data.perturb(lambda X: X * factor, name=name)
        return question(metrics.accuracy(predict(Model(), changed)), origin=origin).requirement

    for origin in (ID, Origin()):
        plain = question(accuracy(), origin=origin).requirement
        assert asked("one", 1.0, origin) == asked("other", 1.0, origin) == plain
        assert asked("half", 0.5, origin) != plain


def test_rows_without_features_are_told_apart_by_their_ids_whatever_their_order() -> None:
    order = np.random.default_rng(1).permutation(1000)
    ids = np.array([f"case {place}" for place in range(1000)])

    def asked(rows: np.ndarray, named: bool) -> Question:
        labels = (X[:, 0] > 0).astype(int)
        said = Predictions(y=Y[rows], labels=labels[rows], classes=[0, 1], ids=ids[rows] if named else None)
        return question(metrics.accuracy(said))

    assert asked(order, named=True) == asked(np.arange(1000), named=True)
    assert asked(order, named=False) != asked(np.arange(1000), named=False)  # nothing but their places tells them apart


def test_a_metric_of_ones_own_is_counted_whatever_its_name() -> None:
    @metric(greater_is_better=False, low=0.0, high=1.0)
    def own_distance(y: np.ndarray, predictions: Predictions) -> np.ndarray:
        assert predictions.labels is not None
        return (predictions.labels[0] != y).astype(float)

    assert question_of([(own_distance(Model(), Dataset(X, Y)), "<=")], Terms(), ID) is not None


def test_distances_between_data_read_nothing() -> None:
    distance = metrics.ks_distance(Dataset(X[:500]), Dataset(X[500:]), column=0)

    assert question_of([(distance, "<=")], Terms(), ID) is None


@pytest.mark.parametrize(("share", "level"), [(1.0, 0.05), (0.05, 0.0025), (1e-6, 5e-8)])
def test_a_share_of_the_level(share: float, level: float) -> None:
    assert at_share(Terms(), share).level == pytest.approx(level)
    assert at_share(Terms(confidence=0.99), share).level == pytest.approx(level / 5)


class Configured:
    terms = Terms()
    allow_undecided = True
    family = False


def judge_seeds(path: Path, budget: int, confidence: float, said: Sequence[np.ndarray]) -> str:
    predictions = Predictions(y=Y, labels=np.stack(list(said)), classes=[0, 1])
    recorder = Recorder(Configured)
    reads = Reads(ledger=Ledger(path), budget=budget)
    recorder.reads = lambda: reads
    with RECORDER.hold(recorder):
        return str(metrics.accuracy(predictions).seed_std().judged("<=", 0.3, Terms(confidence=confidence)).outcome)


def test_bounds_over_seeds_end_where_the_budget_leaves_too_little_of_the_level(tmp_path: Path) -> None:
    """They are proven down to a level of 0.01: a budget of 5 at 95 %, of 10 at 90 %."""
    said = [np.where(rng.random(1000) < 0.1, 1 - Y, Y) for _ in range(10)]
    outcomes = {
        (budget, confidence): judge_seeds(tmp_path / f"{budget}-{confidence}.sqlite", budget, confidence, said)
        for budget, confidence in ((5, 0.95), (6, 0.95), (10, 0.9), (11, 0.9))
    }

    assert outcomes == {(5, 0.95): "met", (6, 0.95): "undecided", (10, 0.9): "met", (11, 0.9): "undecided"}


def test_a_plan_takes_the_level_of_the_budget_and_reads_nothing(tmp_path: Path) -> None:
    reads = Reads(ledger=Ledger(tmp_path / "l.sqlite"), budget=20)

    assert reads.planned([accuracy()], Terms()).level == pytest.approx(0.0025)
    assert list(tmp_path.iterdir()) == []
