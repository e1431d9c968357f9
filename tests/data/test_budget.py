"""How many models may be judged on a data set is declared once and kept by everything that is cut from it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from pytest_mlspec.data import Dataset, Splits

X = np.arange(40.0).reshape(20, 2)
Y = [0, 1] * 10
LIGHT = ["day", "night"] * 10


def made(budget: int | None) -> Dataset:
    return Dataset(X, Y, columns={"light": LIGHT}, name="street", budget=budget)


def test_without_one_it_is_left_to_the_configuration() -> None:
    assert made(None).budget is None


def test_slices_samples_copies_and_other_processes_keep_it() -> None:
    data = made(50)
    kept = [
        data.where(light="night"),
        data.where(light="night").take([1, 2]),
        data.split_by("light")["day"],
        data.perturb(lambda rows: rows + 1.0),
        data.perturb(lambda rows: rows + 1.0).where(light="day"),
        data.resample(0),
        data.shuffle(0),
        data.named("other"),
        pickle.loads(pickle.dumps(data)),
        pickle.loads(pickle.dumps(data.where(light="day"))),
    ]

    assert [part.budget for part in kept] == [50] * len(kept)


def test_parts_of_a_split_keep_it() -> None:
    splits = made(50).split(test=0.4, validation=0.2, seed=0)
    assert {part.budget for _, part in splits.items()} == {50}

    mixed = Splits(test=made(7), night=Dataset(X + 100, Y)).named("street")
    assert (mixed.test.budget, mixed["night"].budget) == (7, None)


def test_it_is_no_content() -> None:
    assert made(5).fingerprint == made(6).fingerprint == made(None).fingerprint


@pytest.mark.parametrize(
    ("budget", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError), ("20", TypeError)]
)
def test_another_thing_is_refused(budget: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"whole number of models, 1 or more; got budget={budget!r}"):
        made(budget)
