"""A baseline on disk: what comes back is what was saved, and nothing that is damaged is trusted."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from pytest_mlspec import Dataset, Ensemble, Predictions, metrics
from pytest_mlspec.predictions.asking import predict
from pytest_mlspec.records.baseline_file import BaselineError, check_name, read_array, read_index, write_array
from pytest_mlspec.records.baselines import Baseline, find_baseline, names_of, read_baseline
from pytest_mlspec.records.saving import Part, assemble, discard
from pytest_mlspec.running import RECORDER, Recorder
from pytest_mlspec.verdict import NotJudged

RNG = np.random.default_rng(3)
DATA = Dataset(RNG.normal(size=(60, 2)), np.tile(["no", "yes"], 30), positive="yes", name="street.test")


class Says:
    """Probabilities of ``yes`` that depend on the seed."""

    classes_ = np.array(["no", "yes"])

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        yes = 1 / (1 + np.exp(-rows[:, 0] - self.seed))
        return np.column_stack([1 - yes, yes])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.where(rows[:, 0] + self.seed > 0, "yes", "no")


def keep(folder: Path, *predictions: Predictions) -> Baseline:
    """Save these as the baseline in a folder and read it again."""
    part = Part(folder, "here")
    for one in predictions:
        part.add(one)
    assemble(folder, [(part.folder, part.entries)], [], "0")
    return read_baseline(folder)


def test_all_outputs_come_back_though_one_metric_alone_was_asked(tmp_path: Path) -> None:
    model = Ensemble.fit(Says, 3, name="detector")
    said = predict(model, DATA)
    again = keep(tmp_path / "main", said).predictions_on(DATA)

    assert (again.name, again.seeds, again.n_members, again.retrained) == (
        "detector (baseline main)",
        (0, 1, 2),
        3,
        True,
    )
    assert np.array_equal(again.probabilities, said.probabilities)
    assert np.array_equal(again.labels, said.labels)
    assert metrics.auroc(again).values.tolist() == metrics.auroc(model, DATA).values.tolist()
    assert again.classes.tolist() == ["no", "yes"]


def test_slices_take_rows_of_the_whole(tmp_path: Path) -> None:
    baseline = keep(tmp_path / "main", predict(Says(0), DATA))
    part = DATA.take(np.arange(10))

    assert np.array_equal(baseline.predictions_on(part).labels, predict(Says(0), DATA).labels[:, :10])
    assert baseline.predictions_on(part).base is baseline.predictions_on(DATA)


def test_numbers_decisions_and_given_arrays_come_back(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.svm import LinearSVC

    numbers = Dataset(DATA.X, DATA.X[:, 0] * 2.0, name="numbers")
    given = Predictions(y=[0, 1, 1], labels=[0, 1, 0], name="service")
    saved = (
        predict(LinearRegression().fit(DATA.X, numbers.y), numbers),
        predict(LinearSVC().fit(DATA.X, DATA.y), DATA),
    )
    baseline = keep(tmp_path / "main", *saved, given)

    assert np.array_equal(baseline.predictions_on(numbers).values, saved[0].values)
    assert np.array_equal(baseline.predictions_on(DATA).scores("yes"), saved[1].scores("yes"))
    assert metrics.accuracy(baseline, given).value == metrics.accuracy(given).value  # type: ignore[arg-type]


def test_perturbed_data_have_predictions_of_their_own(tmp_path: Path) -> None:
    louder = DATA.perturb(lambda rows: rows * 3, name="louder")
    baseline = keep(tmp_path / "main", predict(Says(0), DATA), predict(Says(0), louder))

    assert not np.array_equal(
        baseline.predictions_on(louder).probabilities, baseline.predictions_on(DATA).probabilities
    )


def test_what_a_model_could_not_give_is_told(tmp_path: Path) -> None:
    class Labels:
        def predict(self, rows: np.ndarray) -> np.ndarray:
            return np.where(rows[:, 0] > 0, "yes", "no")

    baseline = keep(tmp_path / "main", predict(Labels(), DATA))
    with pytest.raises(ValueError, match=r"'Labels \(baseline main\)' was saved with labels only"):
        metrics.ece(baseline, DATA)


def test_arrays_are_saved_once_however_often_they_are_asked_for(tmp_path: Path) -> None:
    part = Part(tmp_path / "main", "here")
    model = Ensemble.of(Says(0), name="detector")
    for _ in range(3):
        part.add(predict(model, DATA))
        part.add(predict(Ensemble.of(Says(0), name="detector"), DATA))

    assert len(part.entries) == len(list(part.folder.iterdir())) // 2 == 1  # probabilities and labels


def test_models_of_one_name_that_differ_are_told_apart(tmp_path: Path) -> None:
    baseline = keep(tmp_path / "main", predict(Says(0), DATA), predict(Says(1), DATA))
    with pytest.raises(ValueError, match=r"holds 2 predictions of Says on street\.test that differ"):
        baseline.predictions_on(DATA)


def test_a_recalled_model_is_not_saved_as_one_of_this_run(tmp_path: Path) -> None:
    baseline = keep(tmp_path / "main", predict(Says(0), DATA))
    part = Part(tmp_path / "next", "here")
    part.add(baseline.predictions_on(DATA))

    assert part.entries == []


def test_an_older_baseline_gives_way_to_a_complete_one_only(tmp_path: Path) -> None:
    folder = tmp_path / "main"
    keep(folder, predict(Says(0), DATA))
    before = read_index(folder)
    part = Part(folder, "other")
    part.add(predict(Says(1), DATA))
    discard([part.folder])

    assert read_index(folder) == before
    assert keep(folder, predict(Says(2), DATA)).predictions_on(DATA).probabilities is not None
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


def test_what_the_one_before_also_held_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "main"
    keep(folder, predict(Says(0), DATA), predict(Ensemble.of(Says(0), name="other"), DATA))
    part = Part(folder, "here")
    part.add(predict(Says(1), DATA))
    _, gone = assemble(folder, [(part.folder, part.entries)], [], "0")

    assert gone == ["other on street.test"]


def test_without_a_baseline_the_recorder_hears_why() -> None:
    recorder = Recorder(lambda: None)  # type: ignore[arg-type, return-value]
    with RECORDER.hold(recorder), pytest.raises(NotJudged, match=r"no baseline to compare street\.test with"):
        Baseline(name="", entries=())["anything"].predictions_on(DATA)

    assert [(one.first, one.data) for one in recorder.lacking] == [(False, DATA)]


@pytest.mark.parametrize("name", ["main", "2026-11-23", "v1.2_rc"])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "..", ".main", "a/b", "a\\b", "a b", "x" * 101, "main.lock"])
def test_bad_names(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name of letters, digits"):
        check_name(name)


def test_a_baseline_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    keep(tmp_path / "records" / "main", predict(Says(0), DATA))
    records, here = tmp_path / "records", tmp_path

    assert find_baseline("main", records=records, here=here) == records / "main"
    assert find_baseline("records/main", records=tmp_path / "none", here=here) == records / "main"
    assert names_of(records) == ["main"]
    with pytest.raises(ValueError, match=r"got 'mainn'; did you mean 'main'\? .* holds main"):
        find_baseline("mainn", records=records, here=here)


@pytest.mark.parametrize("keep_bytes", [0, 1, 60, 127, 200])
def test_a_truncated_array_is_refused(tmp_path: Path, keep_bytes: int) -> None:
    (tmp_path / "arrays").mkdir()
    told = write_array(tmp_path / "arrays" / "0-labels.npy", np.arange(100))
    path = tmp_path / "arrays" / "0-labels.npy"
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(BaselineError, match=r"0-labels\.npy is not what was saved"):
        read_array(tmp_path, {**told, "file": "arrays/0-labels.npy"})


@pytest.mark.parametrize("name", ["../0-labels.npy", "/etc/passwd", "arrays/../../x.npy", "arrays/x.pkl", ""])
def test_an_index_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(BaselineError, match="expected the name of an array in the baseline"):
        read_array(tmp_path, {"file": name})


def test_objects_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected numbers or text"):
        write_array(tmp_path / "0-labels.npy", np.array([object()], dtype=object))


@pytest.mark.parametrize("cut", [0, 1, 100, -3])
def test_a_truncated_index_is_refused(tmp_path: Path, cut: int) -> None:
    keep(tmp_path / "main", predict(Says(0), DATA))
    index = tmp_path / "main" / "index.json"
    index.write_text(index.read_text()[:cut])
    with pytest.raises(BaselineError, match=r"index\.json is damaged"):
        read_baseline(tmp_path / "main")


def test_an_index_with_another_number_is_refused(tmp_path: Path) -> None:
    keep(tmp_path / "main", predict(Says(0), DATA))
    index = tmp_path / "main" / "index.json"
    document = json.loads(index.read_text())
    document["content"]["entries"][0]["seeds"] = [7]
    index.write_text(json.dumps(document))
    with pytest.raises(BaselineError, match="its blake2b differs"):
        read_baseline(tmp_path / "main")


def _save_for_ever(folder: str) -> None:
    seed = 0
    while True:
        seed += 1
        keep(Path(folder), predict(Says(seed), DATA))


def test_a_writer_that_is_killed_leaves_a_whole_baseline(tmp_path: Path) -> None:
    folder = tmp_path / "main"
    keep(folder, predict(Says(0), DATA))
    chance = random.Random(5)
    context = multiprocessing.get_context("fork")
    for _ in range(200):
        writer = context.Process(target=_save_for_ever, args=(str(folder),))
        writer.start()
        time.sleep(0.005 + 0.03 * chance.random())
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()

        probabilities = read_baseline(folder).predictions_on(DATA).probabilities
        assert probabilities is not None and probabilities.shape == (1, 60, 2)
