"""What belongs to the running test, wherever its code runs.

The first test of every pytest run loads this module, so it imports next to nothing and makes no dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.metrics.judging.judge import Claim
    from pytest_mlspec.metrics.judging.tracked import Tracking
    from pytest_mlspec.requirements.contract import Contract
    from pytest_mlspec.verdict import Comparison, Origin, Outcome, Reading, Terms, Verdict

    class Configured(Protocol):
        """What the run was asked for, as far as judging goes."""

        @property
        def terms(self) -> Terms:
            """The terms that hold where no contract says otherwise."""

        @property
        def allow_undecided(self) -> bool:
            """Whether an undecided verdict lets the body of its test run on."""

        @property
        def family(self) -> bool:
            """Whether all contracts of the run share the level of *violated*."""

    class Reads(Protocol):
        """Counts which models are judged on which test set, and says on which terms they may be."""

        @property
        def step(self) -> float | None:
            """The step of the ladder that scores are told through; ``None``: they are told as they are."""

        def read(
            self,
            asked: Sequence[tuple[Estimate, Comparison]],
            terms: Terms,
            origin: Origin,
            *,
            listed: bool = False,
        ) -> Reading:
            """Count one read for all that a requirement asks; ``listed`` cases have no budget."""

        def planned(self, estimates: Sequence[Estimate], terms: Terms) -> Terms:
            """The terms of the next read, which is not counted."""

    class Waived(Protocol):
        """What a waiver says of a contract that is not met."""

        @property
        def live(self) -> bool:
            """Whether it has not expired yet."""

        @property
        def words(self) -> str:
            """``waived until 2027-01-31 by Ada Lovelace: reason``, or when it expired."""

        @property
        def needless(self) -> str:
            """What to say where the contract is met."""

    class Planner(Protocol):
        """Takes claims in place of a judge, and answers with a verdict that lets the body run on."""

        def claims(self, claims: Sequence[Claim], terms: Terms, origin: Origin) -> Verdict:
            """Plan several claims of one requirement."""

        def count(self, estimate: Estimate, limit: int, terms: Terms, origin: Origin) -> Verdict:
            """Note a requirement that counts listed cases."""

    class Growth(Protocol):
        """Adds members to the ensembles of the running test, and runs its body again."""

        def most(self, models: tuple[object, ...]) -> int | str:
            """The most members that the ensemble of these models may have, or why it cannot grow."""

        def wish(self, models: tuple[object, ...], n_members: int) -> None:
            """Ask for this many members of the ensemble of these models: fewer leave a requirement undecided."""


T = TypeVar("T")


class Held(Generic[T]):
    """A value and whether its block is still being run."""

    __slots__ = ("live", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.live = True


class Running(Generic[T]):
    """A value that holds for a block, in its context and in threads that the block starts.

    A thread starts with an empty context, and an event loop may bring one from long before: what a test judges there
    would be heard by nobody, a silent pass. Such contexts fall back on what the process was told last.
    """

    def __init__(self, name: str, default: T) -> None:
        self._context: ContextVar[Held[T] | None] = ContextVar(name, default=None)
        self._process = Held(default)

    def get(self) -> T:
        """The value that holds here."""
        held = self._context.get()
        return held.value if held is not None and held.live else self._process.value

    @contextmanager
    def hold(self, value: T) -> Iterator[T]:
        """Let the value hold in this block."""
        held, before = Held(value), self._process
        token = self._context.set(held)
        self._process = held
        try:
            yield value
        finally:
            held.live = False
            self._context.reset(token)
            self._process = before


class Lacking:
    """Something that a test could not be judged for want of a baseline: why, and on which data.

    ``first`` is set in a run that saves the first one; ``error`` is what the body met.
    """

    __slots__ = ("data", "error", "first", "why")

    def __init__(self, *, why: str, first: bool, data: object, error: BaseException) -> None:
        self.why = why
        self.first = first
        self.data = data
        self.error = error


def _nobody() -> None:
    """Nobody counts."""


class Recorder:
    """Hears every verdict of one test, and which of them were asked for their truth."""

    __slots__ = (
        "asked",
        "compares_with_baseline",
        "configured",
        "growth",
        "lacking",
        "last_asked",
        "planner",
        "reads",
        "tracking",
        "unjudged",
        "verdicts",
        "waivers",
    )

    def __init__(self, configured: Callable[[], Configured]) -> None:
        self.configured = configured
        self.verdicts: list[Verdict] = []
        self.asked: dict[int, Verdict] = {}  # the verdicts too: an id is unique while its object lives
        self.last_asked: Verdict | None = None
        self.compares_with_baseline = False
        """Whether the test takes the fixture `baseline`."""
        self.growth: Growth | None = None
        """Who can add members to the ensembles of this test, where anybody can."""
        self.lacking: list[Lacking] = []
        self.planner: Planner | None = None
        self.reads: Callable[[], Reads | None] = _nobody
        """Who counts reads of test sets, if anybody does; asked when something is judged."""
        self.unjudged: dict[int, str] = {}
        """Why contracts, by their index, cannot be judged, where that is known: ``no record``."""
        self.tracking: Tracking | None = None
        """The record of best values, where a contract of this test is tracked against one."""
        self.waivers: dict[int, Waived] = {}
        """The waivers of contracts, by their index."""

    def unasked(self) -> list[Verdict]:
        """Verdicts that were computed and never asked for their truth: a forgotten ``assert``."""
        return [verdict for verdict in self.verdicts if id(verdict) not in self.asked]

    def having(self, outcome: Outcome) -> list[Verdict]:
        """The recorded verdicts with this outcome, in the order in which they came."""
        return [verdict for verdict in self.verdicts if verdict.outcome is outcome]


OUTSIDE = "outside a test: it stands for the contract of the running test"
RECORDER: Running[Recorder | None] = Running("pytest_mlspec_recorder", None)
"""Who hears of verdicts here, if anybody does."""
CONTRACTS: Running[tuple[Contract, ...] | str] = Running("pytest_mlspec_contracts", OUTSIDE)
"""The contracts of the running test, or why there are none to read."""
