"""Source and target data that differ in one named way, so that every remedy can be tried on each kind of shift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, logit, ndtr

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.data.generators.draws import between, coin, refuse, require_every, sizes, streams, variables
from pytest_mlspec.data.generators.gaussian import accuracy_above, best_cut
from pytest_mlspec.data.splits import Splits

Kind = Literal["covariate", "concept", "label", "compound"]

_DEFAULTS: dict[str, dict[str, float]] = {
    "covariate": {"signal": 0.77, "displacement": 0.77},
    "concept": {"signal": 1.175, "relabelled": 1.0},
    "label": {"signal": 0.77, "target_prior": 0.9},
    "compound": {"signal": 0.77, "target_prior": 0.9, "displacement": -1.0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedPairTruth:
    """What follows from the law of :func:`shifted_pair`; all are shares or probabilities in [0, 1].

    Attributes:
        source: accuracy of the best rule for the source, on the source.
        source_on_target: accuracy of that rule on the target.
        target: accuracy of the best rule for the target, on the target.
        target_prior: share of positive rows in the target.
        bbse_prior: what black-box shift estimation takes that share for, given the best rule for the source and
            endless data. It is right where only the label shifts.
        bbse_on_target: accuracy on the target of the source's rule corrected for ``bbse_prior``.
        domain_auc: area under the ROC curve of the best function of X that tells target from source rows; None for
            a compound shift.
    """

    source: float
    source_on_target: float
    target: float
    target_prior: float
    bbse_prior: float
    bbse_on_target: float
    domain_auc: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Law:
    signal: float
    prior: float
    displacement: float = 0.0
    relabelled: float = 0.0

    def accuracy(self, cut: float) -> float:
        """Share of right answers of "positive where x1 > cut"."""
        straight = accuracy_above(cut, self.signal, self.prior, offset=self.displacement)
        return (1 - self.relabelled) * straight + self.relabelled / 2

    def share_above(self, cut: float) -> float:
        up, down = (float(ndtr(sign * self.signal + self.displacement - cut)) for sign in (1, -1))
        return self.prior * up + (1 - self.prior) * down


def shifted_pair(
    kind: Kind,
    n: int = 2000,
    seed: int = 0,
    *,
    signal: float | None = None,
    prior: float = 0.5,
    displacement: float | None = None,
    target_prior: float | None = None,
    relabelled: float | None = None,
) -> Splits:
    """Source data to train and test on, and target data that differ from them by a shift of one kind.

    In the source y = +1 with probability ``prior``, x1 ~ N(y * signal, 1), and x2 ~ N(z * signal, 1) with a fair
    z = +1 or -1 that has nothing to do with y. In the target

    * ``covariate``: p(x) is multiplied by exp(displacement * x1) and p(y | x) stays. Both class means of x1 move by
      ``displacement``, and the prior odds are multiplied by exp(2 * signal * displacement).
    * ``concept``: p(x) stays; a share ``relabelled`` of the rows takes z for its label.
    * ``label``: p(x | y) stays; y = +1 with probability ``target_prior``.
    * ``compound``: y = +1 with probability ``target_prior``, and both class means of x1 move by ``displacement``.

    Args:
        kind: of the shift.
        n: rows in each part, at least 20.
        seed: of all draws; the parts have independent streams, and the first rows stay the same when n grows.
        signal: distance of each class mean from the origin in standard deviations; by default 1.175 for ``concept``
            and 0.77 for the others.
        prior: share of positive rows in the source, in (0, 1).
        displacement: of x1 in the target, in standard deviations; by default 0.77 (covariate) or -1 (compound).
        target_prior: share of positive rows in the target, in (0, 1), by default 0.9.
        relabelled: share of the target's rows whose label is z, in [0, 1], by default 1.

    Returns:
        ``train``, ``validation``, ``test`` (of the source) and ``target``; X of shape (n, 2), y 0 or 1 (positive).
        Columns: ``x1``, ``x2``.

    Raises:
        ValueError: an unknown kind, a parameter that this kind does not have or outside its range, too few rows.

    Source:
        Moreno-Torres et al., "A unifying view on dataset shift in classification" (2012), for the kinds; Lipton, Wang
        & Smola, "Detecting and correcting for label shift with black box predictors" (2018), for the correction.

    Example:
        >>> shifted_pair("label", n=100)
        Splits('label_shift', train: 100 rows, validation: 100 rows, test: 100 rows, target: 100 rows)
    """
    given = {"displacement": displacement, "target_prior": target_prior, "relabelled": relabelled}
    source, target = _laws(kind, signal, prior, given, sizes(n, seed))
    laws = {"train": source, "validation": source, "test": source, "target": target}
    part = {name: _draw(name, n, laws[name], stream) for name, stream in streams(seed, *laws).items()}
    return Splits(
        train=part["train"],
        validation=part["validation"],
        test=part["test"],
        target=part["target"],
        name=f"{kind}_shift",
    )


def shifted_pair_truth(
    kind: Kind,
    *,
    signal: float | None = None,
    prior: float = 0.5,
    displacement: float | None = None,
    target_prior: float | None = None,
    relabelled: float | None = None,
) -> ShiftedPairTruth:
    """The figures that follow from the law of :func:`shifted_pair`, with the same parameters.

    The best rule says yes where x1 > c, c = d - log(p / (1 - p)) / (2 m) for signal m, prior p and displacement d,
    and is right with probability p Phi(m + d - c) + (1 - p) Phi(m - d + c). The target of a concept shift with
    0 < relabelled < 1 needs one integral over x1. Black-box shift estimation takes the target's prior for
    (q - f) / (h - f), clipped to [0, 1], with q the share of target rows where the source's rule says yes, and h and
    f its shares in the two classes of the source.

    Raises:
        ValueError: as in :func:`shifted_pair`.

    Example:
        >>> truth = shifted_pair_truth("label")
        >>> round(truth.source_on_target, 2), round(truth.bbse_on_target, 2)
        (0.78, 0.91)
    """
    given = {"displacement": displacement, "target_prior": target_prior, "relabelled": relabelled}
    source, target = _laws(kind, signal, prior, given, [])
    cut = best_cut(source.signal, source.prior)
    hits, false_alarms = float(ndtr(source.signal - cut)), float(ndtr(-source.signal - cut))
    estimated = min(max((target.share_above(cut) - false_alarms) / (hits - false_alarms), 0.0), 1.0)
    return ShiftedPairTruth(
        source=source.accuracy(cut),
        source_on_target=target.accuracy(cut),
        target=_best_accuracy(target),
        target_prior=(1 - target.relabelled) * target.prior + target.relabelled / 2,
        bbse_prior=estimated,
        bbse_on_target=target.accuracy(best_cut(source.signal, estimated)),
        domain_auc=None if kind == "compound" else _domain_auc(source, target),
    )


def _laws(
    kind: str, signal: float | None, prior: float, given: dict[str, float | None], faults: list[str]
) -> tuple[_Law, _Law]:
    if kind not in _DEFAULTS:
        raise ValueError(f"expected kind as one of {', '.join(_DEFAULTS)}; got kind={kind!r}")
    strange = {name: value for name, value in given.items() if value is not None and name not in _DEFAULTS[kind]}
    chosen = {"signal": signal, **given}
    values = {name: default if chosen[name] is None else chosen[name] for name, default in _DEFAULTS[kind].items()}
    ranges = {"signal": (0.0, math.inf), "target_prior": (0.0, 1.0), "displacement": (-math.inf, math.inf)}
    refuse(
        [
            *faults,
            between("prior", prior, 0.0, 1.0, ends=False),
            *(between(name, values[name], *ranges[name], ends=False) for name in ranges if name in values),
            between("relabelled", values.get("relabelled", 0.0), 0.0, 1.0),
            *(f"a {kind} shift has no {name}; got {name}={value!r}" for name, value in strange.items()),
        ]
    )
    known = {name: float(value) for name, value in values.items() if value is not None}
    source = _Law(signal=known["signal"], prior=prior)
    return source, _target(kind, source, known)


def _target(kind: str, source: _Law, known: dict[str, float]) -> _Law:
    displacement = known.get("displacement", 0.0)
    prior = known.get("target_prior", source.prior)
    if kind == "covariate":
        prior = float(expit(logit(source.prior) + 2 * source.signal * displacement))
    return _Law(signal=source.signal, prior=prior, displacement=displacement, relabelled=known.get("relabelled", 0.0))


def _draw(part: str, n: int, law: _Law, stream: np.random.Generator) -> Dataset:
    random = variables(stream, "first", "second", "relabelled", "features")
    first, second = coin(random["first"], n, law.prior), coin(random["second"], n)
    label = np.where(random["relabelled"].random(n) < law.relabelled, second, first)
    centres = np.column_stack([first * law.signal + law.displacement, second * law.signal])
    X = centres + random["features"].standard_normal((n, 2))
    y: Vector = (label > 0).astype(np.int64)
    require_every(part, y, (0, 1), "class")
    return Dataset(X, y, columns={"x1": X[:, 0], "x2": X[:, 1]})


def _best_accuracy(law: _Law) -> float:
    share, signal = law.relabelled, law.signal
    if share == 0.0:
        return law.accuracy(best_cut(signal, law.prior, offset=law.displacement))
    x1 = np.linspace(-signal - 10, signal + 10, 20_001)
    up, down = law.prior * np.exp(-((x1 - signal) ** 2) / 2), (1 - law.prior) * np.exp(-((x1 + signal) ** 2) / 2)
    first = (1 - share) * expit(2 * signal * x1 + logit(law.prior))  # what x1 adds to the probability of y = +1
    # The best rule says yes where first + share * p(z = +1 | x2) > 1 / 2, which is where x2 is above this cut.
    needed = np.clip((0.5 - first) / share, 0.0, 1.0)
    cut = logit(needed) / (2 * signal)
    yes = (ndtr(signal - cut) + ndtr(-signal - cut)) / 2
    right = first * yes + (1 - share - first) * (1 - yes) + share / 2 * (ndtr(signal - cut) + ndtr(signal + cut))
    return float(right @ (up + down) / (up + down).sum())


def _domain_auc(source: _Law, target: _Law) -> float:
    """Area under the ROC curve of x1, of which the likelihood ratio of target to source is a monotone function."""
    pairs = [(one, other) for one in (1, -1) for other in (1, -1)]
    weight = {1: source.prior, -1: 1 - source.prior}
    other_weight = {1: target.prior, -1: 1 - target.prior}
    moved = {sign: sign * target.signal + target.displacement for sign in (1, -1)}
    area = sum(
        weight[one] * other_weight[other] * float(ndtr((moved[other] - one * source.signal) / math.sqrt(2)))
        for one, other in pairs
    )
    return max(area, 1 - area)
