"""Wrong verdicts of the ECE and MCE bounds: at the boundary, at the null, and on data made to break them.

Every data set is one row of a (runs, cases) array, so that a whole simulation is one call. The threshold always
equals the true value: there the error rate of a bound is largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pytest_mlspec.stats.calibration import (
    ece_bounds,
    intersection_union_upper,
    least_favourable_upper,
    prequential_lower,
)
from pytest_mlspec.stats.calibration_classwise import classwise_ece, classwise_ece_bounds
from pytest_mlspec.stats.calibration_table import BinTable, bin_index, bin_table, ece, equal_mass_edges
from pytest_mlspec.stats.calibration_worst_bin import mce_bounds
from tests.validity.table import record, record_exact

EXACT, ASYMPTOTIC = 0.05, 0.065
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A law of confidences and the true rate of hits at each of them."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]
    rate: Callable[[Array], Array]

    def sample(self, runs: int, n_examples: int, seed: int) -> tuple[Array, npt.NDArray[np.bool_]]:
        generator = np.random.default_rng(seed)
        confidence = self.draw(generator, (runs, n_examples))
        return confidence, generator.random(confidence.shape) < self.rate(confidence)

    def gaps(self, bins: int) -> tuple[Array, Array]:
        """Mass and mean residual of each bin, from half a million draws."""
        confidence = self.draw(np.random.default_rng(99), (500_000,))
        index = bin_index(confidence, bins)
        mass = np.bincount(index, minlength=bins) / len(confidence)
        total = np.bincount(index, self.rate(confidence) - confidence, minlength=bins) / len(confidence)
        return mass, np.divide(total, mass, out=np.zeros(bins), where=mass > 0)

    def true_ece(self, bins: int) -> float:
        mass, gap = self.gaps(bins)
        return float((mass * np.abs(gap)).sum())


def top(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 0.5 + 0.5 * generator.beta(4, 1.2, size=shape)


def near_one(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 1.0 - generator.beta(0.5, 60, size=shape)


def _middle(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return generator.uniform(0.3, 0.7, size=shape)


def rare(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return generator.beta(1, 40, size=shape)


def _wiggle(p: Array) -> Array:
    return np.clip(p + 0.044 * np.sign(np.sin(15 * np.pi * p)), 0, 1)


LABEL_OF_SCORE = World(name="label a function of p", draw=top, rate=lambda p: (np.floor(200 * p) % 2 == 0) * 1.0)
WORLDS = [
    World(name="calibrated", draw=top, rate=lambda p: p),
    World(name="over-confident by .03", draw=top, rate=lambda p: p - 0.03),
    World(name="over-confident by .08", draw=top, rate=lambda p: p - 0.08),
    World(name="under-confident by .03", draw=top, rate=lambda p: np.minimum(p + 0.03, 1)),
    World(name="wiggle", draw=top, rate=_wiggle),
    World(name="near 1, calibrated", draw=near_one, rate=lambda p: p),
    World(name="near 1, over-confident", draw=near_one, rate=lambda p: p - 0.027),
    World(name="rare positives", draw=rare, rate=lambda p: np.minimum(1.8 * p, 1)),
    World(name="one bad region", draw=top, rate=lambda p: np.where(p > 0.9, p - 0.1, p)),
    LABEL_OF_SCORE,
]
HARDEST = [world for world in WORLDS if world.name in ("over-confident by .08", "near 1, over-confident", "calibrated")]


def _judge_ece(world: World, n_examples: int, bins: int, runs: int, level: float = 0.05) -> None:
    """Counts the errors of every ECE bound of the normal form; the limit scales with the level."""
    limit = ASYMPTOTIC * level / 0.05
    truth = world.true_ece(bins)
    low, upper, union = [], [], []
    for start in range(0, runs, 250):
        confidence, hit = world.sample(min(250, runs - start), n_examples, seed=1000 + start)
        table = bin_table(confidence, hit, bins)
        low.append(prequential_lower(table, level))
        union.append(intersection_union_upper(table, level))
        upper.append(least_favourable_upper(table, level))
    case = f"{world.name}, n={n_examples}, B={bins}" + ("" if level == 0.05 else f", level {level:g}")
    said = f"ECE {truth:.4f} = threshold"
    record("ECE, prequential signs", case, said, "false violated", int((np.hstack(low) > truth).sum()), runs, limit)
    record("ECE, intersection-union", case, said, "false met", int((np.hstack(union) < truth).sum()), runs, limit)
    if level <= 0.05:
        errors = int((np.hstack(upper) < truth).sum())
        record("ECE, least favourable spread", case, said, "false met", errors, runs, limit)


@pytest.mark.parametrize("world", HARDEST, ids=lambda world: world.name)
@pytest.mark.parametrize("bins", [15, 50])
def test_ece_fast(world: World, bins: int) -> None:
    _judge_ece(world, 300, bins, runs=2000 if bins == 15 else 700)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n_examples", "bins"), [(20, 15), (100, 15), (1000, 15), (200, 50)])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_ece_full(world: World, n_examples: int, bins: int) -> None:
    _judge_ece(world, n_examples, bins, runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize("level", [0.2, 0.025, 0.01])
@pytest.mark.parametrize("world", HARDEST, ids=lambda world: world.name)
def test_ece_at_other_levels(world: World, level: float) -> None:
    _judge_ece(world, 1000, 15, runs=3000, level=level)


def _constant_score(n_examples: int, score: float) -> tuple[Array, BinTable]:
    """All outcomes of n cases that share one score: 0, 1, ..., n hits, one member each."""
    counts = np.arange(n_examples + 1.0)[:, None, None]
    whole = np.full_like(counts, n_examples)
    table = BinTable(count=whole, hits=counts, score=whole * score, square=whole * score**2, hit_score=counts * score)
    return counts.ravel(), table


@pytest.mark.parametrize("n_examples", [10, 30, 100, 300, 1000])
@pytest.mark.parametrize("score", [1.0, 0.999, 0.98, 0.9, 0.7])
def test_ece_with_a_constant_score_enumerated(n_examples: int, score: float) -> None:
    """One bin, every outcome, true rates on a fine grid at both sides of the score: the exact probability of error."""
    counts, table = _constant_score(n_examples, score)
    rates = np.concatenate([np.linspace(0.3, 1, 701), 1 - np.geomspace(0.1 / n_examples, 0.7, 400)])
    truth = np.abs(rates - score)
    chances = stats.binom.pmf(counts[None, :], n_examples, rates[:, None])
    for name, bound in (
        ("ECE, intersection-union", intersection_union_upper),
        ("ECE, least favourable spread", least_favourable_upper),
    ):
        wrong = (chances * (bound(table, 0.05)[None, :] < truth[:, None])).sum(axis=1)
        said = f"worst ECE {truth[wrong.argmax()]:.4f} = threshold"
        record_exact(name, f"constant score {score:g}, n={n_examples}", said, "false met", wrong.max(), ASYMPTOTIC)


def test_no_miss_in_271_cases_without_the_continuity_term_is_a_false_met() -> None:
    """At n tau = 2.71 = z^2 no miss comes with probability e^-2.71 = .066; z^2/n alone then meets, c0 does not."""
    n, threshold, z = 271, 0.010001, stats.norm.ppf(0.95)
    counts, table = _constant_score(n, 1.0)
    chances = stats.binom.pmf(counts, n, 1 - threshold)
    plug_in = ece(table)
    spread = table.residual_square.sum(axis=(1, 2)) / n - plug_in**2
    naive = plug_in + z**2 / (2 * n) + z * np.sqrt(spread / n + z**2 / (4 * n * n))

    assert chances[naive < threshold].sum() > 0.064
    truth = f"ECE {threshold} = threshold"
    wrong = chances[intersection_union_upper(table, 0.05) < threshold].sum()
    record_exact("ECE, intersection-union", "n tau = 2.71", truth, "false met", wrong, EXACT)


def _fixed_design_truth(confidence: Array, edges: Array, rate: Array) -> Array:
    """ECE given the confidences seen: the true rates in place of the hits."""
    found = []
    for row, cuts, true in zip(confidence, edges, rate, strict=True):
        index = np.searchsorted(cuts[1:-1], row, side="right")
        found.append(np.abs(np.bincount(index, true - row, minlength=len(cuts) - 1)).sum() / len(row))
    return np.array(found)


def _judge_equal_mass(world: World, runs: int) -> None:
    """B = 50, n = 300: every bin holds six cases."""
    confidence, hit = world.sample(runs, 300, seed=5)
    edges = equal_mass_edges(confidence, 50)
    truth = _fixed_design_truth(confidence, edges, np.clip(world.rate(confidence), 0, 1))
    bounds = ece_bounds(confidence, hit, edges, 0.05, edges_fixed=False)
    case, said = f"{world.name}, equal-mass B=50, n=300", f"ECE {truth.mean():.4f} = threshold"
    record("ECE, intersection-union", case, said, "false met", int((bounds.high < truth).sum()), runs, ASYMPTOTIC)
    record("ECE, prequential signs", case, said, "false violated", int((bounds.low > truth).sum()), runs, ASYMPTOTIC)


def test_equal_mass_bins_of_the_same_rows_fast() -> None:
    _judge_equal_mass(WORLDS[6], runs=500)


@pytest.mark.slow_validity
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_equal_mass_bins_of_the_same_rows_full(world: World) -> None:
    _judge_equal_mass(world, runs=2000)


def test_the_spread_form_on_bins_of_the_same_rows_is_a_false_met() -> None:
    """Labels that are a function of p, right on average: given the confidences the plug-in value is the truth, without
    any noise, so that taking an upward bias off it is wrong. With edges from the rows that form must not be used."""
    runs, n_examples, bins = 150, 7000, 50
    scattered = World(name="label a scattered function of p", draw=_middle, rate=lambda p: (1e5 * p % 1 < p) * 1.0)
    confidence, hit = scattered.sample(runs, n_examples, seed=6)
    edges = equal_mass_edges(confidence, bins)
    truth = _fixed_design_truth(confidence, edges, scattered.rate(confidence))
    case, said = f"{scattered.name}, equal-mass B={bins}, n={n_examples}", f"ECE {truth.mean():.4f} = threshold"

    naive = least_favourable_upper(bin_table(confidence, hit, edges, n_blocks=1), 0.05)
    bounds = ece_bounds(confidence, hit, edges, 0.05, edges_fixed=False)

    assert np.mean(naive < truth) > 0.9
    record("ECE, intersection-union", case, said, "false met", int((bounds.high < truth).sum()), runs, ASYMPTOTIC)


def _judge_betting(world: World, n_examples: int, runs: int, level: float, limit: float) -> None:
    truth = world.true_ece(15)
    confidence, hit = world.sample(runs, n_examples, seed=11)
    bounds = ece_bounds(confidence, hit, 15, level, exact=True)
    case, said = f"{world.name}, n={n_examples}, B=15, level {level:g}", f"ECE {truth:.4f} = threshold"
    record("ECE by betting", case, said, "false met", int((bounds.high < truth).sum()), runs, limit)
    record("ECE by betting", case, said, "false violated", int((bounds.low > truth).sum()), runs, limit)


@pytest.mark.parametrize("world", HARDEST, ids=lambda world: world.name)
def test_betting_fast(world: World) -> None:
    _judge_betting(world, 100, runs=300, level=0.05, limit=EXACT)


@pytest.mark.slow_validity
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_betting_full(world: World) -> None:
    _judge_betting(world, 200, runs=2000, level=0.05, limit=EXACT)


@pytest.mark.slow_validity
@pytest.mark.parametrize("world", HARDEST, ids=lambda world: world.name)
def test_betting_below_the_levels_of_the_normal_forms(world: World) -> None:
    _judge_betting(world, 200, runs=2000, level=0.005, limit=0.005)


@pytest.mark.slow_validity
def test_betting_with_equal_mass_bins_of_the_same_rows() -> None:
    world = WORLDS[2]
    confidence, hit = world.sample(2000, 300, seed=12)
    edges = equal_mass_edges(confidence, 15)
    truth = _fixed_design_truth(confidence, edges, world.rate(confidence))
    high = ece_bounds(confidence, hit, edges, 0.05, edges_fixed=False, exact=True).high
    record(
        "ECE by betting",
        "equal-mass B=15, n=300",
        "ECE .08 = threshold",
        "false met",
        int((high < truth).sum()),
        2000,
        EXACT,
    )


def test_a_sorted_file_changes_no_verdict() -> None:
    """Rows sorted by residual, the worst order for a game played in turn: rows are drawn at random first."""
    world = WORLDS[0]
    confidence, hit = world.sample(2000, 200, seed=13)
    order = np.argsort(hit - confidence, axis=1)
    confidence, hit = np.take_along_axis(confidence, order, 1), np.take_along_axis(hit, order, 1)

    low = prequential_lower(bin_table(confidence, hit, 15), 0.05)

    case = "calibrated, n=200, B=15, file sorted by residual"
    record(
        "ECE, prequential signs", case, "ECE 0 = threshold", "false violated", int((low > 0).sum()), 2000, ASYMPTOTIC
    )


def test_plug_in_and_signs_from_the_same_rows_call_a_calibrated_model_violated() -> None:
    """The naive lower bound: signs fitted to the rows that they weigh."""
    confidence, hit = WORLDS[0].sample(600, 1000, seed=14)
    table = bin_table(confidence, hit, 15)
    spread = table.residual_square.sum(axis=(1, 2)) / 1000 - ece(table) ** 2

    naive = ece(table) - stats.norm.ppf(0.95) * np.sqrt(spread / 1000)

    assert np.mean(naive > 0) > 0.3
    errors = int((prequential_lower(table, 0.05) > 0).sum())
    record(
        "ECE, prequential signs",
        "calibrated, n=1000, B=15",
        "ECE 0 = threshold",
        "false violated",
        errors,
        600,
        ASYMPTOTIC,
    )


def _judge_mce(world: World, n_examples: int, bins: int, runs: int) -> None:
    confidence, hit = world.sample(runs, n_examples, seed=21)
    table = bin_table(confidence, hit, bins, n_blocks=1)
    truth = np.where(table.count[:, 0] > 0, np.abs(world.gaps(bins)[1]), 0.0).max(axis=1)
    bounds = mce_bounds(confidence, hit, bins, 0.05, table=table)
    case, said = f"{world.name}, n={n_examples}, B={bins}", f"MCE {truth.max():.3f} = threshold"
    record("MCE, Clopper-Pearson per bin", case, said, "false met", int((bounds.high < truth).sum()), runs, ASYMPTOTIC)
    record(
        "MCE, Clopper-Pearson per bin", case, said, "false violated", int((bounds.low > truth).sum()), runs, ASYMPTOTIC
    )


def _uniform(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return generator.random(shape)


REVERSED = World(name="hits fall as scores rise", draw=_uniform, rate=lambda p: 1 - p)
CONSTANT = World(
    name="constant .999, truth .97", draw=lambda _, shape: np.full(shape, 0.999), rate=lambda p: 0 * p + 0.97
)


@pytest.mark.parametrize("world", [WORLDS[0], CONSTANT, REVERSED], ids=lambda world: world.name)
def test_mce_fast(world: World) -> None:
    _judge_mce(world, 300, 10, runs=2000)


@pytest.mark.slow_validity
@pytest.mark.parametrize(("n_examples", "bins"), [(50, 2), (50, 15), (300, 15), (1000, 2)])
@pytest.mark.parametrize("world", [*WORLDS, CONSTANT, REVERSED], ids=lambda world: world.name)
def test_mce_full(world: World, n_examples: int, bins: int) -> None:
    _judge_mce(world, n_examples, bins, runs=2000)


def _class_rates(probabilities: Array, strength: float) -> Array:
    """True class rates: the probabilities raised to a power and scaled; below 1 the model is over-confident."""
    powered = probabilities**strength
    return powered / powered.sum(axis=-1, keepdims=True)


def _judge_classwise(n_examples: int, n_classes: int, strength: float, runs: int) -> None:
    generator = np.random.default_rng(31)
    weights = np.full(n_classes, 0.3)
    many = generator.dirichlet(weights, size=200_000)
    truth = _classwise_truth(many, _class_rates(many, strength), 10)
    met = violated = 0
    for _ in range(runs):
        probabilities = generator.dirichlet(weights, size=n_examples)
        steps = _class_rates(probabilities, strength).cumsum(axis=1)
        codes = (steps[:, :-1] < generator.random((n_examples, 1))).sum(axis=1)
        bounds = classwise_ece_bounds(probabilities[None], codes, 10, 0.05)
        met, violated = met + int(bounds.high[0] < truth), violated + int(bounds.low[0] > truth)
    case, said = f"k={n_classes}, n={n_examples}, power {strength:g}", f"class-wise ECE {truth:.4f} = threshold"
    record("class-wise ECE", case, said, "false met", met, runs, ASYMPTOTIC)
    record("class-wise ECE", case, said, "false violated", violated, runs, ASYMPTOTIC)


def _classwise_truth(probabilities: Array, rates: Array, bins: int) -> float:
    """Bin by bin and class by class, independent of the code under test."""
    total = 0.0
    for scores, true in zip(probabilities.T, rates.T, strict=True):
        index = np.minimum((scores * bins).astype(int), bins - 1)
        total += np.abs(np.bincount(index, true - scores, minlength=bins)).sum() / len(scores)
    return total / probabilities.shape[1]


def test_classwise_fast() -> None:
    _judge_classwise(200, 3, 0.7, runs=400)


@pytest.mark.slow_validity
@pytest.mark.parametrize("strength", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("n_classes", [3, 10])
@pytest.mark.parametrize("n_examples", [100, 500])
def test_classwise_full(n_examples: int, n_classes: int, strength: float) -> None:
    _judge_classwise(n_examples, n_classes, strength, runs=2000)


def test_the_value_of_many_draws_is_the_classwise_truth() -> None:
    """Ties the simulated truth to the definition: one large sample of a calibrated law has an error near zero."""
    generator = np.random.default_rng(32)
    probabilities = generator.dirichlet(np.full(3, 0.3), size=100_000)
    codes = (probabilities.cumsum(axis=1)[:, :-1] < generator.random((100_000, 1))).sum(axis=1)

    assert _classwise_truth(probabilities, probabilities, 10) == 0.0
    assert classwise_ece(probabilities[None], codes, 10)[0] < 0.005
