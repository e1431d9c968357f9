"""What every bound of this package returns, and how it names itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

BoundClass = Literal["exact", "asymptotic", "approximate"]
Side = Literal["low", "high", "both"]
"""The bounds that a caller needs; the other one may stay open where it is costly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Names a bound: what it is called, what it promises, where it holds and who published it.

    ``bound_class`` is ``exact`` (error at most the level at every sample size), ``asymptotic`` (checked by the
    validity suite inside ``domain``) or ``approximate`` (no promise beyond the simulations that ``source`` names).
    """

    name: str
    bound_class: BoundClass
    source: str
    domain: str = "independent cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """One-sided bounds, each at the full level: ``low`` and ``high`` have the shape ``(members,)`` or ``()``.

    A side that the data or the method cannot give is ``-inf`` or ``inf`` and ``reason`` says why in words that a
    message can show.
    """

    low: FloatArray
    high: FloatArray
    method: Method
    reason: str = ""
