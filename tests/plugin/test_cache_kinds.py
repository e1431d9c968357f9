"""Members of every kind outlive a run: estimators, pipelines, modules, closures; what cannot be kept is said."""

from __future__ import annotations

import pytest

CONFTEST = """
import threading
import numpy as np
import pytest_mlspec as mlspec
import torch
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, rows):
        return self.drop(self.layer(torch.as_tensor(rows, dtype=torch.float32)))

class Locked:
    def __init__(self, seed):
        self.seed, self.lock = seed, threading.Lock()

    def predict(self, rows):
        return (rows[:, 0] > self.seed / 100).astype(int)

@mlspec.dataset
def street():
    rows = np.random.default_rng(0).normal(size=(400, 3))
    return mlspec.Dataset(rows, (rows[:, 0] > 0).astype(int), positive=1).split(test=0.5, seed=0)

@mlspec.ensemble(seeds=3)
def pipeline(seed, street):
    model = make_pipeline(FunctionTransformer(np.tanh), SGDClassifier(loss="log_loss", random_state=seed))
    return model.fit(street.train.X, street.train.y)

@mlspec.ensemble(seeds=3, output="logits", classes=[0, 1])
def net(seed, street):
    return Net()

@mlspec.ensemble(seeds=3, output="labels")
def closure(seed, street):
    limit = np.random.default_rng(seed).normal(0, 0.01, 200)
    return lambda rows: (rows[:, 0] > limit[0]).astype(int)

@mlspec.ensemble(seeds=3)
def locked(seed, street):
    return Locked(seed)
"""
BODY = """
import conftest

@pytest.mark.satisficing(at_least=0.6)
def test_members(pipeline, net, closure, locked, street, requirement):
    assert metrics.accuracy(pipeline, street.test) >= requirement
    assert all(type(member) is conftest.Net for member in net)
    values = [metrics.accuracy(model, street.test).values.tolist() for model in (pipeline, net, closure, locked)]
    open("values", "a").write(f"{values}\\n")
"""


def test_members_of_every_kind_are_the_same_in_the_second_run(suite):
    pytest.importorskip("torch")

    first = suite.run(BODY, "-v", subprocess=True, conftest=CONFTEST)
    second = suite.again("-v", subprocess=True)

    first.assert_outcomes(passed=1)
    second.assert_outcomes(passed=1)
    once, again = (suite.pytester.path / "values").read_text().splitlines()
    assert once == again
    second.stdout.fnmatch_lines(["*pipeline: 3 members: * reused*"])
    second.stdout.fnmatch_lines([f"*{name}: 3 members: 3 reused*" for name in ("net", "closure")])
    for result in (first, second):
        result.stdout.fnmatch_lines(["*locked: 3 members: trained *not kept*its content cannot be read*"])
    cache = suite.pytester.path / ".mlspec_cache"
    assert len(list(cache.glob("fits/*/*/tensors-0.safetensors"))) == 1, "one stacked file for the three modules"
    assert not list((cache / "drafts").iterdir())
