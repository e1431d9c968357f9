"""Every example in a docstring of the package runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pytest_mlspec

MODULES = sorted(module.name for module in pkgutil.walk_packages(pytest_mlspec.__path__, "pytest_mlspec."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test.name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]

    assert "pytest_mlspec.training.ensemble.Ensemble.fit" in found
    assert "pytest_mlspec.metrics.rates.accuracy" in found
