"""Metrics of calibration: how far probabilities are from what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pytest_mlspec.metrics.cases import measured, probabilities_of
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.metrics.evidence.binned import Binning, ClassWise, TopLabel
from pytest_mlspec.predictions import Predictions, predict

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

Kind: TypeAlias = Literal["top-label", "class-wise"]


def ece(
    model: object,
    data: Dataset | None = None,
    *,
    bins: int = 15,
    kind: Kind = "top-label",
    binning: Binning = "width",
) -> Estimate:
    """Binned expected calibration error: the mean over cases of |confidence - accuracy| of their bin.

    Args:
        model: an ensemble, a trained model, a list of retrainings, or predictions (then ``data`` is left out).
        data: the dataset or slice.
        bins: number of bins on [0, 1].
        kind: ``"top-label"`` takes the top probability and whether its class is the true one; ``"class-wise"`` the
            mean over classes of the error of each class probability.
        binning: ``"width"`` for bins of equal width, [edge, next edge), the last one closed; ``"mass"`` for bins of
            equally many of these cases (top-label only).

    Returns:
        Estimate in [0, 1]; smaller is better. Its bounds are about the binned error of the population
        (asymptotic, checked; an exact betting form below level 0.01).

    Raises:
        TypeError, ValueError: no probabilities, outputs that do not fit the data, unknown arguments.

    Source:
        Naeini, Cooper & Hauskrecht 2015; class-wise: Kull et al. 2019.
    """
    _check("ece", bins, kind, binning)
    predictions = predict(model, data)
    probabilities = probabilities_of(predictions, "ece")
    if kind == "class-wise":
        evidence: Evidence = ClassWise(
            probabilities=probabilities,
            codes=predictions.y_codes,
            bins=bins,
            cluster_codes=predictions.cluster_codes,
            cluster_name=predictions.cluster_name,
        )
    else:
        evidence = _top_label(predictions, bins, binning, worst=False)
    return measured(predictions, "ece", evidence, bins=bins, kind=kind, binning=binning)


def mce(model: object, data: Dataset | None = None, *, bins: int = 15, binning: Binning = "width") -> Estimate:
    """Binned maximum calibration error: |confidence - accuracy| of the worst bin that holds cases.

    Arguments as ``ece`` with ``kind="top-label"``; a bin of few cases leaves it undecided.

    Source:
        Naeini, Cooper & Hauskrecht 2015.
    """
    _check("mce", bins, "top-label", binning)
    predictions = predict(model, data)
    probabilities_of(predictions, "mce")
    evidence = _top_label(predictions, bins, binning, worst=True)
    return measured(predictions, "mce", evidence, bins=bins, binning=binning)


def _check(metric: str, bins: object, kind: str, binning: str) -> None:
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 2:
        raise ValueError(f"bins is a number of bins, 2 or more; got {metric}(bins={bins!r})")
    if kind not in ("top-label", "class-wise"):
        raise ValueError(f'kind is "top-label" or "class-wise"; got {metric}(kind={kind!r})')
    if binning not in ("width", "mass"):
        raise ValueError(f'binning is "width" or "mass"; got {metric}(binning={binning!r})')
    if kind == "class-wise" and binning == "mass":
        raise ValueError(
            'class-wise calibration is binned by width: leave out binning="mass", or take kind="top-label"'
        )


def _top_label(predictions: Predictions, bins: int, binning: Binning, *, worst: bool) -> TopLabel:
    confidence, hits = predictions.top_probability, predictions.top_hits
    assert confidence is not None and hits is not None  # probabilities were asked for
    return TopLabel(
        confidence=confidence,
        hits=hits,
        bins=bins,
        binning=binning,
        worst=worst,
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )
