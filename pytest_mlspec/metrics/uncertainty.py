"""Uncertainty of an ensemble, and its split into noise of the data and ignorance of the members."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import entr

from pytest_mlspec.metrics.cases import Scores, measured, probabilities_of
from pytest_mlspec.metrics.disagreement import ONE_MEMBER, unknown
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.whole_ensemble import EnsembleMean
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import FloatArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

Part = Literal["total", "aleatoric", "epistemic"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UncertaintySplit:
    """Uncertainty per case in nats: ``total = aleatoric + epistemic``.

    Args:
        total: (examples,) entropy of the members' mean probabilities, in [0, log(classes)].
        aleatoric: (examples,) mean entropy of the members: what they agree cannot be known.
        epistemic: (examples,) what they disagree on: the mutual information of label and member, at least 0.
    """

    total: FloatArray
    aleatoric: FloatArray
    epistemic: FloatArray


def uncertainty_split(model: object, data: Dataset | None = None) -> UncertaintySplit:
    """Split the uncertainty of every case into what more data could not remove and what they could.

    With probabilities p_k of member k and their mean p, total is H(p), aleatoric is the mean of H(p_k), and epistemic
    is their difference, the mean Kullback-Leibler divergence of p_k from p. Natural logarithms throughout.

    Args:
        model: an ensemble, a list of retrainings, or predictions of several members (then ``data`` is left out).
        data: the dataset or slice; it needs no ``y``.

    Returns:
        UncertaintySplit of arrays of shape (examples,), in nats. Members that say exactly the same have epistemic 0.

    Raises:
        ValueError: one member only, or no probabilities; numbers have ``member_variance``.

    Source:
        Depeweg et al. 2018, ICML, "Decomposition of uncertainty in Bayesian deep learning".

    Example:
        >>> from pytest_mlspec.predictions import Predictions
        >>> sure_of_opposites = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
        >>> split = uncertainty_split(Predictions(y=[0], probabilities=sure_of_opposites, classes=[0, 1]))
        >>> split.aleatoric.tolist(), [round(value, 4) for value in split.epistemic.tolist()]
        ([0.0], [0.6931])
    """
    predictions = predict(model, data)
    probabilities = _probabilities(predictions, "uncertainty_split")
    if len(probabilities) < 2:
        raise ValueError(f"uncertainty_split {ONE_MEMBER}; got n_members={len(probabilities)}")
    return _split(probabilities)


def member_variance(model: object, data: Dataset | None = None) -> FloatArray:
    """Variance over members of the predicted numbers of every case: the epistemic part of a regression.

    Members that predict one number each say nothing about the noise of the data, so that there is no aleatoric part.

    Args:
        model, data: as ``uncertainty_split``, for members that predict numbers.

    Returns:
        (examples,) the mean squared distance of the members from their mean, in the squared unit of ``y``.

    Raises:
        ValueError: one member only, or labels in place of numbers.

    Source:
        Lakshminarayanan, Pritzel & Blundell 2017, NeurIPS, section 2.4.
    """
    predictions = predict(model, data)
    values = predicted_numbers(predictions, "member_variance")
    if len(values) < 2:
        raise ValueError(f"member_variance {ONE_MEMBER}; got n_members={len(values)}")
    return _variance(values)


def predicted_numbers(predictions: Predictions, metric: str) -> Scores:
    """(members, examples) predicted numbers, which need no truth to compare with.

    Raises:
        ValueError: labels are predicted.
    """
    found = predictions.values
    if found is None:
        raise ValueError(f"{metric} needs predicted numbers, and {predictions.lacks('values')}")
    return found


def total_uncertainty(model: object, data: Dataset | None = None) -> Estimate:
    """Mean over cases of the entropy of the members' mean probabilities, in nats.

    Args:
        model, data: as ``uncertainty_split``; one trained model has the entropy of its own probabilities.

    Returns:
        Estimate in [0, log(classes)] for the ensemble as it is, bounded by betting (exact); smaller is better.
        Undecided where rows are clustered.

    Raises:
        TypeError, ValueError: no probabilities, or outputs that do not fit the data.
    """
    return _estimate(model, data, "total")


def aleatoric_uncertainty(model: object, data: Dataset | None = None) -> Estimate:
    """Mean over cases of the members' mean entropy: the noise that they agree on; arguments as ``total_uncertainty``.

    Returns:
        Estimate in [0, log(classes)] nats, bounded by betting (exact). Undecided with one member: its entropy cannot
        be split.
    """
    return _estimate(model, data, "aleatoric")


def epistemic_uncertainty(model: object, data: Dataset | None = None) -> Estimate:
    """Mean over cases of what the members disagree on; arguments as ``total_uncertainty``.

    Returns:
        Of probabilities: Estimate in nats, in [0, log(min(members, classes))], bounded by betting (exact). Of numbers:
        Estimate of the mean variance over members, in the squared unit of ``y``; it can be violated but not met
        without ``max_loss`` on the marker (members that are off by at most that much vary by at most its square).
        Undecided with one member.
    """
    predictions = predict(model, data)
    if predictions.is_classification:
        return _estimate(model, data, "epistemic")
    values = predicted_numbers(predictions, "epistemic_uncertainty")
    if len(values) < 2:
        return _measured(predictions, "epistemic", EnsembleMean(mean=unknown(predictions), reason=ONE_MEMBER))
    mean = Mean(
        losses=_variance(values)[None],
        declared="root",
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )
    return _measured(predictions, "epistemic", EnsembleMean(mean=mean))


def _estimate(model: object, data: Dataset | None, part: Part) -> Estimate:
    predictions = predict(model, data)
    probabilities = _probabilities(predictions, f"{part}_uncertainty")
    n_members, _, n_classes = probabilities.shape
    if n_members < 2 and part != "total":
        return _measured(predictions, part, EnsembleMean(mean=unknown(predictions), reason=ONE_MEMBER))
    split = _split(probabilities)
    rows = {"total": split.total, "aleatoric": split.aleatoric, "epistemic": split.epistemic}[part]
    mean = Mean(
        losses=rows[None],
        high=math.log(min(n_members, n_classes) if part == "epistemic" else n_classes),
        declared="nothing",
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )

    def words(cases: IntArray | None) -> str:
        chosen = slice(None) if cases is None else cases
        known, unsure = float(split.aleatoric[chosen].mean()), float(split.epistemic[chosen].mean())
        return f"{n_members} members: aleatoric {known:.3f} + epistemic {unsure:.3f} nats"

    return _measured(predictions, part, EnsembleMean(mean=mean, words=words if n_members > 1 else None))


def _measured(predictions: Predictions, part: Part, evidence: EnsembleMean) -> Estimate:
    return measured(predictions, f"{part}_uncertainty", evidence)


def _probabilities(predictions: Predictions, metric: str) -> Scores:
    if predictions.is_classification:
        found = probabilities_of(predictions, metric)
        if found.shape[2] > 1:
            return found
        raise ValueError(f"{metric} needs at least two classes; got classes={list(predictions.classes or ())}")
    raise ValueError(
        f"{metric} needs probabilities, and {predictions.lacks('probabilities')}: members that predict one number each "
        "have epistemic_uncertainty and member_variance only"
    )


def _split(probabilities: Scores) -> UncertaintySplit:
    """Member by member, so that no second array of the size of all probabilities is made."""
    first = np.asarray(probabilities[0], dtype=np.float64)
    own = _entropy(first)
    offset, noise = np.zeros_like(first), np.zeros_like(own)
    for member in probabilities[1:]:
        # Sums of differences: equal members leave them exactly 0, and so the epistemic part.
        offset += member - first
        noise += _entropy(np.asarray(member, dtype=np.float64)) - own
    largest = math.log(probabilities.shape[2])
    total = np.minimum(_entropy(first + offset / len(probabilities)), largest)
    aleatoric = np.clip(own + noise / len(probabilities), 0.0, total)
    return UncertaintySplit(total=total, aleatoric=aleatoric, epistemic=total - aleatoric)


def _entropy(probabilities: FloatArray) -> FloatArray:
    found: FloatArray = entr(np.maximum(probabilities, 0.0)).sum(axis=-1)
    return found


def _variance(values: Scores) -> FloatArray:
    found: FloatArray = values.var(axis=0, dtype=np.float64)
    return found
