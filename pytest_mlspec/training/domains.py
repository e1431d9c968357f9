"""A classifier that tells two datasets apart by their features: trained on some rows, heard on the others."""

from __future__ import annotations

import copy
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from pytest_mlspec.data.forms import frame_column, frame_columns, is_frame, is_series, is_sparse, is_tensor
from pytest_mlspec.data.splits import overlap
from pytest_mlspec.data.targets import as_vector
from pytest_mlspec.training.seeding import check_seeds, seeded
from pytest_mlspec.training.threads import single_threaded

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

Matrix = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
FOLDS = 5


class DomainClassifier(Protocol):
    """What scikit-learn's classifiers have in common; where there is a ``predict_proba``, it is used."""

    def fit(self, X: Matrix, y: Rows) -> object: ...
    def predict(self, X: Matrix) -> npt.NDArray[np.generic]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DomainScores:
    """What the classifier said about rows that did not train it.

    ``source`` and ``target`` have the shape (held-out rows of each,): True where the row was taken for one of the
    target.
    """

    source: npt.NDArray[np.bool_]
    target: npt.NDArray[np.bool_]


def domain_scores(
    source: Dataset, target: Dataset, *, seed: int = 0, classifier: DomainClassifier | None = None
) -> DomainScores:
    """Train a classifier to tell half of both datasets apart, and ask it about the other halves.

    Args:
        source: rows of one law; only their features are read.
        target: rows of the other, with the same features.
        seed: draws the halves and seeds the classifier.
        classifier: an untrained scikit-learn classifier, which sees features of shape (examples, columns) as float64
            and the labels 0 (source) and 1 (target); by default gradient boosting. Text becomes one number per value.

    Returns:
        For each held-out row whether it was taken for one of the target: as likely as the share of target rows in
        training, or more.

    Raises:
        TypeError, ValueError: other features, common rows, a negative seed, something that is not a classifier.
    """
    check_seeds([seed])
    matrices = feature_matrices(source, target)
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]
    orders = [stream.permutation(len(part)) for stream, part in zip(streams, matrices, strict=True)]
    (train_source, test_source), (train_target, test_target) = (
        np.split(part[order], [len(part) // 2]) for part, order in zip(matrices, orders, strict=True)
    )
    if not len(train_source) or not len(train_target):  # a single row cannot be both learnt from and asked about
        return DomainScores(source=np.zeros(len(test_source), np.bool_), target=np.zeros(len(test_target), np.bool_))
    with seeded(seed), single_threaded():
        trained = _trained(train_source, train_target, seed, classifier)
        share = len(train_target) / (len(train_source) + len(train_target))
        return DomainScores(
            source=_taken_for_target(trained, test_source, share), target=_taken_for_target(trained, test_target, share)
        )


def cross_fitted_odds(source: Dataset, target: Dataset, *, seed: int, classifier: DomainClassifier | None) -> Matrix:
    """(examples of source,) estimated density of the target over that of the source at each source row.

    Each row is judged by a classifier that was trained on the other four fifths of both datasets.

    Raises:
        TypeError, ValueError: as ``domain_scores``; a classifier without probabilities, fewer than ten rows.
    """
    check_seeds([seed])
    matrices = feature_matrices(source, target)
    fewest = min(len(part) for part in matrices)
    if fewest < 2 * FOLDS:
        raise ValueError(
            f"weights need at least {2 * FOLDS} rows of both datasets; got {len(source)} of {source.title} and "
            f"{len(target)} of {target.title}"
        )
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]
    folds = [stream.permutation(len(part)) % FOLDS for stream, part in zip(streams, matrices, strict=True)]
    odds = np.empty(len(source))
    with seeded(seed), single_threaded():
        for fold in range(FOLDS):
            train_source, train_target = (
                part[folds_of != fold] for part, folds_of in zip(matrices, folds, strict=True)
            )
            trained = _trained(train_source, train_target, seed, classifier)
            positive = _probability(trained, matrices[0][folds[0] == fold])
            if positive is None:
                raise TypeError(f"weights need probabilities, and {type(trained).__name__} has no predict_proba")
            limited = np.clip(positive, 1e-9, 1 - 1e-9)
            odds[folds[0] == fold] = limited / (1 - limited) * (len(train_source) / len(train_target))
    return odds


def feature_matrices(source: Dataset, target: Dataset) -> tuple[Matrix, Matrix]:
    """The features of both datasets as (examples, columns), one number per entry.

    Raises:
        ValueError: other columns, or rows that are in both.
    """
    require_apart(source, target)
    first, second = _columns(source), _columns(target)
    if list(first) != list(second) and sorted(first) != sorted(second):
        odd = sorted(set(first) ^ set(second))[:3]
        raise ValueError(
            f"expected the same features in both datasets; {source.title} has {len(first)} columns, {target.title} "
            f"has {len(second)}, and not in both: {', '.join(odd)}"
        )
    matrices = [np.column_stack([columns[name] for name in first]) for columns in (first, second)]
    return matrices[0], matrices[1]


def require_apart(source: Dataset, target: Dataset) -> None:
    """Raise where the two datasets are no independent samples, as far as lineage, ids and content show.

    Raises:
        ValueError: common rows (perturbed copies count as the rows they came from), common ids, equal content.
    """
    shared = overlap(source, target)
    if not shared and source.ids is not None and target.ids is not None:
        shared = int(np.isin(target.ids, source.ids).sum())
    if not shared and len(source) == len(target) and source.fingerprint == target.fingerprint:
        shared = len(target)
    if shared:
        raise ValueError(
            f"expected two datasets without a common row; {shared:,} of the {len(target):,} rows of {target.title} "
            f"are rows of {source.title} (of {len(source):,}), or copies of them: their difference is no difference "
            "between two samples. Compare with rows of another split"
        )


def _columns(data: Dataset) -> dict[str, Matrix]:
    X = data.X
    if is_frame(X):
        named = {text: as_vector(frame_column(X, key), f"column {text!r}") for text, key in frame_columns(X).items()}
    elif is_series(X):
        named = {"0": as_vector(X, "X")}
    else:
        if is_tensor(X):
            X = X.detach().cpu().numpy()
        elif is_sparse(X):
            X = X.toarray()
        flat = np.asarray(X).reshape(len(X), -1)
        named = {str(column): flat[:, column] for column in range(flat.shape[1])}
    if not named:
        raise ValueError(f"expected features to tell the datasets apart by; X of {data.title} has no column")
    return {name: _numbers(values) for name, values in named.items()}


def _numbers(values: npt.NDArray[np.generic]) -> Matrix:
    """Numbers as they are; of anything else the checksum of its text, which needs no list of what may occur."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    if values.dtype.kind in "mM":
        return values.astype(np.int64).astype(np.float64)
    codes = {value: zlib.crc32(str(value).encode()) / 2**32 for value in set(values.tolist())}
    return np.array([codes[value] for value in values.tolist()], dtype=np.float64)


def _trained(source: Matrix, target: Matrix, seed: int, classifier: DomainClassifier | None) -> DomainClassifier:
    model = _default(seed) if classifier is None else _fresh(classifier)
    domain = np.repeat(np.array([0, 1], dtype=np.int64), [len(source), len(target)])
    model.fit(np.concatenate([source, target]), domain)
    return model


def _default(seed: int) -> DomainClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Few leaves: what is learnt has to hold for rows that were not seen, and the odds have to be right, too.
    model: DomainClassifier = HistGradientBoostingClassifier(
        max_leaf_nodes=8, learning_rate=0.1, max_iter=60, early_stopping=False, random_state=seed
    )
    return model


def _fresh(classifier: DomainClassifier) -> DomainClassifier:
    if isinstance(classifier, type) or not (hasattr(classifier, "fit") and hasattr(classifier, "predict")):
        raise TypeError(
            "expected an untrained classifier with fit and predict, such as LogisticRegression(); "
            f"got classifier={classifier!r}"
        )
    if not hasattr(classifier, "get_params"):
        return copy.deepcopy(classifier)
    from sklearn.base import clone

    fresh: DomainClassifier = clone(classifier)
    return fresh


def _probability(trained: DomainClassifier, X: Matrix) -> Matrix | None:
    predict_proba = getattr(trained, "predict_proba", None)
    return None if predict_proba is None else np.asarray(predict_proba(X), dtype=np.float64)[:, 1]


def _taken_for_target(trained: DomainClassifier, X: Matrix, share: float) -> npt.NDArray[np.bool_]:
    positive = _probability(trained, X)
    if positive is None:
        return np.asarray(trained.predict(X)) == 1
    return np.asarray(positive > share)
