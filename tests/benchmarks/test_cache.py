"""What a second run pays for training: the name of the ensemble and the loading of its members."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from pytest_mlspec import metrics
from pytest_mlspec.data import Splits, bundled
from pytest_mlspec.running import RECORDER
from pytest_mlspec.training import Ensemble
from pytest_mlspec.training.cache import versions
from pytest_mlspec.training.cache.key import fit_key
from pytest_mlspec.training.cache.reuse import FitCache
from pytest_mlspec.training.cache.source import Sources
from pytest_mlspec.training.cache.store import Store
from pytest_mlspec.verdict import Terms
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
N_MEMBERS, N_WARM = 20, 15


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """The study of corrupted digits, as it is given to people."""
    name = "mlspec_digits_study"
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / "test_digits_corruptions.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def _data() -> Splits:
    """Fresh objects, so that no fingerprint is known yet, as in a new process."""
    return bundled.digits().named("digits")


def _kept(study: ModuleType, data: Splits, folder: Path) -> FitCache:
    """Everything that a run does before it asks for a member; nothing is remembered from a run before."""
    versions._required.cache_clear()  # this package's own version stays: installed, it has no files to hash

    def key(*, used: Splits = data) -> str:
        sources = Sources(folder / "imports.json")
        found = fit_key(study.train_plain, {"train": used.train}, {"name": "plain"}, root=ROOT, sources=sources)
        assert not (found.unreadable or found.unseen)
        sources.save()
        return found.text

    return FitCache(
        store=Store(folder, 2**31),
        key=key(),
        root=ROOT,
        may_read=(),
        declared=False,
        retrain=False,
        changed=lambda: "",
    )


def _ensemble(study: ModuleType, data: Splits, folder: Path) -> tuple[Ensemble, FitCache]:
    kept = _kept(study, data, folder)
    with kept.alone():
        train = partial(study.train_plain, train=data.train)
        return Ensemble.fit(train, N_MEMBERS, trained_on=[data.train], kept=kept), kept


def _timed(study: ModuleType, folder: Path, expected: Callable[[FitCache], bool]) -> tuple[float, float]:
    """Wall and processor seconds of one run's training, with data that were loaded before."""
    data = _data()
    wall, cpu = time.perf_counter(), time.process_time()
    _, kept = _ensemble(study, data, folder)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    assert expected(kept)
    return spent


def _judge(ensemble: Ensemble, data: Splits) -> None:
    """A gate of five requirements on all members."""
    accuracy = metrics.accuracy(ensemble, data.test)
    terms = Terms()
    for estimate, comparison, limit in (
        (accuracy, ">=", 0.9),
        (metrics.recall(ensemble, data.test, average="macro"), ">=", 0.9),
        (metrics.ece(ensemble, data.test), "<=", 0.1),
        (accuracy.worst(by="label"), ">=", 0.7),
        (accuracy.seed_std(), "<=", 0.02),
    ):
        with RECORDER.hold(None):  # no requirement of the benchmark itself
            assert estimate.judged(comparison, limit, terms).n > 0


@pytest.mark.filterwarnings("ignore")
def test_a_second_run_judges_within_a_second(study: ModuleType, hold: Callable[..., None]) -> None:
    """Bar: 1 s of wall time for naming, loading, hashing the data, predicting and judging together."""
    walls = []
    with tempfile.TemporaryDirectory() as place:
        _judge(_ensemble(study, _data(), Path(place))[0], _data())  # every import is done
        for _ in range(N_WARM):
            data = _data()
            started = time.perf_counter()
            ensemble, kept = _ensemble(study, data, Path(place))
            _judge(ensemble, data)
            walls.append(time.perf_counter() - started)
            assert len(kept.reused) == N_MEMBERS
    name = f"digits study, {N_MEMBERS} members, second run: naming, loading, hashing and five requirements, wall time"
    hold(ratio.row(name, "one second", (tuple(walls), (1.0,) * N_WARM), at_most=1.0))


@pytest.mark.filterwarnings("ignore")
def test_a_second_run_pays_a_three_hundredth_for_training(study: ModuleType, hold: Callable[..., None]) -> None:
    """Bar: 300x."""
    with tempfile.TemporaryDirectory() as place:
        _timed(study, Path(place, "first"), lambda kept: len(kept.trained) == N_MEMBERS)  # every import is done
        folder = Path(place, "cache")
        cold = _timed(study, folder, lambda kept: len(kept.trained) == N_MEMBERS)
        warm = [_timed(study, folder, lambda kept: len(kept.reused) == N_MEMBERS) for _ in range(N_WARM)]

    walls = tuple(one[0] for one in warm), (cold[0],) * N_WARM
    cpus = tuple(one[1] for one in warm), (cold[1],) * N_WARM
    name = f"training of the digits study, {N_MEMBERS} members, second run"
    hold(
        ratio.row(name, "its first run", cpus, at_least=300),
        ratio.row(f"{name}, wall time", "its first run", walls),
    )
