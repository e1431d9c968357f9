"""``--mlspec-list``: shows every contract in the place of running tests. Registered only where it was asked for."""

from __future__ import annotations

import pytest

from pytest_mlspec.plugin import ASKED
from pytest_mlspec.report.listing import listing

NAME = "mlspec-list"


class Listing:
    """Ends a run before its first test."""

    def __dir__(self) -> list[str]:
        return ["pytest_runtestloop"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Show the contracts of the selected tests; where collection failed, leave that to pytest."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        asked = ((item.nodeid, item.stash.get(ASKED, None)) for item in session.items)
        binding = [
            (nodeid, marks.contracts, marks.labelled)
            for nodeid, marks in asked
            if marks is not None and (marks.contracts or marks.labelled)
        ]
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        for line in listing(binding):
            if reporter is not None:
                reporter.write_line(line)
        return True
