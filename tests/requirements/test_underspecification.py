"""``underspecification``: retrainings that are equal on clean data and differ where the data are shifted."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Dataset, Ensemble, metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.requirements.contract import ContractError
from pytest_mlspec.verdict import Verdict
from tests.requirements.kinds import contract, faults, judge
from tests.requirements.shifted import retrainings, shifted

ASKED = {"shift": "corruption", "max_ratio": 3.0, "max_std": 0.05, "equal_within": 0.05}
N = 20_000


def clean_data(n: int = N) -> Dataset:
    y = np.tile([0, 1], n // 2)
    return Dataset(np.stack([y, np.ones(n)], axis=1).astype(float), y, name="street.test")


def quotient(model: Ensemble, n: int = N) -> Estimate:
    clean = clean_data(n)
    stressed = clean.perturb(shifted, name="fog")
    return metrics.accuracy(model, stressed).seed_std() / metrics.accuracy(model, clean).seed_std()


def by_claim(verdict: Verdict) -> dict[str, str]:
    return {one.form: str(one.outcome) for one in (verdict, *verdict.beside)}


def spread(centre: float, std: float, n_members: int = 20) -> list[float]:
    """Error rates whose sample standard deviation is exactly this."""
    z = np.linspace(-1, 1, n_members)
    return list(centre + std * z / z.std(ddof=1))


def test_equal_on_clean_data_and_apart_under_the_shift() -> None:
    """Clean spread 0.005, shifted spread 0.10: twenty times as large."""
    verdict = judge(
        contract("underspecification", **ASKED), quotient(retrainings(spread(0.3, 0.1), spread(0.05, 0.005)))
    )

    assert by_claim(verdict) == {"shortfall": "met", "seed_std": "violated", "seed_std_quotient": "violated"}
    # The first violated claim speaks; the others have rows of their own.
    assert (verdict.form, verdict.outcome) == ("seed_std", "violated")
    assert verdict.value == pytest.approx(0.1, rel=0.05)


def test_retrainings_that_stay_alike() -> None:
    verdict = judge(
        contract("underspecification", **ASKED), quotient(retrainings(spread(0.1, 0.01), spread(0.1, 0.01)))
    )

    assert by_claim(verdict) == {"shortfall": "met", "seed_std": "met", "seed_std_quotient": "met"}
    assert verdict.form == "seed_std_quotient"
    assert verdict.value == pytest.approx(1.0, abs=0.1)
    assert {title: len(values) for title, values in verdict.per_member.items()} == {
        "street.test, fog": 20,
        "street.test": 20,
    }


def test_a_small_spread_is_not_excused_by_a_small_quotient_nor_the_other_way_round() -> None:
    """Both spreads 0.03: the quotient is met, the absolute limit of 0.01 is not."""
    asked = contract("underspecification", **{**ASKED, "max_std": 0.01})

    verdict = judge(asked, quotient(retrainings(spread(0.2, 0.03), spread(0.2, 0.03))))

    assert by_claim(verdict)["seed_std"] == "violated"
    assert by_claim(verdict)["seed_std_quotient"] == "met"
    assert verdict.outcome == "violated"


def test_an_under_trained_member_is_named_first() -> None:
    """Seed 3 errs on 30 % of clean cases, everybody else on 5 %: that is no underspecification but a bad fit."""
    clean = [0.05] * 20
    clean[3] = 0.30

    verdict = judge(contract("underspecification", **ASKED), quotient(retrainings([0.1] * 20, clean)))

    assert (verdict.form, verdict.outcome) == ("shortfall", "violated")
    assert "seed 3" in " ".join(verdict.details)
    # 0.25 below the others, of which it is one twentieth of the mean itself.
    assert verdict.value == pytest.approx(0.25 * 19 / 20, abs=0.02)


def test_no_clean_spread_at_all_leaves_the_quotient_undecided() -> None:
    """Nothing over nothing: the words say which absolute limit to ask for instead."""
    verdict = judge(contract("underspecification", **ASKED), quotient(retrainings([0.1] * 10, [0.1] * 10)))

    assert verdict.outcome == "undecided"
    assert verdict.form == "seed_std_quotient"
    assert "max_std" in " ".join(verdict.lines())
    assert "on the second (which cannot be told from 0)" in " ".join(verdict.lines())


def test_one_model_says_nothing_about_seeds() -> None:
    single = Ensemble.of(retrainings([0.1]).members[0])

    verdict = judge(contract("underspecification", **ASKED), quotient(single))

    assert verdict.outcome == "undecided"
    assert "needs at least 2 members" in " ".join(verdict.lines())


@pytest.mark.parametrize(
    ("estimate", "why"),
    [
        (lambda a, b: a.seed_std(), r"max_ratio bounds shifted.seed_std\(\) / clean.seed_std\(\)"),
        (lambda a, b: a / b, r"max_ratio bounds shifted.seed_std\(\) / clean.seed_std\(\)"),
        (lambda a, b: b.seed_std() / a.seed_std(), "max_ratio takes the shifted data on the left"),
    ],
)
def test_only_the_quotient_of_spreads_is_judged(estimate, why: str) -> None:
    model, clean = retrainings([0.1, 0.2]), clean_data(200)
    pair = metrics.accuracy(model, clean.perturb(shifted)), metrics.accuracy(model, clean)

    with pytest.raises(ContractError, match=why):
        judge(contract("underspecification", **ASKED), estimate(*pair))


def test_spreads_and_levels_do_not_mix() -> None:
    model, clean = retrainings([0.1, 0.2]), clean_data(200)
    accuracy = metrics.accuracy(model, clean)

    with pytest.raises(TypeError, match=r"of two seed spreads, .* or of two levels"):
        accuracy.seed_std() / accuracy


@pytest.mark.parametrize(
    ("missing", "fault"),
    [
        ("shift", "shift= is missing: say what has changed"),
        ("max_std", "max_std= is missing: the largest seed std on the shifted data"),
        ("equal_within", "equal_within= is missing: how far a member may fall behind"),
        ("max_ratio", "no limit given"),
    ],
)
def test_every_part_of_the_contract_is_asked_for(missing: str, fault: str) -> None:
    arguments = {name: value for name, value in ASKED.items() if name != missing}

    assert any(fault in found for found in faults("underspecification", **arguments))


def test_members_is_no_question_here() -> None:
    assert any("unknown argument members" in found for found in faults("underspecification", **ASKED, members="mean"))


def test_a_confidence_beyond_what_is_checked_is_a_fault() -> None:
    assert any("expected at most 0.95" in found for found in faults("underspecification", **ASKED, confidence=0.99))
    assert any("expected a confidence in" in found for found in faults("underspecification", **ASKED, confidence=1))
