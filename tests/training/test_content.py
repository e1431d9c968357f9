"""Digests of content: equal for equal content, different for anything that matters."""

import functools
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer

from pytest_mlspec.training.content import content_digest

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


def rebuilt(value: object) -> object:
    """The same value in new objects, dictionaries in the other order."""
    if isinstance(value, (list, tuple)):
        return type(value)(rebuilt(item) for item in value)
    if isinstance(value, dict):
        return {key: rebuilt(value[key]) for key in reversed(value)}
    return value


@given(VALUES)
def test_equal_content_has_an_equal_digest(value):
    assert content_digest(rebuilt(value)) == content_digest(value)


@given(VALUES, VALUES)
def test_different_content_has_a_different_digest(one, other):
    if repr(rebuilt(one)) != repr(rebuilt(other)) and one != other:
        assert content_digest(one) != content_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("1", b"1"),
        ([1, 2], (1, 2)),
        (["ab", "c"], ["a", "bc"]),
        ([[1], 2], [1, [2]]),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(2, np.int32), np.zeros(1, np.int64)),
        (np.array(["a", None], object), np.array(["a", "None"], object)),
        ({1, 2}, {1, 3}),
        (SimpleNamespace(a=1), SimpleNamespace(a=2)),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x, y=1: x, lambda x, y=2: x),
        (len, sum),
        ([].append, [1].append),
    ],
)
def test_near_misses_differ(one, other):
    assert content_digest(one) != content_digest(other)
    assert content_digest(one) == content_digest(one)


def test_padding_between_fields_does_not_count():
    kind = np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 16})
    one, other = np.zeros(2, np.uint8).repeat(16).view(kind), np.full(32, 7, np.uint8).view(kind)
    other["a"], other["b"] = 0, 0.0

    assert one.tobytes() != other.tobytes()
    assert content_digest(one) == content_digest(other)


def test_cycles_end():
    one: list[object] = [1]
    one.append(one)
    other: list[object] = [2]
    other.append(other)

    assert content_digest(one) != content_digest(other)


def test_seeds_are_forgotten_in_estimators_only():
    estimators = pytest.importorskip("sklearn.linear_model")
    one, other = estimators.Ridge(random_state=1), estimators.Ridge(random_state=2)

    assert content_digest(one) != content_digest(other)
    assert content_digest(one, forget_seeds=True) == content_digest(other, forget_seeds=True)
    assert content_digest(SimpleNamespace(seed=1), forget_seeds=True) != content_digest(
        SimpleNamespace(seed=2), forget_seeds=True
    )


def test_what_cannot_be_read_has_no_digest():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    assert content_digest(threading.Lock()) is None
    assert content_digest([{"a": {threading.Lock()}}]) is None
    assert content_digest(deep) is None


def test_tensors_count_by_their_numbers():
    torch = pytest.importorskip("torch")
    one = torch.arange(6.0).reshape(2, 3)

    assert content_digest(one) == content_digest(one.t().contiguous().t())
    assert content_digest(one) != content_digest(one.double())
    assert content_digest(one) != content_digest(one.reshape(3, 2))
    assert content_digest(torch.tensor(1.0, dtype=torch.bfloat16)) != content_digest(
        torch.tensor(2.0, dtype=torch.bfloat16)
    )


def test_functions_of_numpy_are_told_apart_by_name():
    log, square = (FunctionTransformer(function) for function in (np.log, np.square))

    assert content_digest(log) == content_digest(FunctionTransformer(np.log))
    assert content_digest(log) != content_digest(square)


def test_sparse_tensors_and_tensors_without_numbers():
    torch = pytest.importorskip("torch")
    first, second = (torch.tensor([[0.0, value], [2.0, 0.0]]).to_sparse() for value in (1.0, 3.0))

    assert content_digest(first) == content_digest(first.clone()) != content_digest(second)
    assert content_digest(torch.empty(3, device="meta")) is None
