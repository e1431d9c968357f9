"""Fits in several processes give what one process gives."""

import os
import textwrap
import threading

import joblib
import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from pytest_mlspec.training import Ensemble
from pytest_mlspec.training.shipping import dump_function, dump_member, load

pytest_plugins = ["pytester"]

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 4))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def outside_of_xdist(monkeypatch):
    """Inside a worker of pytest-xdist fits run in turn, by intent."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


class OwnModel:
    """A class of this test file, which no other process can import by name."""

    def __init__(self, weights: np.ndarray, process: int) -> None:
        self.weights, self.process = weights, process

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X @ self.weights


def own_model(seed: int) -> OwnModel:
    return OwnModel(np.random.random(4), os.getpid())  # NumPy's global generator, seeded in the worker


class Diverged(Exception):
    """An exception that pickle cannot rebuild: its arguments are not its constructor's."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(f"step {step}: loss {loss}")


def test_members_are_the_same_as_from_one_process_and_come_from_others():
    apart = Ensemble.fit(own_model, 3, jobs=2)
    here = Ensemble.fit(own_model, 3)

    assert all(np.array_equal(one.weights, other.weights) for one, other in zip(apart, here, strict=True))
    assert os.getpid() not in {member.process for member in apart}
    assert {member.process for member in here} == {os.getpid()}
    assert min(apart.durations) > 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_members_are_equal_to_the_bit():
    def function(seed: int) -> MLPClassifier:
        return MLPClassifier((8,), max_iter=3, random_state=seed).fit(X, Y)

    apart, here = Ensemble.fit(function, 2, jobs=2), Ensemble.fit(function, 2)

    for one, other in zip(apart, here, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.coefs_, other.coefs_, strict=True))


def test_torch_members_are_equal_to_the_bit():
    torch = pytest.importorskip("torch")
    apart = Ensemble.fit(lambda seed: torch.nn.Linear(3, 2), 2, jobs=2, output="logits")
    here = Ensemble.fit(lambda seed: torch.nn.Linear(3, 2), 2, output="logits")

    assert all(torch.equal(one.weight, other.weight) for one, other in zip(apart, here, strict=True))


def test_the_classes_of_the_sender_stay_the_senders():
    method = OwnModel.predict
    ensemble = Ensemble.fit(own_model, 2, jobs=2)

    assert all(type(member) is OwnModel for member in ensemble)
    assert OwnModel.predict is method


def test_an_error_names_its_seed_and_shows_where_it_arose():
    def function(seed: int) -> OwnModel:
        if seed == 7:
            raise ArithmeticError("loss is NaN")
        return own_model(seed)

    with pytest.raises(ArithmeticError, match="loss is NaN") as caught:
        Ensemble.fit(function, [3, 7, 8], name="detector", jobs=2)

    assert caught.value.__notes__[0] == "while training 'detector' with seed 7 (member 2 of 3)"
    assert 'raise ArithmeticError("loss is NaN")' in caught.value.__notes__[1]


def test_an_exception_that_cannot_be_pickled_is_told_in_words():
    def function(seed: int) -> OwnModel:
        raise Diverged(3, float("nan"))

    with pytest.raises(RuntimeError, match="Diverged: step 3: loss nan") as caught:
        Ensemble.fit(function, 2, name="detector", jobs=2)

    assert caught.value.__notes__[0] == "while training 'detector' with seed 0 (member 1 of 2)"


def test_a_function_that_cannot_travel_trains_here_and_says_so():
    lock = threading.Lock()

    def function(seed: int) -> OwnModel:
        with lock:
            return own_model(seed)

    with pytest.warns(UserWarning, match="the training function of 'gate' cannot be sent to another process"):
        ensemble = Ensemble.fit(function, 2, name="gate", jobs=2)

    assert {member.process for member in ensemble} == {os.getpid()}


def test_a_member_that_cannot_travel_trains_here_and_says_so():
    def function(seed: int) -> OwnModel:
        model = own_model(seed)
        model.lock = threading.Lock()
        return model

    with pytest.warns(UserWarning, match="a member of 'gate' cannot be sent back from another process"):
        ensemble = Ensemble.fit(function, 2, name="gate", jobs=2)

    assert {member.process for member in ensemble} == {os.getpid()}


@pytest.mark.parametrize("reason", ["xdist", "threads"])
def test_fits_run_in_turn_where_processes_would_do_harm(reason, monkeypatch):
    if reason == "xdist":
        monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
        ensemble = Ensemble.fit(own_model, 2, jobs=2)
    else:
        with joblib.parallel_config(backend="threading"):
            ensemble = Ensemble.fit(own_model, 2, jobs=2)

    assert {member.process for member in ensemble} == {os.getpid()}


def test_another_backend_of_joblib_gives_the_same():
    with joblib.parallel_config(backend="multiprocessing"):
        ensemble = Ensemble.fit(own_model, 2, jobs=2)

    assert os.getpid() not in {member.process for member in ensemble}
    assert np.array_equal(ensemble[1].weights, Ensemble.fit(own_model, [1])[0].weights)


def test_a_fit_in_another_process_is_single_threaded():
    def function(seed: int):
        from threadpoolctl import threadpool_info

        n_threads = sorted({pool["num_threads"] for pool in threadpool_info()})
        return lambda X: (seed, n_threads)

    ensemble = Ensemble.fit(function, 2, jobs=2, output="values")

    assert [member(X) for member in ensemble] == [(0, [1]), (1, [1])]


def test_a_travelled_class_goes_back_by_name():
    data, by_value = dump_function(own_model)

    assert __name__ in by_value
    assert type(load(dump_member(load(data)(0), by_value))).__qualname__ == "OwnModel"


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
@pytest.mark.parametrize("place", ["conftest", "test file", "module beside it"])
def test_functions_of_a_test_suite_travel_under_both_import_modes(pytester, mode, place):
    source = """
        import os
        import numpy as np

        class Model:
            def __init__(self):
                self.weight, self.process = np.random.random(), os.getpid()

            def predict(self, X):
                return np.full(len(X), self.weight)

        def build():
            return Model()

        def train(seed):
            return build()
    """
    test = """
        import os
        import sys
        from pytest_mlspec.training import Ensemble

        def test_travels(request):
            module = find()
            ensemble = Ensemble.fit(module.train, 2, jobs=2)
            here = Ensemble.fit(module.train, 2)
            assert all(type(member) is module.Model for member in ensemble)
            assert os.getpid() not in {member.process for member in ensemble}
            assert [member.weight for member in ensemble] == [member.weight for member in here]
    """
    finders = {
        "conftest": "def find():\n    return next(m for n, m in list(sys.modules.items()) if n.endswith('conftest'))\n",
        "test file": "def find():\n    return sys.modules[__name__]\n",
        "module beside it": (
            "import importlib.util\nfrom pathlib import Path\n\ndef find():\n"
            "    file = Path(__file__).with_name('beside.py')\n"
            "    spec = importlib.util.spec_from_file_location('loaded_by_path', file)\n"
            "    module = sys.modules['loaded_by_path'] = importlib.util.module_from_spec(spec)\n"
            "    spec.loader.exec_module(module)\n    return module\n"
        ),
    }
    text = textwrap.dedent(test) + "\n" + finders[place]
    if place == "test file":
        text = textwrap.dedent(source) + text
    elif place == "conftest":
        pytester.makeconftest(textwrap.dedent(source))
    else:
        pytester.makepyfile(beside=textwrap.dedent(source))
    pytester.makepyfile(test_suite=text)
    result = pytester.runpytest_subprocess("-p", "no:mlspec", "-p", "no:randomly", f"--import-mode={mode}")

    result.assert_outcomes(passed=1)
