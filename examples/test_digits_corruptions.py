"""Underspecification: twenty networks that are equally good on clean digits and part ways when the light changes.

    pytest -m satisficing examples/test_digits_corruptions.py
    python examples/test_digits_corruptions.py                  the tables

Held-out accuracy says that the twenty retrainings of `plain` are one product. Under low contrast the best of them is
right on nearly half of the digits and the worst guesses; which one ships is a matter of its seed. The requirements were
written first: red with plain training, green once every image is brought to the same light before it is read.

One of them stays undecided, and says why: once twenty retrainings agree on every kind of digit, 898 digits cannot tell
their clean spread from 0, and a quotient over it cannot be proven small. The absolute limit beside it can.

Source: D'Amour, Heller et al. 2022, "Underspecification Presents Challenges for Credibility in Modern Machine
Learning", JMLR 23(226), section 6; corruptions by Hendrycks & Dietterich 2019.
"""

import pytest
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pytest_mlspec as mlspec
from pytest_mlspec import metrics, perturbations
from pytest_mlspec.data import bundled

N_MEMBERS = 20
IMAGES = {"shape": (8, 8), "value_range": (0, 16)}
CORRUPTIONS = {
    "contrast": perturbations.contrast(3, **IMAGES),
    "brightness": perturbations.brightness(3, **IMAGES),
    "motion_blur": perturbations.motion_blur(3, **IMAGES),
    "gaussian_noise": perturbations.gaussian_noise(3, **IMAGES),
}


def network(seed):
    return MLPClassifier(
        (64,), batch_size=32, learning_rate_init=0.002, tol=0.002, n_iter_no_change=5, random_state=seed
    )


def level_light(images):
    """Every image at mean 0 and standard deviation 1: what remains is the shape of the digit."""
    centred = images - images.mean(axis=1, keepdims=True)
    return centred / (centred.std(axis=1, keepdims=True) + 1e-9)


def train_plain(seed, train):
    return network(seed).fit(train.X, train.y)


def train_levelled(seed, train):
    return make_pipeline(FunctionTransformer(level_light), network(seed)).fit(train.X, train.y)


def corrupted(clean):
    return {name: clean.perturb(change) for name, change in CORRUPTIONS.items()}


@mlspec.ensemble(seeds=N_MEMBERS)
def plain(seed, digits):
    return train_plain(seed, digits.train)


@mlspec.ensemble(seeds=N_MEMBERS)
def levelled(seed, digits):
    return train_levelled(seed, digits.train)


@pytest.fixture(scope="session")
def stressed(digits):
    return corrupted(digits.test)


readable = pytest.mark.stress(shift="corruption", at_least=0.85, id="LIGHT-1", because="the sorter also works at dusk")
steady = pytest.mark.stress(shift="corruption", max_drop=0.08, id="LIGHT-2", because="no lamp may cost eight points")
alike = pytest.mark.underspecification(
    shift="corruption", max_ratio=5, max_std=0.03, equal_within=0.03, id="SEED-1", because="retraining is no lottery"
)


@pytest.mark.xfail(strict=True, reason="red: at low contrast the plain networks fall to guessing, each in its own way")
@readable
def test_plain_networks_read_at_low_contrast(plain, stressed, requirement):
    assert metrics.accuracy(plain, stressed["contrast"]) >= requirement


@readable
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_levelled_networks_read_under_every_corruption(levelled, stressed, corruption, requirement):
    assert metrics.accuracy(levelled, stressed[corruption]) >= requirement


@pytest.mark.xfail(strict=True, reason="red: bright images cost the plain networks twenty points on average")
@steady
def test_brightness_costs_plain_networks_little(plain, digits, stressed, requirement):
    assert metrics.accuracy(plain, digits.test) - metrics.accuracy(plain, stressed["brightness"]) <= requirement


@steady
def test_brightness_costs_levelled_networks_little(levelled, digits, stressed, requirement):
    assert metrics.accuracy(levelled, digits.test) - metrics.accuracy(levelled, stressed["brightness"]) <= requirement


def spread_quotient(model, stress, clean):
    return metrics.accuracy(model, stress).seed_std() / metrics.accuracy(model, clean).seed_std()


@pytest.mark.xfail(strict=True, reason="red: alike on clean digits, far apart at low contrast")
@alike
def test_plain_networks_are_one_product(plain, digits, stressed, requirement):
    assert spread_quotient(plain, stressed["contrast"], digits.test) <= requirement


@pytest.mark.xfail(strict=True, reason="undecided: 898 digits cannot tell the clean spread from 0")
@alike
def test_levelled_networks_are_one_product(levelled, digits, stressed, requirement):
    assert spread_quotient(levelled, stressed["contrast"], digits.test) <= requirement


@pytest.mark.seed_variance(max_std=0.03, id="SEED-2", because="what a quotient cannot say, an absolute limit can")
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_levelled_networks_agree_under_every_corruption(levelled, stressed, corruption, requirement):
    assert metrics.accuracy(levelled, stressed[corruption]).seed_std() <= requirement


# ---- the tables ------------------------------------------------------------------------------------------------------


def study(root=0, n_members=N_MEMBERS):
    """The profile of each kind of training, by name; another root gives other seeds."""
    digits = bundled.digits()
    stresses = corrupted(digits.test)
    seeds = range(1000 * root, 1000 * root + n_members)
    trained = {
        name: mlspec.Ensemble.fit(
            lambda seed, train=train: train(seed, digits.train), seeds, name=name, trained_on=[digits.train]
        )
        for name, train in (("plain", train_plain), ("levelled", train_levelled))
    }
    return {name: metrics.profile(metrics.accuracy, model, digits.test, stresses) for name, model in trained.items()}


if __name__ == "__main__":
    profiles = study()
    print(*(one.table() for one in profiles.values()), profiles["plain"].member_table(), sep="\n")
