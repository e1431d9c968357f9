"""A limit that this much data cannot decide: neither proven nor refuted, so the test fails and says what would help.

    pytest examples/undecided_diabetes.py                             fails
    pytest examples/undecided_diabetes.py --mlspec-undecided=allow    outcome "undecided", exit code 0

The name does not start with `test_`, so that `pytest examples` leaves it out.
"""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_mlspec import metrics


@pytest.fixture(scope="session")
def risk_model(diabetes_high):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(diabetes_high.train.X, diabetes_high.train.y)


@pytest.mark.parity(by="sex", max_gap=0.10, id="FAIR-1", because="policy 4.2: equal quality of service")
def test_ten_points_between_the_sexes(risk_model, diabetes_high, requirement):
    assert metrics.accuracy(risk_model, diabetes_high.test).gap(by="sex") <= requirement
