"""Installed and never used: whole runs of pytest with the plugin against runs without it."""

from __future__ import annotations

import compileall
import shutil
import venv
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import pytest_mlspec
from tests.benchmarks import ratio

pytestmark = pytest.mark.benchmark

PAIRS, PAIRS_WITH_TESTS, N_TESTS = 60, 10, 1_000
WITHOUT = ("-p", "no:mlspec")
PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds pytest and this package as its wheel would, and nothing else.

    Other plugins would be in both runs of a pair and hide what ours costs. What the package depends on is left out:
    an unused plugin imports none of it.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    site = next(folder.glob("[Ll]ib/**/site-packages"))
    for name in PYTEST:
        _copy_distribution(name, site)
    _install_this_package(site)
    compileall.compile_dir(site, quiet=2)
    return next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())


def _copy_distribution(name: str, site: Path) -> None:
    for file in metadata.distribution(name).files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), site / file)


def _install_this_package(site: Path) -> None:
    """The modules and what a wheel says about them: here the package may be installed in editable form."""
    source = Path(pytest_mlspec.__path__[0])
    shutil.copytree(source, site / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    said = site / f"pytest_mlspec-{pytest_mlspec.__version__}.dist-info"
    said.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (said / name).write_text(metadata.distribution("pytest-mlspec").read_text(name) or "", encoding="utf-8")
    files = (path.relative_to(site).as_posix() for path in (*(site / source.name).rglob("*"), *said.iterdir()))
    (said / "RECORD").write_text("".join(f"{file},,\n" for file in sorted(files) if "." in file), encoding="utf-8")


def _pairs(python: Path, folder: Path, pairs: int) -> tuple[ratio.Measured, ratio.Measured]:
    """Wall and processor seconds of runs with the plugin and without it."""
    ours: list[ratio.Process] = []
    theirs: list[ratio.Process] = []

    def timed(found: list[ratio.Process], *options: str) -> Callable[[], float]:
        def measure() -> float:
            found.append(ratio.run([python, "-m", "pytest", "-q", *options], folder))
            return found[-1].wall

        return measure

    wall = ratio.in_turn(timed(ours), timed(theirs, *WITHOUT), pairs)
    return wall, (tuple(one.cpu for one in ours[1:]), tuple(one.cpu for one in theirs[1:]))  # the first warm up


def _seen(python: Path, folder: Path, *options: str) -> bool:
    ratio.run([python, "-m", "pytest", "--help", *options], folder)
    return "--mlspec-list" in (folder / "output.txt").read_text(encoding="utf-8")


def test_an_empty_run_takes_at_most_a_twentieth_longer(python: Path, tmp_path: Path, hold: Callable[..., None]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert _seen(python, tmp_path)
    assert not _seen(python, tmp_path, *WITHOUT)

    wall, cpu = _pairs(python, tmp_path, PAIRS)

    what, peer = "unused, an empty run of pytest", "the same with `-p no:mlspec`"
    hold(
        ratio.row(f"{what}, wall time, {PAIRS} pairs", peer, wall, at_most=1.05),
        ratio.row(f"{what}, processor time", peer, cpu),
    )


def test_what_strangers_tests_pay(python: Path, tmp_path: Path, hold: Callable[..., None]) -> None:
    """A thousand tests that do nothing: what every test of a suite pays that does not use the plugin."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_strangers.py").write_text(
        f"import pytest\n\n@pytest.mark.parametrize('n', range({N_TESTS}))\ndef test_nothing(n):\n    pass\n"
    )

    _, cpu = _pairs(python, tmp_path, PAIRS_WITH_TESTS)

    name = f"unused, {N_TESTS:,} tests that do nothing, processor time"
    hold(ratio.row(name, "the same with `-p no:mlspec`", cpu))
