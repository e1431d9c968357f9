"""The structure that CONTRIBUTING describes, proved: the direction of imports, the catalogue, the public names."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_mlspec
from pytest_mlspec.requirements.catalogue import CATALOGUE, kind, may_ask

ROOT = Path(__file__).parents[1]


def test_imports_point_one_way() -> None:
    pytest.importorskip("importlinter", reason="import-linter comes with the dev extra")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "0 broken" in result.stdout, result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_kind_is_its_name_everywhere(name: str) -> None:
    """File, marker, catalogue line and typed twin carry one name."""
    assert kind(name).name == name
    assert getattr(pytest_mlspec, name).__name__ == name
    assert (ROOT / "pytest_mlspec" / "requirements" / f"{name}.py").is_file()


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_typed_twin_takes_what_its_kind_reads(name: str) -> None:
    taken = set(inspect.signature(getattr(pytest_mlspec, name)).parameters)

    assert taken == {keyword.name for keyword in kind(name).keywords}


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_line_of_a_kind_names_every_limit(name: str) -> None:
    assert [limit.name for limit in kind(name).limits if f"{limit.name}=" not in CATALOGUE[name]] == []


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_quick_look_at_marks_lets_typos_through(name: str) -> None:
    assert may_ask(name, {})
    assert may_ask(name[:-1], {"limit": 1})
    assert not may_ask("parametrize", {"ids": "abc"})


@pytest.mark.parametrize("name", pytest_mlspec.__all__)
def test_every_public_name_resolves_and_is_documented(name: str) -> None:
    assert (getattr(pytest_mlspec, name).__doc__ or "").strip()


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'satisfacing'"):
        pytest_mlspec.satisfacing  # noqa: B018
