"""From a training function to an ensemble: one run per seed, reproducible, shared between processes."""

from pytest_mlspec.training.ensemble import Ensemble
from pytest_mlspec.training.identity import IdenticalMembersError
from pytest_mlspec.training.seeding import seeded
from pytest_mlspec.training.sharing import share_key, share_once

__all__ = ["Ensemble", "IdenticalMembersError", "seeded", "share_key", "share_once"]
