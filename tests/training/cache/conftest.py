"""An empty cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlspec.training.cache.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder, 10**9)
