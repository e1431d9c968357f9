"""Occupations: the law sentence by sentence, matched pairs, and a fitted model that leans or does not."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pytest_mlspec.data.generators import occupations, occupations_truth
from pytest_mlspec.data.generators.text import SHARE_WOMEN
from pytest_mlspec.data.perturbing import same_rows

N = 40_000


def chance(pronoun: str, occupation: str, length: str, slope: float, experience: float) -> float:
    """P(invited) as the docstring states it."""
    lean = slope * (SHARE_WOMEN[occupation] - 0.5) / 2
    return 0.5 + (experience if length == "long" else -experience) + (lean if pronoun == "she" else -lean)


@pytest.mark.parametrize(
    ("balanced", "slopes"), [(False, {"train": 0.6, "test": 0.6}), (True, {"train": 0.0, "test": 0.6})]
)
def test_decisions_follow_the_law(balanced: bool, slopes: dict[str, float]) -> None:
    splits = occupations(n=N, seed=2, slope=0.6, experience=0.2, balanced=balanced)

    for part, slope in slopes.items():
        data, decided = splits[part], defaultdict(list)
        assert data.y is not None
        for sentence, label in zip(data.X, data.y, strict=True):
            decided[str(sentence)].append(label == "invited")
        assert len(decided) == 80
        z = []
        for sentence, answers in decided.items():
            pronoun, _, _, _, occupation, _, length, _ = sentence.split()
            p = chance(pronoun, occupation, length, slope, 0.2)
            z.append((np.mean(answers) - p) / np.sqrt(p * (1 - p) / len(answers)))
        # 80 standard scores: their squares sum to 80 with a standard deviation of sqrt(160).
        assert abs(np.sum(np.square(z)) - 80) < 3 * np.sqrt(160)
        counts = [len(answers) for answers in decided.values()]
        assert abs(np.sum((np.array(counts) - N / 80) ** 2 / (N / 80)) - 79) < 3 * np.sqrt(158)


@pytest.mark.parametrize("law", [{}, {"slope": -0.8, "experience": 0.1}, {"slope": 1.0, "experience": 0.0}])
def test_the_truth_is_what_the_best_rules_reach(law: dict[str, float]) -> None:
    test = occupations(n=N, seed=4, **law).test
    truth = occupations_truth(**law)
    slope, experience = law.get("slope", 0.76), law.get("experience", 0.25)
    rows = list(zip(*(test.columns[name] for name in ("pronoun", "occupation", "experience")), strict=True))
    invited = np.array([chance(*row, slope, experience) for row in rows])
    assert test.y is not None
    decided = test.y == "invited"

    error = 3 * np.sqrt(0.25 / N)
    assert abs(np.mean((invited > 0.5) == decided) - truth.biased) < error
    assert abs(np.mean((test.columns["experience"] == "long") == decided) - truth.blind) < error


def test_known_values() -> None:
    truth = occupations_truth(slope=1.0, experience=0.0)

    shares = np.array(list(SHARE_WOMEN.values()))
    assert truth.slope == 1.0
    assert truth.mean_change == pytest.approx(shares.mean() - 0.5)
    assert truth.biased == pytest.approx(0.5 + np.abs(shares - 0.5).mean() / 2)
    assert truth.blind == 0.5
    # While experience outweighs the lean, the best rule never goes by the pronoun.
    assert occupations_truth().biased == pytest.approx(occupations_truth().blind)


@pytest.mark.parametrize("root", [0, 1, 2])
@pytest.mark.parametrize(("balanced", "expected"), [(False, 0.76), (True, 0.0)])
def test_a_fitted_model_leans_as_its_training_data_do(root: int, balanced: bool, expected: float) -> None:
    splits = occupations(seed=root, balanced=balanced)
    words = CountVectorizer(ngram_range=(1, 4))
    model = make_pipeline(words, LogisticRegression(max_iter=1000)).fit(splits.train.X, splits.train.y)
    invited = list(model.classes_).index("invited")
    change = model.predict_proba(splits.she.X)[:, invited] - model.predict_proba(splits.he.X)[:, invited]
    slope = np.polyfit(splits.test.columns["share_women"], change, 1)[0]

    # Orientation: 0.74, 0.72, 0.70 against -0.004, -0.05, 0.02; the accuracy is 0.75 in all six.
    assert slope == pytest.approx(expected, abs=0.1)
    assert model.score(splits.test.X, splits.test.y) == pytest.approx(0.75, abs=0.02)


def test_pairs_match_row_by_row() -> None:
    splits = occupations(n=300)
    test, he, she = splits.test, splits.he, splits.she

    for row in range(300):
        words = str(test.X[row]).split()
        assert str(he.X[row]).split() == ["he", *words[1:]]
        assert str(she.X[row]).split() == ["she", *words[1:]]
        assert words[0] == test.columns["pronoun"][row] == she.columns["pronoun"][row]
        assert words[4] == test.columns["occupation"][row]
        assert words[6] == test.columns["experience"][row]
        assert SHARE_WOMEN[words[4]] == test.columns["share_women"][row]
    assert same_rows(he, she)
    np.testing.assert_array_equal(he.y, test.y)


def test_names_and_classes() -> None:
    splits = occupations()

    assert {part: len(data) for part, data in splits.items()} == dict.fromkeys(("train", "test", "he", "she"), 5000)
    assert splits.test.positive == "invited"
    assert "occupations.she" in splits.she.title
    assert set(splits.test.split_by("occupation")) == set(SHARE_WOMEN)


def test_the_seed_decides_and_parts_differ() -> None:
    one, again, other = (occupations(n=300, seed=seed) for seed in (3, 3, 4))

    assert all(data.fingerprint == again[part].fingerprint for part, data in one.items())
    assert len({data.fingerprint for splits in (one, other) for _, data in splits.items()}) == 8


def test_the_first_rows_stay_when_n_grows() -> None:
    few, many = occupations(n=300), occupations(n=400)

    for part, data in few.items():
        np.testing.assert_array_equal(data.X, many[part].X[:300])
        np.testing.assert_array_equal(data.y, many[part].y[:300])


@pytest.mark.parametrize(
    ("knob", "parts"),
    [
        ({"slope": 0.2}, {"train", "test", "he", "she"}),
        ({"experience": 0.1}, {"train", "test", "he", "she"}),
        ({"balanced": True}, {"train"}),
    ],
)
def test_every_knob_moves_its_parts(knob: dict[str, Any], parts: set[str]) -> None:
    plain, moved = occupations(n=1000), occupations(n=1000, **knob)

    assert {part for part, data in plain.items() if data.fingerprint != moved[part].fingerprint} == parts
    assert all(np.array_equal(data.X, moved[part].X) for part, data in plain.items())


def test_all_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError) as caught:
        occupations(n=100, seed=-1, slope=3.0, experience=0.6, balanced="yes")  # type: ignore[arg-type]

    for got in ("n=100", "seed=-1", "slope=3.0", "experience=0.6", "balanced='yes'"):
        assert f"; got {got}" in str(caught.value)


def test_probabilities_stay_probabilities() -> None:
    with pytest.raises(ValueError, match=r"expected experience \+ 0.24 \* \|slope\| <= 0.5, .* experience=0.4"):
        occupations(slope=0.76, experience=0.4)
    with pytest.raises(ValueError, match=r"so that probabilities stay in \[0, 1\]; got slope=-2.0"):
        occupations_truth(slope=-2.0, experience=0.25)
