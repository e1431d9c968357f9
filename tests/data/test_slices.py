"""Slices: the right rows, the right words, and never an empty one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlspec.data import Dataset

LIGHT = np.array(["day", "night", "day", "night", "dusk", "day"])
SPEED = np.array([30, 50, 80, 30, 50, 120])
STREET = Dataset(
    np.arange(6), ["car", "car", "bus", "bus", "car", "car"], columns={"light": LIGHT, "speed": SPEED}, name="street"
)


@pytest.mark.parametrize(
    ("slice_", "rows", "words"),
    [
        (lambda d: d.where(light="night"), [1, 3], "light=night"),
        (lambda d: d.where(light="night", speed=30), [3], "light=night, speed=30"),
        (lambda d: d.where(light="night").where(speed=30), [3], "light=night, speed=30"),
        (lambda d: d.where(light=["night", "dusk"]), [1, 3, 4], "light=night|dusk"),
        (lambda d: d.where(light={"night", "dusk"}), [1, 3, 4], "light=dusk|night"),
        (lambda d: d.where(speed=(50, 80)), [1, 2, 4], "speed=50|80"),
        (lambda d: d.where(speed=range(40, 100)), [1, 2, 4], "speed=" + "|".join(map(str, range(40, 100)))),
        (lambda d: d.where(speed=lambda speed: speed > 60), [2, 5], "speed=<condition>"),
        (lambda d: d.where(lambda c: (c["speed"] > 40) & (c["light"] == "day")), [2, 5], "<condition>"),
        (lambda d: d.where(lambda c: c["label"] == "bus"), [2, 3], "<condition>"),
        (lambda d: d.where(label="bus"), [2, 3], "label=bus"),
        (lambda d: d.where(SPEED > 60), [2, 5], "mask"),
        (lambda d: d.where(pd.Series(SPEED > 60)), [2, 5], "mask"),
        (lambda d: d.where([5, 0]), [0, 5], "rows"),
        (lambda d: d.where([-1]), [5], "rows"),
        (lambda d: d.where(SPEED > 60, name="fast"), [2, 5], "fast"),
        (lambda d: d.where(light="day", name="in daylight").where(speed=30), [0], "in daylight, speed=30"),
        (lambda d: d.take([4, 0, 4]), [4, 0, 4], "3 rows taken"),
    ],
)
def test_the_rows_and_the_words(slice_: Callable[[Dataset], Dataset], rows: list[int], words: str) -> None:
    found = slice_(STREET)

    assert found.X.tolist() == rows
    assert found.rows is not None
    assert found.rows.tolist() == found.origin_rows.tolist() == rows
    assert found.y is not None
    assert STREET.y is not None
    assert found.y.tolist() == STREET.y[rows].tolist()
    assert found.columns["light"].tolist() == LIGHT[rows].tolist()
    assert found.description == words
    assert found.title == f"street, {words}"
    assert found.base is STREET
    assert len(found) == len(rows)
    assert found.classes is not None
    assert found.classes.tolist() == ["bus", "car"]


def night_and_slow(columns: dict[str, npt.NDArray[np.str_]]) -> list[bool]:
    return [light == "night" for light in columns["light"]]


def test_a_named_function_names_its_slice() -> None:
    assert STREET.where(night_and_slow).description == "night_and_slow"


def test_a_column_named_label_hides_the_target() -> None:
    data = Dataset([1, 2], [0, 1], columns={"label": ["x", "y"]})

    assert data.where(label="x").X.tolist() == [1]


def test_columns_with_the_names_of_parameters_can_be_asked_for() -> None:
    data = Dataset([1, 2], columns={"predicate": ["x", "y"], "self": ["u", "v"]})

    assert data.where(predicate="y").X.tolist() == [2]
    assert data.where(lambda columns: columns["self"] == "u").X.tolist() == [1]


@pytest.mark.parametrize(
    ("slice_", "kind", "message"),
    [
        (
            lambda d: d.where(light="nigth"),
            ValueError,
            "empty slice: no row of street has light=nigth; light has 'day' (3), 'night' (2), 'dusk' (1); "
            "did you mean 'night'?",
        ),
        (
            lambda d: d.where(light="dusk", speed=120),
            ValueError,
            "no row of street has light=dusk and speed=120 at once (light=dusk: 1 rows; speed=120: 1 rows)",
        ),
        (lambda d: d.where(light="day").where(light="dusk"), ValueError, "no row of street, light=day has light=dusk"),
        (lambda d: d.where(speed="30"), ValueError, "speed has 30 (2), 50 (2), 80 (1), 120 (1)"),
        (lambda d: d.where(light=["day", "nite"]), ValueError, "no row has light='nite', one of ['day', 'nite']"),
        (lambda d: d.where(light=[]), ValueError, "empty slice"),
        (lambda d: d.where(light=None), ValueError, "empty slice"),
        (lambda d: d.where(lambda c: c["speed"] > 500), ValueError, "empty slice: no row of street has <condition>"),
        (lambda d: d.where(ligth="day"), ValueError, "unknown column 'ligth' of street; did you mean 'light'?"),
        (lambda d: d.where(x="day"), ValueError, "(it has label, light, speed)"),
        (lambda d: d.where(), ValueError, "expected a condition such as where(light='night'); got none"),
        (lambda d: d.where([True]), ValueError, "expected 6 entries from the predicate, one per row; got 1"),
        (
            lambda d: d.where([0.5] * 6),
            TypeError,
            "expected True or False per row from the predicate; got dtype=float64",
        ),
        (lambda d: d.where(speed=lambda speed: speed), TypeError, "from the condition on speed; got dtype=int64"),
        (lambda d: d.where([0, 0]), ValueError, "expected each row once from the predicate; got 1 rows again"),
        (lambda d: d.where([6]), ValueError, "expected row numbers below 6; got 6 to 6"),
        (lambda d: d.take([]), ValueError, "expected at least one row number"),
        (lambda d: d.take([0.0]), TypeError, "expected rows as whole numbers"),
        (lambda d: d.split_by("ligth"), ValueError, "did you mean 'light'?"),
    ],
)
def test_a_slice_that_cannot_be_is_an_error(
    slice_: Callable[[Dataset], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as error:
        slice_(STREET)

    assert message in str(error.value)


def test_an_empty_slice_of_many_numbers_names_their_range() -> None:
    with pytest.raises(ValueError, match=r"age ranges from 0 to 99"):
        Dataset(np.arange(100), columns={"age": np.arange(100)}).where(age=lambda age: age > 100)


def test_a_value_of_another_kind_is_told_from_its_text() -> None:
    data = Dataset(np.arange(20), columns={"age": np.arange(20), "on": [True, False] * 10})

    with pytest.raises(ValueError, match=r"age ranges from 0 to 19, numbers and not text such as '7'"):
        data.where(age="7")
    with pytest.raises(ValueError, match=r"on has True \(10\), False \(10\); did you mean True\?"):
        data.where(on="True")


def test_split_by_gives_every_row_once() -> None:
    parts = STREET.split_by("light")

    assert {value: part.X.tolist() for value, part in parts.items()} == {"day": [0, 2, 5], "dusk": [4], "night": [1, 3]}
    assert [part.description for part in parts.values()] == ["light=day", "light=dusk", "light=night"]
    assert {value: len(part) for value, part in STREET.split_by("label").items()} == {"bus": 2, "car": 4}


VALUES = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@given(VALUES, st.integers(0, 4), st.data())
def test_slices_agree_with_numpy(values: list[int], wanted: int, draw: st.DataObject) -> None:
    data = Dataset(np.arange(len(values)), columns={"v": values})
    expected = np.flatnonzero(np.array(values) == wanted)

    if expected.size == 0:
        with pytest.raises(ValueError, match="empty slice"):
            data.where(v=wanted)
        return
    found = data.where(v=wanted)
    inner = draw.draw(st.lists(st.integers(0, len(found) - 1), min_size=1, max_size=5))

    np.testing.assert_array_equal(found.X, expected)
    np.testing.assert_array_equal(found.take(inner).X, expected[inner])
    np.testing.assert_array_equal(found.take(inner).rows, expected[inner])
    assert found.take(inner).base is data
