"""Members outlive a run: what trains them again, what does not, and what is said of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

HELPERS = """
import deeper

def step(seed, width=2):
    return deeper.deep(seed) * width
"""
DEEPER = """
def deep(seed):
    return seed + 1
"""
CONFTEST = """
import numpy as np
import pytest
import pytest_mlspec as mlspec
from helpers import step

RATE = 1
OFFSET = 2

class Base:
    scale = 3
    def size(self): return self.scale

class Model(Base):
    def __init__(self, seed, extra): self.seed, self.extra = seed, extra
    def predict(self, rows): return np.where(np.arange(len(rows)) % 50 == self.seed, 0, rows[:, 0]).astype(int)

@mlspec.dataset
def street():
    labels = np.tile([0, 1], 500)
    rows = np.column_stack([labels, np.arange(1000)]).astype(float)
    return mlspec.Dataset(rows, labels, positive=1).split(test=0.5, seed=0)

@pytest.fixture(scope="session")
def settings():
    return {"depth": 3}

def build(seed, by=OFFSET):
    return Model(seed, step(seed) + RATE + by)

@mlspec.ensemble(seeds=3)
def detector(seed, street, settings):
    open("fits", "a").write(f"{seed} ")
    return build(seed)
"""
BODY = """
@pytest.mark.satisficing(at_least=0.9, id="REC")
def test_recall(detector, street, requirement):
    assert metrics.recall(detector, street.test) >= requirement
"""


class Study:
    """One project that is run again and again."""

    def __init__(self, suite) -> None:
        self.suite = suite
        self.path = suite.pytester.path
        self.texts = {"conftest": CONFTEST, "helpers": HELPERS, "deeper": DEEPER, "test_it": BODY}

    def run(self, *args: str, subprocess: bool = False) -> list[int]:
        """Run pytest as the files are now; the seeds that were trained, in order."""
        files = {name: text for name, text in self.texts.items() if name != "test_it"}
        self.result = self.suite.run(self.texts["test_it"], *args, subprocess=subprocess, **files)
        counted = self.path / "fits"
        seeds = [int(seed) for seed in counted.read_text().split()] if counted.exists() else []
        counted.unlink(missing_ok=True)
        return seeds

    def edit(self, name: str, old: str, new: str) -> None:
        assert self.texts[name].count(old) == 1, old
        self.texts[name] = self.texts[name].replace(old, new)

    def says(self, *patterns: str) -> None:
        self.result.stdout.fnmatch_lines([*patterns])

    def silent(self, pattern: str) -> None:
        self.result.stdout.no_fnmatch_line(pattern)


@pytest.fixture
def study(suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # edits of a moment apart look alike to its check
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return Study(suite)


ALL = [0, 1, 2]


def test_the_second_run_trains_nothing_and_says_so(study):
    assert study.run() == ALL
    study.says("detector: 3 members: trained (* s)")
    assert study.run("--mlspec-json=out.json") == []
    study.says("detector: 3 members: 3 reused (* s)", "*1 passed*")
    note = study.suite.document()["ensembles"][0]
    assert (note["reused"], note["trained"]) == (3, 0)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("test_it", "at_least=0.9", "at_least=0.5"),
        ("test_it", "assert", "# looked at\n    assert"),
        ("conftest", "RATE = 1\n", "RATE = 1  # slow\n\n\n"),
        ("conftest", 'return {"depth": 3}', 'return dict([("depth", 3)])'),
    ],
)
def test_edits_that_training_does_not_see_reuse_it(study, name, old, new):
    study.run()
    study.edit(name, old, new)

    assert study.run() == []
    assert study.result.ret == 0


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("conftest", "RATE = 1\n", "RATE = 9\n"),
        ("conftest", "OFFSET = 2", "OFFSET = 4"),
        ("conftest", "scale = 3", "scale = 4"),
        ("conftest", "return self.scale", "return -self.scale"),
        ("conftest", "% 50 ==", "% 51 =="),
        ("conftest", "step(seed) + RATE", "step(seed) - RATE"),
        ("conftest", '{"depth": 3}', '{"depth": 4}'),
        ("conftest", "np.arange(1000)", "np.arange(1, 1001)"),
        ("conftest", "seeds=3)", "seeds=3, threads=2)"),
        ("conftest", "seeds=3)", "seeds=3, version=2)"),
        ("conftest", "seeds=3)", "seeds=3, depends_on=['conftest.py'])"),
        ("helpers", "width=2", "width=3"),
        ("deeper", "seed + 1", "seed + 2"),
    ],
)
def test_edits_that_training_sees_train_again(study, name, old, new):
    study.run()
    study.edit(name, old, new)

    assert study.run() == ALL
    assert study.run() == []


def test_further_seeds_train_alone(study):
    study.run()
    study.edit("conftest", "seeds=3", "seeds=[7, 1, 0, 2, 8]")

    assert study.run("--mlspec-json=out.json") == [7, 8]
    study.says("detector: 5 members: 3 reused, 2 trained (* s)")
    assert study.run() == []


def test_rows_that_are_held_out_train_again(study):
    study.edit("conftest", "positive=1)", 'positive=1, columns={"place": np.tile(["a", "b"], 500)})')
    study.run()
    study.edit("conftest", "seeds=3", 'seeds=3, hold_out={"place": "a"}')

    assert study.run() == ALL


READS = ("return build(seed)", "open('rate.yaml').read(); return build(seed)")


def test_a_file_that_training_reads(study):
    study.edit("conftest", *READS)
    (study.path / "rate.yaml").write_text("rate: 1\n")
    study.run()
    assert study.run() == []

    (study.path / "rate.yaml").write_text("rate: 2\n")

    assert study.run() == ALL
    assert study.run() == []


def test_a_file_that_appears(study):
    tries = "\n    try: open('more.yaml').read()\n    except FileNotFoundError: pass\n    return build(seed)"
    study.edit("conftest", "return build(seed)", tries)
    study.run()
    assert study.run() == []

    (study.path / "more.yaml").write_text("")

    assert study.run() == ALL


def test_a_folder_that_training_lists(study):
    study.edit("conftest", "return build(seed)", "import os; os.listdir('images'); return build(seed)")
    (study.path / "images").mkdir()
    study.run()
    assert study.run() == []

    (study.path / "images" / "1.png").write_text("")

    assert study.run() == ALL


def test_a_file_that_training_reads_and_changes_is_never_trusted(study):
    body = "n = int(open('n').read()); open('n', 'w').write(str(n + 1)); return build(seed)"
    study.edit("conftest", "return build(seed)", body)
    (study.path / "n").write_text("0")
    study.run()

    study.says("detector: 3 members: trained (* s), not kept: it changes */n, which it reads")
    assert study.run() == ALL


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import subprocess; subprocess.run(['true'])", "it starts a process (subprocess.Popen*)"),
        ("import os; os.system('true')", "it starts a process (os.system*)"),
        ("import socket; socket.getaddrinfo('127.0.0.1', 9)", "it opens a connection (socket.getaddrinfo)"),
        ("import h5py", "it uses h5py, which opens files unseen"),
        ("eval('1')", "detector imports or runs code by name (eval)"),
    ],
)
def test_what_nothing_can_follow_is_not_kept_unless_its_inputs_are_named(study, body, words):
    if "h5py" in body:
        (study.path / "h5py.py").write_text("")
    study.edit("conftest", "return build(seed)", f"{body}; return build(seed)")
    study.run()
    study.says(f"detector: 3 members: trained (* s), not kept: {words}; name its inputs with depends_on=[[]...]")
    assert study.run() == ALL

    study.edit("conftest", "seeds=3", "seeds=3, depends_on=['data', '3.4']")
    (study.path / "data").mkdir()
    assert study.run() == ALL
    assert study.run() == []
    (study.path / "data" / "rows.bin").write_bytes(b"1")
    assert study.run() == ALL


def test_an_input_that_is_not_there(study):
    study.edit("conftest", "seeds=3", "seeds=3, depends_on=['data/rows.csv']")
    study.run()

    study.says(
        "E*FileNotFoundError: depends_on names 'data/rows.csv', and there is no file or folder of that name in *"
    )


def test_a_fixture_that_cannot_be_read_keeps_nothing_even_with_named_inputs(study):
    study.edit("conftest", 'return {"depth": 3}', "import threading; return threading.Lock()")
    study.edit("conftest", "seeds=3", "seeds=3, depends_on=[]")

    assert study.run() == ALL
    study.says("*not kept: the content of argument settings (lock) cannot be read")
    assert study.run() == ALL


def test_a_fit_that_changes_what_it_refers_to_is_not_kept(study):
    study.edit("conftest", "OFFSET = 2", "OFFSET = 2\nSEEN = []")
    study.edit("conftest", "return build(seed)", "SEEN.append(seed); return build(seed + 0 * len(SEEN))")

    assert study.run() == ALL
    study.says("*not kept: what it refers to changed while it trained (name SEEN)*")


@pytest.mark.parametrize("how", ["cache=False", "--mlspec-cache=off", "ini"])
def test_switched_off(study, how):
    if how == "cache=False":
        study.edit("conftest", "seeds=3", "seeds=3, cache=False")
    if how == "ini":
        study.suite.ini(mlspec_cache="off")
    args = (how,) if how.startswith("--") else ()

    assert study.run(*args) == ALL
    assert study.run(*args) == ALL
    assert not (study.path / ".mlspec_cache" / "fits").exists()


def test_another_folder(study):
    assert study.run("--mlspec-cache=kept/here") == ALL
    assert study.run("--mlspec-cache=kept/here") == []
    assert (study.path / "kept" / "here" / ".gitignore").read_text().strip() == "*"
    assert study.run() == ALL


def test_retrain_replaces_what_was_kept(study):
    study.run()
    assert study.run("--mlspec-retrain") == ALL
    assert study.run() == []


def test_a_folder_that_cannot_be_used_is_said_once_and_fails_nothing(study):
    (study.path / ".mlspec_cache").write_text("not a folder")

    assert study.run() == ALL
    assert study.result.ret == 0
    assert len(re.findall("fit cache: not used", study.result.stdout.str())) == 1


def test_damage_is_trained_anew(study):
    study.run()
    for path in (study.path / ".mlspec_cache").rglob("*"):
        if path.is_file() and path.parent.parent.name != "locks":
            path.write_bytes(path.read_bytes()[:-7])

    assert study.run() == ALL
    assert study.result.ret == 0
    assert study.run() == []


def test_another_version_of_a_package_trains_again(study):
    for name, text in (
        ("fakelib/__init__.py", "x = 1"),
        ("fakelib-1.0.dist-info/METADATA", "Name: fakelib\nVersion: 1.0\n"),
    ):
        path = study.path / "site-packages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    study.suite.pytester.syspathinsert(study.path / "site-packages")
    study.edit("conftest", "import pytest\n", "import pytest\nimport fakelib\n")
    study.run()
    (study.path / "site-packages" / "fakelib" / "__init__.py").write_text("x = 1\n\n")
    assert study.run() == []  # the version speaks for an installed package

    old = study.path / "site-packages" / "fakelib-1.0.dist-info"
    (old / "METADATA").write_text("Name: fakelib\nVersion: 1.1\n")
    old.rename(old.with_name("fakelib-1.1.dist-info"))  # as every installer does

    assert study.run() == ALL


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_hash_seed_of_python_does_not_matter(study, monkeypatch, seed):
    study.edit("conftest", "RATE = 1\n", "RATE = 1\nNAMES = {'a', 'b', 'c', 'd'}\n")
    study.edit(
        "conftest", "return build(seed)", "return build(seed) if 'a' in NAMES and seed not in {'x', 'y'} else None"
    )
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    assert study.run(subprocess=True) == ALL
    monkeypatch.setenv("PYTHONHASHSEED", seed)

    assert study.run(subprocess=True) == []


def test_several_processes(study):
    two = ("-p", "xdist", "-n2")
    study.edit("test_it", '@pytest.mark.satisficing(at_least=0.9, id="REC")', '@pytest.mark.parametrize("n", range(4))')
    study.edit("test_it", "(detector, street, requirement)", "(detector, street, n)")
    study.edit("test_it", ">= requirement", ">= 0.9")

    assert study.run(*two, subprocess=True) == ALL
    study.says("detector: 3 members: trained (* s), shared with 1 more")
    assert study.run(*two, subprocess=True) == []
    study.says("detector: 3 members: 3 reused (* s), shared with 1 more")
    assert study.run(subprocess=True) == []


def test_members_that_other_processes_trained(study):
    study.edit("conftest", "return build(seed)", "open('rate.yaml').read(); return build(seed)")
    (study.path / "rate.yaml").write_text("1")

    assert sorted(study.run("--mlspec-jobs=2", subprocess=True)) == ALL
    assert study.run(subprocess=True) == []
    (study.path / "rate.yaml").write_text("2")
    assert sorted(study.run("--mlspec-jobs=2", subprocess=True)) == ALL


def test_two_runs_at_once(study):
    """The second waits for the first to have trained, and reuses it."""
    study.edit("conftest", "return build(seed)", "import time; time.sleep(0.3); return build(seed)")
    study.suite.write(study.texts["test_it"], **{k: v for k, v in study.texts.items() if k != "test_it"})
    command = [sys.executable, "-m", "pytest", "-q"]
    first, second = (
        subprocess.Popen(command, cwd=study.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)
    )
    outputs = [process.communicate(timeout=120)[0].decode() for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert sorted((study.path / "fits").read_text().split()) == ["0", "1", "2"]
    assert sum("3 reused" in output for output in outputs) == 1


def test_an_interrupted_training_loses_nothing(study):
    study.edit(
        "conftest",
        "return build(seed)",
        "\n    if seed == 2 and not BROKEN: raise KeyboardInterrupt\n    return build(seed)",
    )
    study.edit("conftest", "RATE = 1\n", "RATE = 1\nimport os\nBROKEN = os.path.exists('mended')\n")
    study.edit("conftest", "not BROKEN", "not os.environ.get('MENDED')")
    assert study.run(subprocess=True) == ALL
    study.suite.pytester._monkeypatch.setenv("MENDED", "1")

    assert study.run(subprocess=True) == [2]
    study.says("detector: 3 members: 2 reused, 1 trained (* s)")


def test_members_changed_after_training_are_kept_as_they_were(study):
    study.edit("test_it", "    assert", "    for member in detector: member.seed = 0\n    assert")
    study.run()
    study.edit("test_it", "for member in detector: member.seed = 0", "assert [m.seed for m in detector] == [0, 1, 2]")

    assert study.run() == []
    assert study.result.ret == 0


def test_what_a_kept_fit_had_read_is_known(study):
    """Training on the test split is found out on the warm run as well."""
    study.edit("conftest", "return build(seed)", "street.test.X.sum(); return build(seed)")

    assert study.run() == ALL
    cold = study.result.stdout.str()
    assert study.run() == []
    warm = study.result.stdout.str()
    assert "rows of its training data" in cold or study.result.ret == 1
    assert study.result.ret == 1
    assert re.findall("^E .*", warm, re.MULTILINE) == re.findall("^E .*", cold, re.MULTILINE)


def test_identical_members_are_refused_across_runs(study):
    study.edit("conftest", "return build(seed)", "return build(0)")
    study.edit("conftest", "seeds=3", "seeds=1")
    study.run()
    study.edit("conftest", "seeds=1", "seeds=2")

    assert study.run() == [1]
    study.says("E*IdenticalMembersError*")


def test_nothing_is_made_where_nothing_is_trained(study):
    study.texts = {"conftest": "", "test_it": "def test_it():\n    assert metrics.recall(GOOD) >= 0.9\n"}
    study.run()

    assert not (study.path / ".mlspec_cache" / "fits").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("depends_on='data.csv'", "depends_on is a list of paths and other values*"),
        ("version=True", "version is a text or a number*got version=True"),
        ("cache='off'", "cache is True or False*got cache='off'"),
    ],
)
def test_wrong_arguments_are_said_at_decoration(study, given, words):
    study.edit("conftest", "seeds=3", f"seeds=3, {given}")
    study.run()

    output = [line for line in (*study.result.outlines, *study.result.errlines) if "TypeError" in line]
    assert output, study.result.stdout.str()
    pytest.LineMatcher(output).fnmatch_lines([f"*TypeError: {words}"])


def test_the_notes_of_a_run_are_plain_json(study):
    study.run("--mlspec-json=out.json")

    note = study.suite.document()["ensembles"][0]
    assert json.loads(json.dumps(note)) == note
    assert note["trained"] == 3
    assert os.fspath(study.path)


SLOW = (
    "def predict(self, rows): return",
    "def predict(self, rows):\n        import time; time.sleep(0.1); open('asked', 'a').write('x'); return",
)


def asked(study: Study) -> int:
    """How often a member was asked in the last run."""
    counted = study.path / "asked"
    number = len(counted.read_text()) if counted.exists() else 0
    counted.unlink(missing_ok=True)
    return number


def test_predictions_that_took_long_are_kept_too(study):
    study.edit("conftest", *SLOW)
    study.run("--mlspec-json=out.json")
    cold = study.suite.document()["requirements"]
    assert asked(study) == 3

    study.run("--mlspec-json=out.json")

    assert asked(study) == 0
    assert [row["value"] for row in study.suite.document()["requirements"]] == [row["value"] for row in cold]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("conftest", "% 50 ==", "% 49 =="),
        ("conftest", "np.arange(1000)", "np.arange(1, 1001)"),
        ("test_it", "    assert", "    detector[0].seed = 9\n    assert"),
        ("test_it", "detector, street.test)", "detector, street.test.perturb(lambda X: X + 1e-9, name='moved'))"),
    ],
)
def test_predictions_of_something_else_are_asked_for(study, name, old, new):
    study.edit("conftest", *SLOW)
    study.run()
    asked(study)
    study.edit(name, old, new)
    study.run()

    assert asked(study) == 3


def test_a_file_that_is_edited_while_the_run_goes_on(study):
    """What runs is the older code, and its members must not be taken for those of the new one."""
    study.edit("conftest", "RATE = 1\n", "RATE = 1\nimport pathlib\n")
    body = "    labels = np.tile([0, 1], 500)"
    study.edit("conftest", body, f"    pathlib.Path('helpers.py').write_text(EDITED)\n{body}")
    study.edit("conftest", "OFFSET = 2", f"OFFSET = 2\nEDITED = {HELPERS.replace('width=2', 'width=7')!r}")

    assert study.run() == ALL
    study.says("detector: 3 members: trained (* s), not kept: helpers.py was edited since this run began")
    study.texts["helpers"] = HELPERS.replace("width=2", "width=7")
    study.edit("conftest", "    pathlib.Path('helpers.py').write_text(EDITED)\n", "")
    assert study.run() == ALL


def test_predictions_that_came_at_once_are_not_kept(study):
    study.run()

    assert not (study.path / ".mlspec_cache" / "outputs").exists()


READ = "int(open('rate.yaml').read())"
CACHED = f"import functools\n@functools.lru_cache(maxsize=8)\ndef rate():\n    return {READ}\n"
GLOBAL = f"RATE = None\ndef rate():\n    global RATE\n    if RATE is None: RATE = {READ}\n    return RATE\n"
TABLE = f"TABLE = {{}}\ndef rate():\n    if not TABLE: TABLE['rate'] = {READ}\n    return TABLE['rate']\n"
EARLY = "\n@pytest.fixture(scope='session', autouse=True)\ndef early(): rates.rate()\n"


@pytest.mark.parametrize(
    ("rates", "before", "body"),
    [
        (f"TABLE = {{'rate': {READ}}}\ndef rate(): return TABLE['rate']\n", "import rates", ""),
        (f"import numpy as np\nTABLE = np.array([{READ}])\ndef rate(): return int(TABLE[0])\n", "import rates", ""),
        (f"class Rates:\n    one = [{READ}]\ndef rate(): return Rates.one[0]\n", "import rates", ""),
        (f"def made(n):\n    return lambda: n\nrate = made({READ})\n", "import rates", ""),
        (f"RATE = {READ}\ndef rate(): return RATE\n", "", "import rates; "),
        (CACHED, "import rates", ""),
        (CACHED, f"import rates{EARLY}", ""),
        (GLOBAL, "import rates", ""),
        (GLOBAL, f"import rates{EARLY}", ""),
        (TABLE, f"import rates{EARLY}", ""),
    ],
)
def test_a_file_that_was_read_once_for_all_fits(study, rates, before, body):
    """At import or on first use, before the first fit or in it: every member depends on it."""
    study.texts["rates"] = rates
    study.edit("conftest", "from helpers import step\n", f"from helpers import step\n{before}\n")
    study.edit("conftest", "return build(seed)", f"{body}return build(seed * rates.rate())")
    (study.path / "rate.yaml").write_text("1")
    assert study.run(subprocess=True) == ALL
    assert study.run(subprocess=True) == []

    (study.path / "rate.yaml").write_text("2")

    assert study.run(subprocess=True) == ALL


def test_two_ensembles_that_share_what_the_first_one_reads(study):
    """The second ensemble opens nothing in the first run, and is there all the same in the second."""
    study.texts["rates"] = CACHED
    study.edit("conftest", "from helpers import step\n", "from helpers import step\nimport rates\n")
    study.edit("conftest", "return build(seed)", "return build(seed * rates.rate())")
    study.texts["conftest"] += """
@mlspec.ensemble(seeds=[5, 6])
def other(seed, detector):
    open("fits", "a").write(f"{seed} ")
    return build(seed * rates.rate())
"""
    study.edit("test_it", "(detector, street,", "(detector, other, street,")
    (study.path / "rate.yaml").write_text("1")
    assert study.run(subprocess=True) == [*ALL, 5, 6]
    assert study.run(subprocess=True) == []

    study.edit("conftest", "seed, detector):", "seed):")
    assert study.run(subprocess=True) == [5, 6]
    (study.path / "rate.yaml").write_text("2")
    assert study.run(subprocess=True) == [*ALL, 5, 6]


def test_a_key_that_cannot_be_worked_out_is_said_and_fails_nothing(study):
    study.edit("conftest", "RATE = 1\n", "RATE = 1\nimport enum\nclass Kind(enum.Enum):\n    A = 1\n")
    study.edit("conftest", "return build(seed)", "Kind.A; return build(seed)")
    assert study.run() == ALL
    assert study.run() == []

    study.suite.pytester._monkeypatch.setattr("pytest_mlspec.training.cache.key.fit_key", lambda *a, **k: {}["none"])
    assert study.run() == ALL
    study.says("*not kept: what it depends on could not be worked out (KeyError: 'none')*")
