"""A gate for a screening model: what it must find, what its probabilities mean, how wrong one case may be.

    pytest -m satisficing examples/test_breast_cancer.py

Five retrainings of a small network on one half of the data are judged on the other half, every one of them.
"""

import pytest
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pytest_mlspec as mlspec
from pytest_mlspec import metrics


@mlspec.ensemble(seeds=5)
def screening_model(seed, breast_cancer):
    network = MLPClassifier(hidden_layer_sizes=(16,), alpha=0.3, max_iter=500, random_state=seed)
    return make_pipeline(StandardScaler(), network).fit(breast_cancer.train.X, breast_cancer.train.y)


@pytest.mark.satisficing(at_least=0.90, id="BC-1", because="screening must not miss tumours")
def test_finds_malignant_tumours(screening_model, breast_cancer, requirement):
    assert metrics.recall(screening_model, breast_cancer.test, threshold=0.3) >= requirement


@pytest.mark.calibration(max_ece=0.07, bins=15, id="BC-2", because="doctors read the probability")
def test_probabilities_mean_something(screening_model, breast_cancer, requirement):
    assert metrics.ece(screening_model, breast_cancer.test, bins=15) <= requirement


@pytest.mark.satisficing(max_failure_rate=0.03, delta=3.0, id="BC-3", because="no confident nonsense")
def test_is_rarely_sure_of_the_wrong_answer(screening_model, breast_cancer, requirement):
    # A log loss above 3 means that the model gave the truth a probability below 0.05.
    assert metrics.failure_rate(screening_model, breast_cancer.test, loss="log_loss") <= requirement


@pytest.mark.satisficing(max_failures=0, delta=0.5, id="BC-4", because="textbook cases")
def test_textbook_cases_are_right(screening_model, breast_cancer, requirement):
    # The ten largest masses of the test half: nothing is inferred from them, they simply have to be right.
    area = breast_cancer.test.X[:, 3]
    largest = breast_cancer.test.take(area.argsort()[-10:])
    assert metrics.failure_rate(screening_model, largest, loss="zero_one") <= requirement


@pytest.mark.xfail(strict=True, reason="red: nobody is right 999 times in 1,000 here")
@pytest.mark.satisficing(at_least=0.999, id="BC-5", because="shown red")
def test_an_impossible_accuracy_is_violated(screening_model, breast_cancer, requirement):
    assert metrics.accuracy(screening_model, breast_cancer.test) >= requirement
