"""Data: what models are trained and judged on, by name, by slice and by group."""

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.domain import Domain
from pytest_mlspec.data.finite import require_finite
from pytest_mlspec.data.groups import Groups
from pytest_mlspec.data.splits import Splits, overlap

__all__ = ["Dataset", "Domain", "Groups", "Splits", "overlap", "require_finite"]
