"""Models and data whose figures under a shift can be counted: a model that reads the label off a column of X."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_mlspec import Dataset, Ensemble, Splits

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reads:
    """Says 1 where a column of X is above one half; knows nothing else."""

    column: int = 0

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """Both labels."""
        return np.array([0, 1])

    def predict(self, X: Array) -> npt.NDArray[np.int64]:
        """(examples,) labels."""
        return (X[:, self.column] > 0.5).astype(np.int64)


def splits(n: int = 1000, *, wrong: int = 0, light: bool = False) -> Splits:
    """Two columns of X repeat the label, but for `wrong` rows of the test part; `dark` is wrong in a half.

    A third column numbers the cases, of which the two parts have none in common.
    """
    y = np.tile([0, 1], n // 2)
    X = np.stack([y, y, np.arange(n)], axis=1).astype(float)
    test = X.copy()
    test[:wrong, :2] = 1 - test[:wrong, :2]
    dark = X + [0, 0, n]
    dark[: n // 2, :2] = 1 - dark[: n // 2, :2]
    row = np.arange(n)
    columns = {"light": np.where(row % 4 < 2, "day", "night")} if light else {}
    train = Dataset(X[:2] + 0.01, y[:2], columns={name: values[:2] for name, values in columns.items()})
    parts = {
        "train": train,
        "test": Dataset(test, y, columns=columns, ids=[f"test {i}" for i in row]),
        "dark": Dataset(dark[::-1], y[::-1], columns=columns, ids=[f"dark {i}" for i in row]),
    }
    return Splits(name="street", max_duplicates=1.0, **parts)


def flips(share: float, *, column: int = 0) -> Callable[[Array], Array]:
    """A perturbation that reverses one column in the last rows."""

    def flip(X: Array) -> Array:
        start = len(X) - round(share * len(X))
        X[start:, column] = 1 - X[start:, column]
        return X

    return flip


@dataclass(frozen=True, eq=False)
class Errs:
    """Right but for the rows whose second column it has learnt to fear: a share of its own."""

    share: float
    clean: float = 0.0

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """Both labels."""
        return np.array([0, 1])

    def predict(self, X: Array) -> npt.NDArray[np.int64]:
        """(examples,) labels: wrong in a random share of rows, another one where column 1 is negative."""
        rng = np.random.default_rng(round(1e6 * self.share + 1e9 * self.clean) % 2**32)
        shifted = X[:, 1] < 0
        wrong = rng.random(len(X)) < np.where(shifted, self.share, self.clean)
        return np.where(wrong, 1 - X[:, 0], X[:, 0]).astype(np.int64)


def retrainings(shares: list[float], clean: list[float] | None = None) -> Ensemble:
    """Members with these error rates on shifted rows, and on clean ones."""
    errors = clean or [0.02] * len(shares)
    members = tuple(Errs(share=share, clean=error) for share, error in zip(shares, errors, strict=True))
    return Ensemble(
        members=members, seeds=tuple(range(len(shares))), name="detector", declared=len(members), retrained=True
    )


def shifted(X: Array) -> Array:
    """Marks every row as shifted."""
    X[:, 1] = -1.0
    return X
