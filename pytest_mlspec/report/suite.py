"""What a red run says of its requirements taken together: how many are violated after Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pytest_mlspec.report.rows import Row
from pytest_mlspec.report.run import Run, word

HOLM = "Holm's correction"


def holm(shares: Sequence[float]) -> int:
    """How many hypotheses Holm's step-down procedure rejects, each p-value given as a part of its own level.

    Args:
        shares: p-value over level of every hypothesis, those that cannot be rejected included (above 1).

    Returns:
        The number of rejections; some true hypothesis is among them with a probability of at most the largest level,
        whatever the dependence: of m0 true ones the smallest p-value is below 1 / m0 of its level that often at most.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6(2), 65-70.

    Example:
        >>> holm([0.2, 0.4, 7.0, 7.0])  # 0.2 <= 1/4, but 0.4 > 1/3
        1
    """
    rejected = 0
    for place, share in enumerate(sorted(shares)):
        if not share <= 1.0 / (len(shares) - place) + 1e-12:
            break
        rejected += 1
    return rejected


def requirements(rows: Iterable[Row]) -> dict[tuple[object, ...], list[Row]]:
    """The rows of every requirement: claims of one contract are one, a literal is one of its own."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for place, row in enumerate(rows):
        contract = row.get("contract", -1)
        own = contract if isinstance(contract, int) and contract >= 0 else f"row {place}"
        found.setdefault((row["test"], own), []).append(row)
    return found


def _share(rows: Sequence[Row]) -> float:
    """The p-value of a requirement over its level; infinite where nothing of it counts as violated.

    Claims of one requirement share its level already. Of a claim that was judged several times the worst is known, so
    that its p-value counts once for each.
    """
    found = [math.inf]
    for row in rows:
        violated_at, level, judgements = (row.get(name) for name in ("violated_at", "level", "judgements"))
        if word(row) == "violated" and isinstance(violated_at, (int, float)) and isinstance(level, (int, float)):
            found.append(float(violated_at) * max(1, int(str(judgements or 1))) / float(level))
    return min(found)


def summary(run: Run) -> dict[str, object]:
    """Numbers for the JSON file: requirements, how many are violated, and how many after Holm's correction."""
    grouped = requirements(run.rows)
    family = {int(str(row["family"])) for row in run.rows if row.get("family")}
    return {
        "requirements": len(grouped),
        "violated": sum(any(word(row) == "violated" for row in rows) for rows in grouped.values()),
        "violated_after_holm": holm([_share(rows) for rows in grouped.values()]),
        "family": max(family) if family else None,
    }


def suite_lines(run: Run) -> list[str]:
    """What the summary says of the run as a whole; nothing where nothing is violated and no level is shared.

    A run in which all are met needs no correction: it is wrong only if some requirement is, each with its own level
    (an intersection-union test: Berger 1982).
    """
    found = summary(run)
    violated, corrected, total = found["violated"], found["violated_after_holm"], found["requirements"]
    if found["family"]:
        return [
            f"*violated* is judged at 1/{found['family']} of each level: {found['family']} contracts in this run "
            "share it (mlspec_family); *met* needs no correction"
        ]
    if not violated or total == 1:
        return []
    many = violated != 1
    return [
        f"{violated} violated, {'each ' if many else ''}at its own level; {corrected}{' of them' if many else ''} also "
        f"after {HOLM} over the {total} requirements of this run"
    ]
