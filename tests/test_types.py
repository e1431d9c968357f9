"""The typed markers: completion for the editor means type errors for typos, by mypy, in a project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

api = pytest.importorskip("mypy.api", reason="mypy comes with the dev extra")

HEAD = """\
import pytest_mlspec as mlspec
from pytest_mlspec import Dataset, Domain, Ensemble, Predictions, calibration, metrics, non_inferiority, optimizing
from pytest_mlspec import parity, perturbations, reliance, satisficing, seed_variance, stress, underspecification
"""
GOOD = """
@satisficing(at_least=0.9, id="A", because="b", members="mean", confidence=0.99)
def test_level() -> None: ...

@satisficing(max_failure_rate=0.01, delta=2.0, members=0.9)
def test_failures() -> None: ...

@calibration(max_ece=0.05, bins=15)
def test_calibration() -> None: ...

@parity(by=["sex", "age_band"], max_gap=0.1)
def test_parity() -> None: ...

@seed_variance(max_std=0.01)
def test_spread() -> None: ...

@stress(shift="corruption", max_drop=0.1)
def test_drop() -> None: ...

@underspecification(shift="domain", max_ratio=3, max_std=0.01, equal_within=0.02)
def test_seeds_under_shift() -> None: ...

@reliance(on=["x3", 2], max_share=0.1)
def test_reliance() -> None: ...

@non_inferiority(margin=0.01, by="sex", expect=0.0)
def test_no_worse() -> None: ...

@non_inferiority(superiority=0.02, looks=(500, 1000), spending="pocock")
def test_better() -> None: ...

@optimizing(metric="accuracy", members="mean", id="BEST", because="as good as it was")
def test_tracked() -> None: ...

@satisficing(at_least=0.9, looks=[500, 1000], spending="even", expect=0.95)
def test_at_looks() -> None: ...

@parity(by="sex", max_gap=0.1, anytime=True)
def test_at_any_time() -> None: ...

@mlspec.ensemble(seeds=3, version="2", depends_on=["data/raw.parquet"])
def model(seed: int) -> object: ...

@mlspec.ensemble(seeds=3, cache=False)
def anew(seed: int) -> object: ...

counted = Dataset([[0.0], [1.0]], [0, 1], budget=20)

def test_shifted(ensemble: Ensemble, data: Dataset) -> None:
    fog = data.perturb(perturbations.contrast(3, shape=(8, 8)))
    assert metrics.accuracy(ensemble, data) - metrics.accuracy(ensemble, fog) <= 0.1
    assert metrics.accuracy(ensemble, fog).seed_std() / metrics.accuracy(ensemble, data).seed_std() <= 3
    assert metrics.recall(ensemble, fog).over(Domain({"light": ["day", "night"]})) >= 0.9
    assert abs(metrics.mean_change(ensemble, data, fog)) <= 0.1

def test_numbers(ensemble: Ensemble, data: Dataset) -> None:
    assert metrics.recall(ensemble, data).gap(by="sex") <= 0.1
    assert metrics.accuracy(Predictions(y=[0, 1], labels=[0, 1])) >= 0.9
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, so that mypy reads NumPy once."""
    return tmp_path_factory.mktemp("typed")


def check(folder: Path, body: str) -> tuple[str, int]:
    file = folder / "test_user.py"
    file.write_text(HEAD + body)
    out, _, status = api.run(["--strict", "--ignore-missing-imports", f"--cache-dir={folder / 'cache'}", str(file)])
    return out, status


def test_what_the_documentation_shows_has_no_type_error(folder: Path) -> None:
    out, status = check(folder, GOOD)

    assert (out.strip(), status) == ("Success: no issues found in 1 source file", 0)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("@satisficing(at_leest=0.9)", 'Unexpected keyword argument "at_leest" for "satisficing"'),
        ("@satisficing(at_least='0.9')", 'Argument "at_least" to "satisficing" has incompatible type "str"'),
        ("@satisficing(0.9)", "Too many positional arguments"),
        ("@stress(max_drop=0.1)", 'Missing named argument "shift" for "stress"'),
        ("@stress(shift='fog', max_drop=0.1)", 'Argument "shift" to "stress" has incompatible type'),
        (
            "@underspecification(shift='label', max_ratio=3)",
            'Missing named argument "equal_within" for "underspecification"',
        ),
        ("@reliance(max_drop=0.1)", 'Missing named argument "on" for "reliance"'),
        ("@parity(max_gap=0.1)", 'Missing named argument "by" for "parity"'),
        ("@seed_variance()", 'Missing named argument "max_std" for "seed_variance"'),
        ("@satisficing(at_least=0.9, spending='all')", 'Argument "spending" to "satisficing" has incompatible type'),
        ("@satisficing(at_least=0.9, looks=500)", 'Argument "looks" to "satisficing" has incompatible type "int"'),
        ("@satisficing(at_least=0.9, expect='high')", 'Argument "expect" to "satisficing" has incompatible type "str"'),
        ("@seed_variance(max_std=0.1, looks=[500])", 'Unexpected keyword argument "looks" for "seed_variance"'),
        ("@non_inferiority(margin='1%')", 'Argument "margin" to "non_inferiority" has incompatible type "str"'),
        ("@optimizing(at_least=0.9)", 'Unexpected keyword argument "at_least" for "optimizing"'),
        ("@optimizing(members=0.9)", 'Argument "members" to "optimizing" has incompatible type "float"'),
        ("@satisficing(at_least=0.9, members='all')", 'Argument "members" to "satisficing" has incompatible type'),
    ],
)
def test_a_typo_is_a_type_error(folder: Path, line: str, error: str) -> None:
    out, status = check(folder, f"\n{line}\ndef test_typo() -> None: ...\n")

    assert error in out
    assert status == 1
