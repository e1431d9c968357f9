"""Asks models for their outputs: once per (ensemble, dataset), only for what a metric needs, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from pytest_mlspec.predictions.members import ModelSource
from pytest_mlspec.predictions.predictions import Predictions, bound

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.training.ensemble import Ensemble


class _Memory:
    """What one model or ensemble said, by dataset: arrays only, so that neither is kept alive by it."""

    __slots__ = ("live", "outputs", "state")

    def __init__(self, state: object) -> None:
        self.state = state
        self.outputs: WeakKeyDictionary[Dataset, dict[str, object]] = WeakKeyDictionary()
        self.live: WeakKeyDictionary[Dataset, ref[Predictions]] = WeakKeyDictionary()


_MEMORY: WeakKeyDictionary[object, _Memory] = WeakKeyDictionary()
Listener = Callable[[Predictions], None]
_LISTENERS: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener of the predictions on every base dataset that are asked for in this block, again for each."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


def _told(whole: Predictions) -> Predictions:
    for listener in _LISTENERS:
        listener(whole)
    return whole


def predict(model: object, dataset: Dataset | None = None) -> Predictions:
    """What a model says about a dataset, predicted once and then shared by every metric and test.

    A slice takes its rows from the predictions on its base dataset. A bare model is watched: fitted again, it is asked
    again. Plain functions are asked every time, because nothing tells whether they changed.

    Args:
        model: an ensemble, a trained model, a list of retrainings, predictions (then there is no dataset), or what
            has ``predictions_on(dataset)``, such as a baseline, and answers by itself.
        dataset: the dataset, or a slice of it.

    Raises:
        TypeError: a dataset beside predictions, none beside a model, or ``Splits`` in place of one of its datasets.
        ValueError: the model's output does not fit the dataset.
    """
    from pytest_mlspec.data import Dataset

    if isinstance(model, Predictions):
        if dataset is not None:
            raise TypeError(
                f"{model!r} are about their own examples: leave the dataset out, and slice with predictions.where(...)"
            )
        _told(model.base)
        return model
    for given in (model, dataset):
        if type(given).__module__ == "_pytest.fixtures":
            name = getattr(given, "__name__", "it")
            raise TypeError(f"{name!r} is a fixture: give the test an argument of that name, def test_...({name})")
    recall = getattr(model, "predictions_on", None)
    if callable(recall) and isinstance(dataset, Predictions):  # arrays have no other dataset than their own
        dataset = dataset.data
    if not isinstance(dataset, Dataset):
        raise TypeError(_not_a_dataset(model, dataset))
    for data in {dataset, dataset.base}:
        data.require_unchanged()
    if callable(recall):
        said: Predictions = recall(dataset)
        return said
    return _told(_on_whole(model, dataset.base)).on(dataset)


def _not_a_dataset(model: object, dataset: object) -> str:
    if isinstance(getattr(dataset, "test", None), object) and type(dataset).__name__ == "Splits":
        return f"expected one dataset, got {dataset!r}: say which one, as in `street.test`"
    if dataset is None:
        return f"expected a dataset beside the model {type(model).__name__}, as in metrics.recall(model, street.test)"
    return f"expected a Dataset, got dataset={type(dataset).__name__}: wrap the arrays, Dataset(X, y)"


def _on_whole(model: object, base: Dataset) -> Predictions:
    from pytest_mlspec.training.ensemble import Ensemble

    ensemble = model if isinstance(model, Ensemble) else Ensemble.of(model)
    memory = _memory_of(model, ensemble)
    if memory is None:
        return bound(ModelSource(ensemble, base, {}), base, None)
    alive = memory.live.get(base)
    found = None if alive is None else alive()
    if found is None:
        found = bound(ModelSource(ensemble, base, memory.outputs.setdefault(base, {})), base, None)
        memory.live[base] = ref(found)
    return found


def _memory_of(model: object, ensemble: Ensemble) -> _Memory | None:
    """The memory of a model, emptied when the model was fitted again; ``None`` where nothing can be kept."""
    state = _state(model, ensemble)
    if state is None:
        return None
    owner = model if model is ensemble else ensemble.members[0]
    try:
        memory = _MEMORY.get(owner)
        if memory is None or memory.state != state:
            memory = _MEMORY[owner] = _Memory(state)
    except TypeError:  # neither hashable nor weakly referable
        return None
    return memory


def _state(model: object, ensemble: Ensemble) -> object | None:
    """What has to stay equal for kept outputs to hold; members that were trained for an ensemble belong to it alone."""
    from pytest_mlspec.training.models import state_token

    if model is ensemble and (ensemble.durations or ensemble.trained_on):
        return ()
    tokens = tuple(state_token(member) for member in ensemble.members)
    if None in tokens:
        return None
    try:
        return tokens, tuple(ref(member) for member in ensemble.members[1:])
    except TypeError:
        return None
