"""Twenty requirements exactly at their limits: some false red, with and without correction; and a hair's violation.

A requirement at its limit is not violated. A run errs when one of them is judged violated: uncorrected, per
requirement, most runs of twenty do. Holm's count over the run and a level that all share keep that rare; what is met
needs no correction, because a green run is wrong only if one given requirement is wrongly met.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.report.suite import holm
from pytest_mlspec.running import RECORDER
from pytest_mlspec.stats import binomial
from pytest_mlspec.verdict import Terms
from tests.validity import table

LIMIT, LEVEL, N = 0.9, 0.05, 1000
NAMES = {"holm": "Holm over a suite", "family": "level shared by a family", "met": "all of a suite met"}


def p_values() -> npt.NDArray[np.float64]:
    """(hits from 0 to n,) the exact p-value of *violated*: the level at which the upper bound reaches the limit."""
    return np.asarray(binom.cdf(np.arange(N + 1), N, LIMIT))


def simulate_hits(m: int, runs: int, seed: int, *, alike: float = 0.0) -> npt.NDArray[np.int64]:
    """(runs, m) hits of models exactly at the limit; a share of the cases is common to all requirements."""
    rng = np.random.default_rng(seed)
    common = int(alike * N)
    shared = rng.binomial(common, LIMIT, (runs, 1))
    return np.asarray(shared + rng.binomial(N - common, LIMIT, (runs, m)))


def simulate_red(m: int, runs: int, alike: float) -> float:
    """Record the corrected rates of some false red, and return the uncorrected one."""
    hits = simulate_hits(m, runs, seed=71, alike=alike)
    found = p_values()[hits]
    corrected = sum(holm(list(row / LEVEL)) > 0 for row in found)
    family = int((binomial.upper(hits, N, LEVEL / m) < LIMIT).any(axis=1).sum())
    naive = int((binomial.upper(hits, N, LEVEL) < LIMIT).any(axis=1).sum())
    case, truth = f"{m} requirements, n={N}, {alike:g} of the cases shared", "rates = floor .90"
    table.record(NAMES["holm"], case, truth, "false violated", corrected, runs, limit=LEVEL)
    table.record(NAMES["family"], case, truth, "false violated", family, runs, limit=LEVEL)
    table.report_only(NAMES["holm"], f"{case}, uncorrected", truth, "false violated", naive, runs, limit=LEVEL)
    return naive / runs


@pytest.mark.parametrize(("alike", "naive"), [(0.0, 0.55), (0.5, 0.25), (1.0, 0.03)])
def test_twenty_requirements_at_their_limits(alike: float, naive: float) -> None:
    assert simulate_red(20, 2000, alike) > naive


@pytest.mark.slow_validity
@pytest.mark.parametrize(("m", "naive"), [(5, 0.18), (20, 0.57), (100, 0.97)])
def test_suites_of_many_sizes_in_full(m: int, naive: float) -> None:
    assert simulate_red(m, 20_000, 0.0) > naive


def test_the_figure_of_twenty_independent_requirements() -> None:
    """Of twenty, some violated: 1 - (1 - .0436)^20, where .0436 is the exact error of one."""
    one = float(binom.cdf(np.flatnonzero(binomial.upper(np.arange(N + 1), N, LEVEL) < LIMIT).max(), N, LIMIT))

    assert simulate_red(20, 4000, 0.0) == pytest.approx(1 - (1 - one) ** 20, abs=3 * (0.59 * 0.41 / 4000) ** 0.5)
    assert one == pytest.approx(0.0436, abs=5e-4)


def test_the_count_beyond_those_that_are_violated() -> None:
    """Five of twenty are far below: they are counted, and some other one in at most 5 % of the runs."""
    runs = 2000
    rng = np.random.default_rng(72)
    hits = np.concatenate([rng.binomial(N, 0.80, (runs, 5)), rng.binomial(N, LIMIT, (runs, 15))], axis=1)
    counted = np.array([holm(list(row / LEVEL)) for row in p_values()[hits]])

    assert (counted >= 5).all()
    table.record(
        NAMES["holm"],
        f"20 requirements, 5 violated, n={N}",
        "15 rates = floor .90, 5 rates .80",
        "false violated",
        int((counted > 5).sum()),
        runs,
        limit=LEVEL,
    )


def test_a_green_run_needs_no_correction() -> None:
    """One requirement lies a hair below its limit, nineteen far above it: some run is green in at most 5 %."""
    runs, m = 20_000, 20
    rng = np.random.default_rng(73)
    bad = binomial.lower(rng.binomial(N, LIMIT - 1e-9, runs), N, LEVEL) >= LIMIT
    good = (binomial.lower(rng.binomial(N, 0.97, (runs, m - 1)), N, LEVEL) >= LIMIT).all(axis=1)

    table.record(
        NAMES["met"], f"{m} requirements, n={N}", "19 rates .97, one a hair below .90", "false met",
        int((bad & good).sum()), runs, limit=LEVEL,
    )  # fmt: skip
    corrected = (binomial.lower(rng.binomial(N, 0.93, (runs, m)), N, LEVEL / m) >= LIMIT).all(axis=1).mean()
    uncorrected = (binomial.lower(rng.binomial(N, 0.93, (runs, m)), N, LEVEL) >= LIMIT).all(axis=1).mean()
    assert uncorrected > 0.35  # correcting would only cost power
    assert corrected < 0.05


def judged(hits: int, terms: Terms) -> tuple[str, float]:
    """Outcome and p-value of the package's own verdict."""
    labels = np.repeat([1, 0], [hits, N - hits])
    said = Predictions(y=np.ones(N, dtype=int), labels=labels, classes=[0, 1], positive=1)
    with RECORDER.hold(None):  # the verdict is looked at, not asked for its truth
        verdict = metrics.accuracy(said).judged(">=", LIMIT, terms)
    return str(verdict.outcome), verdict.violated_at


def test_verdicts_as_a_run_judges_them() -> None:
    """The same through the package: its verdicts at a shared level, and Holm's count of the p-values in its rows."""
    m = 20
    kept = {hits: judged(hits, Terms()) for hits in range(820, 960)}
    shared = {hits: judged(hits, Terms(share=1 / m))[0] for hits in range(820, 960)}
    runs = 4000
    hits = np.clip(simulate_hits(m, runs, seed=74), 820, 959)
    p_of = {count: p_value if outcome == "violated" else np.inf for count, (outcome, p_value) in kept.items()}

    corrected = sum(holm([p_of[count] / LEVEL for count in row]) > 0 for row in hits)
    family = sum(any(shared[count] == "violated" for count in row) for row in hits)
    naive = sum(any(kept[count][0] == "violated" for count in row) for row in hits)

    case, truth = f"{m} requirements as judged, n={N}", "rates = floor .90"
    table.record(NAMES["holm"], case, truth, "false violated", corrected, runs, limit=LEVEL)
    table.record(NAMES["family"], case, truth, "false violated", family, runs, limit=LEVEL)
    table.report_only(NAMES["holm"], f"{case}, uncorrected", truth, "false violated", naive, runs, limit=LEVEL)
    assert naive / runs > 0.55
    assert corrected > 0  # neither is blind
    assert family > 0
