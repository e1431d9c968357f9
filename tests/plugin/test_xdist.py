"""Workers find what a serial run finds, and train an ensemble once per machine."""

from __future__ import annotations

import pytest

TWO = ("-p", "xdist", "-n2")
BODY = """
import os
import pytest_mlspec as mlspec

@mlspec.dataset
def street():
    labels = np.tile([0, 1], 1000)
    columns = {"light": np.repeat(["day", "night"], 1000)}
    rows = np.column_stack([labels, np.arange(2000)]).astype(float)
    return mlspec.Dataset(rows, labels, columns=columns, positive=1).split(test=0.5, seed=0)

class Model:
    def __init__(self, seed): self.seed = seed
    def predict(self, rows): return np.where(np.arange(len(rows)) % 50 == self.seed, 0, rows[:, 0]).astype(int)

@mlspec.ensemble(seeds=4)
def detector(seed, street):
    open("fits", "a").write(f"{seed} ")
    return Model(seed)

@pytest.mark.satisficing(at_least=0.9, id="REC")
@pytest.mark.parametrize("light", ["day", "night"])
def test_recall(detector, street, light, requirement):
    assert metrics.recall(detector, street.test.where(light=light)) >= requirement

@pytest.mark.parity(by="light", max_gap=0.3, id="GAP")
def test_gap(detector, street, requirement):
    assert metrics.recall(detector, street.test).gap(by="light") <= requirement

@pytest.mark.satisficing(at_least=0.999, id="HIGH", because="safety")
def test_violated(detector, street, requirement):
    assert metrics.recall(detector, street.test) >= requirement

@pytest.mark.seed_variance(max_std=0.2, id="STD")
def test_seeds(detector, street, requirement):
    assert metrics.recall(detector, street.test).seed_std() <= requirement

@pytest.mark.satisficing(at_least=0.9, id="EMPTY")
def test_not_judged(detector, requirement):
    pass

def test_literal():
    assert metrics.recall(FEW) >= 0.9
"""


def compared(document):
    """What two runs must have in common: all but the clock."""
    rows = [{name: value for name, value in row.items() if name != "duration"} for row in document["requirements"]]
    return rows, document["tally"], document["exit_code"], document["development"], document["schema"]


def test_workers_find_what_a_serial_run_finds(suite):
    suite.run(BODY, "--mlspec-json=out.json", subprocess=True)
    serial = suite.document()
    serial_fits = (suite.pytester.path / "fits").read_text()
    (suite.pytester.path / "fits").unlink()
    result = suite.again("--mlspec-json=out.json", "--mlspec-cache=off", *TWO, subprocess=True)
    shared = suite.document()

    assert len(serial["requirements"]) == 7
    assert serial["tally"]["met"] >= 1
    assert serial["tally"]["violated"] >= 1
    assert compared(shared) == compared(serial)
    assert serial_fits == "0 1 2 3 "
    assert (suite.pytester.path / "fits").read_text() == "0 1 2 3 "
    result.stdout.fnmatch_lines(["*=* mlspec =*", "VIOLATED HIGH: *"])


def test_the_summary_says_who_trained(suite):
    result = suite.run(BODY, "-v", *TWO, subprocess=True)

    result.stdout.fnmatch_lines(["detector: 4 members: trained (* s), shared with 1 more"])


UNSHAREABLE = """
import threading
import pytest_mlspec as mlspec

class Model:
    def __init__(self, seed): self.seed, self.lock = seed, threading.Lock()
    def predict(self, rows): return np.where(np.arange(len(rows)) % 50 == self.seed, 0, 1)

@mlspec.dataset
def night():
    return mlspec.Dataset(np.zeros((1000, 1)), np.ones(1000, int), classes=[0, 1], positive=1)

@mlspec.ensemble(seeds=2)
def detector(seed):
    open("fits", "a").write(f"{seed} ")
    return Model(seed)

@pytest.mark.parametrize("n", range(4))
def test_it(detector, night, n):
    assert metrics.recall(detector, night) >= 0.9
"""


def test_what_cannot_be_shared_is_trained_in_each_process_and_said(suite):
    result = suite.run(UNSHAREABLE, *TWO, subprocess=True)

    assert result.parseoutcomes() == {"passed": 4}
    assert sorted((suite.pytester.path / "fits").read_text().split()) == ["0", "0", "1", "1"]
    result.stdout.fnmatch_lines(
        [
            "detector: trained in each of 2 processes, not shareable: its members cannot be pickled*",
        ]
    )


def test_arguments_that_cannot_be_compared_are_not_shared(suite):
    body = UNSHAREABLE.replace("threading.Lock()", "None").replace("def detector(seed)", "def detector(seed, lock)")
    body += """
@pytest.fixture(scope="session")
def lock():
    return threading.Lock()
"""
    result = suite.run(body, *TWO, subprocess=True)

    assert result.parseoutcomes() == {"passed": 4}
    assert sorted((suite.pytester.path / "fits").read_text().split()) == ["0", "0", "1", "1"]
    result.stdout.fnmatch_lines(["detector: trained in each of 2 processes, not shareable: a fixture that it takes *"])


def test_parameters_of_an_ensemble_are_kept_apart(suite):
    body = """
        import pytest_mlspec as mlspec

        @mlspec.ensemble(seeds=2, params=[0, 700], output="labels", classes=[0, 1])
        def model(seed, request):
            open("fits", "a").write(f"{request.param + seed} ")
            missed = request.param + seed
            return lambda rows: np.where(rows < missed, 0, 1)

        @pytest.mark.parametrize("n", range(3))
        def test_it(model, n):
            data = mlspec.Dataset(np.arange(1000), np.ones(1000, int), classes=[0, 1], positive=1)
            assert metrics.recall(model, data) >= 0.9
    """
    result = suite.run(body, *TWO, subprocess=True)

    assert result.parseoutcomes() == {"passed": 3, "failed": 3}
    assert sorted((suite.pytester.path / "fits").read_text().split()) == ["0", "1", "700", "701"]


def test_an_ensemble_that_asks_for_fixtures_by_name_is_not_shared(suite):
    body = UNSHAREABLE.replace("threading.Lock()", "None").replace("def detector(seed)", "def detector(seed, request)")
    body = body.replace('    open("fits"', '    request.getfixturevalue("night")\n    open("fits"')
    result = suite.run(body, *TWO, subprocess=True)

    assert result.parseoutcomes() == {"passed": 4}
    result.stdout.fnmatch_lines(["detector: trained in each of 2 processes, not shareable: *"])


def test_a_worker_that_dies_is_red(suite):
    result = suite.run(
        """
        import os

        @pytest.mark.satisficing(at_least=0.9)
        def test_it(requirement):
            assert metrics.recall(GOOD) >= requirement
            os._exit(1)
    """,
        "-p",
        "xdist",
        "-n1",
        subprocess=True,
    )

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["failed"] == 1
