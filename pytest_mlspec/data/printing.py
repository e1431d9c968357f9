"""What IPython and Hypothesis hand to ``_repr_pretty_``."""

from __future__ import annotations

from typing import Protocol


class Printer(Protocol):
    """Takes text to print."""

    def text(self, text: str) -> None:
        """Print this."""
