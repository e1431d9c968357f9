"""What outlives a run: which models were judged on which test set, and which scores have been released."""

from pytest_mlspec.records.ladder import Ladder
from pytest_mlspec.records.ledger import Entry, Ledger, Read

__all__ = ["Entry", "Ladder", "Ledger", "Read"]
