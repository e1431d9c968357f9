"""The error rates that the validity suite measured, one row per bound, case and kind of error.

``record`` adds a row and holds it to its limit, ``record_exact`` does the same for an error probability that was
enumerated instead of simulated, ``report_only`` adds the figure of a case outside the domain of its bound. The
conftest beside this file prints all rows at the end of a run with ``--validity-table``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Side = Literal["false met", "false violated", "missed"]
"""Wrong verdicts, and for a plan: not met although it was planned for, which is no error but what a plan bounds."""
SIDES: tuple[Side, Side] = ("false met", "false violated")

# Rows of the running test; the conftest moves them to the report of the test, so that they survive xdist.
ROWS: list[Row] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured error rate: ``runs`` is 0 where the probability was enumerated, not simulated."""

    bound: str
    case: str
    truth: str
    side: Side
    rate: float
    runs: int
    limit: float
    outside_domain: bool = False

    @property
    def allowed(self) -> float:
        """The limit plus three Monte-Carlo standard errors (none for an enumerated probability)."""
        noise = 3.0 * math.sqrt(self.limit * (1.0 - self.limit) / self.runs) if self.runs else 1e-9
        return self.limit + noise


def record(bound: str, case: str, truth: str, side: Side, errors: int, runs: int, limit: float) -> None:
    """Add a simulated error rate and hold it to ``limit`` plus three Monte-Carlo standard errors.

    Args:
        bound: name of the bound, as its ``Method`` says it.
        case: the data that were simulated, with their sizes.
        truth: the true value and the threshold it was judged against.
        side: which wrong verdict was counted.
        errors: wrong verdicts.
        runs: simulated data sets, at least 1.
        limit: largest error rate allowed (0.05 exact, 0.065 asymptotic at level 0.05).

    Raises:
        AssertionError: the rate is above what the limit allows.
    """
    if runs < 1 or not 0 <= errors <= runs:
        raise ValueError(f"expected 0 <= errors <= runs and runs >= 1, got errors={errors}, runs={runs}")
    row = Row(
        bound=bound, case=case, truth=truth, side=side, rate=int(errors) / int(runs), runs=int(runs), limit=float(limit)
    )
    _hold(row)


def record_exact(bound: str, case: str, truth: str, side: Side, rate: float, limit: float) -> None:
    """Add an enumerated error probability and hold it to ``limit`` itself (see ``record`` for the arguments)."""
    _hold(Row(bound=bound, case=case, truth=truth, side=side, rate=float(rate), runs=0, limit=float(limit)))


def report_only(bound: str, case: str, truth: str, side: Side, errors: int, runs: int, limit: float) -> None:
    """Add the figure of a hard case outside the domain of its bound: shown and marked, held to nothing."""
    row = Row(
        bound=bound,
        case=case,
        truth=truth,
        side=side,
        rate=int(errors) / int(runs),
        runs=int(runs),
        limit=float(limit),
        outside_domain=True,
    )
    ROWS.append(row)


def render(rows: Iterable[Row]) -> list[str]:
    """The rows as aligned text lines, sorted by bound."""
    cells: list[tuple[str, ...]] = [("bound", "case", "truth", "error", "rate", "runs", "limit")]
    cells += [_cells(row) for row in _most_runs(rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def render_worst(rows: Iterable[Row]) -> list[str]:
    """A Markdown table with the worst case of every bound at level 0.05, inside its domain: what README quotes."""
    lines = ["| bound | limit | cases | worst false met | worst false violated |", "|---|---|---|---|---|"]
    at_level = [row for row in _most_runs(rows) if not row.outside_domain and round(row.limit, 6) in (0.05, 0.065)]
    for bound in sorted({row.bound for row in at_level}):
        mine = [row for row in at_level if row.bound == bound]
        worst = [max((row.rate for row in mine if row.side == side), default=None) for side in SIDES]
        shown = ["-" if rate is None else f"{rate:.3f}" for rate in worst]
        n_cases = len({(row.case, row.truth) for row in mine})
        lines.append(f"| {bound} | {max(row.limit for row in mine):g} | {n_cases} | {shown[0]} | {shown[1]} |")
    return lines


def _most_runs(rows: Iterable[Row]) -> list[Row]:
    """Of equal cases the one with the most runs: the full simulation beside its fast slice."""
    kept: dict[tuple[str, str, str, str], Row] = {}
    for row in rows:
        key = (row.bound, row.case, row.truth, row.side)
        if key not in kept or row.runs >= kept[key].runs:
            kept[key] = row
    return [kept[key] for key in sorted(kept)]


def _hold(row: Row) -> None:
    ROWS.append(row)
    assert row.rate <= row.allowed, (
        f"{row.bound}: {row.side} at rate {row.rate:.4g} on {row.case} ({row.truth}), "
        f"limit {row.limit:g}, allowed {row.allowed:.4g} with runs={row.runs or 'all outcomes'}"
    )


def _cells(row: Row) -> tuple[str, ...]:
    limit = "outside domain" if row.outside_domain else f"{row.limit:.3g}"
    return (row.bound, row.case, row.truth, row.side, f"{row.rate:.3g}", str(row.runs or "exact"), limit)
