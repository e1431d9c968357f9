"""SIR epidemic: closed forms against integration, and early data that leave the peak open."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, optimize

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.generators import sir_epidemic, sir_infected, sir_truth

LAWS: list[dict[str, float]] = [
    {"beta": 0.55, "duration": 5.0, "initial": 1e-4},
    {"beta": 0.3, "duration": 14.0, "initial": 1e-3},
    {"beta": 2.0, "duration": 0.8, "initial": 1e-6},
]


def reference(beta: float, duration: float, initial: float, last: float) -> Any:
    """The epidemic by SciPy's adaptive integrator, with the day of the peak as an event."""

    def change(_: float, state: npt.NDArray[np.float64]) -> list[float]:
        infections = beta * state[0] * state[1]
        return [-infections, infections - state[1] / duration]

    def at_peak(_: float, state: npt.NDArray[np.float64]) -> float:
        return float(beta * state[0] - 1 / duration)

    start = [1 - initial, initial]
    return integrate.solve_ivp(change, (0, last), start, rtol=1e-11, atol=1e-15, dense_output=True, events=at_peak)


@pytest.mark.parametrize("law", LAWS)
def test_the_curve_is_that_of_an_adaptive_integrator(law: dict[str, float]) -> None:
    days = np.linspace(0, 60, 301)

    np.testing.assert_allclose(sir_infected(days, **law), reference(**law, last=60).sol(days)[1], rtol=2e-6, atol=1e-14)


def test_the_curve_has_the_shape_of_the_days() -> None:
    law = LAWS[0]
    curve = sir_infected([[3.0, 1.0], [0.0, 2.0]], **law)

    assert curve.shape == (2, 2)
    assert curve[1, 0] == pytest.approx(1e-4)
    assert curve[0, 0] == pytest.approx(float(sir_infected(3.0, **law)), rel=1e-6)
    # A fading epidemic: R = 0.5, so that I falls like exp(-0.1 t) while nearly all are susceptible.
    assert float(sir_infected(10.0, beta=0.1, duration=5.0, initial=1e-6)) == pytest.approx(1e-6 / np.e, rel=1e-4)


@pytest.mark.parametrize("law", LAWS)
def test_the_truth_is_what_integration_finds(law: dict[str, float]) -> None:
    truth, found = sir_truth(**law), reference(**law, last=3000)
    peak_day = found.t_events[0][0]

    assert truth.peak_day == pytest.approx(peak_day, abs=1e-6)
    assert truth.peak_infected == pytest.approx(found.sol(peak_day)[1], abs=1e-8)
    assert truth.final_size == pytest.approx(1 - found.y[0, -1], abs=1e-6)
    early = found.sol([0.0, 0.01])[1]  # log I grows by beta S - 1 / duration, S = 1 - initial
    assert np.log(early[1] / early[0]) / 0.01 == pytest.approx(
        truth.growth_rate - law["beta"] * law["initial"], abs=1e-4
    )


def test_the_final_size_solves_its_relation() -> None:
    truth = sir_truth(beta=0.5, duration=5.0, initial=0.01)

    assert truth.reproduction_number == pytest.approx(2.5)
    assert 1 - truth.final_size == pytest.approx(0.99 * np.exp(-2.5 * truth.final_size), abs=1e-12)


def fitted(data: Dataset, seed: int) -> tuple[float, float]:
    """Least squares for (beta, duration) by Nelder-Mead from a seeded start, until nothing is gained."""
    random = np.random.default_rng(seed)
    duration = random.uniform(3, 8)
    start = np.log([1 / duration + random.uniform(0.2, 0.5), duration])

    def loss(point: npt.NDArray[np.float64]) -> float:
        beta, duration = np.exp(point)
        curve = sir_infected(data.X[:, 0], beta=float(beta), duration=float(duration))
        return float(np.sum((np.sqrt(curve) - np.sqrt(data.y)) ** 2))  # type: ignore[arg-type]

    simplex = start + np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]])
    options = {"fatol": 1e-6, "xatol": 9.0, "initial_simplex": simplex}
    beta, duration = np.exp(optimize.minimize(loss, start, method="Nelder-Mead", options=options).x)
    return float(beta), float(duration)


@pytest.mark.parametrize("root", [0, 1, 2])
def test_early_data_leave_the_peak_open(root: int) -> None:
    splits = sir_epidemic(seed=root)
    peaks: dict[str, list[float]] = {}
    errors: list[float] = []
    rates: list[float] = []
    for part in ("train", "past_peak"):
        for seed in range(8):
            beta, duration = fitted(splits[part], seed)
            peaks.setdefault(part, []).append(sir_truth(beta=beta, duration=duration).peak_infected)
            if part == "train":
                said = sir_infected(splits.test.X[:, 0], beta=beta, duration=duration)
                errors.append(float(np.sqrt(np.mean((said - splits.test.y) ** 2))))
                rates.append(beta - 1 / duration)

    # Orientation: held-out error varies by 1 to 4 %, the peak 0.32 +- 0.06; past the peak 0.2675 +- 0.0001.
    assert np.std(errors, ddof=1) / np.mean(errors) < 0.1
    assert np.ptp(rates) < 0.02
    assert np.std(peaks["train"], ddof=1) > 0.03
    assert np.std(peaks["past_peak"], ddof=1) < 0.002
    assert np.mean(peaks["past_peak"]) == pytest.approx(sir_truth().peak_infected, abs=0.005)


def test_surveys_scatter_as_binomial_counts_round_the_curve() -> None:
    # Orders of magnitude between the parts: each survey is judged by its own standard error.
    scores = []
    for seed in range(50):
        for _, data in sir_epidemic(seed=seed, surveyed=50_000).items():
            late = data.where(day=lambda day: day > 5)
            share = sir_infected(late.X[:, 0], beta=0.55, duration=5.0)
            scores.append((late.y - share) / np.sqrt(share * (1 - share) / 50_000))
    z = np.concatenate(scores)

    assert abs(z.mean()) < 3 / np.sqrt(len(z))
    assert abs(np.mean(z**2) - 1) < 3 * np.sqrt(2.2 / len(z))  # 2.2: kurtosis of a few small counts added


def test_days_columns_and_names() -> None:
    splits = sir_epidemic(n=30)
    peak_day = sir_truth().peak_day

    assert list(splits) == ["train", "test", "past_peak", "peak"]
    assert all(data.X.shape == (30, 1) for _, data in splits.items())
    assert splits.peak.name == "sir_epidemic.peak"
    assert splits.test.classes is None
    both = np.sort(np.concatenate([splits.train.X[:, 0], splits.test.X[:, 0]]))
    np.testing.assert_allclose(both, (np.arange(60) + 0.5) * 14 / 60)
    np.testing.assert_array_equal(splits.train.columns["day"], splits.train.X[:, 0])
    assert (splits.peak.X.min(), splits.peak.X.max()) == pytest.approx((peak_day - 5 + 1 / 6, peak_day + 5 - 1 / 6))
    assert splits.past_peak.X.max() == pytest.approx((peak_day + 10) * 59 / 60)


def test_the_seed_decides_and_parts_differ() -> None:
    one, again, other = (sir_epidemic(seed=seed) for seed in (3, 3, 4))

    assert all(data.fingerprint == again[part].fingerprint for part, data in one.items())
    assert len({data.fingerprint for splits in (one, other) for _, data in splits.items()}) == 8


@pytest.mark.parametrize(
    ("knob", "parts"),
    [
        ({"beta": 0.6}, {"train", "test", "past_peak", "peak"}),
        ({"duration": 6.0}, {"train", "test", "past_peak", "peak"}),
        ({"initial": 2e-4}, {"train", "test", "past_peak", "peak"}),
        ({"early": 12.0}, {"train", "test"}),
        ({"surveyed": 10_000}, {"train", "test", "past_peak", "peak"}),
    ],
)
def test_every_knob_moves_its_parts(knob: dict[str, Any], parts: set[str]) -> None:
    plain, moved = sir_epidemic(), sir_epidemic(**knob)

    assert {part for part, data in plain.items() if data.fingerprint != moved[part].fingerprint} == parts


def test_all_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError) as caught:
        sir_epidemic(n=5, seed=-1, early=0.0, surveyed=50)
    for got in ("n=5", "seed=-1", "early=0.0", "surveyed=50"):
        assert f"; got {got}" in str(caught.value)

    with pytest.raises(ValueError) as caught:
        sir_truth(beta=0.0, duration=-1.0, initial=1.0)
    for got in ("beta=0.0", "duration=-1.0", "initial=1.0"):
        assert f"; got {got}" in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"beta": 0.1}, r"expected an epidemic that grows, .* got beta=0.1, duration=5.0, initial=0.0001"),
        ({"early": 40.0}, r"expected early before the peak on day 28.0; got early=40.0"),
        ({"surveyed": 100, "initial": 1e-9}, r"expected some infected among the surveyed people of train"),
    ],
)
def test_an_epidemic_that_cannot_be_surveyed(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sir_epidemic(**bad)


@pytest.mark.parametrize("days", [[-1.0], [float("nan")], []])
def test_days_that_are_none(days: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected days as finite numbers >= 0; got days="):
        sir_infected(days, beta=0.5, duration=5.0)
