"""Ensembles: one training function, one member per seed."""

import gc
import random
import weakref
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from pytest_mlspec.training import Ensemble, IdenticalMembersError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4))
Y = (X[:, 0] + RANDOM.normal(size=120) > 0).astype(int)


def sgd(seed: int) -> SGDClassifier:
    return SGDClassifier(random_state=seed, max_iter=20, tol=None).fit(X, Y)


def test_one_member_per_seed_in_the_order_of_the_seeds():
    ensemble = Ensemble.fit(sgd, [5, 2], name="detector")

    assert len(ensemble) == 2
    assert ensemble.seeds == (5, 2)
    assert [member.random_state for member in ensemble] == [5, 2]
    assert ensemble[1] is ensemble.members[1]
    assert ensemble.retrained
    assert ensemble.declared == 2
    assert len(ensemble.durations) == 2
    assert min(ensemble.durations) > 0


def test_the_same_seed_is_equal_to_the_bit_and_another_one_is_not():
    def draws_from_numpy(seed: int) -> SGDClassifier:
        return SGDClassifier(max_iter=5, tol=None).fit(X, Y)  # no random_state: NumPy's global generator

    first = Ensemble.fit(draws_from_numpy, 2)
    again = Ensemble.fit(draws_from_numpy, [1, 0])

    assert np.array_equal(first[0].coef_, again[1].coef_)
    assert np.array_equal(first[1].coef_, again[0].coef_)
    assert not np.array_equal(first[0].coef_, first[1].coef_)


def test_the_state_of_the_generators_does_not_reach_the_fit_nor_leave_it():
    def function(seed: int):
        drawn = random.random()
        return lambda X: drawn

    random.seed(1)
    first = Ensemble.fit(function, 2, output="values")
    random.seed(2)
    before = random.getstate()
    second = Ensemble.fit(function, 2, output="values")

    assert [member(X) for member in first] == [member(X) for member in second]
    assert random.getstate() == before


def test_seeds_as_a_number_and_the_name_of_the_function():
    ensemble = Ensemble.fit(partial(sgd), 3)

    assert ensemble.seeds == (0, 1, 2)
    assert ensemble.name == "sgd"
    assert repr(ensemble) == "Ensemble('sgd', 3 members of SGDClassifier, seeds 0-2)"


def test_a_development_run_knows_how_many_members_were_declared():
    ensemble = Ensemble.fit(sgd, 1, declared=10)

    assert (len(ensemble), ensemble.declared) == (1, 10)
    assert ensemble.retrained
    assert repr(ensemble) == "Ensemble('sgd', 1 member of 10 declared of SGDClassifier, seed 0)"


def test_progress_hears_of_every_member():
    heard = []
    Ensemble.fit(sgd, [4, 7], name="detector", progress=lambda *call: heard.append(call))

    assert [call[:4] for call in heard] == [(1, 2, "detector", 4), (2, 2, "detector", 7)]
    assert all(call[4] > 0 for call in heard)


def test_a_fit_that_raises_names_its_seed_and_keeps_its_type():
    class Diverged(ArithmeticError):
        pass

    def function(seed: int) -> SGDClassifier:
        if seed == 3:
            raise Diverged("loss is NaN")
        return sgd(seed)

    with pytest.raises(Diverged, match="loss is NaN") as caught:
        Ensemble.fit(function, 10, name="detector")

    assert caught.value.__notes__ == ["while training 'detector' with seed 3 (member 4 of 10)"]
    assert caught.traceback[-1].name == "function"


def test_an_ensemble_is_itself_only_and_can_be_referred_to_weakly():
    ensemble, other = Ensemble.of(sgd(0)), Ensemble.of(sgd(0))
    assert ensemble != other
    assert len({ensemble, other}) == 2
    reference = weakref.ref(other)
    del other
    gc.collect()

    assert reference() is None


def test_an_ensemble_cannot_be_changed():
    with pytest.raises(AttributeError):
        Ensemble.of(sgd(0)).name = "other"


def test_a_bare_model_is_an_ensemble_of_one_about_this_model():
    model = sgd(0)
    ensemble = Ensemble.of(model)

    assert ensemble.members == (model,)
    assert not ensemble.retrained
    assert (ensemble.declared, ensemble.name, ensemble.durations) == (1, "SGDClassifier", ())
    assert repr(ensemble) == "Ensemble('SGDClassifier', one model: SGDClassifier)"


def test_a_list_of_models_is_an_ensemble_of_retrainings():
    ensemble = Ensemble.of([sgd(0), sgd(1)], name="saved", output=None, classes=[0, 1])

    assert len(ensemble) == 2
    assert ensemble.retrained
    assert ensemble.classes == (0, 1)
    assert Ensemble.of(ensemble) is ensemble


def test_an_ensemble_is_not_declared_again():
    with pytest.raises(TypeError, match="is an ensemble already"):
        Ensemble.of(Ensemble.of(sgd(0)), output="values")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "'train' returned, for seed 0, None, which is not a model: return the trained model"),
        ((1, 2), "'train' returned, for seed 0, tuple, which is not a model: a model has `predict`"),
        (SGDClassifier, r"the class SGDClassifier, which is not a model: give an instance: SGDClassifier\(\.\.\.\)"),
    ],
)
def test_what_is_not_a_model_is_refused(returned, message):
    with pytest.raises(TypeError, match=message):
        Ensemble.fit(lambda seed: returned, 2, name="train")


def test_what_is_given_and_is_not_a_model_is_refused():
    with pytest.raises(TypeError, match="model 1 of 'SGDClassifier' is str, which is not a model"):
        Ensemble.of([sgd(0), "model.pkl"])
    with pytest.raises(ValueError, match="expected at least one model, got an empty list"):
        Ensemble.of([])


def test_wrong_options_are_named():
    with pytest.raises(
        ValueError, match="output='proba': expected one of 'probabilities', 'logits', 'values', 'labels'"
    ):
        Ensemble.of(sgd(0), output="proba")
    with pytest.raises(ValueError, match="jobs=0: expected at least 1"):
        Ensemble.fit(sgd, 2, jobs=0)
    with pytest.raises(ValueError, match="seed 1 comes more than once"):
        Ensemble.fit(sgd, [1, 1])


def test_wrong_options_are_found_before_anything_trains():
    def never(seed: int) -> None:
        pytest.fail("trained")

    with pytest.raises(ValueError, match="output='proba'"):
        Ensemble.fit(never, 2, output="proba")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_same_object_for_two_seeds_is_refused():
    model = MLPClassifier()
    with pytest.raises(IdenticalMembersError, match="one and the same object for seeds 0 and 1: build a new model"):
        Ensemble.fit(lambda seed: model.set_params(random_state=seed, max_iter=1).fit(X, Y), 2)


def test_training_sets_are_kept():
    dataset = object()

    assert Ensemble.fit(sgd, 1, trained_on=[dataset]).trained_on == (dataset,)
