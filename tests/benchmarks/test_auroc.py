"""AUROC with both bounds against one call of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlspec.stats.ranking import auroc, auroc_bounds
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

N_EXAMPLES, PAIRS = 100_000, 15


@pytest.mark.parametrize("prevalence", [0.5, 0.1])
@pytest.mark.parametrize("decimals", [1, 12], ids=["many ties", "no ties"])
def test_value_and_bounds_take_at_most_seven_tenths_of_one_scikit_learn_call(
    prevalence: float, decimals: int, hold: Callable[..., None]
) -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    positive = generator.random(N_EXAMPLES) < prevalence
    scores = np.round(generator.normal(size=N_EXAMPLES) + positive, decimals)

    def ours() -> float:
        value = auroc(scores, positive)
        auroc_bounds(scores, positive, 0.05, value=value)
        return float(np.squeeze(value))

    def theirs() -> float:
        return float(roc_auc_score(positive, scores))

    assert ours() == pytest.approx(theirs())
    ties = "many ties" if decimals == 1 else "no ties"
    hold(
        ratio.row(
            f"AUROC and both bounds, n = {N_EXAMPLES:,}, {prevalence:.0%} positive, {ties}",
            "scikit-learn's roc_auc_score, no bounds",
            ratio.in_turn(ratio.seconds(ours), ratio.seconds(theirs), PAIRS),
            at_most=0.7,
        )
    )
