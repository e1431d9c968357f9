"""Values of the metrics agree with scikit-learn and netcal on random inputs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from pytest_mlspec import metrics
from pytest_mlspec.predictions import Predictions

SEEDS = st.integers(0, 2**32 - 1)
MANY = settings(deadline=None, max_examples=40)


def _classes(seed: int, n_classes: int, n_members: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Labels in which every class occurs, and random probabilities that know a little of them."""
    generator = np.random.default_rng(seed)
    n_examples = int(generator.integers(3 * n_classes, 120))
    y = np.concatenate([np.arange(n_classes), generator.integers(n_classes, size=n_examples - n_classes)])
    logits = generator.normal(size=(n_members, n_examples, n_classes)) + 1.5 * (y[:, None] == np.arange(n_classes))
    table = np.exp(logits)
    return y, table / table.sum(axis=2, keepdims=True)


@MANY
@given(seed=SEEDS, threshold=st.floats(0.05, 0.95))
def test_binary_label_metrics_agree_with_scikit_learn(seed, threshold):
    y, table = _classes(seed, 2)
    said = Predictions(y=y, probabilities=table)
    for member in range(2):
        label = (table[member, :, 1] >= threshold).astype(int)
        expected = {
            "accuracy": reference.accuracy_score(y, label),
            "recall": reference.recall_score(y, label),
            "specificity": reference.recall_score(y, label, pos_label=0),
            "false_positive_rate": 1 - reference.recall_score(y, label, pos_label=0),
            "selection_rate": label.mean(),
            "f1": reference.f1_score(y, label),
        }
        for name, value in expected.items():
            found = getattr(metrics, name)(said, threshold=threshold).values[member]
            assert found == pytest.approx(value, abs=1e-12), name
        precision = metrics.precision(said, threshold=threshold).values[member]
        assert (
            np.isnan(precision) if not label.any() else precision == pytest.approx(reference.precision_score(y, label))
        )


@MANY
@given(seed=SEEDS, n_classes=st.integers(3, 6), positive=st.integers(0, 2))
def test_multiclass_label_metrics_agree_with_scikit_learn(seed, n_classes, positive):
    y, table = _classes(seed, n_classes)
    said = Predictions(y=y, probabilities=table)
    for member in range(2):
        label = table[member].argmax(axis=1)
        for name in ("recall", "precision", "f1"):
            measure, score = getattr(metrics, name), getattr(reference, f"{name}_score")
            one = measure(said, positive=positive).values[member]
            macro = measure(said, average="macro").values[member]
            if name != "precision" or (label == positive).any():
                assert one == pytest.approx(score(y == positive, label == positive))
            if name != "precision" or len(np.unique(label)) == n_classes:
                assert macro == pytest.approx(score(y, label, average="macro"))
            else:
                assert np.isnan(macro)


@MANY
@given(seed=SEEDS, n_classes=st.integers(2, 5))
def test_scores_of_probabilities_agree_with_scikit_learn(seed, n_classes):
    y, table = _classes(seed, n_classes)
    said = Predictions(y=y, probabilities=table)
    for member in range(2):
        given_ = table[member, :, 1] if n_classes == 2 else table[member]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            log_loss = reference.log_loss(y, table[member], labels=range(n_classes))
        assert metrics.log_loss(said).values[member] == pytest.approx(log_loss)
        hot = y[:, None] == np.arange(n_classes)
        by_hand = ((table[member] - hot) ** 2).sum(axis=1).mean() / (2 if n_classes == 2 else 1)
        assert metrics.brier(said).values[member] == pytest.approx(by_hand)
        if n_classes == 2:
            assert metrics.brier(said).values[member] == pytest.approx(reference.brier_score_loss(y, given_))
        area = reference.roc_auc_score(y == 1, table[member, :, 1])
        assert metrics.auroc(said, positive=1).values[member] == pytest.approx(area)


@MANY
@given(seed=SEEDS, ties=st.booleans())
def test_auroc_counts_ties_as_scikit_learn_does(seed, ties):
    generator = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], generator.integers(2, size=40)])
    scores = generator.integers(4, size=42) / 4 if ties else generator.random(42)
    found = metrics.auroc(Predictions(y=y, probabilities=scores)).value

    assert found == pytest.approx(reference.roc_auc_score(y, scores))


@MANY
@given(seed=SEEDS, q=st.floats(0.05, 0.95))
def test_losses_of_numbers_agree_with_scikit_learn(seed, q):
    generator = np.random.default_rng(seed)
    y, values = generator.normal(size=50), generator.normal(size=(3, 50))
    said = Predictions(y=y, values=values)
    for member in range(3):
        error = np.abs(y - values[member])
        assert metrics.mae(said).values[member] == pytest.approx(reference.mean_absolute_error(y, values[member]))
        assert metrics.rmse(said).values[member] == pytest.approx(reference.root_mean_squared_error(y, values[member]))
        mean_square = metrics.mean_loss(said, loss="squared_error").values[member]
        assert mean_square == pytest.approx(reference.mean_squared_error(y, values[member]))
        assert metrics.failure_rate(said, delta=1.0).values[member] == np.mean(error > 1.0)
        found = metrics.loss_quantile(said, q=q).values[member]
        assert found == np.quantile(error, q, method="inverted_cdf")


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, n_classes=st.integers(2, 5), bins=st.integers(2, 30))
def test_calibration_errors_agree_with_netcal(seed, n_classes, bins):
    netcal = pytest.importorskip("netcal.metrics")
    y, table = _classes(seed, n_classes, n_members=1)
    said = Predictions(y=y, probabilities=table)
    # netcal reads two columns as several classes only if told so by more than two; the top label is given to it here.
    top, hit = table[0].max(axis=1), (table[0].argmax(axis=1) == y).astype(int)

    assert metrics.ece(said, bins=bins).value == pytest.approx(netcal.ECE(bins).measure(top, hit), abs=1e-12)
    assert metrics.mce(said, bins=bins).value == pytest.approx(netcal.MCE(bins).measure(top, hit), abs=1e-12)
    each = [netcal.ECE(bins).measure(table[0, :, code], (y == code).astype(int)) for code in range(n_classes)]
    assert metrics.ece(said, bins=bins, kind="class-wise").value == pytest.approx(np.mean(each), abs=1e-12)


def test_the_top_label_of_a_matrix_is_what_netcal_takes():
    netcal = pytest.importorskip("netcal.metrics")
    y, table = _classes(3, 4, n_members=1)

    found = metrics.ece(Predictions(y=y, probabilities=table), bins=10).value

    assert found == pytest.approx(netcal.ECE(10).measure(table[0], y), abs=1e-12)


def test_float32_probabilities_stay_float32_and_agree():
    y, table = _classes(11, 3, n_members=1)
    single = Predictions(y=y, probabilities=table.astype(np.float32))

    assert single.probabilities.dtype == np.float32
    assert metrics.log_loss(single).value == pytest.approx(
        metrics.log_loss(Predictions(y=y, probabilities=table)).value
    )


def test_own_functions_see_labels_or_numbers():
    said = Predictions(y=["a", "b", "b"], labels=["a", "a", "b"])
    numbers = Predictions(y=[1.0, 2.0], values=[1.5, 1.0])

    wrong = metrics.mean_loss(said, loss=lambda y, label: y != label)
    assert wrong.value == pytest.approx(1 / 3)
    assert metrics.failure_rate(numbers, loss=lambda y, value: value - y, delta=0.0).value == 0.5
