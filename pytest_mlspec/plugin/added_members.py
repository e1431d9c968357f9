"""The members that are added to the ensembles of one running test: who asks for them, and who may get them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_mlspec.fixtures import NOTES
from pytest_mlspec.fixtures.growing import POOLS, Pool
from pytest_mlspec.verdict import Outcome, Undecided, Verdict

if TYPE_CHECKING:
    from pytest_mlspec.training import Ensemble

ONLY_LOOKS = ("seed_std", "seed_std_quotient")


class AddedMembers:
    """What judging asks for more members (``running.Growth``), for one test.

    Args:
        item: the running test.
    """

    def __init__(self, item: pytest.Function) -> None:
        self.item = item
        self._sizes: dict[int, int] = {}
        self._why: dict[int, str] = {}
        self._wishes: list[tuple[Pool, int]] = []
        self._obstacles: dict[int, str] = {}

    # ---- what judging asks ---------------------------------------------------------------------------------------

    def most(self, models: tuple[object, ...]) -> int | str:
        """The most members that the ensemble of these models may have, or why it cannot grow."""
        pool = self._pool(models)
        if pool is not None:
            return self._obstacle(pool) or pool.most
        if any(_consists_of(pool.declared, models) for pool in self._pools):
            return "the test reaches it by another way than its argument"
        return "it is no @mlspec.ensemble of its own" if models else "only its predictions are known"

    def wish(self, models: tuple[object, ...], n_members: int) -> None:
        """Ask for this many members of the ensemble of these models."""
        if (pool := self._pool(models)) is not None:
            self._wishes.append((pool, n_members))

    @property
    def _pools(self) -> list[Pool]:
        return self.item.config.stash.get(POOLS, [])

    def _pool(self, models: tuple[object, ...]) -> Pool | None:
        """The ensemble that consists of these models at this moment."""
        return next((pool for pool in self._pools if _consists_of(self._now(pool), models)), None)

    def _now(self, pool: Pool) -> Ensemble:
        return pool.of_size(self._sizes.get(id(pool), len(pool.declared)))

    def _obstacle(self, pool: Pool) -> str:
        if id(pool) not in self._obstacles:
            self._obstacles[id(pool)] = _obstacle(self.item, pool, self._pools)
        return self._obstacles[id(pool)]

    # ---- between two runs of the body ----------------------------------------------------------------------------

    def grew(self, verdicts: Sequence[Verdict], error: Undecided | None) -> bool:
        """Add the members that the last run of the body asked for.

        Args:
            verdicts: of that run.
            error: what ended it; it is told where members cannot be added after all.

        Returns:
            Whether the body is to run again.
        """
        wishes, self._wishes = self._wishes, []
        if not wishes or any(verdict.outcome is Outcome.VIOLATED for verdict in verdicts):
            return False
        target = min(n_members for _, n_members in wishes)
        if any(verdict.form in ONLY_LOOKS or verdict.members == "mean" for verdict in verdicts):
            target = max(pool.most for pool, _ in wishes)  # nothing is claimed of a spread between its two looks
        further = [pool for pool in self._alike([pool for pool, _ in wishes]) if len(self._now(pool)) < target]
        if not further or not _trained(further, target, error):
            return False
        why = next((verdict.claim() for verdict in verdicts if verdict.outcome is Outcome.UNDECIDED), "")
        for pool in further:
            self._sizes[id(pool)] = min(target, pool.most)
            self._why.setdefault(id(pool), why)
        return True

    def _alike(self, wanted: Sequence[Pool]) -> list[Pool]:
        """These ensembles, and those of the test with the same seeds: what is compared must have equal seeds."""
        seeds = {self._now(pool).seeds for pool in wanted}
        others = [pool for pool in self._pools if self._now(pool).seeds in seeds and not self._obstacle(pool)]
        return list({id(pool): pool for pool in (*wanted, *others)}.values())

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the arguments of the test be the ensembles with the members that they have now."""
        arguments = self.item.funcargs
        before = dict(arguments)
        now = {id(pool.declared): self._now(pool) for pool in self._pools}
        arguments.update({name: now.get(id(value), value) for name, value in before.items()})
        try:
            yield
        finally:
            arguments.update(before)

    def words(self) -> str:
        """``27 members of detector``."""
        grown = [(self._sizes[id(pool)], pool.declared.name) for pool in self._pools if id(pool) in self._sizes]
        return " and ".join(f"{n_members} members of {name}" for n_members, name in grown)

    def report(self) -> None:
        """Put down for the reports which ensembles grew in this test, and for which requirement."""
        for pool in self._pools:
            if id(pool) not in self._sizes:
                continue
            note = {
                "name": pool.declared.name,
                "members": self._sizes[id(pool)],
                "declared": len(pool.declared),
                "seconds": pool.spent(),
                "status": "grown",
                "test": self.item.nodeid,
                "why": self._why[id(pool)],
            }
            self.item.config.stash.setdefault(NOTES, []).append(json.dumps(note))


def _consists_of(ensemble: Ensemble, models: tuple[object, ...]) -> bool:
    members = ensemble.members
    return len(members) == len(models) and all(one is other for one, other in zip(members, models, strict=True))


def _trained(pools: Sequence[Pool], target: int, error: Undecided | None) -> bool:
    """Train what is missing; members that come out alike replicate nothing, and the verdict stays what it is."""
    from pytest_mlspec.training import IdenticalMembersError

    for pool in pools:
        try:
            pool.of_size(min(target, pool.most))
        except IdenticalMembersError as identical:
            if error is not None:
                error.add_note(f"--mlspec-seeds=auto cannot grow {pool.declared.name}: {identical}")
            return False
    return True


def _obstacle(item: pytest.Function, pool: Pool, pools: Sequence[Pool]) -> str:
    """Why a test cannot run again on a larger ensemble, in words; empty where it can."""
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        return "Hypothesis chooses the examples of this test"
    if "subtests" in item.fixturenames:
        return "a test with subtests does not run twice"
    held = {name for name, value in item.funcargs.items() if value is pool.declared}
    if not held & set(item._fixtureinfo.argnames):
        return "the test does not take it as an argument"
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():
        value = item.funcargs.get(name)
        is_ensemble = any(value is other.declared for other in pools)  # trained on the one that was declared
        if not is_ensemble and any(held & set(definition.argnames) for definition in definitions):
            return f"{name} depends on it"
    return ""
