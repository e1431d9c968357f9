"""How fast a model's output moves with each feature: by autograd for torch modules, else by central differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.data.forms import Features, count_rows, frame_columns, is_frame, is_sparse, is_tensor, take_rows
from pytest_mlspec.training import models
from pytest_mlspec.training.torch_models import BATCH, _as_tensor, _conversion, _evaluating, as_numpy, is_torch_module

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float64]
_Ask = Callable[[Features], FloatArray]

STEP, COARSE_STEP = 1e-3, 1e-2
"""Half the width of a central difference in standard deviations of the column, for double and for single precision."""
_LOOKED_AT, _FINER, _DISAGREE = 200, 8, 0.5
MOST_STUCK = 0.1
"""The largest share of cases at which an output may stand still or jump before it counts as having no gradient."""


def absolute_gradients(model: object, X: Features, scales: FloatArray, *, output: str | None = None) -> FloatArray:
    """The size of the change of the output per standard deviation of every feature, |df / dx_j| s_j, at every case.

    f is the predicted number, or the log-odds of the predicted class (between its probability and its log-odds the
    shares of the features do not differ: the chain rule puts the same factor before all of them).

    Args:
        model: a trained model; a torch module is asked in ``eval()`` and gets its mode back.
        X: (examples, ...) in the form that the model takes.
        scales: (features,) the standard deviation s_j of every feature, flattened; NaN for a column of text, which has
            no derivative.
        output: what a torch module or a callable returns.

    Returns:
        (examples, features), at least 0; 0 where the scale is 0 or NaN.

    Raises:
        TypeError: labels only, features in a form that cannot be moved a little, integer codes of an embedding.
        ValueError: the output stands still or jumps almost everywhere, as that of trees does.
    """
    if output == "labels":
        raise TypeError("output='labels' has no gradient: declare probabilities or logits, or permute the column")
    if is_torch_module(model):
        found = _by_autograd(model, X, output)  # type: ignore[arg-type]
        return np.abs(found) * np.nan_to_num(scales)
    if is_sparse(X) or not (is_frame(X) or is_tensor(X) or isinstance(X, np.ndarray)):
        raise TypeError(
            f"expected features as an array, a frame or a tensor to take differences; got X={type(X).__name__}: "
            "convert it (X.toarray() of a sparse matrix)"
        )
    _require_smooth(model, X, scales, output)
    return np.abs(_by_differences(model, X, scales, output, _step(X)))


# ---- torch: autograd -------------------------------------------------------------------------------------------------


def _by_autograd(module: torch.nn.Module, X: Features, output: str | None) -> FloatArray:
    import torch

    models.family(module, output)  # says what is missing where output is left out
    inputs = _as_tensor(X)
    device, dtype = _conversion(module, inputs)
    if not dtype.is_floating_point:
        raise TypeError(f"{type(module).__name__} takes integer codes, which have no derivative: permute the column")
    found: list[npt.NDArray[np.floating]] = []
    with _evaluating(module), torch.inference_mode(False), torch.enable_grad():
        for rows in torch.split(inputs, BATCH):
            leaf = rows.to(device, dtype, copy=True).detach().requires_grad_()
            said = _scalar(module(leaf.clone()), output, len(rows))  # a copy: layers may work in place
            if not said.requires_grad:
                raise TypeError(
                    f"{type(module).__name__} returns a tensor without a gradient (no_grad or detach in its forward): "
                    "give it as a function of X, and differences are taken"
                )
            (slope,) = torch.autograd.grad(said.sum(), leaf)
            found.append(as_numpy(slope).reshape(len(rows), -1))
    return np.concatenate(found).astype(np.float64)


def _scalar(said: torch.Tensor, output: str | None, n_examples: int) -> torch.Tensor:
    """(examples,) the number, or the log-odds of the predicted class, as a tensor with a gradient."""
    import torch

    table = said.reshape(n_examples, -1)
    if output == "values":
        return table[:, 0]
    smallest = torch.finfo(table.dtype).tiny
    if table.shape[1] == 1:
        column = table[:, 0]
        if output == "logits":
            return column
        return column.clamp(min=smallest).log() - (1 - column).clamp(min=smallest).log()
    top = table.detach().argmax(dim=1, keepdim=True)
    others = torch.zeros_like(table, dtype=torch.bool).scatter_(1, top, True)
    if output == "logits":
        rest = table.masked_fill(others, -torch.inf).logsumexp(dim=1)
        return table.gather(1, top)[:, 0] - rest
    rest = table.masked_fill(others, 0.0).sum(dim=1)
    return table.gather(1, top)[:, 0].clamp(min=smallest).log() - rest.clamp(min=smallest).log()


# ---- every other model: central differences --------------------------------------------------------------------------


def _by_differences(model: object, X: Features, scales: FloatArray, output: str | None, step: float) -> FloatArray:
    """(examples, features) of (f(x + h s_j) - f(x - h s_j)) / 2 h: two predictions of all rows per feature."""
    ask = partial(_scores, model, output=output)
    top = _predicted(ask(X))
    slopes = np.zeros((count_rows(X), len(scales)))
    for place in np.flatnonzero(np.nan_to_num(scales) > 0):
        up, high = _moved(X, int(place), step * scales[place])
        down, low = _moved(X, int(place), -step * scales[place])
        rise = _at(ask(up), top) - _at(ask(down), top)
        width = high - low  # as rounding left it
        slopes[:, place] = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0) * scales[place]
    return slopes


def _step(X: Features) -> float:
    single = not is_frame(X) and str(X.dtype).rpartition(".")[2] in ("float32", "float16", "bfloat16")
    return COARSE_STEP if single else STEP


def _scores(model: object, X: Features, *, output: str | None) -> FloatArray:
    """(examples,) numbers or the margin of two classes; (examples, classes) log-odds or margins of several."""
    values = models.predict_values(model, X, output=output)
    if values is not None:
        return np.asarray(values, dtype=np.float64)
    if output == "logits":
        return _log_odds_of_logits(np.asarray(models.predict_scores(model, X, output=output), dtype=np.float64))
    decision = getattr(model, "decision_function", None)
    scores = None if output is not None or decision is None else as_numpy(decision(X)).astype(np.float64)
    if scores is not None and scores.size == len(scores):
        return scores.reshape(-1)  # of two classes, without the rounding of 1 - p
    probabilities = models.predict_probabilities(model, X, output=output)
    if probabilities is not None:
        return _log_odds(np.asarray(probabilities, dtype=np.float64))
    if scores is not None:
        return _margins(scores)
    raise TypeError(f"{type(model).__name__} gives labels only, which have no gradient: permute the column instead")


def _log_odds(probabilities: FloatArray) -> FloatArray:
    """log(p_c / sum of the others), without losing what small probabilities say."""
    smallest = np.finfo(np.float64).tiny
    rest = np.stack([np.delete(probabilities, c, axis=1).sum(axis=1) for c in range(probabilities.shape[1])], axis=1)
    odds: FloatArray = np.log(np.maximum(probabilities, smallest)) - np.log(np.maximum(rest, smallest))
    return odds


def _log_odds_of_logits(logits: FloatArray) -> FloatArray:
    if logits.ndim == 1:
        return logits
    from scipy.special import logsumexp

    rest = [logsumexp(np.delete(logits, c, axis=1), axis=1) for c in range(logits.shape[1])]
    return logits - np.stack(rest, axis=1)


def _margins(scores: FloatArray) -> FloatArray:
    """Each class's score over the best of the others."""
    rest = [np.delete(scores, c, axis=1).max(axis=1) for c in range(scores.shape[1])]
    return scores - np.stack(rest, axis=1)


def _predicted(scores: FloatArray) -> npt.NDArray[np.int64] | None:
    return None if scores.ndim == 1 else scores.argmax(axis=1)


def _at(scores: FloatArray, top: npt.NDArray[np.int64] | None) -> FloatArray:
    return scores if top is None else scores[np.arange(len(scores)), top]


def _moved(X: Features, place: int, by: float) -> tuple[Features, FloatArray]:
    """A copy of ``X`` with one feature moved, and where that feature now stands, (examples,)."""
    if is_frame(X):
        import narwhals.stable.v1 as nw

        frame = nw.from_native(X, eager_only=True)
        column = frame.get_column(list(frame_columns(X).values())[place])
        moved = column.cast(nw.Float64) + by
        return frame.with_columns(moved).to_native(), np.asarray(moved.to_numpy(), dtype=np.float64)
    if is_tensor(X):
        copy = X.detach().contiguous().clone()
        changed = copy.view(len(copy), -1)
        changed[:, place] += by
        return copy, as_numpy(changed[:, place]).astype(np.float64)
    array = np.array(X, dtype=X.dtype if X.dtype.kind == "f" else np.float64, order="C")
    flat = array.reshape(len(array), -1)
    flat[:, place] += by
    return array, flat[:, place].astype(np.float64)


def _require_smooth(model: object, X: Features, scales: FloatArray, output: str | None) -> None:
    """Compare differences of two widths on some cases: those of an output that goes in steps have nothing in common.

    Raises:
        ValueError: the output stands still or jumps at more cases than ``MOST_STUCK``.
    """
    n_examples = count_rows(X)
    some = np.unique(np.linspace(0, n_examples - 1, min(n_examples, _LOOKED_AT)).astype(np.int64))
    rows = take_rows(X, some)
    wide, narrow = (
        np.abs(_by_differences(model, rows, scales, output, step)) for step in (_step(X), _step(X) / _FINER)
    )
    total = np.maximum(wide.sum(axis=1), narrow.sum(axis=1))
    stuck = np.abs(wide - narrow).sum(axis=1) >= _DISAGREE * total  # 0 >= 0 where it stands still
    if stuck.mean() > MOST_STUCK:
        raise ValueError(no_gradient(model, int(stuck.sum()), len(some)))


def no_gradient(model: object, n_stuck: int, n_examples: int) -> str:
    """Say that an output has no gradient to speak of, and what to do instead."""
    return (
        f"{type(model).__name__} has no gradient at {n_stuck:,} of {n_examples:,} cases: its output stands still there "
        "or goes in steps, as that of a tree or a forest does, or is saturated. Permute the column instead"
    )
