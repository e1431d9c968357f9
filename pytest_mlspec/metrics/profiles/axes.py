"""What a profile holds, as builtin numbers, and how it is shown: tables, and a record for figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_mlspec.verdict import format_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A measured number with one-sided bounds, each at the full confidence.

    ``value`` is infinite or NaN for a quotient over nothing; ``low`` is 0 and ``high`` infinite where nothing is known
    from that side, and ``reason`` then says why, if there is a reason to name.
    """

    value: float
    low: float
    high: float
    reason: str = ""

    def __str__(self) -> str:
        """``0.097 (0.074 to 0.137)``, ``0.000 (at most 0.0075)``, ``- (at least 7.65)`` or ``- (unknown)``."""
        if self.low > 0:
            known = f"{_short(self.low)} to {_short(self.high)}" if math.isfinite(self.high) else _from(self.low)
        else:
            known = f"at most {_short(self.high)}" if math.isfinite(self.high) else "unknown"
        return f"{_short(self.value)} ({known})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The metric of every member on one dataset.

    Args:
        name: ``clean``, or the name of the stress.
        data: what messages call the dataset.
        n_examples: cases in it.
        values: one per member.
        std: the standard deviation over retrainings, test-set noise taken out.
        quotient: that standard deviation over the clean one; ``None`` on the clean axis.
        deviations: one per member, its value minus the mean of all members, in units of the profile.
    """

    name: str
    data: str
    n_examples: int
    values: tuple[float, ...]
    std: Interval
    quotient: Interval | None
    deviations: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean of the members' values."""
        return float(np.mean(self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one metric of equally trained members is on clean data and on each stress, as builtin numbers.

    Args:
        metric: what was measured, in words.
        model: the name of the ensemble.
        seeds: one per member.
        confidence: of each bound.
        axes: the clean data first, then the stresses in the order in which they came.
        unit: the standard deviation that deviations are counted in, in the unit of the metric; 0 where there is none.
        unit_is: which standard deviation that is, in words.
    """

    metric: str
    model: str
    seeds: tuple[int, ...]
    confidence: float
    axes: tuple[Axis, ...]
    unit: float
    unit_is: str

    def table(self) -> str:
        """Markdown, one row per axis: mean, seed std and quotient with bounds, and how far the members lie apart."""
        bounds = f"({self.confidence:.0%} bounds)"
        head = f"| {self.metric} of {self.model}, {len(self.seeds)} members | mean | seed std {bounds} "
        lines = [head + f"| over clean {bounds} | members, in clean stds |", "|---|---|---|---|---|"]
        for axis in self.axes:
            cells = (axis.name, format_value(axis.mean), str(axis.std), _over(axis.quotient), self._range(axis))
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join([*lines, "", self._legend()]) + "\n"

    def member_table(self) -> str:
        """Markdown, one row per member: its deviation from the mean of all members on every axis."""
        names = " | ".join(axis.name for axis in self.axes)
        lines = [
            f"| {self.metric} of {self.model}, deviations by seed | {names} |",
            "|---" * (len(self.axes) + 1) + "|",
        ]
        for place, seed in enumerate(self.seeds):
            told = " | ".join(_signed(axis.deviations[place]) for axis in self.axes)
            lines.append(f"| {seed} | {told} |")
        return "\n".join([*lines, "", self._legend()]) + "\n"

    def record(self) -> dict[str, object]:
        """Lists, text and numbers for a figure: every list is parallel to ``axes``, and ``lines`` has one per member.

        What is not a finite number is ``None``, so that the record is valid JSON.
        """
        quotients = [axis.quotient for axis in self.axes]
        return {
            "metric": self.metric,
            "model": self.model,
            "confidence": self.confidence,
            "unit": self.unit,
            "unit_is": self.unit_is,
            "axes": [axis.name for axis in self.axes],
            "data": [axis.data for axis in self.axes],
            "n_examples": [axis.n_examples for axis in self.axes],
            "mean": [axis.mean for axis in self.axes],
            "seed_std": [_interval(axis.std) for axis in self.axes],
            "quotient": [None if quotient is None else _interval(quotient) for quotient in quotients],
            "lines": [
                {
                    "seed": seed,
                    "values": [axis.values[place] for axis in self.axes],
                    "deviations": [_finite(axis.deviations[place]) for axis in self.axes],
                }
                for place, seed in enumerate(self.seeds)
            ],
        }

    def _range(self, axis: Axis) -> str:
        return f"{_signed(min(axis.deviations))} to {_signed(max(axis.deviations))}"

    def _legend(self) -> str:
        size = f" ({_short(self.unit)})" if self.unit else ""
        return f"Members are counted from their mean in units of {self.unit_is}{size}."


def _interval(interval: Interval) -> dict[str, object]:
    """``None`` where there is no bound."""
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {end: _finite(number) for end, number in ends.items()} | {"reason": interval.reason}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _over(quotient: Interval | None) -> str:
    """A quotient in words; over a divisor that cannot be told from 0 its value alone would say too much."""
    if quotient is None:
        return ""
    if math.isfinite(quotient.high):
        return str(quotient)
    return _from(quotient.low) if quotient.low > 0 else "unknown"


def _from(low: float) -> str:
    return f"at least {_short(low)}"


def _short(number: float) -> str:
    """Three decimals below 1, three digits above; ``-`` for what is no number."""
    if not math.isfinite(number):
        return "-"
    return format_value(number) if abs(number) < 1 else f"{number:.3g}"


def _signed(deviation: float) -> str:
    if not math.isfinite(deviation):
        return "-"
    return f"{deviation:+.1f}" if abs(deviation) < 100 else f"{deviation:+.0f}"
