"""Regression with a feature that only looks causal."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.generators.draws import between, refuse, sizes
from pytest_mlspec.data.splits import Splits


def spurious_regression(
    n: int = 5000,
    seed: int = 0,
    *,
    factor: float = 0.2,
    ood_factor: float = 0.1,
    noise: float = 3.0,
) -> Splits:
    """Regression data with a third feature that follows from the target, and whose relation to it changes.

    The law is ``y = x1 + 2 x2 + 3 + e`` with x1, x2, e ~ N(0, 1) independent and
    ``x3 = y / factor + noise * N(0, 1)``. A model that leans on x3 does well on ``test`` and fails on ``ood``.
    With the defaults the best linear predictor has a root mean square error of sqrt(1 / (1 + (5 / 3)**2)) = 0.5145 on
    ``test``, and the one that ignores x3 has 1.

    Args:
        n: rows in each part.
        seed: of all draws; the parts have independent streams of their own.
        factor: divides y in x3 of ``train`` and ``test``.
        ood_factor: divides y in x3 of ``ood``.
        noise: standard deviation of what is added to x3.

    Returns:
        ``train``, ``test`` and ``ood``; X of shape (n, 3), also as columns x1, x2, x3.

    Raises:
        ValueError: no rows, a seed that is no whole number from 0, a factor of 0, a negative noise, or numbers that are
            not finite; all faults at once.

    Source:
        Muaz, "Is spurious correlation the reason why neural networks fail on unseen data?" (2021).

    Example:
        >>> spurious_regression(n=100)
        Splits('spurious_regression', train: 100 rows, test: 100 rows, ood: 100 rows)
    """
    divisors = [_divisor("factor", factor), _divisor("ood_factor", ood_factor)]
    refuse([*sizes(n, seed, least=1), *divisors, between("noise", noise, 0.0)])
    factors = {"train": factor, "test": factor, "ood": ood_factor}
    streams = np.random.SeedSequence(seed).spawn(len(factors))
    parts = {
        part: _draw(n, divisor, noise, np.random.default_rng(stream))
        for (part, divisor), stream in zip(factors.items(), streams, strict=True)
    }
    return Splits(train=parts["train"], test=parts["test"], ood=parts["ood"], name="spurious_regression")


def _divisor(name: str, value: object) -> str:
    """The fault of an argument that must be a finite number other than 0; empty where it is one."""
    fault = between(name, abs(value) if isinstance(value, int | float | np.number) else value, 0.0, ends=False)
    if isinstance(value, bool) or fault:
        return f"expected {name} as a finite number other than 0; got {name}={value!r}"
    return ""


def _draw(n: int, factor: float, noise: float, random: np.random.Generator) -> Dataset:
    x1, x2, error, jitter = random.standard_normal((4, n))
    y = x1 + 2 * x2 + 3 + error
    x3 = y / factor + noise * jitter
    return Dataset(np.column_stack([x1, x2, x3]), y, columns={"x1": x1, "x2": x2, "x3": x3})
