"""A table of people in groups of chosen sizes, each with a law of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.data.generators.draws import between, coin, refuse, require_every, sizes, streams, variables
from pytest_mlspec.data.generators.gaussian import accuracy_above, best_cut
from pytest_mlspec.data.splits import Splits

SHARES: Mapping[str, float] = {"a": 0.60, "b": 0.25, "c": 0.12, "d": 0.03}
"""The groups by default: one of them too small to be seen in an overall figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupTruth:
    """Accuracy of the best rule under the law of :func:`subgroup_table`, shares in [0, 1].

    Attributes:
        bayes: over all groups.
        bayes_by_group: in each group.
        majority_by_group: of the best rule for the largest group alone, used on every group.
    """

    bayes: float
    bayes_by_group: Mapping[str, float] = field(hash=False)
    majority_by_group: Mapping[str, float] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Law:
    shares: dict[str, float]
    effects: dict[str, float]
    rates: dict[str, float]

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self.shares)


def subgroup_table(
    n: int = 5000,
    seed: int = 0,
    *,
    shares: Mapping[str, float] = SHARES,
    effects: float | Mapping[str, float] = 2.0,
    rates: float | Mapping[str, float] = 0.5,
) -> Splits:
    """Rows in groups of chosen shares; in each group another feature tells the label, so that none helps another.

    The k-th group has y = +1 with probability ``rates[k]``, a feature x_k ~ N(y * ``effects[k]``, 1), and N(0, 1) in
    the features that belong to the other groups. What a model knows of a group it must learn from the rows of that
    group: retrainings agree on the large groups and differ on the small ones.

    Args:
        n: rows in each part, at least 20.
        seed: of all draws; the parts have independent streams, and the first rows stay the same when n grows.
        shares: group -> its share of the rows, all of them above 0, together 1.
        effects: distance of each class mean from the origin in standard deviations, one for all or group -> effect.
        rates: share of positive rows in (0, 1), one for all or group -> rate.

    Returns:
        ``train`` and ``test``; X of shape (n, 2 * groups): the features x_1, x_2, ... and the groups as 0 and 1, y 0
        or 1 (positive). Columns: ``group`` and the features ``x_1``, ...

    Raises:
        ValueError: shares that do not sum to 1, unknown or missing groups, a parameter outside its range, a group
            without a row of both classes; all bad arguments are named.

    Source:
        D'Amour et al., "Underspecification presents challenges for credibility in modern machine learning" (2022),
        section 3, for retrainings that differ in subgroups.

    Example:
        >>> people = subgroup_table(n=1000)
        >>> sorted(people.test.split_by("group"))
        ['a', 'b', 'c', 'd']
    """
    law = _law(shares, effects, rates, sizes(n, seed))
    part = {name: _draw(name, n, law, stream) for name, stream in streams(seed, "train", "test").items()}
    return Splits(train=part["train"], test=part["test"], name="subgroup_table")


def subgroup_truth(
    *,
    shares: Mapping[str, float] = SHARES,
    effects: float | Mapping[str, float] = 2.0,
    rates: float | Mapping[str, float] = 0.5,
) -> SubgroupTruth:
    """The accuracies that follow from the law of :func:`subgroup_table`, with the same parameters.

    With effect m and rate p the best rule says yes where x > c, c = -log(p / (1 - p)) / (2 m), and is right with
    probability p Phi(m - c) + (1 - p) Phi(m + c).

    Raises:
        ValueError: as in :func:`subgroup_table`.

    Example:
        >>> truth = subgroup_truth(effects={"a": 2.0, "b": 2.0, "c": 2.0, "d": 1.0})
        >>> round(truth.bayes, 4), round(truth.bayes_by_group["d"], 4)
        (0.9732, 0.8413)
    """
    law = _law(shares, effects, rates, [])
    by_group = {
        group: accuracy_above(best_cut(law.effects[group], law.rates[group]), law.effects[group], law.rates[group])
        for group in law.groups
    }
    largest = max(law.groups, key=lambda group: law.shares[group])
    cut = best_cut(law.effects[largest], law.rates[largest])
    elsewhere = {group: accuracy_above(cut, 0.0, law.rates[group]) for group in law.groups}
    return SubgroupTruth(
        bayes=sum(share * by_group[group] for group, share in law.shares.items()),
        bayes_by_group=by_group,
        majority_by_group=elsewhere | {largest: by_group[largest]},
    )


def _law(shares: object, effects: object, rates: object, faults: list[str]) -> _Law:
    if not isinstance(shares, Mapping) or len(shares) < 2 or not all(isinstance(group, str) for group in shares):
        raise ValueError(
            f"expected shares as a mapping from at least two groups to their shares, such as "
            f"{{'a': 0.9, 'b': 0.1}}; got shares={shares!r}"
        )
    given = dict(shares)
    faults = [*faults, *(between(f"shares[{group!r}]", share, 0.0, 1.0, ends=False) for group, share in given.items())]
    effect_of, wrong_effects = _for_each("effects", effects, given, math.inf)
    rate_of, wrong_rates = _for_each("rates", rates, given, 1.0)
    refuse([*faults, *wrong_effects, *wrong_rates])
    if abs(sum(given.values()) - 1) > 1e-9:
        raise ValueError(f"expected shares that sum to 1; got shares={given!r}, which sum to {sum(given.values()):g}")
    return _Law(shares=given, effects=effect_of, rates=rate_of)


def _for_each(
    name: str, values: object, groups: Mapping[str, object], high: float
) -> tuple[dict[str, float], list[str]]:
    """One number per group and what is wrong with them."""
    if not isinstance(values, Mapping):
        return dict.fromkeys(groups, values), [between(name, values, 0.0, high, ends=False)]  # type: ignore[arg-type]
    if set(values) != set(groups):
        return {}, [f"expected {name} for the groups {list(groups)}; got {name}={dict(values)!r}"]
    faults = [between(f"{name}[{group!r}]", values[group], 0.0, high, ends=False) for group in groups]
    return {group: values[group] for group in groups}, faults


def _draw(part: str, n: int, law: _Law, stream: np.random.Generator) -> Dataset:
    random = variables(stream, "group", "label", "features")
    edges = np.cumsum(list(law.shares.values()))[:-1]
    code = np.searchsorted(edges, random["group"].random(n), side="right")
    sign = coin(random["label"], n, np.array(list(law.rates.values()))[code])
    features = random["features"].standard_normal((n, len(law.groups)))
    features[np.arange(n), code] += sign * np.array(list(law.effects.values()))[code]
    group, y = np.array(law.groups)[code], (sign > 0).astype(np.int64)
    _require_both_classes(part, group, y, law.groups)
    columns: dict[str, Vector] = {f"x_{feature + 1}": values for feature, values in enumerate(features.T)}
    return Dataset(np.hstack([features, np.eye(len(law.groups))[code]]), y, columns={"group": group} | columns)


def _require_both_classes(part: str, group: Vector, y: Vector, groups: tuple[str, ...]) -> None:
    require_every(part, group, groups, "group")
    for name in groups:
        if len(np.unique(y[group == name])) < 2:
            raise ValueError(f"expected rows of both classes in group {name!r} of {part} (n={len(y)}): raise n")
