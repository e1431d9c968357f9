"""A model that changed is noticed, one that did not change is not."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_mlspec.training.state import state_token

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 4))
Y = (X[:, 0] > 0).astype(int)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MODELS = {
    "logistic": lambda: LogisticRegression(),
    "sgd": lambda: SGDClassifier(max_iter=5, tol=None),
    "mlp": lambda: MLPClassifier((8,), max_iter=2),
    "forest": lambda: RandomForestClassifier(20),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=20),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=20),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "search": lambda: GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2),
}


@pytest.mark.parametrize("kind", MODELS)
def test_predicting_changes_nothing_and_fitting_again_does(kind):
    model = MODELS[kind]().fit(X, Y)
    token = state_token(model)
    model.predict(X)
    assert state_token(model) == token
    assert hash(state_token(model)) == hash(token)
    model.fit(X[:50], Y[:50])

    assert state_token(model) != token


@pytest.mark.parametrize("kind", ["sgd", "mlp"])
def test_training_on_in_place_is_noticed(kind):
    model = MODELS[kind]().fit(X, Y)
    token = state_token(model)
    model.partial_fit(X, Y)

    assert state_token(model) != token


@pytest.mark.parametrize("model", ["logistic", "pipeline", "search"])
def test_one_weight_changed_by_hand_is_noticed_however_deep_it_lies(model):
    outer = MODELS[model]().fit(X, Y)
    find = {"logistic": lambda: outer, "pipeline": lambda: outer[-1], "search": lambda: outer.best_estimator_[-1]}
    inner = find[model]()
    token = state_token(outer)
    inner.coef_[0, 2] += 1e-9

    assert state_token(outer) != token


def test_more_trees_by_warm_start_are_noticed():
    model = RandomForestClassifier(20, warm_start=True).fit(X, Y)
    token = state_token(model)
    model.set_params(n_estimators=21).fit(X, Y)

    assert state_token(model) != token


def test_a_large_array_is_noticed_when_it_is_trained_on():
    model = LogisticRegression().fit(X, Y)
    model.coef_ = np.zeros((1, 1_000_000))
    token = state_token(model)
    model.coef_ += 1e-6

    assert state_token(model) != token


def test_later_objects_cannot_take_the_place_of_earlier_ones():
    class Model:
        def __init__(self) -> None:
            self.part = object()

        def predict(self, X: object) -> object:
            return X

    model = Model()
    tokens = []
    for _ in range(200):  # without a reference the allocator would hand out the same address again
        tokens.append(state_token(model))
        model.part = object()

    assert len(set(tokens)) == 200


def test_a_forests_token_is_cheap():
    model = RandomForestClassifier(300, max_depth=3, random_state=0).fit(X, Y)
    start = time.perf_counter()
    model.predict(X[:1])
    predicting = time.perf_counter() - start
    start = time.perf_counter()
    state_token(model)

    assert time.perf_counter() - start < predicting / 5


def test_a_plain_callable_has_no_token():
    assert state_token(lambda X: X) is None


def test_nan_does_not_look_like_a_change():
    model = SGDClassifier(tol=float("nan"))

    assert state_token(model) == state_token(model)


@pytest.mark.parametrize(
    "change",
    [
        lambda module, torch: torch.optim.SGD(module.parameters(), lr=0.1).step(),
        lambda module, torch: module.weight.data.add_(1.0),  # the version counter does not see this one
        lambda module, torch: module.load_state_dict({k: v + 1 for k, v in module.state_dict().items()}),
        lambda module, torch: setattr(module, "weight", torch.nn.Parameter(module.weight.detach().clone())),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_step_of_training_in_place_changes_a_module(change, wrapped):
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(3, 2)
    module(torch.ones(4, 3)).sum().backward()

    class Wrapper:
        def __init__(self) -> None:
            self.module = module

        def predict(self, X: object) -> object:
            return X

    model = Wrapper() if wrapped else module
    token = state_token(model)
    assert state_token(model) == token
    change(module, torch)

    assert state_token(model) != token


def test_buffers_count_and_inference_tensors_are_read():
    torch = pytest.importorskip("torch")
    module = torch.nn.BatchNorm1d(3)
    with torch.inference_mode():
        module.register_buffer("extra", torch.ones(2))
    token = state_token(module)
    assert state_token(module) == token
    module(torch.randn(10, 3))

    assert state_token(module) != token


def test_plain_attributes_of_a_torch_module_count():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    module[0].temperature = 1.0
    token = state_token(module)

    module.train(not module.training)
    assert state_token(module) == token

    module[0].temperature = 2.0
    assert state_token(module) != token


def test_what_slots_hold_counts():
    class Slotted:
        __slots__ = ("__weakref__", "limit")

        def predict(self, X: np.ndarray) -> np.ndarray:
            return X[:, 0] > self.limit

    model = Slotted()
    model.limit = 1.0
    token = state_token(model)
    assert state_token(model) == token

    model.limit = 2.0
    assert state_token(model) != token


def test_an_object_that_holds_a_function_as_its_predict_cannot_be_watched():
    limits = [1.0]
    model = SimpleNamespace(predict=lambda X: X[:, 0] > limits[0])

    assert state_token(model) is None
