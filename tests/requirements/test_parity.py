"""``parity``: a limit on the gap or the ratio of any metric between groups."""

from __future__ import annotations

import pytest

from pytest_mlspec import metrics
from pytest_mlspec.requirements.contract import ContractError
from tests.requirements.kinds import contract, faults, groups, judge

FAIR, UNFAIR = groups(women=(900, 1000), men=(900, 1000)), groups(women=(218, 368), men=(363, 424))


def test_equal_opportunity_violated() -> None:
    verdict = judge(contract("parity", by="sex", max_gap=0.10), metrics.recall(UNFAIR).gap(by="sex"))

    assert (verdict.outcome, round(verdict.value, 3)) == ("violated", 0.264)
    assert verdict.details == ("women 0.592 (218/368), men 0.856 (363/424)",)


@pytest.mark.parametrize(("limit", "outcome"), [(0.05, "met"), (0.01, "undecided")])
def test_equal_groups(limit: float, outcome: str) -> None:
    assert judge(contract("parity", by="sex", max_gap=limit), metrics.recall(FAIR).gap(by="sex")).outcome == outcome


@pytest.mark.parametrize(("predictions", "outcome"), [(FAIR, "met"), (UNFAIR, "violated")])
def test_the_four_fifths_rule(predictions: object, outcome: str) -> None:
    """218/368 over 363/424 is 0.69."""
    ratio = metrics.selection_rate(predictions).ratio(by="sex")

    assert judge(contract("parity", by="sex", min_ratio=0.8), ratio).outcome == outcome


def test_other_groups_than_the_marker_names_are_an_error() -> None:
    with pytest.raises(ContractError, match=r"the marker says by=\['age'\], the body by=\['sex'\]"):
        judge(contract("parity", by="age", max_gap=0.1), metrics.recall(FAIR).gap(by="sex"))


def test_a_ratio_is_no_gap() -> None:
    with pytest.raises(ContractError, match="max_gap bounds a gap, not a ratio"):
        judge(contract("parity", by="sex", max_gap=0.1), metrics.recall(FAIR).ratio(by="sex"))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"max_gap": 0.1}, "by= is missing"),
        ({"by": "sex"}, "expected one of max_gap= | min_ratio="),
        ({"by": [], "max_gap": 0.1}, "expected the name of a column or a list of names"),
        ({"by": ["sex", "sex"], "max_gap": 0.1}, "expected distinct columns"),
        ({"by": "sex", "min_ratio": 80}, "did you mean 0.8?"),
        ({"by": "sex", "max_gap": 0.1, "min_ratio": 0.8}, "one limit per marker"),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("parity", **arguments))
