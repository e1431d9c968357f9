"""F1, precision and recall: Clopper-Pearson on the denominator that came out errs at most at its level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.stats import binomial
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = "Clopper-Pearson on the realised denominator"
# cases, prevalence, true recall, true precision
SETTINGS = [(200, 0.1, 0.9, 0.8), (1000, 0.02, 0.8, 0.9), (100, 0.5, 0.95, 0.95), (300, 0.05, 0.99, 0.99)]


def confusion(n: int, prevalence: float, recall: float, precision: float, runs: int) -> tuple[Floats, Floats, Floats]:
    """True positives, false positives and false negatives of independent cases."""
    true_positive = prevalence * recall
    cells = [true_positive, true_positive * (1 - precision) / precision, prevalence - true_positive]
    counts = np.random.default_rng(23).multinomial(n, [*cells, 1.0 - sum(cells)], runs).astype(np.float64)
    return counts[:, 0], counts[:, 1], counts[:, 2]


def true_f1(recall: float, precision: float) -> float:
    return 2 * recall * precision / (recall + precision)


def judge(n: int, prevalence: float, recall: float, precision: float, runs: int) -> None:
    tp, fp, fn = confusion(n, prevalence, recall, precision, runs)
    for name, rest, truth in (("recall", fn, recall), ("precision", fp, precision), ("Jaccard", fp + fn, None)):
        low, high = binomial.lower(tp, tp + rest, 0.05), binomial.upper(tp, tp + rest, 0.05)
        if truth is None:
            name, truth = "F1", true_f1(recall, precision)
            low, high = binomial.jaccard_to_f1(low), binomial.jaccard_to_f1(high)
        case = f"{name}, n={n}, prevalence {prevalence:g}"
        table.record(NAME, case, f"{truth:.3g} = floor", "false met", int((low > truth).sum()), runs, 0.05)
        table.record(NAME, case, f"{truth:.3g} = floor", "false violated", int((high < truth).sum()), runs, 0.05)


@pytest.mark.parametrize(("n", "prevalence", "recall", "precision"), SETTINGS)
def test_independent_cases(n: int, prevalence: float, recall: float, precision: float) -> None:
    judge(n, prevalence, recall, precision, 4000)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n", "prevalence", "recall", "precision"), SETTINGS)
def test_independent_cases_in_full(n: int, prevalence: float, recall: float, precision: float) -> None:
    judge(n, prevalence, recall, precision, 100_000)


def test_a_prevalence_fixed_by_design_keeps_the_level_too() -> None:
    runs, rng = 20_000, np.random.default_rng(29)
    tp = rng.binomial(40, 0.9, runs)
    fp = rng.binomial(160, 0.05, runs)
    # 40 positives, 160 negatives: the expected Jaccard index is that of the expected cells, 36 / (40 + 8)
    low = binomial.jaccard_to_f1(binomial.lower(tp, 40 + fp, 0.05))
    high = binomial.jaccard_to_f1(binomial.upper(tp, 40 + fp, 0.05))
    truth = 2 * 36 / (36 + 40 + 8)

    table.record(NAME, "F1, 40 of 200 fixed", f"{truth:.3g} = floor", "false met", int((low > truth).sum()), runs, 0.05)
    table.record(
        NAME, "F1, 40 of 200 fixed", f"{truth:.3g} = floor", "false violated", int((high < truth).sum()), runs, 0.05
    )


def test_the_delta_method_meets_too_often() -> None:
    tp, fp, fn = confusion(200, 0.1, 0.9, 0.8, 20_000)
    jaccard = tp / (tp + fp + fn)
    error = np.sqrt(jaccard * (1 - jaccard) / (tp + fp + fn)) * 2 / (1 + jaccard) ** 2

    naive = binomial.jaccard_to_f1(jaccard) - 1.6449 * error > true_f1(0.9, 0.8)

    assert naive.mean() > 0.09
