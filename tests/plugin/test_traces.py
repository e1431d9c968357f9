"""What a run leaves behind: nothing where it judged and trained nothing, and only what it was asked for elsewhere."""

from __future__ import annotations

import pytest

PLAIN = """
def test_plain(tmp_path):
    assert tmp_path.is_dir()
"""
TRAINED = """
import pytest_mlspec as mlspec
from sklearn.dummy import DummyClassifier

@mlspec.ensemble(seeds=1)
def model(seed, breast_cancer):
    return DummyClassifier(strategy="most_frequent").fit(breast_cancer.train.X, breast_cancer.train.y)

@pytest.mark.satisficing(at_least=0.2)
def test_trained(model, breast_cancer, requirement):
    assert metrics.accuracy(model, breast_cancer.test) >= requirement
"""
CONFIGURED = "[pytest]\nmlspec_ledger = deep/reads.sqlite\nmlspec_ladder = 0.01\n"


def traces(suite, body, *arguments, ini="[pytest]\n"):
    """The names that a run adds to the folder of its suite, but for those of pytester and Python themselves."""
    folder = suite.pytester.path
    suite.pytester.makefile(".ini", pytest=ini)
    suite.write(body)
    before = {path.name for path in folder.iterdir()}
    suite.again("-p", "no:cacheprovider", *arguments, subprocess=True)
    added = {path.name for path in folder.iterdir()} - before
    return {name for name in added - {"__pycache__", "stdout", "stderr"} if not name.startswith("runpytest-")}


@pytest.mark.parametrize("ini", ["[pytest]\n", CONFIGURED], ids=["bare", "configured"])
@pytest.mark.parametrize("arguments", [(), ("--mlspec-plan",), ("--mlspec-seeds=auto",)], ids=str)
def test_a_run_without_requirements_leaves_nothing(suite, arguments, ini):
    assert traces(suite, PLAIN, *arguments, ini=ini) == set()


@pytest.mark.parametrize("question", ["--mlspec-list", "--mlspec-plan", "--collect-only", "--setup-plan"])
def test_a_question_leaves_nothing(suite, question):
    assert traces(suite, TRAINED, question, ini=CONFIGURED) == set()


def test_a_run_that_trains_leaves_its_cache_and_nothing_else(suite):
    assert traces(suite, TRAINED) == {".mlspec_cache"}


def test_a_run_that_trains_without_a_cache_leaves_nothing(suite):
    assert traces(suite, TRAINED, "--mlspec-cache=off") == set()
