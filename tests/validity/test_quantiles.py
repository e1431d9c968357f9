"""Order statistics bound a quantile of any distribution; with ties and jumps they only err less."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import quantiles
from tests.validity import table

Floats = npt.NDArray[np.float64]
NAME = quantiles.ORDER_STATISTICS.name
LAWS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], Floats], Callable[[float], float]]] = {
    "exponential": (lambda rng, shape: rng.exponential(size=shape), lambda q: float(stats.expon.ppf(q))),
    "Pareto 1.5": (lambda rng, shape: 1.0 + rng.pareto(1.5, shape), lambda q: float(stats.pareto.ppf(q, 1.5))),
    "Poisson 2": (lambda rng, shape: rng.poisson(2.0, shape).astype(float), lambda q: float(stats.poisson.ppf(q, 2.0))),
    "0 or 1, 8 % ones": (lambda rng, shape: (rng.random(shape) < 0.08).astype(float), lambda q: float(q > 0.92)),
}


@pytest.mark.parametrize(("n", "share"), [(59, 0.95), (200, 0.9), (1000, 0.99), (100, 0.5)])
def test_a_continuous_loss_errs_at_most_at_the_level(n: int, share: float) -> None:
    ranks = quantiles.quantile_bounds(np.arange(1.0, n + 1.0), share, 0.05)
    # The quantile lies below the r-th value when at least n - r + 1 cases exceed it, and above it when r cases do not.
    false_violated = float(stats.binom.cdf(float(ranks.low) - 1, n, share))
    false_met = float(stats.binom.sf(float(ranks.high) - 1, n, share))

    truth = f"{share:g} quantile = limit"
    table.record_exact(NAME, f"continuous, n={n}", truth, "false met", false_met, 0.05)
    table.record_exact(NAME, f"continuous, n={n}", truth, "false violated", false_violated, 0.05)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "share"), [(200, 0.9), (400, 0.95)])
def test_any_law_errs_at_most_at_the_level(law: str, n: int, share: float) -> None:
    draw, ppf = LAWS[law]
    runs, truth = 2000, ppf(share)
    bounds = quantiles.quantile_bounds(draw(np.random.default_rng(31), (runs, n)), share, 0.05)

    name = f"{share:g} quantile = limit"
    table.record(NAME, f"{law}, n={n}", name, "false met", int((bounds.high < truth).sum()), runs, 0.05)
    table.record(NAME, f"{law}, n={n}", name, "false violated", int((bounds.low > truth).sum()), runs, 0.05)


def test_the_sample_quantile_alone_meets_half_of_the_time() -> None:
    values = np.random.default_rng(31).exponential(size=(2000, 200))

    assert (quantiles.quantile(values, 0.9) < stats.expon.ppf(0.9)).mean() > 0.4
