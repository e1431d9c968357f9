"""Every kind that exists: the name of its marker and what ``pytest --markers`` says of it.

A new kind is one module of that name and one line here. The plugin loads this module in every pytest run; the modules
of the kinds are loaded when a marker asks for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlspec.requirements.kind import Kind

CATALOGUE: dict[str, str] = {
    "satisficing": "a hard limit: at_least= | at_most= | max_failure_rate= | max_failures=; delta= is one case's limit",
    "calibration": "a limit on a binned calibration error: max_ece= | max_mce=, bins= where the marker pins them",
    "parity": "a limit between groups: by= with max_gap= (largest minus smallest) | min_ratio= (smallest over largest)",
    "seed_variance": "a limit on the spread over retrainings: max_std=, test-set noise removed",
    "stress": (
        "a limit under a named shift=: at_least= | at_most= | max_failure_rate= | max_failures= on shifted data, or, "
        "against clean data, max_drop= | max_rise= | max_ratio= | min_ratio="
    ),
    "underspecification": (
        "retrainings that are equal_within= on clean data must not differ under a shift=: max_ratio= of the seed "
        "spreads, max_std= of the shifted one"
    ),
    "non_inferiority": (
        "candidate - baseline on the same cases: margin=, the largest loss tolerated, or superiority=, the smallest "
        "gain demanded"
    ),
    "optimizing": "tracked against the best recorded value: not significantly worse; metric= where several are tracked",
    "reliance": "how much a model leans on=features: max_drop= | max_rise= when they are changed, max_share= of them",
}


@cache
def kind(name: str) -> Kind:
    """The kind of this name, which must be in the catalogue."""
    found: Kind = import_module(f"pytest_mlspec.requirements.{name}").KIND
    return found


_OWN_OF_PYTEST = frozenset({"parametrize", "skip", "skipif", "usefixtures", "xfail", "filterwarnings"})
_INITIALS = frozenset(name[0] for name in CATALOGUE)


def may_ask(name: str, arguments: Mapping[str, object]) -> bool:
    """Whether a mark may be one of ours, or one of ours misspelt: a quick look that loads nothing."""
    return name in CATALOGUE or (bool(arguments) and name not in _OWN_OF_PYTEST and name[:1] in _INITIALS)
