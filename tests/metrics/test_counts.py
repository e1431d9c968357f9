"""Listed cases are counted: nothing is inferred, nothing is undecided, and what fails is named."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_mlspec as mlspec
from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.judging.counts import judge_count
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Origin, Outcome, Terms, Verdict


def count(estimate: Estimate, limit: int = 0, **origin: str) -> Verdict:
    return judge_count(estimate, limit, terms=Terms(), origin=Origin(kind="satisficing", **origin))


def stops(*errors: list[float], **more: object) -> Estimate:
    values = np.array(errors, dtype=float)
    return metrics.failure_rate(Predictions(y=np.zeros(values.shape[1]), values=values, **more), delta=2.0)


def test_none_fails():
    verdict = count(stops([0, 1, 2]), id="EDGE")

    assert verdict.outcome is Outcome.MET
    assert verdict.lines() == [
        "MET EDGE: failing cases (delta 2) <= 0",
        "measured 0 failing of 3 listed cases; nothing is inferred beyond them",
    ]


def test_delta_itself_does_not_fail_and_a_hair_above_does():
    assert count(stops([2.0])).outcome is Outcome.MET
    assert count(stops([float(np.nextafter(2.0, 3.0))])).outcome is Outcome.VIOLATED


@pytest.mark.parametrize(("limit", "outcome"), [(0, Outcome.VIOLATED), (1, Outcome.VIOLATED), (2, Outcome.MET)])
def test_the_limit_is_a_number_of_cases(limit, outcome):
    verdict = count(stops([3, 0, 4]), limit)

    assert verdict.outcome is outcome
    assert (verdict.value, verdict.low, verdict.high, verdict.n) == (2.0, 2.0, 2.0, 3)


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_nothing_is_ever_undecided(n):
    assert count(stops([0.0] * n)).outcome is Outcome.MET
    assert count(stops([3.0] + [0.0] * (n - 1))).outcome is Outcome.VIOLATED


def test_failing_cases_are_named_by_row_columns_and_loss():
    verdict = count(stops([0, 3, 4.25], columns={"road": ["dry", "wet", "ice"], "km/h": [50, 80, 30]}))

    assert verdict.details == (
        "case row 1 (road=wet, km/h=80): loss 3 > delta 2",
        "case row 2 (road=ice, km/h=30): loss 4.25 > delta 2",
    )


def test_failing_cases_are_named_by_their_ids():
    verdict = count(stops([0, 3, 4], ids=["A-1", "A-2", "A-3"]))

    assert verdict.details == ("case id 'A-2': loss 3 > delta 2", "case id 'A-3': loss 4 > delta 2")


def test_three_are_shown_and_the_rest_counted():
    verdict = count(stops([3, 4, 5, 6, 7]))

    assert verdict.details[3] == "and 2 more failing cases"
    assert len(verdict.details) == 4


def test_a_slice_names_the_rows_of_the_whole():
    said = Predictions(y=np.zeros(4), values=[9.0, 0.0, 0.0, 3.0], columns={"road": ["dry", "wet", "wet", "wet"]})
    verdict = count(metrics.failure_rate(said.where(road="wet"), delta=2))

    assert verdict.details == ("case row 3 (road=wet): loss 3 > delta 2",)
    assert verdict.claim() == "failing cases (delta 2) <= 0 on road=wet"


def test_the_worst_member_decides_and_is_named():
    verdict = count(stops([3, 0, 0], [3, 4, 0], [0, 0, 3]))

    assert verdict.values == (1.0, 2.0, 1.0)
    assert verdict.details == (
        "worst of 3 members (member 1)",
        "case row 0: loss 3 > delta 2",
        "case row 1: loss 4 > delta 2",
    )
    assert count(stops([3, 0, 0], [3, 4, 0]), 1).outcome is Outcome.VIOLATED
    assert count(stops([3, 0, 0], [3, 4, 0]), 2).outcome is Outcome.MET


def test_the_worst_member_is_named_by_its_seed():
    data = mlspec.Dataset(np.arange(5.0)[:, None], np.zeros(5))
    ensemble = Ensemble.fit(lambda seed: lambda X: X[:, 0] * seed, [1, 7], name="brake", output="values")
    verdict = count(metrics.failure_rate(ensemble, data, delta=20))

    assert verdict.details == (
        "worst of 2 members (seed 7)",
        "case row 3: loss 21 > delta 20",
        "case row 4: loss 28 > delta 20",
    )
    assert verdict.seeds == (1, 7)


def test_labels_are_counted_too():
    said = Predictions(y=["cat", "dog", "dog"], labels=["cat", "cat", "dog"])
    verdict = count(metrics.failure_rate(said, loss="zero_one", delta=0.5))

    assert verdict.value == 1.0
    assert verdict.details == ("case row 1: loss 1 > delta 0.5",)


def test_it_is_exact_and_says_how_it_was_found():
    verdict = count(stops([0, 3]))

    assert (verdict.method, verdict.bound_class, verdict.form) == ("counted", "exact", "count")
    assert verdict.unit == "listed cases"


def test_other_metrics_are_not_counted():
    right = Predictions(y=[0, 1], labels=[0, 1])

    with pytest.raises(TypeError, match="max_failures counts failing cases of failure_rate"):
        count(metrics.accuracy(right))
    with pytest.raises(TypeError, match="max_failures counts failing cases of failure_rate or flip_rate, got mae"):
        count(metrics.mae(Predictions(y=[0.0, 1.0], values=[0.0, 1.0])))


def test_training_rows_are_refused_here_too():
    data = mlspec.Dataset(np.arange(20.0)[:, None], np.zeros(20), name="street").split(test=0.5, seed=0)
    model = Ensemble.of(lambda X: X[:, 0], name="brake", output="values")

    with pytest.raises(ValueError, match="rows that trained the model"):
        count(metrics.failure_rate(model, data.train, delta=2))
