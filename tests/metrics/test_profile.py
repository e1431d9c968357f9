"""A profile shows each retraining on each stress: means, spreads and deviations by hand, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from pytest_mlspec import Dataset, Ensemble, metrics
from pytest_mlspec.metrics.profiles import NO_UNIT, PLAIN, WITHOUT_NOISE, Interval, Metric, Profile, profile
from pytest_mlspec.stats import quotients, seeds
from tests.requirements.shifted import retrainings, shifted

Array = npt.NDArray[np.float64]
N = 2000


class Wrong:
    """Wrong on its own cases: as many clean ones, and as many shifted ones, as it was told."""

    def __init__(self, clean: range, stressed: range) -> None:
        self.clean, self.stressed = clean, stressed

    @property
    def classes_(self) -> Array:
        return np.array([0, 1])

    def predict(self, X: Array) -> npt.NDArray[np.int64]:
        wrong = self.stressed if X[0, 1] < 0 else self.clean
        labels = X[:, 0].astype(np.int64)
        labels[list(wrong)] = 1 - labels[list(wrong)]
        return labels


def clean_data(n: int = N) -> Dataset:
    y = np.tile([0, 1], n // 2)
    return Dataset(np.stack([y, np.ones(n)], axis=1).astype(float), y, name="street.test")


def members(clean: list[int], stressed: list[int], n: int = N) -> list[Wrong]:
    """Members that err on disjoint ranges of cases."""
    starts, others = np.cumsum([0, *clean]).tolist(), np.cumsum([0, *stressed]).tolist()
    return [Wrong(range(starts[i], starts[i + 1]), range(others[i], others[i + 1])) for i in range(len(clean))]


def by_hand() -> Profile:
    """Clean accuracies 0.99, 0.98, 0.97, 0.96; under fog 0.95, 0.85, 0.80, 0.80."""
    data = clean_data()
    model = members([20, 40, 60, 80], [100, 300, 400, 400])
    return profile(metrics.accuracy, model, data, {"fog": data.perturb(shifted, name="fog")})


def hits(model: list[Wrong], data: Dataset) -> npt.NDArray[np.bool_]:
    return np.stack([member.predict(data.X) == data.y for member in model])


def test_values_and_means_by_hand() -> None:
    found = by_hand()

    assert [axis.name for axis in found.axes] == ["clean", "fog"]
    assert found.axes[0].values == (0.99, 0.98, 0.97, 0.96)
    assert found.axes[1].values == (0.95, 0.85, 0.8, 0.8)
    assert [axis.mean for axis in found.axes] == pytest.approx([0.975, 0.85])
    assert [axis.data for axis in found.axes] == ["street.test", "street.test, fog"]
    assert [axis.n_examples for axis in found.axes] == [N, N]
    assert found.seeds == (0, 1, 2, 3)


def test_spreads_and_deviations_by_hand() -> None:
    """Members that err on cases of their own: each value has the noise of its own errors.

    E has rows of two-way residuals; noise^2 is their mean square over members, over n: with disjoint errors the
    covariance of two members is -p q, so noise^2 = (mean p(1 - p) + mean of the pairs' p q) / (n - 1).
    """
    found = by_hand()
    errors = np.array([0.01, 0.02, 0.03, 0.04])
    pairs = [errors[i] * errors[j] for i in range(4) for j in range(4) if i != j]
    noise = (np.mean(errors * (1 - errors)) + np.mean(pairs)) / (N - 1)
    std = np.sqrt(errors.var(ddof=1) - noise)

    assert found.axes[0].std.value == pytest.approx(std)
    assert found.unit == pytest.approx(std)
    assert found.unit_is == WITHOUT_NOISE
    assert found.axes[0].deviations == pytest.approx(tuple(np.array([0.015, 0.005, -0.005, -0.015]) / std))
    assert found.axes[1].deviations == pytest.approx(tuple(np.array([0.1, 0.0, -0.05, -0.05]) / std))


def test_bounds_are_those_of_the_spread_and_of_the_quotient() -> None:
    data = clean_data()
    fog = data.perturb(shifted)
    model = members([20, 40, 60, 80], [100, 300, 400, 400])
    found = profile(metrics.accuracy, model, data, {"fog": fog}, confidence=0.9)

    spread = seeds.std_bounds(hits(model, fog), 0.1)
    halves = [seeds.std_bounds(hits(model, side), 0.05) for side in (fog, data)]
    ratio = quotients.quotient_bounds(*halves)

    assert (found.axes[1].std.low, found.axes[1].std.high) == pytest.approx((spread.low, spread.high))
    quotient = found.axes[1].quotient
    assert quotient is not None
    assert (quotient.low, quotient.high) == pytest.approx((float(ratio.low), float(ratio.high)))
    assert quotient.value == pytest.approx(halves[0].value / halves[1].value)
    assert found.axes[0].quotient is None
    assert found.confidence == 0.9


def test_confidence_moves_the_bounds() -> None:
    data = clean_data()
    model = retrainings(list(np.linspace(0.1, 0.4, 10)))
    fog = {"fog": data.perturb(shifted)}
    loose, strict = (profile(metrics.accuracy, model, data, fog, confidence=level).axes[1].std for level in (0.8, 0.95))

    assert strict.low < loose.low < loose.value < loose.high < strict.high


def test_max_loss_gives_an_error_its_upper_bound() -> None:
    y = np.linspace(0.0, 1.0, 500)

    class Off:
        def __init__(self, by: float) -> None:
            self.by = by

        def predict(self, X: Array) -> Array:
            return X[:, 0] + self.by * X[:, 1]

    data = Dataset(np.stack([y, np.ones(500)], axis=1), y, name="street.test")
    far = {"far": data.perturb(lambda X: X * [1, 3])}
    model = [Off(0.1), Off(0.12), Off(0.15)]
    without = profile(metrics.mae, model, data, far)
    declared = profile(metrics.mae, model, data, far, max_loss=1.0)

    assert without.axes[0].std.high == np.inf
    assert 0 < declared.axes[0].std.high < np.inf


def test_the_plain_std_is_the_unit_where_the_other_one_may_be_0() -> None:
    """Ten members with ten errors each, on cases of their own, save one member with eleven: less than noise makes."""
    data = clean_data()
    counts = [10] * 9 + [11]
    found = profile(metrics.accuracy, members(counts, [100] * 10), data, {"fog": data.perturb(shifted)})

    assert found.axes[0].std.value == 0.0
    assert found.unit == pytest.approx(np.std(np.array(counts) / N, ddof=1))
    assert found.unit_is == PLAIN
    assert "without test-set noise it cannot be told from 0 (" in found.table()
    assert np.std(found.axes[0].deviations, ddof=1) == pytest.approx(1.0)


def test_no_unit_where_members_are_equal_on_clean_data() -> None:
    data = clean_data()
    found = profile(metrics.accuracy, members([10, 10, 10], [100, 200, 300]), data, {"fog": data.perturb(shifted)})

    assert (found.unit, found.unit_is) == (0.0, NO_UNIT)
    assert np.isnan(found.axes[1].deviations).all()
    assert "| fog | 0.900 | " in found.table()
    lines = found.record()["lines"]
    assert isinstance(lines, list)
    assert lines[0]["deviations"] == [None, None]


def test_the_table() -> None:
    lines = by_hand().table().splitlines()

    assert lines[0] == (
        "| accuracy of Wrong, 4 members | mean | seed std (95% bounds) | over clean (95% bounds) "
        "| members, in clean stds |"
    )
    assert lines[1] == "|---|---|---|---|---|"
    assert lines[2].startswith("| clean | 0.975 | 0.012 (")
    assert lines[2].endswith("|  | -1.2 to +1.2 |")
    assert lines[3].startswith("| fog | 0.850 | 0.070 (")
    assert lines[3].endswith("| -4.0 to +8.1 |")
    legend = "Members are counted from their mean in units of the clean seed std, test-set noise taken out (0.012)."
    assert lines[5] == legend


def test_the_table_of_members() -> None:
    lines = by_hand().member_table().splitlines()

    assert lines[0] == "| accuracy of Wrong, deviations by seed | clean | fog |"
    assert lines[1] == "|---|---|---|"
    assert [line.split(" | ")[0] for line in lines[2:6]] == ["| 0", "| 1", "| 2", "| 3"]
    assert lines[2].endswith("| +1.2 | +8.1 |")


def test_the_record_is_json_with_parallel_axes() -> None:
    record = by_hand().record()

    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["axes"] == ["clean", "fog"]
    assert {len(record[name]) for name in ("data", "n_examples", "mean", "seed_std", "quotient")} == {2}  # type: ignore[arg-type]
    lines = record["lines"]
    assert isinstance(lines, list)
    assert [line["seed"] for line in lines] == [0, 1, 2, 3]
    assert lines[1]["values"] == [0.98, 0.85]


def test_a_quotient_over_what_may_be_0_is_shown_by_its_lower_bound_alone() -> None:
    data = clean_data()
    model = members([10] * 9 + [22], list(range(20, 381, 40)))
    found = profile(metrics.accuracy, model, data, {"fog": data.perturb(shifted)})

    quotient = found.axes[1].quotient
    assert quotient is not None
    assert (quotient.low > 0, quotient.high) == (True, np.inf)
    assert f" | at least {quotient.low:.3g} | " in found.table().splitlines()[3]


def test_a_small_spread_that_may_be_0_is_no_unit() -> None:
    """Errors 10, 10, 10, 22 of 2,000: something is left without the noise, and the lower bound is 0 all the same."""
    data = clean_data()
    found = profile(metrics.accuracy, members([10, 10, 10, 22], [99] * 4), data, {"fog": data.perturb(shifted)})

    assert found.axes[0].std.value > 0
    assert found.axes[0].std.low == 0
    assert found.unit_is == PLAIN
    assert " | unknown | " in found.table().splitlines()[3]


@pytest.mark.parametrize(
    ("low", "high", "value", "words"),
    [
        (0.074, 0.137, 0.0966, "0.097 (0.074 to 0.137)"),
        (0.0, 0.0075, 0.0, "0.000 (at most 0.0075)"),
        (7.647, np.inf, np.inf, "- (at least 7.65)"),
        (0.0, np.inf, np.nan, "- (unknown)"),
        (12.3, 45.6, 23.96, "24 (12.3 to 45.6)"),
    ],
)
def test_an_interval_in_words(low: float, high: float, value: float, words: str) -> None:
    assert str(Interval(value=value, low=low, high=high)) == words


CLEAN = clean_data(200)
FOG = CLEAN.perturb(shifted, name="fog")
PAIR = members([2, 4], [20, 40], 200)


@pytest.mark.parametrize(
    ("stresses", "error", "why"),
    [
        ({}, ValueError, "at least one stress"),
        ([FOG], TypeError, "a mapping from names to datasets"),
        ({"fog": FOG.X}, TypeError, "expected a Dataset for 'fog'; got ndarray"),
        ({1: FOG}, TypeError, "named by text; got 1"),
        ({"clean": FOG}, ValueError, "'clean' is the name of the first axis"),
        ({"fog": CLEAN}, ValueError, "the stress 'fog' changed nothing"),
        ({"fog": CLEAN.perturb(lambda X: X, name="severity 0")}, ValueError, "the stress 'fog' changed nothing"),
    ],
)
def test_stresses_that_are_none(stresses: object, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        profile(metrics.accuracy, PAIR, CLEAN, stresses)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (lambda m, d: metrics.accuracy(m, d).seed_std(), "got seed std of accuracy on 'clean'"),
        (lambda m, d: metrics.accuracy(m, d).value, "got float on 'clean'"),
    ],
)
def test_metrics_without_a_value_per_member(metric: Metric, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        profile(metric, PAIR, CLEAN, {"fog": FOG})


def test_one_model_has_no_profile() -> None:
    with pytest.raises(ValueError, match="at least 2 members, got n_members=1"):
        profile(metrics.accuracy, PAIR[0], CLEAN, {"fog": FOG})


def test_training_rows_are_refused() -> None:
    trained = Ensemble(members=tuple(PAIR), seeds=(0, 1), name="m", declared=2, retrained=True, trained_on=(CLEAN,))

    with pytest.raises(ValueError, match="rows that trained the model"):
        profile(metrics.accuracy, trained, CLEAN, {"fog": FOG})


def test_no_case_to_ask_is_refused() -> None:
    nobody = Dataset(CLEAN.X, np.zeros(200, int), positive=1, classes=[0, 1], name="nobody")

    with pytest.raises(ValueError, match="recall has no finite value on 'clean'"):
        profile(metrics.recall, PAIR, nobody, {"fog": nobody.perturb(shifted)})
