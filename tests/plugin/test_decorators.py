"""What `@mlspec.dataset` and `@mlspec.ensemble` refuse, and their use where no pytest runs."""

from __future__ import annotations

import pytest

import pytest_mlspec as mlspec
from pytest_mlspec import Dataset

# ---- decoration ----------------------------------------------------------------------------------------------------


def generator(seed: int) -> object:
    """A fixture in pytest's usual form."""
    yield seed


async def coroutine(seed: int) -> object:
    """A coroutine."""


class Holder:
    """Where methods live."""

    def method(self, seed: int) -> object:
        """A method."""


@pytest.mark.parametrize(
    "decorator", [mlspec.ensemble, mlspec.ensemble(seeds=2), mlspec.dataset, mlspec.dataset(name="x")]
)
@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (generator, "goes on a function that returns, got the generator generator: return, do not yield"),
        (coroutine, "goes on a plain function, got the coroutine coroutine"),
        (Holder.method, "goes on a module-level function, got the method Holder.method"),
        (Holder, "goes on a plain function, got <class"),
    ],
)
def test_what_cannot_be_decorated(decorator, function, answer):
    with pytest.raises(TypeError, match=f"^@mlspec.(ensemble|dataset) {answer}"):
        decorator(function)


def test_an_ensemble_needs_a_seed():
    with pytest.raises(TypeError, match=r"expects a function with a parameter `seed`, got train\(data\): every member"):

        @mlspec.ensemble
        def train(data: object) -> object:
            """No seed."""


@pytest.mark.parametrize("seeds", [0, -1, True, 2.5, "3", [], [1, 1], [-1], [0.5]])
def test_seeds_are_checked_at_decoration(seeds):
    with pytest.raises((TypeError, ValueError), match="seeds"):
        mlspec.ensemble(seeds=seeds)(lambda seed: seed)


# ---- without pytest ------------------------------------------------------------------------------------------------


def test_a_notebook_needs_no_pytest(suite):
    result = suite.pytester.runpython_c(
        """
import sys
import numpy as np
from pytest_mlspec import Dataset, Ensemble, Predictions, Undecided, metrics

data = Dataset(np.arange(1000), np.ones(1000, int), classes=[0, 1], positive=1, name="street.test")
model = Ensemble.fit(lambda seed: lambda rows: np.where(rows == seed, 0, 1), 3, output="labels", classes=[0, 1])
verdict = metrics.recall(model, data) >= 0.9
print(verdict, bool(verdict), "pytest" in sys.modules)
few = metrics.recall(Predictions(y=[1] * 10, labels=[1] * 9 + [0], classes=[0, 1], positive=1))
try:
    bool(few >= 0.9)
except Undecided as error:
    print(str(error).splitlines()[0])
""".strip()
    )

    assert result.errlines == []
    assert result.outlines == ["<Verdict MET recall >= 0.90> True False", "UNDECIDED recall >= 0.90"]


def test_a_decorated_function_is_a_fixture_and_says_so():
    @mlspec.dataset
    def street() -> Dataset:
        """Data."""
        return Dataset([[0.0], [1.0]], [0, 1])

    with pytest.raises(pytest.fail.Exception, match='Fixture "street" called directly'):
        street()
