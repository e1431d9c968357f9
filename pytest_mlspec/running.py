"""What belongs to the running test, wherever its code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class Running(Generic[T]):
    """A value that holds for a block, in its context and in threads that the block starts.

    A thread starts with an empty context, so what a test judges in one would be heard by nobody: a silent pass. A context
    that was never told falls back on what the process was told last.
    """

    def __init__(self, name: str, default: T) -> None:
        self._context: ContextVar[T] = ContextVar(name)
        self._process = default

    def get(self) -> T:
        """The value that holds here."""
        return self._context.get(self._process)

    @contextmanager
    def hold(self, value: T) -> Iterator[T]:
        """Let the value hold in this block."""
        token, before = self._context.set(value), self._process
        self._process = value
        try:
            yield value
        finally:
            self._context.reset(token)
            self._process = before
