"""Metrics of one's own: a function of (y, predictions) becomes a metric with bounds."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.cases import settings
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.resampled import Resampled
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

Array = npt.NDArray[np.generic]
PerCase = Callable[..., object]


class Metric(Protocol):
    """A metric as users call it."""

    def __call__(self, model: object, data: Dataset | None = None, **arguments: object) -> Estimate: ...


def metric(
    *,
    greater_is_better: bool,
    low: float | None = 0.0,
    high: float | None = 1.0,
    bound: Literal["bootstrap"] | None = None,
) -> Callable[[PerCase], Metric]:
    """Make a metric of a function of ``(y, predictions)``.

    The function sees one member at a time: ``predictions.labels``, ``.probabilities``, ``.values``, ``.classes``
    and ``.column(name)``. It returns one value per case, whose mean is the metric, or with ``bound="bootstrap"`` one
    number. Keywords that it takes further are keywords of the metric.

    Args:
        greater_is_better: whether large values are good.
        low: the smallest value that a case can have; ``None``: there is no limit.
        high: the largest value that a case can have; ``None``: only ``max_loss`` on the marker can say so.
        bound: ``"bootstrap"`` for functions that return one number (class *approximate*, undecided below 50 cases).

    Returns:
        A decorator. The metric takes ``(model, data=None, **keywords)`` and returns an Estimate. Booleans are bounded
        by Clopper-Pearson (exact), other values per case by betting (exact).

    Raises:
        TypeError: the function is not one of ``(y, predictions)``.
        ValueError: ``low`` is not below ``high``, or ``bound`` is unknown.

    Example:
        >>> from pytest_mlspec.predictions import Predictions
        >>> @metric(greater_is_better=False)
        ... def sure_and_wrong(y, predictions, sure=0.9):
        ...     return (predictions.probabilities.max(axis=1) > sure) & (predictions.labels != y)
        >>> sure_and_wrong(Predictions(y=[0, 1], probabilities=[[0.99, 0.01], [0.95, 0.05]])).value
        0.5
    """
    if bound not in (None, "bootstrap"):
        raise ValueError(f'bound is "bootstrap" or left out; got bound={bound!r}')
    if low is not None and high is not None and not low < high:
        raise ValueError(f"expected low < high, the range of one case's value; got low={low!r}, high={high!r}")

    def decorate(function: PerCase) -> Metric:
        _check_signature(function)

        @functools.wraps(function)
        def measure(model: object, data: Dataset | None = None, **arguments: object) -> Estimate:
            predictions = predict(model, data)
            asked = _Asked(function=function, arguments=arguments, predictions=predictions)
            evidence = _resampled(asked) if bound == "bootstrap" else _per_case(asked, low, high)
            return Estimate(
                predictions=predictions,
                metric=asked.name,
                settings=settings(**arguments),
                evidence=evidence,
                greater_is_better=greater_is_better,
            )

        return measure

    return decorate


def _check_signature(function: PerCase) -> None:
    if not callable(function):
        raise TypeError(f"metric(...) decorates a function of (y, predictions); got {function!r}")
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) < 2:
        names = ", ".join(parameter.name for parameter in parameters)
        raise TypeError(f"expected a function of (y, predictions); got {function.__name__}({names})")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What one member said about some cases, as a metric of one's own sees it.

    Args:
        predictions: all of it.
        member: the position of the member.
        rows: (cases,) positions of the cases; ``None``: all.
    """

    predictions: Predictions
    member: int = 0
    rows: IntArray | None = None

    def _cases(self, array: Array) -> Array:
        chosen: Array = array if self.rows is None else array[self.rows]
        return chosen

    @property
    def y(self) -> Array:
        """(cases,) the truth."""
        return self._cases(self.predictions.y)

    @property
    def classes(self) -> Array | None:
        """(classes,) in the order of the probability columns."""
        return self.predictions.classes

    @property
    def probabilities(self) -> Array:
        """(cases, classes), rows sum to 1."""
        return self._cases(self._member("probabilities", self.predictions.probabilities))

    @property
    def labels(self) -> Array:
        """(cases,) labels as they stand in ``y``."""
        codes = self._member("labels", self.predictions.labels)
        assert self.classes is not None
        named: Array = self.classes[self._cases(codes)]
        return named

    @property
    def values(self) -> Array:
        """(cases,) predicted numbers."""
        return self._cases(self._member("values", self.predictions.values))

    def column(self, name: str) -> Array:
        """(cases,) a column of the dataset."""
        return self._cases(self.predictions.columns[name])

    def _member(self, what: str, array: Array | None) -> Array:
        if array is None:
            raise ValueError(f"{what} are needed, and {self.predictions.lacks(what)}")
        own: Array = array[self.member]
        return own

    def __len__(self) -> int:
        return self.predictions.n_examples if self.rows is None else len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    function: PerCase
    arguments: dict[str, object]
    predictions: Predictions

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def answer(self, member: int, rows: IntArray | None = None) -> Array:
        said = Said(predictions=self.predictions, member=member, rows=rows)
        return np.asarray(self.function(said.y, said, **self.arguments))


def _per_case(asked: _Asked, low: float | None, high: float | None) -> Evidence:
    predictions = asked.predictions
    rows = [
        _checked_row(asked.answer(member), predictions.n_examples, asked.name)
        for member in range(predictions.n_members)
    ]
    if all(row.dtype.kind == "b" for row in rows) and (low, high) == (0.0, 1.0):
        hits = np.stack(rows).view(np.uint8)
        return Rate(hits=hits, unit="examples", cluster_codes=predictions.cluster_codes)
    values = np.stack([row.astype(np.float64) for row in rows])
    smallest, largest = float(values.min()), float(values.max())
    if (low is not None and smallest < low) or (high is not None and largest > high):
        raise ValueError(
            f"{asked.name} declares values per case in [{low}, {high}]; got values from {smallest:.4g} to "
            f"{largest:.4g}: give metric(low=..., high=...) the range of one case's value"
        )
    return Mean(
        losses=values,
        low=low,
        high=high,
        declared="loss" if high is None else "nothing",
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )


def _checked_row(row: Array, n_examples: int, name: str) -> Array:
    if row.ndim == 0:
        raise ValueError(
            f"{name} returned one number: return one value per case, shape ({n_examples},), "
            'or declare metric(bound="bootstrap")'
        )
    if row.shape != (n_examples,) or row.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} must return one number per case, shape ({n_examples},); got shape {row.shape} of {row.dtype}"
        )
    if row.dtype.kind == "f" and not np.isfinite(row).all():
        case = int(np.flatnonzero(~np.isfinite(row))[0])
        raise ValueError(
            f"{name} returned {row[case]} for the case at position {case}: every case needs a finite value"
        )
    return row


def _resampled(asked: _Asked) -> Resampled:
    def statistic(member: int, rows: IntArray) -> float:
        found = asked.answer(member, rows)
        if found.ndim:
            raise ValueError(f'{asked.name} with bound="bootstrap" must return one number; got shape {found.shape}')
        return float(found)

    predictions = asked.predictions
    return Resampled(
        statistic=statistic,
        n_members=predictions.n_members,
        rows=np.arange(predictions.n_examples),
        cluster_codes=predictions.cluster_codes,
        name=asked.name,
    )
