"""``stress``: a limit where the data are shifted, or on how much worse it is there; what is not a stress is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Dataset, Domain, Ensemble, metrics
from pytest_mlspec.requirements.contract import ContractError
from tests.requirements.kinds import contract, faults, judge
from tests.requirements.shifted import Reads, flips, splits

MODEL = Reads()


@pytest.mark.parametrize(("limit", "outcome"), [(0.7, "met"), (0.75, "undecided"), (0.9, "violated")])
def test_a_level_under_a_perturbation(limit: float, outcome: str) -> None:
    street = splits()

    verdict = judge(
        contract("stress", shift="corruption", at_least=limit),
        metrics.accuracy(MODEL, street.test.perturb(flips(0.25), name="fog")),
    )

    assert (verdict.outcome, verdict.value, verdict.slice) == (outcome, 0.75, "fog")


def test_a_level_on_named_shifted_data() -> None:
    verdict = judge(contract("stress", shift="domain", at_least=0.9), metrics.accuracy(MODEL, splits().dark))

    assert (verdict.outcome, verdict.value, verdict.dataset) == ("violated", 0.5, "street.dark")


@pytest.mark.parametrize(("limit", "outcome"), [(0.15, "met"), (0.1, "undecided"), (0.05, "violated")])
def test_a_drop_between_paired_rows(limit: float, outcome: str) -> None:
    """100 of 1,000 cases are lost and none won."""
    clean = splits().test
    drop = metrics.accuracy(MODEL, clean) - metrics.accuracy(MODEL, clean.perturb(flips(0.1), name="fog"))

    verdict = judge(contract("stress", shift="corruption", max_drop=limit), drop)

    assert (verdict.outcome, round(verdict.value, 6)) == (outcome, 0.1)
    assert verdict.details == ("1.000 and 0.900; 100 cases won, 0 lost", "changed 100 of 1,000 rows (fog)")
    assert verdict.subject == "difference in accuracy, street.test minus street.test (fog)"
    assert verdict.per_member == {"street.test": (1.0,), "street.test, fog": (0.9,)}


def test_a_drop_between_two_sets_of_cases() -> None:
    """20 of 1,000 wrong against 500 of 1,000: independent samples, Newcombe's interval with Clopper-Pearson arms."""
    street = splits(wrong=20)
    drop = metrics.accuracy(MODEL, street.test) - metrics.accuracy(MODEL, street.dark)

    verdict = judge(contract("stress", shift="domain", max_drop=0.4), drop)

    assert (verdict.outcome, round(verdict.value, 6)) == ("violated", 0.48)
    assert verdict.details == ("0.980 (980/1000) and 0.500 (500/1000)",)
    assert set(verdict.fingerprints) == {"data", "other data"}


def test_a_rise_and_a_ratio_of_an_error() -> None:
    """Off by 0.1 where the inputs are right, and by 0.3 where they are moved by 0.2."""
    y = np.tile([0.0, 1.0], 500) + 0.25
    clean = Dataset(np.stack([y, y], axis=1), y, name="street")

    class Says:
        def predict(self, X: np.ndarray) -> np.ndarray:
            return X[:, 0] + 0.1

    model, moved = Says(), clean.perturb(lambda X: X + 0.2, name="moved")
    rise = metrics.mae(model, moved) - metrics.mae(model, clean)
    ratio = metrics.mae(model, moved) / metrics.mae(model, clean)

    assert judge(contract("stress", shift="covariate", max_rise=0.25, max_loss=1.0), rise).outcome == "met"
    assert judge(contract("stress", shift="covariate", max_rise=0.1, max_loss=1.0), rise).outcome == "violated"
    assert judge(contract("stress", shift="covariate", max_ratio=5.0, max_loss=1.0), ratio).outcome == "met"
    verdict = judge(contract("stress", shift="covariate", max_ratio=1.5, max_loss=1.0), ratio)
    assert (verdict.outcome, round(verdict.value, 6)) == ("violated", 3.0)


def test_a_ratio_of_accuracies() -> None:
    clean = splits().test
    ratio = metrics.accuracy(MODEL, clean.perturb(flips(0.1))) / metrics.accuracy(MODEL, clean)

    assert judge(contract("stress", shift="corruption", min_ratio=0.8), ratio).outcome == "met"
    assert judge(contract("stress", shift="corruption", min_ratio=0.95), ratio).outcome == "violated"


DOMAIN = Domain({"light": ["day", "night"]}, min_cases=30, limits={("night",): 0.4})


def test_every_cell_of_a_domain_has_a_verdict_and_a_limit_of_its_own() -> None:
    dark = splits(light=True).dark

    verdict = judge(contract("stress", shift="domain", at_least=0.9), metrics.accuracy(MODEL, dark).over(DOMAIN))

    assert (verdict.outcome, verdict.slice, verdict.threshold) == ("violated", "light=day", 0.9)
    assert [(other.outcome, other.slice, other.threshold) for other in verdict.beside] == [("met", "light=night", 0.4)]


def test_a_domain_that_is_met_everywhere() -> None:
    test = splits(light=True).test

    verdict = judge(contract("stress", shift="domain", at_least=0.9), metrics.accuracy(MODEL, test).over(DOMAIN))

    assert verdict.outcome == "met"
    assert len(verdict.beside) == 1


def test_an_untested_cell_fails_and_is_named() -> None:
    domain = Domain({"light": ["day", "night", "dusk"]}, min_cases=600)

    with pytest.raises(ValueError, match=r"untested cells of street.test: \(light=day\): 500 cases; .*dusk\): 0 cases"):
        metrics.accuracy(MODEL, splits(light=True).test).over(domain)


@pytest.mark.parametrize(
    ("arguments", "estimate", "why"),
    [
        ({"at_least": 0.9}, lambda d: metrics.accuracy(MODEL, d.test), "neither perturbed nor shifted"),
        (
            {"at_least": 0.9},
            lambda d: metrics.accuracy(MODEL, d.test.perturb(flips(0.0), name="contrast, severity 0")),
            "the perturbation 'contrast, severity 0' changed nothing in street.test",
        ),
        (
            {"max_drop": 0.9},
            lambda d: metrics.accuracy(MODEL, d.test.perturb(flips(0.5))) - metrics.accuracy(MODEL, d.test),
            "max_drop takes the shifted data on the right",
        ),
        (
            {"max_drop": 0.9},
            lambda d: metrics.accuracy(MODEL, d.dark) - metrics.accuracy(MODEL, d.test),
            "max_drop takes the shifted data on the right",
        ),
        (
            {"max_drop": 0.9},
            lambda d: metrics.accuracy(MODEL, d.test) - metrics.accuracy(MODEL, d.test.perturb(flips(0.0))),
            "changed nothing",
        ),
        (
            {"max_drop": 0.9},
            lambda d: metrics.accuracy(MODEL, d.test) - metrics.accuracy(Reads(1), d.test),
            "it compares two model objects",
        ),
        (
            {"max_rise": 0.9},
            lambda d: metrics.accuracy(MODEL, d.dark) - metrics.accuracy(MODEL, d.test),
            "greater is better for accuracy: max_rise cannot bound it, max_drop can",
        ),
        ({"max_drop": 0.9}, lambda d: metrics.accuracy(MODEL, d.dark), "max_drop bounds clean - shifted, not a level"),
        (
            {"at_least": 0.1},
            lambda d: metrics.accuracy(MODEL, d.test) - metrics.accuracy(MODEL, d.dark),
            "at_least bounds a metric on shifted data, not a difference",
        ),
        (
            {"max_drop": 0.9},
            lambda d: metrics.accuracy(MODEL, d.dark) - metrics.accuracy(MODEL, Dataset(np.eye(2), [1, 0])),
            "nothing tells which of",
        ),
    ],
)
def test_what_is_no_stress_is_refused(arguments: dict[str, float], estimate, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        judge(contract("stress", shift="corruption", **arguments), estimate(splits()))


def test_training_rows_are_refused_on_either_side() -> None:
    street = splits()
    trained = Ensemble(members=(MODEL,), seeds=(0,), name="m", declared=1, retrained=False, trained_on=(street.dark,))
    drop = metrics.accuracy(trained, street.test) - metrics.accuracy(trained, street.dark)

    with pytest.raises(ValueError, match="judged on rows that trained the model"):
        judge(contract("stress", shift="domain", max_drop=0.5), drop)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"at_least": 0.9}, "shift= is missing: say what has changed, one of covariate, concept"),
        ({"at_least": 0.9, "shift": "concpet"}, "did you mean 'concept'?"),
        ({"shift": "label"}, "no limit given"),
        ({"shift": "label", "max_drop": -0.1}, "not negative"),
        ({"shift": "label", "max_ratio": 0}, "above 0"),
        ({"shift": "label", "at_least": 0.1, "max_drop": 0.1}, "one limit per marker"),
    ],
)
def test_faults(arguments: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in faults("stress", **arguments)), faults("stress", **arguments)


def test_the_rows_that_training_left_out_are_the_shifted_ones() -> None:
    """Two slices of one test part: only what the members never saw tells which is which."""
    street = splits(light=True)
    model = Ensemble(
        members=(MODEL,), seeds=(0,), name="m", declared=1, retrained=False, left_out=(("light", "night"),)
    )
    day, night = street.dark.where(light="day"), street.dark.where(light="night")
    asked = contract("stress", shift="domain", max_drop=0.1)

    assert judge(asked, metrics.accuracy(model, day) - metrics.accuracy(model, night)).outcome == "met"
    with pytest.raises(ContractError, match="max_drop takes the shifted data on the right"):
        judge(asked, metrics.accuracy(model, night) - metrics.accuracy(model, day))
    with pytest.raises(ContractError, match="nothing tells which of"):
        judge(asked, metrics.accuracy(MODEL, day) - metrics.accuracy(MODEL, night))


def test_failing_cases_of_shifted_data() -> None:
    dark = splits().dark
    rate = metrics.failure_rate(MODEL, dark, loss="zero_one")

    assert judge(contract("stress", shift="domain", max_failure_rate=0.1, delta=0), rate).outcome == "violated"
    listed = judge(contract("stress", shift="domain", max_failures=0, delta=0), rate)
    assert (listed.outcome, listed.value) == ("violated", 500)


def test_a_claim_names_the_shifted_part() -> None:
    verdict = judge(contract("stress", shift="domain", at_least=0.9), metrics.accuracy(MODEL, splits().dark))

    assert verdict.claim() == "accuracy >= 0.90 on street.dark"


BOTH = {"shift": "corruption", "at_most": 0.9}
REVERSED = {"shift": "corruption", "at_least": 0.1}


@pytest.mark.parametrize(
    ("arguments", "estimate", "why"),
    [
        (
            {"shift": "domain", "max_drop": 0.9},
            lambda d: (
                metrics.accuracy(MODEL, d.test) - metrics.accuracy(MODEL, Dataset(d.test.X, d.test.y, name="fog"))
            ),
            "nothing changed: street.test and fog hold the same features and the same truth",
        ),
        (
            BOTH,
            lambda d: abs(metrics.accuracy(MODEL, d.dark) - metrics.accuracy(MODEL, d.dark)),
            "nothing changed: street.dark and street.dark",
        ),
        (
            BOTH,
            lambda d: abs(metrics.accuracy(MODEL, d.dark) - metrics.accuracy(Reads(1), d.dark)),
            "it compares two model objects",
        ),
        (
            BOTH,
            lambda d: abs(
                metrics.accuracy(MODEL, d.test.perturb(flips(0.1)))
                - metrics.accuracy(MODEL, d.test.perturb(flips(0.0), name="nothing"))
            ),
            "the perturbation 'nothing' changed nothing",
        ),
        (
            REVERSED,
            lambda d: metrics.accuracy(MODEL, d.test.perturb(flips(0.0), name="nothing")).worst("label"),
            "the perturbation 'nothing' changed nothing",
        ),
        (REVERSED, lambda d: metrics.accuracy(MODEL, d.test).worst("label"), "neither perturbed nor shifted"),
        (
            REVERSED,
            lambda d: metrics.accuracy(
                MODEL, d.test.perturb(flips(1.0), name="there").perturb(flips(1.0), name="back")
            ),
            "the perturbations 'there', 'back' together changed nothing in street.test",
        ),
        (
            {"shift": "domain", "at_least": 0.1},
            lambda d: metrics.accuracy(MODEL, d.test.where(label=[0, 1])),
            "neither perturbed nor shifted nor a slice",
        ),
        (
            {"shift": "domain", "max_drop": 0.1},
            lambda d: metrics.accuracy(MODEL, d.test) - metrics.accuracy(MODEL, d.test.where(label=[0, 1])),
            "nothing changed",
        ),
        (
            REVERSED,
            lambda d: metrics.accuracy(MODEL, d.test.perturb(lambda X: X[::-1], name="upside down")),
            "the perturbation 'upside down' put the rows of street.test in another order",
        ),
        (
            REVERSED,
            lambda d: metrics.accuracy(MODEL, d.test.perturb(roll, name="rolled")),
            "hands the values of feature 2 round among the rows, .*: use perturbations.permute",
        ),
    ],
)
def test_what_only_looks_like_a_stress_is_refused(arguments, estimate, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        judge(contract("stress", **arguments), estimate(splits()))


def roll(X: np.ndarray) -> np.ndarray:
    X[:, 2] = np.roll(X[:, 2], 1)
    return X


@pytest.mark.parametrize("order", [1, -1])
def test_the_size_of_a_difference_is_a_stress_in_either_order(order: int) -> None:
    clean = splits().test
    pair = [metrics.accuracy(MODEL, clean), metrics.accuracy(MODEL, clean.perturb(flips(0.1)))][::order]

    assert judge(contract("stress", **BOTH), abs(pair[0] - pair[1])).outcome == "met"


def test_slices_are_strata_where_the_shift_is_one_of_population() -> None:
    estimate = metrics.accuracy(MODEL, splits(light=True).test).worst("light")

    assert judge(contract("stress", shift="domain", at_least=0.9), estimate).outcome == "met"


@pytest.mark.parametrize("shift", [["corruption"], {"corruption": 1}, None, 3])
def test_a_shift_that_is_no_text_is_a_fault(shift: object) -> None:
    assert any("expected one of covariate" in found for found in faults("stress", shift=shift, at_least=0.9))
    assert any(
        'expected "every", "mean"' in found
        for found in faults("stress", shift="label", at_least=0.9, members=np.array([1, 2]))
    )


def test_cells_take_delta_from_the_contract() -> None:
    rate = metrics.failure_rate(MODEL, splits(light=True).dark, loss="zero_one").over(DOMAIN)

    verdict = judge(contract("stress", shift="domain", max_failure_rate=0.2, delta=0), rate)

    assert [str(one.outcome) for one in (verdict, *verdict.beside)] == ["violated", "violated"]


def test_cases_outside_a_domain_are_told() -> None:
    domain = Domain({"light": ["day"]}, min_cases=30)

    verdict = judge(
        contract("stress", shift="domain", at_least=0.9), metrics.accuracy(MODEL, splits(light=True).test).over(domain)
    )

    assert verdict.outcome == "met"
    assert "500 of 1,000 cases lie outside the domain" in verdict.claim()


def test_a_rate_of_rows_that_changed_is_told_only_where_some_did_not() -> None:
    whole = splits().test.perturb(flips(1.0), name="all")

    verdict = judge(contract("stress", shift="corruption", at_least=0.9), metrics.accuracy(MODEL, whole))

    assert not any("changed" in line for line in verdict.details)


def test_the_subject_of_a_size_names_what_it_is_of() -> None:
    clean = splits().test
    size = abs(metrics.accuracy(MODEL, clean) - metrics.accuracy(MODEL, clean.perturb(flips(0.1), name="fog")))

    assert size.subject == "size of the difference in accuracy, street.test minus street.test (fog)"
