"""What is worked out of the outputs of a whole: hits, top labels and scores of one class, each kept once made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pytest_mlspec.predictions.arrays import Scores
    from pytest_mlspec.predictions.predictions import Predictions

Hits = npt.NDArray[np.uint8]


def locked(made: object) -> object:
    """An array as a view that nobody can write into; anything else as it is."""
    if not isinstance(made, np.ndarray) or not made.flags.writeable:
        return made
    view = made.view()
    view.flags.writeable = False
    return view


def scores(said: Predictions, positive: object) -> Scores | None:
    """(members, examples) larger where ``positive`` is more likely: its probability, else the decision function."""
    code = said.class_code(positive)
    if said._source.has_probabilities:
        probabilities = said.probabilities
        return None if probabilities is None else probabilities[:, :, code]
    decisions = said._part("decisions", said._source.decisions)
    if decisions is None:
        return None
    if decisions.ndim == 3:
        return decisions[:, :, code]
    return decisions if code == 1 else -decisions


def label_hits(whole: Predictions) -> Hits:
    """(members, examples) 1 where the label is right.

    Raises:
        ValueError: the model gives no labels.
    """
    labels = whole.labels
    if labels is None:
        raise ValueError(f"labels are needed and {whole.lacks('labels')}")
    right: npt.NDArray[np.bool_] = np.equal(labels, whole.y_codes)
    return right.view(np.uint8)


def top_probability(whole: Predictions) -> Scores | None:
    """(members, examples) the probability of the most probable class, or ``None``."""
    _look_at_tops(whole)
    return whole._kept.get("top_probability")  # type: ignore[return-value]


def top_hits(whole: Predictions) -> Hits | None:
    """(members, examples) 1 where the most probable class is right, or ``None`` without probabilities."""
    _look_at_tops(whole)
    return whole._kept.get("top_hits")  # type: ignore[return-value]


def _look_at_tops(whole: Predictions) -> None:
    """The top probability and whether its class is right come from one look at the probabilities."""
    from pytest_mlspec.stats.calibration_table import top_label

    probabilities = whole.probabilities
    if probabilities is not None:
        confidence, hits = top_label(probabilities, whole.y_codes)
        whole._kept.update(top_probability=locked(confidence), top_hits=locked(hits.view(np.uint8)))
