"""Reliance read off the model: the share of its coefficients, or of its gradient, that lies on named features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.cases import measured
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import FloatArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.data.positions import NamedFeatures
    from pytest_mlspec.training import Ensemble

__all__ = ["coefficient_share", "gradient_share"]


def coefficient_share(model: object, data: Dataset, features: object) -> Estimate:
    """Share of a linear model's absolute coefficients that lies on the named features.

    Coefficients are taken in units of the columns' standard deviations, |w_j| s_j / sum_k |w_k| s_k, and summed over
    classes; a scaler in front of the model counts as part of it. A model that was fitted on a frame has its
    coefficients by the names of the columns, in whatever order the data have them.

    Args:
        model: an ensemble, a trained model or a list of retrainings: scikit-learn models with ``coef_``, alone or
            behind scalers; a ``torch.nn.Linear``, alone or in a ``Sequential`` without other parameters.
        data: gives the names of the columns and their standard deviations (those of the whole dataset of a slice).
        features: column names of a frame, positions, a slice of positions, or a boolean mask.

    Returns:
        Estimate in [0, 1]; smaller is better. It is a property of these very members, so both bounds are the value.

    Raises:
        TypeError: the model is not linear, or ``features`` are neither names nor positions.
        ValueError: unknown or constant features, missing values, coefficients that are all 0, a model that was fitted
            on columns of other names.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> from pytest_mlspec.data import Dataset
        >>> X, y = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 3.0, 1.0, 4.0]
        >>> round(coefficient_share(LinearRegression().fit(X, y), Dataset(X, y), 1).value, 6)
        0.25
    """
    from pytest_mlspec.data.positions import feature_scales, name_features
    from pytest_mlspec.training.coefficients import absolute_coefficients

    ensemble, predictions = _asked(model, data, "coefficient_share")
    named, scales = name_features(data, features), feature_scales(data.base)
    _require_varying(data, scales, named)
    shares, columns = [], _text_names(data)
    for member in ensemble.members:
        sizes = absolute_coefficients(member, output=ensemble.output, columns=columns)
        if len(sizes) != len(scales):
            raise ValueError(
                f"{ensemble.name!r} has {len(sizes)} coefficients for {len(scales)} features of {data.title}"
            )
        shares.append(_share_of_coefficients(sizes * scales, named.positions, ensemble.name))
    evidence = Known(
        values=np.array(shares),
        n=len(scales),
        unit="coefficients",
        words="in standard deviations of the columns",
    )
    return measured(predictions, "coefficient_share", evidence, of=named.words, on=named.names)


def gradient_share(model: object, data: Dataset, features: object) -> Estimate:
    """Share of a model's gradient that lies on the named features, as a mean over cases.

    Per case the sum over the named features of |df / dx_j| s_j over its sum over all features, where f is the
    predicted number or the log-odds of the predicted class and s_j the standard deviation of the column. A case at
    which the output does not move with any feature relies on none: 0. Columns of text have no derivative and stand
    aside, which can only raise the share of the others.

    Args:
        model: an ensemble, a trained model or a list of retrainings. torch modules answer by autograd, others by
            central differences of 0.001 standard deviations (0.01 for features in single precision), two predictions
            per feature.
        data: the dataset or slice; standard deviations are those of the whole dataset.
        features: column names of a frame, positions within one example (flattened), a slice of them, or a boolean mask
            of the shape of one example.

    Returns:
        Estimate in [0, 1]; smaller is better; bounded by betting (exact, with the standard deviations as given).

    Raises:
        TypeError: labels only, features that are no numbers or neither names nor positions.
        ValueError: unknown or constant features, a model without a gradient, such as a forest.

    Source:
        Simonyan, Vedaldi & Zisserman 2013, arXiv 1312.6034, section 3 (the size of the gradient of a class score).
    """
    from pytest_mlspec.data.positions import feature_scales, name_features

    ensemble, predictions = _asked(model, data, "gradient_share")
    named, scales = name_features(data, features), feature_scales(data.base)
    _require_varying(data, scales, named)
    shares = [_share_of_gradient(member, ensemble, data, scales, named.positions) for member in ensemble.members]
    evidence = Mean(
        losses=np.stack(shares),
        high=1.0,
        declared="nothing",
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
    )
    return measured(predictions, "gradient_share", evidence, of=named.words, on=named.names)


def _asked(model: object, data: Dataset, metric: str) -> tuple[Ensemble, Predictions]:
    """The models, and the predictions that carry name, seeds and lineage (nothing is predicted yet)."""
    from pytest_mlspec.training import Ensemble

    if isinstance(model, Predictions):
        raise TypeError(f"{metric} looks into the model, and {model!r} hold none: give the model or the ensemble")
    predictions = predict(model, data)
    return Ensemble.of(model), predictions


def _require_varying(data: Dataset, scales: FloatArray, named: NamedFeatures) -> None:
    """Raise for named features whose share would be 0 for every model."""
    for place in named.positions.tolist():
        if np.isnan(scales[place]):
            raise TypeError(f"feature {_called(data, place)} of {data.title} holds no numbers: permute it instead")
    constant = named.positions[scales[named.positions] == 0]
    if constant.size == named.positions.size or (constant.size and not named.masked):
        raise ValueError(
            f"feature {_called(data, int(constant[0]))} is constant in {data.base.title}: in units of its standard "
            "deviation no model could rely on it. Give data in which it varies"
        )


def _text_names(data: Dataset) -> list[str] | None:
    """The columns of a frame; numbers are no names to scikit-learn, which keeps them for text alone."""
    from pytest_mlspec.data.forms import frame_columns

    named = frame_columns(data.X)
    return list(named) if named and all(isinstance(key, str) for key in named.values()) else None


def _called(data: Dataset, place: int) -> str:
    from pytest_mlspec.data.forms import frame_columns

    names = list(frame_columns(data.X))
    return repr(names[place]) if names else str(place)


def _share_of_coefficients(sizes: FloatArray, positions: IntArray, name: str) -> float:
    if not np.isfinite(sizes).all():
        raise ValueError(f"expected finite coefficients and columns of numbers only; {name!r} has {sizes.tolist()[:5]}")
    total = float(sizes.sum())
    if total == 0:
        raise ValueError(f"all coefficients of {name!r} are 0: there is nothing to share out")
    return float(sizes[positions].sum()) / total


def _share_of_gradient(
    member: object, ensemble: Ensemble, data: Dataset, scales: FloatArray, positions: IntArray
) -> FloatArray:
    """(examples,) in [0, 1]."""
    from pytest_mlspec.training.gradients import MOST_STUCK, absolute_gradients, no_gradient

    sizes = absolute_gradients(member, data.X, scales, output=ensemble.output)
    if not np.isfinite(sizes).all():
        raise ValueError(f"expected finite gradients; {ensemble.name!r} has NaN or infinite ones on {data.title}")
    total = sizes.sum(axis=1)
    stuck = total == 0
    if stuck.mean() > MOST_STUCK:
        raise ValueError(no_gradient(member, int(stuck.sum()), len(stuck)))
    share: FloatArray = sizes[:, positions].sum(axis=1) / np.where(stuck, 1.0, total)
    return np.minimum(share, 1.0)
