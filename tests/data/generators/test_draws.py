"""What the laws share: checked parameters, streams of their own, and no empty class."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.data.generators.draws import between, coin, refuse, require_every, streams, variables, whole


def test_all_faults_come_together() -> None:
    with pytest.raises(ValueError) as caught:
        refuse([whole("n", 3.5, 20), "", whole("seed", -1, 0), between("rho", 1.5, 0.0, 1.0)])

    assert str(caught.value) == (
        "expected n as an integer >= 20; got n=3.5; expected seed as an integer >= 0; got seed=-1; "
        "expected rho as a number in [0, 1]; got rho=1.5"
    )


def test_no_fault_no_error() -> None:
    refuse([whole("n", 20, 20), whole("n", np.int64(21), 20), between("rho", 1, 0.0, 1.0), ""])

    assert whole("n", True, 0) == "expected n as an integer >= 0; got n=True"


@pytest.mark.parametrize(
    ("value", "ends", "good"),
    [(0.0, True, True), (0.0, False, False), (0.5, False, True), (1, True, True), (float("nan"), True, False)]
    + [(float("inf"), True, False), ("0.5", True, False), (True, True, False), (None, True, False)],
)
def test_a_number_in_a_range(value: object, ends: bool, good: bool) -> None:
    assert (between("p", value, 0.0, 1.0, ends=ends) == "") == good


def test_a_range_without_an_upper_end_reads_as_one() -> None:
    assert between("beta", 0, 0.0, ends=False) == "expected beta as a number > 0; got beta=0"
    assert between("beta", -1, 0.0) == "expected beta as a number >= 0; got beta=-1"


def test_streams_do_not_disturb_each_other() -> None:
    one, other = streams(5, "train", "test"), streams(5, "train", "test")
    one["train"].random(1000)

    np.testing.assert_array_equal(one["test"].random(5), other["test"].random(5))
    assert streams(5, "train")["train"].random() == streams(5, "train", "test")["train"].random()
    assert len({stream.random() for stream in variables(streams(5, "train")["train"], "a", "b").values()}) == 2


def test_a_coin_falls_with_its_share() -> None:
    signs = coin(np.random.default_rng(0), 100_000, 0.2)

    assert set(signs) == {-1, 1}
    assert abs(np.mean(signs == 1) - 0.2) < 3 * np.sqrt(0.2 * 0.8 / 100_000)
    assert set(coin(np.random.default_rng(0), 100, 0.0)) == {-1}


def test_a_missing_class_is_named() -> None:
    require_every("train", np.array([0, 1]), (0, 1), "class")
    with pytest.raises(ValueError, match=r"expected every class among the n=2 rows of train; none has 1, 2: raise n"):
        require_every("train", np.array([0, 0]), (0, 1, 2), "class")
