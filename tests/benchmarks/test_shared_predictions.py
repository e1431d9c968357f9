"""Twenty tests of one ensemble that share its predictions against twenty that predict for themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import ratio, suites

pytestmark = pytest.mark.benchmark

N_TESTS, N_MEMBERS, N_EXAMPLES, N_FEATURES, N_CLASSES, PAIRS = 20, 50, 10_000, 64, 10, 2
N_TREES, N_TRAINING = 60, 1_000

CONFTEST = """
import numpy as np
import pytest
import pytest_mlspec as mlspec
from benchmark_material import N_TRAINING, X, light, trained, y

@mlspec.dataset
def street():
    rows = mlspec.Dataset(X, y, columns={"light": light})
    return mlspec.Splits(train=rows.take(np.arange(N_TRAINING)), test=rows.take(np.arange(N_TRAINING, len(y))))

@mlspec.ensemble(seeds=50, cache=False)  # predicting is compared, and nothing is trained
def detector(seed, street):
    return trained[seed]
"""
SHARED = """
@pytest.fixture
def said(detector, street):
    return lambda: (detector, street.test)
"""
EACH_TIME = """
@pytest.fixture
def said(detector, street):
    def ask():
        probabilities = np.stack([member.predict_proba(street.test.X) for member in detector.members])
        return (mlspec.Predictions(y=street.test.y, probabilities=probabilities, columns=street.test.columns),)
    return ask
"""
TESTS = """
import pytest
from pytest_mlspec import metrics

@pytest.mark.satisficing(at_least=0.3)
@pytest.mark.parametrize("number", range(10))
def test_each_class_is_found(number, said, requirement):
    assert metrics.recall(*said(), positive=number) >= requirement

@pytest.mark.satisficing(at_least=0.3)
@pytest.mark.parametrize("measure", [metrics.accuracy, metrics.precision, metrics.f1, metrics.recall])
def test_on_average(measure, said, requirement):
    average = {} if measure is metrics.accuracy else {"average": "macro"}
    assert measure(*said(), **average) >= requirement

@pytest.mark.parity(by="light", max_gap=0.5)
def test_gap(said, requirement):
    assert metrics.accuracy(*said()).gap(by="light") <= requirement

@pytest.mark.satisficing(at_least=0.3)
def test_worst(said, requirement):
    assert metrics.accuracy(*said()).worst(by="light") >= requirement

@pytest.mark.calibration(max_ece=0.6)
def test_calibration(said, requirement):
    assert metrics.ece(*said(), bins=15) <= requirement

@pytest.mark.satisficing(max_failure_rate=0.9, delta=4.0)
def test_failures(said, requirement):
    assert metrics.failure_rate(*said(), loss="log_loss") <= requirement

@pytest.mark.satisficing(at_most=1.5)
def test_brier(said, requirement):
    assert metrics.brier(*said()) <= requirement

@pytest.mark.satisficing(max_failure_rate=0.9, delta=0.5)
def test_errors(said, requirement):
    assert metrics.failure_rate(*said(), loss="zero_one") <= requirement
"""


def _forest(seed: int) -> object:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(N_TREES, random_state=seed)


def _network(seed: int) -> object:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((64,), max_iter=80, random_state=seed)


def _material(make: Callable[[int], Any]) -> dict[str, object]:
    """Fifty models of one kind."""

    generator = np.random.default_rng(0)
    centres = generator.normal(size=(N_CLASSES, N_FEATURES))
    y = np.arange(N_TRAINING + N_EXAMPLES) % N_CLASSES
    X = centres[y] + 2.0 * generator.normal(size=(len(y), N_FEATURES))
    light = np.where(np.arange(len(y)) // N_CLASSES % 3, "day", "night")
    trained = [make(seed).fit(X[:N_TRAINING], y[:N_TRAINING]) for seed in range(N_MEMBERS)]
    return {"X": X, "y": y, "light": light, "trained": trained, "N_TRAINING": N_TRAINING}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("make", "models", "at_least"),
    [
        (_forest, f"forests ({N_TREES} trees)", 12.0),
        # Predicting costs little here, so that judging fifty members keeps the gain below 12: shown, held to nothing.
        (_network, "networks (64 units)", None),
    ],
    ids=["forests", "networks"],
)
def test_sharing_predictions_against_predicting_in_every_test(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    hold: Callable[..., None],
    make: Callable[[int], Any],
    models: str,
    at_least: float | None,
) -> None:
    suites.prepare(pytester, monkeypatch, **_material(make))
    folders = {"shared": SHARED, "each_time": EACH_TIME}
    for name, fixture in folders.items():
        folder = pytester.mkdir(name)
        (folder / "conftest.py").write_text(CONFTEST + fixture)
        (folder / f"test_{name}.py").write_text(TESTS)

    measured = ratio.in_turn(
        ratio.seconds(lambda: suites.passes(pytester, N_TESTS, "shared")),
        ratio.seconds(lambda: suites.passes(pytester, N_TESTS, "each_time")),
        PAIRS,
        warm_up=False,
    )
    name = f"{N_TESTS} tests of {N_MEMBERS} {models} on {N_EXAMPLES:,} rows, whole run of pytest"
    hold(ratio.row(name, "predicting in every test", measured, at_least=at_least))
