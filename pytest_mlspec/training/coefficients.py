"""The coefficients of linear models, whichever library they come from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.training.torch_models import as_numpy, is_torch_module

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float64]

_SCALERS = {"StandardScaler": "divide", "MaxAbsScaler": "divide", "RobustScaler": "divide", "MinMaxScaler": "multiply"}
_HARMLESS = ("Flatten", "Identity", "Dropout", "Sigmoid", "LogSigmoid", "Softmax", "LogSoftmax")
"""torch layers without parameters that leave a linear model one: they rearrange, or follow the linear layer."""

_SHOWN = 6
"""So many columns are named in a message."""


def absolute_coefficients(
    model: object, *, output: str | None = None, columns: Sequence[str] | None = None
) -> FloatArray:
    """How much a linear model's output changes per unit of each feature, summed over classes.

    Args:
        model: a fitted scikit-learn model with ``coef_``, alone, behind scalers in a pipeline or found by a search; a
            ``torch.nn.Linear``, alone or with layers without parameters in a ``Sequential``; a skorch net of those.
        output: what a torch module returns. Logits of several classes, and scores before a softmax, count by how far
            a class's coefficient is from the mean over classes: what all classes share moves no probability.
        columns: the names of the features, for coefficients in their order: a model that was fitted on a frame keeps
            the names of its columns, and the same columns may stand in another order.

    Returns:
        (features,) at least 0, in units of the output per unit of the feature that goes into the whole model.

    Raises:
        TypeError: the model is not linear, or its coefficients belong to columns that the data do not have.
        ValueError: the model was fitted on columns of other names.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> model = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [0, 3, -1])
        >>> absolute_coefficients(model).round(6).tolist()
        [3.0, 1.0]
    """
    found = _unwrapped(model)
    fitted_on = None if columns is None else _fitted_on(found)
    if is_torch_module(found):
        weights = _of_torch(found, output)  # type: ignore[arg-type]
    elif _is_pipeline(found):
        *before, last = _steps(found)
        weights = _of_estimator(_unwrapped(last))
        for step in before:
            weights = weights * _factors(step, model)
    else:
        weights = _of_estimator(found)
    total: FloatArray = np.abs(weights).sum(axis=0)
    return total if columns is None or fitted_on is None else total[_places(columns, fitted_on, model)]


def _unwrapped(model: object) -> object:
    """The model that a search found, or the module of a skorch net."""
    best = getattr(model, "best_estimator_", None)
    if best is not None:
        return _unwrapped(best)
    module = getattr(model, "module_", None)
    return module if is_torch_module(module) else model


def _is_pipeline(model: object) -> bool:
    if "sklearn.pipeline" not in sys.modules:
        return False
    from sklearn.pipeline import Pipeline

    return isinstance(model, Pipeline)


def _steps(pipeline: object) -> list[object]:
    return [step for _, step in pipeline.steps if step not in (None, "passthrough")]  # type: ignore[attr-defined]


def _fitted_on(model: object) -> list[str] | None:
    """The columns of the frame that the model was fitted on, which the first step of a pipeline has seen."""
    first = _unwrapped(_steps(model)[0]) if _is_pipeline(model) else model
    names = getattr(first, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _places(columns: Sequence[str], fitted_on: list[str], model: object) -> list[int]:
    """Where among the coefficients each column of the data has its own."""
    if sorted(columns) != sorted(fitted_on):
        new = [name for name in columns if name not in fitted_on]
        gone = [name for name in fitted_on if name not in columns]
        apart = [f"only the data have {_few(new)}"] * bool(new) + [f"only the model has {_few(gone)}"] * bool(gone)
        raise ValueError(
            f"{type(model).__name__} was fitted on the columns {_few(fitted_on)}, and the data have {_few(columns)}: "
            f"{', '.join(apart)}. Give the columns that the model was fitted on"
        )
    return [fitted_on.index(name) for name in columns]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _factors(step: object, model: object) -> FloatArray | float:
    """By how much a scaler stretches every column."""
    kind = type(step).__name__
    if kind not in _SCALERS or type(step).__module__.partition(".")[0] != "sklearn":
        raise TypeError(
            f"the coefficients of {type(model).__name__} belong to what {kind} makes of the columns, not to those "
            "of the data: use gradient_share, or permute the columns"
        )
    scale = getattr(step, "scale_", None)
    if scale is None:  # with_std=False, with_scaling=False
        return 1.0
    return 1.0 / np.asarray(scale) if _SCALERS[kind] == "divide" else np.asarray(scale)


def _of_estimator(model: object) -> FloatArray:
    weights = getattr(model, "coef_", None)
    if weights is None:
        raise TypeError(_not_linear(model))
    dense = weights.toarray() if hasattr(weights, "toarray") else weights
    return np.atleast_2d(np.asarray(dense, dtype=np.float64))


def _of_torch(module: torch.nn.Module, output: str | None) -> FloatArray:
    """(outputs, features) the weights of the one linear layer."""
    layers = _layers(module)
    linear = [layer for layer in layers if type(layer).__name__ == "Linear"]
    others = [type(layer).__name__ for layer in layers if type(layer).__name__ not in ("Linear", *_HARMLESS)]
    if len(linear) != 1 or others:
        raise TypeError(_not_linear(module))
    weights = as_numpy(linear[0].weight).astype(np.float64)
    softmax = output == "logits" or any(type(layer).__name__ in ("Softmax", "LogSoftmax") for layer in layers)
    return weights - weights.mean(axis=0) if softmax and len(weights) > 1 else weights


def _layers(module: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers of nested ``Sequential``s in order; any other module is one layer."""
    if type(module).__name__ != "Sequential":
        return [module]
    return [layer for child in module.children() for layer in _layers(child)]


def _not_linear(model: object) -> str:
    return (
        f"{type(model).__name__} has no coefficients: only linear models have (`coef_`, or one torch.nn.Linear). "
        "Use gradient_share, or permute the columns"
    )
