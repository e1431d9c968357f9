"""Shifted pairs: what each kind keeps and changes, best rules against samples, and the remedies that help or harm."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pytest_mlspec.data import Dataset, Splits
from pytest_mlspec.data.generators import shifted_pair, shifted_pair_truth

N = 100_000
KINDS = ("covariate", "concept", "label", "compound")
LAWS: list[tuple[Any, dict[str, float]]] = [
    ("covariate", {}),
    ("covariate", {"displacement": -0.5, "prior": 0.3, "signal": 1.2}),
    ("concept", {}),
    ("concept", {"relabelled": 0.4, "prior": 0.7, "signal": 0.9}),
    ("label", {}),
    ("label", {"target_prior": 0.2, "prior": 0.6}),
    ("compound", {}),
    ("compound", {"target_prior": 0.3, "displacement": 0.4, "prior": 0.4}),
]
SIGNAL = {"covariate": 0.77, "concept": 1.175, "label": 0.77, "compound": 0.77}


def near(measured: float, expected: float, n: int = N) -> bool:
    return bool(abs(measured - expected) < 3 * np.sqrt(max(expected * (1 - expected), 1e-12) / n))


def labels(data: Dataset) -> npt.NDArray[np.int64]:
    assert data.y is not None
    return data.y


def best_rule(kind: str, law: dict[str, float], X: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """The target's Bayes rule from the densities, as the docstring states the law."""
    m, prior = law.get("signal", SIGNAL[kind]), law.get("prior", 0.5)
    moved = {"compound": law.get("displacement", -1.0)}.get(kind, 0.0)
    if kind in ("label", "compound"):
        prior = law.get("target_prior", 0.9)
    up, down = prior * stats.norm.pdf(X[:, 0], m + moved), (1 - prior) * stats.norm.pdf(X[:, 0], moved - m)
    chance = up / (up + down)  # under a covariate shift that of the source, because p(y | x) stays
    if kind == "concept":
        second = special.expit(2 * m * X[:, 1])
        share = law.get("relabelled", 1.0)
        chance = (1 - share) * chance + share * second
    return chance > 0.5


@pytest.mark.parametrize(("kind", "law"), LAWS)
def test_the_truth_is_what_the_best_rules_reach(kind: Any, law: dict[str, float]) -> None:
    splits = shifted_pair(kind, n=N, seed=5, **law)
    truth = shifted_pair_truth(kind, **law)
    source_law = {name: value for name, value in law.items() if name in ("signal", "prior")}
    m = law.get("signal", SIGNAL[kind])

    def source_rule(data: Dataset) -> npt.NDArray[np.bool_]:
        return best_rule("covariate", {"signal": m, **source_law}, data.X)

    assert near(float(np.mean(source_rule(splits.test) == labels(splits.test))), truth.source)
    assert near(float(np.mean(source_rule(splits.target) == labels(splits.target))), truth.source_on_target)
    assert near(float(np.mean(best_rule(kind, law, splits.target.X) == labels(splits.target))), truth.target)
    assert near(float(labels(splits.target).mean()), truth.target_prior)
    # Black-box shift estimation from the confusion on the source, and the source's posterior re-weighted by it.
    said, truly = source_rule(splits.test), labels(splits.test) == 1
    hits, false_alarms = said[truly].mean(), said[~truly].mean()
    found = np.clip((source_rule(splits.target).mean() - false_alarms) / (hits - false_alarms), 0, 1)
    assert found == pytest.approx(truth.bbse_prior, abs=0.015)
    x1, prior = splits.target.X[:, 0], truth.bbse_prior
    corrected = prior * stats.norm.pdf(x1, m) > (1 - prior) * stats.norm.pdf(x1, -m)
    assert near(float(np.mean(corrected == labels(splits.target))), truth.bbse_on_target)


@pytest.mark.parametrize(("kind", "law"), [(kind, law) for kind, law in LAWS if kind != "compound"])
def test_the_domain_classifier_sees_what_the_truth_says(kind: Any, law: dict[str, float]) -> None:
    splits = shifted_pair(kind, n=N, seed=6, **law)
    x1 = np.concatenate([splits.test.X[:, 0], splits.target.X[:, 0]])
    area = roc_auc_score(np.repeat([0, 1], N), x1)
    expected = shifted_pair_truth(kind, **law).domain_auc

    assert max(area, 1 - area) == pytest.approx(expected, abs=3 * np.sqrt(1 / (6 * N)))  # Mann-Whitney at a half


def test_a_compound_shift_gives_no_single_score_for_the_domain() -> None:
    assert shifted_pair_truth("compound").domain_auc is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_keeps_what_it_promises(kind: Any) -> None:
    splits = shifted_pair(kind, n=N, seed=7)
    edges = np.linspace(-1.5, 1.5, 7)

    def bins(data: Dataset, column: int) -> npt.NDArray[np.int64]:
        return np.digitize(data.X[:, column], edges)

    def share_positive(data: Dataset, column: int) -> npt.NDArray[np.float64]:
        return np.array([labels(data)[bins(data, column) == b].mean() for b in range(1, 6)])

    def inputs(data: Dataset) -> npt.NDArray[np.float64]:
        return np.bincount(bins(data, 0), minlength=8) / N

    same_conditional = np.abs(share_positive(splits.test, 0) - share_positive(splits.target, 0)).max() < 0.06
    same_inputs = np.abs(inputs(splits.test) - inputs(splits.target)).max() < 0.01
    same_classes = all(
        abs(splits.test.X[labels(splits.test) == c, 0].mean() - splits.target.X[labels(splits.target) == c, 0].mean())
        < 0.05
        for c in (0, 1)
    )
    assert (same_conditional, same_inputs, same_classes) == {
        "covariate": (True, False, False),
        "concept": (False, True, False),
        "label": (False, False, True),
        "compound": (False, False, False),
    }[kind]


@pytest.mark.parametrize("root", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_remedies_help_or_harm_a_fitted_model(kind: Any, root: int) -> None:
    splits = shifted_pair(kind, seed=root)
    model = LogisticRegression().fit(splits.train.X, splits.train.y)
    before = model.score(splits.target.X, splits.target.y)
    after = float(np.mean(_corrected(model, splits) == labels(splits.target)))
    area = _domain_area(splits)
    confidence = model.predict_proba(splits.target.X).max(1).mean()

    # Orientation: domain AUC 0.75, and 0.50 for concept; label 0.79 -> 0.91; compound 0.48 -> 0.30.
    if kind == "covariate":
        assert area > 0.72
    if kind == "concept":
        assert area < 0.53
        assert confidence - before > 0.35
    if kind == "label":
        assert after > before + 0.09
    if kind == "compound":
        assert after < before - 0.08


def _corrected(model: LogisticRegression, splits: Splits) -> npt.NDArray[np.int64]:
    said, truly = model.predict(splits.validation.X), labels(splits.validation)
    confusion = np.array([[np.mean((said == i) & (truly == j)) for j in (0, 1)] for i in (0, 1)])
    share = np.array([np.mean(model.predict(splits.target.X) == i) for i in (0, 1)])
    weights = np.clip(np.linalg.solve(confusion, share), 0, None)
    corrected: npt.NDArray[np.int64] = (model.predict_proba(splits.target.X) * weights).argmax(1)
    return corrected


def _domain_area(splits: Splits) -> float:
    half = len(splits.target) // 2
    known = np.vstack([splits.train.X[:half], splits.target.X[:half]])
    model = LogisticRegression().fit(known, np.repeat([0, 1], half))
    new = np.vstack([splits.test.X[:half], splits.target.X[half:]])
    return float(roc_auc_score(np.repeat([0, 1], half), model.decision_function(new)))


def test_known_values() -> None:
    label = shifted_pair_truth("label", signal=1.0)
    assert label.source == label.source_on_target == pytest.approx(stats.norm.cdf(1.0))
    assert label.bbse_prior == pytest.approx(0.9)
    assert label.target == pytest.approx(label.bbse_on_target)
    cut = -np.log(9) / 2
    assert label.target == pytest.approx(0.9 * stats.norm.cdf(1 - cut) + 0.1 * stats.norm.cdf(1 + cut))

    concept = shifted_pair_truth("concept")
    assert concept.source_on_target == pytest.approx(0.5)
    assert concept.target == pytest.approx(concept.source) == pytest.approx(stats.norm.cdf(1.175))
    assert concept.domain_auc == pytest.approx(0.5)
    # The integral of a partly changed concept goes over into both closed forms.
    for share in (1e-6, 1 - 1e-6):
        assert shifted_pair_truth("concept", relabelled=share).target == pytest.approx(concept.source, abs=1e-5)

    covariate = shifted_pair_truth("covariate")
    assert covariate.target == pytest.approx(covariate.source_on_target)
    assert covariate.target_prior == pytest.approx(1 / (1 + np.exp(-2 * 0.77 * 0.77)))


@pytest.mark.parametrize("kind", KINDS)
def test_shape_columns_and_names(kind: Any) -> None:
    splits = shifted_pair(kind)

    assert {part: data.X.shape for part, data in splits.items()} == dict.fromkeys(
        ("train", "validation", "test", "target"), (2000, 2)
    )
    assert splits.target.name == f"{kind}_shift.target"
    assert splits.test.positive == 1
    np.testing.assert_array_equal(splits.target.columns["x2"], splits.target.X[:, 1])


def test_the_seed_decides_and_parts_differ() -> None:
    one, again, other = (shifted_pair("label", n=50, seed=seed) for seed in (3, 3, 4))

    assert all(data.fingerprint == again[part].fingerprint for part, data in one.items())
    assert len({data.fingerprint for splits in (one, other) for _, data in splits.items()}) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_rows_stay_when_n_grows(kind: Any) -> None:
    few, many = shifted_pair(kind, n=50), shifted_pair(kind, n=80)

    for part, data in few.items():
        np.testing.assert_array_equal(data.X, many[part].X[:50])
        np.testing.assert_array_equal(data.y, many[part].y[:50])


@pytest.mark.parametrize(
    ("kind", "knob", "everywhere"),
    [(kind, {"signal": 1.5}, True) for kind in KINDS]
    + [(kind, {"prior": 0.3}, True) for kind in ("covariate", "concept")]
    + [(kind, {"target_prior": 0.6}, False) for kind in ("label", "compound")]
    + [(kind, {"displacement": 0.3}, False) for kind in ("covariate", "compound")]
    + [("concept", {"relabelled": 0.5}, False)],
)
def test_every_knob_moves_its_parts(kind: Any, knob: dict[str, float], everywhere: bool) -> None:
    plain, moved = shifted_pair(kind, n=100), shifted_pair(kind, n=100, **knob)
    changed = {part for part, data in plain.items() if data.fingerprint != moved[part].fingerprint}

    assert changed == (set(plain) if everywhere else {"target"})
    assert shifted_pair_truth(kind, **knob) != shifted_pair_truth(kind)


def test_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match=r"expected kind as one of covariate, concept, label, compound; got kind='x'"):
        shifted_pair("x")  # type: ignore[arg-type]


def test_all_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError) as caught:
        shifted_pair("label", n=5, seed=-1, signal=0.0, prior=1.0, target_prior=0.0, relabelled=0.5)

    for got in ("n=5", "seed=-1", "signal=0.0", "prior=1.0", "target_prior=0.0", "relabelled=0.5"):
        assert f"; got {got}" in str(caught.value)
    assert "a label shift has no relabelled" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "knob", "words"),
    [
        ("covariate", {"target_prior": 0.9}, "a covariate shift has no target_prior; got target_prior=0.9"),
        ("concept", {"displacement": 1.0}, "a concept shift has no displacement; got displacement=1.0"),
        ("concept", {"relabelled": 1.1}, r"expected relabelled as a number in \[0, 1\]; got relabelled=1.1"),
        ("compound", {"displacement": float("nan")}, "expected displacement as a number .*; got displacement=nan"),
    ],
)
def test_a_parameter_that_the_kind_does_not_have(kind: Any, knob: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shifted_pair(kind, **knob)
    with pytest.raises(ValueError, match=words):
        shifted_pair_truth(kind, **knob)
