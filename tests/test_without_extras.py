"""Without the extras: the core judges all the same, and what needs an extra names the command that installs it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

EXTRAS = ("torch", "netcal", "hypothesis", "pandas", "polars", "skorch")
BLOCK = f"""
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""


def run(body: str) -> str:
    """Run a program in a fresh process in which no extra can be found."""
    command = [sys.executable, "-c", BLOCK + textwrap.dedent(body)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_core_trains_measures_and_judges() -> None:
    out = run(
        """
        from sklearn.ensemble import RandomForestClassifier
        from pytest_mlspec import Ensemble, metrics
        from pytest_mlspec.data.bundled import breast_cancer

        data = breast_cancer()
        forest = Ensemble.fit(
            lambda seed: RandomForestClassifier(20, random_state=seed).fit(data.train.X, data.train.y), 2, name="forest"
        )
        print((metrics.recall(forest, data.test, threshold=0.3) >= 0.5).outcome)
        print((metrics.ece(forest, data.test) <= 0.9).outcome)
        print((metrics.accuracy(forest, data.test).gap(by="label") <= 0.9).outcome)
        """
    )

    assert out.split() == ["met", "met", "met"]


def test_recalibration_names_the_extra_that_it_needs() -> None:
    out = run(
        """
        from sklearn.linear_model import LogisticRegression
        from pytest_mlspec import recalibrate
        from pytest_mlspec.data.bundled import breast_cancer

        data = breast_cancer()
        model = LogisticRegression(max_iter=5000).fit(data.train.X, data.train.y)
        try:
            recalibrate(model, data.test)
        except ImportError as error:
            print(error)
        """
    )

    assert out == "recalibration needs netcal: pip install 'pytest-mlspec[netcal]'"


def test_a_torch_tensor_is_not_needed_to_know_that_there_is_none() -> None:
    out = run(
        """
        import sys
        from pytest_mlspec import Dataset
        print(len(Dataset([[1.0], [2.0]], [0, 1])), "torch" in sys.modules)
        """
    )

    assert out == "2 False"
