"""Every block of README runs, with the outcome that README declares.

A block is announced by a comment: ``<!-- file: NAME | passed=1 failed=1 | needs=FILE -->`` (a test file and its
outcomes), ``<!-- output: NAME -->`` (lines that running that file prints) or ``<!-- command: NAME -->`` (run word for
word by ``.ci/run``). An output may name ``| ini=LINE``, ``| options=OPTIONS``, and an earlier run with other options
and another text: ``| before=OPTIONS | edit=OLD => NEW``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_mlspec.data.bundled import breast_cancer

README = Path(__file__).parents[1] / "README.md"
CI_SCRIPT = README.parent / ".ci" / "run"
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    mark: str
    language: str
    text: str

    @property
    def name(self) -> str:
        return self.mark.partition(":")[2].split("|")[0].strip()

    def given(self, key: str) -> str:
        """What the mark says under a key; empty where it says nothing."""
        parts = (part.strip().partition("=") for part in self.mark.split(" | ")[1:])
        return next((value for name, _, value in parts if name == key), "")


def blocks(kind: str = "") -> list[Block]:
    found = [
        Block(mark=m["mark"] or "", language=m["language"], text=m["text"]) for m in BLOCK.finditer(README.read_text())
    ]
    return [block for block in found if block.mark.startswith(kind)]


@pytest.fixture
def trained(pytester: pytest.Pytester) -> None:
    """The trained model that a block loads."""
    data = breast_cancer().train
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.X, data.y)
    joblib.dump(model, pytester.path / "model.joblib")


def run_block(pytester: pytest.Pytester, block: Block, *options: str, ini: str = "") -> pytest.RunResult:
    pytester.makeini(f"[pytest]\n{ini}\n")
    (pytester.path / block.name).write_text(block.text)
    return pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options, block.name)


@pytest.mark.parametrize("block", blocks("file:"), ids=lambda block: block.name)
@pytest.mark.usefixtures("trained")
def test_a_file_has_the_outcomes_that_readme_declares(pytester: pytest.Pytester, block: Block) -> None:
    declared = {name: int(count) for name, count in re.findall(r"(passed|failed)=(\d+)", block.mark)}

    result = run_block(pytester, block)

    assert declared
    result.assert_outcomes(**declared)


@pytest.mark.parametrize("block", blocks("output:"), ids=lambda block: block.name)
def test_a_file_prints_what_readme_shows(pytester: pytest.Pytester, block: Block) -> None:
    (file,) = (other for other in blocks("file:") if other.name == block.name)
    ini, before, edit = block.given("ini"), block.given("before"), block.given("edit")

    if before:
        run_block(pytester, file, *before.split(), ini=ini)
    if edit:
        old, new = edit.split(" => ")
        assert file.text.count(old) == 1
        file = replace(file, text=file.text.replace(old, new))
    printed = run_block(pytester, file, *block.given("options").split(), ini=ini).outlines

    lines = [line for line in block.text.splitlines() if line.strip()]
    assert lines
    assert [line for line in lines if line not in printed] == []


@pytest.mark.parametrize("block", blocks("command:"), ids=lambda block: block.name)
def test_ci_runs_the_commands(block: Block) -> None:
    assert f"readme_command {block.name}" in CI_SCRIPT.read_text()


def test_the_ci_job_uses_options_that_exist(pytester: pytest.Pytester) -> None:
    (job,) = (block for block in blocks() if block.language == "yaml")
    (command,) = re.findall(r"run: pytest (.*)", job.text)
    options = command.replace('"$GITHUB_STEP_SUMMARY"', "summary.md").split()
    (first,) = (block for block in blocks("file:") if block.name == "test_screening.py")

    result = run_block(pytester, first, *options)

    assert result.ret == 0
    assert (pytester.path / "summary.md").read_text().startswith("### Model requirements: 1 met")


def test_the_waivers_can_be_read(tmp_path: Path) -> None:
    from datetime import date

    from pytest_mlspec.records.waivers import read_waivers

    (block,) = (block for block in blocks() if block.language == "toml")
    file = tmp_path / "mlspec-waivers.toml"
    file.write_text(block.text)

    (waiver,) = read_waivers(file, date(2026, 11, 1))

    assert (waiver.requirement, waiver.owner, waiver.expires) == ("FAIR-1", "Ada Lovelace", date(2027, 1, 31))


def test_no_block_is_left_out() -> None:
    unknown = [block.text[:60] for block in blocks() if not block.mark and block.language not in ("yaml", "toml")]
    assert unknown == []


def test_the_naive_gate_of_the_introduction() -> None:
    """Floor 0.90 on 200 examples: 180 hits pass, and a model of true accuracy 0.88 has them one time in four."""
    from scipy.stats import binom

    assert binom.sf(179, 200, 0.88) == pytest.approx(1 / 4, abs=0.03)
