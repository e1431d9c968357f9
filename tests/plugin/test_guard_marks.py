"""Contracts that come late or whose parameters come out empty: never a silent pass."""

from __future__ import annotations


def test_an_empty_list_of_parameters_is_not_judged(suite):
    result = suite.run("""
        @pytest.mark.satisficing(at_least=0.9, id="REC-1")
        @pytest.mark.parametrize("light", [])
        def test_slices(light, requirement):
            assert metrics.recall(BAD) >= requirement

        @pytest.fixture(params=[])
        def light(request):
            return request.param

        @pytest.mark.satisficing(at_least=0.9, id="REC-2")
        def test_slices_of_a_fixture(light, requirement):
            assert metrics.recall(BAD) >= requirement

        @pytest.mark.parametrize("light", [])
        def test_of_a_stranger(light):
            pass
    """)

    result.assert_outcomes(errors=2, skipped=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*NOT JUDGED REC-1*", "*got empty parameter set for (light)*"])


def test_a_hook_of_the_project_may_mark_tests(suite):
    result = suite.run(
        """
        def test_gate_met(requirement):
            assert metrics.recall(GOOD) >= requirement

        def test_gate_forgets_it():
            assert metrics.recall(BAD) >= 0.4

        def test_faulty(requirement):
            assert metrics.recall(GOOD) >= requirement
        """,
        conftest="""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                limit = {"at_lest": 0.9} if "faulty" in item.name else {"at_least": 0.9}
                item.add_marker(pytest.mark.satisficing(**limit))
        """,
    )

    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*unknown argument at_lest=0.9; did you mean 'at_least'?*"])
    result.stdout.fnmatch_lines(["NOT JUDGED satisficing(at_least=0.90) (test_it.py::test_gate_forgets_it)"])


def test_a_mark_that_a_fixture_puts_on_the_test_comes_too_late(suite):
    result = suite.run("""
        @pytest.fixture
        def strict(request):
            request.applymarker(pytest.mark.satisficing(at_least=0.9))

        def test_it(strict):
            assert metrics.recall(BAD) >= 0.4
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["satisficing(at_least=0.9) was put on the test while it ran, too late to be judged*"])
