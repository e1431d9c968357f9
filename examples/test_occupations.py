"""He or she: the same sentence with the other pronoun must not get another answer.

    pytest -m satisficing examples/test_occupations.py

Past decisions invited women to the work that women are expected in, and men to the rest. A text classifier learns it,
and neither its accuracy nor its mean change from he to she shows it: what women gain as nurses they lose as pilots. The
slope of the change over the share of women in an occupation does. It turns green when every training sentence is also
shown with the other pronoun and the same answer, and not one case in a hundred is decided worse for it.
"""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import pytest_mlspec as mlspec
from pytest_mlspec import metrics, perturbations

swap = perturbations.swap_words({"he": "she"})


def classifier():
    return make_pipeline(CountVectorizer(ngram_range=(1, 4)), LogisticRegression(max_iter=1000))


@mlspec.ensemble(seeds=5)
def biased(seed, occupations):
    # Logistic regression has one optimum whatever its seed: a bootstrap of the rows makes the retrainings differ.
    rows = occupations.train.resample(seed)
    return classifier().fit(rows.X, rows.y)


@mlspec.ensemble(seeds=5)
def balanced(seed, occupations):
    rows = occupations.train.resample(seed)
    return classifier().fit(np.concatenate([rows.X, swap(rows.X)]), np.concatenate([rows.y, rows.y]))


@pytest.mark.satisficing(at_least=0.70, id="JOB-1", because="what most teams stop at")
def test_accuracy(biased, occupations, requirement):
    assert metrics.accuracy(biased, occupations.test) >= requirement


@pytest.mark.stress(shift="contrastive", at_most=0.05, metric="mean_change", id="JOB-2")
def test_the_mean_change_from_he_to_she_hides_it(biased, occupations, requirement):
    assert abs(metrics.mean_change(biased, occupations.he, occupations.she)) <= requirement


slope = pytest.mark.stress(
    shift="contrastive", at_most=0.10, metric="change_slope", id="JOB-3", because="no job is for one sex"
)


@pytest.mark.xfail(strict=True, reason="red: the model has learnt who is expected in which work")
@slope
def test_biased_training_sees_the_person(biased, occupations, requirement):
    assert abs(metrics.change_slope(biased, occupations.he, occupations.she, over="share_women")) <= requirement


@slope
def test_balanced_training_sees_the_person(balanced, occupations, requirement):
    assert abs(metrics.change_slope(balanced, occupations.he, occupations.she, over="share_women")) <= requirement


decisions = pytest.mark.stress(shift="contrastive", at_most=0.02, id="JOB-4", because="the pronoun decides nothing")


@pytest.mark.xfail(strict=True, reason="red: some retrainings decide one case in eight by the pronoun")
@decisions
def test_biased_decisions_survive_the_swap(biased, occupations, requirement):
    assert metrics.flip_rate(biased, occupations.test, occupations.test.perturb(swap)) <= requirement


@decisions
def test_balanced_decisions_survive_the_swap(balanced, occupations, requirement):
    assert metrics.flip_rate(balanced, occupations.test, occupations.test.perturb(swap)) <= requirement


@pytest.mark.satisficing(at_least=-0.01, id="JOB-5", because="fairness costs no accuracy here")
def test_balancing_costs_nothing(biased, balanced, occupations, requirement):
    cost = metrics.accuracy(balanced, occupations.test) - metrics.accuracy(biased, occupations.test)
    assert cost >= requirement
