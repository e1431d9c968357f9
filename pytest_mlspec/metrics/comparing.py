"""What ``-`` and ``/`` of two estimates mean, and which pairs of estimates have no such meaning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlspec.data.perturbing import EXCHANGED, apart, same_rows
from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.metrics.evidence.across import Across
from pytest_mlspec.metrics.evidence.difference import Difference
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.stats.bounds import IntArray

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.predictions import Predictions


def difference_of(first: Estimate, second: Estimate) -> Estimate:
    """``first - second``: paired on the same rows (changed or not), else one model on two sets of cases.

    Raises:
        TypeError: different metrics or settings.
        ValueError: two models on different cases, or ensembles with different seeds.
    """
    _require_one_metric(first, second, "difference")
    if first.whole_ensemble:
        raise TypeError(f"a difference needs a value per member: {first.subject} is one number about all of them")
    left, right = first.predictions, second.predictions
    if first.form == "gap":
        return _difference_of_gaps(first, second)
    if not _same_cases(left, right):
        _require_one_model(left, right, "difference")
        evidence: Evidence = Across(
            first=first.evidence,
            second=second.evidence,
            apart=_apart(left, right),
        )
        between = f"{_place(left)} minus {_place(right)}"
        return replace(first, evidence=evidence, operands=(first, second), form="difference", between=between)
    _require_same_seeds(left, right)
    evidence = Difference(
        first=first.evidence,
        second=second.evidence,
        independent=not _clustered(left) and not _clustered(right),
        exchanged=_exchanged(left, right),
    )
    wider = left if left.n_members >= right.n_members else right
    between = f"{_called(left)} minus {_called(right)}"
    if one_model(left, right):
        between = f"{_place(left)} minus {_place(right)}"
    return replace(
        first,
        predictions=wider,
        operands=(first, second),
        evidence=evidence,
        form="difference",
        between=between,
    )


def _difference_of_gaps(first: Estimate, second: Estimate) -> Estimate:
    """The gap of one model minus that of another one over the same groups of the same cases."""
    from pytest_mlspec.metrics.evidence.gap_difference import GapDifference
    from pytest_mlspec.metrics.evidence.groups import Grouped

    left, right = first.predictions, second.predictions
    if first.by != second.by:
        raise TypeError(f"a difference of gaps needs the same groups, got by={list(first.by)} and {list(second.by)}")
    if not _same_cases(left, right) or (one_model(left, right) and left.title != right.title):
        raise ValueError(
            f"a difference of gaps compares two models on the same cases: {left.name} was judged on {left.title} "
            f"({left.n_examples:,} cases), {right.name} on {right.title} ({right.n_examples:,} cases)"
        )
    _require_same_seeds(left, right)
    assert isinstance(first.evidence, Grouped) and isinstance(second.evidence, Grouped)
    evidence = GapDifference(
        first=first.evidence,
        second=second.evidence,
        independent=not _clustered(left) and not _clustered(right),
    )
    return replace(
        first,
        predictions=left if left.n_members >= right.n_members else right,
        operands=(first, second),
        evidence=evidence,
        form="difference",
        between=f"{_called(left)} minus {_called(right)}",
    )


def quotient_of(first: Estimate, second: Estimate) -> Estimate:
    """``first / second``: of two seed spreads, or of the level of one metric on two sets of cases.

    Raises:
        TypeError: different metrics, settings or forms.
        ValueError: two models on different cases, or ensembles with different seeds.
    """
    from pytest_mlspec.metrics.evidence.quotient import LevelQuotient, SpreadQuotient

    _require_one_metric(first, second, "quotient")
    if first.form != second.form or first.form not in ("level", "seed_std"):
        raise TypeError(
            "a quotient is of two seed spreads, a.seed_std() / b.seed_std(), or of two levels, a / b; "
            f"got {first.subject} and {second.subject}"
        )
    left, right = first.predictions, second.predictions
    if not _same_cases(left, right):
        _require_one_model(left, right, "quotient")
    _require_same_seeds(left, right)
    between = f"{_place(left)} over {_place(right)}"
    made = replace(first, operands=(first, second), form="quotient", between=between)
    if isinstance(first.evidence, SeedStd) and isinstance(second.evidence, SeedStd):
        spread = SpreadQuotient(stress=first.evidence, iid=second.evidence)
        return replace(made, evidence=spread, form="seed_std_quotient")
    return replace(made, evidence=LevelQuotient(first=first.evidence, second=second.evidence))


def one_model(left: Predictions, right: Predictions) -> bool:
    """Whether both sides are about the same members."""
    if left.models or right.models:
        return len(left.models) == len(right.models) and all(
            one is other for one, other in zip(left.models, right.models, strict=True)
        )
    named = left.name == right.name != "predictions"  # arrays without a name could be anybody's
    return named and (left.n_members, left.seeds) == (right.n_members, right.seeds)


def _called(predictions: Predictions) -> str:
    """The name of a model, quoted where its own comma would read as a list."""
    return f"'{predictions.name}'" if "," in predictions.name else predictions.name


def _place(predictions: Predictions) -> str:
    """``digits.test (contrast, severity 3)``."""
    data = predictions.data
    return f"{data.name or 'the data'} ({data.description})" if data.description else data.name or "the data"


def _same_cases(left: Predictions, right: Predictions) -> bool:
    if left.data is right.data or same_rows(left.data, right.data):
        return True
    return left.n_examples == right.n_examples and left.fingerprints()["data"] == right.fingerprints()["data"]


def _apart(left: Predictions, right: Predictions) -> bool:
    """Whether no case, and no cluster, is on both sides."""
    if _clustered(left) or _clustered(right):
        return False
    return apart(left.data, right.data, features=bool(left.models))


def _clustered(predictions: Predictions) -> bool:
    return predictions.cluster_codes is not None


def _exchanged(left: Predictions, right: Predictions) -> IntArray | None:
    """(examples,) the pairs of rows that exchanged values on one side of a comparison, where the other has none."""
    codes = [side.cluster_codes for side in (left, right) if side.data.cluster_name == EXCHANGED]
    return codes[0] if len(codes) == 1 and not (_clustered(left) and _clustered(right)) else None


def _require_one_metric(first: Estimate, second: Estimate, what: str) -> None:
    if (first.metric, first.of, first.settings) != (second.metric, second.of, second.settings):
        raise TypeError(
            f"a {what} compares one metric with itself, got {first.subject} {dict(first.settings)} and "
            f"{second.subject} {dict(second.settings)}"
        )


def _require_one_model(left: Predictions, right: Predictions, what: str) -> None:
    if one_model(left, right):
        return
    raise ValueError(
        f"a {what} compares two models on the same cases, or one model on two datasets: "
        f"{left.name} was judged on {left.title} ({left.n_examples:,} cases), "
        f"{right.name} on {right.title} ({right.n_examples:,} cases), and their contents differ"
    )


def _require_same_seeds(left: Predictions, right: Predictions) -> None:
    if left.retrained and right.retrained and left.n_members != right.n_members and left.seeds == right.seeds:
        raise ValueError(
            f"a paired difference needs as many members on both sides, or one trained model on one of them: "
            f"{left.name} has {left.n_members}, {right.name} has {right.n_members}"
        )
    if left.retrained and right.retrained and left.seeds != right.seeds:
        raise ValueError(
            f"a paired difference needs the same seeds: {left.name} has seeds={list(left.seeds)}, "
            f"{right.name} has seeds={list(right.seeds)}"
        )
