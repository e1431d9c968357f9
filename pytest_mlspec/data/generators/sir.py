"""An epidemic of which early counts show how fast it grows, and not how high it will go."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import lambertw

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.generators.draws import between, refuse, sizes, streams, whole
from pytest_mlspec.data.splits import Splits

FloatArray = npt.NDArray[np.float64]

_STEP = 0.05  # of the fastest rate: Runge-Kutta then errs by less than 1e-6 of the infected share


@dataclass(frozen=True, slots=True, kw_only=True)
class SirTruth:
    """What follows from the parameters of an SIR epidemic without integrating it.

    Attributes:
        growth_rate: beta - 1 / duration, per day: the slope of log infected share while nearly all are susceptible.
        reproduction_number: beta * duration, people whom one infects when all are susceptible.
        peak_infected: the largest infected share, in [0, 1].
        peak_day: when it is reached, in days.
        final_size: share of the people who are infected in the end, in [0, 1].
    """

    growth_rate: float
    reproduction_number: float
    peak_infected: float
    peak_day: float
    final_size: float


def sir_epidemic(
    n: int = 40,
    seed: int = 0,
    *,
    beta: float = 0.55,
    duration: float = 5.0,
    initial: float = 1e-4,
    early: float = 14.0,
    surveyed: int = 20_000,
) -> Splits:
    """Surveys of one epidemic: X is the day, y the share of the surveyed people who were infected on it.

    The susceptible and infected shares follow S' = -beta S I and I' = beta S I - I / duration from S = 1 - initial and
    I = initial; a survey of day t finds Binomial(surveyed, I(t)) infected. While nearly all are susceptible I grows
    like exp((beta - 1 / duration) t), so that every pair (beta, duration) of one growth rate fits ``train`` and
    ``test`` equally well, and their peaks differ. ``past_peak`` is the other data to train on: it tells the pairs
    apart.

    Args:
        n: surveys in each part, at least 20.
        seed: of all draws; the parts have independent streams.
        beta: infections per infected person and day while all are susceptible.
        duration: mean number of days that an infected person stays so.
        initial: infected share on day 0.
        early: last day of ``train`` and ``test``, before the peak.
        surveyed: people in one survey, at least 100.

    Returns:
        ``train`` and ``test`` (days from 0 to ``early``, taken in turn), ``past_peak`` (from 0 to two durations past
        the peak) and ``peak`` (within one duration of it); X of shape (n, 1) in days, y a share in [0, 1]. Column:
        ``day``.

    Raises:
        ValueError: parameters outside their range (all are named), an epidemic that does not grow, ``early`` past the
            peak, a part in which nobody was found infected.

    Source:
        Kermack & McKendrick, "A contribution to the mathematical theory of epidemics" (1927); D'Amour et al.,
        "Underspecification presents challenges for credibility in modern machine learning" (2022), section 2.

    Example:
        >>> sir_epidemic()
        Splits('sir_epidemic', train: 40 rows, test: 40 rows, past_peak: 40 rows, peak: 40 rows)
    """
    refuse([*sizes(n, seed), between("early", early, 0.0, ends=False), whole("surveyed", surveyed, 100)])
    truth = sir_truth(beta=beta, duration=duration, initial=initial)
    if early >= truth.peak_day:
        raise ValueError(f"expected early before the peak on day {truth.peak_day:.1f}; got early={early!r}")
    both = _midpoints(0.0, early, 2 * n)
    last = truth.peak_day + duration
    days = {
        "train": both[::2],
        "test": both[1::2],
        "past_peak": _midpoints(0.0, last + duration, n),
        "peak": _midpoints(max(truth.peak_day - duration, early), last, n),
    }
    part = {
        name: _survey(name, days[name], surveyed, beta, duration, initial, stream)
        for name, stream in streams(seed, *days).items()
    }
    return Splits(
        train=part["train"],
        test=part["test"],
        past_peak=part["past_peak"],
        peak=part["peak"],
        max_duplicates=1.0,  # two surveys of one day with one result are two draws, not copies
        name="sir_epidemic",
    )


def sir_infected(days: npt.ArrayLike, *, beta: float, duration: float, initial: float = 1e-4) -> FloatArray:
    """The infected share of an SIR epidemic on given days: what a model with fitted parameters predicts.

    Args:
        days: any shape, in days since the start, not negative.
        beta, duration, initial: as in :func:`sir_epidemic`; the epidemic may also fade.

    Returns:
        Shares in [0, 1], in the shape of ``days``, to about 1e-6 of their size.

    Raises:
        ValueError: parameters outside their range, or days that are negative or not finite.

    Source:
        Kermack & McKendrick (1927); Runge-Kutta steps of fourth order with cubic interpolation.

    Example:
        >>> sir_infected([0.0, 10.0], beta=0.55, duration=5.0).round(5).tolist()
        [0.0001, 0.00329]
    """
    refuse(_faults(beta, duration, initial))
    when = np.asarray(days, dtype=np.float64)
    if when.size == 0 or not np.isfinite(when).all() or when.min() < 0:
        raise ValueError(f"expected days as finite numbers >= 0; got days={days!r}")
    last = float(when.max())
    n_steps = max(1, math.ceil(last * max(beta, 1 / duration) / _STEP))
    step = max(last, 1e-12) / n_steps
    infected, slope = _integrate(beta, 1 / duration, initial, step, n_steps)
    left = np.minimum((when / step).astype(np.int64), n_steps - 1)
    u = when / step - left
    values: FloatArray = (
        infected[left] * (1 + 2 * u) * (1 - u) ** 2
        + infected[left + 1] * u**2 * (3 - 2 * u)
        + step * (slope[left] * u * (1 - u) ** 2 - slope[left + 1] * u**2 * (1 - u))
    )
    return values


def sir_truth(*, beta: float = 0.55, duration: float = 5.0, initial: float = 1e-4) -> SirTruth:
    """The figures that follow from the law of :func:`sir_epidemic`, with the same parameters.

    With R = beta * duration and s = 1 - initial, infected share and susceptible share S obey
    I = 1 - S + log(S / s) / R, so that the peak is 1 - (1 + log(R s)) / R. The share z that is infected in the end
    solves the final-size relation 1 - z = s exp(-R z): z = 1 + W(-R s exp(-R)) / R with Lambert's W. The day of the
    peak is one integral.

    Raises:
        ValueError: parameters outside their range, or an epidemic that does not grow (R s <= 1).

    Source:
        Kermack & McKendrick (1927); Corless et al., "On the Lambert W function" (1996).

    Example:
        >>> truth = sir_truth()
        >>> round(truth.growth_rate, 2), round(truth.peak_infected, 3), round(truth.final_size, 3)
        (0.35, 0.269, 0.92)
    """
    refuse(_faults(beta, duration, initial))
    reproduction, susceptible = beta * duration, 1 - initial
    if reproduction * susceptible <= 1:
        raise ValueError(
            f"expected an epidemic that grows, beta * duration * (1 - initial) > 1; got beta={beta!r}, "
            f"duration={duration!r}, initial={initial!r}"
        )
    depletion = math.log(reproduction * susceptible)
    return SirTruth(
        growth_rate=beta - 1 / duration,
        reproduction_number=reproduction,
        peak_infected=1 - (1 + depletion) / reproduction,
        peak_day=_days_until(depletion, beta, reproduction, initial),
        final_size=1 + float(lambertw(-reproduction * susceptible * math.exp(-reproduction)).real) / reproduction,
    )


def _faults(beta: float, duration: float, initial: float) -> list[str]:
    return [
        between("beta", beta, 0.0, ends=False),
        between("duration", duration, 0.0, ends=False),
        between("initial", initial, 0.0, 1.0, ends=False),
    ]


def _midpoints(start: float, end: float, n: int) -> FloatArray:
    return start + (end - start) * (np.arange(n) + 0.5) / n


def _survey(
    part: str,
    days: FloatArray,
    surveyed: int,
    beta: float,
    duration: float,
    initial: float,
    stream: np.random.Generator,
) -> Dataset:
    share = np.clip(sir_infected(days, beta=beta, duration=duration, initial=initial), 0.0, 1.0)
    found = stream.binomial(surveyed, share)
    if not found.any():
        raise ValueError(
            f"expected some infected among the surveyed people of {part}; none was found with surveyed={surveyed} "
            f"and initial={initial!r}: raise one of them"
        )
    return Dataset(days[:, None], found / surveyed, columns={"day": days})


def _integrate(beta: float, leaving: float, initial: float, step: float, n_steps: int) -> tuple[FloatArray, FloatArray]:
    """Infected share and its slope at the ends of the steps, each of shape (n_steps + 1,)."""

    def change(susceptible: float, infected: float) -> tuple[float, float]:
        infections = beta * susceptible * infected
        return -infections, infections - leaving * infected

    s, i = 1 - initial, initial
    infected, slope = np.empty(n_steps + 1), np.empty(n_steps + 1)
    for index in range(n_steps + 1):
        ds1, di1 = change(s, i)
        infected[index], slope[index] = i, di1
        ds2, di2 = change(s + step / 2 * ds1, i + step / 2 * di1)
        ds3, di3 = change(s + step / 2 * ds2, i + step / 2 * di2)
        ds4, di4 = change(s + step * ds3, i + step * di3)
        s += step / 6 * (ds1 + 2 * ds2 + 2 * ds3 + ds4)
        i += step / 6 * (di1 + 2 * di2 + 2 * di3 + di4)
    return infected, slope


def _days_until(depletion: float, beta: float, reproduction: float, initial: float) -> float:
    """Days until log(s / S) reaches ``depletion``: the integral of dw / (beta I(w)), I(w) = 1 - s exp(-w) - w / R.

    The start, where I is tiny, is stretched by w = initial (exp(v) - 1).
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    end = math.log1p(depletion / initial)
    w = initial * np.expm1(end * (nodes + 1) / 2)
    infected = initial * np.exp(-w) - np.expm1(-w) - w / reproduction
    return float(end / 2 * (weights @ ((w + initial) / (beta * infected))))
