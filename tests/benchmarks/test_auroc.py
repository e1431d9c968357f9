"""AUROC with both bounds against one call of scikit-learn, timed in turn in one process."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlspec.stats.ranking import auroc, auroc_bounds

pytestmark = pytest.mark.benchmark

N_EXAMPLES, REPEATS = 100_000, 15


def share_of_time(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Median over paired repeats of our wall time over theirs, after one call of each to warm up."""
    ours(), theirs()
    ratios = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        theirs()
        middle = time.perf_counter()
        ours()
        ratios.append((time.perf_counter() - middle) / (middle - start))
    return float(np.median(ratios))


@pytest.mark.parametrize("prevalence", [0.5, 0.1])
@pytest.mark.parametrize("decimals", [1, 12], ids=["many-ties", "no-ties"])
def test_value_and_bounds_take_at_most_seven_tenths_of_one_scikit_learn_call(prevalence: float, decimals: int) -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    positive = generator.random(N_EXAMPLES) < prevalence
    scores = np.round(generator.normal(size=N_EXAMPLES) + positive, decimals)

    def ours() -> None:
        value = auroc(scores, positive)
        auroc_bounds(scores, positive, 0.05, value=value)

    share = share_of_time(ours, lambda: roc_auc_score(positive, scores))

    assert share <= 0.7, f"took {share:.2f} of the time"
