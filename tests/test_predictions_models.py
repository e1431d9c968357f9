"""Predictions of models: asked once, only for what is needed, mapped to the classes of the data, checked."""

from __future__ import annotations

import gc
import weakref
from typing import ClassVar

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset, Splits
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.training.ensemble import Ensemble, IdenticalMembersError

GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(80, 3))
Y = np.where(X[:, 0] + 0.3 * GENERATOR.normal(size=80) > 0, "yes", "no")
LIGHT = np.where(np.arange(80) % 2, "day", "night")


@pytest.fixture
def data() -> Dataset:
    return Dataset(X, Y, columns={"light": LIGHT}, positive="yes", name="road")


class Spy(LogisticRegression):
    """A classifier that counts what it is asked, on the class: a model that changes is asked anew."""

    asked: ClassVar[list[str]] = []

    def predict(self, X: np.ndarray) -> np.ndarray:
        self.asked.append("predict")
        return np.where(self.decision_function(X) > 0, "yes", "no")

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.asked.append("predict_proba")
        return super().predict_proba(X)


@pytest.fixture
def spy() -> Spy:
    Spy.asked.clear()
    return Spy().fit(X, Y)


def test_slices_and_tests_share_one_prediction(data, spy):
    whole = metrics.accuracy(spy, data).value
    night, day = (metrics.accuracy(spy, data.where(light=light)).value for light in ("night", "day"))
    metrics.recall(spy, data)

    assert spy.asked == ["predict"]
    assert whole == pytest.approx((night + day) / 2)


def test_probabilities_are_asked_for_only_when_needed_and_once(data, spy):
    metrics.accuracy(spy, data)
    assert spy.asked == ["predict"]

    metrics.log_loss(spy, data)
    metrics.brier(spy, data.where(light="day"))
    metrics.ece(spy, data)
    metrics.auroc(spy, data)
    assert spy.asked == ["predict", "predict_proba"]


def test_a_forest_is_not_predicted_twice(data, monkeypatch):
    forest = RandomForestClassifier(5, random_state=0).fit(X, Y)
    calls = []
    monkeypatch.setattr(DecisionTreeClassifier, "predict_proba", _counting(DecisionTreeClassifier.predict_proba, calls))
    metrics.accuracy(forest, data)
    metrics.log_loss(forest, data)

    assert len(calls) == 5  # once per tree
    assert np.array_equal(predict(forest, data).classes[predict(forest, data).labels[0]], forest.predict(X))


def _counting(function, calls):
    def counted(self, *args, **kwargs):
        calls.append(self)
        return function(self, *args, **kwargs)

    return counted


def test_a_model_that_is_fitted_again_is_asked_again(data):
    model = LogisticRegression().fit(X, Y)
    before = metrics.accuracy(model, data).value
    model.fit(X, np.where(Y == "yes", "no", "yes"))

    assert metrics.accuracy(model, data).value == pytest.approx(1 - before)


def test_partial_fit_is_seen(data):
    model = SGDClassifier(loss="log_loss", random_state=0).fit(X, Y)
    first = predict(model, data).probabilities.copy()
    model.partial_fit(X[:10], Y[:10])

    assert not np.array_equal(predict(model, data).probabilities, first)


def test_plain_functions_are_asked_every_time(data):
    calls = []

    def model(X):
        calls.append(len(X))
        return np.full(len(X), 0.5)

    ensemble = Ensemble.of(model, output="probabilities")
    metrics.brier(ensemble, data)
    metrics.brier(ensemble, data)

    assert calls == [80, 80]


def test_nothing_keeps_a_dataset_alive(data, spy):
    changed = data.perturb(lambda X: X + 1)
    metrics.accuracy(spy, changed)
    watched = weakref.ref(changed)
    del changed
    gc.collect()

    assert watched() is None


def test_columns_are_mapped_to_the_classes_of_the_data():
    data = Dataset(X, Y, classes=["yes", "no"], positive="yes")
    model = LogisticRegression().fit(X, Y)

    assert model.classes_.tolist() == ["no", "yes"]
    assert predict(model, data).classes.tolist() == ["yes", "no"]
    assert np.array_equal(predict(model, data).probabilities[0], model.predict_proba(X)[:, ::-1])
    assert metrics.accuracy(model, data).value == pytest.approx(model.score(X, Y))


def test_a_class_that_a_member_never_saw_has_probability_zero():
    labels = np.array(["a", "b", "c"])[np.arange(80) % 3]
    two, three = labels != "c", np.ones(80, dtype=bool)
    members = [LogisticRegression(random_state=k).fit(X[rows], labels[rows]) for k, rows in enumerate((two, three))]
    said = predict(members, Dataset(X, labels))

    assert said.n_members == 2 and said.retrained
    assert (said.probabilities[0, :, 2] == 0).all()
    assert np.array_equal(said.probabilities[1], members[1].predict_proba(X))


def test_a_class_that_only_the_model_knows_comes_last():
    labels = np.array(["b", "a", "c"])[np.arange(80) % 3]
    model = LogisticRegression().fit(X, labels)
    rows = np.flatnonzero(labels != "a")
    said = predict(model, Dataset(X[rows], labels[rows]))

    assert said.classes.tolist() == ["b", "c", "a"]
    assert np.allclose(said.probabilities[0], model.predict_proba(X[rows])[:, [1, 2, 0]])
    assert metrics.accuracy(model, Dataset(X[rows], labels[rows])).value == pytest.approx(
        np.mean(model.predict(X[rows]) == labels[rows])
    )


def test_classes_without_anything_in_common_are_refused(data):
    model = LogisticRegression().fit(X, (Y == "yes").astype(int))

    with pytest.raises(ValueError, match="not one in common"):
        metrics.accuracy(model, data)


def test_the_decision_function_ranks_where_there_are_no_probabilities(data):
    model = LinearSVC().fit(X, Y)
    said = predict(model, data)

    assert np.array_equal(said.scores("yes")[0], model.decision_function(X))
    assert np.array_equal(said.scores("no")[0], -model.decision_function(X))
    with pytest.raises(
        ValueError, match=r"log_loss needs probabilities, and 'LinearSVC' \(LinearSVC\) has no predict_proba"
    ):
        metrics.log_loss(model, data)


def test_a_regressor_is_told_from_a_classifier(data):
    target = X[:, 0] + 1.0
    regressor = LinearRegression().fit(X, target)
    numbers = Dataset(X, target)

    assert metrics.rmse(regressor, numbers).value == pytest.approx(0, abs=1e-9)
    with pytest.raises(
        ValueError, match=r"accuracy needs labels, and 'LinearRegression' .* predicts numbers, not labels"
    ):
        metrics.accuracy(regressor, numbers)
    with pytest.raises(ValueError, match=r"rmse needs predicted numbers, and .* predicts labels"):
        metrics.rmse(LogisticRegression().fit(X, Y), data)


def test_features_that_are_not_finite_are_named():
    broken = X.copy()
    broken[7, 2] = np.nan
    model = LogisticRegression().fit(X, Y)

    with pytest.raises(
        ValueError, match=r"expected finite features for 'LogisticRegression'; got nan in row 7, column 2"
    ):
        metrics.accuracy(model, Dataset(broken, Y))


def test_a_failing_member_is_named_with_its_seed(data):
    def fit(seed):
        def model(X):
            if seed == 12:
                raise RuntimeError("out of memory")
            return np.full(len(X), 0.1 + seed / 100)

        return model

    ensemble = Ensemble.fit(fit, [11, 12], output="probabilities", name="net")
    with pytest.raises(RuntimeError, match="out of memory") as caught:
        metrics.brier(ensemble, data)
    assert "'net', member 2 of 2 (seed 12)" in caught.value.__notes__[0]


def test_outputs_of_the_wrong_length_are_refused(data):
    with pytest.raises(ValueError, match="each of the 80 examples of y, got 3"):
        metrics.brier(Ensemble.of(lambda X: np.full((3, 2), 0.5), output="probabilities"), data)


def test_logits_declared_as_probabilities_are_an_error(data):
    with pytest.raises(ValueError, match="are these logits"):
        metrics.brier(Ensemble.of(lambda X: 3 * X[:, :2], output="probabilities"), data)


def test_declared_logits_become_probabilities(data):
    said = predict(Ensemble.of(lambda X: np.stack([0 * X[:, 0], X[:, 0]], axis=1), output="logits"), data)

    assert np.allclose(said.scores("yes")[0], 1 / (1 + np.exp(-X[:, 0])))
    assert np.array_equal(said.labels[0], (X[:, 0] > 0).astype(int))


def test_members_that_say_the_same_everywhere_are_one_model(data):
    def fit(seed):
        return lambda X: 1 / (1 + np.exp(-X[:, 0])) + 0 * seed

    ensemble = Ensemble.fit(fit, 3, output="probabilities", name="net")
    with pytest.raises(IdenticalMembersError, match="say exactly the same about every row"):
        metrics.brier(ensemble, data)


def test_labels_of_a_function_that_are_no_classes_are_refused(data):
    with pytest.raises(ValueError, match=r"labels outside the classes: 'maybe' \(80 times\)"):
        metrics.accuracy(Ensemble.of(lambda X: np.full(len(X), "maybe"), output="labels"), data)


def test_torch_modules_are_asked_as_declared(data):
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(3, 2)
    tensor = Dataset(torch.tensor(X, dtype=torch.float32), Y, positive="yes")
    said = predict(Ensemble.of(module, output="logits"), tensor)
    with torch.inference_mode():
        expected = torch.softmax(module(tensor.X), dim=1).numpy()

    assert np.allclose(said.probabilities[0], expected, atol=1e-6)
    with pytest.raises(ValueError, match="output"):
        metrics.accuracy(module, tensor)


def test_training_rows_are_counted_by_role_and_lineage(data):
    parts = data.split(test=0.5, seed=0)
    model = LogisticRegression().fit(parts.train.X, parts.train.y)
    ensemble = Ensemble.fit(
        lambda seed: RandomForestClassifier(3, random_state=seed).fit(parts.train.X, parts.train.y),
        2,
        trained_on=[parts.train],
    )

    assert predict(model, parts.train).training_rows == len(parts.train)
    assert predict(model, parts.test).training_rows == 0
    assert predict(ensemble, parts.test).training_rows == 0
    assert predict(ensemble, parts.train.perturb(lambda X: X + 1)).training_rows == len(parts.train)
    assert predict(ensemble, data).training_rows == len(parts.train)


def test_predictions_stand_where_a_model_stands_but_not_beside_a_dataset(data):
    said = Predictions(y=[0, 1], labels=[0, 1])

    assert predict(said) is said
    with pytest.raises(TypeError, match="leave the dataset out"):
        metrics.accuracy(said, data)


def test_what_is_not_a_dataset_is_refused_in_words(data, spy):
    with pytest.raises(TypeError, match="expected a dataset beside the model"):
        metrics.accuracy(spy)
    with pytest.raises(TypeError, match=r"say which one, as in `street.test`"):
        metrics.accuracy(spy, Splits(test=data))
    with pytest.raises(TypeError, match=r"Dataset\(X, y\)"):
        metrics.accuracy(spy, X)
    with pytest.raises(ValueError, match="has no y"):
        metrics.accuracy(spy, Dataset(X))


def test_multi_output_models_are_refused_by_name(data):
    both = np.stack([Y, Y[::-1]], axis=1)
    with pytest.raises(ValueError, match="multi-label and multi-output are not supported"):
        metrics.accuracy(RandomForestClassifier(2).fit(X, both), data)


def test_a_decision_function_of_several_classes_ranks_each(data):
    labels = np.array(["a", "b", "c"])[np.argsort(np.argsort(X[:, 0])) * 3 // 80]
    model = LinearSVC().fit(X, labels)
    whole = Dataset(X, labels, classes=["c", "a", "b"], columns={"half": np.arange(80) % 2})
    expected = roc_auc_score(labels == "c", model.decision_function(X)[:, 2])

    assert metrics.auroc(model, whole, positive="c").value == pytest.approx(expected)
    half = whole.where(half=1)
    assert np.array_equal(predict(model, half).scores("a")[0], model.decision_function(half.X)[:, 0])


@pytest.mark.parametrize("kind", [object, str, "category"])
def test_frames_and_their_kinds_of_text_are_understood(kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["speed", "mass", "age"])
    y = pandas.Series(Y).astype(kind)
    model = LogisticRegression().fit(frame, y)

    assert metrics.accuracy(model, Dataset(frame, y)).value == pytest.approx(np.mean(model.predict(frame) == Y))


def test_truth_values_and_numbers_are_the_same_labels():
    truth = Y == "yes"
    model = LogisticRegression().fit(X, truth)
    expected = np.mean(model.predict(X) == truth)

    for y in (truth, truth.astype(int), truth.astype(float)):
        assert metrics.accuracy(model, Dataset(X, y)).value == pytest.approx(expected)
        assert metrics.recall(model, Dataset(X, y)).of == ""


def test_a_list_that_changes_is_asked_again(data):
    members = [SGDClassifier(random_state=seed).fit(X, Y) for seed in range(2)]
    before = metrics.accuracy(members, data).values
    members[1].fit(X, np.where(Y == "yes", "no", "yes"))
    after = metrics.accuracy(members, data).values

    assert after[0] == before[0] and after[1] != before[1]


def test_a_given_ensemble_is_watched_and_a_trained_one_is_not_asked_twice(data):
    model = LogisticRegression().fit(X, Y)
    given = Ensemble.of(model)
    before = metrics.accuracy(given, data).value
    model.fit(X, np.where(Y == "yes", "no", "yes"))
    assert metrics.accuracy(given, data).value == pytest.approx(1 - before)

    calls = []

    def fit(seed):
        def say(X):
            calls.append(seed)
            return 1 / (1 + np.exp(-X[:, 0] - seed))

        return say

    trained = Ensemble.fit(fit, 2, output="probabilities")
    metrics.brier(trained, data)
    metrics.ece(trained, data.where(light="day"))
    assert calls == [0, 1]
