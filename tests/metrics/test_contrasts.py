"""Matched pairs: what one edit does to decisions and scores, by hand, and what is no pair at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from pytest_mlspec import Dataset, Ensemble
from pytest_mlspec.metrics.contrasts import change_slope, flip_rate, mean_change
from pytest_mlspec.metrics.judging.counts import judge_count
from pytest_mlspec.perturbations import permute
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import betting, clusters, slopes
from pytest_mlspec.verdict import Origin, Outcome, Terms

LEVEL = 0.05
Contrast = Callable[..., object]


class Says:
    """P(second class) is ``base + step * x1``, and the label follows at one half: x1 is what an edit changes."""

    def __init__(self, step: float, base: float = 0.4) -> None:
        self.classes_ = np.array(["no", "yes"])
        self.step, self.base = step, base

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        yes = self.base + self.step * X[:, 1] * X[:, 0]
        return np.stack([1 - yes, yes], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]


class Numbers:
    """Predicts ``step * x0 * x1``."""

    def __init__(self, step: float) -> None:
        self.step = step

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.step * X[:, 0] * X[:, 1]


def swap(X: np.ndarray) -> np.ndarray:
    """The edit: x1 from 0 to 1."""
    X[:, 1] = 1 - X[:, 1]
    return X


def pairs(effects: object, **more: object) -> Dataset:
    """Cases whose x0 scales the effect of the edit; x1 is 0 on all of them."""
    x0 = np.asarray(effects, dtype=float)
    X = np.stack([x0, np.zeros(len(x0))], axis=1)
    return Dataset(X, np.where(np.arange(len(x0)) % 2, "yes", "no"), positive="yes", name="jobs", **more)


ENSEMBLE = Ensemble.of([Says(0.2), Says(0.05)])


# ---- flip_rate ------------------------------------------------------------------------------------------------------
def test_flips_are_counted_per_member():
    """.4 + .2 reaches one half where the effect is 1, .4 + .05 does not."""
    data = pairs([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    estimate = flip_rate(ENSEMBLE, data, data.perturb(swap))

    assert estimate.values.tolist() == [0.2, 0.0]
    assert estimate.evidence.counts(0) == "2/10"
    assert estimate.evidence.unit == "matched pairs"
    assert estimate.greater_is_better is False
    assert estimate.low(0) == pytest.approx(binomtest(2, 10, alternative="greater").proportion_ci(0.95).low)
    assert estimate.high(0) == pytest.approx(binomtest(2, 10, alternative="less").proportion_ci(0.95).high)
    verdict = estimate <= 0.6
    assert (verdict.outcome, verdict.dataset, verdict.slice) == (Outcome.MET, "jobs", "swap")


def test_a_flip_counts_whether_it_was_right_or_wrong():
    """Both directions: half of the cases flip to yes, half to no; accuracy stays where it was."""
    data = pairs([1.0] * 4)
    there = flip_rate(Says(0.2), data, data.perturb(swap))
    edited = data.perturb(swap)
    back = flip_rate(Says(0.2), edited, edited.perturb(swap))

    assert there.value == back.value == 1.0


def test_a_threshold_moves_the_decision():
    data = pairs([1.0] * 10)
    edited = data.perturb(swap)

    assert [flip_rate(Says(0.05), data, edited, threshold=t).value for t in (0.3, 0.42, 0.5)] == [0.0, 1.0, 0.0]
    assert flip_rate(Says(0.05), data, edited, threshold=0.42).subject == "flip rate (threshold 0.42)"


def test_listed_cases_that_flip_are_named():
    data = pairs([0, 1, 0, 1], columns={"job": ["nurse", "miner", "cook", "judge"]})
    estimate = flip_rate(ENSEMBLE, data, data.perturb(swap, name="he for she"))
    verdict = judge_count(estimate, 0, terms=Terms(), origin=Origin())

    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.value == 2
    assert verdict.details == (
        "worst of 2 members (seed 0)",
        "case row 1 (job=miner): 'no' became 'yes'",
        "case row 3 (job=judge): 'no' became 'yes'",
    )
    calm = flip_rate(Says(0.05), data, data.perturb(swap))
    assert judge_count(calm, 0, terms=Terms(), origin=Origin()).outcome is Outcome.MET


def test_slices_name_their_own_cases():
    data = pairs([0, 1, 0, 1], columns={"light": ["day", "day", "night", "night"]})
    edited = data.perturb(swap)
    part = flip_rate(Says(0.2), data.where(light="night"), edited.where(light="night"))

    assert part.values.tolist() == [0.5]
    assert part.evidence.describe_case(1, 0) == "row 3 (light=night): 'no' became 'yes'"
    assert part.evidence.take(np.array([1])).describe_case(0, 0) == "row 3 (light=night): 'no' became 'yes'"
    of_slice = data.where(light="night")
    assert flip_rate(Says(0.2), of_slice, of_slice.perturb(swap)).values.tolist() == [0.5]


def test_groups_have_their_own_flip_rate():
    data = pairs([1.0] * 30 + [0.0] * 70, columns={"job": ["nurse"] * 50 + ["judge"] * 50})
    estimate = flip_rate(Says(0.2), data, data.perturb(swap))

    assert estimate.gap("job").value == pytest.approx(0.6)
    assert estimate.worst("job").value == pytest.approx(0.6)


def test_clusters_are_respected():
    """Ten sentences per job flip together: 100 rows count for ten."""
    data = pairs(np.repeat([1.0] * 2 + [0.0] * 8, 10), clusters=np.repeat(np.arange(10), 10))
    estimate = flip_rate(Says(0.2), data, data.perturb(swap))
    independent = pairs(np.repeat([1.0] * 2 + [0.0] * 8, 10))
    plain = flip_rate(Says(0.2), independent, independent.perturb(swap))

    assert estimate.value == plain.value == 0.2
    assert (estimate <= 0.9).method == clusters.KORN_GRAUBARD.name
    assert estimate.high() > plain.high() + 0.15


def test_numbers_make_no_decisions():
    data = Dataset(np.array([[1.0, 0.0], [2.0, 0.0]]), [0.0, 1.5])

    with pytest.raises(ValueError, match=r"flip_rate is about decisions.*predicts numbers.*bound mean_change"):
        flip_rate(Numbers(1.0), data, data.perturb(swap))


# ---- mean_change ----------------------------------------------------------------------------------------------------
def test_the_change_is_signed_and_means_edited_minus_original():
    """Effects 1 and 2 at step .2: the scores rise by .2 and .4 with the edit and fall when it is undone."""
    data = pairs([1.0, 2.0])
    edited = data.perturb(swap)

    assert mean_change(Says(0.2), data, edited).value == pytest.approx(0.3)
    assert mean_change(Says(0.2), edited, edited.perturb(swap)).value == pytest.approx(-0.3)
    assert mean_change(Says(0.2), data, edited, positive="no").value == pytest.approx(-0.3)
    assert mean_change(Says(0.2), data, edited).subject == "mean change of yes"
    assert mean_change(ENSEMBLE, data, edited).values == pytest.approx([0.3, 0.075])
    assert mean_change(Says(0.2), data, edited).evidence.counts(0) == "mean 0.400 before, 0.700 after"


def test_changes_are_bounded_by_betting_between_minus_1_and_1():
    effects = np.random.default_rng(1).uniform(-1, 2, 300)
    data = pairs(effects)
    estimate = mean_change(Says(0.2), data, data.perturb(swap))

    shares = betting.mean_bounds((0.2 * effects + 1) / 2, LEVEL)
    assert estimate.low() == pytest.approx(2 * shares.low[0] - 1, abs=1e-5)
    assert estimate.high() == pytest.approx(2 * shares.high[0] - 1, abs=1e-5)
    verdict = estimate <= 0.2
    assert (verdict.outcome, verdict.method, verdict.bound_class) == (Outcome.MET, "betting", "exact")
    assert (estimate <= 0.05).outcome is Outcome.VIOLATED
    assert verdict.unit == "matched pairs"


def test_both_signs_are_bounded_alike():
    effects = np.random.default_rng(2).uniform(-1, 2, 200)
    data = pairs(effects)
    edited = data.perturb(swap)
    up, down = mean_change(Says(0.2), data, edited), mean_change(Says(0.2), data, edited, positive="no")

    assert (down.low(), down.high()) == pytest.approx((-up.high(), -up.low()), abs=1e-6)


def test_the_size_of_a_change_needs_both_sides():
    effects = np.random.default_rng(3).uniform(-1, 1, 1500)
    data = pairs(effects)
    change = mean_change(Says(0.2), data, data.perturb(swap))

    assert (abs(change) <= 0.05).outcome is Outcome.MET
    assert abs(change).value == pytest.approx(abs(0.2 * effects.mean()))


def test_no_change_at_all_proves_a_small_one_only():
    """A model that does not read the edited column, 1000 pairs: undecided at .001, met at .01."""
    data = pairs(np.ones(1000))
    estimate = mean_change(Says(0.0), data, data.perturb(swap))

    assert estimate.value == 0.0
    assert (estimate <= 0.01).outcome is Outcome.MET
    assert (estimate <= 0.001).outcome is Outcome.UNDECIDED
    assert (estimate <= 0.001).advice[0].startswith("about ")


def test_clustered_changes_are_undecided():
    data = pairs(np.ones(100), clusters=np.repeat(np.arange(10), 10))
    verdict = mean_change(Says(0.01), data, data.perturb(swap)) <= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert "no clustered form" in verdict.advice[0]


def test_changes_of_numbers_need_max_loss():
    effects = np.random.default_rng(4).uniform(-1, 2, 800)
    data = Dataset(np.stack([effects, np.zeros(800)], axis=1), np.arange(800) / 7.0)
    estimate = mean_change(Numbers(3.0), data, data.perturb(swap))

    assert estimate.value == pytest.approx(3 * effects.mean())
    without = estimate.judged("<=", 3.0, Terms())
    assert without.outcome is Outcome.UNDECIDED
    assert "without max_loss=... on the marker: state the largest absolute change" in without.advice[0]
    declared = estimate.judged("<=", 3.0, Terms(max_loss=6.0))
    assert declared.outcome is Outcome.MET
    shares = betting.mean_bounds((3 * effects + 6) / 12, LEVEL)
    assert declared.high == pytest.approx(12 * shares.high[0] - 6, abs=1e-4)
    assert estimate.judged("<=", 3.0, Terms(max_loss=60.0)).high > declared.high
    with pytest.raises(ValueError, match=r"max_loss=5 declares.*the case at position \d+ changed by 5\.9"):
        estimate.judged("<=", 3.0, Terms(max_loss=5.0))
    with pytest.raises(ValueError, match=r"positive='yes'\) is for classes"):
        mean_change(Numbers(3.0), data, data.perturb(swap), positive="yes")


def test_labels_alone_have_no_score():
    class Labels:
        classes_ = np.array(["no", "yes"])

        def predict(self, X: np.ndarray) -> np.ndarray:
            return self.classes_[(X[:, 1] > 0.5).astype(int)]

    data = pairs([1.0, 1.0])
    with pytest.raises(ValueError, match="mean_change needs probabilities"):
        mean_change(Labels(), data, data.perturb(swap))


def test_someone_must_say_which_class_is_positive():
    data = Dataset(np.array([[1.0, 0.0], [1.0, 0.0]]), ["yes", "no"])

    with pytest.raises(ValueError, match="mean_change is about one positive class"):
        mean_change(Says(0.2), data, data.perturb(swap))


# ---- change_slope ---------------------------------------------------------------------------------------------------
def test_the_slope_of_the_change_is_that_of_least_squares():
    """The change is .2 * x0, and x0 is noise about .76 times the column."""
    generator = np.random.default_rng(5)
    share = generator.choice(np.linspace(0.05, 0.95, 20), 400)
    data = pairs(0.76 * share + 0.3 * generator.normal(size=400), columns={"share_women": share})
    estimate = change_slope(ENSEMBLE, data, data.perturb(swap), over="share_women")

    fits = [stats.linregress(share, step * data.X[:, 0]).slope for step in (0.2, 0.05)]
    assert estimate.values == pytest.approx(fits)
    assert estimate.subject == "change slope of yes over share_women"
    bounds = slopes.slope_bounds(0.2 * data.X[:, 0], share, LEVEL)
    assert (estimate.low(), estimate.high()) == pytest.approx((bounds.low[0], bounds.high[0]))
    assert estimate.low() < fits[0] < estimate.high()
    assert (estimate <= 0.5).outcome is Outcome.MET
    assert (change_slope(Says(0.2), data, data.perturb(swap), over="share_women") <= 0.05).outcome is Outcome.VIOLATED
    assert (estimate <= 0.5).details[0].startswith("mean change ")
    assert "while share_women runs from 0.050 to 0.950" in (estimate <= 0.5).details[0]


def test_a_slope_in_both_signs():
    share = np.linspace(0, 1, 200)
    data = pairs(share, columns={"share_women": share})
    edited = data.perturb(swap)
    up = change_slope(Says(0.2), data, edited, over="share_women")
    down = change_slope(Says(0.2), data, edited, over="share_women", positive="no")

    assert up.value == pytest.approx(0.2)
    assert (down.low(), down.high()) == pytest.approx((-up.high(), -up.low()))


def test_a_slice_has_its_own_slope():
    share = np.tile(np.linspace(0, 1, 50), 2)
    effect = np.concatenate([share[:50], 0 * share[50:]])
    data = pairs(effect, columns={"share_women": share, "text": ["short"] * 50 + ["long"] * 50})
    estimate = change_slope(Says(0.2), data, data.perturb(swap), over="share_women")

    assert estimate.worst("text").value == pytest.approx(0.2)
    assert estimate.gap("text").value == pytest.approx(0.2)


def test_influence_rows_average_to_the_slope():
    generator = np.random.default_rng(6)
    share = generator.random(100)
    data = pairs(share + 0.5 * generator.normal(size=100), columns={"share": share})
    evidence = change_slope(ENSEMBLE, data, data.perturb(swap), over="share").evidence

    rows = evidence.pseudo_values(Terms()).rows
    assert rows.mean(axis=1) == pytest.approx(evidence.values)
    # Their standard error is the sandwich one: sqrt(sum w^2 e^2).
    fit = stats.linregress(share, 0.2 * data.X[:, 0])
    residuals = 0.2 * data.X[:, 0] - fit.intercept - fit.slope * share
    weights = (share - share.mean()) / np.square(share - share.mean()).sum()
    expected = np.sqrt(np.square(weights * residuals).sum())
    assert rows[0].std() / 10 == pytest.approx(expected)


def test_columns_that_give_no_slope():
    columns = {"flat": np.ones(30), "word": ["a"] * 30, "gappy": [np.nan] + [0.5] * 29}
    data = pairs(np.ones(30), columns=columns)
    edited = data.perturb(swap)

    verdict = change_slope(Says(0.2), data, edited, over="flat") <= 0.5
    assert verdict.outcome is Outcome.UNDECIDED
    assert "constant" in verdict.advice[0]
    with pytest.raises(ValueError, match=r"unknown column 'flatt' of jobs; did you mean 'flat'"):
        change_slope(Says(0.2), data, edited, over="flatt")
    with pytest.raises(ValueError, match=r"over expects a column of numbers; 'word' of jobs holds"):
        change_slope(Says(0.2), data, edited, over="word")
    with pytest.raises(ValueError, match=r"over expects finite numbers; 'gappy' of jobs is nan in 1 of 30 rows"):
        change_slope(Says(0.2), data, edited, over="gappy")


def test_clustered_slopes_and_slopes_of_numbers_without_max_loss_are_undecided():
    share = np.linspace(0, 1, 100)
    data = pairs(share, columns={"share": share}, clusters=np.repeat(np.arange(10), 10))
    verdict = change_slope(Says(0.2), data, data.perturb(swap), over="share") <= 5
    assert verdict.outcome is Outcome.UNDECIDED
    assert "the bounds of a slope have no clustered form" in verdict.advice[0]

    numbers = Dataset(np.stack([share, 0 * share], axis=1), share, columns={"share": share})
    estimate = change_slope(Numbers(2.0), numbers, numbers.perturb(swap), over="share")
    assert estimate.value == pytest.approx(2.0)
    assert estimate.subject == "change slope of score over share"
    assert estimate.judged("<=", 5.0, Terms()).outcome is Outcome.UNDECIDED
    assert estimate.judged("<=", 5.0, Terms(max_loss=2.0)).outcome is Outcome.MET
    with pytest.raises(ValueError, match="max_loss=1 declares"):
        estimate.judged("<=", 5.0, Terms(max_loss=1.0))


# ---- what is no pair ------------------------------------------------------------------------------------------------
CONTRASTS: dict[str, Contrast] = {
    "flip_rate": flip_rate,
    "mean_change": mean_change,
    "change_slope": lambda *given: change_slope(*given, over="share"),
}


@pytest.mark.parametrize("name", CONTRASTS)
def test_other_rows_are_no_edited_copies(name):
    contrast = CONTRASTS[name]
    data = pairs([0.0, 1.0, 2.0], columns={"share": [0.1, 0.2, 0.3]})
    edited = data.perturb(swap, name="he for she")
    lookalike = pairs([0.0, 1.0, 2.5], columns={"share": [0.1, 0.2, 0.3]}).perturb(swap)

    for other in (edited.take([0, 1]), edited.take([2, 1, 0]), lookalike):
        with pytest.raises(ValueError, match=rf"{name} compares each case with its edited copy, and jobs, .*jobs \("):
            contrast(Says(0.2), data, other)


@pytest.mark.parametrize("name", CONTRASTS)
def test_an_edit_that_changes_nothing_proves_nothing(name):
    data = pairs([0.0, 1.0], columns={"share": [0.1, 0.2]})

    with pytest.raises(ValueError, match="the edit changed nothing, jobs, idle equals jobs in content"):
        CONTRASTS[name](Says(0.2), data, data.perturb(lambda X: X, name="idle"))
    with pytest.raises(ValueError, match="the edit changed nothing"):
        CONTRASTS[name](Says(0.2), data, data)


@pytest.mark.parametrize("name", CONTRASTS)
@pytest.mark.parametrize(
    "cast", [lambda X: X.astype(np.float32), lambda X: X.astype(int), lambda X: -0.0 + X * 1], ids=["f4", "int", "zero"]
)
def test_another_dtype_is_no_edit(name, cast):
    whole = pairs([0.0, 1.0, 3.0], columns={"share": [0.1, 0.2, 0.3]})
    tenths = pairs([0.1, 0.2, 0.3], columns={"share": [0.1, 0.2, 0.3]})

    with pytest.raises(ValueError, match="the edit changed nothing"):
        CONTRASTS[name](Says(0.2), whole, whole.perturb(cast))
    with pytest.raises(ValueError, match="the edit changed nothing"):  # 0.1 is another number in single precision
        CONTRASTS[name](Says(0.2), tenths, tenths.perturb(lambda X: X.astype(np.float32)))
    assert CONTRASTS[name](Says(0.2), whole, whole.perturb(lambda X: swap(X).astype(np.float32))).value is not None


@pytest.mark.parametrize("name", CONTRASTS)
@pytest.mark.parametrize("order", [lambda X: X[::-1], lambda X: np.roll(X, 1, axis=0)], ids=["reversed", "rolled"])
def test_rows_in_another_order_are_no_edit(name, order):
    data = pairs([0.0, 1.0, 2.0, 3.0], columns={"share": [0.1, 0.2, 0.3, 0.4]})

    with pytest.raises(ValueError, match=f"{name}: the edit made the same rows in another order, .* Keep every row in"):
        CONTRASTS[name](Says(0.2), data, data.perturb(order))


def test_of_a_pair_that_is_in_the_data_one_member_is_edited():
    """Both sexes of every sentence: to swap them all makes the same sentences, and every change cancels."""
    X = np.array([[x0, x1] for x0 in (0.5, 1.0, 2.0) for x1 in (0.0, 1.0)])
    data = Dataset(X, ["no", "no", "yes", "yes", "no", "yes"], positive="yes", columns={"sex": ["m", "f"] * 3})
    men = data.where(sex="m")

    with pytest.raises(ValueError, match=r"so that changes cancel out .*edit one of them: data\.where"):
        mean_change(Says(0.2), data, data.perturb(swap))
    assert mean_change(Says(0.2), men, men.perturb(swap)).value == pytest.approx(0.2 * 3.5 / 3)


def test_permuted_rows_may_be_the_same_rows_again():
    """`permute` says that it exchanged, and who with whom: with one feature alone nothing else can come of it."""
    X = np.arange(8.0).reshape(-1, 1)
    data = Dataset(X, ["no", "yes"] * 4)
    model = LogisticRegression().fit(X, ["no"] * 4 + ["yes"] * 4)
    permuted = data.perturb(permute(0, seed=0))

    assert sorted(permuted.X[:, 0].tolist()) == X[:, 0].tolist()
    assert flip_rate(model, data, permuted).value == np.mean((permuted.X[:, 0] < 4) != (X[:, 0] < 4))


@pytest.mark.parametrize("name", CONTRASTS)
def test_predictions_cannot_be_asked_about_an_edit(name):
    data = pairs([0.0, 1.0], columns={"share": [0.1, 0.2]})
    given = Predictions(y=["no", "yes"], labels=["no", "yes"])

    with pytest.raises(TypeError, match=f"{name} asks one model about jobs and about jobs, swap"):
        CONTRASTS[name](given, data, data.perturb(swap))
    with pytest.raises(TypeError, match="expected a Dataset"):
        CONTRASTS[name](Says(0.2), data, swap)


def test_data_without_y_will_do():
    X = np.array([[1.0, 0.0], [0.0, 0.0]])
    data = Dataset(X, columns={"share": [0.0, 1.0]})
    edited = data.perturb(swap)

    assert flip_rate(Says(0.2), data, edited).value == 0.5
    assert mean_change(Says(0.2), data, edited, positive="yes").value == pytest.approx(0.1)


def test_edited_training_rows_are_refused():
    data = pairs(np.linspace(0, 1, 200))
    parts = data.split(test=0.5, seed=0)
    ensemble = Ensemble.fit(lambda seed: Says(0.01 * (seed + 1)), seeds=2, name="says", trained_on=[parts.train])

    assert (flip_rate(ensemble, parts.test, parts.test.perturb(swap)) <= 0.1).outcome is Outcome.MET
    with pytest.raises(ValueError, match="rows that trained the model"):
        _ = flip_rate(ensemble, parts.train, parts.train.perturb(swap)) <= 0.1
