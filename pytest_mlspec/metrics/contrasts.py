"""Contrastive metrics: what a model says of cases and of the same cases with one thing edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data.columns import unknown_column
from pytest_mlspec.data.perturbing import EXCHANGED, equal_features, reordered, same_rows
from pytest_mlspec.data.precision import only_rounded
from pytest_mlspec.metrics.cases import Scores, class_word, measured, positive_class, probabilities_of
from pytest_mlspec.metrics.disagreement import decisions
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.changes import UNIT, ChangeSlope, MeanChange
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.failures import case_words
from pytest_mlspec.metrics.uncertainty import predicted_numbers
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import FloatArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset


def flip_rate(model: object, data: Dataset, edited: Dataset, *, threshold: float | None = None) -> Estimate:
    """Share of cases whose decision changes with the edit, whether it was right or wrong.

    Args:
        model: an ensemble, a trained model or a list of retrainings.
        data: the cases as they are; they need no ``y``.
        edited: the same cases edited, ``data.perturb(edit)``.
        threshold: for two classes, positive is decided where its probability reaches this; else the model's labels.

    Returns:
        Estimate in [0, 1] per member, bounded by Clopper-Pearson (exact), by its effective-count form where rows are
        clustered; smaller is better. It knows the cases that flipped.

    Raises:
        TypeError: predictions in place of a model, or something that is no dataset.
        ValueError: other rows in ``edited`` than in ``data``, an edit that changed nothing or only the order of rows,
            numbers in place of labels.

    Source:
        Kusner et al. 2017 (counterfactual edits); Ribeiro et al. 2020, ACL (invariance tests).
    """
    pair = _paired(model, data, edited, "flip_rate")
    before, after = (
        decisions(side, "flip_rate", threshold, instead="mean_change, or a decision made from the numbers")
        for side in (pair.before, pair.after)
    )

    def describe(position: int, member: int) -> str:
        assert pair.after.classes is not None
        names = pair.after.classes.tolist()
        first, second = (names[int(codes[member, position])] for codes in (before, after))
        return f"{case_words(pair.after, position)}: {first!r} became {second!r}"

    evidence = Rate(
        hits=(before != after).view(np.uint8), unit=UNIT, cluster_codes=pair.after.cluster_codes, describe=describe
    )
    return measured(pair.after, "flip_rate", evidence, threshold=threshold)


def mean_change(model: object, data: Dataset, edited: Dataset, *, positive: object = None) -> Estimate:
    """Mean change of the score with the edit, signed: edited minus original.

    The score is the probability of the positive class, or the predicted number.

    Args:
        model, data, edited: as ``flip_rate``.
        positive: the positive class; by default that of the dataset.

    Returns:
        Estimate per member, bounded by betting (exact): of probabilities in [-1, 1]; changes of predicted numbers have
        no bound without ``max_loss`` on the marker, the largest absolute change of one case. Both signs are judged
        alike; ``abs(mean_change(...))`` is its size. Undecided where rows are clustered.

    Raises:
        TypeError, ValueError: as ``flip_rate``; no probabilities, or nobody said which class is positive.

    Source:
        Kaushik, Hovy & Lipton 2020, ICLR (counterfactually edited pairs); Garg et al. 2019, AIES.
    """
    pair = _paired(model, data, edited, "mean_change")
    scores = pair.scores(positive, "mean_change")
    evidence = MeanChange(
        before=scores.before,
        after=scores.after,
        limit=scores.limit,
        cluster_codes=pair.after.cluster_codes,
        cluster_name=pair.after.cluster_name,
    )
    return measured(pair.after, "mean_change", evidence, of=scores.of)


def change_slope(model: object, data: Dataset, edited: Dataset, *, over: str, positive: object = None) -> Estimate:
    """Slope of the change of the score over a numeric column: how the effect of the edit grows along it.

    Args:
        model, data, edited, positive: as ``mean_change``.
        over: the column, such as the share of women in an occupation; it is read from ``data``.

    Returns:
        Estimate per member, in change of score per unit of the column, the least-squares slope with bounds that allow
        for unequal variances (asymptotic). Undecided where fewer than five cases carry the slope or rows are clustered.

    Raises:
        TypeError, ValueError: as ``mean_change``; an unknown column, or one that does not hold finite numbers.

    Source:
        Rudinger et al. 2018, NAACL, and D'Amour et al. 2022, JMLR 23(226) (slope over occupations).
    """
    pair = _paired(model, data, edited, "change_slope")
    column = _numbers(data, over)
    scores = pair.scores(positive, "change_slope")
    evidence = ChangeSlope(
        changes=scores.after.astype(np.float64) - scores.before,
        x=column,
        column=over,
        limit=scores.limit,
        cluster_codes=pair.after.cluster_codes,
        cluster_name=pair.after.cluster_name,
    )
    of = f"{scores.of} over {over}" if scores.of else f"score over {over}"
    return measured(pair.after, "change_slope", evidence, of=of, over=over)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scores:
    """(members, examples) on both sides, the largest change of one case where it is known, and what they are."""

    before: Scores
    after: Scores
    limit: float | None
    of: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """One model on cases and on their edited copies."""

    before: Predictions
    after: Predictions

    def scores(self, positive: object, metric: str) -> _Scores:
        if not self.after.is_classification:
            if positive is not None:
                raise ValueError(f"{metric}(positive={positive!r}) is for classes, and {self.after.name} has numbers")
            before, after = (predicted_numbers(side, metric) for side in (self.before, self.after))
            return _Scores(before=before, after=after, limit=None, of="")
        code = positive_class(self.after, positive, metric)
        before, after = (probabilities_of(side, metric)[:, :, code] for side in (self.before, self.after))
        return _Scores(before=before, after=after, limit=1.0, of=class_word(self.after, code))


def _paired(model: object, data: Dataset, edited: Dataset, metric: str) -> _Pair:
    """What one model says of both, or why they are no matched pairs."""
    if isinstance(model, Predictions):
        raise TypeError(
            f"{metric} asks one model about {_title(data)} and about {_title(edited)}; {model!r} cannot be asked: "
            "give the model"
        )
    pair = _Pair(before=predict(model, data), after=predict(model, edited))
    if not same_rows(data, edited):
        raise ValueError(
            f"{metric} compares each case with its edited copy, and {_title(edited)} ({len(edited):,} rows) does not "
            f"hold the rows of {_title(data)} ({len(data):,} rows) in their order: make it with perturb(edit)"
        )
    _require_edited(data, edited, metric)
    return pair


def _require_edited(data: Dataset, edited: Dataset, metric: str) -> None:
    """Raise for edits that a model need not notice: nothing changed, or equal rows stand in other places."""
    if equal_features(data, edited) or only_rounded(data.X, edited.X):
        raise ValueError(f"{metric}: the edit changed nothing, {_title(edited)} equals {_title(data)} in content")
    # Rows of one permuted column are the same rows again, and `permute` says who exchanged with whom.
    if edited.cluster_name != EXCHANGED and reordered(data, edited):
        raise ValueError(
            f"{metric}: the edit made the same rows in another order, so that changes cancel out whatever the model "
            f"says: {_title(edited)} holds the rows of {_title(data)}. Keep every row in its place; where both members "
            "of a pair are in the data, edit one of them: data.where(...).perturb(edit)"
        )


def _title(data: object) -> str:
    return str(getattr(data, "title", data))


def _numbers(data: Dataset, name: str) -> FloatArray:
    if name not in data.columns:
        raise unknown_column(name, data.columns, data.title)
    values = data.columns[name]
    if values.dtype.kind not in "fiu":
        raise ValueError(
            f"over expects a column of numbers; {name!r} of {data.title} holds {values.dtype} such as "
            f"{values[:1].tolist()}"
        )
    column = values.astype(np.float64)
    if not np.isfinite(column).all():
        raise ValueError(
            f"over expects finite numbers; {name!r} of {data.title} is {column[~np.isfinite(column)][0]} in "
            f"{int((~np.isfinite(column)).sum()):,} of {len(column):,} rows: leave these out with where(...)"
        )
    return column
