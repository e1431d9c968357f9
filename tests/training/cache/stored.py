"""Members whose every figure is known, one that leaves a trace, and a cache that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_mlspec.training.cache.store import Store

WEIGHTS = np.arange(3000.0)


class Model:
    def __init__(self, number: float) -> None:
        self.number, self.weights = number, WEIGHTS + number

    def predict(self, X: object) -> float:
        return self.number


class Trap:
    """Unpickling it leaves a trace."""

    sprung: list[str] = []  # noqa: RUF012  # one list for all is meant

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, X: object) -> str:
        return self.name

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__.update(state)
        Trap.sprung.append(self.name)


def always(facts: object) -> bool:
    return True


def numbers(store: Store, *seeds: int, key: str = "key") -> dict[int, Any]:
    return {seed: kept.member.predict(None) for seed, kept in store.members(key, seeds, always).items()}


def only_part(folder: Path, shelf: str = "fits", key: str = "key") -> Path:
    (part,) = (folder / shelf / key).iterdir()
    return part


def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trap, "sprung", [])
    store.keep("key", {0: (Model(0.0), 0.0, {})})
    store.keep("trap", {0: (Trap("a"), 0.0, {})})
    store.keep_outputs("key", {"a": np.arange(5000.0), "b": np.zeros(3)})
    Trap.sprung.clear()
