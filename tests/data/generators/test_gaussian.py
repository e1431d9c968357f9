"""Two Gaussian classes: the accuracy of a threshold against integration, the best threshold against a search."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from pytest_mlspec.data.generators.gaussian import accuracy_above, best_cut

LAWS = [(1.0, 0.5, 0.0, 0.0), (0.7, 0.2, -0.4, 0.3), (2.5, 0.9, 1.0, -1.5)]


@pytest.mark.parametrize(("signal", "prior", "cut", "offset"), LAWS)
def test_the_accuracy_is_the_integral_of_the_densities(signal: float, prior: float, cut: float, offset: float) -> None:
    up = integrate.quad(lambda u: prior * stats.norm.pdf(u, signal + offset), cut, 20)[0]
    down = integrate.quad(lambda u: (1 - prior) * stats.norm.pdf(u, offset - signal), -20, cut)[0]

    assert accuracy_above(cut, signal, prior, offset=offset) == pytest.approx(up + down, abs=1e-9)


@pytest.mark.parametrize(("signal", "prior", "cut", "offset"), LAWS)
def test_no_threshold_is_better_than_the_best(signal: float, prior: float, cut: float, offset: float) -> None:
    found = optimize.minimize_scalar(
        lambda c: -(prior * stats.norm.sf(c, signal + offset) + (1 - prior) * stats.norm.cdf(c, offset - signal)),
        bounds=(-10, 10),
        method="bounded",
    )

    assert best_cut(signal, prior, offset=offset) == pytest.approx(found.x, abs=1e-4)
    assert accuracy_above(found.x, signal, prior, offset=offset) == pytest.approx(-found.fun, abs=1e-9)


def test_a_certain_class_is_always_said() -> None:
    assert (best_cut(1.0, 1.0), best_cut(1.0, 0.0)) == (-math.inf, math.inf)
    assert accuracy_above(-np.inf, 1.0, 0.3) == pytest.approx(0.3)
    assert accuracy_above(np.inf, 1.0, 0.3) == pytest.approx(0.7)
