"""Real data that comes with scikit-learn, half of it held out; nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_mlspec.data.dataset import Dataset
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.data.splits import Splits

_AGE_LIMITS = (40, 60)
_AGE_BANDS = ("under 40", "40-59", "60+")


def digits() -> Splits:
    """1,797 handwritten digits of 8 x 8 pixels, ten classes 0 to 9, half held out.

    Returns:
        ``train`` and ``test``; X of shape (examples, 64), float64 intensities from 0 to 16, y the digit.

    Source:
        Alpaydin & Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository (1998),
        as ``sklearn.datasets.load_digits`` gives it.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _halves(Dataset(bunch.data.astype(np.float64), bunch.target, name="digits"), stratify=True)


def breast_cancer() -> Splits:
    """569 breast masses, 30 measurements of their cell nuclei each, half held out; the positive class is malignant.

    scikit-learn codes malignant as 0 and benign as 1, so that its plain recall is that of *benign*; here labels are
    text.

    Returns:
        ``train`` and ``test``; X of shape (examples, 30), float64, y ``"malignant"`` or ``"benign"``.

    Source:
        Street, Wolberg & Mangasarian, "Nuclear feature extraction for breast tumor diagnosis" (1993), as
        ``sklearn.datasets.load_breast_cancer`` gives it.
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    labels = bunch.target_names[bunch.target].astype(str)
    return _halves(Dataset(bunch.data, labels, positive="malignant", name="breast_cancer"), stratify=True)


def diabetes() -> Splits:
    """442 patients with diabetes, ten baseline variables each, half held out; y is the disease progression in a year.

    Returns:
        ``train`` and ``test``; X of shape (examples, 10), float64 in original units (age in years, sex, bmi, bp,
        s1 to s6), y a float from 25 to 346. Columns: ``sex`` (``"sex_1"`` or ``"sex_2"``: the source does not say
        which is which), ``age`` in years, ``age_band`` (``"under 40"``, ``"40-59"``, ``"60+"``).

    Source:
        Efron, Hastie, Johnstone & Tibshirani, "Least angle regression" (2004), as
        ``sklearn.datasets.load_diabetes(scaled=False)`` gives it.
    """
    patients = _patients()
    data = Dataset(patients.X, patients.progression, columns=patients.columns, name="diabetes")
    return _halves(data, stratify=False)


def diabetes_high(above: float = 150.0) -> Splits:
    """The patients of :func:`diabetes` with y ``"high"`` where the progression is above a threshold, else ``"low"``.

    Args:
        above: the threshold, in the units of the progression (25 to 346; median 140.5). 150 makes 200 of 442 high.

    Returns:
        ``train`` and ``test`` as in :func:`diabetes`, half held out, positive class ``"high"``.

    Raises:
        ValueError: a threshold that leaves fewer than two patients on one side.
    """
    patients = _patients()
    high = patients.progression > above
    if min(high.sum(), (~high).sum()) < 2:
        raise ValueError(f"expected a threshold between 25 and 346 with patients on both sides; got above={above!r}")
    labels = np.where(high, "high", "low")
    data = Dataset(patients.X, labels, columns=patients.columns, positive="high", name="diabetes_high")
    return _halves(data, stratify=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patients:
    X: Vector
    progression: Vector
    columns: dict[str, Vector]


def _patients() -> _Patients:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    names = list(bunch.feature_names)
    age = bunch.data[:, names.index("age")].astype(np.int64)
    sex = bunch.data[:, names.index("sex")].astype(np.int64)
    columns = {
        "sex": np.where(sex == 1, "sex_1", "sex_2"),
        "age": age,
        "age_band": np.asarray(_AGE_BANDS)[np.digitize(age, _AGE_LIMITS)],
    }
    return _Patients(X=bunch.data, progression=bunch.target.astype(np.float64), columns=columns)


def _halves(data: Dataset, *, stratify: bool) -> Splits:
    return data.split(test=0.5, stratify=stratify, seed=0)
