"""Members that came out the same: seeds that replicate nothing."""

from collections.abc import Sequence

from pytest_mlspec.training.content import content_digest

__all__ = ["IdenticalMembersError", "learned_state", "refuse_identical"]


class IdenticalMembersError(ValueError):
    """Raised when every member of an ensemble has learned the same: their number would be evidence of nothing."""


def learned_state(member: object) -> str | None:
    """A digest of what a member has learned, whatever its seed; None where its content cannot be read."""
    return content_digest(member, forget_seeds=True)


def refuse_identical(
    members: Sequence[object], seeds: Sequence[int], name: str, *, learned: Sequence[str | None] = ()
) -> None:
    """Raise when one object stands for two members, or when all members have the same learned state.

    The state is compared without the attributes that only name a seed (`random_state`, `seed`), so that a solver
    which ignores its seed is found out. What cannot be compared by content is left alone here.

    Args:
        members: the trained members.
        seeds: their seeds.
        name: the ensemble's name.
        learned: `learned_state` of each member, where it is known already; None for one that has to be read.

    Raises:
        IdenticalMembersError: with the two honest ways out.
    """
    if len(members) < 2:
        return
    first_seed: dict[int, int] = {}
    for member, seed in zip(members, seeds, strict=True):
        if id(member) in first_seed:
            raise IdenticalMembersError(
                f"{name!r} gave one and the same object for seeds {first_seed[id(member)]} and {seed}: "
                "build a new model inside the training function"
            )
        first_seed[id(member)] = seed
    known = learned or [None] * len(members)
    states = (state or learned_state(member) for member, state in zip(members, known, strict=True))
    reference = next(states)
    if reference is None:
        return
    if all(state == reference for state in states):
        raise IdenticalMembersError(
            f"all {len(members)} members of {name!r} learned exactly the same, whatever the seed "
            f"({type(members[0]).__name__} ignores it): they are one model, not {len(members)} retrainings. "
            "Declare seeds=1, or let each seed see other rows: fit on `street.train.resample(seed)` "
            "(with your dataset for `street`)"
        )
