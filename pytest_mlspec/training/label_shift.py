"""Correction for label shift as a wrapper on an ensemble: other class frequencies, estimated without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.training.ensemble import Ensemble, Output
from pytest_mlspec.training.models import model_classes, predict_probabilities

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.generic]
ASSUMPTION = "label-shift corrected (if p(x|y) is unchanged)"
# The smallest singular value of the class-wise mean probabilities must stand out of their own standard error.
_NOISE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShiftCorrected:
    """A model whose probabilities were re-weighted to other class frequencies.

    ``priors`` are the estimated frequencies of the classes in the target, ``weights`` these over the frequencies in
    the source; both have the shape (classes,), in the order of ``classes_``.
    """

    model: object
    output: Output | None
    classes_: Labels
    weights: Probabilities
    priors: Probabilities

    def predict_proba(self, X: object) -> Probabilities:
        """(examples, classes) probabilities under the class frequencies of the target."""
        weighted = _probabilities(self.model, X, self.output) * self.weights
        sums = weighted.sum(axis=1, keepdims=True)
        # A case that only vanished classes explain keeps the frequencies themselves.
        return np.where(sums > 0, weighted / np.where(sums > 0, sums, 1.0), self.priors)

    def predict(self, X: object) -> Labels:
        """(examples,) the most probable class."""
        labels: Labels = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


def correct_label_shift(
    model: object,
    source: Dataset,
    target: Dataset,
    *,
    output: Output | None = None,
    name: str | None = None,
) -> Ensemble:
    """Adapt every member to the class frequencies of a target whose labels are not known.

    The correction is right where only the frequencies of the classes differ and p(x|y) is the same, which no unlabelled
    data can show. Where that fails it can do harm, so judge the result on labelled target cases.

    Args:
        model: an ensemble or one trained model with probabilities.
        source: labelled rows drawn like the training data that trained no member, such as the validation split.
        target: rows with the other class frequencies; only their features are read, never their ``y``. Judging on the
            same rows is allowed: their labels had no part in the correction.
        output: what a bare torch module or callable returns.
        name: how messages call the result, before the assumption that they add.

    Returns:
        An ensemble of the same seeds, whose members have ``priors`` and ``weights``; rows of ``source`` count as
        training rows.

    Raises:
        TypeError, ValueError: no classes or labels in ``source``, rows of it that trained the model, a class without a
            row, classes that the model cannot tell apart, no probabilities.

    Source:
        Lipton, Wang & Smola 2018, ICML, arXiv 1802.03916, with mean probabilities for counts of labels: the weights w
        solve C w = mu, C[i, j] = mean of p_i(x) 1{y = j} on the source, mu_i = mean of p_i(x) on the target, w >= 0.
    """
    from pytest_mlspec.data.splits import overlap

    if source.classes is None or source.y is None:
        raise ValueError(f"label shift is about classes, {source!r} has none")
    ensemble = Ensemble.of(model, output=output)
    shared = sum(overlap(part, source) for part in ensemble.trained_on)
    if shared:
        raise ValueError(
            f"{shared:,} of the {len(source):,} rows of {source!r} trained {ensemble.name}: there it confuses classes "
            "less often than on new cases. Keep a validation split apart and give that as the source"
        )
    members = tuple(_corrected(member, ensemble, source, target) for member in ensemble.members)
    called = f"{name if name is not None else ensemble.name}, {ASSUMPTION}"
    return ensemble.wrapped(members, name=called, also_read=source)


def _corrected(member: object, ensemble: Ensemble, source: Dataset, target: Dataset) -> LabelShiftCorrected:
    known = model_classes(member) if ensemble.classes is None else np.asarray(ensemble.classes)
    classes = np.asarray(source.classes if known is None else known)
    said = _probabilities(member, source.X, ensemble.output)
    if said.shape[1] != len(classes):
        raise ValueError(f"{ensemble.name} gives {said.shape[1]} probabilities for the classes {classes.tolist()}")
    codes = _codes(source, classes)
    counts = np.bincount(codes, minlength=len(classes))
    if not counts.all():
        missing = ", ".join(map(str, classes[counts == 0].tolist()))
        raise ValueError(f"{source.title} has no row of the class {missing}: its confusions are not known")
    of_class = np.stack([said[codes == code].mean(axis=0) for code in range(len(classes))], axis=1)
    spread = np.stack([said[codes == code].var(axis=0) for code in range(len(classes))], axis=1)
    _require_told_apart(of_class, float(np.sqrt((spread / counts).sum())), classes, ensemble.name)
    priors = _frequencies(of_class, _probabilities(member, target.X, ensemble.output).mean(axis=0))
    return LabelShiftCorrected(
        model=member,
        output=ensemble.output,
        classes_=classes,
        weights=priors / (counts / counts.sum()),
        priors=priors,
    )


def _frequencies(of_class: Probabilities, mean: Probabilities) -> Probabilities:
    """Frequencies of the classes, at least 0 and of sum 1, whose mixture of columns comes nearest to the mean."""
    from scipy.optimize import nnls

    solution, _ = nnls(of_class, mean)
    frequencies: Probabilities = solution / solution.sum()
    return frequencies


def _require_told_apart(of_class: Probabilities, error: float, classes: Labels, name: str) -> None:
    """Raise where a mixture of classes gives the same mean probabilities as another one, up to chance.

    Raises:
        ValueError: names the classes.
    """
    _, singular, directions = np.linalg.svd(of_class)
    if singular[-1] > max(_NOISE * error, 1e-6):
        return
    weights = np.abs(directions[-1])
    confused = classes[np.sort(np.flatnonzero(weights > 0.3 * weights.max()))].tolist()
    raise ValueError(
        f"{name} does not tell {' and '.join(map(str, confused))} apart on the source: their mean probabilities differ "
        f"by no more than chance (smallest singular value {singular[-1]:.2g}, standard error {error:.2g}), so that "
        "their frequencies cannot be estimated. Give more source rows, merge these classes, or use a better model"
    )


def _codes(source: Dataset, classes: Labels) -> npt.NDArray[np.int64]:
    place = {label: code for code, label in enumerate(classes.tolist())}
    labels = np.asarray(source.y).tolist()
    unknown = sorted({str(label) for label in labels if label not in place})
    if unknown:
        raise ValueError(f"expected labels among the model's classes {classes.tolist()}; got {', '.join(unknown)}")
    return np.array([place[label] for label in labels], dtype=np.int64)


def _probabilities(model: object, X: object, output: Output | None) -> Probabilities:
    found = predict_probabilities(model, X, output=output)
    if found is None:
        raise ValueError(f"label-shift correction needs probabilities, {type(model).__name__} gives none")
    probabilities = np.asarray(found, dtype=np.float64)
    sums = probabilities.sum(axis=1)
    if not np.isfinite(probabilities).all() or np.abs(sums - 1).max() > 1e-3 or probabilities.min() < 0:
        raise ValueError(
            "label-shift correction needs finite probabilities whose rows sum to 1; are these logits? "
            'Declare output="logits"'
        )
    return probabilities / sums[:, None]
