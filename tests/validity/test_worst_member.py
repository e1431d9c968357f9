"""The worst of many members: its own interval misses the truth far too often, the one that is shown does not."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.running import RECORDER
from pytest_mlspec.stats import binomial
from pytest_mlspec.verdict import Terms
from tests.validity import table

N_MEMBERS, N_EXAMPLES, ACCURACY, RUNS = 10, 300, 0.9, 2000


def test_ten_equal_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that all have the accuracy 0.9 and err on cases of their own.

    The upper end of the worst member's own interval lies below 0.9 with a probability near 1 - 0.96 ** 10 = 0.34: its
    verdict would be *violated*. What is shown takes each member at a tenth of the level.
    """
    monkeypatch.setattr("pytest_mlspec.metrics.judging.judge.advise", lambda *asked: ())  # it decides nothing
    rng = np.random.default_rng(19)
    y, naive, shown, met = np.ones(N_EXAMPLES, dtype=int), 0, 0, 0
    for _ in range(RUNS):
        labels = (rng.uniform(size=(N_MEMBERS, N_EXAMPLES)) < ACCURACY).astype(np.int64)
        estimate = metrics.accuracy(Predictions(y=y, labels=labels, classes=[0, 1], positive=1, name="equal"))
        naive += bool(binomial.upper(labels.sum(axis=1).min(), N_EXAMPLES, 0.05) < ACCURACY)
        with RECORDER.hold(None):
            verdict = estimate.judged(">=", ACCURACY, Terms())
        shown += verdict.high < ACCURACY
        met += verdict.low >= ACCURACY
    table.report_only(
        "interval of the worst member", "10 equal members", "accuracy = floor", "false violated", naive, RUNS, 0.05
    )

    assert naive / RUNS > 0.25
    table.record("worst of the members", "10 equal members", "accuracy = floor", "false violated", shown, RUNS, 0.05)
    table.record("worst of the members", "10 equal members", "accuracy = floor", "false met", met, RUNS, 0.05)
