"""Twenty networks under fifteen corruptions of five severities, all judged, against perturbing and predicting alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from pytest_mlspec import Ensemble, metrics, perturbations
from pytest_mlspec.data.bundled import digits
from pytest_mlspec.perturbations.severity import SEVERITIES
from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict import Outcome
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

N_MEMBERS, N_PERTURBATIONS, PAIRS = 20, 15, 9
LIGHT_AND_PLACE = ("brightness", "contrast", "defocus", "occlusion", "pixelate", "rotation", "translation")
DRAWN = ("gaussian_noise", "impulse_noise", "motion_blur", "shot_noise")  # twice, with two seeds
LEVEL, SPREAD = 0.5, 0.05


def _grid() -> list[perturbations.Corruption]:
    form = {"shape": (8, 8), "value_range": (0, 16)}
    makers = [(name, {}) for name in LIGHT_AND_PLACE] + [(name, {"seed": seed}) for name in DRAWN for seed in (0, 1)]
    assert len(makers) == N_PERTURBATIONS
    return [getattr(perturbations, name)(severity, **form, **more) for name, more in makers for severity in SEVERITIES]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_judging_a_grid_of_stresses(hold: Callable[..., None]) -> None:
    """Each cell has a level and a spread over seeds to keep; some are met, some violated, some undecided."""
    from sklearn.neural_network import MLPClassifier

    data, grid = digits(), _grid()
    model = Ensemble.fit(
        lambda seed: MLPClassifier(max_iter=15, batch_size=64, random_state=seed).fit(data.train.X, data.train.y),
        N_MEMBERS,
        trained_on=[data.train],
    )

    def alone() -> None:
        for change in grid:
            X = change(data.test.X)
            for member in model.members:
                member.predict(X)  # type: ignore[attr-defined]

    def judged() -> Counter[Outcome]:
        found: Counter[Outcome] = Counter()
        for change in grid:
            accuracy = metrics.accuracy(model, data.test.perturb(change))
            found[(accuracy >= LEVEL).outcome] += 1
            found[(accuracy.seed_std() <= SPREAD).outcome] += 1
        return found

    with RECORDER.hold(None):  # the verdicts are the load here, not gates on this test
        outcomes = judged()
        measured = ratio.in_turn(ratio.seconds(judged), ratio.seconds(alone), PAIRS)

    assert outcomes.total() == 2 * N_PERTURBATIONS * len(SEVERITIES)
    assert set(outcomes) == set(Outcome)
    name = f"{outcomes.total()} requirements of {N_MEMBERS} networks under {len(grid)} corruptions of digits"
    hold(ratio.row(f"{name}, perturbed and predicted", "perturbing and predicting", measured, at_most=1.5))
