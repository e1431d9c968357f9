"""What the examples leave out of the main run: the undecided one, and the one that needs a baseline and a record."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
UNDECIDED = EXAMPLES / "undecided_diabetes.py"
CANDIDATE = EXAMPLES / "candidate_against_main.py"


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    pytester.makeini("[pytest]\n")
    return pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", str(UNDECIDED), *options)


def test_an_undecided_requirement_fails_and_says_how_many_more_would_tell(pytester: pytest.Pytester) -> None:
    result = run(pytester)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*Undecided: UNDECIDED FAIR-1: gap in accuracy by sex <= 0.10",
            "E*0.10 lies inside",
            "E*examples in the smaller group would decide it at this rate (90% power)*",
            "E*because: policy 4.2: equal quality of service",
        ]
    )
    assert result.ret == 1


def test_an_undecided_requirement_may_be_allowed(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--mlspec-undecided=allow")

    result.stdout.fnmatch_lines(["*1 undecided in *"])
    assert result.ret == 0


def test_a_candidate_is_compared_with_what_main_saved(pytester: pytest.Pytester) -> None:
    text = CANDIDATE.read_text()
    file = pytester.makepyfile(candidate_against_main=text)
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", str(file))

    alone = pytester.runpytest_subprocess(*plain)
    on_main = pytester.runpytest_subprocess(*plain, "--mlspec-save=main", "--mlspec-update")
    unchanged = pytester.runpytest_subprocess(*plain, "--mlspec-baseline=main")
    assert text.count("HIDDEN = 32") == 1
    file.write_text(text.replace("HIDDEN = 32", "HIDDEN = 3"))
    weaker = pytester.runpytest_subprocess(*plain, "--mlspec-baseline=main")

    alone.assert_outcomes(passed=1, failed=2)
    alone.stdout.fnmatch_lines(["NOT JUDGED READ-2*no baseline*", "NOT JUDGED READ-3*no record*"])
    assert on_main.ret == 0
    on_main.stdout.fnmatch_lines(["FIRST BASELINE READ-2*", "baseline main saved: 1 model on 1 dataset"])
    assert unchanged.ret == 0
    unchanged.stdout.fnmatch_lines(["TRACKED READ-3*not told apart from the best*", "reader: 5 members: 5 reused*"])
    assert weaker.ret == 1
    weaker.stdout.fnmatch_lines(["VIOLATED READ-2*", "VIOLATED READ-3*worse than the best*", "*5 members: trained*"])


def test_the_main_run_leaves_only_these_files_out() -> None:
    """And the printer of the case studies' tables, which holds no test."""
    left_out = sorted(path.name for path in EXAMPLES.glob("*.py") if not path.name.startswith("test_"))

    assert left_out == ["candidate_against_main.py", "studies.py", "undecided_diabetes.py"]
    assert "def test_" not in (EXAMPLES / "studies.py").read_text()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("test_*.py")), ids=lambda path: path.name)
def test_every_red_state_is_a_strict_xfail(path: Path) -> None:
    text = path.read_text()

    assert "skip" not in text
    assert text.count("pytest.mark.xfail(") == text.count("pytest.mark.xfail(strict=True")
