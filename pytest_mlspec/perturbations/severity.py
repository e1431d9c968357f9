"""Severities and seeds as every perturbation takes them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TypeVar

SEVERITIES = (1, 2, 3, 4, 5)
Constant = TypeVar("Constant")


def checked_severity(severity: object) -> int:
    """The severity as an int.

    Args:
        severity: 0 (no change) to 5 (most).

    Raises:
        ValueError: anything else.
    """
    if isinstance(severity, bool) or not isinstance(severity, Integral) or not 0 <= int(severity) <= SEVERITIES[-1]:
        raise ValueError(
            f"expected a severity of 0 (no change) to {SEVERITIES[-1]}, a whole number; got severity={severity!r}"
        )
    return int(severity)


def checked_seed(seed: object) -> int:
    """The seed as an int.

    Raises:
        ValueError: no whole number, or a negative one.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or int(seed) < 0:
        raise ValueError(f"expected a seed of 0, 1, 2, ...; got seed={seed!r}")
    return int(seed)


def constant(constants: Sequence[Constant], severity: int) -> Constant:
    """The constant of a severity of 1 to 5."""
    return constants[severity - 1]
