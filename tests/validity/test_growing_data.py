"""Do requirements err at most at their level when data grow and are judged again and again? Through their verdicts.

A rate's verdict depends on its count alone, and more hits never undo a claim: the smallest count at which a verdict
claims is found by asking for verdicts, and a walk of one case at a time gives the exact chance that it is ever reached
where the rate is at its limit. Other metrics are simulated, at looks and, for anytime bounds, after every 50 cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.running import RECORDER
from pytest_mlspec.stats import anytime_means
from pytest_mlspec.stats.anytime_means import SHARES
from pytest_mlspec.verdict import Comparison, Outcome, Terms
from tests.validity import table
from tests.validity.test_sequential import walk

LEVEL, LIMIT, LAST = 0.05, 0.9, 2000
FIVE = (400, 800, 1200, 1600, 2000)
PEEKS = tuple(range(50, LAST + 1, 50))
LOOKS, ANYTIME, NAIVE = "requirements at declared looks", "requirements at any time", "judged again at the full level"
Hits = npt.NDArray[np.int64]


@pytest.fixture(autouse=True)
def unheard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Verdicts are the subject of these tests, not gates on them; nor is what would settle them, planned at length."""
    for module, name in (("judge", "advise"), ("looks", "_next")):
        monkeypatch.setattr(f"pytest_mlspec.metrics.judging.{module}.{name}", lambda *_: ())
    with RECORDER.hold(None):
        yield


def accuracy(hits: int, n: int, before: int = 0) -> Estimate:
    """`hits` of `n` cases right; `before` of them wait at the end for a later look."""
    labels = np.concatenate([np.repeat([1, 0], [hits, n - hits]), np.zeros(before, dtype=int)])
    return metrics.accuracy(Predictions(y=np.ones(len(labels), int), labels=labels, classes=[0, 1], positive=1))


def smallest(count: int, claims: Callable[[int], bool], known: int = -1, step: int = 0) -> int:
    """The smallest number from 0 to `count` that makes a claim, found by halving; `count + 1` where none does.

    It is first looked for within `step` numbers past one that is `known` to be near.
    """
    low, high = -1, count + 1
    if step and 0 <= known <= count and not claims(known):
        low = known
    if step and low + step <= count and claims(low + step):
        high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if claims(middle) else (middle, high)
    return high


def claimed(
    measure: Callable[[int], Estimate], count: int, terms: Terms, outcome: Outcome, known: int = -1, step: int = 0
) -> int:
    """The smallest number of hits of `count` (of misses, for violated) whose verdict is the outcome."""
    return smallest(
        count,
        lambda hits: (
            measure(hits if outcome is Outcome.MET else count - hits).judged(">=", LIMIT, terms).outcome is outcome
        ),
        known,
        step,
    )


@cache
def first_claims(sizes: tuple[int, ...], terms: Terms, outcome: Outcome) -> Hits:
    """The smallest number of hits (of misses, for violated) whose verdict claims, at each size; size + 1 for none."""
    found: list[int] = []
    for size in sizes:
        known = found[-1] - 1 if found else -1
        found.append(claimed(lambda hits, n=size: accuracy(hits, n), size, terms, outcome, known, 64))
    return np.array(found)


def errors(sizes: tuple[int, ...], terms: Terms) -> dict[table.Side, float]:
    """P(some verdict is wrong) with the rate at its limit, exactly."""
    at = np.array(sizes)
    return {
        "false met": walk(at, first_claims(sizes, terms, Outcome.MET), LIMIT)[0],
        "false violated": walk(at, first_claims(sizes, terms, Outcome.VIOLATED), 1 - LIMIT)[0],
    }


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock", "even"])
def test_five_looks_at_a_rate(spending: str) -> None:
    found = errors(FIVE, Terms(looks=FIVE, spending=spending))

    for side in table.SIDES:
        table.record_exact(
            LOOKS, f"accuracy, 5 looks up to n={LAST}, {spending}", "rate = limit 0.9", side, found[side], LEVEL
        )
        assert found[side] > 0.03  # the level is used, not given away


def recall(hits: int, positives: int, n: int) -> Estimate:
    """`hits` of the `positives` among `n` cases found; positives are spread evenly."""
    y = np.diff(np.floor(np.arange(n + 1) * positives / n)).astype(int)
    labels = y.copy()
    labels[np.flatnonzero(y)[: positives - hits]] = 0
    return metrics.recall(Predictions(y=y, labels=labels, classes=[0, 1], positive=1))


def test_looks_at_a_rate_of_the_cases_that_count() -> None:
    """Every tenth case is a positive: the recursion runs over their numbers at each look, and uses the level up."""
    looks, positives = (500, 1000, 2000), np.array([50, 100, 200])
    terms = Terms(looks=looks)
    for side, outcome, rate in (("false met", Outcome.MET, LIMIT), ("false violated", Outcome.VIOLATED, 1 - LIMIT)):
        needed = [
            claimed(lambda hits, m=count, n=size: recall(hits, m, n), count, terms, outcome)
            for size, count in zip(looks, positives.tolist(), strict=True)
        ]

        found = walk(positives, np.array(needed), rate)[0]

        table.record_exact(
            LOOKS, "recall, 10 % positives, 3 looks up to n=2000", "rate = limit 0.9", side, found, LEVEL
        )
        assert found > 0.02


def test_asking_at_every_size_in_between_is_no_further_look() -> None:
    """A verdict between looks repeats that of the look, whatever the later cases are."""
    terms = Terms(looks=FIVE)
    generator = np.random.default_rng(7)
    for size, hits in ((400, 380), (800, 741), (1200, 1115), (2000, 1825)):
        at_look = accuracy(hits, size).judged(">=", LIMIT, terms)
        for waiting in generator.integers(1, 399, size=5):
            between = accuracy(hits, size, before=int(waiting)).judged(">=", LIMIT, terms)
            assert (between.outcome, between.low, between.high) == (at_look.outcome, at_look.low, at_look.high)


def test_peeking_at_a_rate_at_any_time() -> None:
    found = errors(PEEKS, Terms(anytime=True))

    for side in table.SIDES:
        table.record_exact(ANYTIME, f"accuracy, after every 50 of {LAST}", "rate = limit 0.9", side, found[side], LEVEL)


def test_peeking_without_looks_meets_every_fifth_rate_at_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    naive = errors(PEEKS, Terms())["false met"]

    with capsys.disabled():
        print(f"\n{NAIVE}: false met {naive:.3f} after every 50 of {LAST}, limit {LEVEL:g}")
    table.report_only(
        NAIVE, f"accuracy, after every 50 of {LAST}", "rate = limit 0.9", "false met", round(1e4 * naive), 10**4, LEVEL
    )
    assert naive == pytest.approx(0.217, abs=0.01)
    assert naive > 3 * LEVEL


def test_cases_saved_by_stopping() -> None:
    """Far from the limit looks decide early, and anytime bounds earlier still; fixed sizes always take 2,000."""
    looked = first_claims(FIVE, Terms(looks=FIVE), Outcome.MET)
    peeked = first_claims(PEEKS, Terms(anytime=True), Outcome.MET)

    power_of_looks, cases_of_looks = walk(np.array(FIVE), looked, 0.95)
    power_at_any_time, cases_at_any_time = walk(np.array(PEEKS), peeked, 0.95)
    near_by_looks, near_at_any_time = walk(np.array(FIVE), looked, 0.92)[0], walk(np.array(PEEKS), peeked, 0.92)[0]

    assert min(power_of_looks, power_at_any_time) > 0.999
    assert cases_of_looks == pytest.approx(720, abs=30)  # orientation: what simulations of their own had shown
    assert cases_at_any_time < 350
    assert near_by_looks == pytest.approx(0.924, abs=0.01)
    assert near_at_any_time < near_by_looks - 0.2


# ---- simulated -----------------------------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator], Predictions]
Measure = Callable[[Predictions], Estimate]


def claims(
    draw: Draw, measure: Measure, comparison: Comparison, limit: float, terms: Terms, sizes: tuple[int, ...], runs: int
) -> dict[table.Side, int]:
    """In how many histories some verdict was met, and in how many one was violated."""
    ever = {Outcome.MET: 0, Outcome.VIOLATED: 0}
    for run in range(runs):
        whole = draw(np.random.default_rng([17, run]))
        seen = {measure(whole.take(np.arange(size))).judged(comparison, limit, terms).outcome for size in sizes}
        for outcome in ever:
            ever[outcome] += outcome in seen
    return {"false met": ever[Outcome.MET], "false violated": ever[Outcome.VIOLATED]}


def two_groups(generator: np.random.Generator) -> Predictions:
    """Rates 0.95 and 0.85: the gap is 0.1."""
    group = generator.random(LAST) < 0.4
    labels = (generator.random(LAST) < np.where(group, 0.95, 0.85)).astype(int)
    return Predictions(
        y=np.ones(LAST, int), labels=labels, classes=[0, 1], positive=1, columns={"group": group.astype(int)}
    )


def losses(generator: np.random.Generator) -> Predictions:
    """Absolute errors of mean 0.2 in [0, 1]: most are small, a few large."""
    return Predictions(y=np.zeros(LAST), values=generator.beta(0.5, 2.0, size=LAST))


def gap(said: Predictions) -> Estimate:
    return metrics.accuracy(said).gap("group")


def record_simulated(bound: str, case: str, truth: str, found: dict[table.Side, int], runs: int) -> None:
    for side in table.SIDES:
        table.record(bound, case, truth, side, found[side], runs, LEVEL)


def looks_in_simulation(runs: int) -> None:
    terms = Terms(looks=FIVE, max_loss=1.0)
    record_simulated(
        LOOKS,
        "gap of two groups, 5 looks up to n=2000",
        "gap = limit 0.1",
        claims(two_groups, gap, "<=", 0.1, terms, FIVE, runs),
        runs,
    )
    record_simulated(
        LOOKS,
        "MAE in [0, 1], 5 looks up to n=2000",
        "mean = limit 0.2",
        claims(losses, metrics.mae, "<=", 0.2, terms, FIVE, runs),
        runs,
    )


def anytime_in_simulation(runs: int, every: int) -> None:
    sizes, terms = tuple(range(every, LAST + 1, every)), Terms(anytime=True, max_loss=1.0)
    record_simulated(
        ANYTIME,
        f"gap of two groups, after every {every} of 2000",
        "gap = limit 0.1",
        claims(two_groups, gap, "<=", 0.1, terms, sizes, runs),
        runs,
    )
    record_simulated(
        ANYTIME,
        f"MAE in [0, 1], after every {every} of 2000",
        "mean = limit 0.2",
        claims(losses, metrics.mae, "<=", 0.2, terms, sizes, runs),
        runs,
    )


def test_gaps_and_means_at_looks() -> None:
    looks_in_simulation(runs=40)


def test_gaps_and_means_at_any_time() -> None:
    anytime_in_simulation(runs=20, every=250)


def test_peeking_at_gaps_and_means_at_the_full_level_errs_too_often() -> None:
    """A look after every 200 cases: far more than one in twenty histories claims something wrong."""
    sizes, terms, runs = tuple(range(200, LAST + 1, 200)), Terms(max_loss=1.0), 80
    found = claims(losses, metrics.mae, "<=", 0.2, terms, sizes, runs)

    table.report_only(
        NAIVE,
        "MAE in [0, 1], after every 200 of 2000",
        "mean = limit 0.2",
        "false met",
        found["false met"],
        runs,
        LEVEL,
    )
    assert max(found.values()) / runs > 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


LAWS: dict[str, Callable[[np.random.Generator, tuple[int, int]], npt.NDArray[np.float64]]] = {
    "uniform": lambda generator, shape: generator.uniform(size=shape),
    "mostly small": lambda generator, shape: generator.beta(0.2, 1.8, size=shape),
    "mostly large": lambda generator, shape: generator.beta(1.8, 0.2, size=shape),
    "1 in 100": lambda generator, shape: (generator.random(shape) < 0.01).astype(float),
}
MEANS = {"uniform": 0.5, "mostly small": 0.1, "mostly large": 0.9, "1 in 100": 0.01}


def ever_excluded(values: npt.NDArray[np.float64], mean: float) -> int:
    """Histories in which the wealth against a mean that is true reaches 1 / level after some case."""
    wealth = np.zeros(values.shape)
    for share in SHARES:
        wealth += np.exp(np.cumsum(np.log1p(share * (values / mean - 1.0)), axis=1)) / len(SHARES)
    return int((wealth.max(axis=1) >= 1.0 / LEVEL).sum())


def means_after_every_case(law: str, runs: int) -> None:
    generator, mean = np.random.default_rng(23), MEANS[law]
    found: dict[table.Side, int] = {"false met": 0, "false violated": 0}
    for _ in range(runs // 250):
        values = LAWS[law](generator, (250, LAST))
        found["false met"] += ever_excluded(1.0 - values, 1.0 - mean)  # a loss is met by its upper bound
        found["false violated"] += ever_excluded(values, mean)
    record_simulated("anytime-valid mean", f"{law}, after every one of {LAST}", f"mean = limit {mean:g}", found, runs)


@pytest.mark.parametrize("law", ["mostly small", "1 in 100"])
def test_means_after_every_case(law: str) -> None:
    means_after_every_case(law, runs=500)


def test_the_bound_excludes_what_the_wealth_does() -> None:
    """Ties the simulation above to the bound: it lies above a mean exactly where the wealth against it is 1 / level."""
    rows, limit, proofs = LAWS["uniform"](np.random.default_rng(29), (40, 60)), 0.37, 0
    for row in rows:
        wealth = np.mean([np.prod(1.0 + share * (row / limit - 1.0)) for share in SHARES])
        proven = bool(anytime_means.mean_bounds(row, LEVEL).low[0] > limit)
        assert proven == (wealth > 1.0 / LEVEL)
        proofs += proven
    assert 0 < proofs < len(rows)


@pytest.mark.slow_validity
@pytest.mark.parametrize("law", list(LAWS))
def test_means_after_every_case_in_full(law: str) -> None:
    means_after_every_case(law, runs=10_000)


@pytest.mark.slow_validity
def test_gaps_and_means_in_full() -> None:
    looks_in_simulation(runs=1000)
    anytime_in_simulation(runs=200, every=100)
