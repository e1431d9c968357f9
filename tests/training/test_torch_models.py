"""torch modules: evaluated, in batches, in their own type, and left as they were."""

import numpy as np
import pandas as pd
import pytest

from pytest_mlspec.training import Ensemble, models
from pytest_mlspec.training.torch_models import forward

torch = pytest.importorskip("torch")

X = np.random.default_rng(0).normal(size=(50, 3))


class Recording(torch.nn.Module):
    """A linear layer that notes what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        self.dropout = torch.nn.Dropout(0.5)
        self.sizes: list[int] = []
        self.modes: list[tuple[bool, bool]] = []

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(X))
        self.modes.append((self.dropout.training, torch.is_inference_mode_enabled()))
        return self.dropout(self.layer(X))


def by_hand(module: Recording, X: np.ndarray) -> np.ndarray:
    weight, bias = (parameter.detach().double().numpy() for parameter in (module.layer.weight, module.layer.bias))
    return X @ weight.T + bias


def test_logits_become_probabilities():
    module = Recording()
    logits = by_hand(module, X)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    assert models.predict_probabilities(module, X, output="logits") == pytest.approx(expected, abs=1e-6)
    assert models.predict_scores(module, X, output="logits") == pytest.approx(logits, abs=1e-6)
    assert models.predict_labels(module, X, output="logits") is None
    assert models.predict_values(module, X, output="logits") is None
    assert models.family(module, "logits") == "torch"
    assert models.model_classes(module) is None


def test_values_are_one_number_per_example():
    module = torch.nn.Linear(3, 1)
    expected = X @ module.weight.detach().double().numpy()[0] + float(module.bias.detach())

    assert models.predict_values(module, X, output="values") == pytest.approx(expected, abs=1e-6)


def test_labels_of_a_module():
    class Labels(torch.nn.Module):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return (X[:, 0] > 0).long()

    assert np.array_equal(models.predict_labels(Labels(), X, output="labels"), (X[:, 0] > 0).astype(int))


def test_the_output_must_be_declared():
    with pytest.raises(ValueError, match="output=None for the torch module Recording") as caught:
        models.predict_probabilities(Recording(), X)

    assert '`@mlspec.ensemble(output="logits")` or `Ensemble.of(model, output="logits")`' in str(caught.value)


def test_evaluation_mode_without_gradients_in_batches():
    module = Recording()
    together, apart = forward(module, X), forward(module, X, batch=20)

    assert module.sizes == [50, 20, 20, 10]
    assert set(module.modes) == {(False, True)}
    assert np.array_equal(together, apart)


@pytest.mark.parametrize("fails", [False, True])
def test_every_module_gets_its_own_mode_back(fails):
    module = Recording().train()
    module.layer.eval()  # frozen on purpose: `module.train()` afterwards would thaw it
    inputs = X if not fails else X[:, :2]
    if fails:
        with pytest.raises(RuntimeError):
            forward(module, inputs)
    else:
        forward(module, inputs)

    assert (module.training, module.layer.training, module.dropout.training) == (True, False, True)


def test_batch_normalisation_does_not_learn_from_the_test_set():
    module = torch.nn.BatchNorm1d(3)
    before = module.running_mean.clone()
    forward(module, X + 5)

    assert torch.equal(module.running_mean, before)


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X,
        lambda X: X.astype(np.float32),
        lambda X: torch.from_numpy(X),
        lambda X: torch.from_numpy(X).requires_grad_(),
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X),
        lambda X: np.asfortranarray(X),
        lambda X: np.repeat(X, 2, axis=0)[::2],
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_x_takes_the_type_of_the_parameters(form, dtype):
    module = Recording().to(dtype)
    found = forward(module, form(X))

    assert found.dtype == (np.float32 if dtype is torch.float32 else np.float64)
    assert found == pytest.approx(by_hand(module, X), abs=1e-5)


def test_read_only_arrays_bring_no_warning(recwarn):
    fixed = X.copy()
    fixed.flags.writeable = False
    forward(Recording(), fixed)

    assert not recwarn.list


def test_half_precision_comes_out_as_single():
    assert forward(Recording().to(torch.bfloat16), X).dtype == np.float32


def test_integers_become_numbers_but_stay_indices_for_an_embedding():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    tokens = np.array([[0, 2], [1, 1]], dtype=np.int32)
    embedding = torch.nn.Sequential(torch.nn.Embedding(3, 4), torch.nn.Flatten())

    assert forward(Recording(), pixels).shape == (2, 2)
    assert forward(embedding, tokens) == pytest.approx(embedding[0].weight.detach().numpy()[tokens].reshape(2, 8))


def test_a_module_without_parameters_runs():
    assert forward(torch.nn.Identity(), X) == pytest.approx(X, abs=1e-6)


def test_words_are_refused():
    with pytest.raises(TypeError, match="a torch module needs numbers, got X with dtype=<U1"):
        forward(Recording(), np.array([["a", "b", "c"]]))


def test_a_module_that_returns_no_tensor_is_refused():
    class Pair(torch.nn.Module):
        def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return X, X

    with pytest.raises(TypeError, match="Pair returned tuple, expected one tensor"):
        forward(Pair(), X)


def test_a_callable_may_return_a_tensor():
    module = Recording().eval()

    found = models.predict_scores(lambda X: module(torch.from_numpy(X).float()), X, output="logits")

    assert found == pytest.approx(by_hand(module, X), abs=1e-6)


def test_dropout_and_order_of_the_rows_repeat_with_the_seed():
    def function(seed: int) -> torch.nn.Module:
        module = Recording()
        optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
        inputs = torch.from_numpy(X).float()
        for _ in range(3):
            rows = torch.randperm(len(X))[:10]
            optimiser.zero_grad()
            module(inputs[rows]).square().mean().backward()
            optimiser.step()
        return module

    first, again = Ensemble.fit(function, 2, output="logits"), Ensemble.fit(function, 2, output="logits")

    assert all(torch.equal(a.layer.weight, b.layer.weight) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].layer.weight, first[1].layer.weight)
