"""The drop of a rate when a cue is permuted: error rates of the paired bounds, with donors and without.

A case has a truth y and a cue. The model follows the cue, or in some cases its other features. Hits on clean rows minus
hits on permuted rows are judged by the paired bounds for rates. The estimand is the drop for a cue drawn independently
of the case. Rows that exchange their cues in pairs are lost together where a rare class is read off the cue: counted as
independent cases they err far too often, counted as pairs they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec.perturbations.tabular import permute
from pytest_mlspec.stats import betting, paired
from tests.validity import table

LIMIT = 0.065
N_DONORS = 200
Draw = Literal["pairs as cases", "donors", "pairs", "pairs, betting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """``joint``: (kinds of cases, cues), probabilities; ``hits``: the same shape, whether the model is right."""

    name: str
    joint: npt.NDArray[np.float64]
    hits: npt.NDArray[np.bool_]

    def drop(self) -> float:
        """Clean rate minus the rate for an independent cue, exactly."""
        return float((self.joint * self.hits).sum() - self.joint.sum(1) @ self.hits @ self.joint.sum(0))


def cue_law(name: str, positives: float, accuracy: float, on_its_own: float) -> Law:
    """The cue equals y with probability ``accuracy``; in a share ``on_its_own`` the model is right without it."""
    cue = np.array(
        [
            [(1 - positives) * accuracy, (1 - positives) * (1 - accuracy)],
            [positives * (1 - accuracy), positives * accuracy],
        ]
    )
    joint = np.concatenate([cue * (1 - on_its_own), cue * on_its_own])
    return Law(name=name, joint=joint, hits=np.array([[1, 0], [0, 1], [1, 1], [1, 1]], dtype=np.bool_))


STRONG = cue_law("strong cue", 0.5, 0.95, 0.2)
WEAK = cue_law("weak cue", 0.4, 0.8, 0.85)
NONE = cue_law("cue says nothing", 0.5, 0.5, 0.5)
RARE = cue_law("rare class read off the cue", 0.05, 1.0, 0.0)
INVERTED = Law(name="rare class, cue inverted", joint=np.diag([0.98, 0.02]), hits=~np.eye(2, dtype=np.bool_))
ORDINARY, HARD = (STRONG, WEAK, NONE), (RARE, INVERTED)


def errors(law: Law, n: int, runs: int, draw: Draw, seed: int) -> dict[table.Side, int]:
    """False verdicts on "drop <= truth + 0" and "drop >= truth - 0", the hardest thresholds there are."""
    random = np.random.default_rng(seed)
    cues = law.joint.shape[1]
    cells = random.choice(law.joint.size, size=(runs, n), p=law.joint.ravel())
    kind, cue = cells // cues, cells % cues
    truth: float | npt.NDArray[np.float64] = law.drop()
    if draw == "donors":  # the estimand is the drop for the distribution of the cue among the donors
        pool = random.choice(cues, size=(runs, N_DONORS), p=law.joint.sum(0))
        other = np.take_along_axis(pool, random.integers(N_DONORS, size=(runs, n)), axis=1)
        shares = np.stack([(pool == level).mean(axis=1) for level in range(cues)], axis=1)
        truth = (law.joint * law.hits).sum() - shares @ (law.joint.sum(1) @ law.hits)
    else:  # rows are drawn in random order, so that neighbours are a random pair
        other = cue.reshape(runs, n // 2, 2)[:, :, ::-1].reshape(runs, n)
    clean, permuted = law.hits[kind, cue], law.hits[kind, other]
    if draw == "pairs, betting":
        bounds = betting.difference_bounds(
            *(side.reshape(runs, n // 2, 2).mean(axis=2) for side in (clean, permuted)), 1.0, 0.05
        )
        low, high = bounds.low, bounds.high
    else:
        rows = 2 if draw == "pairs" else 1
        gained, lost = (clean & ~permuted).sum(axis=1), (~clean & permuted).sum(axis=1)
        low, high = paired.difference_bounds(gained / rows, lost / rows, n / rows, 0.05)
    # A limit on the drop is met where high lies below it, and violated where low lies above it.
    return {"false met": int((high < truth - 1e-12).sum()), "false violated": int((low > truth + 1e-12).sum())}


def hold(law: Law, n: int, runs: int, draw: Draw, seed: int) -> None:
    found = errors(law, n, runs, draw, seed)
    for side in table.SIDES:
        truth = f"drop = {law.drop():.3g} = limit"
        table.record(f"paired difference, {draw}", f"{law.name}, n={n}", truth, side, found[side], runs, LIMIT)


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("law", [*ORDINARY, *HARD], ids=lambda law: law.name)
def test_a_cue_from_donors_keeps_the_level(law: Law, n: int) -> None:
    hold(law, n, 2000, "donors", seed=n)


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("law", HARD, ids=lambda law: law.name)
def test_pairs_counted_as_cases_err_too_often_where_a_rare_class_is_read_off_the_cue(law: Law, n: int) -> None:
    runs = 4000
    found = errors(law, n, runs, "pairs as cases", seed=n)

    assert max(found.values()) / runs > LIMIT + 3 * np.sqrt(LIMIT * (1 - LIMIT) / runs)
    for side in table.SIDES:
        truth = f"drop = {law.drop():.3g} = limit"
        table.report_only(
            "paired difference, pairs as cases", f"{law.name}, n={n}", truth, side, found[side], runs, LIMIT
        )


@pytest.mark.parametrize("draw", ["pairs", "pairs, betting"])
@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("law", [*ORDINARY, *HARD], ids=lambda law: law.name)
def test_pairs_keep_the_level_whatever_the_law(law: Law, n: int, draw: Draw) -> None:
    hold(law, n, 1000 if draw == "pairs, betting" else 2000, draw, seed=n)


@pytest.mark.slow_validity
@pytest.mark.parametrize("draw", ["donors", "pairs"])
@pytest.mark.parametrize("n", [50, 100, 300, 1000])
@pytest.mark.parametrize("positives", [0.5, 0.2, 0.05, 0.01])
@pytest.mark.parametrize("accuracy", [1.0, 0.9, 0.6])
def test_the_grid_of_cues(accuracy: float, positives: float, n: int, draw: Draw) -> None:
    for on_its_own in (0.0, 0.5):
        law = cue_law(
            f"positives {positives:g}, cue right {accuracy:g}, own {on_its_own:g}", positives, accuracy, on_its_own
        )
        hold(law, n, 4000 if n < 1000 else 2000, draw, seed=int(n + 100 * accuracy + 1000 * positives))


def test_the_simulation_permutes_as_the_perturbation_does() -> None:
    law, n, runs = RARE, 100, 400
    random = np.random.default_rng(0)
    differences = []
    for run in range(runs):
        cells = random.choice(law.joint.size, size=n, p=law.joint.ravel())
        X = np.column_stack([cells // 2, cells % 2])
        if len(np.unique(X[:, 1])) == 2:
            donor = permute(0, seed=run)(np.arange(n)[:, None])[:, 0]
            changed = np.column_stack([X[:, 0], X[donor, 1]])  # few rows with the cue may meet, which it refuses
            differences.append(law.hits[X[:, 0], X[:, 1]].mean() - law.hits[changed[:, 0], changed[:, 1]].mean())

    # A row is lost with probability 2 p (1 - p), p = .05. Losses that come in twos have nearly twice the variance of
    # as many independent ones.
    losses = 2 * 0.05 * 0.95
    assert np.mean(differences) == pytest.approx(losses, abs=3 * np.std(differences) / np.sqrt(runs) + 0.002)
    assert np.var(differences) > 1.4 * losses * (1 - losses) / n
