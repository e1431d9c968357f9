"""``reliance``: how much a model leans on named features, by changing them and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Dataset, metrics
from pytest_mlspec.requirements.contract import ContractError
from tests.requirements.kinds import contract, faults, judge
from tests.requirements.shifted import Reads, flips, splits


@pytest.mark.parametrize(
    ("column", "limit", "outcome"), [(0, 0.1, "violated"), (0, 0.3, "met"), (0, 0.2, "undecided"), (1, 0.1, "met")]
)
def test_what_changing_a_feature_costs(column: int, limit: float, outcome: str) -> None:
    """The model reads column 0 only: reversing it in 200 of 1,000 rows costs 0.2, reversing column 1 nothing."""
    clean, model = splits().test, Reads(0)
    changed = clean.perturb(flips(0.2, column=column), name="reversed")

    verdict = judge(
        contract("reliance", on=column, max_drop=limit),
        metrics.accuracy(model, clean) - metrics.accuracy(model, changed),
    )

    assert verdict.outcome == outcome
    assert verdict.value == pytest.approx(0.2 if column == 0 else 0.0)


def test_a_rise_of_an_error() -> None:
    clean, model = splits().test, Reads(0)
    changed = clean.perturb(flips(0.2), name="reversed")
    rise = metrics.failure_rate(model, changed, loss="zero_one", delta=0) - metrics.failure_rate(
        model, clean, loss="zero_one", delta=0
    )

    assert judge(contract("reliance", on=[0], max_rise=0.3), rise).outcome == "met"


def test_the_name_of_a_slice_column_stands_for_the_feature_that_it_repeats() -> None:
    clean = splits().test
    X = clean.X.copy()
    X[:, 1] += 2 * np.arange(len(X)) % 7
    data = Dataset(X, clean.y, columns={"cue": X[:, 1]}, name="street.test")
    model = Reads(0)
    changed = data.perturb(lambda X: X + [0, 1, 0], name="moved")

    verdict = judge(
        contract("reliance", on="cue", max_drop=0.01), metrics.accuracy(model, data) - metrics.accuracy(model, changed)
    )

    assert verdict.outcome == "met"


@pytest.mark.parametrize(
    ("arguments", "function", "why"),
    [
        ({"on": 1}, flips(0.2), r"the marker says on=\[1\], and 0 changed as well"),
        ({"on": 0}, flips(0.0), "changed nothing"),
        ({"on": 5}, flips(0.2), "expected positions from 0 to 2"),
        ({"on": "cue"}, flips(0.2), "cue"),
    ],
)
def test_another_change_than_the_marker_names_is_refused(arguments, function, why: str) -> None:
    clean, model = splits().test, Reads(0)
    drop = metrics.accuracy(model, clean) - metrics.accuracy(model, clean.perturb(function))

    with pytest.raises(ValueError, match=why):
        judge(contract("reliance", max_drop=0.3, **arguments), drop)


def test_what_is_no_change_of_features_is_refused() -> None:
    street, model = splits(), Reads(0)

    with pytest.raises(ContractError, match="max_drop bounds a difference between unchanged and changed features"):
        judge(contract("reliance", on=0, max_drop=0.1), metrics.accuracy(model, street.test))
    with pytest.raises(ContractError, match="greater is better for accuracy: max_rise cannot bound it, max_drop can"):
        judge(
            contract("reliance", on=0, max_rise=0.1),
            metrics.accuracy(model, street.test) - metrics.accuracy(model, street.test.perturb(flips(0.2))),
        )
    with pytest.raises(ContractError, match="max_share bounds coefficient_share or gradient_share"):
        judge(contract("reliance", on=0, max_share=0.1), metrics.accuracy(model, street.test))


def test_other_rows_are_refused() -> None:
    street, model = splits(), Reads(0)
    drop = metrics.accuracy(model, street.test) - metrics.accuracy(model, street.dark)

    with pytest.raises(ContractError, match="the same rows"):
        judge(contract("reliance", on=0, max_drop=0.1), drop)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"max_drop": 0.1}, "on= is missing"),
        ({"on": "cue"}, "no limit given, expected one of max_drop= | max_rise= | max_share="),
        ({"on": [], "max_drop": 0.1}, "expected the name or position of a feature"),
        ({"on": [1, 1], "max_drop": 0.1}, "expected distinct features"),
        ({"on": -1, "max_drop": 0.1}, "from 0 on"),
        ({"on": True, "max_drop": 0.1}, "expected the name or position"),
        ({"on": "cue", "max_share": 10}, "did you mean 0.1?"),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("reliance", **arguments)), faults("reliance", **arguments)
