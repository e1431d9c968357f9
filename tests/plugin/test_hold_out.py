"""`@mlspec.ensemble(hold_out=...)`: unseen domains in a run."""

from __future__ import annotations

import pytest

WARD = """
import pytest_mlspec as mlspec
from pytest_mlspec.data import Splits

@mlspec.dataset
def ward():
    labels = np.tile([0, 1], 600)
    rows = np.column_stack([labels, np.arange(1200)]).astype(float)
    columns = {"hospital": np.repeat(["A", "B", "C"], 400), "row": np.arange(1200)}
    return mlspec.Dataset(rows, labels, columns=columns, positive=1).split(test=0.5, validation=0.2, seed=0)

class Model:
    '''Right in the hospitals that it saw, wrong in the others.'''
    def __init__(self, seed, seen): self.seed, self.seen = seed, sorted(seen)
    def predict(self, rows):
        known = np.isin(np.array(["A", "B", "C"])[(rows[:, 1] // 400).astype(int)], self.seen)
        return np.where(known, rows[:, 0], 1 - rows[:, 0]).astype(int)
"""
ONE = """
@mlspec.ensemble(seeds=2, hold_out={"hospital": "C"})
def detector(seed, ward):
    open("fits", "a").write(f"{seed} ")
    assert len(ward.test) == 600
    return Model(seed, {*ward.train.columns["hospital"], *ward.validation.columns["hospital"]})
"""
EACH = """
@mlspec.ensemble(seeds=2, hold_out="hospital", params=["A", "B", ["A", "C"]])
def detector(seed, ward):
    open("fits", "a").write(f"{seed} ")
    return Model(seed, ward.train.columns["hospital"])
"""


def test_a_value_is_left_out_and_the_test_finds_it(suite):
    suite.run(
        WARD
        + ONE
        + """
def test_seen(detector, ward):
    assert dict(detector.held_out) == {"hospital": "C"}
    assert metrics.accuracy(detector, ward.test.where(hospital=["A", "B"])) >= 0.9

def test_unseen(detector, ward):
    assert metrics.accuracy(detector, ward.test.where(**detector.held_out)) >= 0.9
""",
        "--mlspec-json=out.json",
    )
    rows = {row["slice"]: row for row in suite.document()["requirements"]}

    assert rows["hospital=A|B"]["verdict"] == "met"
    assert rows["hospital=C"]["verdict"] == "violated"
    assert {row["model"] for row in rows.values()} == {"detector (hospital=C held out)"}


def test_one_ensemble_for_each_value(suite):
    body = (
        WARD
        + EACH
        + """
def test_unseen(detector, ward):
    assert metrics.accuracy(detector, ward.test.where(**detector.held_out)) <= 0.1
    assert detector.name.startswith("detector (hospital=")
"""
    )

    assert suite.outcomes(body) == {
        "test_unseen[hospital=A]": "PASSED",
        "test_unseen[hospital=B]": "PASSED",
        "test_unseen[hospital=A|C]": "PASSED",
    }
    assert (suite.pytester.path / "fits").read_text() == "0 1 " * 3


def test_ids_of_ones_own_and_a_function_that_asks_for_the_value(suite):
    body = WARD + (
        EACH.replace('"A", "B", ["A", "C"]]', '"A", pytest.param("B", id="second")], ids=["first", None]')
        .replace("def detector(seed, ward)", "def detector(seed, ward, request)")
        .replace("    open", '    assert request.param not in ward.train.columns["hospital"]\n    open')
    )
    body += "def test_it(detector): assert set(detector.held_out) == {'hospital'}"

    assert suite.outcomes(body) == {"test_it[first]": "PASSED", "test_it[second]": "PASSED"}


def test_rows_that_were_left_out_of_the_training_part_may_be_judged(suite):
    body = (
        WARD
        + ONE
        + """
def test_unseen(detector, ward):
    assert metrics.accuracy(detector, ward.train.where(**detector.held_out)) <= 0.1

def test_seen(detector, ward):
    assert metrics.accuracy(detector, ward.train.where(hospital="A")) >= 0.1

def test_validation_unseen(detector, ward):
    assert metrics.accuracy(detector, ward.validation.where(**detector.held_out)) <= 0.1
"""
    )
    result = suite.run(body)

    assert result.parseoutcomes() == {"passed": 2, "failed": 1}
    result.stdout.fnmatch_lines(["*is judged on rows that trained the model*"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            ('{"hospital": "C"}', '{"clinic": "C"}'),
            "*unknown column 'clinic' of ward.train*it has hospital, label, row*",
        ),
        (('"C"}', '"D"}'), "*no training row has hospital='D'; in ward.train hospital has *"),
        (('"C"}', '["A", "B", "C"]}'), "*leaves nothing of ward.train*"),
        (("detector(seed, ward)", "detector(seed)"), "*leaves rows out of the training data, and * takes none*"),
        (
            ("detector(seed, ward)", "detector(seed, ward, before)"),
            "*takes before, which was trained on * of the rows*",
        ),
        (("detector(seed, ward)", "detector(seed, ward, raw)"), "*cannot leave rows out of 'raw' (*give it as a D*"),
    ],
)
def test_what_cannot_be_left_out_is_an_error_before_anything_trains(suite, change, why):
    before = """
@mlspec.ensemble(seeds=1)
def before(seed, ward):
    return Model(seed, "ABC")

@pytest.fixture(scope="session")
def raw(): return np.zeros((1200, 2)), np.zeros(1200)
"""
    result = suite.run(WARD + before + ONE.replace(*change) + "def test_it(detector): pass")

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines([why])
    assert not (suite.pytester.path / "fits").exists()


def test_the_rows_of_a_patient_in_another_hospital_are_an_error_before_anything_trains(suite):
    body = WARD.replace('"row": np.arange(1200)}', '"row": np.arange(1200), "patient": np.arange(1200) % 500}').replace(
        "positive=1)", 'positive=1, clusters="patient")'
    )
    result = suite.run(body + ONE + "def test_it(detector): pass")

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["*leaves other rows of the same clusters (patient) in training*"])
    assert not (suite.pytester.path / "fits").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            'hold_out="hospital"',
            "*ValueError: hold_out='hospital' is a column, and its values are missing: give params*",
        ),
        ('hold_out="hospital", params=[]', "*its values are missing*"),
        ("hold_out={}", "*ValueError: hold_out={} leaves nothing out*"),
        ("hold_out=3", "*TypeError: hold_out is a column, or a mapping such as {'hospital': 'C'}; got hold_out=3"),
        ("hold_out={3: 4}", "*TypeError: hold_out is a column, or a mapping*"),
    ],
)
def test_what_is_wrong_with_it_is_said_at_decoration(suite, arguments, why):
    result = suite.run(f"{WARD}\n@mlspec.ensemble({arguments})\ndef detector(seed, ward): pass")

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines([why])


def test_data_that_the_function_fetches_itself_cannot_be_filtered(suite):
    body = ONE.replace("seed, ward)", "seed, request)").replace(
        "    open", "    ward = request.getfixturevalue('ward')\n    open"
    )
    result = suite.run(WARD + body)

    result.stdout.fnmatch_lines(
        ["*TypeError: detector fetches data with getfixturevalue, which hold_out=*cannot filter*"]
    )


def test_workers_share_each_of_them(suite):
    body = (
        WARD
        + EACH
        + """
@pytest.mark.parametrize("n", range(2))
def test_unseen(detector, ward, n):
    assert metrics.accuracy(detector, ward.test.where(**detector.held_out)) <= 0.1
    assert metrics.accuracy(detector, ward.test.where(**detector.held_out)).predictions.training_rows == 0
"""
    )
    result = suite.run(body, "-p", "xdist", "-n2", subprocess=True)

    assert result.parseoutcomes() == {"passed": 6}
    assert sorted((suite.pytester.path / "fits").read_text().split()) == ["0"] * 3 + ["1"] * 3


def test_left_alone_nothing_is_held_out(suite):
    body = WARD + ONE.replace(', hold_out={"hospital": "C"}', "")
    body += """
def test_it(detector, ward):
    assert dict(detector.held_out) == {}
    assert detector.name == "detector"
    with pytest.raises(ValueError, match="expected a condition"):
        ward.test.where(**detector.held_out)
    assert metrics.accuracy(detector, ward.test) >= 0.9
"""

    assert suite.outcomes(body) == {"test_it": "PASSED"}
