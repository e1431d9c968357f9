"""How a dataset is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset


class Printer(Protocol):
    """What IPython and Hypothesis hand to ``_repr_pretty_``."""

    def text(self, text: str) -> None:
        """Print this."""


def described(data: Dataset) -> str:
    """``Dataset('street.test', light=night, 95 rows, 2 classes, columns: light)``."""
    target = "no y" if data.y is None else "numeric y"
    if data.classes is not None:
        target = f"{len(data.classes)} class{'es' if len(data.classes) != 1 else ''}"
    parts = [repr(data.name) if data.name else "", data.description, f"{len(data)} rows", target]
    parts.append(f"columns: {', '.join(data.columns)}" if data.columns else "")
    return f"Dataset({', '.join(part for part in parts if part)})"
