"""Sentences about people at work, and past decisions that leaned on who was expected in which work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.data.generators.draws import between, coin, refuse, require_every, sizes, streams, variables
from pytest_mlspec.data.splits import Splits

SHARE_WOMEN: Mapping[str, float] = {
    "midwife": 0.97,
    "secretary": 0.93,
    "receptionist": 0.90,
    "nurse": 0.88,
    "dietitian": 0.85,
    "librarian": 0.79,
    "teacher": 0.74,
    "psychologist": 0.69,
    "writer": 0.61,
    "bartender": 0.56,
    "pharmacist": 0.52,
    "doctor": 0.42,
    "judge": 0.38,
    "farmer": 0.27,
    "chef": 0.24,
    "programmer": 0.19,
    "guard": 0.14,
    "pilot": 0.08,
    "mechanic": 0.04,
    "plumber": 0.02,
}
"""Occupation -> share of women in it: made up in the likeness of a census, not taken from one."""

_WORDS = ("little", "long")
_LABELS = ("rejected", "invited")


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupationsTruth:
    """What follows from the law of :func:`occupations`.

    Attributes:
        slope: of P(invited | she) - P(invited | he) over ``share_women``, per unit of share, in the biased law.
        mean_change: that difference averaged over the occupations.
        biased: accuracy on ``test`` of the best rule, which leans on the pronoun.
        blind: accuracy on ``test`` of the best rule that sees the experience alone.
    """

    slope: float
    mean_change: float
    biased: float
    blind: float


def occupations(
    n: int = 5000, seed: int = 0, *, slope: float = 0.76, experience: float = 0.25, balanced: bool = False
) -> Splits:
    """Sentences such as "she works as a nurse with long experience", and whether the person was invited.

    Occupation, pronoun and experience are drawn independently, each value equally often. With g = +1 for she, -1 for
    he, e = +1 for long, -1 for little experience and w the share of women in the occupation,

        P(invited) = 1 / 2 + experience * e + slope * (w - 1 / 2) * g / 2,

    so that changing he to she changes it by slope * (w - 1 / 2). With ``balanced`` the labels of ``train`` are drawn
    without the last term, as if every decision had been taken without looking at the pronoun; the sentences and all
    other parts stay the same.

    Args:
        n: rows in each part, at least 200, so that every occupation occurs.
        seed: of all draws; the parts have independent streams, and the first rows stay the same when n grows.
        slope: how much the decisions lean on the pronoun, per unit of ``share_women``.
        experience: how much they go by the experience, in [0, 0.5].
        balanced: whether ``train`` is free of the lean.

    Returns:
        ``train`` and ``test``, and the sentences of ``test`` with every pronoun made ``he``, and made ``she``: matched
        pairs, row by row. X of shape (n,) holds text, y ``"invited"`` (positive) or ``"rejected"``. Columns:
        ``occupation``, ``share_women`` (made-up shares in [0, 1]), ``pronoun`` (as drawn, in all parts),
        ``experience``. Only 80 different sentences exist, so that most rows of one part are found in another.

    Raises:
        ValueError: too few rows, a parameter outside its range, or slope and experience that make a probability leave
            [0, 1]; all bad arguments are named.

    Source:
        D'Amour et al., "Underspecification presents challenges for credibility in modern machine learning" (2022),
        section 7, for the slope over occupations; Zhao et al., "Gender bias in coreference resolution" (2018), for
        data balanced by swapping.

    Example:
        >>> sentences = occupations()
        >>> print(sentences.he.X[0], "/", sentences.she.X[0])
        he works as a bartender with long experience / she works as a bartender with long experience
    """
    refuse([*sizes(n, seed, 200), *_faults(slope, experience), *_not_a_switch(balanced)])
    stream = streams(seed, "train", "test")
    train = _draw("train", n, 0.0 if balanced else slope, experience, stream["train"])
    test = _draw("test", n, slope, experience, stream["test"])
    return Splits(
        train=train,
        test=test,
        he=test.perturb(_with_he, name="he"),
        she=test.perturb(_with_she, name="she"),
        max_duplicates=1.0,  # the law knows 80 sentences: equal rows are independent draws, not copies
        name="occupations",
    )


def occupations_truth(*, slope: float = 0.76, experience: float = 0.25) -> OccupationsTruth:
    """The figures that follow from the law of :func:`occupations`, with the same parameters.

    A rule is right on a sentence with probability P(invited) or 1 - P(invited); the accuracies are averages over the
    80 sentences. They are equal while experience outweighs the lean everywhere, as by default: accuracy cannot see it.

    Raises:
        ValueError: as in :func:`occupations`.

    Example:
        >>> truth = occupations_truth()
        >>> round(truth.slope, 2), round(truth.blind, 2), round(truth.biased, 3)
        (0.76, 0.75, 0.75)
    """
    refuse(_faults(slope, experience))
    lean = slope * (np.array(list(SHARE_WOMEN.values())) - 0.5)
    invited = 0.5 + np.array([e * experience + g * lean / 2 for e in (1, -1) for g in (1, -1)])
    return OccupationsTruth(
        slope=slope,
        mean_change=float(lean.mean()),
        biased=float(np.maximum(invited, 1 - invited).mean()),
        blind=0.5 + experience,
    )


def _faults(slope: float, experience: float) -> list[str]:
    faults = [between("slope", slope, -2.0, 2.0), between("experience", experience, 0.0, 0.5)]
    furthest = max(abs(share - 0.5) for share in SHARE_WOMEN.values())
    if not any(faults) and experience + abs(slope) * furthest / 2 > 0.5:
        faults.append(
            f"expected experience + {furthest / 2:g} * |slope| <= 0.5, so that probabilities stay in [0, 1]; got "
            f"slope={slope!r}, experience={experience!r}"
        )
    return faults


def _not_a_switch(balanced: object) -> list[str]:
    return [] if isinstance(balanced, bool) else [f"expected balanced as True or False; got balanced={balanced!r}"]


def _draw(part: str, n: int, slope: float, experience: float, stream: np.random.Generator) -> Dataset:
    random = variables(stream, "occupation", "pronoun", "experience", "label")
    names = np.array(list(SHARE_WOMEN))
    work = names[random["occupation"].integers(len(names), size=n)]
    require_every(part, work, list(SHARE_WOMEN), "occupation")
    share = np.array([SHARE_WOMEN[name] for name in work])
    she, long = coin(random["pronoun"], n), coin(random["experience"], n)
    label = coin(random["label"], n, 0.5 + experience * long + slope * (share - 0.5) * she / 2)
    columns: dict[str, Vector] = {
        "occupation": work,
        "share_women": share,
        "pronoun": np.where(she > 0, "she", "he"),
        "experience": np.array(_WORDS)[(long > 0).astype(int)],
    }
    rows = zip(columns["pronoun"], work, columns["experience"], strict=True)
    sentences = np.array([f"{who} works as a {name} with {length} experience" for who, name, length in rows])
    y = np.array(_LABELS)[(label > 0).astype(int)]
    require_every(part, y, _LABELS, "class")
    return Dataset(sentences, y, columns=columns, positive="invited")


def _with_he(X: Vector) -> Vector:
    return np.array([f"he {sentence.split(' ', 1)[1]}" for sentence in X])


def _with_she(X: Vector) -> Vector:
    return np.array([f"she {sentence.split(' ', 1)[1]}" for sentence in X])
