"""Data that can decide nothing never lets a requirement pass."""

from __future__ import annotations


def test_slices_and_groups_that_are_not_there(suite):
    result = suite.run("""
        pytestmark = pytest.mark.satisficing
        night = rate(50, 50, columns={"light": ["day"] * 50})

        def test_missing_slice():
            assert metrics.recall(night.where(light="night")) >= 0.5

        def test_unknown_column():
            assert metrics.recall(night.where(lite="day")) >= 0.5

        def test_empty_predicate():
            assert metrics.recall(night.where(lambda columns: columns["light"] == "dusk")) >= 0.5

        def test_gap_by_unknown_column():
            assert metrics.recall(FAIR).gap(by="gender") <= 0.9

        def test_gap_of_one_group():
            assert metrics.recall(night).gap(by="light") <= 0.9

        def test_nan_label():
            assert metrics.mae(Predictions(y=[0.0, 1.0], values=[0.0, float("nan")])) <= 9.0

        def test_nan_threshold():
            assert metrics.recall(GOOD) >= float("nan")

        def test_no_cases_at_all():
            assert metrics.recall(Predictions(y=[], labels=[], classes=[0, 1], positive=1)) >= 0.0
    """)

    assert result.parseoutcomes() == {"failed": 8}
    result.stdout.fnmatch_lines(["*lite*did you mean*light*"])


def test_a_group_without_positives_is_never_given_a_rate(suite):
    """A peer gives such a group the recall 1.0, so that its gap to a good group is small."""
    body = """
        y = np.repeat([1, 0], [500, 100])
        women_only = Predictions(
            y=y, labels=y, classes=[0, 1], positive=1, columns={"sex": np.repeat(["women", "men"], [500, 100])}
        )

        def test_gap():
            assert metrics.recall(women_only).gap(by="sex") <= 0.5

        def test_ratio():
            assert metrics.recall(women_only).ratio(by="sex") >= 0.1

        def test_worst():
            assert metrics.recall(women_only).worst(by="sex") >= 0.1

        def test_slice():
            assert metrics.recall(women_only.where(sex="men")) >= 0.1
    """
    result = suite.run(body)

    assert result.parseoutcomes() == {"failed": 4}
    assert suite.verdicts(body) == {f"test_{name}": ["undecided"] for name in ("gap", "ratio", "worst", "slice")}
    result.stdout.fnmatch_lines(["*no positives in the group 'men': a group without cases decides nothing"])


def test_a_violation_shows_although_one_group_is_empty(suite):
    """The groups that have cases are 1 and 0 apart: no rate of the empty one could close that gap."""
    verdicts = suite.verdicts("""
        y = np.repeat([1, 1, 0], [500, 500, 100])
        said = Predictions(
            y=y, labels=np.repeat([1, 0, 0], [500, 500, 100]), classes=[0, 1], positive=1,
            columns={"group": np.repeat(["a", "b", "c"], [500, 500, 100])},
        )

        def test_gap():
            assert metrics.recall(said).gap(by="group") <= 0.5
    """)

    assert verdicts["test_gap"] == ["violated"]


def test_a_group_that_is_never_selected_stays_in_the_ratio(suite):
    """A peer drops such a group, and the ratio of the others is 1."""
    result = suite.run("""
        labels = np.concatenate([np.repeat([1, 0], [150, 150]), np.repeat([1, 0], [150, 150]), np.zeros(300, int)])
        said = Predictions(
            y=labels, labels=labels, classes=[0, 1], positive=1, columns={"group": np.repeat(["a", "b", "c"], 300)}
        )

        @pytest.mark.parity(by="group", min_ratio=0.8)
        def test_four_fifths(requirement):
            assert metrics.selection_rate(said).ratio(by="group") >= requirement
    """)

    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            "*VIOLATED ratio of selection rate by group >= 0.80",
            "*measured 0.000,*",
            "*c 0.000 (0/300), *",
        ]
    )


def test_an_intersection_without_cases_keeps_a_gap_from_being_met(suite):
    result = suite.run("""
        y = np.ones(900, int)
        sex, age = np.repeat(["f", "f", "m"], 300), np.repeat(["old", "young", "old"], 300)
        said = Predictions(y=y, labels=y, classes=[0, 1], positive=1, columns={"sex": sex, "age": age})

        @pytest.mark.parity(by=["sex", "age"], max_gap=0.1)
        def test_gap(requirement):
            assert metrics.recall(said).gap(by=["sex", "age"]) <= requirement
    """)

    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            "*UNDECIDED*",
            "*no cases at all of 'm, young': an empty intersection decides nothing",
        ]
    )


def test_an_interval_decides_and_not_the_measured_value(suite):
    """96 of 100 is above 0.95 and proves nothing of the sort: the lower bound is 0.911."""
    assert suite.verdicts("""
        def test_above():
            assert metrics.recall(rate(96, 100)) >= 0.95

        def test_below():
            assert metrics.recall(rate(94, 100)) >= 0.95

        def test_enough():
            assert metrics.recall(rate(9600, 10000)) >= 0.95
    """) == {"test_above": ["undecided"], "test_below": ["undecided"], "test_enough": ["met"]}


def test_the_gap_of_two_equal_groups_can_be_met(suite):
    """A bootstrap interval of a largest-minus-smallest gap always excludes zero; this one reaches it."""
    suite.run("def test_gap():\n    assert metrics.recall(FAIR).gap(by='sex') <= 0.1", "--mlspec-json=out.json")
    row = suite.document()["requirements"][0]

    assert row["verdict"] == "met"
    assert row["low"] == 0.0


def test_one_model_says_nothing_about_retraining(suite):
    result = suite.run("""
        @pytest.mark.seed_variance(max_std=0.5)
        def test_std(requirement):
            assert metrics.recall(GOOD).seed_std() <= requirement

        @pytest.mark.satisficing(at_least=0.5, members="mean")
        def test_mean(requirement):
            assert metrics.recall(GOOD) >= requirement

        @pytest.mark.satisficing(at_least=0.5, members=0.9)
        def test_share(requirement):
            assert metrics.recall(GOOD) >= requirement
    """)

    assert result.parseoutcomes() == {"failed": 3}
    # 36: all of 36 met exclude a share of 0.9 at half the level, 0.9**36 = 0.0225 <= 0.025 < 0.9**35.
    result.stdout.fnmatch_lines(
        [
            "*needs at least 2 retrainings: *",
            "*needs at least 5 retrainings *",
            "*a share of retrainings needs at least 36 retrainings: *",
        ]
    )


def test_every_member_must_meet_it(suite):
    """Two members of 0.99 and one of 0.5: their mean is 0.83, and the worst one decides."""
    assert suite.verdicts("""
        labels = np.ones((3, 1000), int)
        labels[0, :500] = labels[1, :10] = labels[2, :10] = 0
        three = Predictions(y=np.ones(1000, int), labels=labels, classes=[0, 1], positive=1)

        def test_three():
            assert metrics.recall(three) >= 0.75
    """) == {"test_three": ["violated"]}
