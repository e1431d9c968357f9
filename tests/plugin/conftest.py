"""A throw-away test suite: `suite.run(body)` runs pytest on a file of a few lines and says what became of it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import textwrap
from dataclasses import dataclass
from typing import Any

import pytest

import pytest_mlspec

# pytester forgets every module that an inner run is the first to import, and NumPy cannot be imported twice.
for module in pkgutil.walk_packages(pytest_mlspec.__path__, "pytest_mlspec."):
    importlib.import_module(module.name)

MADE = '''
"""Predictions whose every figure can be counted by hand."""
import numpy as np
import pytest
from pytest_mlspec import Predictions, metrics


def rate(hits, n, **given):
    """Predictions that are right on `hits` of `n` cases, all of them positive: accuracy = recall = hits / n."""
    labels = np.repeat([1, 0], [hits, n - hits])
    return Predictions(y=np.ones(n, int), labels=labels, classes=[0, 1], positive=1, name="model", **given)


def groups(**counts):
    """Predictions by sex: `women=(218, 368)` found 218 of 368 positives among women."""
    labels = np.concatenate([np.repeat([1, 0], [hits, n - hits]) for hits, n in counts.values()])
    sex = np.repeat(list(counts), [n for _, n in counts.values()])
    return Predictions(
        y=np.ones(len(sex), int), labels=labels, classes=[0, 1], positive=1, name="model", columns={"sex": sex}
    )


# 95 % one-sided Clopper-Pearson bounds: 990/1000 is [0.983, 0.995], 500/1000 is [0.474, 0.526], 9/10 is [0.606, 0.995].
GOOD, BAD, FEW = rate(990, 1000), rate(500, 1000), rate(9, 10)
FAIR, UNFAIR = groups(women=(450, 500), men=(450, 500)), groups(women=(218, 368), men=(363, 424))
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One folder with tests to run."""

    pytester: pytest.Pytester

    def run(self, body: str, *args: str, subprocess: bool = False, **files: str) -> pytest.RunResult:
        """Run pytest on `test_it.py` with this body, in this process unless asked."""
        self.write(body, **files)
        return self.again(*args, subprocess=subprocess)

    def write(self, body: str, **files: str) -> None:
        """Write the tests and other modules without running them."""
        self.pytester.makepyfile(made=MADE)
        self.pytester.makepyfile(test_it="from made import *\n" + textwrap.dedent(body).strip("\n"))
        for name, text in files.items():
            self.pytester.makepyfile(**{name: textwrap.dedent(text)})

    def again(self, *args: str, subprocess: bool = False) -> pytest.RunResult:
        """Run what is there with no plugin but ours and those that the arguments name."""
        if subprocess:
            return self.pytester.runpytest_subprocess(*args, timeout=120)
        # The plugin is there already, which pytest 8 warns of.
        return self.pytester.runpytest_inprocess("-W", "ignore::pytest.PytestAssertRewriteWarning", *args)

    def ini(self, **values: str) -> None:
        """Write the project's configuration."""
        self.pytester.makeini("[pytest]\n" + "\n".join(f"{name} = {value}" for name, value in values.items()))

    def document(self) -> dict[str, Any]:
        """What `--mlspec-json=out.json` wrote."""
        found: dict[str, Any] = json.loads((self.pytester.path / "out.json").read_text(encoding="utf-8"))
        return found

    def outcomes(self, body: str, *args: str, subprocess: bool = False, **files: str) -> dict[str, str]:
        """The word that pytest prints for each test, by the name of the test."""
        result = self.run(body, "-v", *args, subprocess=subprocess, **files)
        return dict(re.findall(r"^test_it\.py::(\S+) ([A-Z]+)", result.stdout.str(), flags=re.MULTILINE))

    def verdicts(self, body: str, *args: str) -> dict[str, list[str]]:
        """The verdicts that each test put down, the worst first."""
        self.run(body, "--mlspec-json=out.json", *args)
        found: dict[str, list[str]] = {}
        for row in self.document()["requirements"]:
            found.setdefault(row["test"].partition("::")[2], []).append(row["verdict"])
        return found


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A folder with tests to run, as on a developer's machine: no CI, no options from the environment.

    Other installed plugins stay out unless a test names them: pytester would import some anew for every run.
    """
    for name in ("CI", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTHONOPTIMIZE", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_mlspec.plugin")
    return Suite(pytester=pytester)
