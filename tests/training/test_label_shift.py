"""Label-shift correction: right where only class frequencies change, harmful elsewhere, and honest about it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, ndtr, softmax
from sklearn.linear_model import LogisticRegression

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.running import RECORDER
from pytest_mlspec.training import Ensemble
from pytest_mlspec.training.label_shift import correct_label_shift
from pytest_mlspec.verdict import Outcome

# x | y ~ N(-+d / 2, 1): the best accuracy is Phi(d / 2) = 0.78 at equal frequencies
D = 1.5443864


def drawn(n: int, seed: int, *, positive: float = 0.5, moved: float = 0.0, name: str = "") -> Dataset:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < positive).astype(int)
    x = rng.normal((y - 0.5) * D + moved, 1.0)
    return Dataset(x[:, None], y, name=name)


def best_accuracy(positive: float) -> float:
    """Of the rule that knows the frequencies: x above -ln(odds) / d."""
    edge = -np.log(positive / (1 - positive)) / D
    return float(positive * ndtr(D / 2 - edge) + (1 - positive) * ndtr(edge + D / 2))


class TwoNormals:
    """Knows the law of x given y, and takes both classes for equally frequent."""

    def __init__(self) -> None:
        self.classes_ = np.array([0, 1])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        positive = expit(D * X[:, 0])
        return np.stack([1 - positive, positive], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_accuracy_goes_from_78_to_91_percent_where_priors_go_from_half_to_nine_tenths(seed: int) -> None:
    root = 100 * seed
    train, validation, target = drawn(4000, root), drawn(3000, root + 1), drawn(5000, root + 2, positive=0.9)
    model = LogisticRegression().fit(train.X, train.y)

    corrected = correct_label_shift(model, validation, target)

    assert best_accuracy(0.5) == pytest.approx(0.78, abs=1e-3)
    assert best_accuracy(0.9) == pytest.approx(0.913, abs=1e-3)
    assert metrics.accuracy(model, target).value == pytest.approx(0.78, abs=0.02)
    assert metrics.accuracy(corrected, target).value == pytest.approx(0.913, abs=0.02)
    assert corrected.members[0].priors[1] == pytest.approx(0.9, abs=0.04)  # type: ignore[attr-defined]


def test_under_compound_shift_it_hurts_and_a_labelled_check_catches_it() -> None:
    validation = drawn(3000, 1)
    target = drawn(5000, 2, positive=0.3, moved=1.5)  # looks like more positives, and holds fewer

    corrected = correct_label_shift(TwoNormals(), validation, target)

    before, after = metrics.accuracy(TwoNormals(), target), metrics.accuracy(corrected, target)
    with RECORDER.hold(None):  # the verdict is the subject here, not a gate on this test
        verdict = after >= 0.5
    assert after.value < before.value - 0.05
    assert verdict.outcome is Outcome.VIOLATED
    assert "label-shift corrected (if p(x|y) is unchanged)" in after.predictions.name


def test_the_labels_of_the_target_are_never_read() -> None:
    validation, target = drawn(2000, 1), drawn(2000, 2, positive=0.9)

    with_labels, turned, without = (
        correct_label_shift(TwoNormals(), validation, data).members[0].priors  # type: ignore[attr-defined]
        for data in (target, Dataset(target.X, 1 - target.y), Dataset(target.X))
    )

    assert (with_labels == turned).all()
    assert (with_labels == without).all()


def test_without_a_shift_it_changes_next_to_nothing() -> None:
    validation, target = drawn(5000, 1), drawn(5000, 2)

    (member,) = correct_label_shift(TwoNormals(), validation, target).members

    assert member.weights == pytest.approx([1.0, 1.0], abs=0.08)  # type: ignore[attr-defined]


def test_probabilities_are_those_of_the_law_with_the_new_frequencies() -> None:
    validation, target = drawn(20_000, 1), drawn(20_000, 2, positive=0.9)

    (member,) = correct_label_shift(TwoNormals(), validation, target).members

    grid = np.linspace(-3, 3, 7)[:, None]
    expected = expit(D * grid[:, 0] + np.log(9))
    assert member.predict_proba(grid)[:, 1] == pytest.approx(expected, abs=0.03)  # type: ignore[attr-defined]
    assert (member.predict(grid) == (expected > 0.5)).all()  # type: ignore[attr-defined]


class ThreeNormals:
    """Three classes at the corners of a triangle, told apart or not."""

    def __init__(self, *, blind: bool = False) -> None:
        self.classes_ = np.array(["bus", "car", "van"])
        self.blind = blind

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        table = softmax(1.5 * X, axis=1)
        if self.blind:  # one half each of what it gives to cars and vans
            table[:, 1:] = table[:, 1:].mean(axis=1, keepdims=True)
        return table

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def three(n: int, seed: int, frequencies: list[float]) -> Dataset:
    rng = np.random.default_rng(seed)
    code = rng.choice(3, size=n, p=frequencies)
    return Dataset(rng.normal(1.5 * np.eye(3)[code], 1.0), np.array(["bus", "car", "van"])[code], name="roads")


def test_three_classes_and_a_vanished_one() -> None:
    validation, target = three(6000, 1, [1 / 3, 1 / 3, 1 / 3]), three(6000, 2, [0.7, 0.3, 0.0])
    model = ThreeNormals()

    corrected = correct_label_shift(model, validation, target, name="roads model")

    (member,) = corrected.members
    assert member.priors == pytest.approx([0.7, 0.3, 0.0], abs=0.04)  # type: ignore[attr-defined]
    assert metrics.accuracy(corrected, target).value > metrics.accuracy(model, target).value + 0.02
    assert corrected.name == "roads model, label-shift corrected (if p(x|y) is unchanged)"


def test_classes_that_the_model_confuses_are_an_error_that_names_them() -> None:
    validation, target = three(3000, 1, [1 / 3, 1 / 3, 1 / 3]), three(3000, 2, [0.7, 0.2, 0.1])

    with pytest.raises(ValueError, match=r"does not tell car and van apart"):
        correct_label_shift(ThreeNormals(blind=True), validation, target)


def test_a_model_that_knows_nothing_is_refused_for_noise_too() -> None:
    class Noise(TwoNormals):
        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            positive = np.random.default_rng(0).random(len(X))
            return np.stack([1 - positive, positive], axis=1)

    with pytest.raises(ValueError, match=r"does not tell 0 and 1 apart"):
        correct_label_shift(Noise(), drawn(500, 1), drawn(500, 2))


def test_every_member_is_corrected_and_keeps_its_seed() -> None:
    members = [LogisticRegression(C=c).fit(drawn(500, 3).X, drawn(500, 3).y) for c in (0.01, 1.0)]

    corrected = correct_label_shift(Ensemble.of(members), drawn(2000, 1), drawn(2000, 2, positive=0.8))

    assert corrected.seeds == (0, 1)
    assert corrected.retrained
    first, second = (member.priors for member in corrected.members)  # type: ignore[attr-defined]
    assert first[1] == pytest.approx(0.8, abs=0.06)
    assert (first != second).any()


def test_source_rows_count_as_training_rows_and_target_rows_do_not() -> None:
    validation, target = drawn(1000, 1), drawn(1000, 2, positive=0.9)

    corrected = correct_label_shift(TwoNormals(), validation, target)

    assert corrected.trained_on == (validation,)
    assert predict(corrected, target).training_rows == 0
    with pytest.raises(ValueError, match="rows that trained the model"):
        _ = metrics.accuracy(corrected, validation) >= 0.5


def test_rows_that_trained_the_model_are_refused_as_source() -> None:
    train = drawn(1000, 1)
    trained = Ensemble.fit(
        lambda seed: LogisticRegression(C=1.0 + seed).fit(train.X, train.y), 2, name="logistic", trained_on=[train]
    )

    with pytest.raises(ValueError, match=r"1,000 of the 1,000 rows of .* trained logistic"):
        correct_label_shift(trained, train, drawn(500, 2))


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda: correct_label_shift(TwoNormals(), Dataset([[0.5]], [0.5]), drawn(9, 2)), "about classes"),
        (lambda: correct_label_shift(TwoNormals(), Dataset([[0.5]]), drawn(9, 2)), "about classes"),
        (lambda: correct_label_shift(TwoNormals(), Dataset([[0.5]], [2]), drawn(9, 2)), "model's classes .*; got 2"),
        (lambda: correct_label_shift(TwoNormals(), Dataset([[0.5]], [1]), drawn(9, 2)), "no row of the class 0"),
        (lambda: correct_label_shift(lambda X: 2 * X, drawn(9, 1), drawn(9, 2), output="probabilities"), "sum to 1"),
        (lambda: correct_label_shift(lambda X: X > 0, drawn(9, 1), drawn(9, 2), output="labels"), "gives none"),
    ],
)
def test_bad_input_is_answered(problem: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem()  # type: ignore[operator]


def test_predictions_alone_cannot_be_corrected() -> None:
    with pytest.raises(TypeError, match="not a model"):
        correct_label_shift(Predictions(y=[0, 1], labels=[0, 1]), drawn(9, 1), drawn(9, 2))
