"""Solvers that ignore their seed are found out; members that differ are left alone."""

import threading

import numpy as np
import pytest
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pytest_mlspec.training import Ensemble, IdenticalMembersError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 5))
Y = (X @ [1.0, -1.0, 0.5, 0.0, 0.0] + RANDOM.normal(size=150) > 0).astype(int)

IGNORE_THEIR_SEED = {
    "logistic": lambda seed: LogisticRegression(random_state=seed),
    "ridge": lambda seed: Ridge(random_state=seed, solver="cholesky"),
    "svc": lambda seed: SVC(random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(),
    "naive_bayes": lambda seed: GaussianNB(),
    "pipeline": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)),
    "search": lambda seed: GridSearchCV(LogisticRegression(random_state=seed), {"C": [0.1, 1.0]}, cv=2),
    "bagging": lambda seed: BaggingClassifier(LogisticRegression(), n_estimators=2, bootstrap=False, random_state=seed),
    "boosting": lambda seed: HistGradientBoostingClassifier(max_iter=3, early_stopping=False, random_state=seed),
}
USE_THEIR_SEED = {
    "mlp": lambda seed: MLPClassifier((4,), max_iter=2, random_state=seed),
    "forest": lambda seed: RandomForestClassifier(3, random_state=seed),
    "sgd": lambda seed: SGDClassifier(max_iter=2, tol=None, random_state=seed),
    "pipeline": lambda seed: make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=2, random_state=seed)),
    "search": lambda seed: GridSearchCV(RandomForestClassifier(3, random_state=seed), {"max_depth": [2, 3]}, cv=2),
    "bagging": lambda seed: BaggingClassifier(LogisticRegression(), n_estimators=2, random_state=seed),
    "boosting": lambda seed: GradientBoostingClassifier(n_estimators=2, subsample=0.5, random_state=seed),
    "chain": lambda seed: ClassifierChain(MLPClassifier((2,), max_iter=1), random_state=seed),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", IGNORE_THEIR_SEED)
def test_a_solver_that_ignores_its_seed_is_found_out(kind):
    with pytest.raises(IdenticalMembersError, match="all 3 members of 'gate' learned exactly the same") as caught:
        Ensemble.fit(lambda seed: IGNORE_THEIR_SEED[kind](seed).fit(X, Y), 3, name="gate")

    assert "Declare seeds=1" in str(caught.value)
    assert "`street.train.resample(seed)`" in str(caught.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", USE_THEIR_SEED)
def test_members_that_differ_pass(kind):
    target = np.stack([Y, 1 - Y], axis=1) if kind == "chain" else Y

    assert len(Ensemble.fit(lambda seed: USE_THEIR_SEED[kind](seed).fit(X, target), 2)) == 2


def test_the_way_out_works():
    def on_other_rows(seed: int) -> LogisticRegression:
        rows = np.random.default_rng(seed).integers(0, len(X), len(X))
        return LogisticRegression().fit(X[rows], Y[rows])

    assert len(Ensemble.fit(on_other_rows, 3)) == 3
    assert len(Ensemble.fit(lambda seed: LogisticRegression().fit(X, Y), 1)) == 1


def test_one_member_that_differs_is_enough():
    """Few distinct outcomes are a property of the training, not a fake."""

    def function(seed: int) -> LogisticRegression:
        return LogisticRegression(C=1.0 if seed < 2 else 2.0).fit(X, Y)

    assert len(Ensemble.fit(function, 3)) == 3


def test_a_list_of_equal_models_is_found_out():
    with pytest.raises(IdenticalMembersError):
        Ensemble.of([LogisticRegression().fit(X, Y), LogisticRegression().fit(X, Y)])


class Wrapped:
    """A model of the user's own; what its seed means is not known."""

    def __init__(self, seed: int, weights: np.ndarray, opaque: object = None) -> None:
        self.seed, self.weights, self.opaque = seed, weights, opaque

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X @ self.weights


def test_plain_objects_are_compared_with_all_that_they_hold():
    with pytest.raises(IdenticalMembersError):
        Ensemble.fit(lambda seed: Wrapped(0, np.ones(5)), 2)

    assert len(Ensemble.fit(lambda seed: Wrapped(seed, np.ones(5)), 2)) == 2


def test_what_cannot_be_read_is_left_to_the_predictions():
    assert len(Ensemble.fit(lambda seed: Wrapped(0, np.ones(5), threading.Lock()), 2)) == 2


def test_closures_are_compared_by_what_they_hold():
    def function(seed: int, *, used: bool):
        weights = np.random.default_rng(seed if used else 0).normal(size=5)
        return lambda X: X @ weights

    with pytest.raises(IdenticalMembersError, match="function ignores it"):
        Ensemble.fit(lambda seed: function(seed, used=False), 2, output="values")

    assert len(Ensemble.fit(lambda seed: function(seed, used=True), 2, output="values")) == 2


def test_torch_modules_are_compared_by_their_state():
    torch = pytest.importorskip("torch")

    def fixed(seed: int):
        module = torch.nn.Linear(2, 2)
        torch.nn.init.zeros_(module.weight)
        torch.nn.init.zeros_(module.bias)
        return module

    with pytest.raises(IdenticalMembersError, match="Linear ignores it"):
        Ensemble.fit(fixed, 2, output="logits")

    assert len(Ensemble.fit(lambda seed: torch.nn.Linear(2, 2), 2, output="logits")) == 2


def test_skorch_nets_are_compared_by_their_module():
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")
    torch = pytest.importorskip("torch")

    def function(seed: int, *, learning: float):
        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = torch.nn.Linear(5, 2)
                if learning == 0.0:
                    torch.nn.init.zeros_(self.layer.weight)
                    torch.nn.init.zeros_(self.layer.bias)

            def forward(self, X):
                return self.layer(X)

        net = skorch.NeuralNetClassifier(Net, criterion=torch.nn.CrossEntropyLoss, lr=learning, max_epochs=1, verbose=0)
        return net.fit(X.astype(np.float32), Y.astype(np.int64))

    with pytest.raises(IdenticalMembersError):
        Ensemble.fit(lambda seed: function(seed, learning=0.0), 2)

    assert len(Ensemble.fit(lambda seed: function(seed, learning=0.1), 2)) == 2
