"""``Domain``: factors x levels, what a cell needs, and what is refused."""

from __future__ import annotations

import pytest

from pytest_mlspec import Domain

FACTORS = {"weather": ["clear", "snow"], "light": ["day", "night"]}


def test_cells_are_all_combinations_in_order() -> None:
    assert list(Domain(FACTORS)) == [
        {"weather": "clear", "light": "day"},
        {"weather": "clear", "light": "night"},
        {"weather": "snow", "light": "day"},
        {"weather": "snow", "light": "night"},
    ]


def test_cells_that_do_not_exist_are_left_out() -> None:
    domain = Domain(FACTORS, except_for=[("snow", "day")])

    assert len(domain) == 3
    assert {"weather": "snow", "light": "day"} not in list(domain)


def test_a_cell_may_have_a_limit_of_its_own() -> None:
    domain = Domain(FACTORS, limits={("snow", "night"): 0.8})

    assert [domain.limit(cell) for cell in domain] == [None, None, None, 0.8]


def test_what_was_given_does_not_change_a_domain() -> None:
    levels = ["clear", "snow"]
    domain = Domain({"weather": levels})
    levels.append("fog")

    assert len(domain) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"factors": {}}, TypeError, "a mapping from columns to levels"),
        ({"factors": ["weather"]}, TypeError, "a mapping from columns to levels"),
        ({"factors": {"weather": "clear"}}, TypeError, "expected a list of levels for 'weather'"),
        ({"factors": {"weather": []}}, ValueError, "at least one level of 'weather'"),
        ({"factors": {"weather": ["snow", "snow"]}}, ValueError, "each once"),
        ({"factors": FACTORS, "min_cases": 0}, ValueError, "min_cases=0"),
        ({"factors": FACTORS, "min_cases": True}, ValueError, "min_cases=True"),
        ({"factors": FACTORS, "limits": {("snow",): 0.8}}, ValueError, r"\('snow',\) is no cell of this domain"),
        ({"factors": FACTORS, "limits": {("snow", "night"): float("nan")}}, ValueError, "a finite number"),
        ({"factors": FACTORS, "except_for": [("fog", "day")]}, ValueError, "is no cell of this domain"),
        ({"factors": {"a": [1]}, "except_for": [(1,)]}, ValueError, "expected at least one cell"),
    ],
)
def test_what_is_no_domain(arguments: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Domain(**arguments)  # type: ignore[arg-type]
