"""Differences of gaps: their value by hand, what pairing gains, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Predictions, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.verdict import Terms

SEX = np.repeat(["w", "m"], 500)
Y = np.ones(1000, dtype=int)


def said(name: str, women: int, men: int, **given: object) -> Predictions:
    """A model that finds the first so many of 500 women and of 500 men."""
    labels = np.repeat([1, 0, 1, 0], [women, 500 - women, men, 500 - men])
    return Predictions(y=Y, labels=labels, classes=[0, 1], positive=1, name=name, columns={"sex": SEX}, **given)  # type: ignore[arg-type]


def gap(predictions: Predictions) -> Estimate:
    return metrics.recall(predictions).gap(by="sex")


def test_the_value_is_gap_minus_gap_whichever_group_is_ahead() -> None:
    """0.10 (men ahead) minus 0.04 (women ahead)."""
    difference = gap(said("new", 400, 450)) - gap(said("old", 450, 430))

    assert difference.value == pytest.approx(0.06)
    assert difference.subject == "difference in gap in recall by sex, new minus old"
    assert not difference.greater_is_better
    assert [one.name for one in difference.sides] == ["new", "old"]


def test_agreement_of_the_models_narrows_the_bounds() -> None:
    """The gaps alone have an error of some 4 % each; the models disagree on 5 of 1000 cases."""
    new, old = gap(said("new", 400, 455)), gap(said("old", 400, 450))
    difference = new - old
    of_gaps = new.high(confidence=0.975) - old.low(confidence=0.975)

    assert difference.high() < 0.035 < 0.08 < of_gaps
    assert difference.low() <= 0.01 <= difference.high()


def test_a_gap_that_closes_is_seen_although_its_pair_cannot_be_told() -> None:
    """0.40 with the old model, 0 with the new one: the bounds of the two gaps say more than pairs of groups."""
    assert (gap(said("new", 400, 400)) - gap(said("old", 300, 500))).high() < -0.2


def test_swapped_sides_mirror_the_bounds() -> None:
    one, other = said("one", 400, 450), said("other", 430, 440)
    forth, back = gap(one) - gap(other), gap(other) - gap(one)

    assert forth.low() == pytest.approx(-back.high())
    assert forth.high() == pytest.approx(-back.low())


def test_clusters_are_never_treated_as_rows() -> None:
    """Ten rows per patient, all alike: the bounds must be wider than those of independent rows."""
    patients = np.repeat(np.arange(100), 10)
    alike = [gap(said(name, 400, men, clusters=patients)) for name, men in (("new", 470), ("old", 440))]
    rows = [gap(said(name, 400, men)) for name, men in (("new", 470), ("old", 440))]

    assert (alike[0] - alike[1]).high() > (rows[0] - rows[1]).high()


def test_gaps_of_a_mean_loss_and_of_a_calibration_error_are_bounded_too() -> None:
    rng = np.random.default_rng(0)
    truth, group = rng.random(400), np.tile(["a", "b"], 200)
    new, old = (
        Predictions(y=truth, values=truth + 0.1 * shift, columns={"g": group}, name=name)
        for name, shift in (("new", 1), ("old", 1.05))
    )
    errors = [metrics.mae(one).gap(by="g") for one in (new, old)]
    found = (errors[0] - errors[1]).evidence.bounds(0.05, Terms(max_loss=1.0))

    assert np.isfinite([found.low, found.high]).all()
    assert found.method.bound_class == "exact"


def test_an_empty_group_decides_nothing() -> None:
    y = np.repeat([1, 0], [500, 500])  # no man is positive
    new, old = (
        Predictions(y=y, labels=y, classes=[0, 1], positive=1, columns={"sex": SEX}, name=name) for name in ("n", "o")
    )
    verdict = (gap(new) - gap(old)).judged("<=", 0.5, Terms())

    assert verdict.outcome == "undecided"


@pytest.mark.parametrize("form", ["ratio", "worst"])
def test_other_folds_are_refused_by_name(form: str) -> None:
    one, other = (getattr(metrics.recall(said(name, 400, 450)), form)(by="sex") for name in ("one", "other"))
    with pytest.raises(TypeError, match=f"- is not defined on a {form}"):
        one - other


def test_a_gap_and_a_level_have_no_difference() -> None:
    with pytest.raises(TypeError, match="- is not defined on a gap"):
        gap(said("new", 400, 450)) - metrics.recall(said("old", 400, 450))


def test_gaps_over_other_groups_have_no_difference() -> None:
    columns = {"sex": SEX, "age": np.tile(["young", "old"], 500)}
    one, other = (
        metrics.recall(Predictions(y=Y, labels=Y, classes=[0, 1], positive=1, columns=columns, name=name))
        for name in ("one", "other")
    )
    with pytest.raises(TypeError, match=r"needs the same groups, got by=\['sex'\] and \['age'\]"):
        one.gap(by="sex") - other.gap(by="age")


def test_other_cases_have_no_difference_of_gaps() -> None:
    other = Predictions(y=Y[:500], labels=Y[:500], classes=[0, 1], positive=1, columns={"sex": SEX[250:750]}, name="o")
    with pytest.raises(ValueError, match="compares two models on the same cases"):
        gap(said("new", 400, 450)) - gap(other)
