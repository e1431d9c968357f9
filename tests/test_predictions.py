"""Predictions from arrays: what is accepted, what is refused with which words, what slices see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlspec.predictions import Predictions

Y = ["cat", "dog", "dog", "cat"]
TABLE = [[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.5, 0.5]]


def test_probabilities_give_labels_hits_and_tops():
    said = Predictions(y=Y, probabilities=TABLE, name="net")

    assert said.classes.tolist() == ["cat", "dog"]
    assert said.n_members == 1 and said.n_examples == 4 and not said.retrained
    assert said.labels.tolist() == [[0, 1, 0, 0]]
    assert said.hits.tolist() == [[1, 1, 0, 1]] and said.hits.dtype == np.uint8
    assert said.top_probability.tolist() == [[0.8, 0.7, 0.6, 0.5]]
    assert said.top_hits.tolist() == [[1, 1, 0, 1]]
    assert said.scores("dog").tolist() == [[0.2, 0.7, 0.4, 0.5]]
    assert said.y_codes.tolist() == [0, 1, 1, 0]
    assert said.dataset is None and said.seeds == () and said.declared == 1 and said.training_rows == 0


def test_own_labels_win_over_the_most_probable_class():
    said = Predictions(y=Y, probabilities=TABLE, labels=["dog", "dog", "dog", "cat"])

    assert said.hits.tolist() == [[0, 1, 1, 1]]
    assert said.top_hits.tolist() == [[1, 1, 0, 1]]


def test_one_column_is_the_probability_of_the_positive_class():
    said = Predictions(y=[0, 1, 1], probabilities=[0.2, 0.9, 0.4])

    assert said.probabilities.shape == (1, 3, 2)
    assert said.scores(1)[0].tolist() == [0.2, 0.9, 0.4]


def test_a_slice_of_one_class_of_a_known_pair_still_has_two():
    assert Predictions(y=[1, 1], probabilities=[[0.1, 0.9], [0.4, 0.6]]).hits.tolist() == [[1, 1]]
    assert Predictions(y=[False, False], probabilities=[0.1, 0.9]).hits.tolist() == [[1, 0]]


def test_members_are_retrainings():
    said = Predictions(y=[0, 1], probabilities=np.full((3, 2, 2), 0.5))

    assert said.n_members == 3 and said.retrained and said.declared == 3


def test_declared_classes_fix_the_column_order():
    said = Predictions(y=["b", "a"], probabilities=[[0.9, 0.1, 0.0], [0.1, 0.2, 0.7]], classes=["b", "c", "a"])

    assert said.hits.tolist() == [[1, 1]]
    assert said.scores("a")[0].tolist() == [0.0, 0.7]


def test_numbers_have_no_classes():
    said = Predictions(y=[1.5, 2.0], values=[[1.0, 2.0], [1.5, 2.5]])

    assert not said.is_classification and said.labels is None and said.values.shape == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y": [0, 1]}, "one of probabilities="),
        ({"y": [0, 1], "values": [1, 2], "labels": [0, 1]}, "values= alone"),
        ({"y": [0, 1], "probabilities": [[2.0, -1.0], [0.0, 1.0]]}, "are these logits"),
        ({"y": [0, 1], "probabilities": [[0.5, 0.4], [0.0, 1.0]]}, r"row 0 \(member 0\) sums to 0.9"),
        ({"y": [0, 1], "probabilities": [[0.5, np.nan], [0.0, 1.0]]}, "NaN or infinity at member 0, row 0, class 1"),
        ({"y": [0, 1], "probabilities": np.full((2, 3), 1 / 3)}, "more probability columns than classes: 3 columns"),
        ({"y": [0, 1, 2], "probabilities": np.full((3, 2), 0.5)}, "fewer probability columns than classes"),
        ({"y": [0, 1], "probabilities": np.full((3, 2), 0.5)}, "each of the 2 examples of y, got 3"),
        ({"y": [0, 1], "probabilities": np.full((1, 1, 2, 2), 0.5)}, "expected probabilities of shape"),
        ({"y": [0, 1], "probabilities": [["a", "b"], ["c", "d"]]}, "expected numbers"),
        ({"y": ["a", "b"], "labels": ["a", "c"]}, r"labels outside the classes: 'c' \(1 times\)"),
        ({"y": [0, 1], "labels": ["a", "b"]}, "labels of the kind of the classes"),
        ({"y": [0, 1], "labels": [[0, 1, 1]]}, "each of the 2 examples of y, got 3"),
        ({"y": [0, 1], "labels": [0.0, np.nan]}, "NaN or infinity at row 1"),
        ({"y": [0.5, 1.5], "labels": [0, 1]}, "y holds numbers to predict"),
        ({"y": [0.5, 1.5], "values": [0.0, np.inf]}, "NaN or infinity at member 0, row 1"),
        ({"y": ["a", "b"], "values": [0.0, 1.0]}, "values need numbers in y"),
        ({"y": [[0, 1], [1, 0]], "labels": [0, 1]}, "multi-label and multi-output are not supported"),
        ({"y": [0, 1], "labels": np.zeros((1, 2, 2))}, "multi-label and multi-output are not supported"),
        ({"y": [0, 1], "labels": [0, 1], "columns": {"light": ["day"]}}, "light"),
        ({"y": ["a", "b"], "labels": ["a", "b"], "positive": "c"}, "positive"),
        ({"y": [0, 1], "probabilities": np.full((2, 2, 2), 0.5), "labels": [0, 1]}, "as many members"),
    ],
)
def test_wrong_arrays_are_refused_in_words(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Predictions(**arguments)


def test_slices_take_rows_of_the_whole():
    said = Predictions(y=Y, probabilities=TABLE, columns={"light": ["day", "night", "night", "day"]}, ids=list("wxyz"))
    night = said.where(light="night")

    assert night.description == "light=night"
    assert night.base is said and said.base is said
    assert night.rows.tolist() == [1, 2]
    assert night.hits.tolist() == [[1, 0]]
    assert night.ids.tolist() == ["x", "y"]
    assert night.probabilities.tolist() == [TABLE[1:3]]
    assert night.where(lambda columns: columns["light"] == "night").rows.tolist() == [1, 2]
    assert said.take([3, 0]).y.tolist() == ["cat", "cat"]
    codes, labels = said.codes("light")
    assert codes.tolist() == [0, 1, 1, 0] and labels == ("day", "night")
    with pytest.raises(ValueError, match="did you mean 'light'"):
        said.where(ligt="night")


def test_arrays_are_computed_once_and_cannot_be_changed():
    said = Predictions(y=Y, probabilities=TABLE)

    assert said.hits is said.hits and said.labels is said.labels
    with pytest.raises(ValueError, match="read-only"):
        said.hits[0, 0] = 0


def test_later_changes_of_the_given_array_change_nothing():
    table = np.array(TABLE)
    said = Predictions(y=Y, probabilities=table)
    table[:] = 0.5

    assert said.probabilities[0].tolist() == TABLE
    assert table.flags.writeable


def test_fingerprints_follow_the_content():
    first, same = (Predictions(y=Y, probabilities=TABLE).fingerprints() for _ in range(2))
    other = Predictions(y=Y, probabilities=[[0.7, 0.3], *TABLE[1:]]).fingerprints()

    assert first == same
    assert first["data"] == other["data"] and first["predictions"] != other["predictions"]


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_slices_agree_with_plain_indexing(data):
    n_members, n_examples, n_classes = (
        data.draw(st.integers(1, 4)),
        data.draw(st.integers(2, 30)),
        data.draw(st.integers(2, 5)),
    )
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    table = generator.dirichlet(np.ones(n_classes), size=(n_members, n_examples))
    y = generator.integers(n_classes, size=n_examples)
    rows = generator.integers(n_examples, size=data.draw(st.integers(1, 40)))
    said = Predictions(y=y, probabilities=table, classes=list(range(n_classes)))
    part = said.take(rows)

    assert np.array_equal(part.hits, (table.argmax(axis=2) == y)[:, rows])
    assert np.array_equal(part.top_probability, table.max(axis=2)[:, rows])
    assert np.array_equal(part.y_codes, y[rows])
