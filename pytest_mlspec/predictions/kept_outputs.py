"""What members said in an earlier run, where their ensemble came from the cache or went there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_mlspec.predictions.arrays import Labels

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.training.ensemble import Ensemble

Said = Mapping[str, Labels]


def recalled(ensemble: Ensemble, data: Dataset, kind: str, ask: Callable[[], Said | None]) -> Said | None:
    """Take from the cache what the members said about this data, or ask them and keep what took long.

    Args:
        ensemble: the members.
        data: the dataset they are asked about.
        kind: of output, such as ``probabilities``.
        ask: asks every member, and checks what comes; ``None`` where they do not give this kind.
    """
    kept = ensemble.kept_outputs
    if kept is None:
        return ask()
    found = kept.find(ensemble, data, kind)
    if found is not None:
        return found
    started = time.perf_counter()
    said = ask()
    if said is not None:
        kept.keep(ensemble, data, kind, said, time.perf_counter() - started)
    return said
