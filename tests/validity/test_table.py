"""The table itself can fail: a bound that errs too often is caught, one that errs by chance is not."""

from __future__ import annotations

import pytest

from tests.validity import table


def test_an_error_rate_within_monte_carlo_noise_is_accepted() -> None:
    table.record("toy", "within", "at the limit", "false met", errors=55, runs=1000, limit=0.05)

    assert table.ROWS[-1].rate == 0.055
    # 0.05 + 3 sqrt(0.05 * 0.95 / 1000)
    assert table.ROWS[-1].allowed == pytest.approx(0.0706762, abs=1e-6)
    table.ROWS.clear()


def test_an_error_rate_above_the_limit_fails_and_names_the_case() -> None:
    with pytest.raises(AssertionError, match=r"toy: false met at rate 0.09 on above \(at the limit\), limit 0.05"):
        table.record("toy", "above", "at the limit", "false met", errors=90, runs=1000, limit=0.05)
    table.ROWS.clear()


def test_an_enumerated_probability_gets_no_monte_carlo_allowance() -> None:
    with pytest.raises(AssertionError, match="all outcomes"):
        table.record_exact("toy", "above", "at the limit", "false violated", rate=0.0501, limit=0.05)
    table.ROWS.clear()


def test_a_case_outside_the_domain_is_shown_and_held_to_nothing() -> None:
    table.report_only("toy", "outside", "at the limit", "false met", errors=900, runs=1000, limit=0.05)
    lines = table.render(table.ROWS)
    table.ROWS.clear()

    assert lines[1].split("  ")[0] == "toy"
    assert lines[1].endswith("outside domain")
    assert "0.9" in lines[1]


def test_the_worst_case_of_each_side_stands_for_a_bound() -> None:
    table.record("toy", "one", "limit", "false met", errors=30, runs=1000, limit=0.05)
    table.record("toy", "two", "limit", "false met", errors=40, runs=1000, limit=0.05)
    table.record("toy", "two", "level 0.01", "false met", errors=9, runs=1000, limit=0.01)
    table.report_only("toy", "outside", "limit", "false violated", errors=900, runs=1000, limit=0.05)
    lines = table.render_worst(table.ROWS)
    table.ROWS.clear()

    assert lines[2:] == ["| toy | 0.05 | 2 | 0.040 | - |"]
