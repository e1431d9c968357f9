"""Which ways there are to meet a claim: by what its bounds are made of."""

from __future__ import annotations

import numpy as np

from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.metrics.evidence.across import Across
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.binned import TopLabel
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.difference import Difference
from pytest_mlspec.metrics.evidence.groups import Grouped
from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.metrics.evidence.quotient import SpreadQuotient
from pytest_mlspec.metrics.evidence.shortfall import Shortfall
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.metrics.evidence.whole_ensemble import EnsembleMean
from pytest_mlspec.metrics.planning import alike, bounded, seeds
from pytest_mlspec.metrics.planning.plan import Question, Way
from pytest_mlspec.metrics.ranking import Ranking
from pytest_mlspec.stats import binomial, planning, planning_by_draws, ranking

BASE_RATES = (0.9, 0.5)
DISCORDANT = (0.02, 0.05, 0.10)


def ways_to_meet(question: Question) -> tuple[Way, ...] | str:
    """The ways of a claim about every member, or why there is no plan."""
    evidence = question.estimate.evidence
    if isinstance(evidence, EnsembleMean):
        evidence = evidence.mean
    match evidence:
        case Rate():
            return of_rate(question, evidence)
        case Grouped():
            return _of_groups(question, evidence)
        case Difference():
            return _of_difference(question, evidence)
        case Mean():
            return bounded.of_mean(question, evidence)
        case Ranking():
            return _of_ranking(question, evidence)
        case TopLabel(worst=False):
            return _of_calibration(question, evidence)
    return _over_members(question, evidence)


def _over_members(question: Question, evidence: Evidence) -> tuple[Way, ...] | str:
    match evidence:
        case SeedStd():
            return seeds.of_spread(question, evidence)
        case Shortfall():
            return alike.of_shortfall(question, evidence)
        case SpreadQuotient():
            return alike.of_quotient(question, evidence)
    return _why_none(evidence)


def _why_none(evidence: Evidence) -> str:
    if isinstance(evidence, Known):
        return "it is read off the trained model: no number of cases has a part in it"
    if isinstance(evidence, Across):
        return "its bound depends on the values on both sets of cases"
    return "the power of its bound depends on what the model will say"


def of_rate(question: Question, evidence: Rate) -> tuple[Way, ...]:
    """Clopper-Pearson, searched exactly; where rows are clustered, clusters count as cases."""
    unit, at_hand = evidence.unit, int(evidence.sizes.min())
    assuming = ""
    if evidence.cluster_codes is not None:
        asked = evidence.flawless if evidence.flawless is not None else evidence.included
        codes = evidence.cluster_codes if asked is None or asked.ndim == 2 else evidence.cluster_codes[asked]
        name = question.estimate.predictions.cluster_name
        unit, at_hand = f"clusters ({name})", len(np.unique(codes))
        assuming = f"all rows of one {name} alike, equal sizes"

    def needed(expected: float, power: float) -> int | None:
        rate, limit = counted(evidence, expected), counted(evidence, question.threshold)
        return planning.trials_to_decide(rate, limit, question.level, power, question.comparison)

    return (Way(unit=unit, at_hand=at_hand, needed=needed, assuming=assuming, quick=True),)


def counted(evidence: Rate, value: float) -> float:
    """A value of F1 as one of the Jaccard index, which is what is counted."""
    return value if evidence.transform == "rate" else float(binomial.f1_to_jaccard(value))


def _of_groups(question: Question, evidence: Grouped) -> tuple[Way, ...] | str:
    if evidence.counted is None:
        return f"a {evidence.fold} of a metric that is no rate of independent cases has no plan"
    trials = evidence.counted.trials[0]
    smallest = int(np.argmin(trials))
    unit = f"{evidence.unit} in the smallest group ({evidence.labels[smallest]})"
    at_hand, level, n_groups = int(trials[smallest]), question.level, len(trials)
    if not at_hand or evidence.missing:
        return "a group without cases decides nothing"
    if evidence.fold == "worst":

        def every_group(expected: float, power: float) -> int | None:
            each = 1.0 - (1.0 - power) / n_groups
            return planning.trials_to_decide(expected, question.threshold, level, each, question.comparison)

        words = "every group at this rate"
        return (Way(unit=unit, at_hand=at_hand, needed=every_group, assuming=words, quick=True),)
    fold, shares = evidence.fold, tuple(float(size) for size in trials)

    def way(base: float) -> Way:
        def needed(expected: float, power: float) -> int | None:
            lowest = base - expected if fold == "gap" else base * expected
            if lowest < 0.0:
                return None
            rates = [base] * n_groups
            rates[smallest] = lowest
            limit = question.threshold
            return planning_by_draws.gap_to_decide(tuple(rates), shares, limit, level, power, fold=fold)

        return Way(unit=unit, at_hand=at_hand, needed=needed, assuming=f"rates of {base:g}, the smallest group apart")

    return tuple(way(base) for base in BASE_RATES)


def _of_difference(question: Question, evidence: Difference) -> tuple[Way, ...] | str:
    if not (isinstance(evidence.first, Rate) and isinstance(evidence.second, Rate)):
        return bounded.of_difference(question, evidence)
    if evidence.first.case_values(question.terms) is None or not (evidence.independent or evidence.exchanged is None):
        return "a difference of rates over cases that differ between the sides has no plan"
    if evidence.exchanged is not None:
        return "rows that exchanged values are judged by pairs, whose number depends on the exchange"

    sign = 1.0 if question.comparison == ">=" else -1.0

    def way(discordant: float) -> Way:
        def needed(expected: float, power: float) -> int | None:
            share = max(discordant, abs(expected))  # so many cases must differ for such a difference
            limit = sign * question.threshold
            return planning_by_draws.paired_to_decide(sign * expected, share, limit, question.level, power)

        words = f"sides differ on {100 * discordant:g}% of cases"
        return Way(unit=evidence.unit, at_hand=int(evidence.sizes.min()), needed=needed, assuming=words)

    return tuple(way(share) for share in DISCORDANT)


def _of_ranking(question: Question, evidence: Ranking) -> tuple[Way, ...] | str:
    n_positive = int(np.count_nonzero(evidence.positive))
    rarer, other = sorted((n_positive, evidence.positive.size - n_positive))
    if question.comparison == "<=" or evidence.named or evidence.cluster_codes is not None or not rarer:
        return "only a floor of AUROC, with the bounds that hold for all scores, has a plan"
    ratio = other / rarer

    def needed(expected: float, power: float) -> int | None:
        return planning_by_draws.auroc_to_decide(expected, ratio, question.threshold, question.level, power)

    words = f"{ratio:.3g} cases of the other class for each, normal scores"
    quick = ratio < ranking.BLOCK_RATIO
    return (Way(unit=evidence.unit, at_hand=rarer, needed=needed, assuming=words, quick=quick),)


def _of_calibration(question: Question, evidence: TopLabel) -> tuple[Way, ...] | str:
    if question.comparison == ">=" or evidence.cluster_codes is not None:
        return "only a ceiling on a calibration error of independent cases has a plan"

    def needed(expected: float, power: float) -> int | None:
        fixed = evidence.binning == "width"
        return planning_by_draws.ece_to_decide(
            expected, evidence.bins, question.threshold, question.level, power, edges_fixed=fixed
        )

    words = "top probabilities spread evenly from 0.5 to 1"
    return (Way(unit=evidence.unit, at_hand=int(evidence.sizes.min()), needed=needed, assuming=words),)
