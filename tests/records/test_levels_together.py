"""A level that several parts divide is divided by all of them: models, looks, a family, claims, members, two looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.metrics.judging.judge import Claim, judge_together
from pytest_mlspec.records import Ledger
from pytest_mlspec.records.reads import Reads
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Outcome, Terms, Verdict

LEVEL, N_JUDGED = 0.05, 400
WRONG = (30, 44, 37)  # losses of 1 among the first 400 cases, member by member
LOOKS = (200, 400, 600, 800)


class Configured:
    """What a run without options asks for."""

    terms = Terms()
    allow_undecided = True
    family = False


def judged(path: Path, terms: Terms, budget: int, n_claims: int, limit: float = 0.1) -> Verdict:
    """The verdict on mean losses of three members: 400 cases have been labelled, and 150 more wait for a look."""
    losses = np.zeros((3, 550))
    for member, wrong in enumerate(WRONG):
        losses[member, :N_JUDGED][np.linspace(0, N_JUDGED - 1, wrong).astype(int)] = 1.0
    estimate = metrics.mae(Predictions(y=np.zeros(550), values=losses))
    reads = Reads(ledger=Ledger(path), budget=budget)
    recorder = Recorder(Configured)
    recorder.reads = lambda: reads
    claim = Claim(estimate=estimate, comparison="<=", threshold=limit, share=1 / n_claims)
    with RECORDER.hold(recorder):
        return judge_together([claim] * n_claims, terms, None)


def clopper_pearson_low(hits: int, level: float) -> float:
    return float(beta.ppf(level, hits, N_JUDGED - hits + 1))


def clopper_pearson_high(hits: int, level: float) -> float:
    return float(beta.ppf(1 - level, hits + 1, N_JUDGED - hits))


@pytest.mark.parametrize("budget", [1, 5])
@pytest.mark.parametrize("n_looks", [1, 4])
@pytest.mark.parametrize("family", [1, 4])
@pytest.mark.parametrize("n_claims", [1, 2])
def test_the_level_that_decides_is_the_product_of_all_shares(
    tmp_path: Path, budget: int, n_looks: int, family: int, n_claims: int
) -> None:
    """Equal losses count like a rate: *met* is divided by models and looks, *violated* by the rest as well."""
    looks = LOOKS if n_looks > 1 else (N_JUDGED,)
    terms = Terms(looks=looks, spending="even", share=1 / family, max_loss=1.0)

    verdict = judged(tmp_path / "reads.sqlite", terms, budget, n_claims)

    near = LEVEL / budget / n_looks
    far = near / family / n_claims / len(WRONG)
    assert verdict.high == pytest.approx(clopper_pearson_high(max(WRONG), near), abs=1e-9)
    assert verdict.low == pytest.approx(clopper_pearson_low(max(WRONG), far), abs=1e-9)
    assert verdict.confidence == pytest.approx(1 - LEVEL / budget)
    assert verdict.level == LEVEL


def test_each_share_moves_the_outcome(tmp_path: Path) -> None:
    """A limit that is missed by a hair at the undivided level is undecided as soon as one more part shares it."""
    limit = clopper_pearson_low(max(WRONG), LEVEL / len(WRONG)) - 1e-6

    def outcome(name: str, budget: int = 1, n_claims: int = 1, **given: object) -> Outcome:
        terms = Terms(**({"looks": (N_JUDGED,), "spending": "even", "max_loss": 1.0} | given))
        return judged(tmp_path / f"{name}.sqlite", terms, budget, n_claims, limit).outcome

    assert outcome("alone") is Outcome.VIOLATED
    assert outcome("models", budget=2) is Outcome.UNDECIDED
    assert outcome("looks", looks=(N_JUDGED, 800)) is Outcome.UNDECIDED
    assert outcome("family", share=0.5) is Outcome.UNDECIDED
    assert outcome("claims", n_claims=2) is Outcome.UNDECIDED


def test_the_looks_of_a_growing_ensemble_halve_what_the_budget_leaves(tmp_path: Path) -> None:
    class Grows:
        def most(self, models: tuple[object, ...]) -> int | str:
            return 40

        def wish(self, models: tuple[object, ...], n_members: int) -> None:
            return None

    class Member:
        def __init__(self, seed: int) -> None:
            self.seed = seed

        def predict(self, X: np.ndarray) -> np.ndarray:
            return (np.arange(len(X)) % 20 != self.seed).astype(int)

    from pytest_mlspec import Dataset

    data = Dataset(np.arange(2000.0)[:, None], np.ones(2000, int), classes=[0, 1], positive=1)
    members = tuple(map(Member, range(5)))
    ensemble = Ensemble(members=members, seeds=tuple(range(5)), name="model", declared=5, retrained=True)
    reads = Reads(ledger=Ledger(tmp_path / "reads.sqlite"), budget=2)
    recorder = Recorder(Configured)
    recorder.reads, recorder.growth = lambda: reads, Grows()
    with RECORDER.hold(recorder):
        verdict = metrics.accuracy(ensemble, data).seed_std().judged("<=", 0.5, Terms(growing_members=40))

    assert verdict.confidence == pytest.approx(1 - LEVEL / 2 / 2)
    assert verdict.outcome is Outcome.MET
