"""Members other than torch modules: the same comes back, in another process too, or it is not kept and said so."""

from __future__ import annotations

import functools
import pickle
import random
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pytest_mlspec.training.cache.members import NotKept, pack, pack_surely, unpack
from pytest_mlspec.training.cache.store import Store

X = np.random.default_rng(0).normal(size=(120, 5))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)

ESTIMATORS = [
    LogisticRegression(),
    SGDClassifier(loss="log_loss"),
    SVC(),
    KNeighborsClassifier(3),
    RandomForestClassifier(20),
    HistGradientBoostingClassifier(max_iter=5),
    GaussianProcessClassifier(),
    MLPClassifier((8,), max_iter=5),
    make_pipeline(ColumnTransformer([("scale", StandardScaler(), [0, 1])], remainder="passthrough"), SVC()),
]


class Drawing:
    """A model that draws while it predicts."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.old, self.plain = np.random.RandomState(seed), random.Random(seed)

    def predict(self, X: Any) -> np.ndarray:
        return self.generator.random(len(X)) + self.old.rand() + self.plain.random()


class Slotted:
    __slots__ = ("weights",)

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X @ self.weights


def by_name(X: np.ndarray) -> np.ndarray:
    return X[:, 0]


def kept(store: Store, member: object, key: str = "key") -> Any:
    assert store.keep(key, {3: (member, 1.5, {"read": ["a"]})}) == ""
    found = store.members(key, [3], lambda facts: True)[3]
    assert (found.seconds, found.facts) == (1.5, {"read": ["a"]})
    return found.member


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", 10**9)


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_comes_back(model, store):
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    trained = model.fit(X, Y)

    again = kept(store, trained)

    assert again is not trained
    assert np.array_equal(again.predict(X), trained.predict(X))
    for ask in ("predict_proba", "decision_function"):
        if hasattr(trained, ask):
            assert np.array_equal(getattr(again, ask)(X), getattr(trained, ask)(X))


def test_arrays_keep_type_shape_order_and_right_to_write(store):
    structured = np.zeros(300, dtype=[("a", "<f8"), ("b", "<i2")])
    structured["a"] = np.arange(300)
    read_only = np.arange(500.0)
    read_only.flags.writeable = False
    arrays = {
        "columns": np.asfortranarray(np.arange(600.0).reshape(20, 30)),
        "strided": np.arange(4000.0)[::3],
        "swapped": np.arange(500, dtype=">f8"),
        "half": np.arange(1000, dtype=np.float16),
        "structured": structured,
        "text": np.array(["one", "two"] * 300),
        "objects": np.array([{"a": 1}, None], dtype=object),
        "scalar": np.array(3.5),
        "empty": np.empty((0, 7)),
        "complex": np.arange(300) * 1j,
        "dates": np.arange("2020-01-01", "2023-01-01", dtype="datetime64[D]"),
        "nan": np.full(200, np.nan),
        "read_only": read_only,
    }
    model = Slotted(arrays)

    again = kept(store, model).weights

    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        found = again[name]
        assert (found.dtype, found.shape) == (array.dtype, array.shape), name
        assert found.tobytes() == array.tobytes() or name == "objects", name
        assert found.flags.writeable == array.flags.writeable, name
    assert again["columns"].flags.f_contiguous
    assert again["objects"].tolist() == [{"a": 1}, None]


def test_one_array_under_two_names_stays_one(store):
    weights = np.arange(1000.0)

    again = kept(store, Slotted([weights, weights])).weights

    assert again[0] is again[1]


def test_members_share_no_memory_though_equal_arrays_are_stored_once(store, tmp_path):
    fits = {seed: (KNeighborsClassifier(1).fit(np.ones((20_000, 5)), np.zeros(20_000)), 0.0, {}) for seed in range(5)}
    store.keep("key", fits)
    found = store.members("key", range(5), lambda facts: True)

    found[0].member._fit_X[:] = 7.0

    assert found[1].member._fit_X.max() == 1.0
    sizes = [file.stat().st_size for file in (tmp_path / "cache").rglob("arrays.npy")]
    assert sum(sizes) < 2 * 20_000 * 5 * 8, "five copies of the training rows"


def test_what_is_changed_after_it_was_kept_does_not_reach_the_store(store):
    model = Slotted(np.arange(1000.0))
    store.keep("key", {0: (model, 0.0, {})})
    model.weights[:] = -1.0

    first = store.members("key", [0], lambda facts: True)[0].member
    assert np.array_equal(first.weights, np.arange(1000.0))
    first.weights[:] = -2.0
    assert np.array_equal(store.members("key", [0], lambda facts: True)[0].member.weights, np.arange(1000.0))


def test_generators_go_on_where_they_were(store):
    model = Drawing(5)
    model.predict(X)

    again = kept(store, model)

    assert np.array_equal(again.predict(X), model.predict(X))


def test_functions_closures_and_partials(store):
    weights = np.arange(5.0)
    for member in (lambda X: X @ weights, functools.partial(np.multiply, 2.0), by_name, Slotted(weights).predict):
        assert np.array_equal(kept(store, member)(X), member(X))


def test_a_class_goes_by_name_also_where_its_module_is_registered_to_go_by_value(store):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        packed = pack(Slotted(np.zeros(3)))
        assert type(kept(store, Slotted(np.zeros(3)))) is Slotted
        assert b"_make_skeleton_class" not in packed.skeleton
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def test_a_class_of_the_training_function_comes_back(store):
    class Local:
        weight = 3.0

        def predict(self, X: np.ndarray) -> np.ndarray:
            return X[:, 0] * self.weight

    assert np.array_equal(kept(store, Local()).predict(X), 3.0 * X[:, 0])


class Locked:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def predict(self, X: object) -> None: ...


class Forgetful:
    """Leaves its threshold out when it is pickled, and falls back to another one."""

    threshold = 0.5

    def __init__(self) -> None:
        self.threshold = 0.9
        self.weights = np.arange(3)

    def __getstate__(self) -> dict[str, object]:
        return {"weights": self.weights}


class Renewed:
    """Draws anew whenever it is unpickled."""

    def __setstate__(self, state: object) -> None:
        self.value = random.SystemRandom().random()

    def __init__(self) -> None:
        self.value = 0.0


class Exploding:
    def __reduce__(self) -> Any:
        raise ArithmeticError("not today")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (Locked(), "its content cannot be read"),
        (Exploding(), "its content cannot be read"),
        (Forgetful(), "it loses threshold when it is pickled"),
        (Renewed(), "another one comes back"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_would_not_come_back_the_same_is_not_kept_and_said(member, reason, store):
    with pytest.raises(NotKept, match=reason):
        pack_surely(member)
    fits = {0: (Slotted(np.ones(3)), 0.0, {}), 7: (member, 0.0, {})}

    assert store.keep("key", fits).startswith(f"seed 7: {reason}")

    assert list(store.members("key", [0, 7], lambda facts: True)) == [0], "the sound one is kept"


def test_another_file_under_the_name_of_the_module_is_a_miss(store, tmp_path, monkeypatch):
    """Several files are called conftest: the class of one must not stand for that of another."""
    import types

    source = "class Model:\n    sign = {}\n    def predict(self, X):\n        return self.sign * X\n"

    def imported(folder: str, sign: int) -> types.ModuleType:
        module = types.ModuleType("conftest_like")
        file = tmp_path / folder / "conftest.py"
        file.parent.mkdir(exist_ok=True)
        file.touch()
        module.__file__ = str(file)
        exec(source.format(sign), module.__dict__)
        monkeypatch.setitem(sys.modules, "conftest_like", module)
        return module

    store.keep("key", {0: (imported("one", 1).Model(), 0.0, {})})
    assert store.members("key", [0], lambda facts: True)[0].member.predict(2) == 2

    imported("other", -1)

    assert store.members("key", [0], lambda facts: True) == {}
    assert "is another file now" in store.notes[0]
    (tmp_path / "one" / "conftest.py").unlink()
    assert store.members("key", [0], lambda facts: True), "a project that was moved as a whole keeps its members"


def test_a_member_whose_module_is_gone_is_a_miss_and_is_said(store, monkeypatch):
    import types

    module = types.ModuleType("short_lived")
    exec("class Model:\n    def predict(self, X): return X\n", module.__dict__)
    monkeypatch.setitem(sys.modules, "short_lived", module)
    store.keep("key", {0: (module.Model(), 0.0, {})})
    monkeypatch.delitem(sys.modules, "short_lived")

    assert store.members("key", [0], lambda facts: True) == {}
    assert "cannot be loaded (ModuleNotFoundError: No module named 'short_lived')" in store.notes[0]


def test_another_process_loads_what_this_one_kept(tmp_path):
    work = textwrap.dedent("""
        import sys, numpy as np
        from pathlib import Path
        from pytest_mlspec.training.cache.store import Store
        store = Store(Path(sys.argv[1]), 10**9)
        class Own:
            def __init__(self, weights): self.weights = weights
            def predict(self, X): return X @ self.weights
        if sys.argv[2] == "keep":
            from sklearn.tree import DecisionTreeClassifier
            tree = DecisionTreeClassifier(random_state=0).fit(np.eye(4), [0, 1, 1, 0])
            shift = np.arange(500.0)
            assert store.keep("key", {0: (tree, 0, {}), 1: (Own(shift), 0, {}), 2: (lambda X: X + shift, 0, {})}) == ""
        found = store.members("key", [0, 1, 2], lambda facts: True)
        assert "torch" not in sys.modules, "nor any other library that the members do not need"
        print(found[0].member.predict(np.eye(4)), found[1].member.predict(np.ones(500)), found[2].member(1)[3])
    """)
    answers = [
        subprocess.run(
            [sys.executable, "-c", work, str(tmp_path / "cache"), what], capture_output=True, text=True, check=True
        ).stdout
        for what in ("keep", "load")
    ]

    assert answers == ["[0 1 1 0] 124750.0 4.0\n"] * 2


def test_the_skeleton_holds_no_arrays():
    model = MLPClassifier((50,), max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y)

    packed = pack(model)

    assert sum(array.nbytes for array in packed.arrays) > 0.7 * len(pickle.dumps(model, 5))
    assert len(packed.skeleton) < 0.5 * len(pickle.dumps(model, 5))
    assert np.array_equal(unpack(packed).predict_proba(X), model.predict_proba(X))
