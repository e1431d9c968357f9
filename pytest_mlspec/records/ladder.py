"""Scores of a holdout, released so sparingly that they can be acted on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

__all__ = ["Ladder"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """Releases a score of a holdout only when it beats the last released one by more than a step.

    Exact scores teach whoever acts on them the labels of the holdout: the majority of 500 guesses at 2000 random
    binary labels, each kept when its score was above one half, shows an accuracy of 0.65. A ladder tells so little that
    its last score stays near the truth: after t models it differs from the best true score among them by more than
    ``error + step`` with probability at most exp(-2 error^2 n + (1 / step + 2) log(4 t / step) + 1), however each
    model was chosen. That supports a step of the order (log(t n) / n)^(1/3).

    Args:
        step: the smallest improvement that is released, and the grid that released scores lie on; a fraction in (0, 1].
        greater_is_better: False for losses and errors.
        shown: the score released last, a fraction in [0, 1]; None before the first.

    Raises:
        TypeError: an argument of another type.
        ValueError: a step or score outside its range.

    Source:
        Blum & Hardt 2015, ICML (arXiv 1502.04585), the Ladder mechanism and its leaderboard error, for means of
        values in [0, 1].

    Example:
        >>> ladder = Ladder(0.01).climb(0.903)
        >>> ladder.shown
        0.9
        >>> ladder.climb(0.908).shown  # better, but by less than a step
        0.9
        >>> ladder.climb(0.921).shown
        0.92
    """

    step: float
    greater_is_better: bool = field(default=True, kw_only=True)
    shown: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_number("step", self.step)
        if not 0.0 < self.step <= 1.0:
            raise ValueError(f"expected a step in (0, 1], got step={self.step}")
        if type(self.greater_is_better) is not bool:
            raise TypeError(f"expected greater_is_better True or False, got {self.greater_is_better!r}")
        if self.shown is not None:
            _check_score("shown", self.shown)

    def climb(self, score: float) -> Ladder:
        """The ladder after one more model: its ``shown`` is all that may be told of the score.

        Args:
            score: mean over the holdout of values in [0, 1], a fraction.

        Returns:
            A ladder that shows the score, rounded to a multiple of the step, where it is better than what was shown by
            more than a step, or is the first; else this ladder.

        Raises:
            TypeError: the score is not a number.
            ValueError: the score is outside [0, 1].
        """
        _check_score("score", score)
        if self.shown is not None:
            gain = score - self.shown if self.greater_is_better else self.shown - score
            # A gain of one step exactly is none, and rounding must not make it one.
            if gain <= self.step * (1.0 + 1e-9):
                return self
        return replace(self, shown=_on_grid(float(score), float(self.step)))


def _on_grid(score: float, step: float) -> float:
    """The nearest multiple of the step within [0, 1], as a decimal without the noise of the product."""
    nearest = round(score / step) * step
    return min(1.0, max(0.0, round(nearest, 12)))


def _check_score(name: str, value: float) -> None:
    _check_number(name, value)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"expected a fraction in [0, 1], got {name}={value}; scale losses by their largest value")


def _check_number(name: str, value: float) -> None:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"expected a number, got {name}={value!r}")
    if math.isnan(value):
        raise ValueError(f"expected a number, got {name}=nan")
