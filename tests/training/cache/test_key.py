"""The name of an ensemble in the cache: everything that its fits depend on, but the seed."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec.data import Dataset
from pytest_mlspec.training import Ensemble
from pytest_mlspec.training.cache import versions
from pytest_mlspec.training.cache.key import FitKey, declared_inputs, fit_key
from pytest_mlspec.training.cache.source import Sources
from pytest_mlspec.training.cache.versions import versions_of


def train(seed: int, data: object = None) -> int:
    return seed


def key(tmp_path: Path, arguments: dict[str, object] | None = None, **settings: object) -> FitKey:
    return fit_key(train, arguments or {}, settings, root=tmp_path, sources=Sources(tmp_path / "imports.json"))


def test_the_same_gives_the_same(tmp_path):
    assert key(tmp_path, {"data": [1, 2]}, threads=1) == key(tmp_path, {"data": [1, 2]}, threads=1)


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ({"data": [1, 3]}, {"threads": 1}),
        ({"data": (1, 2)}, {"threads": 1}),
        ({"other": [1, 2]}, {"threads": 1}),
        ({"data": [1, 2]}, {"threads": 2}),
        ({"data": [1, 2]}, {"threads": 1, "version": "2"}),
    ],
)
def test_anything_else_gives_another(tmp_path, arguments, settings):
    assert key(tmp_path, arguments, **settings).text != key(tmp_path, {"data": [1, 2]}, threads=1).text


def test_a_row_of_a_dataset(tmp_path):
    rows = np.arange(20.0).reshape(10, 2)
    changed = rows.copy()
    changed[7, 1] += 1e-9
    named = {name: Dataset(X, [0, 1] * 5, name="d") for name, X in {"a": rows, "b": rows.copy(), "c": changed}.items()}
    found = {name: key(tmp_path, {"data": data}).text for name, data in named.items()}

    assert found["a"] == found["b"] != found["c"]


def test_an_ensemble_counts_by_its_members_and_not_by_the_clock(tmp_path):
    class Model:
        def __init__(self, weight: float) -> None:
            self.weight = weight

        def predict(self, X: object) -> object:
            return X

    def fitted(weight: float, pause: float) -> Ensemble:
        return Ensemble.fit(lambda seed: (time.sleep(pause), Model(weight + seed))[1], 2, name="first")

    first, slower, other = fitted(1.0, 0.0), fitted(1.0, 0.02), fitted(2.0, 0.0)

    assert first.durations != slower.durations
    assert key(tmp_path, {"m": first}).text == key(tmp_path, {"m": slower}).text != key(tmp_path, {"m": other}).text


def test_global_settings_that_change_numbers(tmp_path):
    torch = pytest.importorskip("torch")
    import sklearn

    def named() -> str:
        return key(tmp_path, {"torch": torch.nn.Linear, "sklearn": sklearn.base.BaseEstimator}).text

    first = named()
    torch.set_default_dtype(torch.float64)
    try:
        assert named() != first
    finally:
        torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(True)
    try:
        assert named() != first
    finally:
        torch.use_deterministic_algorithms(False)
    with sklearn.config_context(transform_output="pandas"):
        assert named() != first
    assert named() == first


def test_versions_of_what_is_required_count_too(monkeypatch):
    found = versions_of(["sklearn"])

    assert found["scikit-learn"] == __import__("sklearn").__version__
    assert found["scipy"] == __import__("scipy").__version__
    assert "pytest" not in found

    record = versions._record
    monkeypatch.setattr(
        versions, "_record", lambda name: ("9.9", record(name)[1]) if name == "joblib" else record(name)
    )
    assert versions_of(["sklearn"]) == {**found, "joblib": "9.9"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("numpy>=1.24.1", "numpy"),
        ("tomli>=2; python_version < '3.0'", ""),
        ("filelock ; python_version >= '3.0'", "filelock"),
        ("pytest>=7; extra == 'tests'", ""),
        ('x; python_version >= "3.0" and extra == "tests"', ""),
        ("ruamel.yaml[jinja2]~=0.18", "ruamel.yaml"),
        ("???", ""),
    ],
)
def test_requirements_that_hold_here(text, name):
    assert versions._required(text) == name


def test_named_inputs(tmp_path):
    (tmp_path / "rows.csv").write_text("1")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("1")
    given = ["rows.csv", Path("images"), "v2", "https://host/data.csv", 3.4]
    first = declared_inputs(given, tmp_path)

    assert [first[name] for name in ("depends_on 2", "depends_on 3", "depends_on 4")] == given[2:]
    assert declared_inputs(given, tmp_path) == first
    (tmp_path / "rows.csv").write_text("2")
    second = declared_inputs(given, tmp_path)
    assert second != first
    (tmp_path / "images" / "b.png").write_text("1")
    assert declared_inputs(given, tmp_path) != second


@pytest.mark.parametrize("missing", ["other.csv", "data/rows", Path("rows")])
def test_a_named_input_that_is_missing(tmp_path, missing):
    words = re.escape(f"depends_on names {os.fspath(missing)!r}, and there is no file or folder")

    with pytest.raises(FileNotFoundError, match=words):
        declared_inputs([missing], tmp_path)


def test_an_edit_after_the_run_began_is_told(tmp_path):
    found = key(tmp_path)
    assert found.files == (Path(__file__),)

    assert found.edited_since(time.time_ns()) == ""
    assert found.edited_since(Path(__file__).stat().st_mtime_ns - 1) == Path(__file__).name


def test_what_cannot_be_read_is_said(tmp_path):
    assert key(tmp_path, {"data": sys.stdout}).unreadable == (
        f"the content of argument data ({type(sys.stdout).__name__}) cannot be read",
    )
    assert key(tmp_path, device=sys.stdout).unreadable == ("the content of its settings cannot be read",)
