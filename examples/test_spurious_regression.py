"""Test-first development against a spurious feature: red with plain training, green with augmentation.

    pytest -m satisficing examples/test_spurious_regression.py
    python examples/test_spurious_regression.py                 the tables

x1 and x2 cause y; x3 merely follows from it, y / 0.2 in training and y / 0.1 where the model will be used. Plain
training leans on x3: excellent on held-out data of the same kind, off by a factor of five on the shifted set, and by
how much is a matter of the seed. Two ways out, both of which blur x3 while the model learns: other factors than 0.2
(domain randomisation), or noise on top (augmentation). The price is visible: the better model is *worse* on the
held-out data. And randomising a feature that is a cause hurts, so whoever randomises has to know which is which.

Source: Muaz 2021, "Is spurious correlation the reason why neural networks fail on unseen data?".
"""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor

import pytest_mlspec as mlspec
from pytest_mlspec import metrics, perturbations
from pytest_mlspec.data.generators import spurious_regression as draw

N_MEMBERS, N_EPOCHS, N_TRAIN, N_TEST = 20, 40, 5_000, 100_000
LARGEST_ERROR = 15.0  # of one case: an unbounded error cannot be proven small, so the contract declares a bound


# ---- what a pass over the training data sees -------------------------------------------------------------------------


def as_it_is(X, y, rng):
    return X


def randomised(X, y, rng):
    """x3 as other factors would have made it."""
    return with_column(X, 2, y / rng.uniform(0.05, 1.0, size=len(y)) + rng.normal(scale=3.0, size=len(y)))


def augmented(X, y, rng):
    """x3 under so much noise that little can be read off it."""
    return with_column(X, 2, X[:, 2] + rng.normal(scale=30.0, size=len(y)))


def wrong_cause(X, y, rng):
    """x2, of which y is made, drawn anew: the mistake."""
    return with_column(X, 1, rng.normal(size=len(y)))


def with_column(X, column, values):
    changed = X.copy()
    changed[:, column] = values
    return changed


# ---- two kinds of model ----------------------------------------------------------------------------------------------


def fit_linear(seed, train, seen=as_it_is, n_passes=20):
    """The least squares fit to twenty passes: a convex problem, of which the seed decides next to nothing."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([seen(train.X, train.y, rng) for _ in range(n_passes)])
    return LinearRegression().fit(X, np.tile(train.y, n_passes))


def fit_network(seed, train, seen=as_it_is):
    rng = np.random.default_rng(seed)
    network = MLPRegressor(
        hidden_layer_sizes=(16,), learning_rate_init=0.003, batch_size=128, alpha=0.0, random_state=seed
    )
    for _ in range(N_EPOCHS):
        network.partial_fit(seen(train.X, train.y, rng), train.y)
    return network


def measured(seed=0):
    """Five thousand rows to learn from; the law is known, so that judging can afford a hundred thousand."""
    drawn = draw(n=N_TEST, seed=seed)
    return mlspec.Splits(
        train=drawn.train.take(np.arange(N_TRAIN)), test=drawn.test, ood=drawn.ood, name="measurements"
    )


@mlspec.dataset
def measurements():
    return measured()


@pytest.fixture(scope="session")
def plain_line(measurements):
    return fit_linear(0, measurements.train)


@mlspec.ensemble(seeds=3)
def augmented_line(seed, measurements):
    return fit_linear(seed, measurements.train, augmented)


@mlspec.ensemble(seeds=3)
def mistaken_line(seed, measurements):
    return fit_linear(seed, measurements.train, wrong_cause)


@mlspec.ensemble(seeds=N_MEMBERS)
def plain_network(seed, measurements):
    return fit_network(seed, measurements.train)


@mlspec.ensemble(seeds=N_MEMBERS)
def augmented_network(seed, measurements):
    return fit_network(seed, measurements.train, augmented)


# ---- red and green ---------------------------------------------------------------------------------------------------

rare_failures = pytest.mark.satisficing(
    max_failure_rate=0.02, delta=4.0, id="SHIFT-1", because="an error above 4 breaks the downstream controller"
)


@pytest.mark.xfail(strict=True, reason="red: plain training leans on the spurious feature")
@rare_failures
def test_plain_networks_survive_the_shift(plain_network, measurements, requirement):
    assert metrics.failure_rate(plain_network, measurements.ood, loss="absolute_error") <= requirement


@rare_failures
def test_augmented_networks_survive_the_shift(augmented_network, measurements, requirement):
    assert metrics.failure_rate(augmented_network, measurements.ood, loss="absolute_error") <= requirement


as_good_elsewhere = pytest.mark.stress(shift="concept", max_ratio=1.2, max_loss=LARGEST_ERROR, id="SHIFT-2")


@pytest.mark.xfail(strict=True, reason="red: five times the error where x3 means something else")
@as_good_elsewhere
def test_a_plain_line_is_as_good_elsewhere(plain_line, measurements, requirement):
    assert metrics.rmse(plain_line, measurements.ood) / metrics.rmse(plain_line, measurements.test) <= requirement


@as_good_elsewhere
def test_an_augmented_line_is_as_good_elsewhere(augmented_line, measurements, requirement):
    ratio = metrics.rmse(augmented_line, measurements.ood) / metrics.rmse(augmented_line, measurements.test)
    assert ratio <= requirement


alike = pytest.mark.underspecification(
    shift="concept", max_ratio=5, max_std=0.06, equal_within=0.1, max_loss=LARGEST_ERROR, id="SHIFT-3"
)


def spread_quotient(model, data):
    return metrics.rmse(model, data.ood).seed_std() / metrics.rmse(model, data.test).seed_std()


@pytest.mark.xfail(strict=True, reason="red: alike on held-out data, and the seed decides what the shift does")
@alike
def test_plain_networks_are_one_product(plain_network, measurements, requirement):
    assert spread_quotient(plain_network, measurements) <= requirement


@alike
def test_augmented_networks_are_one_product(augmented_network, measurements, requirement):
    assert spread_quotient(augmented_network, measurements) <= requirement


indifferent = pytest.mark.reliance(on=["x3"], max_rise=0.2, max_loss=LARGEST_ERROR, id="SHIFT-4")


@pytest.fixture(scope="session")
def without_x3(measurements):
    """x3 of other rows, of rows that judge nothing: each case stays independent of all others."""
    return measurements.test.perturb(perturbations.permute(2, seed=0, donors=measurements.train.X))


@pytest.mark.xfail(strict=True, reason="red: without x3 the plain line is lost")
@indifferent
def test_a_plain_line_does_without_x3(plain_line, measurements, without_x3, requirement):
    assert metrics.rmse(plain_line, without_x3) - metrics.rmse(plain_line, measurements.test) <= requirement


@indifferent
def test_an_augmented_line_does_without_x3(augmented_line, measurements, without_x3, requirement):
    assert metrics.rmse(augmented_line, without_x3) - metrics.rmse(augmented_line, measurements.test) <= requirement


light_weight = pytest.mark.reliance(on=[2], max_share=0.1, id="SHIFT-5", because="x3 is no cause")


@pytest.mark.xfail(strict=True, reason="red: most of what moves the plain line is x3")
@light_weight
def test_little_of_a_plain_line_is_x3(plain_line, measurements, requirement):
    assert metrics.coefficient_share(plain_line, measurements.test, [2]) <= requirement


@light_weight
def test_little_of_an_augmented_line_is_x3(augmented_line, measurements, requirement):
    assert metrics.coefficient_share(augmented_line, measurements.test, [2]) <= requirement


@pytest.mark.satisficing(at_least=0.2, metric="mae", max_loss=LARGEST_ERROR, id="SHIFT-6", because="the price, shown")
def test_the_better_model_is_worse_on_held_out_data(plain_line, augmented_line, measurements, requirement):
    price = metrics.mae(augmented_line, measurements.test) - metrics.mae(plain_line, measurements.test)
    assert price >= requirement


@pytest.mark.satisficing(at_least=0.3, metric="rmse", max_loss=LARGEST_ERROR, id="SHIFT-7", because="know the causes")
def test_randomising_a_cause_makes_it_worse(plain_line, mistaken_line, measurements, requirement):
    harm = metrics.rmse(mistaken_line, measurements.ood) - metrics.rmse(plain_line, measurements.ood)
    assert harm >= requirement


# ---- the tables ------------------------------------------------------------------------------------------------------

WAYS = {"plain": as_it_is, "randomised": randomised, "augmented": augmented, "x2 randomised": wrong_cause}


def lines(root=0):
    """Learned weights of x1, x2, x3 and the RMSE on held-out and on shifted data, by way of training."""
    data = measured(seed=root)
    found = {"the truth": ((1.0, 2.0, 0.0), 1.0, 1.0)}
    for name, seen in WAYS.items():
        model = fit_linear(1000 * root, data.train, seen)
        errors = (metrics.rmse(model, part).value for part in (data.test, data.ood))
        found[name] = (tuple(model.coef_), *errors)
    return found


def networks(root=0, n_members=N_MEMBERS, ways=WAYS):
    """The profile of the RMSE on held-out and on shifted data, by way of training."""
    data = measured(seed=root)
    seeds = range(1000 * root, 1000 * root + n_members)
    return {
        name: metrics.profile(
            metrics.rmse,
            mlspec.Ensemble.fit(
                lambda seed, seen=seen: fit_network(seed, data.train, seen), seeds, name=name, trained_on=[data.train]
            ),
            data.test,
            {"shifted": data.ood},
            max_loss=LARGEST_ERROR,
        )
        for name, seen in ways.items()
    }


if __name__ == "__main__":
    print("| linear model | x1 | x2 | x3 | RMSE held out | RMSE shifted |\n|---|---|---|---|---|---|")
    for name, ((x1, x2, x3), held_out, shifted) in lines().items():
        print(f"| {name} | {x1:z.2f} | {x2:z.2f} | {x3:z.3f} | {held_out:.2f} | {shifted:.2f} |")
    print("", *(found.table() for found in networks().values()), sep="\n")
