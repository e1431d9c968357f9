"""How often two retrainings are right or wrong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.cases import measured
from pytest_mlspec.metrics.disagreement import ONE_MEMBER, agreements, least_agreement, n_pairs, unknown
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.whole_ensemble import EnsembleMean
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import FloatArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset


def similarity(model: object, data: Dataset | None = None) -> Estimate:
    """Share of cases on which two members are both right or both wrong: the mean over all pairs of members.

    Similar members share their errors; what ``independent_agreement`` gives is what members of the same accuracies
    would reach whose errors have nothing to do with each other. A high similarity says that a test set used for many
    such models wears out slowly, and that an ensemble of them gains little.

    Args:
        model: an ensemble, a list of models, or predictions of several members (then ``data`` is left out).
        data: the dataset or slice.

    Returns:
        Estimate in [0, 1] for the ensemble as it is, bounded by betting (exact; Clopper-Pearson with two members).
        Undecided with one member, and where rows are clustered.

    Raises:
        TypeError, ValueError: no labels, or outputs that do not fit the data.

    Source:
        Mania et al. 2019, NeurIPS, "Model similarity mitigates test set overuse".

    Example:
        >>> from pytest_mlspec.predictions import Predictions
        >>> similarity(Predictions(y=[0, 1, 1, 0], labels=[[0, 1, 0, 0], [0, 0, 0, 0]])).value
        0.75
    """
    predictions = predict(model, data)
    hits = _hits(predictions, "similarity")
    n_members = len(hits)
    if n_members < 2:
        return _estimate(predictions, EnsembleMean(mean=unknown(predictions), reason=ONE_MEMBER))
    mean = Mean(
        losses=agreements(hits)[0][None] / n_pairs(n_members),
        low=least_agreement(n_members, 2),
        high=1.0,
        declared="nothing",
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )

    def words(cases: IntArray | None) -> str:
        expected = _by_chance((hits if cases is None else hits[:, cases]).mean(axis=1))
        return f"{n_members} members, {n_pairs(n_members)} pairs; independent errors would agree on {expected:.3f}"

    return _estimate(predictions, EnsembleMean(mean=mean, words=words))


def independent_agreement(model: object, data: Dataset | None = None) -> float:
    """The similarity that members of these accuracies would have if their errors were independent.

    Args:
        model, data: as ``similarity``; at least two members.

    Returns:
        The mean over pairs of p q + (1 - p)(1 - q), a fraction.

    Raises:
        ValueError: one member only, or no labels.
    """
    predictions = predict(model, data)
    hits = _hits(predictions, "independent_agreement")
    if len(hits) < 2:
        raise ValueError(f"independent_agreement {ONE_MEMBER}; got n_members={len(hits)}")
    return _by_chance(hits.mean(axis=1))


def _by_chance(accuracies: FloatArray) -> float:
    """Mean over pairs of p q + (1 - p)(1 - q), from (sum p)^2 - sum p^2 = sum over ordered pairs of p q."""
    pairs = len(accuracies) * (len(accuracies) - 1)
    both = [float(np.square(rates.sum()) - np.square(rates).sum()) for rates in (accuracies, 1.0 - accuracies)]
    return sum(both) / pairs


def _hits(predictions: Predictions, metric: str) -> IntArray:
    if not predictions.is_classification:
        raise ValueError(
            f"{metric} is about being right or wrong, and {predictions.lacks('labels')}: "
            "compare the losses themselves, or their seed std"
        )
    return predictions.hits  # type: ignore[return-value]  # uint8


def _estimate(predictions: Predictions, evidence: EnsembleMean) -> Estimate:
    return measured(predictions, "similarity", evidence, greater_is_better=True)
