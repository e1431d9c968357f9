"""An ensemble is trained once per machine, whatever happens to the process that trains it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from pytest_mlspec.training import Ensemble, share_key, share_once

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def tree(seed: int) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_features=1, random_state=seed).fit(X, Y)


def trees() -> Ensemble:
    return Ensemble.fit(tree, 2, name="trees", classes=[0, 1], declared=5)


def never() -> Ensemble:
    pytest.fail("trained a second time")


def write(folder: Path, name: str, text: str = "") -> None:
    (folder / f"{name}-{os.getpid()}-{time.monotonic_ns()}").write_text(text)


def contend(folder: Path, log: Path, how: str) -> None:
    """Ask for the ensemble from a process of its own, and log what came."""

    def train() -> Ensemble:
        write(log, "trained")
        time.sleep(0.5)
        if how == "raises":
            raise ArithmeticError(f"loss is NaN in {os.getpid()}")
        if how == "hangs":
            time.sleep(60)
        return trees()

    try:
        ensemble, status = share_once(folder, "key", train)
    except ArithmeticError as error:
        write(log, "error", str(error))
    else:
        write(log, "got", f"{status}|{ensemble[0].tree_.threshold.tolist()}")


def start(folder: Path, log: Path, how: str) -> multiprocessing.Process:
    log.mkdir(exist_ok=True)
    process = multiprocessing.get_context("fork").Process(target=contend, args=(folder, log, how))
    process.start()
    return process


def logged(log: Path, name: str) -> list[str]:
    return sorted(path.read_text() for path in log.glob(f"{name}-*"))


def wait_until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_the_first_trains_and_the_next_loads_the_same(tmp_path):
    first, trained = share_once(tmp_path / "shared", "key", trees)
    second, shared = share_once(tmp_path / "shared", "key", never)

    assert (trained, shared) == ("trained", "shared")
    assert all(np.array_equal(a.predict_proba(X), b.predict_proba(X)) for a, b in zip(first, second, strict=True))
    for field in ("seeds", "name", "output", "classes", "declared", "retrained", "durations"):
        assert getattr(first, field) == getattr(second, field)


def test_another_key_is_another_ensemble(tmp_path):
    share_once(tmp_path / "shared", "one", trees)

    assert share_once(tmp_path / "shared", "other", trees)[1] == "trained"


def test_training_sets_are_those_of_the_loading_process_or_travel(tmp_path):
    mine, theirs = object(), "a training set"

    def train() -> Ensemble:
        return Ensemble.fit(tree, 2, trained_on=[theirs])

    share_once(tmp_path / "shared", "left out", train, trained_on=[theirs])
    share_once(tmp_path / "shared", "written", train)

    assert share_once(tmp_path / "shared", "left out", never, trained_on=[mine])[0].trained_on == (mine,)
    assert share_once(tmp_path / "shared", "written", never)[0].trained_on == (theirs,)


def test_two_processes_at_once_train_once(tmp_path):
    processes = [start(tmp_path / "shared", tmp_path / "log", "works") for _ in range(2)]
    for process in processes:
        process.join(30)

    assert len(logged(tmp_path / "log", "trained")) == 1
    answers = [answer.split("|") for answer in logged(tmp_path / "log", "got")]
    assert [status for status, _ in answers] == ["shared", "trained"]
    assert answers[0][1] == answers[1][1]


def test_a_killed_trainer_leaves_the_work_to_the_next(tmp_path):
    victim = start(tmp_path / "shared", tmp_path / "log", "hangs")
    wait_until(lambda: logged(tmp_path / "log", "trained"))
    waiting = start(tmp_path / "shared", tmp_path / "log", "works")
    time.sleep(0.2)
    assert waiting.is_alive()
    os.kill(victim.pid, signal.SIGKILL)
    waiting.join(30)
    victim.join(30)

    assert [answer.partition("|")[0] for answer in logged(tmp_path / "log", "got")] == ["trained"]


def test_a_trainer_that_raises_lets_the_others_show_their_own_error(tmp_path):
    processes = [start(tmp_path / "shared", tmp_path / "log", "raises") for _ in range(3)]
    for process in processes:
        process.join(30)

    assert len(logged(tmp_path / "log", "error")) == 3
    assert len(set(logged(tmp_path / "log", "error"))) == 3


def test_after_a_failed_training_the_reason_is_told(tmp_path):
    def fails() -> Ensemble:
        raise ArithmeticError("loss is NaN")

    with pytest.raises(ArithmeticError):
        share_once(tmp_path / "shared", "key", fails)

    expected = "not shareable: training raised ArithmeticError: loss is NaN in another process"
    assert share_once(tmp_path / "shared", "key", trees)[1] == expected


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_trained_again(tmp_path, keep):
    share_once(tmp_path / "shared", "key", trees)
    file = tmp_path / "shared" / "key.ensemble"
    file.write_bytes(file.read_bytes()[:keep])

    assert share_once(tmp_path / "shared", "key", trees)[1] == "trained"
    assert share_once(tmp_path / "shared", "key", never)[1] == "shared"


def test_a_changed_file_is_not_loaded(tmp_path):
    share_once(tmp_path / "shared", "key", trees)
    file = tmp_path / "shared" / "key.ensemble"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(bytes(content))

    assert share_once(tmp_path / "shared", "key", trees)[1] == "trained"


def test_members_that_cannot_be_pickled_are_trained_in_each_process(tmp_path):
    def train() -> Ensemble:
        lock = threading.Lock()
        return Ensemble.of(lambda X: lock, output="labels")

    first = share_once(tmp_path / "shared", "key", train)[1]
    second = share_once(tmp_path / "shared", "key", train)[1]

    assert first == second
    assert first.startswith("not shareable: its members cannot be pickled (TypeError: cannot pickle '_thread.lock'")


def test_members_whose_class_the_other_process_lacks_are_trained_there(tmp_path):
    code = """
        import sys, types
        from pathlib import Path
        from pytest_mlspec.training import Ensemble, share_once
        module = sys.modules["only_there"] = types.ModuleType("only_there")
        exec("class Model:\\n    def predict(self, X): return X", module.__dict__)
        module.__spec__ = __spec__ or types.SimpleNamespace(name="only_there")
        print(share_once(Path(sys.argv[1]), "key", lambda: Ensemble.of(module.Model()))[1])
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "shared")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.stdout == "trained\n", done.stderr

    ensemble, status = share_once(tmp_path / "shared", "key", trees)
    assert len(ensemble) == 2
    assert status.startswith("not shareable: it cannot be loaded in another process (ModuleNotFoundError")


def test_the_folder_belongs_to_the_user_alone(tmp_path):
    share_once(tmp_path / "deep" / "shared", "key", trees)

    assert (tmp_path / "deep" / "shared").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path, mode):
    folder = tmp_path / "shared"
    share_once(folder, "key", trees)
    folder.chmod(mode)

    ensemble, status = share_once(folder, "key", trees)
    assert status == f"not shareable: {folder} can be written by others (mode={mode:o}), expected 700"
    assert len(ensemble) == 2


def test_a_folder_of_another_user_and_a_link_are_refused(tmp_path, monkeypatch):
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    assert share_once(tmp_path / "link", "key", trees)[1].endswith("is not a folder of its own")

    monkeypatch.setattr(os, "getuid", lambda: real.stat().st_uid + 1)
    assert "belongs to user" in share_once(real, "key", trees)[1]


KEY = """
    import numpy as np
    from pytest_mlspec.training import share_key

    def train(seed, data, rate=0.1):
        return {1, 2, 3}, "a constant", rate

    arguments = {"data": {"X": np.arange(6.0).reshape(2, 3), "names": {"b", "a", "c"}}, "rate": 0.5}
    print(share_key("detector", train, [0, 1], arguments))
"""


def key_in_a_process(hash_seed: str, code: str = KEY) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    arguments = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_key_is_the_same_in_every_process_and_follows_the_code():
    key = key_in_a_process("1")

    assert len(key) > 20
    assert key_in_a_process("2") == key
    assert key_in_a_process("1", KEY.replace("a constant", "another")) != key


def test_the_key_follows_everything_that_the_members_depend_on():
    def key(name: str = "a", seeds: tuple[int, ...] = (0, 1), shift: float = 0.0, **arguments: object) -> str | None:
        def train(seed: int) -> float:
            return shift

        return share_key(name, train, seeds, {"X": X, **arguments})

    keys = [key(), key("b"), key(seeds=(0, 2)), key(shift=1.0), key(rate=1), key(rate=1.0), key(X=X + 1)]

    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]


def test_datasets_count_by_their_content():
    data = pytest.importorskip("pytest_mlspec.data")

    def key(X: np.ndarray) -> str | None:
        splits = data.Splits(train=data.Dataset(X[:30], Y[:30]), test=data.Dataset(X[30:], Y[30:]))
        return share_key("a", tree, [0], {"street": splits})

    assert key(X) == key(X.copy())
    assert key(X) != key(X + 1)


def test_another_ensemble_counts_by_its_members():
    one, same, other = (Ensemble.fit(tree, seeds, name="trees") for seeds in ([0, 1], [0, 1], [0, 2]))

    assert share_key("a", tree, [0], {"base": one}) == share_key("a", tree, [0], {"base": same})
    assert share_key("a", tree, [0], {"base": one}) != share_key("a", tree, [0], {"base": other})


def test_what_cannot_be_read_has_no_key():
    assert share_key("a", tree, [0], {"lock": threading.Lock()}) is None
