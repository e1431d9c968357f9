"""Property-based tests with requirements: session fixtures beside `@given`, one row per contract, a small example."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("hypothesis", reason="an extra")

PLUGIN = ("-p", "hypothesispytest", "-p", "no:cacheprovider")
SUITE = """
import pytest_mlspec as mlspec
from hypothesis import given, settings, strategies as st
from pytest_mlspec import strategies

@mlspec.dataset
def street():
    X = np.random.default_rng(0).normal(size=(300, 4))
    return mlspec.Dataset(X, (X[:, 0] > 0).astype(int)).split(test=0.5, seed=0)

@mlspec.ensemble(seeds=2, output="labels", classes=[0, 1])
def model(seed, street):
    # Decides by the first column alone; members differ where nobody looks.
    return lambda X: (X[:, 0] > (0.0 if len(X) < 1000 else seed)).astype(int)

SEARCH = settings(max_examples=100, deadline=None, database=None, derandomize=True)
"""
KEPT = """
@SEARCH
@pytest.mark.satisficing(max_failures=0, id="ROB-1")
@given(drawn=st.data())
def test_kept(model, street, requirement, drawn):
    edit = drawn.draw(strategies.perturbed(street.test, eps=0.05, columns=[1, 2, 3]))
    assert metrics.flip_rate(model, edit.before, edit.after) <= requirement
"""
FLIPPED = """
@SEARCH
@pytest.mark.satisficing(max_failures=0, id="ROB-2")
@given(drawn=st.data())
def test_flipped(model, street, requirement, drawn):
    edit = drawn.draw(strategies.perturbed(street.test, eps=0.5))
    assert metrics.flip_rate(model, edit.before, edit.after) <= requirement
"""
OWN_ASSERTION = """
@SEARCH
@given(drawn=st.data())
def test_own(model, street, drawn):
    edit = drawn.draw(strategies.perturbed(street.test, eps=0.5))
    for member in model.members:
        assert member(edit.before.X)[0] == member(edit.after.X)[0]
"""


def test_a_contract_of_a_search_is_one_row_that_says_how_many_examples_it_tried(suite):
    result = suite.run(SUITE + KEPT, *PLUGIN, "--mlspec-json=out.json", subprocess=True)
    (row,) = suite.document()["requirements"]

    assert result.parseoutcomes() == {"passed": 1}
    assert (row["id"], row["verdict"], row["judgements"], row["searched"]) == ("ROB-1", "met", 100, 100)
    assert row["message"][-1] == "searched 100 examples by Hypothesis: a search, not a proof"


def test_fewer_examples_are_told_as_fewer(suite):
    suite.run(
        SUITE + KEPT.replace("@SEARCH", "@settings(SEARCH, max_examples=20)"),
        *PLUGIN,
        "--mlspec-json=out.json",
        subprocess=True,
    )
    (row,) = suite.document()["requirements"]

    assert row["message"][-1] == "searched 20 examples by Hypothesis: a search, not a proof"


def test_a_counterexample_is_one_row_that_is_violated_and_claims_no_search(suite):
    result = suite.run(SUITE + FLIPPED, *PLUGIN, "--mlspec-json=out.json", subprocess=True)
    (row,) = suite.document()["requirements"]

    assert result.parseoutcomes()["failed"] == 1
    assert (row["id"], row["verdict"]) == ("ROB-2", "violated")
    assert not any("searched" in line for line in row["message"])
    # Hypothesis runs the shrunken example last, and of equally bad judgements the last one is kept.
    (drawn,) = [line for line in result.outlines if "Draw 1: " in line]
    assert row["slice"].count("column") == 1
    assert row["slice"].partition(", ")[2] in drawn


@pytest.mark.parametrize(("body", "name"), [(FLIPPED, "test_flipped"), (OWN_ASSERTION, "test_own")])
def test_the_failing_example_shrinks_to_one_column_and_says_what_became_what(suite, body, name):
    result = suite.run(SUITE + body, *PLUGIN, subprocess=True)

    (drawn,) = [line for line in result.outlines if "Draw 1: " in line]
    assert re.search(r"Edit\(row [01] of street\.test: column 0: -?[.\d]+ -> -?[.\d]+\)$", drawn.strip("| E"))
    assert f"FAILED test_it.py::{name}" in result.stdout.str()


def test_counterfactual_edits_find_the_group_that_is_treated_differently(suite):
    result = suite.run(
        SUITE
        + """
pandas = pytest.importorskip("pandas")

@mlspec.dataset
def loans():
    frame = pandas.DataFrame({"income": np.arange(40.0), "sex": ["male", "female"] * 20})
    return mlspec.Dataset(frame, [0, 1] * 20, name="loans")

@SEARCH
@pytest.mark.satisficing(max_failures=0, id="FAIR-2")
@given(drawn=st.data())
def test_sex_does_not_matter(loans, requirement, drawn):
    def unfair(X):
        return ((X["income"] > 10) & (X["sex"] == "male")).to_numpy().astype(int)

    edit = drawn.draw(strategies.edits(loans, "sex"))
    unfair_model = mlspec.Ensemble.of(unfair, output="labels", classes=[0, 1])
    assert metrics.flip_rate(unfair_model, edit.before, edit.after) <= requirement
""",
        *PLUGIN,
        subprocess=True,
    )

    assert result.parseoutcomes()["failed"] == 1
    (drawn,) = [line for line in result.outlines if "Draw 1: " in line]
    assert drawn.strip("| E").endswith("Edit(row 11 of loans: sex: 'female' -> 'male')")


def test_a_literal_of_a_search_is_one_row_too(suite):
    body = KEPT.replace('@pytest.mark.satisficing(max_failures=0, id="ROB-1")\n', "").replace("requirement, ", "")
    suite.run(SUITE + body.replace("<= requirement", "<= 0.99"), *PLUGIN, "--mlspec-json=out.json", subprocess=True)
    (row,) = suite.document()["requirements"]

    assert row["message"][-1] == "searched 100 examples by Hypothesis: a search, not a proof"


def test_data_and_models_are_printed_in_a_line_each(suite):
    result = suite.run(SUITE + OWN_ASSERTION, *PLUGIN, subprocess=True)

    assert result.parseoutcomes()["failed"] == 1
    assert len(result.outlines) < 120
    result.stdout.no_fnmatch_line("*Generating overly large repr*")
