"""The list of contracts that ``--mlspec-list`` shows: what is asked, without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_mlspec.requirements.contract import Contract


def listing(asked: Iterable[tuple[str, Sequence[Contract], bool]]) -> list[str]:
    """Two lines per contract: what it asks and why, and the test that judges it.

    Args:
        asked: for each test its node id, its contracts, and whether it carries a bare ``satisficing``.
    """
    lines: list[str] = []
    contracts_seen = 0
    tests = 0
    for nodeid, contracts, labelled in asked:
        tests += 1
        contracts_seen += len(contracts)
        for contract in contracts:
            tier = f" [{contract.tier}]" if contract.tier else ""
            because = f", because: {contract.because}" if contract.because else ""
            lines += [f"{contract.describe()}{tier}{because}", f"  {nodeid}"]
        if labelled:
            lines += ["satisficing: literals in the body", f"  {nodeid}"]
    return [*lines, f"{contracts_seen} contracts in {tests} tests; nothing was run"]
