"""A best value as the record of a project keeps it, and whether a new one may be compared with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_mlspec.verdict import Comparison, format_value

HALVINGS = 10
"""How often a recorded bound is kept at half the level again, for verdicts that share the level with others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """A recorded value with its one-sided bounds, each at half the level, and what it was measured under."""

    value: float
    low: float
    high: float
    n: int
    unit: str
    tail: tuple[float, ...]
    """The bound that a worse value must cross, at the level of ``low`` and ``high`` halved once, twice, ..."""
    conditions: Mapping[str, object]
    """What must be the same for two values to be compared: metric, settings, data, members, confidence."""
    told: Mapping[str, object]
    """What a reader wants to know besides: test, id, model, names of the data, method."""

    def words(self) -> str:
        """``0.953 [0.941, 0.962]``."""
        return f"{format_value(self.value)} [{format_value(self.low)}, {format_value(self.high)}]"

    def crossed(self, comparison: Comparison, halvings: int) -> float:
        """The bound that a worse value must cross, at the level halved so often; open where none was kept."""
        if halvings == 0:
            return self.low if comparison == ">=" else self.high
        if halvings <= len(self.tail):
            return self.tail[halvings - 1]
        return -math.inf if comparison == ">=" else math.inf


def differences(best: Best, now: Best) -> list[str]:
    """What was otherwise when the best was recorded: ``other data, 3f2a1b (street.test) and not 9b1c0d (...)``."""
    changed = []
    for name, value in now.conditions.items():
        recorded = best.conditions.get(name)
        if recorded == value:
            continue
        if name == "data":
            changed.append(f"other data, {_data(best)} and not {_data(now)}")
        else:
            changed.append(f"{name}={recorded!r} and not {value!r}")
    return changed


def _data(side: Best) -> str:
    places = [str(side.told.get(name) or "") for name in ("dataset", "slice")]
    return f"{str(side.conditions.get('data'))[:12]} ({', '.join(filter(None, places)) or 'no name'}, n={side.n:,})"


def as_entry(best: Best) -> dict[str, object]:
    """A best as builtin types, open bounds as None."""

    def finite(number: float) -> float | None:
        return float(f"{number:.10g}") if math.isfinite(number) else None

    return {
        "value": finite(best.value),
        "low": finite(best.low),
        "high": finite(best.high),
        "tail": [finite(bound) for bound in best.tail[:HALVINGS]],
        "n": int(best.n),
        "unit": best.unit,
        **best.conditions,
        **best.told,
    }
