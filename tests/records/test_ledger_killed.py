"""A process killed at any moment loses no read that it was told of, and damages nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_mlspec.records import Ledger

# Says "ready" before the first read and every model after its read has returned, straight to the pipe.
ENDLESS_WRITER = """
import os, sys
from pytest_mlspec.records import Ledger

path, name = sys.argv[1:]
ledger = Ledger(path)
os.write(1, b"ready\\n")
for number in range(1_000_000):
    ledger.read(data="d", requirement="r", model=f"{name}-{number}")
    os.write(1, f"{name}-{number}\\n".encode())
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is what cannot be caught")


def start(path: Path, name: str) -> subprocess.Popen[bytes]:
    writer = subprocess.Popen([sys.executable, "-c", ENDLESS_WRITER, str(path), name], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert os.read(writer.stdout.fileno(), 6) == b"ready\n"
    return writer


def kill(writer: subprocess.Popen[bytes]) -> set[str]:
    """End a writer for good; the models whose reads it was told of."""
    writer.kill()
    told, _ = writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    return {line.decode() for line in told.split(b"\n")[:-1]}


def kill_writers(folder: Path, kills: int, seed: int) -> None:
    """Kill pairs of writers at random moments, one while the other lives, on new ledgers and on grown ones."""
    moments, told, n_new = random.Random(seed), dict[Path, set[str]](), 0
    for number in range(kills // 2):
        if number % 4 == 0:
            path, n_new = folder / f"ledger-{number}.sqlite", n_new + 1
        first, second = (start(path, f"{number}{letter}") for letter in "ab")
        time.sleep(moments.uniform(0.0, 0.05))
        models = kill(first)
        time.sleep(moments.uniform(0.0, 0.01))
        models |= kill(second)
        told.setdefault(path, set()).update(models)

        if path.exists():
            check(path, told[path])
    assert sum(map(len, told.values())) > kills
    assert len(told) == n_new


def check(path: Path, told: set[str]) -> None:
    ledger = Ledger(path)
    kept = [entry.model for entry in ledger.history("d")]

    assert told <= set(kept)
    assert len(kept) == len(set(kept))
    assert len(kept) <= len(told) + 8  # eight writers at most, each with one read under way that it was not told of
    before = len(kept)
    assert ledger.read(data="d", requirement="r", model=f"after {before}").n_models == before + 1
    told.add(f"after {before}")


def test_fifty_kills(tmp_path: Path) -> None:
    kill_writers(tmp_path, 50, seed=1)


@pytest.mark.slow_validity
def test_two_hundred_kills(tmp_path: Path) -> None:
    kill_writers(tmp_path, 200, seed=2)
