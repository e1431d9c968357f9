"""Two costs measured in turn: the ratio of each pair, its median and quartiles, and the bar that it is held to.

The two sides of a pair run within a moment of each other, every other pair in the reverse order, so that whatever else
the machine does falls on both. A single pair says little; the median over pairs and its quartiles are what is reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Literal, TypeAlias

Side: TypeAlias = Literal["at most", "at least"]
Measured: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: our cost, that of a peer or a floor, and their ratio with its quartiles.

    ``ratio`` is ours over the peer's where the bar says "at most", and the peer's over ours where it says "at least";
    ``bar`` is ``None`` where the row only reports.
    """

    name: str
    peer: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    side: Side
    bar: float | None

    @property
    def holds(self) -> bool:
        """Whether the median keeps to the bar."""
        if self.bar is None:
            return True
        return self.ratio <= self.bar if self.side == "at most" else self.ratio >= self.bar


def in_turn(ours: Callable[[], float], theirs: Callable[[], float], pairs: int, *, warm_up: bool = True) -> Measured:
    """The costs of both sides, pair by pair (two or more), after one unmeasured call of ours and, asked, of theirs."""
    ours()
    if warm_up:
        theirs()
    found = []
    for number in range(pairs):
        if number % 2:
            cost = ours()
            found.append((cost, theirs()))
        else:
            cost = theirs()
            found.append((ours(), cost))
    return tuple(pair[0] for pair in found), tuple(pair[1] for pair in found)


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """Processor seconds of this process for one call, all threads: waiting for a busy machine does not count."""

    def measure() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return measure


def row(
    name: str,
    peer: str,
    measured: Measured,
    *,
    unit: str = "s",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """The row of one comparison; without a bar it reports ours over theirs.

    Args:
        name: what was measured, with its sizes.
        peer: what it was measured against.
        measured: costs of both sides, pair by pair.
        unit: of the costs; seconds are processor time unless the name says otherwise.
        at_most: the largest ratio allowed, ours over theirs.
        at_least: the smallest ratio allowed, theirs over ours.
    """
    ours, theirs = measured
    side: Side = "at most" if at_least is None else "at least"
    ratios = [b / a if side == "at least" else a / b for a, b in zip(ours, theirs, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return Row(
        name=name,
        peer=peer,
        unit=unit,
        ours=median(ours),
        theirs=median(theirs),
        ratio=median(ratios),
        low=low,
        high=high,
        side=side,
        bar=at_most if at_least is None else at_least,
    )


# ---- whole processes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What one child process cost: wall and processor seconds, and its largest resident memory in MiB."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str | Path], folder: Path) -> Process:
    """Run a command in a folder to its end.

    Raises:
        RuntimeError: with its output, where the exit code is neither 0 nor 5 (pytest found no test).
    """
    launcher = [sys.executable, "-S", "-c", LAUNCHER, *map(str, command)]
    with open(folder / "output.txt", "w+b") as output:
        told = subprocess.run(
            launcher, cwd=folder, env=environment(), stdout=output, stderr=subprocess.PIPE, text=True, check=True
        )
        status, wall, cpu, memory = json.loads(told.stderr.splitlines()[-1])
        if os.waitstatus_to_exitcode(status) not in (0, 5):
            output.seek(0)
            words = " ".join(map(str, command))
            raise RuntimeError(f"{words} ended with {os.waitstatus_to_exitcode(status)}:\n{output.read().decode()}")
    return Process(wall=wall, cpu=cpu, memory=memory / (2**20 if sys.platform == "darwin" else 2**10))


# A child starts with the peak memory of the process that made it, so a small process makes it and not this large one.
LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
child = os.fork()
if child == 0:
    os.dup2(1, 2)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
told = [status, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss]
print(json.dumps(told), file=sys.stderr)
"""


def environment() -> dict[str, str]:
    """This environment without what steers Python or pytest: bytecode is cached, one thread computes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    kept.pop("CI", None)
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


# ---- the table -------------------------------------------------------------------------------------------------------


def render(rows: Iterable[Row]) -> list[str]:
    """The rows as one Markdown table."""
    lines = ["| what | ours | against | its cost | ratio (quartiles) | bar |", "|---|---|---|---|---|---|"]
    return lines + [_line(row) for row in rows]


def _line(row: Row) -> str:
    words = "x as fast" if row.side == "at least" else "x"
    ratio = f"{row.ratio:.3g} {words} ({row.low:.3g} to {row.high:.3g})"
    bar = "reported" if row.bar is None else f"{row.side} {row.bar:g}" + ("" if row.holds else ", **missed**")
    ours, theirs = _cost(row.ours, row.unit), _cost(row.theirs, row.unit)
    return f"| {row.name} | {ours} | {row.peer} | {theirs} | {ratio} | {bar} |"


def _cost(cost: float, unit: str) -> str:
    if unit != "s":
        return f"{cost:.0f} {unit}"
    for size, name in ((1.0, "s"), (1e-3, "ms")):
        if cost >= size:
            return f"{cost / size:.3g} {name}"
    return f"{cost * 1e6:.3g} µs"
