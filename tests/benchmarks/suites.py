"""Throw-away suites that are run in this process, beside nothing but this plugin."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

import pytest

import pytest_mlspec

MATERIAL = "benchmark_material"
"""The name under which a suite imports what its benchmark has prepared."""


def prepare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, **material: object) -> None:
    """Make ready to run a suite: other plugins stay out, and what it imports has been imported before."""
    for name in ("CI", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_mlspec.plugin")
    # pytester forgets every module that an inner run is the first to import.
    for module in pkgutil.walk_packages(pytest_mlspec.__path__, "pytest_mlspec."):
        importlib.import_module(module.name)
    made = ModuleType(MATERIAL)
    vars(made).update(material)
    monkeypatch.setitem(sys.modules, MATERIAL, made)


def passes(pytester: pytest.Pytester, n_tests: int, *arguments: str) -> None:
    """Run the suite and make sure that all its tests pass: an early failure would look cheap."""
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", *arguments)
    result.assert_outcomes(passed=n_tests)
