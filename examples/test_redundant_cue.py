"""Cows on grass: ten retrainings that are equally good on held-out data, and nobody knows what they have learnt.

    pytest -m satisficing examples/test_redundant_cue.py
    python examples/test_redundant_cue.py               prints the table: mean, seed std and quotient on each part

Every cow of the training data stands on grass and every camel on sand, so that animal and background tell the label
equally well. Held-out accuracy is 0.999 whichever of the two a network goes by; on cows in the desert it is anything
from 0.34 to 0.72, by the luck of the seed. The requirements were written first. What makes them green is to cut the
cue during training: each retraining sees the animals on backgrounds that belong to other pictures.
"""

import pytest
from sklearn.neural_network import MLPClassifier

import pytest_mlspec as mlspec
from pytest_mlspec import metrics, perturbations

BACKGROUND = [5, 6, 7, 8, 9]


def network(seed):
    return MLPClassifier(hidden_layer_sizes=(16,), tol=1e-3, n_iter_no_change=3, random_state=seed)


def fit_plain(seed, data):
    return network(seed).fit(data.train.X, data.train.y)


def fit_cut(seed, data):
    elsewhere = data.train.perturb(perturbations.permute(BACKGROUND, seed=seed))
    return network(seed).fit(elsewhere.X, elsewhere.y)


@mlspec.ensemble(seeds=10)
def plain(seed, redundant_cue):
    return fit_plain(seed, redundant_cue)


@mlspec.ensemble(seeds=10)
def cut(seed, redundant_cue):
    return fit_cut(seed, redundant_cue)


@pytest.mark.satisficing(at_least=0.97, id="COW-1", because="what most teams stop at")
def test_held_out_accuracy(plain, redundant_cue, requirement):
    assert metrics.accuracy(plain, redundant_cue.test) >= requirement


desert = pytest.mark.stress(shift="concept", at_least=0.95, id="COW-2", because="cows walk on sand, too")


@pytest.mark.xfail(strict=True, reason="red: the networks go by the background as much as by the animal")
@desert
def test_plain_training_finds_cows_in_the_desert(plain, redundant_cue, requirement):
    assert metrics.accuracy(plain, redundant_cue.conflict) >= requirement


@desert
def test_cut_training_finds_cows_in_the_desert(cut, redundant_cue, requirement):
    assert metrics.accuracy(cut, redundant_cue.conflict) >= requirement


@pytest.mark.xfail(strict=True, reason="red: equal on held-out data, and a seed std of 0.14 where the cue misleads")
@pytest.mark.underspecification(shift="concept", max_ratio=5, max_std=0.02, equal_within=0.01, id="COW-3")
def test_plain_training_is_specified(plain, redundant_cue, requirement):
    shifted, clean = redundant_cue.conflict, redundant_cue.test
    assert metrics.accuracy(plain, shifted).seed_std() / metrics.accuracy(plain, clean).seed_std() <= requirement


@pytest.mark.seed_variance(max_std=0.02, id="COW-4", because="a retraining must not change the product")
def test_cut_retrainings_agree_in_the_desert(cut, redundant_cue, requirement):
    # Both spreads are next to nothing now, and no quotient of them can be proven: this is the limit that still can.
    assert metrics.accuracy(cut, redundant_cue.conflict).seed_std() <= requirement


leans_on_the_background = pytest.mark.reliance(on=BACKGROUND, max_drop=0.02, id="COW-5")


def elsewhere(data):
    """The test pictures with the backgrounds of other pictures, which are not judged themselves."""
    return data.test.perturb(perturbations.permute(BACKGROUND, seed=0, donors=data.neutral.X))


@pytest.mark.xfail(strict=True, reason="red: other backgrounds cost three answers in ten")
@leans_on_the_background
def test_plain_training_does_not_need_the_background(plain, redundant_cue, requirement):
    drop = metrics.accuracy(plain, redundant_cue.test) - metrics.accuracy(plain, elsewhere(redundant_cue))
    assert drop <= requirement


@leans_on_the_background
def test_cut_training_does_not_need_the_background(cut, redundant_cue, requirement):
    drop = metrics.accuracy(cut, redundant_cue.test) - metrics.accuracy(cut, elsewhere(redundant_cue))
    assert drop <= requirement


@pytest.mark.satisficing(at_least=0.003, id="COW-6", because="the price, shown")
def test_plain_training_is_the_better_one_on_held_out_data(plain, cut, redundant_cue, requirement):
    price = metrics.accuracy(plain, redundant_cue.test) - metrics.accuracy(cut, redundant_cue.test)
    assert price >= requirement


if __name__ == "__main__":
    from pytest_mlspec.data.generators import redundant_cue as draw

    cows = draw()
    stresses = {"neutral": cows.neutral, "conflict": cows.conflict}
    for name, fit in {"plain": fit_plain, "cut": fit_cut}.items():
        ensemble = mlspec.Ensemble.fit(lambda seed, fit=fit: fit(seed, cows), 10, name=name, trained_on=[cows.train])
        print(metrics.profile(metrics.accuracy, ensemble, cows.test, stresses).table())
