"""What a model says about X, for every family of models: the only place that tells the families apart."""

import inspect
import sys
from typing import Literal

import numpy as np

from pytest_mlspec.training.state import StateToken, state_token
from pytest_mlspec.training.torch_models import as_numpy, forward, is_torch_module

__all__ = [
    "StateToken",
    "family",
    "is_model",
    "labels_follow_probabilities",
    "model_classes",
    "predict_labels",
    "predict_probabilities",
    "predict_scores",
    "predict_values",
    "state_token",
]

Family = Literal["classifier", "regressor", "torch", "callable", "unknown"]


def is_model(model: object) -> bool:
    """Tell whether an object can say anything about X: it has `predict`, or it can be called, and is no class."""
    return not isinstance(model, type) and (hasattr(model, "predict") or callable(model))


def family(model: object, output: str | None = None) -> Family:
    """Name the family of a model.

    Args:
        model: a trained model.
        output: what the user declared that a torch module or a callable returns.

    Returns:
        "torch", "callable", "classifier", "regressor"; "unknown" for an object with a `predict` that says neither.

    Raises:
        ValueError: a torch module or a callable without `output`; logits declared of a scikit-learn classifier.
    """
    if is_torch_module(model):
        _require_output(model, output, "torch module")
        return "torch"
    if not hasattr(model, "predict"):
        _require_output(model, output, "callable")
        return "callable"
    kind = _estimator_kind(model)
    if kind == "classifier" and output in ("logits", "values"):
        raise ValueError(
            f"output={output!r} on {type(model).__name__}: a classifier with `predict` says itself what it returns; "
            "leave `output` out"
        )
    return kind


def predict_probabilities(
    model: object, X: object, *, output: str | None = None, unclear: str = ""
) -> np.ndarray | None:
    """Give the probability of every class, where the model has probabilities.

    Logits become probabilities by softmax, one column of logits by the logistic function; one column of
    probabilities is that of the second class.

    Args:
        model: a trained model.
        X: the examples, in the form that the model takes.
        output: what a torch module or a callable returns.
        unclear: why nobody can tell which class a single column is about; empty where it is the second.

    Returns:
        (examples, classes); None when the model has no probabilities. That rows sum to 1 is not checked here.

    Raises:
        ValueError: `output` is missing, the model is multi-label or multi-output, or returns one unclear column.
    """
    kind = family(model, output)
    if output in ("labels", "values") or kind == "regressor":
        return None
    predict_proba = getattr(model, "predict_proba", None)
    if kind in ("classifier", "unknown") and predict_proba is not None:
        table = _single_output(predict_proba(X), model)
        if unclear and table.size == len(table):
            raise ValueError(unclear)
        return _two_columns(table)
    if output is None:
        return None
    raw = _two_dimensional(_raw(model, X, kind), model)
    if raw.shape[1] == 1 and unclear:
        raise ValueError(unclear)
    return _from_logits(raw) if output == "logits" else _two_columns(raw)


def predict_labels(model: object, X: object, *, output: str | None = None) -> np.ndarray | None:
    """Give the model's own labels, by its own `predict`.

    Returns:
        (examples,); None where the model has no labels of its own (regressors, torch modules and callables that do
        not declare output="labels"): the most probable class is then the caller's to take.

    Raises:
        ValueError: `output` is missing, or the model is multi-label or multi-output.
    """
    kind = family(model, output)
    if kind == "regressor" or (kind != "classifier" and output in ("probabilities", "logits", "values")):
        return None
    if kind in ("torch", "callable") and output != "labels":
        return None
    return _one_column(_raw(model, X, kind), model)


def predict_values(model: object, X: object, *, output: str | None = None) -> np.ndarray | None:
    """Give the predicted numbers of a regression model.

    Returns:
        (examples,), in the unit of y; None for classifiers and for other declared outputs.

    Raises:
        ValueError: `output` is missing, or the model has several outputs.
    """
    kind = family(model, output)
    if kind == "classifier" or (output is not None and output != "values"):
        return None
    return _one_column(_raw(model, X, kind), model)


def predict_scores(model: object, X: object, *, output: str | None = None) -> np.ndarray | None:
    """Give scores that rank examples, for AUROC: the decision function, else logits, else probabilities.

    Returns:
        (examples,): larger means the second class; or (examples, classes): larger means that class. None where
        the model says only labels or values.

    Raises:
        ValueError: `output` is missing, or the model is multi-label or multi-output.
    """
    kind = family(model, output)
    if output in ("labels", "values") or kind == "regressor":
        return None
    decision = getattr(model, "decision_function", None)
    if kind == "classifier" and decision is not None:
        return _single_output(decision(X), model)
    if output == "logits":
        logits = _two_dimensional(_raw(model, X, kind), model)
        return logits[:, 0] if logits.shape[1] == 1 else logits
    return predict_probabilities(model, X, output=output)


def model_classes(model: object) -> np.ndarray | None:
    """Give the classes in the order of the model's probability columns, where it knows them (`classes_`)."""
    if is_torch_module(model):
        return None
    classes = getattr(model, "classes_", None)
    if classes is None:
        return None
    if isinstance(classes, list) and any(np.ndim(part) for part in classes):
        raise ValueError(_several_outputs(model))
    return np.asarray(classes)


def labels_follow_probabilities(model: object) -> bool:
    """Tell whether `predict` is known to be just the most probable class of `predict_proba`.

    True for scikit-learn's forests, trees, bagging, networks and calibrated classifiers with their own two methods,
    also as the last step of a pipeline or the best estimator of a search: one pass over X then gives both.
    """
    sklearn_loaded = "sklearn" in sys.modules
    if not sklearn_loaded or any(name in getattr(model, "__dict__", ()) for name in ("predict", "predict_proba")):
        return False
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.tree import DecisionTreeClassifier

    if _same_methods(model, Pipeline):
        return labels_follow_probabilities(model.steps[-1][1])  # type: ignore[attr-defined]
    if any(_same_methods(model, search) for search in (GridSearchCV, RandomizedSearchCV)):
        return labels_follow_probabilities(model.best_estimator_)  # type: ignore[attr-defined]
    kinds = [
        RandomForestClassifier,
        ExtraTreesClassifier,
        DecisionTreeClassifier,
        BaggingClassifier,
        CalibratedClassifierCV,
    ]
    if "sklearn.neural_network" in sys.modules:
        from sklearn.neural_network import MLPClassifier

        kinds.append(MLPClassifier)  # a positive probability above 1/2, or the largest of several
    return any(_same_methods(model, kind) for kind in kinds)


def _same_methods(model: object, kind: type) -> bool:
    return isinstance(model, kind) and all(
        inspect.getattr_static(type(model), name) is inspect.getattr_static(kind, name)
        for name in ("predict", "predict_proba")
    )


def _estimator_kind(model: object) -> Literal["classifier", "regressor", "unknown"]:
    if hasattr(model, "__sklearn_tags__"):  # scikit-learn 1.6 and later
        declared = model.__sklearn_tags__().estimator_type
    else:
        declared = getattr(model, "_estimator_type", None)
    if declared in ("classifier", "regressor"):
        return "classifier" if declared == "classifier" else "regressor"
    if hasattr(model, "predict_proba") or hasattr(model, "classes_"):
        return "classifier"
    return "unknown"


def _require_output(model: object, output: str | None, kind: str) -> None:
    if output is None:
        name = getattr(model, "__name__", type(model).__name__)
        raise ValueError(
            f"output=None for the {kind} {name}: it returns bare numbers, so declare what they are, "
            "'probabilities', 'logits', 'values' or 'labels', "
            'as in `@mlspec.ensemble(output="logits")` or `Ensemble.of(model, output="logits")`'
        )


def _raw(model: object, X: object, kind: Family) -> np.ndarray:
    if kind == "torch":
        return forward(model, X)
    if kind == "callable":
        return as_numpy(model(X))  # type: ignore[operator]
    return _single_output(model.predict(X), model)  # type: ignore[attr-defined]


def _single_output(values: object, model: object) -> np.ndarray:
    if isinstance(values, list) and values and np.ndim(values[0]) > 1:
        raise ValueError(_several_outputs(model))  # one array per output, as multi-output forests return
    return as_numpy(values)


def _several_outputs(model: object) -> str:
    return f"multi-label and multi-output are not supported: {type(model).__name__} predicts several targets"


def _one_column(values: np.ndarray, model: object) -> np.ndarray:
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim == 2:
        raise ValueError(f"{_several_outputs(model)} (shape={values.shape})")
    if values.ndim != 1:
        raise ValueError(f"{type(model).__name__} predicted shape={values.shape}: expected (examples,)")
    return values


def _two_dimensional(values: np.ndarray, model: object) -> np.ndarray:
    columns = values[:, np.newaxis] if values.ndim == 1 else values
    if columns.ndim != 2:
        raise ValueError(f"{type(model).__name__} returned shape={values.shape}: expected (examples, classes)")
    return columns


def _two_columns(probabilities: np.ndarray) -> np.ndarray:
    if probabilities.ndim == 2 and probabilities.shape[1] > 1:
        return probabilities
    second = probabilities.reshape(len(probabilities)).astype(np.float64)
    return np.stack([1.0 - second, second], axis=1)


def _from_logits(logits: np.ndarray) -> np.ndarray:
    from scipy.special import expit, softmax

    wide = logits.astype(np.float64)
    if wide.shape[1] == 1:
        return np.concatenate([expit(-wide), expit(wide)], axis=1)
    return np.asarray(softmax(wide, axis=1))
