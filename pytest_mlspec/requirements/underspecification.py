"""``underspecification``: equally accurate retrainings must not differ where the data are shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.requirements.kind import (
    GROWING,
    Kind,
    Limit,
    Parameter,
    confidence_up_to,
    non_negative,
    positive,
    without,
)
from pytest_mlspec.requirements.shifts import SHIFT, wrong_sides

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.metrics.judging.judge import Claim

EQUAL, SPREAD, QUOTIENT = 0.2, 0.4, 0.8
"""Shares of the error level of *violated*. The quotient is violated by a lower bound of the shifted spread and an upper
bound of the other one, at half its share each; the spread's own claim rests on the first of these again, so that all
three claims together err at 0.2 + 0.4 + 0.4 of the level at most."""


def mismatch(contract: Contract, measured: Measured) -> str:
    """The quotient of two seed spreads of one model, the shifted one above."""
    if measured.form != "seed_std_quotient":
        return "max_ratio bounds shifted.seed_std() / clean.seed_std()"
    if contract.metric is not None and contract.metric != measured.metric:
        return f"metric={contract.metric!r}, not {measured.metric!r}"
    return wrong_sides(contract, measured, 0)


def claims(contract: Contract, estimate: Estimate) -> list[Claim]:
    """Equal performance on clean data, a small spread on shifted data, and a small quotient of the two spreads.

    Source:
        D'Amour, Heller et al. 2022, JMLR 23(226): retrainings that perform alike in-distribution are compared where
        requirements beyond it are tested.
    """
    from pytest_mlspec.metrics.judging.judge import Claim

    assert contract.equal_within is not None and contract.max_std is not None
    shifted, clean = estimate.operands
    level = clean.operands[0]
    return [
        Claim(estimate=level.shortfall(), comparison="<=", threshold=contract.equal_within, share=EQUAL),
        Claim(estimate=shifted, comparison="<=", threshold=contract.max_std, share=SPREAD),
        Claim(estimate=estimate, comparison="<=", threshold=contract.threshold, share=QUOTIENT),
    ]


KIND = Kind(
    name="underspecification",
    limits=(Limit(name="max_ratio", comparison="<=", check=positive),),
    parameters=(
        SHIFT,
        Parameter(
            name="max_std",
            check=positive,
            required=True,
            missing="the largest seed std on the shifted data: a quotient alone says little over a tiny clean spread",
        ),
        Parameter(
            name="equal_within",
            check=non_negative,
            required=True,
            missing="how far a member may fall behind the mean of all on clean data before it counts as under-trained",
        ),
        Parameter(
            name="confidence",
            check=confidence_up_to(
                0.95,
                "its claims share the level, bounds over seeds are checked down to 0.01, and an ensemble that grows is "
                "judged twice",
            ),
        ),
        *without("members", "confidence", *GROWING),
    ),
    mismatch=mismatch,
    claims=claims,
)
