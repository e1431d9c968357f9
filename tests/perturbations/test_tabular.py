"""Tables: what each perturbation changes, by hand or by theory, in every form, and what it refuses."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from pytest_mlspec.data import Dataset
from pytest_mlspec.perturbations import tabular
from pytest_mlspec.perturbations.changing import ColumnChange
from pytest_mlspec.perturbations.columns import read
from pytest_mlspec.perturbations.composing import compose
from pytest_mlspec.perturbations.edits import edit

N = 400
RANDOM = np.random.default_rng(0)
AGE = RANDOM.normal(40.0, 10.0, N)
VISITS = RANDOM.poisson(20, N)
SEX = RANDOM.choice(["female", "male"], N)
SMOKER = RANDOM.random(N) < 0.3


def pandas_frame() -> pd.DataFrame:
    index = np.arange(N) * 3 + 7  # rows are matched by position, never by label
    return pd.DataFrame({"age": AGE, "visits": VISITS, "sex": pd.Categorical(SEX), "smoker": SMOKER}, index=index)


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {"age": AGE, "visits": VISITS, "sex": pl.Series(SEX, dtype=pl.Enum(["female", "male"])), "smoker": SMOKER}
    )


def array() -> np.ndarray:
    return np.column_stack([AGE, VISITS]).astype(np.float32)


def tensor() -> torch.Tensor:
    return torch.tensor(array())


ANY = [
    pytest.param(tabular.noise(["age", "visits"], 2, seed=1), id="noise"),
    pytest.param(tabular.missing("age", 3, seed=1), id="missing"),
    pytest.param(tabular.unit_error("age", 2.54, share=0.3, seed=1), id="unit_error"),
    pytest.param(tabular.swap_categories("sex", share=0.5, seed=1), id="swap_categories"),
    pytest.param(tabular.permute(["age", "sex"], seed=1), id="permute"),
    pytest.param(tabular.shift("visits", 2), id="shift"),
    pytest.param(tabular.mask("age"), id="mask"),
]


# ---- of every perturbation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [pandas_frame, polars_frame], ids=["pandas", "polars"])
@pytest.mark.parametrize("change", ANY)
def test_frames_keep_their_form_their_other_columns_and_their_input(
    change: ColumnChange, make: Callable[[], object]
) -> None:
    frame, untouched = make(), make()

    changed = change(frame)

    assert type(changed) is type(frame)
    assert list(changed.columns) == ["age", "visits", "sex", "smoker"]
    assert [str(changed[name].dtype) for name in changed.columns] == [str(frame[name].dtype) for name in frame.columns]
    assert frame.equals(untouched)
    assert change.columns is not None
    for name in changed.columns:
        assert (list(changed[name]) != list(frame[name])) == (name in change.columns)
    if isinstance(frame, pd.DataFrame):
        assert changed.index.equals(frame.index)


@pytest.mark.parametrize("make", [array, tensor], ids=["numpy", "torch"])
@pytest.mark.parametrize(
    "change",
    [
        tabular.noise(0, 2, seed=1),
        tabular.missing(0, 3, seed=1),
        tabular.unit_error(0, 2.54, seed=1),
        tabular.swap_categories(1, seed=1),
        tabular.permute(1, seed=1),
        tabular.shift(0, 2, unit="std"),
        tabular.mask(1),
    ],
    ids=lambda change: change.name,
)
def test_arrays_and_tensors_keep_form_dtype_and_input(change: ColumnChange, make: Callable[[], object]) -> None:
    X, untouched = make(), make()

    changed = change(X)

    assert type(changed) is type(X)
    assert changed.dtype == X.dtype
    assert changed.shape == X.shape
    assert bool((untouched == X).all())
    assert change.columns is not None
    for column in (0, 1):
        differs = not np.array_equal(np.asarray(changed[:, column]), np.asarray(X[:, column]), equal_nan=True)
        assert differs == (column in change.columns)


@pytest.mark.parametrize("change", ANY)
def test_the_same_parameters_are_equal_survive_pickle_and_do_the_same(change: ColumnChange) -> None:
    frame = pandas_frame()
    again = pickle.loads(pickle.dumps(change))

    assert again == change
    assert again(frame).equals(change(frame))


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: tabular.noise("age", 3, seed=seed),
        lambda seed: tabular.missing("age", 3, seed=seed),
        lambda seed: tabular.unit_error("age", 2.54, share=0.5, seed=seed),
        lambda seed: tabular.swap_categories("sex", share=0.5, seed=seed),
        lambda seed: tabular.permute("age", seed=seed),
        lambda seed: tabular.permute("age", seed=seed, donors=pandas_frame()[::-1]),
    ],
    ids=["noise", "missing", "unit_error", "swap_categories", "permute", "donors"],
)
def test_another_seed_draws_something_else(make: Callable[[int], ColumnChange]) -> None:
    assert not make(0)(pandas_frame()).equals(make(1)(pandas_frame()))


def test_the_columns_of_a_set_stand_in_order() -> None:
    assert tabular.permute({"b", "c", "a"}).name == "permute a, b and c"
    assert tabular.permute(frozenset({10, 9, 2})).columns == (2, 9, 10)


def test_a_seed_may_be_an_integer_of_numpy() -> None:
    frame = pandas_frame()

    assert tabular.noise("age", np.int64(2), seed=np.int64(5))(frame).equals(tabular.noise("age", 2, seed=5)(frame))


def test_names_say_what_was_done_where() -> None:
    assert [param.values[0].name for param in ANY] == [
        "noise in age and visits, severity 2",
        "missing age, severity 3",
        "unit error in age (x 2.54), share 0.3",
        "swap sex, share 0.5",
        "permute age and sex",
        "shift visits by 2",
        "mask age at mean",
    ]
    assert tabular.permute([0, 3, 5]).__name__ == "permute columns 0, 3 and 5"
    assert tabular.permute(range(9)).__name__ == "permute 9 columns"
    assert tabular.noise(scale=0.5).__name__ == "noise in all columns, 0.5 std"


def test_a_dataset_takes_it_and_says_it() -> None:
    data = Dataset(pandas_frame(), SMOKER.astype(int), name="people")

    assert data.perturb(tabular.permute("age")).title == "people, permute age"
    assert np.array_equal(data.perturb(tabular.mask("age")).y, data.y)


@pytest.mark.parametrize("make", [tabular.noise, tabular.missing])
def test_severity_0_is_the_identity(make: Callable[..., ColumnChange]) -> None:
    frame = pandas_frame()
    changed = make("age", 0)(frame)

    assert changed.equals(frame)
    assert changed is not frame


@pytest.mark.parametrize("make", [tabular.noise, tabular.missing])
def test_harm_grows_with_severity(make: Callable[..., ColumnChange]) -> None:
    harms = []
    for severity in range(6):
        changed = read(make("age", severity, seed=3)(pandas_frame()), "age")
        harms.append(np.square(np.nan_to_num(changed) - AGE).sum())

    assert harms[0] == 0
    assert (np.diff(harms) > 0).all()


def test_rules_with_one_seed_draw_by_themselves() -> None:
    """Of rows that both hit by themselves with probability a half each, the share is a quarter; 3 standard errors."""
    X = np.arange(8000.0)[:, None]
    hit = [
        np.isnan(tabular.missing(0, share=0.5, seed=3)(X)[:, 0]),
        tabular.unit_error(0, 100, share=0.5, seed=3)(X)[:, 0] != X[:, 0],
        tabular.swap_categories(0, share=0.5, seed=3)(X)[:, 0] != X[:, 0],
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (hit[one] & hit[other]).mean() == pytest.approx(0.25, abs=3 * np.sqrt(0.25 * 0.75 / 8000))

    both = compose(tabular.missing(0, share=0.5, seed=3), tabular.unit_error(0, 100, share=0.5, seed=3))(X)
    left = ~hit[0]
    assert (both[left, 0] != X[left, 0]).mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(left.sum()))


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (None, 1, True),
        ([0, 1], [1, 2], True),
        (1, "1", True),
        (0, 1, False),
        ([0, 2], 1, False),
    ],
)
def test_noise_is_not_drawn_twice_on_a_column(first: object, second: object, refused: bool) -> None:
    one, other = tabular.noise(first, 1), tabular.noise(second, 2)  # type: ignore[arg-type]
    if refused:
        with pytest.raises(ValueError, match=r"noise twice with seed=0\. Give one of them another seed"):
            compose(one, other)
    else:
        assert len(compose(one, other).steps) == 2
    assert len(compose(one, tabular.noise(first, 1, seed=1)).steps) == 2  # type: ignore[arg-type]


def test_two_steps_with_the_same_draws_cannot_be_composed() -> None:
    with pytest.raises(ValueError, match="permuted twice with seed=0"):
        compose(tabular.permute("age"), tabular.permute("sex"))

    both = compose(tabular.permute("age"), tabular.permute("sex", seed=1), tabular.noise("age", 1))
    assert both.mixes_rows
    assert both(pandas_frame()).shape == (N, 4)


# ---- one by one ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_noise_has_the_stated_size_and_correlation(severity: int) -> None:
    X = RANDOM.normal(5.0, 2.0, (20_000, 1))
    scale = tabular.NOISE_SCALES[severity]
    added = tabular.noise(0, severity, seed=2)(X) - X

    # The standard deviation of 20,000 normal numbers has a relative standard error of 1 / sqrt(40,000) = .005.
    assert added.std() == pytest.approx(scale * X.std(), rel=0.015)
    assert added.mean() == pytest.approx(0.0, abs=3 * scale * X.std() / np.sqrt(20_000))
    assert np.corrcoef(X[:, 0], (X + added)[:, 0])[0, 1] == pytest.approx(1 / np.sqrt(1 + scale**2), abs=0.015)


def test_noise_of_a_column_does_not_depend_on_the_others_that_are_named() -> None:
    alone = tabular.noise("age", 2)(pandas_frame())
    together = tabular.noise(["visits", "age"], 2)(pandas_frame())

    assert np.array_equal(alone["age"], together["age"])


def test_noise_rounds_integers_and_leaves_gaps() -> None:
    frame = pd.DataFrame({"visits": VISITS, "age": np.where(SMOKER, np.nan, AGE)})
    changed = tabular.noise(severity=3)(frame)

    assert changed["visits"].dtype == frame["visits"].dtype
    assert (changed["visits"] != frame["visits"]).mean() > 0.5
    assert np.array_equal(changed["age"].isna(), SMOKER)


def test_noise_without_columns_takes_those_that_it_can_change() -> None:
    frame = pandas_frame().assign(constant=1.0, code=SMOKER.astype(int))
    changed = tabular.noise(severity=2)(frame)

    assert [name for name in frame.columns if not changed[name].equals(frame[name])] == ["age", "visits"]
    with pytest.raises(ValueError, match="a column that noise in all columns, severity 2 can change"):
        tabular.noise(severity=2)(frame[["sex", "smoker", "constant", "code"]])


@pytest.mark.parametrize(
    ("column", "error", "words"),
    [
        ("smoker", TypeError, "holds True and False: use swap_categories"),
        ("sex", TypeError, "expected numbers for noise; sex holds 'female'"),
        ("constant", ValueError, "constant is 1 in all 400 rows"),
        ("code", ValueError, "code has two: use swap_categories"),
        ("empty", ValueError, "every entry of empty is missing"),
        ("agee", ValueError, "unknown column 'agee' of X; did you mean 'age'"),
        (3, ValueError, "unknown column '3' of X"),
    ],
)
def test_noise_refuses_what_it_cannot_change(column: str, error: type[Exception], words: str) -> None:
    frame = pandas_frame().assign(constant=1.0, code=SMOKER.astype(int), empty=np.nan)
    frame["sex"] = frame["sex"].cat.set_categories(["female", "male"])
    frame.iloc[0, 2] = "female"

    with pytest.raises(error, match=words):
        tabular.noise(["age", column], 2)(frame)


def test_missing_loses_the_stated_share_and_more_with_severity() -> None:
    X = np.ones((20_000, 1))
    lost = [np.isnan(tabular.missing(0, severity)(X)[:, 0]) for severity in range(1, 6)]

    for share, gone in zip(tabular.MISSING_SHARES[1:], lost, strict=True):
        assert gone.mean() == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 20_000))
    assert all((gone <= more).all() for gone, more in pairwise(lost))


def test_missing_is_what_the_library_of_the_frame_calls_it() -> None:
    change = tabular.missing(["age", "sex"], 4)

    assert pandas_frame().pipe(change)["sex"].isna().sum() > 0
    polars_changed = change(polars_frame())
    assert polars_changed["age"].null_count() > 0
    assert polars_changed["age"].is_nan().sum() == 0
    assert polars_changed["sex"].null_count() > 0


def test_missing_in_integers_needs_a_fill_in_an_array_but_not_in_polars() -> None:
    with pytest.raises(ValueError, match=r"expected values that visits can hold: its dtype is .*64, got nan"):
        tabular.missing("visits", 3)(pandas_frame())
    with pytest.raises(ValueError, match="expected values that column 0 can hold: its dtype is int64"):
        tabular.missing(0, 3)(VISITS[:, None])

    assert set(tabular.missing(0, share=1.0, fill=-1)(VISITS[:, None])[:, 0]) == {-1}
    assert tabular.missing("visits", 3)(polars_frame())["visits"].null_count() > 0


def test_unit_error_multiplies_the_stated_share() -> None:
    X = np.full((20_000, 1), 10.0)
    changed = tabular.unit_error(0, 2.54, share=0.25, seed=1)(X)

    assert set(np.unique(changed)) == {10.0, 25.4}
    assert (changed == 25.4).mean() == pytest.approx(0.25, abs=3 * np.sqrt(0.25 * 0.75 / 20_000))
    assert tabular.unit_error(0, 2.54)(np.array([[10], [3]])).ravel().tolist() == [25, 8]


def test_swapped_categories_are_others_with_equal_chance() -> None:
    X = np.repeat(["a", "b", "c"], [6000, 3000, 3000])[:, None]
    changed = tabular.swap_categories(0, share=0.5, seed=1)(X)

    moved = changed != X
    assert moved.mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(12_000))
    fresh = changed[(X == "a") & moved]
    assert set(fresh) == {"b", "c"}
    assert (fresh == "b").mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(len(fresh)))


@pytest.mark.parametrize(
    ("values", "words"),
    [([1.5, 2.5], "holds fractions: use noise"), ([1.0, 1.0], r"at least two categories .* got \[1.0\]")],
)
def test_swapped_categories_need_categories(values: list[float], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        tabular.swap_categories(0)(np.array(values)[:, None])


def test_permuted_columns_keep_their_values_and_stay_together() -> None:
    X = np.column_stack([np.arange(N), np.arange(N) * 2, AGE])
    changed = tabular.permute([0, 1], seed=5)(X)

    assert sorted(changed[:, 0]) == list(range(N))
    assert np.array_equal(changed[:, 1], 2 * changed[:, 0])
    assert np.array_equal(changed[:, 2], AGE)
    assert abs(np.corrcoef(changed[:, 0], X[:, 0])[0, 1]) < 4 / np.sqrt(N)
    assert tabular.permute([0]).mixes_rows


def test_one_row_has_no_partner() -> None:
    with pytest.raises(ValueError, match="at least two rows to exchange values; got 1 rows"):
        tabular.permute([0, 1])(np.array([[1.0, 2.0]]))


@pytest.mark.parametrize("n_rows", [2, 3, 10, 11])
def test_permuted_rows_exchange_their_values_in_pairs(n_rows: int) -> None:
    change = tabular.permute(0, seed=2)
    X = np.arange(n_rows)[:, None]
    donor, codes = change(X)[:, 0], change.exchanged(n_rows)

    assert codes is not None
    assert (donor != np.arange(n_rows)).all()
    assert (codes[donor] == codes).all()
    sizes = np.bincount(codes)
    assert sorted(sizes) == ([2] * (n_rows // 2) if n_rows % 2 == 0 else [2] * (n_rows // 2 - 1) + [3])


def test_composed_exchanges_link_their_pairs() -> None:
    """Two random matchings of 40 rows: each row has one partner in either, so groups are unions of whole pairs."""
    first, second = tabular.permute(0, seed=1), tabular.permute(1, seed=2)
    codes = compose(first, second).exchanged(40)
    one, other = first.exchanged(40), second.exchanged(40)

    assert codes is not None and one is not None and other is not None
    for pairs in (one, other):
        assert all(len(set(codes[pairs == pair])) == 1 for pair in range(20))
    assert len(set(codes)) < 20
    assert compose(first, tabular.noise(1, 1)).exchanged(40) is not None
    assert compose(tabular.noise(0, 1), tabular.noise(1, 1)).exchanged(40) is None


def test_permuted_columns_come_from_donors() -> None:
    donors = pd.DataFrame({"age": [1.0, 2.0], "sex": ["male", "female"], "visits": [0, 0]})
    change = tabular.permute(["age", "sex"], donors=donors)
    changed = change(pandas_frame())

    pairs = set(zip(changed["age"], changed["sex"], strict=True))
    assert pairs == {(1.0, "male"), (2.0, "female")}
    assert (changed["age"] == 1.0).mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(N))
    assert not change.mixes_rows


def test_donors_are_other_rows_in_the_same_form() -> None:
    X = np.arange(12.0).reshape(6, 2)

    with pytest.raises(TypeError, match="whose columns go by position; theirs go by name: pass both as frames"):
        tabular.permute(0, donors=pd.DataFrame(X))(X)
    with pytest.raises(TypeError, match="whose columns go by name; theirs go by position"):
        tabular.permute(0, donors=X)(pd.DataFrame(X, columns=["0", "1"]))
    with pytest.raises(ValueError, match="expected donors of their own; they are the 6 rows that are perturbed"):
        tabular.permute(0, donors=X.copy())(X)
    assert len(repr(tabular.permute([0, 1], donors=np.ones((5000, 2))))) < 200


def test_donors_need_the_columns() -> None:
    with pytest.raises(ValueError, match="unknown column 'age'"):
        tabular.permute("age", donors=pd.DataFrame({"ag": [1.0]}))


def test_shift_adds_the_number_or_standard_deviations() -> None:
    X = np.array([[0.0], [4.0]])  # a standard deviation of 2

    assert tabular.shift(0, 1.5)(X).ravel().tolist() == [1.5, 5.5]
    assert tabular.shift(0, 1.5, unit="std")(X).ravel().tolist() == [3.0, 7.0]
    with pytest.raises(ValueError, match=r"dtype is int64, got 1\.5"):
        tabular.shift(0, 0.5)(np.array([[1], [2]]))


def test_mask_gives_the_mean_or_the_value() -> None:
    frame = pd.DataFrame({"age": [10.0, np.nan, 30.0], "sex": ["a", "b", "a"]})

    assert tabular.mask("age")(frame)["age"].tolist() == [20.0] * 3
    assert tabular.mask("age", 5)(frame)["age"].tolist() == [5.0] * 3
    assert tabular.mask("sex", "b")(frame)["sex"].tolist() == ["b"] * 3
    with pytest.raises(TypeError, match="expected numbers for a mask at the mean; sex holds 'a'"):
        tabular.mask("sex")(frame)
    with pytest.raises(ValueError, match="expected values that sex can hold"):
        tabular.mask("sex", "c")(frame.astype({"sex": "category"}))


# ---- the dtypes of frames -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "Float32", "float16"])
def test_narrow_floats_of_pandas_stay_narrow(dtype: str) -> None:
    X = pd.DataFrame({"x": pd.Series([0.5, 1.5, 2.5, 3.5, 8.5], dtype=dtype, index=[7, 9, 4, 0, 1])})
    donors = np.array([[1.1], [2.2]])
    changes = [
        tabular.noise("x", 3),
        tabular.mask("x"),
        edit("x", to=1.1),
        tabular.missing("x", share=0.9, fill=1.1),
        tabular.permute("x", donors=pd.DataFrame(donors, columns=["x"])),
    ]
    for change in changes:
        changed = change(X)["x"]
        assert changed.dtype == dtype
        assert changed.index.tolist() == [7, 9, 4, 0, 1]
    assert changes[1](X)["x"].tolist() == [np.array(16.5 / 5, dtype=dtype.lower()).item()] * 5
    assert changes[2](X)["x"].tolist() == [np.array(1.1, dtype=dtype.lower()).item()] * 5


def integers_with_gaps(form: str) -> object:
    visits = [1, 2, None, 40, 5, 90, None, 8, 12, 3]
    if form == "polars":
        return pl.DataFrame({"visits": visits})
    return pd.DataFrame({"visits": pd.Series(visits, dtype="Int64")}, index=None).set_index(np.arange(10) * 3 + 7)


@pytest.mark.parametrize("form", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (tabular.noise("visits", 3, seed=1), None),
        (tabular.unit_error("visits", 2.5), [2, 5, None, 100, 12, 225, None, 20, 30, 8]),
        (tabular.shift("visits", 2), [3, 4, None, 42, 7, 92, None, 10, 14, 5]),
        (tabular.swap_categories("visits"), None),
    ],
    ids=["noise", "unit_error", "shift", "swap_categories"],
)
def test_integers_with_gaps_stay_integers_with_gaps(
    change: ColumnChange, expected: list[int | None] | None, form: str
) -> None:
    X = integers_with_gaps(form)
    frame = change(X)
    listed = [None if value is None or value is pd.NA else value for value in list(frame["visits"])]

    assert frame["visits"].dtype == X["visits"].dtype  # type: ignore[index]
    assert [row for row, value in enumerate(listed) if value is None] == [2, 6]
    assert all(float(value).is_integer() for value in listed if value is not None)
    if expected is not None:
        assert listed == expected
    if isinstance(frame, pd.DataFrame):
        assert frame.index.tolist() == [row * 3 + 7 for row in range(10)]


def test_codes_of_two_values_take_no_noise_with_gaps_either() -> None:
    X = pl.DataFrame({"code": [0, 1, None, 1], "x": [1.0, 2.0, 3.0, 4.0]})

    assert tabular.noise(severity=2)(X)["code"].equals(X["code"])
    with pytest.raises(ValueError, match="code has two: use swap_categories"):
        tabular.noise("code", 2)(X)


DAYS = pd.date_range("2024-03-30", periods=6)
TIMES = {
    "days": DAYS,
    "nanoseconds": DAYS.as_unit("ns"),
    "in Berlin": DAYS.tz_localize("Europe/Berlin"),
    "durations": DAYS - DAYS[0],
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_can_be_lost_permuted_and_swapped(kind: str) -> None:
    X = pd.DataFrame({"t": TIMES[kind], "x": np.arange(6.0)}, index=list("fedcba"))
    lost = tabular.missing(share=0.6, seed=1)(X)["t"]
    permuted = tabular.permute(["t", "x"], seed=1)(X)
    swapped = tabular.swap_categories("t")(X)["t"]
    given = tabular.permute("t", donors=X[:2])(X)["t"]

    assert lost.dtype == permuted["t"].dtype == swapped.dtype == given.dtype == X["t"].dtype
    assert 0 < lost.isna().sum() < 6
    assert (lost.dropna() == X["t"][lost.notna()]).all()
    assert permuted["t"].tolist() == [X["t"].iloc[int(x)] for x in permuted["x"]]
    assert (swapped != X["t"]).all()
    assert set(swapped) <= set(X["t"])
    assert set(given) == set(X["t"][:2])


def test_times_may_be_given_as_python_writes_them_and_numbers_are_no_times() -> None:
    X = pd.DataFrame({"t": DAYS.as_unit("ns"), "zoned": DAYS.tz_localize("Europe/Berlin"), "d": DAYS - DAYS[0]})
    noon = datetime(2024, 1, 1, 12)

    assert set(tabular.mask("t", noon)(X)["t"]) == {pd.Timestamp(noon)}
    assert set(tabular.mask("zoned", noon.replace(tzinfo=UTC))(X)["zoned"]) == {pd.Timestamp(noon, tz="UTC")}
    with pytest.raises(ValueError, match=r"expected values that d can hold: .*, got 2"):
        tabular.mask("d", 2)(X)


@pytest.mark.parametrize("form", [np.array, lambda X: pd.DataFrame(X, columns=["0"]), lambda X: pl.DataFrame({"0": X})])
def test_the_value_that_does_not_fit_is_shown(form: Callable[[object], object]) -> None:
    X = form(np.array([1, 2, 3]))
    X = X[:, None] if isinstance(X, np.ndarray) else X
    with pytest.raises(ValueError, match=r"can hold: its dtype is .*, got 'three'"):
        edit("0" if hasattr(X, "columns") else 0, to={1: 7, 2: 8, 3: "three"})(X)


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tabular.noise("age"), "either severity=1 to 5 or scale="),
        (lambda: tabular.noise("age", 1, scale=0.5), "either severity=1 to 5 or scale="),
        (lambda: tabular.noise("age", 6), r"a severity of 0 \(no change\) to 5, a whole number; got severity=6"),
        (lambda: tabular.noise("age", True), "severity=True"),
        (lambda: tabular.noise("age", 2.5), "severity=2.5"),
        (lambda: tabular.noise("age", scale=-1), "scale above 0; got scale=-1"),
        (lambda: tabular.noise("age", scale=float("nan")), "scale as a finite number; got scale=nan"),
        (lambda: tabular.noise("age", 1, seed=-1), "a seed of 0, 1, 2, ...; got seed=-1"),
        (lambda: tabular.noise("age", 1, seed=None), "got seed=None"),
        (lambda: tabular.permute("age", seed=None), "got seed=None"),
        (lambda: tabular.missing("age", 1.0), "got severity=1.0"),
        (lambda: tabular.noise("age", np.float64(2)), r"got severity=np.float64\(2.0\)"),
        (lambda: tabular.noise("age", np.array([1, 2])), r"got severity=array\(\[1, 2\]\)"),
        (lambda: tabular.noise([], 1), r"at least one column and each once; got columns=\[\]"),
        (lambda: tabular.noise(["age", "age"], 1), "at least one column and each once"),
        (lambda: tabular.noise([1.5], 1), r"columns as names or positions; got columns=\[1.5\]"),
        (lambda: tabular.noise(True, 1), "columns as names or positions; got columns=True"),
        (lambda: tabular.missing("age", share=1.5), "share above 0 and at most 1; got share=1.5"),
        (lambda: tabular.missing("age", share=0), "share above 0 and at most 1; got share=0"),
        (lambda: tabular.unit_error("age", 1), "factor other than 0 and 1; got factor=1"),
        (lambda: tabular.unit_error("age", "2"), "factor as a finite number; got factor='2'"),
        (lambda: tabular.unit_error(["age", "sex"], 2), "expected one column"),
        (lambda: tabular.swap_categories("sex", share=2), "share above 0 and at most 1"),
        (lambda: tabular.shift("age", 0), "shift other than 0"),
        (lambda: tabular.shift("age", 1, unit="sd"), 'unit "X" or "std"; got unit=\'sd\''),
    ],
)
def test_faulty_arguments_are_named(make: Callable[[], ColumnChange], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        make()


@pytest.mark.parametrize(
    ("change", "X"),
    [
        (tabular.missing(0, share=0.001), np.ones((3, 1))),
        (tabular.permute(0), np.ones((5, 2))),
        (tabular.permute([0, 1]), np.column_stack([np.arange(9.0), np.ones(9)])),
        (tabular.unit_error(0, 2.0), np.zeros((3, 1))),
        (tabular.mask(0, 1.0), np.ones((3, 1))),
        (tabular.noise(0, scale=1e-9), np.array([[1], [2], [3]])),
    ],
    ids=lambda given: getattr(given, "name", "X"),
)
def test_a_perturbation_that_changes_nothing_is_an_error(change: ColumnChange, X: np.ndarray) -> None:
    with pytest.raises(ValueError, match="it changed nothing there in"):
        change(X)


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.ones((0, 2)), ValueError, "at least one row; got X with 0 rows"),
        (np.ones((3, 2)), ValueError, "unknown column 2 of X: it has 2, 0 to 1"),
        ("text", TypeError, "expected X as"),
    ],
)
def test_faulty_features_are_named(X: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        tabular.shift(2, 1.0)(X)


def test_arrays_have_no_names_and_sparse_no_columns_to_write() -> None:
    from scipy import sparse

    with pytest.raises(TypeError, match="columns of X by position, 0 to 1, because it is an array; got 'age'"):
        tabular.shift("age", 1.0)(array())
    with pytest.raises(TypeError, match=r"got csr_matrix: pass X.toarray\(\)"):
        tabular.shift(0, 1.0)(sparse.csr_matrix(np.eye(3)))
