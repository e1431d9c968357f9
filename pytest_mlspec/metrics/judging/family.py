"""How the judgements of one test divide its part of a level that all contracts of a run share."""

from __future__ import annotations

from pytest_mlspec.running import CONTRACTS, RECORDER
from pytest_mlspec.verdict import Origin

FIRST = 0.9
"""The part that the first judgement of a contract may use; the others of its test divide what is left."""


def part_of_share(origin: Origin) -> float:
    """The part of 1/m that the next judgement may use for *violated*, where m contracts share the level.

    A test of n contracts has n/m of the level. Each contract may use 9/10 of its own 1/m when it is first judged; a
    contract that is judged again, as in a loop over slices, and literals share the remaining n/10 of 1/m, the k-th of
    them 1/(k(k + 1)) of it, which sums to one however many there are (Bonferroni). A test of literals has 1/m, and its
    first literal 9/10 of that.

    Args:
        origin: who asks.

    Returns:
        1.0 where no level is shared.
    """
    recorder, contracts = RECORDER.get(), CONTRACTS.get()
    if recorder is None or isinstance(contracts, str) or not recorder.configured().family:
        return 1.0
    counted = {contract.index for contract in contracts if contract.limit} or {-1}
    before = [verdict.origin.contract for verdict in recorder.verdicts if verdict.origin.claim == 0]
    if origin.contract in counted and origin.contract not in before:
        return FIRST
    further = len(before) - len(counted & set(before)) + 1
    return min(1.0, (1 - FIRST) * len(counted) / (further * (further + 1)))
