"""What outlives a run: baselines, best values, waivers, and which models were judged on which test set."""

from pytest_mlspec.records.ladder import Ladder
from pytest_mlspec.records.ledger import Entry, Ledger, Read

__all__ = ["Entry", "Ladder", "Ledger", "Read"]
