"""Underspecification judged from rows of hits: three claims, one verdict, and first choices that fail.

Members are equally accurate on i.i.d. cases within a margin; their spread on stress cases is at most a limit; and so is
its quotient by the i.i.d. spread. *Met* takes each claim at the full level, *violated* shares it: 0.2 of the level for
the margin (over the members again), 0.4 for the lower bound of the stress spread, 0.4 for the upper bound of the other.

Hits come from a latent model: a case lies in one of several regions and has a difficulty, the same for all members or
one for each; a member has an ability per region, drawn from a normal law for every retraining. Its accuracy is the mean
of its abilities, so that the true spread over retrainings is known. Limits are set at the truth: for *met* one at a
time with the others far away, for *violated* all three at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats import seeds
from pytest_mlspec.stats.quotients import quotient_bounds
from pytest_mlspec.stats.shortfall import shortfall_bounds
from tests.validity import table

Hits = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
LEVEL, LIMIT = 0.05, 0.065
NAME, F_RATIO, PIVOTAL = "underspecification, three claims", "F ratio of plain stds", "generalised pivotal quotient"
FAR = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """How members differ: standard deviations of their true accuracies, regions, and how errors are shared.

    ``shared`` is the share of the cases whose difficulty is the same for all members, ``correlation`` that of the
    abilities of a member on the two sets, ``behind`` how much less accurate the first member is on i.i.d. cases.
    """

    n_members: int
    n_iid: int
    n_stress: int
    iid: float
    stress: float
    regions: int = 3
    shared: float = 0.5
    correlation: float = 0.0
    behind: float = 0.0

    @property
    def quotient(self) -> float:
        return self.stress / self.iid if self.iid else np.inf

    def words(self) -> str:
        return f"K={self.n_members}, n={self.n_iid} i.i.d. and {self.n_stress} stress"

    def draw(self, rng: np.random.Generator) -> tuple[Hits, Hits, Floats]:
        """Hits on both sets, and the true i.i.d. accuracies."""
        shape = (self.n_members, self.regions)
        first, other = rng.standard_normal(shape), rng.standard_normal(shape)
        second = self.correlation * first + np.sqrt(1 - self.correlation**2) * other
        iid = 0.85 + self.iid * np.sqrt(self.regions) * first
        iid[0] -= self.behind
        stress = 0.7 + self.stress * np.sqrt(self.regions) * second
        return self.hits(rng, iid, self.n_iid), self.hits(rng, stress, self.n_stress), iid.mean(axis=1)

    def hits(self, rng: np.random.Generator, abilities: Floats, n: int) -> Hits:
        difficulty = np.broadcast_to(rng.random(n, dtype=np.float32), (self.n_members, n))
        own = rng.random(n) >= self.shared
        if own.any():
            difficulty = difficulty.copy()
            difficulty[:, own] = rng.random((self.n_members, int(own.sum())), dtype=np.float32)
        return np.asarray(difficulty < abilities[:, rng.integers(self.regions, size=n)])


LAWS: dict[str, Law] = {
    "equal sets": Law(n_members=10, n_iid=2000, n_stress=2000, iid=0.01, stress=0.01),
    "small stress set": Law(n_members=10, n_iid=10000, n_stress=500, iid=0.01, stress=0.01),
    "small i.i.d. set": Law(n_members=10, n_iid=500, n_stress=10000, iid=0.01, stress=0.01),
    "both tiny": Law(n_members=10, n_iid=2000, n_stress=2000, iid=0.0005, stress=0.0005),
    "both tiny, one direction": Law(
        n_members=10, n_iid=2000, n_stress=500, iid=0.0005, stress=0.0005, regions=1, shared=1.0
    ),
    "one direction": Law(n_members=10, n_iid=5000, n_stress=1000, iid=0.015, stress=0.015, regions=1, shared=1.0),
    "one direction, 3 times": Law(n_members=5, n_iid=1000, n_stress=5000, iid=0.01, stress=0.03, regions=1, shared=1.0),
    "3 times, 5 members": Law(n_members=5, n_iid=2000, n_stress=2000, iid=0.01, stress=0.03),
    "3 times, 20 members": Law(n_members=20, n_iid=4000, n_stress=1000, iid=0.01, stress=0.03),
    "correlated .9": Law(n_members=20, n_iid=4000, n_stress=4000, iid=0.02, stress=0.02, correlation=0.9),
    "one under-trained": Law(n_members=10, n_iid=1000, n_stress=2000, iid=0.01, stress=0.01, behind=0.05),
    "no i.i.d. spread": Law(n_members=10, n_iid=2000, n_stress=2000, iid=0.0, stress=0.01),
}


CLAIMS = ("shortfall", "stress std", "quotient")


def highs(iid: Hits, stress: Hits) -> Floats:
    """What proves each claim: the worst shortfall, the stress spread, the quotient, each at the full level."""
    shortfall = shortfall_bounds(iid, LEVEL).high.max()
    quotient = quotient_bounds(*(seeds.std_bounds(rows, LEVEL / 2) for rows in (stress, iid))).high
    return np.array([shortfall, seeds.std_bounds(stress, LEVEL).high, float(quotient)])


def lows(iid: Hits, stress: Hits) -> Floats:
    """What refutes each claim, at its share of the level."""
    shortfall = shortfall_bounds(iid, 0.2 * LEVEL / len(iid)).low.max()
    of_stress, of_iid = seeds.std_bounds(stress, 0.4 * LEVEL), seeds.std_bounds(iid, 0.4 * LEVEL)
    return np.array([shortfall, of_stress.low, float(quotient_bounds(of_stress, of_iid).low)])


@lru_cache(maxsize=8)
def chi_squares(degrees: int) -> Floats:
    return np.random.default_rng(62).chisquare(degrees, (2, 2000))


def f_ratio(iid: Hits, stress: Hits, limit: float) -> tuple[bool, bool]:
    """Met and violated by the F test of the plain standard deviations."""
    degrees = len(iid) - 1
    above, below = (rows.mean(axis=1).var(ddof=1) for rows in (stress, iid))
    met = above <= limit**2 * below * stats.f.ppf(LEVEL, degrees, degrees)
    return bool(met), bool(above > limit**2 * below * stats.f.ppf(1 - LEVEL, degrees, degrees))


def pivotal(iid: Hits, stress: Hits, limit: float) -> tuple[bool, bool]:
    """Met and violated by the generalised pivotal quotient: mean noise subtracted from (K - 1) s^2 / chi-square."""
    drawn = []
    for rows, chi in zip((stress, iid), chi_squares(len(iid) - 1), strict=True):
        spread = seeds.std_bounds(rows, LEVEL)
        drawn.append(np.maximum((len(rows) - 1) * spread.raw**2 / chi - spread.noise**2, 0.0))
    larger = float((drawn[0] > limit**2 * drawn[1]).mean())
    return larger <= LEVEL, larger >= 1 - LEVEL


def hold(case: str, runs: int) -> dict[str, Floats]:
    """The verdict errs at most at its limit; how often the two first choices do is shown beside it, and returned."""
    law, rng = LAWS[case], np.random.default_rng(61)
    limit = law.quotient if law.iid else 3.0
    met, violated = np.zeros(len(CLAIMS), int), 0
    first_choices = {F_RATIO: np.zeros(2), PIVOTAL: np.zeros(2)}
    for _ in range(runs):
        iid, stress, rates = law.draw(rng)
        truth = np.array([(rates.mean() - rates).max(), law.stress, limit])
        met += highs(iid, stress) <= truth
        violated += bool((lows(iid, stress) > truth).any())
        first_choices[F_RATIO] += f_ratio(iid, stress, limit)
        first_choices[PIVOTAL] += pivotal(iid, stress, limit)

    where, told = f"{case}, {law.words()}", f"quotient {law.quotient:.3g}, limit {limit:.3g}"
    for claim, count in zip(CLAIMS, met, strict=True):
        if claim == "shortfall" or not law.behind:  # a member that is behind by design is no draw of the spread
            table.record(NAME, where, f"{told}, {claim} at its limit", "false met", int(count), runs, LIMIT)
    if law.behind:
        return {}
    sides = table.SIDES if law.iid else table.SIDES[:1]  # an infinite quotient is rightly called violated
    if law.iid:
        table.record(NAME, where, f"{told}, all at their limits", "false violated", violated, runs, LIMIT)
    for name, counts in first_choices.items():
        for side, count in zip(sides, counts, strict=False):
            table.report_only(name, where, told, side, int(count), runs, LIMIT)
    return {name: counts / runs for name, counts in first_choices.items()}


def fails(rate: float, runs: int) -> bool:
    return bool(rate > LIMIT + 3 * np.sqrt(LIMIT * (1 - LIMIT) / runs))


def test_an_f_ratio_violates_where_the_stress_set_is_small_and_the_three_claims_do_not() -> None:
    first_choices = hold("small stress set", runs=150)

    assert fails(first_choices[F_RATIO][1], 150)  # noise of the smaller set, taken for a spread


def test_members_of_one_direction_break_both_first_choices_and_not_the_three_claims() -> None:
    first_choices = hold("both tiny, one direction", runs=150)

    assert fails(first_choices[F_RATIO].min(), 150)
    assert fails(first_choices[PIVOTAL][0], 150)


def test_an_under_trained_member() -> None:
    hold("one under-trained", runs=150)


@pytest.mark.slow_validity
@pytest.mark.parametrize("case", list(LAWS))
def test_the_three_claims_at_their_limits_in_full(case: str) -> None:
    hold(case, runs=1500)


DECIDED: dict[str, tuple[Law, tuple[float, float, float], bool]] = {
    # name: (law, limits on shortfall, stress std and quotient, whether these limits are met)
    "30 times": (Law(n_members=20, n_iid=5000, n_stress=2000, iid=0.002, stress=0.06), (0.02, 0.3, 3.0), False),
    "equal spreads": (Law(n_members=20, n_iid=5000, n_stress=5000, iid=0.02, stress=0.02), (0.08, 0.05, 4.0), True),
    "one far behind": (
        Law(n_members=20, n_iid=2000, n_stress=2000, iid=0.01, stress=0.01, behind=0.1),
        (0.05, 0.3, 9.0),
        False,
    ),
    "a wide stress spread": (
        Law(n_members=20, n_iid=2000, n_stress=2000, iid=0.02, stress=0.06),
        (0.2, 0.025, 9.0),
        False,
    ),
}


@pytest.mark.parametrize("case", list(DECIDED))
def test_what_is_clear_is_decided(case: str) -> None:
    """Each claim can violate alone, and all of them can be met: in nine of ten runs, and never the other way."""
    law, limits, expected = DECIDED[case]
    rng, met, violated = np.random.default_rng(63), 0, 0
    for _ in range(40):
        iid, stress, _ = law.draw(rng)
        met += bool((highs(iid, stress) <= limits).all())
        violated += bool((lows(iid, stress) > limits).any())

    assert (met, violated) == ((met, 0) if expected else (0, violated))
    assert met + violated >= 36
