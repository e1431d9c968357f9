"""How retrainings differ from one stress to another: one line per member over parallel axes, one axis per dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pytest_mlspec.metrics.estimate import Estimate, check_confidence
from pytest_mlspec.metrics.profiles.axes import Axis, Interval, Profile
from pytest_mlspec.stats.bounds import FloatArray
from pytest_mlspec.verdict import Terms, configured_terms

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

__all__ = ["Axis", "Interval", "Profile", "profile"]

Metric: TypeAlias = Callable[[object, "Dataset"], Estimate]
CLEAN = "clean"
WITHOUT_NOISE = "the clean seed std, test-set noise taken out"
PLAIN = "the plain clean std, because without test-set noise it cannot be told from 0"
NO_UNIT = "nothing: the members are equal on the clean data"


def profile(
    metric: Metric,
    model: object,
    clean: Dataset,
    stresses: Mapping[str, Dataset],
    *,
    confidence: float | None = None,
    max_loss: float | None = None,
) -> Profile:
    """Measure every retraining on clean data and on each stress: who is good at what, and how far they lie apart.

    It judges nothing. A requirement on the same numbers is ``@underspecification``, ``@stress`` or ``@seed_variance``.

    Args:
        metric: a function of model and dataset that returns an estimate, such as ``metrics.accuracy``.
        model: an ensemble, or a list of at least two retrainings.
        clean: cases like those of training, none of which trained the model.
        stresses: the shifted or perturbed data by name.
        confidence: of each bound; by default the configured one, else 0.95.
        max_loss: the largest absolute error of one case, without which the spread of an RMSE or MAE has no upper bound.

    Returns:
        A value per member and axis, with bounds for the standard deviation over seeds and for its quotient to the one
        on the clean data.

    Raises:
        TypeError: what the metric returns is no plain estimate, or the stresses are no mapping to datasets.
        ValueError: fewer than two retrainings, no stress, one that changed nothing, cases that trained the model,
            values that are not finite.

    Source:
        D'Amour, Heller et al. 2022, JMLR 23(226), figure 2: members on parallel axes, scaled by the standard deviation
        on the clean axis.

    Example:
        >>> import numpy as np
        >>> from pytest_mlspec import Dataset, metrics
        >>> class Reads:
        ...     def __init__(self, column):
        ...         self.column = column
        ...     def predict(self, X):
        ...         return X[:, self.column].astype(int)
        >>> y = np.tile([0, 1], 50)
        >>> clean = Dataset(np.stack([y, y], axis=1).astype(float), y)
        >>> half = clean.perturb(lambda X: X * [1, 0], name="second column is lost")
        >>> members = profile(metrics.accuracy, [Reads(0), Reads(1)], clean, {"lost": half})
        >>> [axis.values for axis in members.axes]
        [(1.0, 1.0), (1.0, 0.5)]
    """
    asked = _checked_stresses(clean, stresses)
    terms = _terms(confidence, max_loss)
    measured = {name: _measured(metric, model, data, name) for name, data in asked.items()}
    base = measured[CLEAN]
    spread = base.seed_std()
    unit, unit_is = _unit(_bounded(spread, terms), base.values)
    axes = tuple(
        _axis(name, estimate, None if name == CLEAN else spread, unit, terms) for name, estimate in measured.items()
    )
    said = base.predictions
    return Profile(
        metric=base.subject,
        model=said.name,
        seeds=tuple(int(seed) for seed in said.seeds),
        confidence=terms.confidence,
        axes=axes,
        unit=unit,
        unit_is=unit_is,
    )


def _checked_stresses(clean: Dataset, stresses: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """All datasets by name, the clean one first."""
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.perturbing import equal_features

    if not isinstance(stresses, Mapping):
        raise TypeError(f"expected stresses as a mapping from names to datasets; got stresses={stresses!r}")
    if not stresses:
        raise ValueError("expected at least one stress, as in {'contrast': test.perturb(contrast(3))}; got stresses={}")
    for name, data in ((CLEAN, clean), *stresses.items()):
        if not isinstance(name, str):
            raise TypeError(f"a stress is named by text; got {name!r}")
        if not isinstance(data, Dataset):
            raise TypeError(f"expected a Dataset for {name!r}; got {type(data).__name__}: Splits hold them by part")
    if CLEAN in stresses:
        raise ValueError(f"{CLEAN!r} is the name of the first axis: call the stress by what was done to the data")
    for name, data in stresses.items():
        before = data.unperturbed
        if data is clean or (before is not None and equal_features(data, before)):
            raise ValueError(f"the stress {name!r} changed nothing: {data.title} is the clean data, the first axis")
    return {CLEAN: clean, **stresses}


def _terms(confidence: float | None, max_loss: float | None) -> Terms:
    terms = configured_terms()
    if confidence is not None:
        terms = replace(terms, confidence=check_confidence(confidence))
    return terms if max_loss is None else replace(terms, max_loss=max_loss)


def _measured(metric: Metric, model: object, data: Dataset, name: str) -> Estimate:
    from pytest_mlspec.metrics.judging.refusals import refuse_training_rows

    estimate = metric(model, data)
    if not isinstance(estimate, Estimate) or estimate.form != "level" or estimate.whole_ensemble:
        found = estimate.subject if isinstance(estimate, Estimate) else type(estimate).__name__
        raise TypeError(f"expected a metric with a value per member, such as metrics.accuracy; got {found} on {name!r}")
    if not estimate.predictions.retrained or len(estimate.values) < 2:
        raise ValueError(
            f"a profile shows how retrainings differ: expected at least 2 members, got n_members="
            f"{len(estimate.values)} of {estimate.predictions.name}"
        )
    refuse_training_rows(estimate)
    if not np.isfinite(estimate.values).all():
        raise ValueError(f"{estimate.subject} has no finite value on {name!r}, {data.title}: are there cases to ask?")
    return estimate


def _unit(spread: Interval, clean: FloatArray) -> tuple[float, str]:
    """The standard deviation on the clean data that deviations are counted in, and which one it is."""
    if spread.low > 0:
        return spread.value, WITHOUT_NOISE
    plain = float(np.std(clean, ddof=1))
    # What is left between equal values is rounding.
    return (plain, PLAIN) if plain > 1e-12 * float(np.abs(clean).max()) else (0.0, NO_UNIT)


def _axis(name: str, estimate: Estimate, clean: Estimate | None, unit: float, terms: Terms) -> Axis:
    """One axis; ``clean`` is the spread on the clean data, ``None`` on its own axis."""
    spread = estimate.seed_std()
    away = estimate.values - estimate.values.mean()
    deviations = away / unit if unit else np.full(len(away), np.nan)
    return Axis(
        name=name,
        data=estimate.predictions.title,
        n_examples=int(estimate.predictions.n_examples),
        values=tuple(map(float, estimate.values)),
        std=_bounded(spread, terms),
        quotient=None if clean is None else _bounded(spread / clean, terms),
        deviations=tuple(map(float, deviations)),
    )


def _bounded(estimate: Estimate, terms: Terms) -> Interval:
    bounds = estimate.evidence.bounds(terms.level, terms)
    low, high = float(bounds.low[0]), float(bounds.high[0])
    return Interval(value=float(estimate.values[0]), low=low, high=high, reason=bounds.reason)
