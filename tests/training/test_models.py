"""What a model says about X, family by family."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from pytest_mlspec.training import Ensemble, models

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 4))
Y = np.where(X[:, 0] + RANDOM.normal(size=150) > 0, "yes", "no")
THREE = np.array(["low", "mid", "high"])[np.digitize(X[:, 0], [-0.5, 0.5])]
NUMBERS = X @ [1.0, 2.0, 0.0, 0.0] + 3.0


def test_a_classifier_gives_its_probabilities_its_labels_and_its_classes():
    model = LogisticRegression().fit(X, Y)

    assert models.family(model) == "classifier"
    assert np.array_equal(models.predict_probabilities(model, X), model.predict_proba(X))
    assert np.array_equal(models.predict_labels(model, X), model.predict(X))
    assert np.array_equal(models.predict_scores(model, X), X @ model.coef_[0] + model.intercept_[0])
    assert models.predict_values(model, X) is None
    assert models.model_classes(model).tolist() == ["no", "yes"]


def test_a_classifier_without_probabilities_says_so():
    model = SVC().fit(X, THREE)

    assert models.predict_probabilities(model, X) is None
    assert models.predict_labels(model, X).shape == (150,)
    assert models.predict_scores(model, X).shape == (150, 3)


def test_a_forest_ranks_by_its_probabilities():
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)

    assert np.array_equal(models.predict_scores(model, X), model.predict_proba(X))


def test_a_pipeline_and_a_search_speak_for_their_last_step():
    model = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1.0]}, cv=2).fit(X, Y)

    assert models.family(model) == "classifier"
    assert models.predict_probabilities(model, X) is None
    assert models.model_classes(model).tolist() == ["no", "yes"]


def test_a_regressor_gives_values_and_nothing_else():
    model = LinearRegression().fit(X, NUMBERS)

    assert models.family(model) == "regressor"
    assert models.predict_values(model, X) == pytest.approx(NUMBERS)
    assert models.predict_probabilities(model, X) is None
    assert models.predict_labels(model, X) is None
    assert models.predict_scores(model, X) is None
    assert models.model_classes(model) is None


def test_a_regressor_with_one_column_of_targets_gives_one_number_per_example():
    model = LinearRegression().fit(X, NUMBERS[:, np.newaxis])

    assert models.predict_values(model, X).shape == (150,)


@pytest.mark.parametrize(
    ("model", "question"),
    [
        (LinearRegression().fit(X, np.stack([NUMBERS, NUMBERS], axis=1)), models.predict_values),
        (RandomForestClassifier(2).fit(X, np.stack([Y, THREE], axis=1)), models.predict_probabilities),
        (RandomForestClassifier(2).fit(X, np.stack([Y, THREE], axis=1)), models.predict_labels),
        (KNeighborsClassifier().fit(X, np.stack([Y == "yes", Y == "no"], axis=1)), models.predict_labels),
    ],
)
def test_several_targets_are_refused_by_name(model, question):
    with pytest.raises(ValueError, match="multi-label and multi-output are not supported"):
        question(model, X)


def test_the_classes_of_several_targets_are_refused_by_name():
    model = RandomForestClassifier(2).fit(X, np.stack([Y, THREE], axis=1))
    with pytest.raises(ValueError, match="multi-label and multi-output are not supported"):
        models.model_classes(model)


def test_x_reaches_the_model_in_the_form_it_came():
    seen = []

    class Model:
        def predict(self, X: object) -> np.ndarray:
            seen.append(X)
            return np.zeros(3)

    frame = pd.DataFrame({"a": [1, 2, 3]})
    models.predict_labels(Model(), frame)

    assert seen[0] is frame


class Scores:
    """An object with a `predict` that says neither labels nor values, as Keras models are."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.stack([X[:, 0], -X[:, 0]], axis=1)


class Numbers:
    def predict(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0]


def test_an_object_that_says_neither_serves_both():
    assert models.family(Numbers()) == "unknown"
    assert np.array_equal(models.predict_labels(Numbers(), X), X[:, 0])
    assert np.array_equal(models.predict_values(Numbers(), X), X[:, 0])
    assert models.predict_probabilities(Numbers(), X) is None


def test_a_declared_output_says_what_predict_returns():
    assert models.predict_probabilities(Scores(), X, output="logits")[:, 0] == pytest.approx(expit(2 * X[:, 0]))
    assert models.predict_labels(Scores(), X, output="logits") is None
    assert models.predict_labels(Numbers(), X, output="values") is None
    assert models.predict_values(Numbers(), X, output="labels") is None


def test_a_classifier_is_not_declared_to_return_logits():
    with pytest.raises(ValueError, match="output='logits' on LogisticRegression"):
        models.predict_probabilities(LogisticRegression().fit(X, Y), X, output="logits")


def test_a_callable_declares_its_output():
    def detector(X: np.ndarray) -> np.ndarray:
        return X

    with pytest.raises(ValueError, match="output=None for the callable detector") as caught:
        models.predict_probabilities(detector, X)

    choices = ("'probabilities'", "'logits'", "'values'", "'labels'")
    for word in (*choices, "@mlspec.ensemble(output=", "Ensemble.of(model, output="):
        assert word in str(caught.value)


def test_probabilities_of_a_callable_come_as_they_are():
    table = np.array([[0.2, 0.8], [0.5, 0.5]])

    assert np.array_equal(models.predict_probabilities(lambda X: table, X, output="probabilities"), table)
    assert np.array_equal(models.predict_probabilities(lambda X: table.tolist(), X, output="probabilities"), table)
    assert models.predict_labels(lambda X: table, X, output="probabilities") is None
    assert np.array_equal(models.predict_scores(lambda X: table, X, output="probabilities"), table)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_column_is_the_second_class(shape):
    def model(X: object) -> np.ndarray:
        return np.array([0.0, np.log(3.0)]).reshape(shape)  # odds of 1 and 3

    expected = np.array([[0.5, 0.5], [0.25, 0.75]])
    as_probability = np.array([0.5, 0.75]).reshape(shape)

    assert models.predict_probabilities(model, X, output="logits") == pytest.approx(expected)
    assert models.predict_probabilities(lambda X: as_probability, X, output="probabilities") == pytest.approx(expected)
    assert models.predict_scores(model, X, output="logits").tolist() == [0.0, np.log(3.0)]


def test_logits_become_probabilities_by_softmax_also_where_exponentials_overflow():
    logits = np.array([[np.log(1.0), np.log(2.0), np.log(5.0)], [1000.0, 1000.0, -1000.0]])

    found = models.predict_probabilities(lambda X: logits, X, output="logits")

    assert found == pytest.approx(np.array([[0.125, 0.25, 0.625], [0.5, 0.5, 0.0]]))


def test_labels_and_values_of_callables():
    assert models.predict_labels(lambda X: ["a", "b"], X, output="labels").tolist() == ["a", "b"]
    assert models.predict_values(lambda X: [[1.5], [2.5]], X, output="values").tolist() == [1.5, 2.5]
    assert models.predict_probabilities(lambda X: ["a"], X, output="labels") is None
    assert models.predict_scores(lambda X: ["a"], X, output="labels") is None
    with pytest.raises(ValueError, match="multi-label and multi-output are not supported"):
        models.predict_values(lambda X: np.ones((3, 2)), X, output="values")


ONE_PASS = {
    "network": MLPClassifier((4,), max_iter=20, random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "extra": ExtraTreesClassifier(5, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=2),
    "bagging": BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    "search": GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [2, 3]}, cv=2),
}


@pytest.mark.parametrize("kind", ONE_PASS)
def test_where_labels_are_said_to_follow_they_do(kind):
    model = ONE_PASS[kind].fit(X, THREE)
    new = np.random.default_rng(1).normal(size=(2000, 4))

    assert models.labels_follow_probabilities(model)
    assert np.array_equal(model.classes_[model.predict_proba(new).argmax(axis=1)], model.predict(new))


def test_a_network_for_two_classes_says_the_first_one_at_a_tie():
    """With all weights 0 both classes have the probability 1/2."""
    network = MLPClassifier((2,), max_iter=1, random_state=0).fit(X, Y)
    for weights in (*network.coefs_, *network.intercepts_):
        weights[:] = 0

    assert set(network.predict_proba(X).ravel()) == {0.5}
    assert np.array_equal(network.classes_[network.predict_proba(X).argmax(axis=1)], network.predict(X))


def test_where_it_is_not_known_labels_are_asked_for():
    class Own(RandomForestClassifier):
        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.full(len(X), "low")

    patched = RandomForestClassifier(2).fit(X, Y)
    patched.predict = lambda X: np.full(len(X), "no")
    others = [
        Own(2).fit(X, THREE),
        patched,
        SVC().fit(X, Y),
        AdaBoostClassifier(n_estimators=2).fit(X, Y),
        GradientBoostingClassifier(n_estimators=2).fit(X, Y),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
        RandomForestRegressor(2).fit(X, NUMBERS),
        Numbers(),
        DummyClassifier(strategy="stratified").fit(X, Y),
    ]

    assert [models.labels_follow_probabilities(model) for model in others] == [False] * len(others)


def test_models_are_what_can_predict_or_be_called():
    assert models.is_model(LinearRegression())
    assert models.is_model(len)
    assert not models.is_model(LinearRegression)
    assert not models.is_model("model")
    assert not models.is_model(None)


def test_torch_is_not_imported_for_anybody_elses_models():
    code = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from pytest_mlspec.training import Ensemble, models
X, y = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 2
ensemble = Ensemble.fit(lambda seed: LogisticRegression(C=1 + seed).fit(X, y), 2)
for model in [*ensemble, lambda X: X]:
    models.predict_probabilities(model, X, output="probabilities")
    models.labels_follow_probabilities(model), models.model_classes(model), models.state_token(model)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_skorch_nets_are_classifiers():
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")
    torch = pytest.importorskip("torch")

    def function(seed: int) -> object:
        net = skorch.NeuralNetClassifier(
            torch.nn.Linear, module__in_features=4, module__out_features=2, criterion=torch.nn.CrossEntropyLoss,
            max_epochs=2, verbose=0,
        )  # fmt: skip
        return net.fit(X.astype(np.float32), (Y == "yes").astype(np.int64))

    ensemble = Ensemble.fit(function, 2)
    probabilities = models.predict_probabilities(ensemble[0], X.astype(np.float32))

    assert models.family(ensemble[0]) == "classifier"
    assert probabilities.shape == (150, 2)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(150), abs=1e-5)
    assert set(models.predict_labels(ensemble[0], X.astype(np.float32))) <= {0, 1}
    assert models.model_classes(ensemble[0]).tolist() == [0, 1]
