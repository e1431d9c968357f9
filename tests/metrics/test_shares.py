"""The share of coefficients and of gradients that lies on named features, against closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import SVC

from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics import accuracy
from pytest_mlspec.metrics.shares import coefficient_share, gradient_share
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Outcome

RANDOM = np.random.default_rng(7)
SCALES = np.array([1.0, 2.0, 0.5])
X = RANDOM.normal(size=(400, 3)) * SCALES + [0.0, 5.0, -1.0]
WEIGHTS = np.array([3.0, -1.0, 2.0])
Y = X @ WEIGHTS + 4.0
LABELS = (Y + RANDOM.normal(size=400) > np.median(Y)).astype(int)
FRAME = pd.DataFrame(X, columns=["x1", "x2", "x3"])
PER_STD = np.abs(WEIGHTS) * X.std(axis=0)
SHARES = PER_STD / PER_STD.sum()


def linear() -> LinearRegression:
    return LinearRegression().fit(X, Y)


def test_a_linear_models_share_is_its_coefficient_in_standard_deviations():
    data = Dataset(X, Y)

    for place in range(3):
        assert coefficient_share(linear(), data, place).value == pytest.approx(SHARES[place], abs=1e-9)
        assert gradient_share(linear(), data, place).values == pytest.approx([SHARES[place]], abs=1e-6)
    assert coefficient_share(linear(), data, [0, 2]).value == pytest.approx(SHARES[0] + SHARES[2], abs=1e-9)
    assert coefficient_share(linear(), data, np.array([True, False, True])).value == pytest.approx(
        SHARES[0] + SHARES[2], abs=1e-9
    )
    assert coefficient_share(linear(), data, slice(1, 3)).value == pytest.approx(SHARES[1] + SHARES[2], abs=1e-9)


def test_nothing_is_inferred_about_coefficients():
    share = coefficient_share(linear(), Dataset(X, Y), 0)

    assert share.low() == share.high() == share.value
    assert (share <= SHARES[0] + 1e-6).outcome is Outcome.MET
    assert (share <= SHARES[0] - 1e-6).outcome is Outcome.VIOLATED
    assert not share.greater_is_better
    assert (share <= 0.9).bound_class == "exact"


def test_every_member_has_a_share_and_the_worst_decides():
    members = [LinearRegression().fit(X, X @ weights) for weights in ([1.0, 0.0, 0.0], [1.0, 1.0, 0.0])]
    shares = coefficient_share(Ensemble.of(members), Dataset(X, Y), 1)
    expected = X.std(axis=0)[1] / X.std(axis=0)[:2].sum()

    assert shares.values == pytest.approx([0.0, expected], abs=1e-9)
    assert (shares <= expected + 0.001).outcome is Outcome.MET
    violated = shares <= expected - 0.001
    assert violated.outcome is Outcome.VIOLATED
    assert "worst of 2 members (seed 1); 1 of 2 violate it" in " ".join(violated.details)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), StandardScaler(with_std=False)])
def test_a_scaler_before_the_model_changes_nothing(scaler):
    piped = make_pipeline(scaler, LinearRegression()).fit(X, Y)

    assert coefficient_share(piped, Dataset(X, Y), 0).value == pytest.approx(SHARES[0], abs=1e-9)


def test_a_slice_is_measured_by_the_scales_of_the_whole():
    data = Dataset(X, Y, columns={"far": X[:, 1] > 8})
    part = data.where(far=True)

    assert part.X[:, 1].std() < 0.7 * X[:, 1].std()
    assert coefficient_share(linear(), part, 1).value == pytest.approx(SHARES[1], abs=1e-9)
    assert gradient_share(linear(), part, 1).value == pytest.approx(SHARES[1], abs=1e-6)


def test_classes_are_summed():
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    model = LogisticRegression(max_iter=2000).fit(X, labels)
    sizes = np.abs(model.coef_).sum(axis=0) * X.std(axis=0)

    assert coefficient_share(model, Dataset(X, labels), 1).value == pytest.approx(sizes[1] / sizes.sum(), abs=1e-12)


def test_a_logistic_models_gradient_is_its_coefficients_at_every_case():
    model = LogisticRegression().fit(X, LABELS)
    sizes = np.abs(model.coef_[0]) * X.std(axis=0)
    share = gradient_share(model, Dataset(X, LABELS), 2)

    assert share.value == pytest.approx(sizes[2] / sizes.sum(), abs=1e-6)
    assert np.ptp(share.evidence.losses) < 1e-5


def test_several_classes_by_the_log_odds_of_the_predicted_one():
    """d log(p_c / (1 - p_c)) / dx = w_c - sum over the others of p_k w_k / (1 - p_c)."""
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    model = LogisticRegression(max_iter=2000).fit(X, labels)
    probabilities = model.predict_proba(X)
    top = probabilities.argmax(axis=1)
    others = probabilities.copy()
    others[np.arange(400), top] = 0
    slope = model.coef_[top] - (others @ model.coef_) / others.sum(axis=1, keepdims=True)
    sizes = np.abs(slope) * X.std(axis=0)

    found = gradient_share(model, Dataset(X, labels), 0)

    assert found.evidence.losses[0] == pytest.approx(sizes[:, 0] / sizes.sum(axis=1), abs=1e-4)
    assert np.ptp(found.evidence.losses) > 0.1  # or the closed form would show nothing


@pytest.mark.parametrize("frame", [FRAME, pl.from_pandas(FRAME)])
def test_frames_name_their_columns(frame):
    data = Dataset(frame, Y)
    model = LinearRegression().fit(frame, Y)
    share = gradient_share(model, data, ["x1", "x3"])

    assert share.value == pytest.approx(SHARES[0] + SHARES[2], abs=1e-6)
    assert share.subject == "gradient share of x1 and x3"
    assert dict(share.settings)["on"] == ("x1", "x3")
    assert coefficient_share(model, data, "x2").value == pytest.approx(SHARES[1], abs=1e-9)


@pytest.mark.parametrize(
    "fitted",
    [
        lambda frame: LinearRegression().fit(frame, Y),
        lambda frame: make_pipeline(StandardScaler(), LinearRegression()).fit(frame, Y),
        lambda frame: make_pipeline("passthrough", MinMaxScaler(), LinearRegression()).fit(frame, Y),
        lambda frame: GridSearchCV(make_pipeline(RobustScaler(), LinearRegression()), {}, cv=2).fit(frame, Y),
    ],
    ids=["alone", "scaled", "after passthrough", "searched"],
)
@pytest.mark.parametrize("form", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_columns_in_another_order_keep_their_own_coefficients(fitted, form):
    model, turned = fitted(form(FRAME)), Dataset(form(FRAME[["x3", "x1", "x2"]]), Y)

    for place, name in enumerate(FRAME.columns):
        assert coefficient_share(model, turned, name).value == pytest.approx(SHARES[place], abs=1e-9)
    assert coefficient_share(model, turned, 0).value == pytest.approx(SHARES[2], abs=1e-9)  # the first of the data


@pytest.mark.parametrize("model", [LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())])
def test_columns_of_other_names_have_no_coefficients(model):
    fitted = model.fit(FRAME, Y)

    with pytest.raises(
        ValueError,
        match=r"fitted on the columns 'x1', 'x2', 'x3', and the data have 'x1', 'x2', 'y3': only the data have 'y3', "
        r"only the model has 'x3'\. Give the columns that the model was fitted on",
    ):
        coefficient_share(fitted, Dataset(FRAME.rename(columns={"x3": "y3"}), Y), "x1")
    with pytest.raises(ValueError, match=r"and the data have 'x1', .*'x4': only the data have 'x4'\. Give"):
        coefficient_share(fitted, Dataset(FRAME.assign(x4=Y), Y), "x1")


def test_coefficients_go_by_position_where_one_side_has_no_names():
    numbered = FRAME.set_axis([2, 1, 0], axis=1)

    for model, rows in (
        (LinearRegression().fit(FRAME, Y), X),
        (linear(), FRAME),
        (LinearRegression().fit(FRAME, Y), numbered),
        (LinearRegression().fit(numbered, Y), FRAME),
    ):
        assert coefficient_share(model, Dataset(rows, Y), 2).value == pytest.approx(SHARES[2], abs=1e-9)


def test_whole_numbers_and_text_beside_numbers():
    rows = pd.DataFrame({"age": np.arange(200) % 60, "height": RANDOM.normal(size=200), "city": ["a", "b"] * 100})
    y = 0.1 * rows["age"] + 2.0 * rows["height"] + (rows["city"] == "a")
    encoder = ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough")
    model = make_pipeline(encoder, LinearRegression()).fit(rows, y)
    sizes = np.array([0.1 * rows["age"].std(ddof=0), 2.0 * rows["height"].std(ddof=0)])

    assert gradient_share(model, Dataset(rows, y.to_numpy()), "age").value == pytest.approx(
        sizes[0] / sizes.sum(), abs=1e-6
    )
    with pytest.raises(TypeError, match=r"feature 'city' of the data holds no numbers: permute it instead"):
        gradient_share(model, Dataset(rows, y.to_numpy()), "city")


def test_positions_masks_and_words():
    data = Dataset(X, Y)

    assert coefficient_share(linear(), data, 0).subject == "coefficient share of column 0"
    assert coefficient_share(linear(), data, [0, 2]).subject == "coefficient share of columns 0 and 2"
    masked = coefficient_share(linear(), data, np.array([False, True, True]))
    assert masked.subject == "coefficient share of 2 of 3 positions"
    assert dict(masked.settings)["on"] == (1, 2)


def test_the_share_of_an_image_by_a_mask():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    images = RANDOM.normal(size=(50, 1, 4, 4)).astype(np.float32)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
    weights = np.abs(module[1].weight.detach().numpy()[0]) * images.reshape(50, -1).std(axis=0)
    mask = np.zeros((1, 4, 4), dtype=bool)
    mask[0, :2] = True
    data = Dataset(images, RANDOM.normal(size=50))
    expected = weights[:8].sum() / weights.sum()
    model = Ensemble.of(module, output="values")

    assert coefficient_share(model, data, mask).value == pytest.approx(expected, abs=1e-6)
    assert gradient_share(model, data, mask).value == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match=r"expected a mask of the shape of one example, \(1, 4, 4\); got .* \(4, 4\)"):
        gradient_share(model, data, mask[0])


def test_torch_coefficients():
    torch = pytest.importorskip("torch")
    linear = torch.nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 5.0, 2.0], [3.0, 5.0, -2.0]]))
    data = Dataset(X, LABELS)
    per_class, odds = np.array([4.0, 10.0, 4.0]) * X.std(axis=0), np.array([2.0, 0.0, 4.0]) * X.std(axis=0)

    values = [
        coefficient_share(Ensemble.of(linear, output=output), data, 0).value for output in ("probabilities", "logits")
    ]
    softmax = torch.nn.Sequential(linear, torch.nn.Softmax(dim=1))

    assert values == pytest.approx([per_class[0] / per_class.sum(), odds[0] / odds.sum()], abs=1e-6)
    assert coefficient_share(Ensemble.of(softmax, output="probabilities"), data, 0).value == pytest.approx(
        odds[0] / odds.sum(), abs=1e-6
    )
    deep = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    with pytest.raises(TypeError, match=r"Sequential has no coefficients: only linear models have"):
        coefficient_share(Ensemble.of(deep, output="logits"), data, 0)


def test_the_model_that_a_search_found():
    search = GridSearchCV(make_pipeline(StandardScaler(), LinearRegression()), {}, cv=2).fit(X, Y)

    assert coefficient_share(search, Dataset(X, Y), 0).value == pytest.approx(SHARES[0], abs=1e-9)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (MLPRegressor(max_iter=5), "MLPRegressor has no coefficients"),
        (SVC(), "SVC has no coefficients"),
        (make_pipeline(PolynomialFeatures(1, include_bias=False), LinearRegression()), "what PolynomialFeatures makes"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_only_linear_models_have_coefficients(model, why):
    data = Dataset(X, LABELS, classes=[0, 1])

    with pytest.raises(TypeError, match=f"{why}.*[uU]se gradient_share"):
        coefficient_share(model.fit(X, LABELS), data, 0)


def test_coefficients_that_are_all_zero_share_nothing():
    with pytest.raises(ValueError, match="all coefficients of 'Lasso' are 0"):
        coefficient_share(Lasso(alpha=1e6).fit(X, Y), Dataset(X, Y), 0)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(30, random_state=0),
        HistGradientBoostingRegressor(random_state=0),
        KNeighborsRegressor(),
    ],
)
def test_a_model_that_goes_in_steps_has_no_gradient(model):
    y = LABELS if isinstance(model, RandomForestClassifier) else Y

    with pytest.raises(ValueError, match=r"has no gradient at [\d,]+ of 200 cases: .* Permute the column instead"):
        gradient_share(model.fit(X, y), Dataset(X, y), 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_network_relies_on_what_moves_it(activation):
    """y follows x1 alone: nearly all of the gradient lies there; with x3 in the law, some lies on x3."""
    Z = RANDOM.normal(size=(600, 3))
    shares = []
    for y in (Z[:, 0] > 0, Z[:, 0] + Z[:, 2] > 0):
        net = MLPClassifier((16,), activation=activation, max_iter=150, random_state=0).fit(Z, y.astype(int))
        shares.append(gradient_share(net, Dataset(Z, y.astype(int)), 2).value)

    assert shares[0] < 0.15
    assert 0.35 < shares[1] < 0.6


def test_margins_where_there_are_no_probabilities():
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    model = RidgeClassifier().fit(X, labels)
    scores = model.decision_function(X)
    first, second = np.argsort(-scores, axis=1)[:, :2].T
    sizes = np.abs(model.coef_[first] - model.coef_[second]) * X.std(axis=0)

    found = gradient_share(model, Dataset(X, labels), 1).evidence.losses[0]

    assert np.median(np.abs(found - sizes[:, 1] / sizes.sum(axis=1))) < 1e-6  # but where the runner-up changes


def test_the_bound_is_the_betting_bound_and_slices_split_it():
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    model = LogisticRegression(max_iter=2000).fit(X, labels)
    data = Dataset(X, labels, columns={"half": np.repeat(["a", "b"], 200)})
    share = gradient_share(model, data, 0)
    verdict = share <= 0.99

    assert verdict.outcome is Outcome.MET
    assert "betting" in verdict.method.lower()
    assert share.low() < share.value < share.high()
    assert gradient_share(model, data.where(half="a"), 0).value == pytest.approx(share.evidence.losses[0][:200].mean())
    assert share.gap(by="half").value == pytest.approx(
        abs(share.evidence.losses[0][:200].mean() - share.evidence.losses[0][200:].mean())
    )


def test_coefficients_have_no_groups():
    data = Dataset(X, Y, columns={"half": np.repeat(["a", "b"], 200)})

    with pytest.raises(TypeError, match="read off the coefficients of the model and not off cases: it has no groups"):
        coefficient_share(linear(), data, 0).gap(by="half")


@pytest.mark.parametrize(
    ("features", "why"),
    [
        ("x9", r"unknown column 'x9' of the features of table; did you mean 'x3'\?"),
        ([], "expected at least one feature"),
        (["x1", "x1"], "expected every feature once"),
        (["x1", 0], "expected every feature once"),
        (3, "expected positions from 0 to 2"),
        (-1, "expected positions from 0 to 2"),
        (["x1", "x2", "x3"], "got all of them"),
        (np.array([True, False]), r"expected a mask of the shape of one example, \(3,\)"),
        (True, "expected features as column names, positions"),
        (1.0, "expected features as column names, positions"),
        (None, "expected features as column names, positions"),
    ],
)
@pytest.mark.parametrize("metric", [coefficient_share, gradient_share])
def test_features_that_are_not_there(metric, features, why):
    with pytest.raises((ValueError, TypeError), match=why):
        metric(LinearRegression().fit(FRAME, Y), Dataset(FRAME, Y, name="table"), features)


def test_names_need_a_frame():
    with pytest.raises(ValueError, match=r"the features of the data have no names; .* give positions from 0 to 2"):
        gradient_share(linear(), Dataset(X, Y), "x1")


def test_a_constant_feature_is_no_pass():
    constant = np.column_stack([X[:, 0], np.full(400, 0.1), X[:, 2]])  # whose computed standard deviation is no 0
    why = r"is constant in the data: .* Give data in which it varies"

    for metric in (coefficient_share, gradient_share):
        with pytest.raises(ValueError, match=f"feature 1 {why}"):
            metric(linear(), Dataset(constant, Y), 1)
        with pytest.raises(ValueError, match=f"feature 'x2' {why}"):
            metric(linear(), Dataset(pd.DataFrame(constant, columns=["x1", "x2", "x3"]), Y), "x2")
    with pytest.raises(ValueError, match=f"feature 1 {why}"):
        coefficient_share(linear(), Dataset(csr_matrix(constant), Y), 1)


def test_a_mask_may_hold_a_constant_border_and_not_only_that():
    constant = np.column_stack([X[:, 0], np.full(400, 2.0), X[:, 2]])
    expected = PER_STD[0] / (PER_STD[0] + PER_STD[2])

    found = gradient_share(linear(), Dataset(constant, Y), np.array([True, True, False]))
    assert found.value == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="feature 1 is constant"):
        gradient_share(linear(), Dataset(constant, Y), slice(1, 2))


def test_sparse_features_have_the_same_scales():
    assert coefficient_share(linear(), Dataset(csr_matrix(X), Y), 1).value == pytest.approx(SHARES[1], abs=1e-9)


def test_missing_entries_and_predictions_without_a_model():
    holes = X.copy()
    holes[3, 1] = np.nan

    with pytest.raises(ValueError, match="position 1 has missing or infinite entries"):
        gradient_share(linear(), Dataset(holes, Y), 0)
    with pytest.raises(ValueError, match="column 'x2' has missing or infinite entries"):
        gradient_share(linear(), Dataset(pd.DataFrame(holes, columns=["x1", "x2", "x3"]), Y), "x1")
    with pytest.raises(TypeError, match="gradient_share looks into the model"):
        gradient_share(Predictions(y=Y, values=Y), Dataset(X, Y), 0)


def test_the_carrier_is_that_of_every_other_metric():
    model, data = LogisticRegression().fit(X, LABELS), Dataset(X, LABELS)

    assert gradient_share(model, data, 0).predictions is accuracy(model, data).predictions
