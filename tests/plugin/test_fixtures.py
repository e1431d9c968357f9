"""`@mlspec.dataset`, `@mlspec.ensemble` and the bundled data in a run."""

from __future__ import annotations

import pytest

TRAINING = """
import pytest_mlspec as mlspec

@mlspec.dataset
def street():
    '''Pedestrians by night.'''
    labels = np.tile([0, 1], 1000)
    rows = np.column_stack([labels, np.arange(2000)]).astype(float)
    data = mlspec.Dataset(rows, labels, columns={"light": ["day", "night"] * 1000}, positive=1)
    return data.split(test=0.5, seed=0)

@mlspec.ensemble(seeds=3, output="labels")
def detector(seed, street):
    '''Finds pedestrians.'''
    return lambda rows: np.where(np.arange(len(rows)) % 97 == seed, 0, rows[:, 0].astype(int))
"""


def test_the_names_of_fixtures_name_data_and_model(suite):
    suite.run(
        TRAINING
        + """
def test_it(detector, street):
    assert detector.name == "detector"
    assert metrics.recall(detector, street.test.where(light="night")) >= 0.9
""",
        "--mlspec-json=out.json",
    )
    (row,) = suite.document()["requirements"]

    assert (row["model"], row["dataset"], row["slice"]) == ("detector", "street.test", "light=night")
    assert (row["seeds"], row["n_members"], row["verdict"]) == ([0, 1, 2], 3, "met")


def test_name_params_and_ids_are_those_of_pytest(suite):
    result = suite.run(
        """
        import pytest_mlspec as mlspec

        @mlspec.dataset(name="cars", params=[10, 20], ids=["few", "many"])
        def make_cars(request):
            return mlspec.Dataset(np.arange(request.param), np.ones(request.param, int), classes=[0, 1], positive=1)

        @mlspec.ensemble(name="net", seeds=[4, 7], output="labels", params=["wide", "deep"], classes=[0, 1])
        def make_net(seed, request):
            assert request.param in ("wide", "deep")
            return lambda rows: np.where(rows == seed, 0, 1)

        def test_it(net, cars):
            assert net.seeds == (4, 7)
            assert cars.name == "cars"
            assert len(metrics.recall(net, cars).values) == 2
    """,
        "-v",
    )

    assert result.parseoutcomes() == {"passed": 4}
    ran = [line.split()[0] for line in result.outlines if line.startswith("test_it.py::")]
    names = {test.partition("[")[2].rstrip("]") for test in ran}
    assert names == {"wide-few", "wide-many", "deep-few", "deep-many"}


def test_fixtures_keep_file_line_and_docstring(suite):
    result = suite.run(TRAINING, "--fixtures", "-v")

    result.stdout.fnmatch_lines(
        [
            "detector [[]session scope] -- test_it.py:1[23]",
            "    Finds pedestrians.",
            "street [[]session scope] -- test_it.py:[45]",
            "    Pedestrians by night.",
        ]
    )


def test_an_error_in_training_points_into_the_users_function(suite):
    result = suite.run("""
        import pytest_mlspec as mlspec

        @mlspec.ensemble
        def model(seed):
            return 1 / 0

        @pytest.mark.satisficing(at_least=0.9)
        def test_it(model, requirement):
            pass
    """)

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines([">       return 1 / 0", "test_it.py:6: ZeroDivisionError", "NOT JUDGED satisficing*"])


def test_a_narrow_fixture_gets_a_hint(suite):
    result = suite.run("""
        import pytest_mlspec as mlspec

        @pytest.fixture
        def street():
            return 1

        @mlspec.ensemble
        def model(seed, street):
            return 1

        def test_it(model): pass
    """)

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*ScopeMismatch*",
            "*make the data a @mlspec.dataset, or use @pytest.fixture(scope='session')*",
        ]
    )


def test_a_dataset_must_be_one(suite):
    result = suite.run("""
        import pytest_mlspec as mlspec

        @mlspec.dataset
        def street():
            return [1, 2]

        def test_it(street): pass
    """)

    result.stdout.fnmatch_lines(["E*TypeError: @mlspec.dataset expects a Dataset or Splits from street(), got list"])


def test_members_that_ignore_their_seed_are_no_replicates(suite):
    result = suite.run("""
        import pytest_mlspec as mlspec

        class Model:
            def __init__(self): self.weights = [1.0, 2.0]
            def predict(self, rows): return rows

        @mlspec.ensemble(seeds=3)
        def model(seed):
            return Model()

        def test_it(model): pass
    """)

    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*all 3 members of 'model' learned exactly the same*Declare seeds=1, or let each seed see other rows*",
        ]
    )


def test_rows_that_trained_the_model_decide_nothing(suite):
    result = suite.run(
        TRAINING
        + """
@pytest.mark.satisficing(at_least=0.5)
def test_it(detector, street, requirement):
    assert metrics.recall(detector, street.train) >= requirement

def test_literal(detector, street):
    assert metrics.recall(detector, street.train) >= 0.5
"""
    )

    assert result.parseoutcomes() == {"failed": 2}
    result.stdout.fnmatch_lines(["*is judged on rows that trained the model: 1,000 of 1,000 rows of street.train*"])


def test_the_seeds_generators_are_restored(suite):
    assert suite.outcomes("""
        import random
        import pytest_mlspec as mlspec

        @mlspec.ensemble(seeds=2)
        def model(seed):
            drawn = (random.random(), np.random.rand())
            return lambda rows, drawn=drawn: drawn

        def test_it(request):
            random.seed(5); np.random.seed(5)
            expected = (random.random(), np.random.rand())
            random.seed(5); np.random.seed(5)
            members = request.getfixturevalue("model").members
            assert (random.random(), np.random.rand()) == expected
            assert members[0](0) != members[1](0)
    """) == {"test_it": "PASSED"}


def test_progress_is_shown_on_a_terminal_once_it_takes_long(suite):
    conftest = """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_configure(config):
            from pytest_mlspec.fixtures import members
            members.QUIET_SECONDS = {quiet}
            reporter = config.pluginmanager.get_plugin("terminalreporter")
            reporter.isatty = (lambda: {terminal}) if callable(reporter.isatty) else {terminal}
    """
    body = TRAINING + "\ndef test_it(detector): pass"
    shown = suite.run(body, conftest=conftest.format(quiet=0, terminal=True), subprocess=True)
    shown.stdout.fnmatch_lines([f"*detector: member {n} of 3 (seed {n - 1}) trained in *" for n in (1, 2, 3)])
    for quiet, terminal in ((60, True), (0, False)):
        result = suite.run(body, conftest=conftest.format(quiet=quiet, terminal=terminal), subprocess=True)
        result.stdout.no_fnmatch_line("*member 1 of 3*")


def test_an_ensemble_in_conftest_trains_once_for_all_files(suite):
    suite.run(
        "def test_one(model): assert len(model.members) == 5",
        conftest="""
            import pytest_mlspec as mlspec

            @mlspec.ensemble
            def model(seed):
                open("fits", "a").write(f"{seed} ")
                return lambda rows: seed
        """,
        test_other="def test_two(model): assert model.seeds == (0, 1, 2, 3, 4)",
    )

    assert (suite.pytester.path / "fits").read_text() == "0 1 2 3 4 "


def test_a_users_own_fixture_replaces_a_bundled_one(suite):
    assert suite.outcomes(
        """
        @pytest.fixture
        def digits():
            return [1, 2, 3]

        def test_replaced(digits):
            assert digits == [1, 2, 3]

        def test_in_conftest(diabetes):
            assert diabetes == "sugar"

        def test_bundled(breast_cancer):
            assert breast_cancer.test.positive == "malignant"
            assert breast_cancer.test.name == "breast_cancer.test"
        """,
        conftest="""
        import pytest

        @pytest.fixture
        def diabetes():
            return "sugar"
        """,
    ) == {"test_replaced": "PASSED", "test_in_conftest": "PASSED", "test_bundled": "PASSED"}


LEAK = """
from sklearn.tree import DecisionTreeClassifier
import pytest_mlspec as mlspec

@mlspec.ensemble(seeds=2)
def leaking(seed, breast_cancer):
    part = breast_cancer.test
    return DecisionTreeClassifier(max_features=3, random_state=seed).fit(part.X, part.y)

@mlspec.ensemble(seeds=2)
def honest(seed, breast_cancer):
    part = breast_cancer.train
    return DecisionTreeClassifier(max_features=3, random_state=seed).fit(part.X, part.y)

@pytest.mark.satisficing(at_least=0.8)
def test_leaking(leaking, breast_cancer, requirement):
    assert metrics.accuracy(leaking, breast_cancer.test) >= requirement

@pytest.mark.satisficing(at_least=0.8)
def test_leaking_slice(leaking, breast_cancer, requirement):
    assert metrics.accuracy(leaking, breast_cancer.test.where(label="malignant")) >= requirement

@pytest.mark.satisficing(at_least=0.8)
def test_honest(honest, breast_cancer, requirement):
    assert metrics.accuracy(honest, breast_cancer.test) >= requirement
"""


@pytest.mark.parametrize("options", [(), ("--mlspec-jobs=2",)], ids=["in turn", "in two processes"])
def test_training_on_the_test_split_is_noticed(suite, options):
    result = suite.run(LEAK, "-v", *options, subprocess=True)

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*284 of 284 rows of breast_cancer.test*"])
