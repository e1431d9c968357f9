"""What the cache costs to read, checked: predictions against numpy.load, members against joblib and one file each."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec.training.cache.store import Store
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

N_MEMBERS, N_EXAMPLES, N_CLASSES, PAIRS = 50, 100_000, 10, 9
N_NETWORKS, NETWORK_PAIRS = 20, 15


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", 10**10)


def members(store: Store, n_members: int) -> None:
    found = store.members("key", range(n_members), lambda facts: True)
    assert len(found) == n_members, store.notes


def test_predictions_load_in_at_most_twice_the_time_of_numpy(
    store: Store, tmp_path: Path, hold: Callable[..., None]
) -> None:
    shape = (N_MEMBERS, N_EXAMPLES, N_CLASSES)
    probabilities = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert store.keep_outputs("key", {"probabilities": probabilities}) == ""
    np.save(tmp_path / "plain.npy", probabilities)

    def ours() -> None:
        found = store.outputs("key")
        assert found is not None

    measured = ratio.in_turn(
        ratio.seconds(ours), ratio.seconds(lambda: np.load(tmp_path / "plain.npy", allow_pickle=False)), PAIRS
    )
    with_blake2b = ratio.in_turn(
        ratio.seconds(ours), ratio.seconds(lambda: hashlib.blake2b((tmp_path / "plain.npy").read_bytes()).digest()), 3
    )

    name = f"{N_MEMBERS} members x {N_EXAMPLES:,} rows x {N_CLASSES} classes, float32, loaded and checked"
    hold(
        ratio.row(name, "numpy.load of the same bytes, unchecked", measured, at_most=2.0),
        ratio.row(name, "reading the same bytes and BLAKE2b", with_blake2b),
    )


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_networks_of_scikit_learn_against_joblib(store: Store, tmp_path: Path, hold: Callable[..., None]) -> None:
    import joblib
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits(return_X_y=True)
    trained = [MLPClassifier((64,), max_iter=3, random_state=seed).fit(X, y) for seed in range(N_NETWORKS)]
    assert store.keep("key", {seed: (model, 0.0, {}) for seed, model in enumerate(trained)}) == ""
    for seed, model in enumerate(trained):
        joblib.dump(model, tmp_path / f"{seed}.joblib")

    measured = ratio.in_turn(
        ratio.seconds(lambda: members(store, N_NETWORKS)),
        ratio.seconds(lambda: [joblib.load(tmp_path / f"{seed}.joblib") for seed in range(N_NETWORKS)]),
        NETWORK_PAIRS,
    )

    name = f"{N_NETWORKS} MLPClassifier of 64 units, loaded and checked"
    hold(ratio.row(name, "joblib.load of one file each, unchecked", measured))


@pytest.mark.parametrize(
    ("width", "words", "at_least"),
    # To copy the numbers costs both the same, so that large ones keep the gain near 1: shown, held to nothing.
    [(16, "1.5 thousand numbers", 1.5), (512, "300 thousand numbers", None)],
)
def test_one_stacked_file_against_a_file_per_member(
    store: Store, tmp_path: Path, hold: Callable[..., None], width: int, words: str, at_least: float | None
) -> None:
    torch = pytest.importorskip("torch")

    def network(seed: int) -> object:
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))

    for seed in range(N_MEMBERS):
        assert store.keep("key", {seed: (network(seed), 0.0, {})}) == ""
        torch.save(network(seed), tmp_path / f"{seed}.pt")
    one_by_one = ratio.seconds(lambda: members(store, N_MEMBERS))
    one_by_one()
    scattered = [one_by_one() for _ in range(5)]
    store.settle("key")

    measured = ratio.in_turn(
        ratio.seconds(lambda: members(store, N_MEMBERS)),
        ratio.seconds(
            lambda: [
                torch.load(io.BytesIO((tmp_path / f"{seed}.pt").read_bytes()), weights_only=False)
                for seed in range(N_MEMBERS)
            ]
        ),
        NETWORK_PAIRS,
    )

    name = f"{N_MEMBERS} torch modules of {words}, one stacked file, loaded and checked"
    hold(
        ratio.row(name, "torch.load of one file each, unchecked", measured, at_least=at_least),
        ratio.row(name, "one part of the cache each", (measured[0][:5], tuple(scattered))),  # not in turn: shown only
    )
