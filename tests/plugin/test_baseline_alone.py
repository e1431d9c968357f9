"""A baseline is what a candidate is compared with: no gate passes on it alone, nor on two models in its place."""

from __future__ import annotations

import pytest

from tests.plugin.test_baselines import MODELS, saved, words, wrong

BOTH = (
    MODELS
    + """
@pytest.fixture(scope="session")
def old(baseline): return baseline["detector"]

def test_saved(detector, street):
    assert metrics.accuracy(detector, street) >= 0.01

"""
)
ALONE = {
    "satisficing(at_least=0.5)": "metrics.accuracy(baseline, street) >= requirement",
    "satisficing(max_failure_rate=0.5, delta=0.5)": "metrics.failure_rate(old, street, loss='zero_one') <= requirement",
    "satisficing(max_failures=2000, delta=0.5)": "metrics.failure_rate(old, street, loss='zero_one') <= requirement",
    "parity(by='light', max_gap=0.5)": "metrics.accuracy(baseline, street).gap(by='light') <= requirement",
    "seed_variance(max_std=0.5)": "metrics.accuracy(baseline, street).seed_std() <= requirement",
    "optimizing": "metrics.accuracy(baseline, street) >= requirement",
    "satisficing(at_least=-0.5)": (
        "metrics.accuracy(old, street.where(light='day')) - metrics.accuracy(old, street.where(light='night'))"
        " >= requirement"
    ),
}


@pytest.mark.parametrize("mark", ALONE)
def test_no_contract_is_judged_on_the_baseline_alone(suite, mark):
    """A gate that asks the old model by a slip of the pen would pass whatever the new one does."""
    wrong(suite, 100)
    mark_line = f"@pytest.mark.{mark}" + ("()" if mark == "optimizing" else "")
    body = (
        BOTH + f"{mark_line}\ndef test_gate(detector, old, street, baseline, requirement):\n    assert {ALONE[mark]}\n"
    )
    suite.run(body, "-k", "saved", "--mlspec-save=main")

    result = suite.again("-k", "gate", "--mlspec-baseline=main", "--mlspec-update", "--mlspec-json=out.json")

    assert words(result)["failed"] == 1
    result.stdout.fnmatch_lines(["*is about detector (baseline main), what an earlier run said*"])
    assert suite.document()["tally"]["not judged"] == 1


def test_a_label_is_not_satisfied_by_the_baseline_alone(suite):
    wrong(suite, 100)
    body = BOTH + "@pytest.mark.satisficing\ndef test_gate(detector, street, baseline):\n    "
    old, new = (f"assert metrics.accuracy({model}, street) >= 0.5\n" for model in ("baseline", "detector"))
    suite.run(body + old, "-k", "saved", "--mlspec-save=main")

    alone = suite.again("-k", "gate", "--mlspec-baseline=main", "--mlspec-json=out.json")
    assert words(alone)["failed"] == 1
    alone.stdout.fnmatch_lines(["*marked satisficing and judged no estimate of a model of this run*"])
    assert suite.document()["tally"] | {"met": 1, "not judged": 1} == suite.document()["tally"]

    both = suite.run(f"{body}{old}    {new}", "-k", "gate", "--mlspec-baseline=main")
    assert words(both)["passed"] == 1


COMPARED = (
    BOTH
    + """
@mlspec.ensemble(seeds=3)
def other(seed):
    return Model(900 + seed)

@pytest.mark.non_inferiority(margin=0.02)
def test_gate(detector, other, street, OLD, requirement):
    assert metrics.accuracy(detector, street) - metrics.accuracy(other, street) >= requirement
"""
)


@pytest.mark.parametrize("old", ["baseline", "old"])
def test_two_models_of_this_run_are_no_comparison_with_the_baseline_that_the_test_takes(suite, old):
    wrong(suite, 100)
    suite.run(COMPARED.replace("OLD", old), "-k", "saved", "--mlspec-save=main")

    result = suite.again("-k", "gate", "--mlspec-baseline=main")

    assert words(result)["failed"] == 1
    result.stdout.fnmatch_lines(["*the test takes `baseline`, and neither detector nor other comes from it*"])


@pytest.mark.parametrize("own", ["", "@pytest.fixture\ndef baseline(other): return other\n"])
def test_where_the_test_takes_no_baseline_of_ours_any_two_models_are_compared(suite, own):
    wrong(suite, 100)
    body = COMPARED.replace('def old(baseline): return baseline["detector"]', "def old(): return 0")

    result = suite.run(body.replace("OLD", "baseline" if own else "old") + own, "-k", "gate")

    assert words(result)["passed"] == 1


CASES = """
import pytest_mlspec as mlspec

@mlspec.dataset
def street():
    return mlspec.Dataset(np.arange(2000.0)[:, None], np.ones(2000, int), classes=[0, 1], positive=1)

class Model:
    def __init__(self, wrong): self.wrong = wrong
    def predict(self, rows): return np.where(rows[:, 0] < self.wrong, 0, 1)

@mlspec.ensemble(seeds=3, params=[(0, 100), (0, 200)]IDS)
def detector(seed, request):
    return Model(request.param[1] + seed + open("wrong").read().count("x"))

@pytest.mark.non_inferiority(margin=0.02)
def test_case(detector, street, baseline, requirement):
    assert metrics.accuracy(detector, street) - metrics.accuracy(baseline[detector.name], street) >= requirement
"""


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        ("", ["detector[0]", "detector[1]"]),
        (", ids=['small', None]", ["detector[1]", "detector[small]"]),
        (", ids=lambda pair: f'w{pair[1]}'", ["detector[w100]", "detector[w200]"]),
    ],
)
def test_each_case_of_a_parametrized_ensemble_has_its_own_baseline(suite, ids, names):
    wrong(suite, 0)
    first = suite.run(CASES.replace("IDS", ids), "--mlspec-save=main")
    assert sorted(entry["model"] for entry in saved(suite)["entries"]) == names
    first.stdout.fnmatch_lines(["baseline main saved: 2 models on 1 dataset"])

    assert words(suite.again("--mlspec-baseline=main"))["passed"] == 2
    wrong(suite, 300)
    assert words(suite.again("--mlspec-baseline=main"))["failed"] == 2


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ("metrics.accuracy(baseline, street) - metrics.accuracy(detector, street) >= -0.01", "failed"),
        ("metrics.accuracy(baseline, street) - metrics.accuracy(detector, street) <= 0.01", "passed"),
        ("metrics.accuracy(detector, street) - metrics.accuracy(baseline, street) >= -0.01", "passed"),
    ],
)
def test_swapped_sides_of_a_literal_are_refused_where_any_worse_model_would_pass(suite, asked, outcome):
    wrong(suite, 100)
    suite.run(
        f"{BOTH}def test_gate(detector, street, baseline):\n    assert {asked}\n", "-k", "saved", "--mlspec-save=main"
    )

    result = suite.again("-k", "gate", "--mlspec-baseline=main")

    assert words(result)[outcome] == 1
    if outcome == "failed":
        result.stdout.fnmatch_lines(["*the sides are swapped: the worse detector, the better it meets this*"])
