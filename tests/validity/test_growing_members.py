"""Do verdicts err at most at their level when members are added until seeds decide? The whole procedure, drawn.

Every run draws a test set and as many members as there may be, lets the judge see the declared ones, adds members as
often as it asks for them, and takes its last verdict. The limit lies at the truth, so that every verdict is a wrong
one. Beside it stands what one would do without thinking: judge after every few members as if their number were fixed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics.judging.judge import Claim, judge, judge_together
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.stats import anytime, binomial, growing, retrainings, seeds
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Members, Outcome, Terms, Verdict, decide
from tests.validity import table
from tests.validity.test_seeds import independent, mixed, one_threshold
from tests.validity.test_underspecification import Law

LEVEL = 0.05
ASYMPTOTIC = 0.065  # the limit of asymptotic bounds at level 0.05
SHARE, SPREAD, MEAN, TOGETHER = (
    "share of retrainings, growing ensemble",
    "seed std, growing ensemble",
    "mean over seeds, growing ensemble",
    "underspecification, growing ensemble",
)
Rows = npt.NDArray[np.bool_]
Draw = Callable[[np.random.Generator, int, int], Rows]
Judge = Callable[[Ensemble], Verdict]


@pytest.fixture(autouse=True)
def without_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would settle an undecided verdict is planned at length, and has no part in the verdict."""
    monkeypatch.setattr("pytest_mlspec.metrics.judging.judge.advise", lambda *args: ())


@dataclass(eq=False)
class Member:
    """Right on the cases that its rows say, by the number of the dataset in the first column."""

    rows: dict[int, npt.NDArray[np.uint8]]

    def predict(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        return self.rows[int(X[0, 0])]


def cases(n_examples: int, number: int = 0) -> Dataset:
    X = np.column_stack([np.full(n_examples, number), np.arange(n_examples)]).astype(float)
    return Dataset(X, np.ones(n_examples, int), classes=[0, 1], positive=1, name=f"set {number}")


def ensemble(rows: list[Rows], n_members: int, declared: int) -> Ensemble:
    members = [
        Member({number: np.asarray(one[k], np.uint8) for number, one in enumerate(rows)}) for k in range(n_members)
    ]
    seeds_ = tuple(range(n_members))
    return Ensemble(
        members=tuple(members), seeds=seeds_, name="model", declared=declared, retrained=True, durations=(1.0,)
    )


class Asked:
    """Adds members whenever the judge asks for them."""

    def __init__(self, most: int) -> None:
        self.allowed, self.wanted = most, 0

    def most(self, models: tuple[object, ...]) -> int | str:
        return self.allowed

    def wish(self, models: tuple[object, ...], n_members: int) -> None:
        self.wanted = n_members


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    terms: Terms = field(default_factory=Terms)
    allow_undecided: bool = True
    family: bool = False


def history(rows: list[Rows], declared: int, most: int, judge_it: Judge) -> tuple[Verdict, int]:
    """The last verdict of a growing ensemble and its number of members."""
    n_members = declared
    while True:
        recorder = Recorder(Configured)
        growth = recorder.growth = Asked(most)
        with RECORDER.hold(recorder):
            verdict = judge_it(ensemble(rows, n_members, declared))
        if verdict.outcome is not Outcome.UNDECIDED or growth.wanted <= n_members:
            return verdict, n_members
        n_members = growth.wanted


def level_of(data: Dataset, threshold: float, members: Members, most: int, model: Ensemble) -> Verdict:
    terms = Terms(members=members, growing_members=most)
    return judge(metrics.accuracy(model, data), ">=", threshold, terms=terms)


def spread_of(data: Dataset, limit: float, most: int, model: Ensemble) -> Verdict:
    return judge(metrics.accuracy(model, data).seed_std(), "<=", limit, terms=Terms(growing_members=most))


def simulate(
    draw: Draw, judge_it: Judge, sizes: tuple[int, int, int], runs: int, seed: int
) -> tuple[dict[Outcome, int], float]:
    """How often each verdict came, and the mean number of members: ``sizes`` are declared, most, cases."""
    declared, most, n_examples = sizes
    rng, counted, members = np.random.default_rng(seed), dict.fromkeys(Outcome, 0), 0
    for _ in range(runs):
        verdict, n_members = history([draw(rng, most, n_examples)], declared, most, judge_it)
        counted[verdict.outcome] += 1
        members += n_members
    return counted, members / runs


def hold(bound: str, case: str, truth: str, counted: dict[Outcome, int], limit: float) -> None:
    runs = sum(counted.values())
    table.record(bound, case, truth, "false met", counted[Outcome.MET], runs, limit)
    table.record(bound, case, truth, "false violated", counted[Outcome.VIOLATED], runs, limit)


# ---- shares ----------------------------------------------------------------------------------------------------

FLOOR, N_CASES = 0.9, 400


def lucky(rng: np.random.Generator, n_members: int, n_examples: int, share: float, good: float, bad: float) -> Rows:
    """Members of two kinds on one test set: what is hard is hard for all of them, so that luck is shared."""
    rates = np.where(rng.random((n_members, 1)) < share, good, bad)
    return rng.random((1, n_examples)) < rates


@cache
def decided(passes: int, fails: int, n_members: int, share: float, most: int) -> tuple[Outcome, int]:
    """The verdict on so many members, and the number at which it is judged next; 0 where it is the last one."""
    bounds = anytime.share_sequence(passes, fails, n_members, LEVEL)
    outcome = decide(float(bounds.low), float(bounds.high), ">=", share)
    following = growing.next_decision(passes, fails, n_members, share, LEVEL, most)
    return outcome, following or 0 if outcome is Outcome.UNDECIDED else 0


def share_history(rows: Rows, share: float, declared: int) -> tuple[Outcome, int]:
    """As ``history``, from what each member's own bound says at a twentieth of the level."""
    most, n_examples = rows.shape
    hits, level = rows.sum(axis=1), LEVEL / 20
    passes = np.cumsum(hits >= binomial.smallest_count(n_examples, FLOOR, level))
    fails = np.cumsum(n_examples - hits >= binomial.smallest_count(n_examples, 1 - FLOOR, level))
    n_members = declared
    while True:
        outcome, following = decided(int(passes[n_members - 1]), int(fails[n_members - 1]), n_members, share, most)
        if not following:
            return outcome, n_members
        n_members = following


def simulate_shares(
    kind: tuple[float, float], share: float, of_good: float, declared: int, runs: int, seed: int
) -> tuple[dict[Outcome, int], float]:
    rng, counted, members = np.random.default_rng(seed), dict.fromkeys(Outcome, 0), 0
    for _ in range(runs):
        outcome, n_members = share_history(lucky(rng, 100, N_CASES, of_good, *kind), share, declared)
        counted[outcome] += 1
        members += n_members
    return counted, members / runs


# name: the accuracies of good and bad members. One kind is a hair from the floor, or neither is.
KINDS = {
    "bad members a hair below the floor": (0.99, FLOOR - 1e-6),
    "good members at the floor": (FLOOR, 0.7),
    "kinds far apart": (0.99, 0.7),
}


def hold_share(kind: str, share: float, declared: int, runs: int) -> None:
    counted, _ = simulate_shares(KINDS[kind], share, share, declared, runs, seed=701)
    hold(SHARE, f"{kind}, {declared} to 100 members", f"share {share:g}, the limit", counted, LEVEL)


@pytest.mark.parametrize("kind", list(KINDS))
def test_share_at_its_limit(kind: str) -> None:
    hold_share(kind, 0.8, declared=10, runs=1200)


@pytest.mark.slow_validity
@pytest.mark.parametrize("declared", [2, 5, 10, 20])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("kind", list(KINDS))
def test_share_at_its_limit_in_full(kind: str, share: float, declared: int) -> None:
    hold_share(kind, share, declared, runs=3000)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_judge_comes_to_the_verdicts_of_this_simulation(kind: str) -> None:
    rng, data = np.random.default_rng(705), cases(N_CASES)
    for share in (0.7, 0.8, 0.95):
        rows = lucky(rng, 100, N_CASES, share, *KINDS[kind])
        verdict, n_members = history([rows], 10, 100, partial(level_of, data, FLOOR, 0.8, 100))

        assert (verdict.outcome, n_members) == share_history(rows, 0.8, 10)


def test_adding_members_until_a_fixed_number_would_decide_breaks_the_level_of_a_share() -> None:
    """Good and bad members are told apart by the test set in every run: what errs is the stopping alone."""
    runs, share, most = 6000, 0.8, 100
    rng, members = np.random.default_rng(702), np.arange(10, most + 1)
    passes = np.cumsum(rng.random((runs, most)) < share, axis=1)[:, members - 1]
    needed = np.array([smallest_passes(int(n), share) for n in members])

    naive = (passes >= needed).any(axis=1).mean()

    print(f"share {share:g}: members added until the bound of a fixed number proves more: {naive:.3f}")
    assert naive > LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / runs)  # by the members alone: no test set was lucky


def smallest_passes(n_members: int, share: float) -> int:
    """The passes that prove a share by the bound of a fixed number; one more than there are where none do."""
    return bisect_left(
        range(n_members + 1), share, key=lambda k: float(retrainings.share_bounds(k, 0, n_members, LEVEL).low)
    )


@pytest.mark.parametrize(
    ("of_good", "outcome", "chance", "most_members"),
    [(1.0, Outcome.MET, 1.0, 27), (0.97, Outcome.MET, 0.97, 45), (0.3, Outcome.VIOLATED, 1.0, 16)],
)
def test_members_that_a_clear_share_takes(of_good: float, outcome: Outcome, chance: float, most_members: int) -> None:
    counted, members = simulate_shares(KINDS["kinds far apart"], 0.8, of_good, 10, 1000, seed=704)

    print(f"share {of_good:g} against 0.8: {outcome} in {counted[outcome] / 1000:.3f}, {members:.1f} members of 100")
    assert counted[outcome] / 1000 >= chance
    assert members <= most_members


# ---- spreads and means -------------------------------------------------------------------------------------------

# name: (members' law, its true standard deviation, cases)
SPREADS: dict[str, tuple[Draw, float, int]] = {
    "own errors, accuracy .9, sigma .02": (partial(independent, rate=0.9, sigma=0.02), 0.02, 2000),
    "one threshold, accuracy .9, sigma .025": (partial(one_threshold, rate=0.9, sigma=0.025), 0.025, 2000),
    "mixed errors, accuracy .9, sigma .02": (partial(mixed, rate=0.9, sigma=0.02), 0.02, 1000),
    "no seed variance": (partial(independent, rate=0.9, sigma=0.0), 0.0, 500),
}


def hold_spread(case: str, declared: int, most: int, runs: int) -> None:
    draw, sigma, n_examples = SPREADS[case]
    counted, _ = simulate(
        draw, partial(spread_of, cases(n_examples), sigma, most), (declared, most, n_examples), runs, seed=711
    )
    hold(SPREAD, f"{case}, {declared} and {most} members", f"std {sigma:g}, the limit", counted, ASYMPTOTIC)


@pytest.mark.parametrize("case", list(SPREADS)[:2])
def test_spread_at_its_limit(case: str) -> None:
    hold_spread(case, 5, 30, runs=120)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("declared", "most"), [(2, 10), (5, 20), (10, 40), (10, 100)])
@pytest.mark.parametrize("case", list(SPREADS))
def test_spread_at_its_limit_in_full(case: str, declared: int, most: int) -> None:
    hold_spread(case, declared, most, runs=500)


def test_adding_members_until_a_fixed_number_would_decide_breaks_the_level_of_a_spread() -> None:
    draw, sigma, n_examples = SPREADS["one threshold, accuracy .9, sigma .025"]
    rng, runs, numbers = np.random.default_rng(712), 150, (4, 6, 8, 12, 16, 24, 40)
    met = violated = 0
    for _ in range(runs):
        rows = draw(rng, 40, n_examples)
        spreads = [seeds.std_bounds(rows[:n_members], LEVEL) for n_members in numbers]
        met += any(spread.high <= sigma for spread in spreads)
        violated += any(spread.low > sigma for spread in spreads)

    print(f"judged at {len(numbers)} numbers: {met / runs:.3f} met, {violated / runs:.3f} violated")
    assert max(met, violated) / runs > 0.1


MEANS: dict[str, tuple[Draw, float, int]] = {
    "seed noise only, accuracy .8, sigma .05": (partial(independent, rate=0.8, sigma=0.05), 0.8, 4000),
    "one threshold, accuracy .9, sigma .02": (partial(one_threshold, rate=0.9, sigma=0.02), 0.9, 2000),
    "own errors, accuracy .98": (partial(independent, rate=0.98, sigma=0.003), 0.98, 200),
}


def hold_mean(case: str, declared: int, most: int, runs: int) -> None:
    draw, mean, n_examples = MEANS[case]
    judge_it = partial(level_of, cases(n_examples), mean, "mean", most)
    counted, _ = simulate(draw, judge_it, (declared, most, n_examples), runs, seed=721)
    hold(MEAN, f"{case}, {declared} and {most} members", f"mean {mean:g}, the floor", counted, ASYMPTOTIC)


@pytest.mark.parametrize("case", list(MEANS)[:2])
def test_mean_at_its_floor(case: str) -> None:
    hold_mean(case, 5, 25, runs=200)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("declared", "most"), [(2, 10), (5, 40), (10, 100)])
@pytest.mark.parametrize("case", list(MEANS))
def test_mean_at_its_floor_in_full(case: str, declared: int, most: int) -> None:
    hold_mean(case, declared, most, runs=500)


def test_adding_members_until_a_fixed_number_would_decide_breaks_the_level_of_a_mean() -> None:
    draw, mean, n_examples = MEANS["seed noise only, accuracy .8, sigma .05"]
    rng, runs, numbers = np.random.default_rng(722), 150, range(5, 41, 3)
    met = 0
    for _ in range(runs):
        rows = draw(rng, 40, n_examples)
        met += any(float(seeds.mean_bounds(rows[:n_members], LEVEL).low) >= mean for n_members in numbers)

    print(f"a mean judged at {len(numbers)} numbers: {met / runs:.3f} met")
    assert met / runs > 0.1


# ---- several claims together -------------------------------------------------------------------------------------


def together(
    clean: Dataset, shifted: Dataset, limits: tuple[float, float, float], most: int, model: Ensemble
) -> Verdict:
    """The three claims of underspecification."""
    level, above = metrics.accuracy(model, clean), metrics.accuracy(model, shifted).seed_std()
    claims = [
        Claim(estimate=level.shortfall(), comparison="<=", threshold=limits[0], share=0.2),
        Claim(estimate=above, comparison="<=", threshold=limits[1], share=0.4),
        Claim(estimate=above / level.seed_std(), comparison="<=", threshold=limits[2], share=0.8),
    ]
    return judge_together(claims, Terms(growing_members=most), None)


def hold_together(law: Law, declared: int, runs: int) -> None:
    """For *violated* all three limits at the truth, for *met* the quotient alone, the others far away."""
    clean, shifted, most = cases(law.n_iid, 0), cases(law.n_stress, 1), law.n_members
    rng, met, violated = np.random.default_rng(731), 0, 0
    for _ in range(runs):
        iid, stress, abilities = law.draw(rng)
        rows = [iid, stress]
        behind = float(np.max(abilities.mean() - abilities))
        exact = partial(together, clean, shifted, (min(behind, 1.0), law.stress, law.quotient), most)
        far = partial(together, clean, shifted, (1.0, 1.0, law.quotient), most)
        violated += history(rows, declared, most, exact)[0].outcome is Outcome.VIOLATED
        met += history(rows, declared, most, far)[0].outcome is Outcome.MET
    case, truth = f"{law.words()}, from {declared} members", f"quotient {law.quotient:g}, the limit"
    table.record(TOGETHER, case, truth, "false met", met, runs, ASYMPTOTIC)
    table.record(TOGETHER, case, truth, "false violated", violated, runs, ASYMPTOTIC)


def test_claims_together_at_their_limits() -> None:
    hold_together(Law(n_members=20, n_iid=1000, n_stress=1000, iid=0.02, stress=0.04), declared=10, runs=60)


@pytest.mark.slow_validity
@pytest.mark.parametrize("declared", [5, 10])
@pytest.mark.parametrize(
    "law",
    [
        Law(n_members=40, n_iid=2000, n_stress=2000, iid=0.02, stress=0.02),
        Law(n_members=20, n_iid=2000, n_stress=1000, iid=0.02, stress=0.06),
        Law(n_members=20, n_iid=2000, n_stress=2000, iid=0.02, stress=0.02, regions=1, shared=1.0),
    ],
)
def test_claims_together_at_their_limits_in_full(law: Law, declared: int) -> None:
    hold_together(law, declared, runs=300)
