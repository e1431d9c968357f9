"""What a training function depends on in its own file, in the project's other files and in installed packages."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec.training.cache.code import Token, code_token, object_token
from pytest_mlspec.training.cache.source import Sources

HOME = """
import functools
import numpy as np
{imports}

RATE = 0.1
THRESHOLD = 0.9
TABLE = np.arange(3)

class Root:
    depth = 2
    def grow(self): return self.depth

class Tree(Root):
    leaves: int = 3
    def fit(self, X): return X + 1
    @staticmethod
    def still(): return 5
    @property
    def tall(self): return 6

def twice(x, by=2):
    return x * by

def helper(x):
    return twice(x) + RATE

thrice = functools.partial(twice, by=3)
shifted = lambda x: x - 7

@functools.lru_cache(maxsize=2)
def kept(x):
    return x + 8

def made(offset):
    def inner(x):
        return x + offset
    return inner

plus = made(9)

def unrelated():
    return 10

def train(seed, width=4, *, steps=11):
    "Train."
    # nothing yet
    {inside}
    if seed in {{"a", "b", "c"}}:
        return None
    tree = Tree()
    return helper(seed) + thrice(seed) + shifted(seed) + kept(seed) + plus(seed) + TABLE.sum() + tree.fit(1)

def test_it():
    assert THRESHOLD > 0.5
"""


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Token]]:
    """The token of `train` in a file with these changes, beside these other files."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # edits of a moment apart look alike to its check
    before = set(sys.modules)

    def make(
        *changes: tuple[str, str], imports: str = "", inside: str = "pass", text: str = HOME, **files: str
    ) -> Token:
        for name in set(sys.modules) - before:
            del sys.modules[name]
        importlib.invalidate_caches()
        for name, content in files.items():
            path = tmp_path / (
                name.replace("____init__", "/INIT").replace("__", "/").replace("INIT", "__init__") + ".py"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        source = text.format(imports=imports, inside=inside)
        for old, new in changes:
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        home = tmp_path / "home.py"
        home.write_text(source)
        spec = importlib.util.spec_from_file_location("home", home)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["home"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return code_token(module.train, root=tmp_path)

    yield make
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or str(tmp_path)).startswith(str(tmp_path)):
            del sys.modules[name]  # an installed package cannot be loaded twice


@pytest.mark.parametrize(
    "change",
    [
        ("THRESHOLD = 0.9", "THRESHOLD = 0.8"),
        ("THRESHOLD > 0.5", "THRESHOLD > 0.6"),
        ("# nothing yet", "# something"),
        ("RATE = 0.1", "\n\n\nRATE = 0.1   # slow"),
        ("return 10", "return 11"),
        ("def test_it():", "def test_more(): pass\n\ndef test_it():"),
    ],
)
def test_what_training_does_not_reach_does_not_matter(token, change):
    assert token(change).text == token().text


@pytest.mark.parametrize(
    "change",
    [
        ("RATE = 0.1", "RATE = 0.2"),
        ("RATE = 0.1", "RATE = '0.1'"),
        ("TABLE = np.arange(3)", "TABLE = np.arange(3) + 1"),
        ("depth = 2", "depth = 3"),
        ("return self.depth", "return -self.depth"),
        ("leaves: int = 3", "leaves: int = 4"),
        ("return X + 1", "return X + 2"),
        ("return 5", "return 6"),
        ("return 6", "return 7"),
        ("def still", "def other"),
        ("class Tree(Root)", "class Tree(Root, object)"),
        ("by=2", "by=4"),
        ("x * by", "by * x"),
        ("by=3", "by=5"),
        ("x - 7", "x - 8"),
        ("x + 8", "x + 9"),
        ("made(9)", "made(10)"),
        ("x + offset", "x - offset"),
        ("width=4", "width=5"),
        ("steps=11", "steps=12"),
        ('"c"', '"d"'),
    ],
)
def test_what_training_reaches_in_its_file_matters(token, change):
    assert token(change).text != token().text
    assert token(change).unreadable == ()


OTHERS = {
    "direct": ("import other", {"other": "x = 1\n"}),
    "from": ("from other import x", {"other": "x = 1\n"}),
    "star": ("from other import *", {"other": "x = 1\n"}),
    "as": ("import pack.other as thing", {"pack____init__": "", "pack__other": "x = 1\n"}),
    "module of a package": ("from pack import other", {"pack____init__": "", "pack__other": "x = 1\n"}),
    "indirect": ("import first", {"first": "import other\n", "other": "x = 1\n"}),
    "relative": ("import pack.a", {"pack____init__": "", "pack__a": "from . import other", "pack__other": "x = 1\n"}),
    "relative, from": (
        "import pack.a",
        {"pack____init__": "", "pack__a": "from .other import x", "pack__other": "x = 1\n"},
    ),
    "parent": (
        "import pack.sub.a",
        {
            "pack____init__": "",
            "pack__sub____init__": "",
            "pack__sub__a": "from ..other import x",
            "pack__other": "x = 1\n",
        },
    ),
    "package": ("import pack.a", {"pack____init__": "x = 1\n", "pack__a": ""}),
    "branch": ("if False:\n    import other", {"other": "x = 1\n"}),
}


@pytest.mark.parametrize("imports", OTHERS)
def test_other_files_of_the_project_count_whole(token, imports):
    statement, files = OTHERS[imports]
    found = token(imports=statement, **files)

    changed = {name: text.replace("x = 1\n", "x = 1  # said\n") for name, text in files.items()}

    assert token(imports=statement, **files).text == found.text
    assert token(imports=statement, **changed).text != found.text


def test_an_import_inside_a_function_counts(token):
    first = token(inside="import other", other="x = 1")

    assert token(inside="import other", other="x = 2").text != first.text


def test_files_that_nothing_imports_do_not_matter(token):
    assert (
        token(imports="import other", other="x = 1", alone="y = 1").text
        == token(imports="import other", other="x = 1", alone="y = 2").text
    )


def test_a_constant_that_comes_from_the_environment_counts(token, monkeypatch):
    other = "import os\nRATE = float(os.environ['RATE'])\n"
    monkeypatch.setenv("RATE", "0.1")
    first = token(imports="import other", other=other)
    monkeypatch.setenv("RATE", "0.2")

    assert token(imports="import other", other=other).text != first.text


def test_packages_are_named_and_the_standard_library_is_not(token):
    found = token(imports="import json\nimport sklearn.linear_model as models\nimport pytest\nimport home")

    assert found.packages == {"numpy", "sklearn"}
    assert found.unseen == ()


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("import importlib; importlib.import_module('other')", "import_module"),
        ("__import__('other')", "__import__"),
        ("exec('x = 1')", "exec"),
        ("eval('1')", "eval"),
        ("import pandas as pd; pd.read_parquet('x')", "read_parquet"),
        ("import h5py", "h5py"),
        ("import polars as pl; pl.read_csv('x')", "read_csv"),
        ("import xgboost as xgb; xgb.DMatrix('x')", "DMatrix"),
    ],
)
def test_what_cannot_be_seen_is_said(token, inside, words):
    assert any(words in reason for reason in token(inside=inside).unseen)


@pytest.mark.parametrize(
    "inside",
    [
        "seed.eval() if hasattr(seed, 'eval') else 0",
        "import pandas as pd; pd.read_csv if 0 else 0",
        "import xgboost if 0 else 0",
    ],
)
def test_what_looks_like_it_is_not(token, inside):
    if "import xgboost if" in inside:
        inside = "import xgboost as xgb; xgb.XGBClassifier if 0 else 0"

    assert token(inside=inside).unseen == ()


def test_an_unseen_reader_in_a_part_that_training_does_not_reach_is_nothing(token):
    change = ("return 10", "import h5py; return h5py.File('x')")

    assert token(change).unseen == ()


def test_an_unseen_reader_in_another_file_counts(token):
    found = token(imports="import other", other="def load():\n    import h5py\n    exec('1')\n")

    assert any("other.py uses h5py" in reason for reason in found.unseen)
    assert any("other.py imports or runs code by name (exec)" in reason for reason in found.unseen)


def test_a_module_level_generator_is_said(token):
    found = token(("RATE = 0.1", "RATE = np.random.default_rng(0)"))

    assert any("the generator RATE" in reason for reason in found.unseen)


def test_what_cannot_be_read_is_named(token):
    found = token(("RATE = 0.1", "import threading; RATE = threading.Lock()"))

    assert found.unreadable == ("the content of RATE (lock) cannot be read",)


def test_values_are_followed():
    def train(seed: int) -> int:
        return seed

    def value(offset: int) -> Callable[[int], int]:
        return lambda x: x + offset

    def text(**values: object) -> str:
        return code_token(train, values).text

    assert text(a=value(1)) == text(a=value(1))
    assert text(a=value(1)) != text(a=value(2))
    assert text(a=1) != text(b=1)
    assert text(a=np.arange(3)) != text(a=np.arange(3.0))
    assert code_token(train, {"a": threading.Lock()}).unreadable == ("the content of argument a (lock) cannot be read",)


def test_partials_and_methods_reach_their_function():
    class Trainer:
        rate = 1

        def train(self, seed: int) -> int:
            return seed * self.rate

    first, second = Trainer(), Trainer()
    second.rate = 2

    assert code_token(first.train).text != code_token(second.train).text
    assert (
        code_token(functools.partial(Trainer.train, first)).text
        != code_token(functools.partial(Trainer.train, second)).text
    )


def test_the_token_is_the_same_in_every_process(tmp_path):
    """Whatever the hash seed, and whether the code was compiled now or loaded from its cache."""
    (tmp_path / "home.py").write_text(HOME.format(imports="import other", inside="pass"))
    (tmp_path / "other.py").write_text("NAMES = frozenset(['a', 'b', 'c'])\n")
    script = "import home; from pytest_mlspec.training.cache.code import code_token; print(code_token(home.train).text)"

    def run(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert len({run("1"), run("2"), run("3")}) == 1


def test_what_files_import_is_kept_by_their_content(tmp_path):
    path = tmp_path / "other.py"
    path.write_text("import json\nfrom . import x, y\nclass A:\n    class B: pass\n")
    sources = Sources(tmp_path / "imports.json")
    first = sources.read(path)
    sources.save()

    again = Sources(tmp_path / "imports.json")

    assert first is not None
    assert first.imports == (("json", 0, ()), ("", 1, ("x", "y")))
    assert list(first.classes) == ["A", "A.B"]
    assert again._known[first.digest] == first
    (tmp_path / "imports.json").write_text('{"format": 1, "sources": [{}')
    assert Sources(tmp_path / "imports.json").read(path) == first


def test_a_model_counts_by_what_it_holds_and_by_its_code():
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(2, 2)
    module.scale = 1.0
    first = object_token(module)
    module.scale = 2.0
    second = object_token(module)
    with torch.no_grad():
        module.weight += 1

    assert first is not None
    assert len({first, second, object_token(module)}) == 3


def test_the_order_of_a_dictionary_and_the_mask_of_an_array_count():
    def train(seed: int) -> None: ...

    def named(value: object) -> str:
        return code_token(train, {"a": value}).text

    assert named({"x": 1, "y": 2}) == named({"x": 1, "y": 2}) != named({"y": 2, "x": 1})
    masked = [np.ma.array([1, 2, 3], mask=mask) for mask in ([0, 1, 0], [0, 1, 0], [0, 0, 1])]
    assert named(masked[0]) == named(masked[1]) != named(masked[2])


def test_what_a_torch_module_holds_besides_its_state_counts():
    torch = pytest.importorskip("torch")

    def train(seed: int) -> None: ...

    def module(power: int = 2, shift: float = 0.0, *, hook: bool = False) -> object:
        found = torch.nn.Linear(1, 1)
        torch.nn.init.ones_(found.weight), torch.nn.init.ones_(found.bias)
        found._power = power
        found.register_buffer("shift", torch.tensor(shift), persistent=False)
        if hook:
            found.register_forward_hook(lambda module, given, out: out * 2)
        return found

    def named(value: object) -> str:
        found = code_token(train, {"a": value})
        assert found.unreadable == ()
        return found.text

    assert named(module()) == named(module())
    assert len({named(module()), named(module(power=3)), named(module(shift=1.0)), named(module(hook=True))}) == 4
    assert named(torch.nn.LSTM(1, 1))


def test_names_read_by_text_are_said():
    def train(seed: int) -> object:
        return globals()["A"]

    assert code_token(train).unseen == ("train imports or runs code by name (globals)",)


def test_compiled_classes_belong_to_their_package(token):
    """Their methods name sources such as `sklearn/tree/_tree.pyx`, which are no files of the project."""
    fitted = (
        "from sklearn.tree import DecisionTreeClassifier\nFITTED = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])"
    )

    found = token(imports=fitted, inside="FITTED.predict([[0.0]])")

    assert (found.unreadable, found.unseen) == ((), ())
    assert "sklearn" in found.packages
