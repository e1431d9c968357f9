"""One thread for a fit, the old number after it."""

from contextlib import nullcontext

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from pytest_mlspec.training import Ensemble
from pytest_mlspec.training.threads import single_threaded


def pools() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}


@pytest.fixture
def two_threads():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with threadpool_limits(limits=2):
        torch.set_num_threads(2)
        yield torch
    torch.set_num_threads(before)


@pytest.mark.parametrize("fails", [False, True])
def test_a_fit_has_one_thread_and_the_old_number_comes_back(two_threads, fails):
    before = pools()
    try:
        with single_threaded():
            inside = pools(), two_threads.get_num_threads()
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails

    assert inside == ({1}, 1)
    assert pools() == before
    assert two_threads.get_num_threads() == 2


def test_torch_gets_its_own_number_back_where_it_does_not_follow_openmp(two_threads, monkeypatch):
    monkeypatch.setattr("threadpoolctl.threadpool_limits", lambda limits: nullcontext())
    with single_threaded():
        assert two_threads.get_num_threads() == 1

    assert two_threads.get_num_threads() == 2


def test_more_threads_when_asked(two_threads):
    with single_threaded(3):
        assert two_threads.get_num_threads() == 3
    with single_threaded(None):
        assert two_threads.get_num_threads() == 2


def test_the_fit_of_an_ensemble_is_single_threaded_unless_asked(two_threads):
    seen = []

    def function(seed: int):
        seen.append(two_threads.get_num_threads())
        return lambda X: seed

    Ensemble.fit(function, 2, output="values")
    Ensemble.fit(function, 1, output="values", threads=3)

    assert seen == [1, 1, 3]


def test_no_thread_at_all_is_refused():
    with pytest.raises(ValueError, match="threads=0: expected at least 1"), single_threaded(0):
        pass
