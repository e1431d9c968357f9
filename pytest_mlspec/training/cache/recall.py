"""Predictions of members that are in the cache, kept there too: asked for once, whatever the number of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.training.content import content_digest

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset
    from pytest_mlspec.training.cache.store import Store
    from pytest_mlspec.training.ensemble import Ensemble

__all__ = ["Recall"]

_SLOW = 0.2
"""Seconds of asking from which predictions are worth a place on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Finds and keeps what the members of one ensemble say.

    The name of predictions holds the content of the members, so that those of a member that was changed since it was
    trained are never found; where that content cannot be read, nothing is kept.

    Args:
        folder: of the cache.
        max_bytes: its largest size.
        key: of the ensemble's fits.
    """

    folder: str
    max_bytes: int
    key: str

    def find(self, ensemble: "Ensemble", data: "Dataset", kind: str) -> Mapping[str, np.ndarray] | None:
        """What these members said about this data, by name; None where it is not known."""
        if not (Path(self.folder) / "outputs").is_dir():
            return None
        name = self._name(ensemble, data, kind)
        return None if name is None else self._store().outputs(name)

    def keep(
        self, ensemble: "Ensemble", data: "Dataset", kind: str, arrays: Mapping[str, np.ndarray], seconds: float
    ) -> None:
        """Keep what these members said, where it took long; what cannot be stored is asked for again."""
        if seconds < _SLOW or (name := self._name(ensemble, data, kind)) is None:
            return
        self._store().keep_outputs(name, arrays)

    def _name(self, ensemble: "Ensemble", data: "Dataset", kind: str) -> str | None:
        from pytest_mlspec.training.cache.code import object_token
        from pytest_mlspec.training.state import state_token

        if any(state_token(member) is None for member in ensemble.members):
            return None  # a callable, whose state cannot be seen
        members = [object_token(member) for member in ensemble.members]
        if None in members:
            return None
        parts = [self.key, members, ensemble.seeds, ensemble.output, ensemble.classes, data.fingerprint, kind]
        return content_digest(parts)

    def _store(self) -> "Store":
        from pytest_mlspec.training.cache.store import Store

        return Store(Path(self.folder), self.max_bytes)
