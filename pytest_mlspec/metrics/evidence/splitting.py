"""A metric split by group: evidence for each, or counts where it is a rate of independent cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.stats.bounds import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """Hits and cases per member and group: all that bounds for a rate of independent cases need."""

    successes: FloatArray
    trials: FloatArray


def split_by_group(
    evidence: Evidence, codes: npt.NDArray[np.integer], n_groups: int
) -> tuple[tuple[Evidence, ...], Counts | None]:
    """One evidence per group, or their counts where the metric is a rate of independent cases."""
    if isinstance(evidence, Rate) and evidence.cluster_codes is None and evidence.transform == "rate":
        successes, trials = evidence.by_groups(codes, n_groups)
        return (), Counts(successes=np.asarray(successes, np.float64), trials=np.asarray(trials, np.float64))
    return tuple(evidence.take(np.flatnonzero(codes == group)) for group in range(n_groups)), None


def counts_of(parts: Sequence[Evidence]) -> Counts | None:
    """Hits and cases of every group, where each is a rate of independent cases."""
    rates = [
        part for part in parts if isinstance(part, Rate) and part.cluster_codes is None and part.transform == "rate"
    ]
    if len(rates) < len(parts):
        return None
    return Counts(
        successes=np.stack([rate.successes for rate in rates], axis=1).astype(np.float64),
        trials=np.stack([rate.sizes for rate in rates], axis=1).astype(np.float64),
    )
