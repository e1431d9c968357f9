"""The guard holds in every form that a test can have."""

from __future__ import annotations

import pytest


def test_unittest_cases(suite):
    assert suite.outcomes("""
        import unittest

        @pytest.mark.satisficing
        class TestIt(unittest.TestCase):
            def test_met(self):
                assert metrics.recall(GOOD) >= 0.9

            def test_negated(self):
                self.assertFalse(metrics.recall(BAD) >= 0.9)

            def test_empty(self):
                pass

            def test_skips(self):
                self.skipTest("no GPU")

            @unittest.skip("a decision")
            def test_marked(self):
                pass

            @unittest.expectedFailure
            def test_expected(self):
                assert 1 == 2

            def test_sub(self):
                with self.subTest("a"):
                    assert metrics.recall(BAD) >= 0.9
    """) == {
        "TestIt::test_met": "PASSED",
        "TestIt::test_negated": "FAILED",
        "TestIt::test_empty": "FAILED",
        "TestIt::test_skips": "FAILED",
        "TestIt::test_marked": "SKIPPED",
        "TestIt::test_expected": "FAILED",
        "TestIt::test_sub": "FAILED",
    }


def test_coroutines(suite):
    """An event loop brings the context in which it was made, here one from before the test."""
    assert suite.outcomes(
        """
        import asyncio
        import unittest

        @pytest.mark.satisficing(at_least=0.9)
        def test_run(requirement):
            async def judge():
                await asyncio.sleep(0)
                return bool(metrics.recall(BAD) >= requirement)

            assert not asyncio.run(judge())

        @pytest.mark.satisficing(at_least=0.9)
        def test_to_thread(requirement):
            assert asyncio.run(asyncio.to_thread(lambda: bool(metrics.recall(GOOD) >= requirement)))

        @pytest.mark.satisficing(at_least=0.9)
        async def test_coroutine(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing
        class TestIt(unittest.IsolatedAsyncioTestCase):
            async def test_negated(self):
                assert not metrics.recall(BAD) >= 0.9

            async def test_met(self):
                assert metrics.recall(GOOD) >= 0.9

        @pytest.fixture(scope="session")
        def old_context():
            import contextvars
            return contextvars.copy_context()

        @pytest.mark.satisficing(at_least=0.9)
        def test_loop_of_the_session(old_context, requirement):
            assert not old_context.run(lambda: bool(metrics.recall(BAD) >= requirement))
    """,
        subprocess=True,
    ) == {
        "test_run": "FAILED",
        "test_to_thread": "PASSED",
        "test_coroutine": "FAILED",
        "TestIt::test_negated": "FAILED",
        "TestIt::test_met": "PASSED",
        "test_loop_of_the_session": "FAILED",
    }


def test_threads(suite):
    """A thread starts with an empty context; what it judges is heard all the same."""
    assert suite.outcomes("""
        from concurrent.futures import ThreadPoolExecutor
        from threading import Thread

        floor = pytest.mark.satisficing(at_least=0.9)

        def in_thread(judge):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(judge).result()

        @floor
        def test_met(requirement):
            assert in_thread(lambda: bool(metrics.recall(GOOD) >= requirement))

        @floor
        def test_violated(requirement):
            assert not in_thread(lambda: bool(metrics.recall(BAD) >= requirement))

        @floor
        def test_crashed_unseen(requirement):
            thread = Thread(target=lambda: metrics.recall(BAD) >= requirement)
            thread.start()
            thread.join()

        def test_forgotten():
            in_thread(lambda: metrics.recall(GOOD) >= 0.9)

        @floor
        def test_nothing(requirement):
            in_thread(lambda: 1)

        pool = ThreadPoolExecutor(1)

        @floor
        def test_first_of_a_shared_pool(requirement):
            assert pool.submit(lambda: bool(metrics.recall(GOOD) >= requirement)).result()

        @floor
        def test_second_of_a_shared_pool(requirement):
            assert not pool.submit(lambda: bool(metrics.recall(BAD) >= requirement)).result()

        @floor
        def test_last_of_a_shared_pool(requirement):
            pass
    """) == {
        "test_met": "PASSED",
        "test_violated": "FAILED",
        "test_crashed_unseen": "FAILED",
        "test_forgotten": "FAILED",
        "test_nothing": "FAILED",
        "test_first_of_a_shared_pool": "PASSED",
        "test_second_of_a_shared_pool": "FAILED",
        "test_last_of_a_shared_pool": "FAILED",
    }


def test_another_process_is_not_heard_and_not_a_pass(suite):
    assert suite.outcomes("""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        def judge(requirement):
            return bool(metrics.recall(GOOD) >= 0.9)

        @pytest.mark.satisficing(at_least=0.9)
        def test_process(requirement):
            with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
                assert pool.submit(judge, 1).result()
    """) == {"test_process": "FAILED"}


def test_parameters_classes_and_modules(suite):
    assert suite.outcomes("""
        pytestmark = pytest.mark.satisficing(at_least=0.9)

        @pytest.mark.parametrize("model", [GOOD, BAD, FEW], ids=["good", "bad", "few"])
        def test_each(model, requirement):
            try:
                assert metrics.recall(model) >= requirement
            except AssertionError:
                pass

        class TestIt:
            def test_empty(self):
                pass

            def test_met(self, requirement):
                assert metrics.recall(GOOD) >= requirement
    """) == {
        "test_each[good]": "PASSED",
        "test_each[bad]": "FAILED",
        "test_each[few]": "FAILED",
        "TestIt::test_empty": "FAILED",
        "TestIt::test_met": "PASSED",
    }


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="subtests came with pytest 9")
def test_subtests(suite):
    body = """
        floor = pytest.mark.satisficing(at_least=0.9)

        @floor
        def test_met(subtests, requirement):
            for model in (GOOD, GOOD):
                with subtests.test():
                    assert metrics.recall(model) >= requirement

        @floor
        def test_violated(subtests, requirement):
            for model in (GOOD, BAD):
                with subtests.test():
                    assert metrics.recall(model) >= requirement

        @floor
        def test_caught(subtests, requirement):
            with subtests.test():
                with pytest.raises(AssertionError):
                    assert metrics.recall(BAD) >= requirement

        @floor
        def test_skipped(subtests, requirement):
            with subtests.test():
                pytest.skip("no GPU")

        def test_literal(subtests):
            with subtests.test():
                assert metrics.recall(BAD) >= 0.9
    """
    result = suite.run(body, "-v", "--mlspec-json=out.json")
    judged = [row for row in suite.document()["requirements"] if row["verdict"] != "not judged"]
    verdicts = {row["test"].partition("::")[2]: (row["verdict"], row["judgements"]) for row in judged}

    assert suite.document()["tally"] == {"met": 1, "violated": 3, "undecided": 0, "not judged": 1}
    assert verdicts == {
        "test_met": ("met", 2),
        "test_violated": ("violated", 2),
        "test_caught": ("violated", 1),
        "test_literal": ("violated", 1),
    }
    lines = [line for line in result.outlines if line.startswith("test_it.py::") and " SUB" not in line]
    assert [line.split()[1] for line in lines] == ["PASSED", "FAILED", "FAILED", "FAILED", "FAILED"]


def test_hypothesis(suite):
    pytest.importorskip("hypothesis", reason="an extra")
    assert suite.outcomes(
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=10, database=None, deadline=None)
        @pytest.mark.satisficing(at_least=0.9)
        @given(hits=st.integers(950, 1000))
        def test_met(requirement, hits):
            assert metrics.recall(rate(hits, 1000)) >= requirement

        @settings(max_examples=10, database=None, deadline=None)
        @pytest.mark.satisficing(at_least=0.9)
        @given(hits=st.integers(0, 1000))
        def test_violated(requirement, hits):
            assert not metrics.recall(rate(0, 1000)) >= requirement

        @settings(max_examples=10, database=None, deadline=None)
        @pytest.mark.satisficing(at_least=0.9)
        @given(hits=st.integers(0, 1000))
        def test_empty(requirement, hits):
            pass
    """,
        "-p",
        "hypothesispytest",
        subprocess=True,
    ) == {
        "test_met": "PASSED",
        "test_violated": "FAILED",
        "test_empty": "FAILED",
    }
