"""Markers of growing data: looks, spending and anytime, from collection to the message, also on several workers."""

from __future__ import annotations

import pytest

AT_LOOKS = """
def spread(hits, n):
    labels = np.diff(np.floor(np.arange(n + 1) * hits / n)).astype(int)
    return Predictions(y=np.ones(n, int), labels=labels, classes=[0, 1], positive=1, name="model")

@pytest.mark.satisficing(at_least=0.9, {terms})
def test_it(requirement):
    assert metrics.recall(spread({hits}, {n})) >= requirement
"""


def verdict(suite, terms, hits, n):
    suite.run(AT_LOOKS.format(terms=terms, hits=hits, n=n), "--mlspec-json=out.json")
    (found,) = suite.document()["requirements"]
    return found


def test_looks_spending_and_anytime_move_the_outcome(suite):
    """918 of 1000 meet 0.9 if nothing else is asked."""
    assert verdict(suite, "confidence=0.95", 918, 1000)["verdict"] == "met"
    assert verdict(suite, "looks=[1000]", 918, 1000)["verdict"] == "met"
    assert verdict(suite, "looks=[1000, 2000]", 918, 1000)["verdict"] == "undecided"
    assert verdict(suite, "looks=[1000, 2000], spending='pocock'", 922, 1000)["verdict"] == "met"
    assert verdict(suite, "looks=[1000, 2000]", 922, 1000)["verdict"] == "undecided"
    assert verdict(suite, "anytime=True", 918, 1000)["verdict"] == "undecided"
    assert verdict(suite, "anytime=True", 940, 1000)["verdict"] == "met"


def test_the_message_names_the_look_its_level_and_the_next_one(suite):
    result = suite.run(AT_LOOKS.format(terms="looks=[400, 800, 1200, 1600, 2000], id='GROW-1'", hits=915, n=1000))

    result.stdout.fnmatch_lines(
        [
            "*UNDECIDED GROW-1: recall >= 0.90*",
            "*measured 0.915, one-sided 95% bounds [[]0.883, 0.941[]], n=800 positives*",
            "*look 2 of 5 (800 of 2,000 examples; 200 more wait for the next look), level 0.0019 of 0.05 (O'Brien-Fl*",
            "*next look at 1,200 examples, 200 to go; until then this verdict stays*",
        ]
    )


def test_before_the_first_look_the_test_fails_and_says_when_it_is(suite):
    result = suite.run(AT_LOOKS.format(terms="looks=[500, 1000]", hits=320, n=320))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UNDECIDED recall >= 0.90*", "*first look at 500 examples, 320 so far*"])


def test_the_first_cases_are_recorded_for_later_runs(suite):
    before = verdict(suite, "looks=[500, 1000]", 700, 700)["fingerprints"]
    after = verdict(suite, "looks=[500, 1000]", 1200, 1200)["fingerprints"]

    assert set(after) - set(before) == {"first 1,000 examples"}
    assert after["first 500 examples"] == before["first 500 examples"]
    assert after["data"] != before["data"]


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("satisficing(at_least=0.9, looks=[1000, 500])", "looks=[1000, 500]: expected increasing numbers of examples"),
        ("satisficing(at_least=0.9, looks=[])", "looks=[]: expected increasing numbers of examples"),
        ("satisficing(at_least=0.9, looks=[500], anytime=True)", "looks= or anytime=True, not both"),
        ("satisficing(at_least=0.9, spending='even')", "spending='even' says how looks= spend the level"),
        ("satisficing(at_least=0.9, looks=[500], spending='linear')", "spending='linear': expected one of"),
        ("satisficing(max_failures=0, looks=[500])", "max_failures counts the listed cases and infers nothing"),
        ("satisficing(max_failures=0, anytime=True)", "max_failures counts the listed cases and infers nothing"),
        ("seed_variance(max_std=0.1, looks=[500])", "looks"),
    ],
)
def test_bad_terms_are_told_at_collection(suite, marker, words):
    result = suite.run(f"@pytest.mark.{marker}\ndef test_it(requirement):\n    assert 'ran' == 'the body'")
    told = result.stdout.str() + result.stderr.str()

    assert result.ret != 0
    assert words in told
    assert "the body" not in told


def test_looks_on_several_workers(suite):
    """Terms, verdicts and hashes are builtin types that cross to the controller."""
    body = AT_LOOKS.format(terms="looks=[400, 800], id='GROW-1'", hits=790, n=800)
    again = body.replace("test_it", "test_again").replace("looks=[400, 800], id='GROW-1'", "anytime=True, id='GROW-2'")

    suite.run(body + again, "-p", "xdist", "-n", "2", "--mlspec-json=out.json", subprocess=True)

    rows = {row["id"]: row for row in suite.document()["requirements"]}
    assert {name: row["verdict"] for name, row in rows.items()} == {"GROW-1": "met", "GROW-2": "met"}
    assert rows["GROW-1"]["method"] == "Clopper-Pearson at declared looks"
    assert rows["GROW-2"]["method"] == "anytime-valid rate"
    assert "first 800 examples" in rows["GROW-1"]["fingerprints"]
