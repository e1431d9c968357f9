"""How often two retrainings decide differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.cases import measured, positive_class, said_positive
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.whole_ensemble import EnsembleMean
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import FloatArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

Codes = npt.NDArray[np.integer]
ONE_MEMBER = "needs at least 2 members: one trained model has no other to differ from"


def disagreement(model: object, data: Dataset | None = None, *, threshold: float | None = None) -> Estimate:
    """Share of cases on which two retrainings decide differently: the mean over all pairs of members.

    With K members of which n_c choose class c on a case, the share of pairs that differ there is
    1 - sum_c n_c (n_c - 1) / (K (K - 1)). It is one number for the ensemble as it is, and its bounds are about new
    cases for these members: they say nothing of members that were not trained.

    Args:
        model: an ensemble, a list of retrainings, or predictions of several members (then ``data`` is left out).
        data: the dataset or slice; it needs no ``y``.
        threshold: for two classes, positive is decided where its probability reaches this; else the members' labels.

    Returns:
        Estimate in [0, 1], bounded by betting, or by Clopper-Pearson where a case has two possible values, as with
        two members (exact); smaller is better. Undecided with one member, and where rows are clustered.

    Raises:
        TypeError, ValueError: no labels, or outputs that do not fit the data.

    Source:
        D'Amour et al. 2022, JMLR 23(226); the share of pairs that agree is that of Simpson 1949, Nature 163:688.

    Example:
        >>> from pytest_mlspec.predictions import Predictions
        >>> disagreement(Predictions(y=[0, 1, 1, 0], labels=[[0, 1, 1, 0], [0, 1, 0, 0]])).value
        0.25
    """
    predictions = predict(model, data)
    codes = decisions(
        predictions, "disagreement", threshold, instead="the seed std of a loss, as in mae(...).seed_std()"
    )
    n_members = len(codes)
    n_classes = 0 if predictions.classes is None else len(predictions.classes)
    if n_members < 2:
        mean = unknown(predictions)
        return measured(predictions, "disagreement", EnsembleMean(mean=mean, reason=ONE_MEMBER), threshold=threshold)
    per_case, per_pair = agreements(codes)
    mean = Mean(
        losses=1.0 - per_case[None] / n_pairs(n_members),
        high=1.0 - least_agreement(n_members, n_classes),
        declared="nothing",
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )

    def words(cases: IntArray | None) -> str:
        agreeing = per_pair if cases is None else agreements(codes[:, cases])[1]
        return _furthest_apart(predictions, agreeing, codes.shape[1] if cases is None else len(cases))

    return measured(predictions, "disagreement", EnsembleMean(mean=mean, words=words), threshold=threshold)


def pairwise_disagreement(model: object, data: Dataset | None = None, *, threshold: float | None = None) -> FloatArray:
    """Share of cases on which each two members decide differently, for figures; arguments as ``disagreement``.

    Returns:
        (members, members) fractions, symmetric, 0 on the diagonal.
    """
    predictions = predict(model, data)
    codes = decisions(predictions, "pairwise_disagreement", threshold, instead="the members' values themselves")
    shares: FloatArray = 1.0 - agreements(codes)[1] / codes.shape[1]
    return shares


def decisions(predictions: Predictions, metric: str, threshold: float | None, *, instead: str) -> Codes:
    """(members, examples) the class that each member decides for, as a position within ``classes``.

    Raises:
        ValueError: numbers are predicted (the message offers ``instead``), or labels are missing.
    """
    if not predictions.is_classification:
        raise ValueError(f"{metric} is about decisions, and {predictions.lacks('labels')}: bound {instead}")
    assert predictions.classes is not None
    small = np.min_scalar_type(
        max(len(predictions.classes) - 1, 0)
    )  # one byte per decision is compared eight times faster
    if threshold is not None:
        code = positive_class(predictions, None, metric)
        said = said_positive(predictions, code, threshold, metric)
        return np.where(said, code, 1 - code).astype(small)
    labels = predictions.labels
    if labels is None:
        raise ValueError(f"{metric} is about decisions, and {predictions.lacks('labels')}")
    return labels.astype(small)


def agreements(codes: Codes) -> tuple[IntArray, IntArray]:
    """How many pairs of members agree on each case, and on how many cases each pair does.

    Args:
        codes: (members, examples).

    Returns:
        (examples,) and (members, members), the latter with the number of cases on its diagonal.
    """
    n_members, n_examples = codes.shape
    per_case = np.zeros(n_examples, dtype=np.int64)
    per_pair = np.zeros((n_members, n_members), dtype=np.int64)
    for member in range(n_members - 1):
        equal = codes[member + 1 :] == codes[member]
        per_case += equal.sum(axis=0, dtype=np.int32)
        per_pair[member, member + 1 :] = [np.count_nonzero(row) for row in equal]
    per_pair += per_pair.T
    np.fill_diagonal(per_pair, n_examples)
    return per_case, per_pair


def n_pairs(n_members: int) -> int:
    """Pairs of distinct members."""
    return n_members * (n_members - 1) // 2


def least_agreement(n_members: int, n_classes: int) -> float:
    """The smallest share of pairs that can agree on one case: members spread evenly over the classes."""
    each, more = divmod(n_members, n_classes)
    agreeing = more * (each + 1) * each + (n_classes - more) * each * (each - 1)
    return agreeing / (n_members * (n_members - 1))


def unknown(predictions: Predictions) -> Mean:
    """One row without values, where there is nothing to measure."""
    return Mean(losses=np.full((1, predictions.n_examples), np.nan), declared="nothing")


def _furthest_apart(predictions: Predictions, per_pair: IntArray, n_examples: int) -> str:
    """``10 members, 45 pairs; the two furthest apart (seeds 2 and 7): 0.041``."""
    n_members = len(per_pair)
    upper = np.triu_indices(n_members, 1)
    least = int(per_pair[upper].argmin())
    first, second = int(upper[0][least]), int(upper[1][least])
    seeds = predictions.seeds
    named = f"seeds {seeds[first]} and {seeds[second]}" if seeds else f"members {first} and {second}"
    apart = n_examples - int(per_pair[first, second])
    if n_members == 2:
        return f"{named} differ on {apart:,} of {n_examples:,} cases"
    return (
        f"{n_members} members, {n_pairs(n_members)} pairs; the two furthest apart ({named}): {apart / n_examples:.3f}"
    )
