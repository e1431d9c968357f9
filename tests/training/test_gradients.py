"""Gradients by autograd and by differences agree with each other and with closed forms, and leave the model alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier

from pytest_mlspec.training.gradients import absolute_gradients

torch = pytest.importorskip("torch")

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(300, 4)) * [1.0, 3.0, 0.2, 1.0]
SCALES = X.std(axis=0)


def network(n_outputs: int, *, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 12), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(12, n_outputs)]
    return torch.nn.Sequential(*layers).to(dtype)


def as_function(module: torch.nn.Module):
    """The same network as a plain function: nothing but differences can find its gradient."""
    module.eval()
    return lambda rows: module(torch.as_tensor(rows)).detach().numpy()


@pytest.mark.parametrize(
    ("n_outputs", "output"), [(1, "values"), (1, "logits"), (2, "logits"), (3, "logits"), (3, "probabilities")]
)
def test_autograd_and_differences_agree(n_outputs, output):
    module = network(n_outputs)
    if output == "probabilities":
        module.append(torch.nn.Softmax(dim=1))

    exact = absolute_gradients(module, X, SCALES, output=output)
    differences = absolute_gradients(as_function(module), X, SCALES, output=output)

    assert exact.shape == (300, 4)
    assert exact.max() > 0.1
    assert differences == pytest.approx(exact, abs=1e-4)


def test_differences_in_single_precision():
    module = network(3, dtype=torch.float32)
    rows = X.astype(np.float32)

    exact = absolute_gradients(module, rows, SCALES, output="logits")

    assert absolute_gradients(as_function(module), rows, SCALES, output="logits") == pytest.approx(exact, abs=1e-2)
    assert absolute_gradients(as_function(module), torch.as_tensor(rows), SCALES, output="logits") == pytest.approx(
        exact, abs=1e-2
    )


def test_one_column_of_probabilities_counts_as_its_log_odds():
    """d log(p / (1 - p)) / dx of a logistic model is its weight, also where p itself hardly moves."""
    logistic = torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Sigmoid()).double()
    weights = np.abs(logistic[0].weight.detach().numpy()[0])

    for model in (logistic, as_function(logistic)):
        assert absolute_gradients(model, X, SCALES, output="probabilities") == pytest.approx(
            np.broadcast_to(weights * SCALES, X.shape), rel=1e-4
        )


def test_a_linear_model_is_its_coefficients_whatever_the_form():
    weights = np.array([1.0, -2.0, 0.5, 0.0])
    model = LinearRegression().fit(X, X @ weights)
    expected = np.broadcast_to(np.abs(weights) * SCALES, X.shape)

    assert absolute_gradients(model, X, SCALES) == pytest.approx(expected, abs=1e-8)
    assert absolute_gradients(model, np.asfortranarray(X), SCALES) == pytest.approx(expected, abs=1e-8)
    whole = np.round(10 * X).astype(int)
    assert absolute_gradients(model, whole, 10 * SCALES) == pytest.approx(10 * expected, abs=1e-8)


def test_a_feature_far_from_zero_is_moved_by_what_rounding_leaves():
    """1e4 in single precision stands 0.001 apart: the step that was taken is the one that counts."""
    rows = (X + [1e4, 0.0, 0.0, 0.0]).astype(np.float32)
    double = lambda rows: 3.0 * rows[:, 0].astype(np.float64) + rows[:, 1]  # noqa: E731

    found = absolute_gradients(double, rows, np.ones(4), output="values")

    assert found[:, 0] == pytest.approx(np.full(300, 3.0), rel=1e-3)


def test_the_gradient_of_a_confident_network_is_still_seen():
    """Probabilities of 1 - 1e-11 have a gradient of 1e-11, and log-odds one that can be told from rounding."""
    module = network(3)
    with torch.no_grad():
        module[-1].weight *= 200
    top = torch.softmax(module.eval()(torch.as_tensor(X)), dim=1).max(dim=1).values.detach().numpy()
    softmax = torch.nn.Sequential(module, torch.nn.Softmax(dim=1))

    exact = absolute_gradients(module, X, SCALES, output="logits")
    differences = absolute_gradients(as_function(softmax), X, SCALES, output="probabilities")

    assert np.mean(top > 1 - 1e-9) > 0.3
    assert np.median(np.abs(differences - exact) / exact.sum(axis=1, keepdims=True)) < 1e-4


def test_the_module_is_asked_in_eval_and_left_as_it_was():
    module = network(2)
    module.train()
    module[0].eval()
    parameters = [parameter.detach().clone() for parameter in module.parameters()]
    rows = torch.as_tensor(X)

    first = absolute_gradients(module, rows, SCALES, output="logits")

    assert np.array_equal(first, absolute_gradients(module, rows, SCALES, output="logits"))  # no dropout
    assert (module.training, module[0].training, module[2].training) == (True, False, True)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(before, now) for before, now in zip(parameters, module.parameters(), strict=True))
    assert not rows.requires_grad


def test_batches_and_layers_that_work_in_place():
    class InPlace(torch.nn.Module):
        def forward(self, rows):
            return rows.mul_(2.0).sum(dim=1)

    many = np.tile(X, (8, 1))

    found = absolute_gradients(InPlace(), many, np.ones(4), output="values")

    assert found.tolist() == np.full((2400, 4), 2.0).tolist()


def test_the_features_stay_as_they_are():
    before = X.copy()
    absolute_gradients(LinearRegression().fit(X, X[:, 0]), X, SCALES)
    absolute_gradients(network(1), X, SCALES, output="values")

    assert np.array_equal(X, before)


def test_features_without_a_scale_are_left_out():
    model = LinearRegression().fit(X, X.sum(axis=1))

    found = absolute_gradients(model, X, np.array([1.0, 0.0, np.nan, 1.0]))

    assert found.max(axis=0) == pytest.approx([1.0, 0.0, 0.0, 1.0])


def test_what_has_no_gradient():
    class Detached(torch.nn.Module):
        def forward(self, rows):
            return rows.detach().sum(dim=1)

    class Codes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(9, 2)

        def forward(self, rows):
            return self.table(rows).sum(dim=(1, 2))

    with pytest.raises(TypeError, match="without a gradient"):
        absolute_gradients(Detached(), X, SCALES, output="values")
    with pytest.raises(TypeError, match="takes integer codes, which have no derivative"):
        absolute_gradients(Codes(), np.ones((5, 2), dtype=int), np.ones(2), output="values")
    with pytest.raises(TypeError, match="output='labels' has no gradient"):
        absolute_gradients(lambda rows: rows[:, 0] > 0, X, SCALES, output="labels")
    with pytest.raises(TypeError, match=r"got X=csr_matrix: convert it \(X.toarray"):
        absolute_gradients(LinearRegression().fit(X, X[:, 0]), sparse.csr_matrix(X), SCALES)
    with pytest.raises(ValueError, match="stands still there or goes in steps"):
        absolute_gradients(lambda rows: np.round(rows[:, 0]), X, SCALES, output="values")


def test_a_saturated_network_is_told_and_not_taken_for_one_that_relies_on_nothing():
    """Probabilities of exactly 1 in 0.3 of the cases: their gradient is lost to rounding."""
    net = MLPClassifier((4,), max_iter=1, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        net.fit(X, X[:, 0] > 0)
    net.coefs_[-1] = net.coefs_[-1] * 1000

    with pytest.raises(ValueError, match="or is saturated"):
        absolute_gradients(net, X, SCALES)
