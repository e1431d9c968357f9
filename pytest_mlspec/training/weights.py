"""Importance weights: how much more often a row of one dataset would be met in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.drift import effective_sample_size
from pytest_mlspec.training.domains import DomainClassifier, cross_fitted_odds

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

__all__ = ["covariate_weights", "effective_sample_size"]

Weights = npt.NDArray[np.float64]


def covariate_weights(
    source: Dataset,
    target: Dataset,
    *,
    seed: int = 0,
    clip: float = 20.0,
    classifier: DomainClassifier | None = None,
) -> Weights:
    """Estimate how much more often each row of ``source`` would be met in ``target``, from features alone.

    With them a metric on labelled source rows speaks about the target, provided that p(y|x) is the same in both: see
    ``metrics.reweighted``. ``effective_sample_size(weights)`` says how many rows are left of all.

    Args:
        source: labelled rows, such as the test split.
        target: rows of the law in question; neither their labels nor those of ``source`` are read.
        seed: draws the folds of the cross-fitting and seeds the classifier.
        clip: the largest weight, above 1; a bound of a weighted mean needs one.
        classifier: an untrained scikit-learn classifier with probabilities; by default gradient boosting.

    Returns:
        (examples of source,) weights q(x) / p(x) in [0, clip], of mean 1. They are estimates: no bound covers their
        error, nor what ``clip`` cuts off.

    Raises:
        TypeError, ValueError: common rows, other features, fewer than ten rows, a clip that is not above 1.

    Source:
        Bickel, Brueckner & Scheffer 2009, JMLR 10:2137 (odds of a classifier); cross-fitted on five folds.
    """
    if isinstance(clip, bool) or not (np.isfinite(clip) and clip > 1):
        raise ValueError(f"clip is the largest weight, a number above 1 (the mean weight); got clip={clip!r}")
    return _with_mean_one(cross_fitted_odds(source, target, seed=seed, classifier=classifier), float(clip))


def _with_mean_one(odds: Weights, clip: float) -> Weights:
    """The odds times the one factor at which those above the clip are cut and the mean is 1."""
    low, high = 0.0, clip / float(odds.min())  # at the upper end every weight is the clip, which is above 1
    for _ in range(200):
        factor = 0.5 * (low + high)
        if float(np.minimum(odds * factor, clip).mean()) < 1.0:
            low = factor
        else:
            high = factor
    weights: Weights = np.minimum(odds * high, clip)
    return weights
