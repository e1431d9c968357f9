"""A verdict says what was measured, what decided it and, where nothing did, why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.judging.judge import judge
from pytest_mlspec.metrics.judging.refusals import FRACTIONS
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.verdict import Origin, Outcome, Terms, Undecided


def said(hits: int = 90, n: int = 100, n_members: int = 1, **more: object) -> Predictions:
    labels = np.tile((np.arange(n) >= hits).astype(int), (n_members, 1))
    return Predictions(y=np.zeros(n, dtype=int), labels=labels, classes=[0, 1], **more)


@contextmanager
def recorder(terms: Terms | None = None, allow_undecided: bool = False) -> Iterator[Recorder]:
    configured = SimpleNamespace(terms=terms or Terms(), allow_undecided=allow_undecided, family=False)
    with RECORDER.hold(Recorder(lambda: configured)) as found:
        assert found is not None
        yield found


# ---- lines ----------------------------------------------------------------------------------------------------------


def test_met():
    """Clopper-Pearson of 90 / 100: beta.ppf(.05, 90, 11) = 0.836 and beta.ppf(.95, 91, 10) = 0.945."""
    verdict = metrics.accuracy(said()) >= 0.8

    assert verdict.lines() == [
        "MET accuracy >= 0.80",
        "measured 0.900, one-sided 95% bounds [0.836, 0.945], n=100 examples (Clopper-Pearson), all of it above 0.80",
    ]
    assert repr(verdict) == "<Verdict MET accuracy >= 0.80>"


def test_violated_with_an_id_and_a_reason_on_a_slice():
    predictions = said(columns={"light": ["night"] * 100}).where(light="night")
    origin = Origin(kind="satisficing", id="ACC-1", because="policy 4.2")
    verdict = judge(metrics.accuracy(predictions), ">=", 0.95, origin=origin)

    assert verdict.lines() == [
        "VIOLATED ACC-1: accuracy >= 0.95 on light=night",
        "measured 0.900, one-sided 95% bounds [0.836, 0.945], n=100 examples (Clopper-Pearson), all of it below 0.95",
        "because: policy 4.2",
    ]


def test_undecided_says_what_would_decide_it():
    verdict = metrics.accuracy(said(n_members=3)) >= 0.85

    lines = verdict.lines()
    assert lines[0] == "UNDECIDED accuracy >= 0.85"
    assert lines[1].endswith("n=100 examples (Clopper-Pearson): 0.85 lies inside")
    assert lines[2] == "90/100; worst of 3 members (member 0)"
    assert lines[3].startswith("about ")
    assert lines[3].endswith(" examples would decide it at this rate (90% power); more seeds on the same data cannot")
    with pytest.raises(Undecided, match=r"UNDECIDED accuracy >= 0\.85\n  measured 0.900"):
        bool(verdict)


def test_a_message_has_at_most_eight_lines_and_keeps_its_reason():
    origin = Origin(because="someone asked")
    verdict = judge(metrics.accuracy(said(3, n=4, n_members=2)), ">=", 0.7, origin=origin)

    assert len(verdict.lines()) <= 8
    assert verdict.lines()[-1] == "because: someone asked"


@pytest.mark.parametrize(
    ("estimate", "claim"),
    [
        (lambda p: metrics.accuracy(p).gap("g") <= 0.5, "gap in accuracy by g <= 0.50"),
        (lambda p: metrics.accuracy(p).ratio("g") >= 0.1, "ratio of accuracy by g >= 0.10"),
        (lambda p: metrics.accuracy(p).worst("g") >= 0.125, "worst accuracy by g >= 0.125"),
        (lambda p: metrics.accuracy(p).seed_std() <= 1, "seed std of accuracy <= 1"),
        (lambda p: metrics.failure_rate(p, loss="zero_one", delta=0.5) <= 0.3, "failure rate (delta 0.5) <= 0.30"),
    ],
)
def test_the_claim_is_what_was_asked(estimate, claim):
    predictions = said(n_members=2, columns={"g": np.arange(100) % 2})

    assert estimate(predictions).claim() == claim


# ---- what is recorded -----------------------------------------------------------------------------------------------


def test_every_field_is_builtin_and_crosses_json():
    predictions = said(n_members=3, columns={"g": np.arange(100) % 2}, name="new")
    for verdict in (
        metrics.accuracy(predictions) >= np.float64(0.9),
        metrics.accuracy(predictions).gap("g") <= 0.5,
        metrics.accuracy(predictions).seed_std() <= 0.5,
        metrics.accuracy(predictions).judged(">=", 0.5, Terms(members=0.5)),
        metrics.accuracy(predictions).judged(">=", 0.5, Terms(members="mean")),
    ):
        record = verdict.record()
        assert json.loads(json.dumps(record)) == record
        assert record["model"] == "new"
        assert record["n_members"] == 3
        assert set(record["fingerprints"]) == {"data", "predictions"}


def test_the_recorder_hears_each_verdict_once_and_gives_its_terms():
    with recorder(Terms(confidence=0.99)) as heard:
        verdict = metrics.accuracy(said()) >= 0.8
        assert heard.verdicts == [verdict]
        assert verdict.confidence == 0.99
        assert heard.unasked() == [verdict]
        assert verdict
        assert heard.unasked() == []


def test_allowed_undecided_verdicts_are_true_and_a_project_may_not_allow_them():
    with recorder(allow_undecided=True):
        assert bool(metrics.accuracy(said()) >= 0.9) is True
        assert bool(metrics.accuracy(said()) >= 0.99) is False


def test_nothing_is_recorded_for_a_comparison_that_is_refused():
    with recorder() as heard:
        with pytest.raises(ValueError):
            metrics.accuracy(said()) >= float("nan")  # noqa: B015
        assert heard.verdicts == []


# ---- thresholds that cannot be meant --------------------------------------------------------------------------------


NEED_MORE = {
    "category_distance",
    "coefficient_share",
    "domain_distance",
    "failure_rate",
    "flip_rate",
    "gradient_share",
    "ks_distance",
}
"""Fractions that are measured on more than predictions."""


@pytest.mark.parametrize("percent", [2, 5.0, 95, 100])
def test_percent_is_refused_for_every_metric_that_is_a_fraction(percent):
    score = np.random.default_rng(0).random(60)
    y = np.arange(60) % 2
    predictions = Predictions(y=y, probabilities=np.stack([1 - score, score], -1))
    for name in sorted(FRACTIONS - NEED_MORE):
        estimate = getattr(metrics, name)(predictions)
        with pytest.raises(
            ValueError, match=rf"never percent; got {name} >= {percent:g}: did you mean {percent / 100:g}\?"
        ):
            estimate >= percent  # noqa: B015


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_losses_have_no_largest_limit(name):
    predictions = Predictions(y=np.zeros(50), values=np.full(50, 3.0))

    verdict = getattr(metrics, name)(predictions).judged("<=", 250, Terms(max_loss=1000.0))
    assert verdict.threshold == 250
    assert verdict.outcome in (Outcome.MET, Outcome.UNDECIDED)


def test_a_limit_out_of_reach_has_no_hint_of_percent():
    with pytest.raises(ValueError, match=r"got accuracy >= 101$"):
        metrics.accuracy(said()) >= 101  # noqa: B015
    with pytest.raises(ValueError, match=r"ratio of accuracy by g lies in \[0, 1\]"):
        metrics.accuracy(said(columns={"g": np.arange(100) % 2})).ratio("g") >= 80  # noqa: B015
    with pytest.raises(ValueError, match=r"lies in \[-1, 1\]"):
        metrics.accuracy(said()) - metrics.accuracy(said()) >= -2  # noqa: B015
