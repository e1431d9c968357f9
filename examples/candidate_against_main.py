"""The check before a merge: the candidate is good enough, no worse than what is on main, and no figure slipped.

On main:       pytest examples/candidate_against_main.py --mlspec-save=main --mlspec-update
On a branch:   pytest examples/candidate_against_main.py --mlspec-baseline=main

Not part of `pytest examples`: without a baseline and a record there is nothing to compare with, which fails.
"""

import pytest
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pytest_mlspec as mlspec
from pytest_mlspec import metrics

HIDDEN = 32  # what a branch may change


@mlspec.ensemble(seeds=5)
def reader(seed, digits):
    network = MLPClassifier((HIDDEN,), max_iter=300, random_state=seed)
    return make_pipeline(StandardScaler(), network).fit(digits.train.X, digits.train.y)


@pytest.mark.satisficing(at_least=0.90, id="READ-1", because="below nine in ten nobody saves time")
def test_reads_digits(reader, digits, requirement):
    assert metrics.accuracy(reader, digits.test) >= requirement


@pytest.mark.non_inferiority(margin=0.02, id="READ-2", because="a release must not cost users a digit in fifty")
def test_no_worse_than_main(reader, digits, baseline, requirement):
    assert metrics.accuracy(reader, digits.test) - metrics.accuracy(baseline, digits.test) >= requirement


@pytest.mark.optimizing(id="READ-3", because="sharpness has no limit of its own, and should not slip")
def test_probabilities_are_as_sharp_as_ever(reader, digits, requirement):
    assert metrics.brier(reader, digits.test) <= requirement
