"""What an ensemble asks of a cache: fits that are known, and what their members said."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pytest_mlspec.training.fitting import Fitted

if TYPE_CHECKING:
    import numpy as np

    from pytest_mlspec.data.dataset import Dataset
    from pytest_mlspec.training.ensemble import Ensemble


class KeptOutputs(Protocol):
    """Finds and keeps what the members of an ensemble say about data, between runs."""

    def find(self, ensemble: "Ensemble", data: "Dataset", kind: str) -> "Mapping[str, np.ndarray] | None":
        """What is known of these members on this data, by name."""

    def keep(
        self, ensemble: "Ensemble", data: "Dataset", kind: str, arrays: "Mapping[str, np.ndarray]", seconds: float
    ) -> None:
        """Keep what was said, where asking took long."""


class KeptFits(Protocol):
    """Finds and keeps the fits of one training function, between runs."""

    @property
    def watched(self) -> tuple[str, ...]:
        """The folders whose files are no input of a fit."""

    def find(self, seeds: Sequence[int]) -> dict[int, Fitted]:
        """The fits of these seeds that are known."""

    def keep(self, seed: int, fitted: Fitted) -> None:
        """Take a fit that was just run."""

    def done(self) -> KeptOutputs | None:
        """Store what was taken, and give what keeps the predictions of these members."""
