"""Which classes probability columns are about, and in which order: that of the data, which messages go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.predictions.arrays import Labels

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.training.ensemble import Ensemble


def merged_classes(ensemble: Ensemble, data: Dataset) -> Labels | None:
    """The classes of the dataset and, after them, those that only a member knows; ``None`` for numbers.

    The order is that of the dataset, because it is what probability columns, codes and messages go by.

    Raises:
        ValueError: not one class of a member is a class of the dataset.
    """
    from pytest_mlspec.training import models

    families = {models.family(member, ensemble.output) for member in ensemble.members}
    if ensemble.output == "values" or "regressor" in families:
        return None
    known = [] if data.classes is None else data.classes.tolist()
    lists = [models.model_classes(member) for member in ensemble.members]
    named = [own.tolist() for own in lists if own is not None]
    if ensemble.classes is not None:
        named.append(list(ensemble.classes))
    for own in named:
        if known and not set(own) & set(known):
            raise ValueError(
                f"{ensemble.name!r} knows the classes {own[:5]}, {data!r} has {known[:5]}: not one in common. "
                "Give y the labels that the model was trained on"
            )
    merged = list(dict.fromkeys([*known, *(name for own in named for name in own)]))
    if merged == known:
        return data.classes
    return np.asarray(merged) if merged else None


def unclear_column(ensemble: Ensemble, member: object, data: Dataset) -> str:
    """Why one column of probabilities could be about either class; empty where it is that of the second."""
    from pytest_mlspec.training import models

    known, positive = data.classes, data.positive
    declared = ensemble.classes is not None or models.model_classes(member) is not None
    if declared or known is None or known.tolist()[-1] == positive:
        return ""
    order = known.tolist()
    return (
        f"{ensemble.name!r} returns one column of probabilities and nobody said which of the classes {order} it is "
        f"about (the positive class is {positive!r}): declare it as the last one, classes={order} or "
        f"classes={order[::-1]}, as in `Ensemble.of(model, output=..., classes=...)`"
    )
