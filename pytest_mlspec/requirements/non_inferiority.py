"""``non_inferiority``: a candidate is at most a margin worse than a baseline, or better by a superiority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import COMMON, Kind, Limit, Parameter, columns, non_negative, positive
from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict import Comparison

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate

WRITTEN = "candidate - baseline, as in metrics.accuracy(new, street.test) - metrics.accuracy(baseline, street.test)"


def mismatch(contract: Contract, measured: Measured) -> str:
    """The difference of a metric, or of its gap, between two models on the same cases, the baseline on the right."""
    if measured.form != "difference":
        return f"{contract.limit} bounds {WRITTEN}; not a {measured.form.replace('_', ' ')}"
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    if contract.by and contract.by != measured.by:
        compared = f"by={list(measured.by)}" if measured.by else "no gap"
        return f"the marker says by={list(contract.by)}, the body {compared}"
    return _wrong_sides(measured)


def _wrong_sides(measured: Measured) -> str:
    from pytest_mlspec.metrics.comparing import one_model
    from pytest_mlspec.predictions.recalled import baseline_of

    if len(measured.sides) != 2:
        return f"it compares two models; write {WRITTEN}"
    left, right = measured.sides
    if baseline_of(left) and baseline_of(right):
        return f"both sides come from a baseline, {left.name} and {right.name}: the left one is the candidate"
    if baseline_of(left):
        return f"the sides are swapped, {left.name} is the baseline; write {WRITTEN}"
    recorder = RECORDER.get()
    if recorder is not None and recorder.compares_with_baseline and not baseline_of(right):
        return f"the test takes `baseline`, and neither {left.name} nor {right.name} comes from it; write {WRITTEN}"
    if left.data is not right.data and left.fingerprints()["data"] != right.fingerprints()["data"]:
        return f"both models must see the same data, not {left.title} on the left and {right.title} on the right"
    if one_model(left, right):
        return f"both sides are {left.name}: it compares two models, which need names of their own, on the same cases"
    return ""


def oriented(contract: Contract, estimate: Estimate) -> tuple[Comparison, float]:
    """The comparison and the limit of ``candidate - baseline``, which follow the direction of the metric."""
    sign = -1 if contract.limit == "margin" else 1
    if estimate.greater_is_better:
        return ">=", sign * contract.threshold
    return "<=", -sign * contract.threshold


def notes(contract: Contract, estimate: Estimate) -> tuple[str, ...]:
    """Says where both models are one by what they say: such a comparison proves nothing about a new model."""
    left, right = estimate.sides
    said = [(side.probabilities, side.labels, side.values) for side in (left, right)]
    for one, other in zip(*said, strict=True):
        if (one is None) != (other is None) or (one is not None and not _equal(one, other)):
            return ()
    return (f"{left.name} and {right.name} say exactly the same about every case: is the baseline the candidate?",)


def _equal(one: object, other: object) -> bool:
    import numpy as np

    return bool(np.array_equal(one, other))  # type: ignore[arg-type]


KIND = Kind(
    name="non_inferiority",
    limits=(
        Limit(name="margin", comparison=">=", check=positive),
        Limit(name="superiority", comparison=">=", check=non_negative),
    ),
    parameters=(*COMMON, Parameter(name="by", check=columns)),
    mismatch=mismatch,
    oriented=oriented,
    notes=notes,
    gate=False,
)
