"""Cows on grass: two blocks of features that tell the label equally well, until the second one stops to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.data.generators.draws import between, coin, refuse, require_every, sizes, streams, variables, whole
from pytest_mlspec.data.splits import Splits

_ANIMALS = ("camel", "cow")
_GROUNDS = ("sand", "grass")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundantCueTruth:
    """Accuracies under the law of :func:`redundant_cue`, shares in [0, 1].

    Attributes:
        bayes_iid, bayes_conflict, bayes_neutral: of the best rule for ``train``, judged on ``test``, ``conflict`` and
            ``neutral``.
        causal_only: of the best rule that sees the animal alone; the same on every part.
        cue_only_iid, cue_only_conflict, cue_only_neutral: of the rule that goes by the background alone (cow on grass).
    """

    bayes_iid: float
    bayes_conflict: float
    bayes_neutral: float
    causal_only: float
    cue_only_iid: float
    cue_only_conflict: float
    cue_only_neutral: float


def redundant_cue(
    n: int = 2000,
    seed: int = 0,
    *,
    rho: float = 1.0,
    flipped: float = -1.0,
    signal: float = 2.4,
    cue_signal: float = 2.4,
    width: int = 5,
) -> Splits:
    """Cows and camels with a background that follows the label in training, and is reversed or unrelated elsewhere.

    With y = +1 for a cow, -1 for a camel, equally often, and g = +1 for grass, -1 for sand with E[y g] = ``rho``, the
    animal features are N(y * signal * u, I) and the background features N(g * cue_signal * u, I), u the unit vector
    of equal entries. With rho = 1 nothing in the training data tells which block to trust: retrainings agree on
    ``test`` and differ on ``conflict``.

    Args:
        n: rows in each part, at least 20.
        seed: of all draws; the parts have independent streams, and the first rows stay the same when n grows.
        rho: correlation of label and background in ``train`` and ``test``, in [0, 1].
        flipped: the same in ``conflict``, in [-1, 1]; -1 puts every cow on sand. In ``neutral`` it is 0.
        signal: distance of each class mean of the animal block from the origin, in standard deviations.
        cue_signal: the same for the background block.
        width: features in each block.

    Returns:
        ``train``, ``test``, ``conflict`` and ``neutral``; X of shape (n, 2 * width), the animal block first, y
        ``"cow"`` (positive) or ``"camel"``. Columns: ``background`` (``"grass"``, ``"sand"``) and the features,
        ``animal_1``, ..., ``background_1``, ...

    Raises:
        ValueError: too few rows, or a parameter outside its range; all are named.

    Source:
        Beery, van Horn & Perona, "Recognition in terra incognita" (2018), for the picture; D'Amour et al.,
        "Underspecification presents challenges for credibility in modern machine learning" (2022), for the question.

    Example:
        >>> redundant_cue(n=100)
        Splits('redundant_cue', train: 100 rows, test: 100 rows, conflict: 100 rows, neutral: 100 rows)
    """
    refuse([*sizes(n, seed), *_faults(rho, flipped, signal, cue_signal), whole("width", width, 1)])
    links = {"train": rho, "test": rho, "conflict": flipped, "neutral": 0.0}
    part = {
        name: _draw(name, n, links[name], signal, cue_signal, width, stream)
        for name, stream in streams(seed, *links).items()
    }
    return Splits(
        train=part["train"],
        test=part["test"],
        conflict=part["conflict"],
        neutral=part["neutral"],
        name="redundant_cue",
    )


def redundant_cue_truth(
    *, rho: float = 1.0, flipped: float = -1.0, signal: float = 2.4, cue_signal: float = 2.4
) -> RedundantCueTruth:
    """The accuracies that follow from the law of :func:`redundant_cue`, with the same parameters.

    With rho = 1 the best rule adds both blocks: Phi(sqrt(signal**2 + cue_signal**2)) where they agree, and
    Phi((signal**2 - cue_signal**2) / sqrt(signal**2 + cue_signal**2)) where they do not. For other rho one integral
    over the background block remains. A set of correlation r has (1 + r) / 2 rows where the blocks agree.

    Raises:
        ValueError: a parameter outside its range.

    Example:
        >>> truth = redundant_cue_truth()
        >>> round(truth.bayes_iid, 4), round(truth.bayes_conflict, 4), round(truth.causal_only, 4)
        (0.9997, 0.5, 0.9918)
    """
    refuse(_faults(rho, flipped, signal, cue_signal))
    agree, differ = _bayes(rho, signal, cue_signal)
    cue = float(ndtr(cue_signal))
    return RedundantCueTruth(
        bayes_iid=_mixed(rho, agree, differ),
        bayes_conflict=_mixed(flipped, agree, differ),
        bayes_neutral=_mixed(0.0, agree, differ),
        causal_only=float(ndtr(signal)),
        cue_only_iid=_mixed(rho, cue, 1 - cue),
        cue_only_conflict=_mixed(flipped, cue, 1 - cue),
        cue_only_neutral=0.5,
    )


def _faults(rho: float, flipped: float, signal: float, cue_signal: float) -> list[str]:
    return [
        between("rho", rho, 0.0, 1.0),
        between("flipped", flipped, -1.0, 1.0),
        between("signal", signal, 0.0, ends=False),
        between("cue_signal", cue_signal, 0.0),
    ]


def _draw(
    part: str, n: int, link: float, signal: float, cue_signal: float, width: int, stream: np.random.Generator
) -> Dataset:
    random = variables(stream, "label", "background", "animal features", "background features")
    label = coin(random["label"], n)
    ground = label * coin(random["background"], n, (1 + link) / 2)
    blocks = {
        "animal": _block(label * signal, width, random["animal features"]),
        "background": _block(ground * cue_signal, width, random["background features"]),
    }
    y = np.where(label > 0, _ANIMALS[1], _ANIMALS[0])
    require_every(part, y, _ANIMALS, "class")
    columns: dict[str, Vector] = {"background": np.where(ground > 0, _GROUNDS[1], _GROUNDS[0])}
    for name, block in blocks.items():
        columns |= {f"{name}_{feature + 1}": block[:, feature] for feature in range(width)}
    return Dataset(np.hstack(list(blocks.values())), y, columns=columns, positive="cow")


def _block(centre: Vector, width: int, stream: np.random.Generator) -> Vector:
    block: Vector = centre[:, None] / np.sqrt(width) + stream.standard_normal((len(centre), width))
    return block


def _mixed(link: float, agree: float, differ: float) -> float:
    return (1 + link) / 2 * agree + (1 - link) / 2 * differ


def _bayes(rho: float, signal: float, cue_signal: float) -> tuple[float, float]:
    """Accuracy of the training law's Bayes rule where the background agrees with the label, and where it does not."""
    if rho == 1.0:
        length = np.hypot(signal, cue_signal)
        return float(ndtr(length)), float(ndtr((signal**2 - cue_signal**2) / length))
    cue = np.linspace(-cue_signal - 10, cue_signal + 10, 20_001)  # the sum over the grid is exact to rounding
    toward = np.logaddexp(np.log1p(rho) + cue_signal * cue, np.log1p(-rho) - cue_signal * cue)
    against = np.logaddexp(np.log1p(-rho) + cue_signal * cue, np.log1p(rho) - cue_signal * cue)
    right = ndtr(signal + (toward - against) / (2 * signal))
    weight = np.exp(-((cue - cue_signal) ** 2) / 2)
    return float(right @ weight / weight.sum()), float(right @ weight[::-1] / weight.sum())
