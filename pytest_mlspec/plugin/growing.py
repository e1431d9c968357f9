"""``--mlspec-seeds=auto``: the body of a test runs again on more members until seeds decide.

Every test starts with the ensembles as they were declared. Where nothing is violated and something is undecided for
want of retrainings, members are added and the body runs again; what counts is its last run. A test that met or
violated its requirements never runs twice, so that no verdict is rolled again, and the verdicts on the way hold under
this stopping (``metrics.judging.growing_members``).
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_mlspec.plugin.added_members import AddedMembers
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.verdict import Outcome, Undecided, Verdict

NAME = "mlspec-growing"


class Growing:
    """Registered in runs with ``--mlspec-seeds=auto`` only."""

    def __init__(self) -> None:
        self._runs_again = False

    def __dir__(self) -> list[str]:
        return ["pytest_pyfunc_call"]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        __tracebackhide__ = True
        recorder = RECORDER.get()
        if self._runs_again or recorder is None:
            return (yield)
        growth = recorder.growth = AddedMembers(pyfuncitem)
        start, open_error, result = Mark(recorder), None, None
        try:
            try:
                result = yield
            except Undecided as error:
                open_error = error
            while growth.grew(start.since(recorder), open_error):
                open_error = None
                try:
                    result = self._again(growth, recorder, start)
                except Undecided as error:
                    open_error = error
        finally:
            recorder.growth = None
            growth.report()
        if open_error is not None:
            raise open_error
        return result

    def _again(self, growth: AddedMembers, recorder: Recorder, start: Mark) -> object:
        """Run the body once more; what was open and is not judged again stays open."""
        __tracebackhide__ = True
        before = start.take_back(recorder)
        self._runs_again = True
        item = growth.item
        try:
            with growth.in_place():
                return item.ihook.pytest_pyfunc_call(pyfuncitem=item)
        except Exception as error:
            if not isinstance(error, AssertionError):
                error.add_note(f"while the body ran again with {growth.words()} (--mlspec-seeds=auto)")
            raise
        finally:
            self._runs_again = False
            judged = {_claim(verdict) for verdict in start.since(recorder)}
            left = [
                verdict for verdict in before if verdict.outcome is Outcome.UNDECIDED and _claim(verdict) not in judged
            ]
            recorder.verdicts.extend(left)
            recorder.asked.update({id(verdict): verdict for verdict in left})


class Mark:
    """How much a recorder had heard when the body began."""

    def __init__(self, recorder: Recorder) -> None:
        self.verdicts, self.lacking = len(recorder.verdicts), len(recorder.lacking)

    def since(self, recorder: Recorder) -> list[Verdict]:
        """What was judged since."""
        return recorder.verdicts[self.verdicts :]

    def take_back(self, recorder: Recorder) -> list[Verdict]:
        """Forget what was judged since, and hand it back."""
        heard = self.since(recorder)
        del recorder.verdicts[self.verdicts :], recorder.lacking[self.lacking :]
        for verdict in heard:
            recorder.asked.pop(id(verdict), None)
        recorder.last_asked = None
        return heard


def _claim(verdict: Verdict) -> object:
    """What makes two verdicts those of one claim, whatever the number of members."""
    if verdict.origin.contract >= 0:
        return (verdict.origin.contract, verdict.origin.claim)
    judged = (verdict.subject, str(verdict.settings), verdict.slice, verdict.model, verdict.dataset)
    return (*judged, verdict.comparison, verdict.threshold)
