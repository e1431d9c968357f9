"""All requirements of one random forest against training it and predicting with it: whole processes."""

from __future__ import annotations

import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

PAIRS, N_CONTRACTS = 3, 10

DATA = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier

N_ROWS, N_FEATURES, N_TREES = 20_000, 21, 100


def rows():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(2 * N_ROWS, N_FEATURES))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * generator.normal(size=2 * N_ROWS) > 0).astype(int)
    return X, y, generator.integers(0, 5, 2 * N_ROWS)
"""
PLAIN = """
from forest import N_ROWS, N_TREES, RandomForestClassifier, rows

X, y, _ = rows()
model = RandomForestClassifier(N_TREES, random_state=0).fit(X[:N_ROWS], y[:N_ROWS])
probabilities = model.predict_proba(X[N_ROWS:])
print("accuracy", ((probabilities[:, 1] >= 0.5) == y[N_ROWS:]).mean())
"""
GATE = """
import pytest

import pytest_mlspec as mlspec
from forest import N_ROWS, N_TREES, RandomForestClassifier, rows
from pytest_mlspec import metrics


@mlspec.dataset
def cases():
    X, y, site = rows()
    train = mlspec.Dataset(X[:N_ROWS], y[:N_ROWS])
    return mlspec.Splits(train=train, test=mlspec.Dataset(X[N_ROWS:], y[N_ROWS:], columns={"site": site[N_ROWS:]}))


@mlspec.ensemble(seeds=1)
def model(seed, cases):
    return RandomForestClassifier(N_TREES, random_state=seed).fit(cases.train.X, cases.train.y)


@pytest.mark.satisficing(at_least=0.6)
@pytest.mark.parametrize("measure", ["accuracy", "recall", "precision", "f1", "auroc"])
def test_level(measure, model, cases, requirement):
    assert getattr(metrics, measure)(model, cases.test) >= requirement


@pytest.mark.satisficing(at_least=0.6)
def test_worst(model, cases, requirement):
    assert metrics.recall(model, cases.test).worst(by="site") >= requirement


@pytest.mark.parity(by="site", max_gap=0.2)
def test_gap(model, cases, requirement):
    assert metrics.recall(model, cases.test).gap(by="site") <= requirement


@pytest.mark.calibration(max_ece=0.3)
def test_calibration(model, cases, requirement):
    assert metrics.ece(model, cases.test, bins=15) <= requirement


@pytest.mark.satisficing(at_most=0.5)
def test_brier(model, cases, requirement):
    assert metrics.brier(model, cases.test) <= requirement


@pytest.mark.satisficing(max_failure_rate=0.2, delta=3.0)
def test_confident_errors(model, cases, requirement):
    assert metrics.failure_rate(model, cases.test, loss="log_loss") <= requirement
"""


WHAT = f"{N_CONTRACTS} requirements of one forest (100 trees, 20,000 x 21)"
PEER = "a script that trains and predicts"


@pytest.fixture
def gate(tmp_path: Path) -> list[str]:
    """The command that judges everything, where neighbours are not counted as ours."""
    for name, text in {"forest": DATA, "plain": PLAIN, "test_gate": GATE, "conftest": ""}.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    alone = ("--disable-plugin-autoload", "-p", "pytest_mlspec.plugin")
    return [sys.executable, "-m", "pytest", "-q", *alone, "test_gate.py"]


def _cost(place: Path, commands: Iterator[list[str]], found: list[ratio.Process], said: str) -> Callable[[], float]:
    def measure() -> float:
        found.append(ratio.run(next(commands), place))
        assert said in (place / "output.txt").read_text(encoding="utf-8")
        return found[-1].cpu

    return measure


def _compared(
    place: Path, commands: Iterator[list[str]]
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], tuple[tuple[float, ...], tuple[float, ...]]]:
    """Processor times and memories of these commands and of the script, in turn."""
    ours: list[ratio.Process] = []
    theirs: list[ratio.Process] = []
    script = itertools.repeat([sys.executable, "plain.py"])
    measured = (
        _cost(place, commands, ours, f"{N_CONTRACTS} passed"),
        _cost(place, script, theirs, "accuracy"),
    )
    cpu = ratio.in_turn(*measured, PAIRS, warm_up=False)
    return cpu, (tuple(one.memory for one in ours[-PAIRS:]), tuple(one.memory for one in theirs[-PAIRS:]))


def test_the_gate_costs_a_tenth_of_training_and_predicting(
    gate: list[str], tmp_path: Path, hold: Callable[..., None]
) -> None:
    """Imports and the whole run of pytest count as ours, the imports of a plain script as its own; nothing is kept."""
    cpu, memory = _compared(tmp_path, itertools.repeat([*gate, "--mlspec-cache=off"]))

    hold(
        ratio.row(f"{WHAT}, processor time", PEER, cpu, at_most=1.1),
        ratio.row(f"{WHAT}, peak memory", PEER, memory, unit="MiB", at_most=1.1),
    )


def test_what_keeping_the_forest_costs_and_saves(gate: list[str], tmp_path: Path, hold: Callable[..., None]) -> None:
    """A first run stores 100 trees and reads them back; a second one loads them."""
    new = ([*gate, f"--mlspec-cache=kept-{number}"] for number in itertools.count())
    first, memory = _compared(tmp_path, new)
    second, _ = _compared(tmp_path, itertools.repeat([*gate, "--mlspec-cache=kept-0"]))

    hold(
        ratio.row(f"{WHAT}, kept in the cache, processor time", PEER, first),
        ratio.row(f"{WHAT}, kept in the cache, peak memory", PEER, memory, unit="MiB"),
        ratio.row(f"{WHAT}, second run, processor time", PEER, second),
    )
