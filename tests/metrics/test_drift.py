"""Distances between two datasets: what they measure, what they answer, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.generators.shifts import shifted_pair
from pytest_mlspec.metrics.drift import category_distance, domain_distance, ks_distance
from pytest_mlspec.verdict import Outcome


def drawn(n: int, seed: int, *, shift: float = 0.0, night: float = 0.1, name: str = "") -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1.0, size=(n, 3))
    light = np.where(rng.random(n) < night, "night", "day")
    speed = x[:, 0] * 10
    label = (x[:, 1] > 0).astype(int)
    return Dataset(x, label, columns={"light": light, "speed": speed, "gear": rng.integers(1, 6, n)}, name=name)


@pytest.fixture(scope="module")
def day() -> Dataset:
    return drawn(4000, 1, name="day")


@pytest.fixture(scope="module")
def again() -> Dataset:
    return drawn(4000, 2, name="again")


@pytest.fixture(scope="module")
def dusk() -> Dataset:
    return drawn(4000, 3, shift=1.0, night=0.5, name="dusk")


def test_a_distance_of_a_column_is_near_the_truth_and_decided_both_ways(day: Dataset, dusk: Dataset) -> None:
    distance = ks_distance(day, dusk, "speed")

    truth = 2 * ndtr(0.5) - 1  # two normal laws one standard deviation apart
    assert distance.value == pytest.approx(truth, abs=0.03)
    assert distance.low() < truth < distance.high()
    assert (distance <= 0.45).outcome is Outcome.MET
    assert (distance <= 0.30).outcome is Outcome.VIOLATED


def test_equal_laws_meet_a_limit_on_their_distance(day: Dataset, again: Dataset) -> None:
    assert (ks_distance(day, again, "speed") <= 0.1).outcome is Outcome.MET
    assert (ks_distance(day, again, 2) <= 0.1).outcome is Outcome.MET
    assert (ks_distance(day, again, "gear") <= 0.1).outcome is Outcome.MET
    assert (category_distance(day, again, "light") <= 0.1).outcome is Outcome.MET
    assert (category_distance(day, again, "label") <= 0.1).outcome is Outcome.MET


def test_few_rows_are_undecided_and_say_how_many_would_do() -> None:
    few = ks_distance(drawn(60, 4, name="few"), drawn(60, 5, name="others"), "speed") <= 0.2

    assert few.outcome is Outcome.UNDECIDED
    assert "rows in both would decide it" in " ".join(few.lines())


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_handful_of_rows_never_meets_anything(n: int) -> None:
    one, other = drawn(n, 6, name="one"), drawn(n, 7, name="other")

    for distance in (
        ks_distance(one, other, "speed"),
        category_distance(one, other, "light"),
        domain_distance(one, other),
    ):
        assert (distance <= 0.5).outcome is Outcome.UNDECIDED
        assert (distance >= 0.1).outcome is Outcome.UNDECIDED


def test_the_message_names_both_datasets_and_the_widest_point(day: Dataset, dusk: Dataset) -> None:
    text = "\n".join((ks_distance(day, dusk, "speed") <= 0.1).lines())

    assert text.startswith("VIOLATED ks distance of speed, day against dusk <= 0.10")
    assert "n=8,000 rows in both" in text
    assert "widest at" in text
    assert "of day, " in text


def test_categories_are_compared_by_total_variation(day: Dataset, dusk: Dataset) -> None:
    distance = category_distance(day, dusk, "light")

    assert distance.value == pytest.approx(0.4, abs=0.03)  # nights .1 and .5
    assert distance.low() < 0.4 < distance.high()
    assert (distance <= 0.3).outcome is Outcome.VIOLATED
    assert (distance <= 0.5).outcome is Outcome.MET
    assert "night 0.1" in (distance <= 0.3).details[0]


def test_a_category_that_only_one_dataset_has_counts() -> None:
    one = Dataset(np.zeros((400, 1)), columns={"kind": ["a"] * 400})
    other = Dataset(np.ones((400, 1)), columns={"kind": ["a"] * 200 + ["new"] * 200})

    distance = category_distance(one, other, "kind")

    assert distance.value == pytest.approx(0.5)
    assert distance.low() > 0.35
    assert "source against target" in distance.subject


def test_a_classifier_bounds_the_distance_from_below_only(day: Dataset, dusk: Dataset) -> None:
    distance = domain_distance(day, dusk)

    truth = 2 * ndtr(np.sqrt(3) / 2) - 1  # three columns, each one standard deviation apart
    assert distance.value == pytest.approx(truth, abs=0.06)
    assert 0.4 < distance.low() < truth
    assert distance.high() == np.inf
    assert (distance <= 0.4).outcome is Outcome.VIOLATED
    assert (distance >= 0.4).outcome is Outcome.MET


def test_no_shift_seen_is_undecided_and_says_why(day: Dataset, again: Dataset) -> None:
    verdict = domain_distance(day, again) <= 0.9

    assert verdict.outcome is Outcome.UNDECIDED
    assert "never that it is small" in " ".join(verdict.advice)


def test_what_the_classifier_cannot_see_is_not_found_and_another_one_finds_it() -> None:
    # Equal means, other spread: no linear rule tells them apart.
    rng = np.random.default_rng(8)
    narrow = Dataset(rng.normal(size=(3000, 2)), name="narrow")
    wide = Dataset(rng.normal(0, 2, size=(3000, 2)), name="wide")

    assert domain_distance(narrow, wide, classifier=LogisticRegression()).low() < 0.05
    assert domain_distance(narrow, wide, classifier=RidgeClassifier()).low() < 0.05  # has labels alone
    assert domain_distance(narrow, wide).low() > 0.25


def test_the_seed_draws_other_halves_and_one_seed_the_same(day: Dataset, dusk: Dataset) -> None:
    first, second = (domain_distance(day, dusk, seed=seed, classifier=LogisticRegression()) for seed in (0, 1))
    repeated = domain_distance(day, dusk, seed=0, classifier=LogisticRegression())

    assert first.value != second.value
    assert (first.value, first.low()) == (repeated.value, repeated.low())


def test_frames_with_text_are_told_apart_by_their_columns() -> None:
    rng = np.random.default_rng(9)

    def frame(name: str, cat: float) -> Dataset:
        kind = np.where(rng.random(1000) < cat, "cat", "dog")
        return Dataset(pd.DataFrame({"size": rng.normal(size=1000), "kind": kind}), name=name)

    assert domain_distance(frame("one", 0.5), frame("two", 0.9)).low() > 0.2


def test_the_record_depends_on_both_datasets(day: Dataset, again: Dataset, dusk: Dataset) -> None:
    marks = {
        estimate.predictions.fingerprints()["data"]
        for estimate in (
            ks_distance(day, dusk, "speed"),
            ks_distance(again, dusk, "speed"),
            ks_distance(day, again, "speed"),
            domain_distance(day, dusk, classifier=LogisticRegression()),
            domain_distance(day, again, classifier=LogisticRegression()),
        )
    }

    assert len(marks) == 5


def test_clustered_rows_are_undecided() -> None:
    rng = np.random.default_rng(10)
    one = Dataset(rng.normal(size=(400, 1)), columns={"patient": np.arange(400) // 10}, clusters="patient")
    other = Dataset(rng.normal(size=(400, 1)))

    verdict = ks_distance(one, other, 0) <= 0.9

    assert verdict.outcome is Outcome.UNDECIDED
    assert "clustered by patient" in " ".join(verdict.advice)
    assert (domain_distance(one, other, classifier=LogisticRegression()) >= 0.01).outcome is Outcome.UNDECIDED


def test_a_distance_has_no_groups_and_no_difference_in_seeds(day: Dataset, dusk: Dataset) -> None:
    with pytest.raises(TypeError, match="slice both"):
        ks_distance(day, dusk, "speed").gap(by="dataset")


@pytest.mark.parametrize("measure", [lambda a, b: ks_distance(a, b, "speed"), domain_distance])
def test_common_rows_are_refused(day: Dataset, measure: object) -> None:
    split = day.split(test=0.5, seed=0)
    blurred = split.test.perturb(lambda X: X + 1.0)
    anew = Dataset(day.X.copy(), day.y, columns=dict(day.columns), name="day")

    for other in (day, split.test, blurred, anew):
        with pytest.raises(ValueError, match="without a common row"):
            measure(day, other)  # type: ignore[operator]
    assert measure(split.train, split.test).value < 0.2  # type: ignore[operator]


def test_common_ids_are_refused() -> None:
    one = Dataset([[0.0], [1.0]], ids=["a", "b"])
    other = Dataset([[2.0], [3.0]], ids=["b", "c"])

    with pytest.raises(ValueError, match="1 of the 2 rows"):
        ks_distance(one, other, 0)


@pytest.mark.parametrize(
    ("problem", "error", "message"),
    [
        (lambda a, b: ks_distance(a, b, "sped"), ValueError, "did you mean 'speed'"),
        (lambda a, b: ks_distance(a, b, "light"), TypeError, "did you mean category_distance"),
        (lambda a, b: ks_distance(a, b, 3), ValueError, "position from 0 to 2"),
        (lambda a, b: ks_distance(a, b, True), TypeError, "column=True"),
        (lambda a, b: ks_distance(a, b, 1.0), TypeError, r"column=1\.0"),
        (lambda a, b: category_distance(a, b, "speed"), TypeError, "did you mean ks_distance"),
        (lambda a, b: category_distance(a, b, "lihgt"), ValueError, "did you mean 'light'"),
        (lambda a, b: ks_distance(a, Dataset([[1.0]]), "speed"), ValueError, "unknown column 'speed' of the data"),
        (lambda a, b: ks_distance(a, Dataset([[np.nan]]), 0), ValueError, "1 of 1 rows of the data have none"),
        (lambda a, b: ks_distance(a, Dataset([[np.inf]]), 0), ValueError, "expected finite numbers"),
        (lambda a, b: ks_distance(a, Dataset([[[1.0]]]), 0), TypeError, "name a column"),
        (
            lambda a, b: category_distance(a, Dataset([[1]], columns={"light": [1]}), "light"),
            TypeError,
            "same kind of entries",
        ),
        (lambda a, b: domain_distance(a, Dataset([[1.0]] * 9)), ValueError, "expected the same features"),
        (lambda a, b: domain_distance(a, b, classifier=LogisticRegression), TypeError, "an untrained classifier"),
        (lambda a, b: domain_distance(a, b, classifier="tree"), TypeError, "classifier='tree'"),
        (lambda a, b: domain_distance(a, b, seed=-1), ValueError, "non-negative"),
    ],
)
def test_bad_input_is_answered(
    day: Dataset, again: Dataset, problem: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        problem(day, again)  # type: ignore[operator]


def test_a_classifier_sees_a_covariate_shift_and_no_concept_shift() -> None:
    covariate, concept = (shifted_pair(kind, n=3000, seed=4) for kind in ("covariate", "concept"))

    # p(x) is the same before and after a concept shift: the features hold nothing to see
    assert domain_distance(covariate.test, covariate.target).low() > 0.2
    assert domain_distance(concept.test, concept.target).value < 0.08
