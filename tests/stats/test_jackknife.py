"""Rows of metrics that are no means: their means are the metric, their slopes are those of leaving a case out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from pytest_mlspec.stats import jackknife, seeds


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(1).random(400) < 0.3


@pytest.fixture(scope="module")
def scores(labels: np.ndarray) -> np.ndarray:
    raw = np.random.default_rng(2).standard_normal((5, 400)) + 1.2 * labels
    return np.round(raw, 1)  # with ties


def f1_rows(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    hits = predicted & labels
    return jackknife.ratio_rows(2 * hits, 1 * predicted + 1 * labels)


def test_means_are_the_metric(labels: np.ndarray, scores: np.ndarray) -> None:
    predicted = scores > 0.5
    errors = scores - labels

    assert f1_rows(predicted, labels).mean(axis=1) == pytest.approx([f1_score(labels, member) for member in predicted])
    assert jackknife.auroc_rows(scores, labels).mean(axis=1) == pytest.approx(
        [roc_auc_score(labels, member) for member in scores]
    )
    assert jackknife.rmse_rows(errors**2).mean(axis=1) == pytest.approx([np.linalg.norm(e) / 20 for e in errors])


def test_ece_rows_by_hand() -> None:
    # Two bins: residuals 0.1 and -0.3 sum to -0.2, residuals 0.4 and 0.2 to 0.6: ECE (0.2 + 0.6) / 4.
    rows = jackknife.ece_rows([[0.1, -0.3, 0.4, 0.2]], [[0, 0, 1, 1]], n_bins=2)

    assert rows.tolist() == [[-0.1, 0.3, 0.4, 0.2]]
    assert rows.mean() == pytest.approx(0.2)


def test_auroc_rows_by_hand() -> None:
    # Positives 0.9 and 0.4, negatives 0.5 and 0.4: placements 1 and 1/4, and 1/2 and 3/4; A = 5/8.
    rows = jackknife.auroc_rows([[0.9, 0.4, 0.5, 0.4]], [True, True, False, False])

    assert rows[0] == pytest.approx([5 / 8 + 2 * 3 / 8, 5 / 8 - 2 * 3 / 8, 5 / 8 - 2 / 8, 5 / 8 + 2 / 8])


@pytest.mark.parametrize("metric", ["f1", "rmse", "auroc"])
def test_influence_rows_agree_with_leaving_one_case_out(metric: str, labels: np.ndarray, scores: np.ndarray) -> None:
    labels, scores = labels[:120], scores[:2, :120]
    closed = {
        "f1": f1_rows(scores > 0.5, labels),
        "rmse": jackknife.rmse_rows((scores - labels) ** 2),
        "auroc": jackknife.auroc_rows(scores, labels),
    }[metric]

    def on(kept: np.ndarray) -> np.ndarray:
        if metric == "f1":
            return np.array([f1_score(labels[kept], member[kept] > 0.5) for member in scores])
        if metric == "rmse":
            return np.asarray(np.sqrt(((scores - labels)[:, kept] ** 2).mean(axis=1)))
        return np.array([roc_auc_score(labels[kept], member[kept]) for member in scores])

    left_out = jackknife.pseudo_values(on, 120)

    assert left_out.shape == closed.shape
    assert left_out.mean(axis=1) == pytest.approx(on(np.arange(120)))
    assert left_out.std(axis=1) == pytest.approx(closed.std(axis=1), rel=0.03)
    assert min(np.corrcoef(one, other)[0, 1] for one, other in zip(left_out, closed, strict=True)) > 0.99


def test_pseudo_values_of_a_mean_are_the_rows() -> None:
    rows = np.random.default_rng(3).random((3, 50))

    pseudo = jackknife.pseudo_values(lambda kept: rows[:, kept].mean(axis=1), 50)

    assert pseudo == pytest.approx(rows)


def test_groups_give_the_same_noise_as_single_cases(labels: np.ndarray, scores: np.ndarray) -> None:
    def rmse(kept: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(((scores - labels)[:, kept] ** 2).mean(axis=1)))

    single = jackknife.std_bounds(jackknife.pseudo_values(rmse, 400), 0.05)
    grouped = jackknife.std_bounds(jackknife.pseudo_values(rmse, 400, n_groups=80), 0.05)

    assert grouped.raw == pytest.approx(single.raw)
    assert grouped.noise == pytest.approx(single.noise, rel=0.25)


def test_of_a_rate_the_bounds_are_those_of_the_rate_with_its_range_known() -> None:
    rows = (np.random.default_rng(4).random((6, 500)) < 0.8).astype(float)

    rate, generic = seeds.std_bounds(rows, 0.05), jackknife.std_bounds(rows, 0.05, width=1.0)

    # The largest centred column seen is a hair longer than half the range times sqrt(K): member means were taken out.
    assert (generic.low, generic.high) == pytest.approx((rate.low, rate.high), rel=0.005)
    assert generic.method.bound_class == "approximate"


def test_members_that_do_not_differ_are_undecided_unless_the_range_is_known() -> None:
    rows = np.tile(np.random.default_rng(5).random(100), (5, 1))

    unknown, known = jackknife.std_bounds(rows, 0.05), jackknife.std_bounds(rows, 0.05, width=1.0)

    assert (unknown.low, unknown.high) == (0.0, math.inf)
    assert "do not differ on any case" in unknown.reason
    assert 0 < known.high < 0.05


def test_one_member_is_undecided() -> None:
    assert jackknife.std_bounds(np.ones((1, 10)), 0.05).reason == "needs at least 2 retrainings, got 1"


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="member 1 has none"):
        jackknife.ratio_rows([[1, 0], [0, 0]], [[1, 1], [0, 0]])
    with pytest.raises(ValueError, match="both classes; got 0 positives of 2"):
        jackknife.auroc_rows([[0.1, 0.2]], [False, False])
    with pytest.raises(ValueError, match="n_groups=1"):
        jackknife.pseudo_values(lambda kept: np.zeros(1), 10, n_groups=1)
    with pytest.raises(ValueError, match="finite"):
        jackknife.std_bounds([[0.0, math.nan]], 0.05)
    with pytest.raises(ValueError, match="level=2"):
        jackknife.std_bounds([[0.0, 1.0]], 2)


def test_a_member_without_an_error_has_rmse_rows_of_zero() -> None:
    assert jackknife.rmse_rows([[0.0, 0.0]]).tolist() == [[0.0, 0.0]]
