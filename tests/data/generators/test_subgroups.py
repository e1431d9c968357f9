"""Subgroup table: shares, laws and best rules of the groups, and retrainings that differ in the smallest one."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from pytest_mlspec.data.generators import subgroup_table, subgroup_truth

N = 200_000
LAW: dict[str, Any] = {
    "shares": {"young": 0.5, "old": 0.3, "very old": 0.2},
    "effects": {"young": 2.0, "old": 1.0, "very old": 0.5},
    "rates": {"young": 0.5, "old": 0.2, "very old": 0.9},
}


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_groups_have_their_shares_rates_and_laws(part: str) -> None:
    data = subgroup_table(n=N, seed=2, **LAW)[part]
    group = data.columns["group"]
    assert data.y is not None

    for k, (name, share) in enumerate(LAW["shares"].items()):
        rows = group == name
        n_rows, rate, effect = rows.sum(), LAW["rates"][name], LAW["effects"][name]
        assert abs(rows.mean() - share) < 3.5 * np.sqrt(share * (1 - share) / N)
        assert abs(data.y[rows].mean() - rate) < 3.5 * np.sqrt(rate * (1 - rate) / n_rows)
        signed = data.X[rows, :3] * np.where(data.y[rows] == 1, 1, -1)[:, None]
        np.testing.assert_allclose(signed.mean(0), effect * np.eye(3)[k], atol=4 / np.sqrt(n_rows))
        np.testing.assert_allclose(data.X[rows, :3].var(0)[np.arange(3) != k], 1, atol=6 * np.sqrt(2 / n_rows))
        np.testing.assert_array_equal(data.X[rows, 3:], np.tile(np.eye(3)[k], (n_rows, 1)))


def test_the_truth_is_what_the_best_rules_reach() -> None:
    data = subgroup_table(n=N, seed=3, **LAW).test
    truth = subgroup_truth(**LAW)
    group, right = data.columns["group"], np.empty(N, dtype=bool)
    assert data.y is not None

    for k, name in enumerate(LAW["shares"]):
        rows, rate, effect = group == name, LAW["rates"][name], LAW["effects"][name]
        x = data.X[rows, k]
        said = rate * stats.norm.pdf(x, effect) > (1 - rate) * stats.norm.pdf(x, -effect)
        right[rows] = said == data.y[rows]
        expected = truth.bayes_by_group[name]
        assert abs(right[rows].mean() - expected) < 3 * np.sqrt(expected * (1 - expected) / rows.sum())
        # The rule of the largest group (rate 1/2: its feature above 0) on this group.
        borrowed = np.mean((data.X[rows, 0] > 0) == data.y[rows])
        assert abs(borrowed - truth.majority_by_group[name]) < 3 * np.sqrt(0.25 / rows.sum())
    assert abs(right.mean() - truth.bayes) < 3 * np.sqrt(truth.bayes * (1 - truth.bayes) / N)


def test_known_values() -> None:
    truth = subgroup_truth(effects={"a": 2.0, "b": 1.0, "c": 1.0, "d": 1.0})

    assert truth.bayes_by_group["a"] == pytest.approx(stats.norm.cdf(2.0))
    assert truth.bayes == pytest.approx(0.6 * stats.norm.cdf(2.0) + 0.4 * stats.norm.cdf(1.0))
    # With half of the rows positive a feature of another group tells nothing.
    assert truth.majority_by_group["d"] == pytest.approx(0.5)
    assert truth.majority_by_group["a"] == truth.bayes_by_group["a"]


@pytest.mark.parametrize("root", [0, 1, 2])
def test_retrainings_differ_most_in_the_smallest_group(root: int) -> None:
    people = subgroup_table(n=4000, seed=root)
    by_group = people.test.split_by("group")
    smallest = by_group["d"]
    overall, small = [], []
    for seed in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network = MLPClassifier((32,), max_iter=40, random_state=seed).fit(people.train.X, people.train.y)
        overall.append(network.score(people.test.X, people.test.y))
        small.append(network.score(smallest.X, smallest.y))

    # Orientation (ten retrainings of 50 epochs each): 0.0016 against 0.016 to 0.020.
    assert np.std(small, ddof=1) > 2 * np.std(overall, ddof=1)
    assert np.mean(small) < np.mean(overall)


def test_shape_columns_and_names() -> None:
    people = subgroup_table()

    assert {part: data.X.shape for part, data in people.items()} == dict.fromkeys(("train", "test"), (5000, 8))
    assert people.test.name == "subgroup_table.test"
    assert people.test.positive == 1
    assert people.train.groups("group").labels == ("a", "b", "c", "d")
    np.testing.assert_array_equal(people.test.columns["x_3"], people.test.X[:, 2])


def test_the_seed_decides_and_parts_differ() -> None:
    one, again, other = (subgroup_table(n=500, seed=seed) for seed in (3, 3, 4))

    assert all(data.fingerprint == again[part].fingerprint for part, data in one.items())
    assert len({data.fingerprint for splits in (one, other) for _, data in splits.items()}) == 4


def test_the_first_rows_stay_when_n_grows() -> None:
    few, many = subgroup_table(n=500), subgroup_table(n=600)

    for part, data in few.items():
        np.testing.assert_array_equal(data.X, many[part].X[:500])
        np.testing.assert_array_equal(data.y, many[part].y[:500])


@pytest.mark.parametrize(
    "knob",
    [{"shares": {"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.1}}, {"effects": 1.0}, {"rates": 0.4}]
    + [{"effects": {"a": 2.0, "b": 2.0, "c": 2.0, "d": 1.0}}],
)
def test_every_knob_moves_data_and_truth(knob: dict[str, Any]) -> None:
    plain, moved = subgroup_table(n=1000), subgroup_table(n=1000, **knob)

    assert all(data.fingerprint != moved[part].fingerprint for part, data in plain.items())
    assert subgroup_truth(**knob) != subgroup_truth()


def test_one_number_serves_all_groups() -> None:
    one, each = subgroup_table(n=500, effects=1.5), subgroup_table(n=500, effects=dict.fromkeys("abcd", 1.5))

    assert one.train.fingerprint == each.train.fingerprint


def test_a_group_that_got_no_rows_is_named() -> None:
    with pytest.raises(ValueError, match=r"expected every group among the n=20 rows of \w+; none has 'rare': raise n"):
        subgroup_table(n=20, shares={"most": 0.9999, "rare": 0.0001})
    with pytest.raises(ValueError, match=r"expected rows of both classes in group 'b' of train \(n=100\): raise n"):
        subgroup_table(n=100, shares={"a": 0.5, "b": 0.5}, rates={"a": 0.5, "b": 0.0001})


def test_all_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError) as caught:
        subgroup_table(n=5, seed=-1, shares={"a": 1.5, "b": 0.2}, effects=0.0, rates={"a": 1.0, "b": 0.5})

    for got in ("n=5", "seed=-1", "shares['a']=1.5", "effects=0.0", "rates['a']=1.0"):
        assert f"; got {got}" in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"shares": {"a": 1.0}}, r"expected shares as a mapping from at least two groups .* got shares=\{'a': 1.0\}"),
        ({"shares": [0.5, 0.5]}, r"expected shares as a mapping .* got shares=\[0.5, 0.5\]"),
        ({"shares": {"a": 0.5, "b": 0.4}}, r"expected shares that sum to 1; .* which sum to 0.9"),
        ({"effects": {"a": 1.0}}, r"expected effects for the groups \['a', 'b', 'c', 'd'\]; got effects=\{'a': 1.0\}"),
        ({"rates": {"z": 1.0}}, r"expected rates for the groups .* got rates=\{'z': 1.0\}"),
    ],
)
def test_a_law_that_cannot_be(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        subgroup_table(**bad)
    with pytest.raises(ValueError, match=words):
        subgroup_truth(**bad)
