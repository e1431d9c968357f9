"""A hospital that the model never saw: held-out patients of known hospitals say nothing about it.

    pytest -m satisficing examples/test_unseen_hospital.py

Each scanner adds an offset of its own to every feature. A network that was trained in three hospitals has learnt their
offsets with the disease, and retrainings that agree on those three differ on the fourth. `hold_out` leaves the
patients of one hospital out of the training data; tests find the missing ones through `model.held_out`. Green is to
centre the patients of each hospital first, which needs no labels and so is possible in a new one, too.
"""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

import pytest_mlspec as mlspec
from pytest_mlspec import metrics

HOSPITALS = ["A", "B", "C", "D"]


def patients(centred):
    rng = np.random.default_rng(0)
    hospital, ill = rng.integers(4, size=4000), rng.integers(2, size=4000)
    offset = 1.5 * rng.normal(size=(4, 6))
    X = rng.normal(size=(4000, 6)) + 0.8 * (2 * ill[:, None] - 1) + offset[hospital]
    if centred:
        X -= np.stack([np.median(X[hospital == k], axis=0) for k in range(4)])[hospital]
    columns = {"hospital": np.array(HOSPITALS)[hospital]}
    return mlspec.Dataset(X, ill, columns=columns).split(test=0.5, stratify=True, seed=0)


@mlspec.dataset
def scans():
    return patients(centred=False)


@mlspec.dataset
def centred_scans():
    return patients(centred=True)


def fit(seed, data):
    network = MLPClassifier((16,), learning_rate_init=3e-3, tol=1e-3, n_iter_no_change=3, random_state=seed)
    return network.fit(data.train.X, data.train.y)


@mlspec.ensemble(seeds=10, hold_out={"hospital": "D"})
def detector(seed, scans):
    return fit(seed, scans)


@mlspec.ensemble(seeds=3, hold_out="hospital", params=HOSPITALS)
def centred_detector(seed, centred_scans):
    return fit(seed, centred_scans)


@pytest.mark.satisficing(at_least=0.92, id="HOS-1", because="what most teams stop at")
def test_known_hospitals(detector, scans, requirement):
    assert metrics.accuracy(detector, scans.test.where(hospital=["A", "B", "C"])) >= requirement


unseen = pytest.mark.stress(shift="domain", at_least=0.90, id="HOS-2", because="the next customer is a new hospital")


@pytest.mark.xfail(strict=True, reason="red: the offset of the new scanner looks like illness")
@unseen
def test_an_unseen_hospital(detector, scans, requirement):
    assert metrics.accuracy(detector, scans.test.where(**detector.held_out)) >= requirement


@unseen
def test_every_unseen_hospital_after_centring(centred_detector, centred_scans, requirement):
    assert metrics.accuracy(centred_detector, centred_scans.test.where(**centred_detector.held_out)) >= requirement


agree = pytest.mark.seed_variance(max_std=0.03, id="HOS-3", because="a retraining must not change the product")


@agree
def test_retrainings_agree_on_known_hospitals(detector, scans, requirement):
    assert metrics.accuracy(detector, scans.test.where(hospital=["A", "B", "C"])).seed_std() <= requirement


@pytest.mark.xfail(strict=True, reason="red: what the training data leave open, each seed settles in its own way")
@agree
def test_retrainings_agree_on_an_unseen_hospital(detector, scans, requirement):
    assert metrics.accuracy(detector, scans.test.where(**detector.held_out)).seed_std() <= requirement
