"""What belongs to the running test, wherever its code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Held(Generic[T]):
    """A value and whether its block is still being run."""

    value: T
    live: bool = True


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
