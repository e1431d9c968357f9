"""Members that are right and wrong together, beside what independent errors would give."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_mlspec.metrics.similarity import independent_agreement, similarity
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Outcome


def right(table: object, **more: object) -> Predictions:
    """Members that are right where the table holds True."""
    hits = np.asarray(table, bool)
    return Predictions(y=np.zeros(hits.shape[1], int), labels=(~hits).astype(int), classes=[0, 1], **more)


def test_two_members_by_hand():
    """Right and wrong together on 3 of 4 cases; accuracies 3/4 and 1/2: 3/8 + 1/8 by chance."""
    predictions = right([[1, 1, 1, 0], [1, 1, 0, 0]])

    assert similarity(predictions).value == 0.75
    assert independent_agreement(predictions) == pytest.approx(0.5)
    assert similarity(predictions).greater_is_better is True


def test_two_members_wrong_in_different_ways_are_similar():
    """Similarity asks whether they are right, not what they say."""
    predictions = Predictions(y=[0, 0], labels=[[1, 0], [2, 0]], classes=[0, 1, 2])

    assert similarity(predictions).value == 1.0


def test_many_members_are_averaged_over_pairs():
    hits = np.random.default_rng(1).random((6, 80)) < np.linspace(0.5, 0.95, 6)[:, None]
    predictions = right(hits)

    pairs = list(combinations(range(6), 2))
    assert similarity(predictions).value == pytest.approx(np.mean([(hits[i] == hits[j]).mean() for i, j in pairs]))
    p = hits.mean(axis=1)
    by_chance = np.mean([p[i] * p[j] + (1 - p[i]) * (1 - p[j]) for i, j in pairs])
    assert independent_agreement(predictions) == pytest.approx(by_chance)
    assert similarity(predictions).evidence.counts(0) == (
        f"6 members, 15 pairs; independent errors would agree on {by_chance:.3f}"
    )


def test_independent_members_agree_as_chance_would_have_it_and_shared_errors_show():
    """Five members of accuracy .9: .82 with errors of their own; .99 where nine tenths of the errors are shared."""
    generator = np.random.default_rng(3)
    apart = right(generator.random((5, 20_000)) < 0.9)
    shared = generator.random(20_000) < 0.905
    alike = right(shared & (generator.random((5, 20_000)) < 0.995))

    assert similarity(apart).value == pytest.approx(0.82, abs=0.01)
    assert independent_agreement(apart) == pytest.approx(similarity(apart).value, abs=0.01)
    assert similarity(alike).value > 0.98
    assert independent_agreement(alike) == pytest.approx(0.82, abs=0.01)


def test_two_members_are_bounded_by_clopper_and_pearson():
    hits = np.ones((2, 200), bool)
    hits[0, :7] = False
    estimate = similarity(right(hits))

    assert estimate.low() == pytest.approx(binomtest(193, 200, alternative="greater").proportion_ci(0.95).low)
    assert (estimate >= 0.9).outcome is Outcome.MET
    assert (estimate <= 0.9).outcome is Outcome.VIOLATED


def test_one_member_is_undecided_and_has_no_chance_agreement():
    predictions = right(np.ones((1, 50), bool))
    verdict = similarity(predictions) >= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("needs at least 2 members: one trained model has no other to differ from",)
    with pytest.raises(ValueError, match=r"needs at least 2 members.*got n_members=1"):
        independent_agreement(predictions)


def test_clustered_rows_are_undecided():
    verdict = similarity(right(np.ones((3, 60), bool), clusters=np.arange(60) // 3)) >= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert "no clustered form" in verdict.advice[0]


def test_members_that_predict_numbers_have_no_right_and_wrong():
    numbers = Predictions(y=np.zeros(5), values=np.ones((2, 5)))

    with pytest.raises(ValueError, match="similarity is about being right or wrong"):
        similarity(numbers)
    with pytest.raises(ValueError, match="independent_agreement is about being right or wrong"):
        independent_agreement(numbers)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_digits_networks_share_their_errors():
    """Mania et al. found real models far more similar than chance; so are five small networks on digits."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    from pytest_mlspec import Dataset, Ensemble

    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    train, test = order[:1200], order[1200:]
    networks = Ensemble.fit(
        lambda seed: MLPClassifier((32,), max_iter=60, tol=0.0, random_state=seed, n_iter_no_change=60).fit(
            X[train] / 16, y[train]
        ),
        seeds=4,
        name="digits",
    )
    data = Dataset(X[test] / 16, y[test])

    measured = similarity(networks, data)
    assert independent_agreement(networks, data) + 0.02 < measured.value < 1.0
    assert measured.low() > independent_agreement(networks, data)
