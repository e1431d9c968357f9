"""Global generators: seeded for one fit, untouched after it."""

import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from pytest_mlspec.training.seeding import check_seeds, seeded


def draw() -> tuple[float, float, float]:
    torch = pytest.importorskip("torch")
    return random.random(), float(np.random.random()), float(torch.rand(1))


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    with seeded(3):
        first = draw()
    with seeded(3):
        again = draw()
    with seeded(4):
        other = draw()

    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_the_generators_do_not_share_a_stream():
    with seeded(0):
        python, numpy = random.random(), np.random.random()
    random.seed(0)
    np.random.seed(0)

    assert python != numpy
    assert (python, numpy) != (random.random(), np.random.random())


@pytest.mark.parametrize("fails", [False, True])
def test_every_state_is_restored_also_after_an_exception(fails):
    torch = pytest.importorskip("torch")
    random.seed(11)
    np.random.seed(11)
    torch.manual_seed(11)
    np.random.standard_normal()  # leaves a second normal number in NumPy's cache: part of the state
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        with seeded(5):
            draw()
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails

    assert random.getstate() == states[0]
    assert all(np.array_equal(now, before) for now, before in zip(np.random.get_state(), states[1], strict=True))
    assert torch.equal(torch.get_rng_state(), states[2])
    assert torch.initial_seed() == 11


def test_nested_seeding_continues_where_the_outer_one_was():
    with seeded(1):
        expected = [random.random() for _ in range(2)]
    with seeded(1):
        first = random.random()
        with seeded(2):
            random.random()
        second = random.random()

    assert [first, second] == expected


def test_cuda_gets_the_seed_and_starts_afterwards_from_what_it_would_have_started_from(monkeypatch):
    torch = pytest.importorskip("torch")
    asked = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", asked.append)
    torch.manual_seed(23)  # itself asks CUDA for 23
    with seeded(5):
        pass

    assert len(asked) == 3
    assert asked[1] != 23
    assert asked[2] == 23


def test_running_cuda_generators_are_restored(monkeypatch):
    torch = pytest.importorskip("torch")
    restored = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: ["the state"])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.append)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: None)
    with seeded(5):
        pass

    assert restored == [["the state"]]


FRESH = """
    import sys
    from pytest_mlspec.training import Ensemble
    assert "torch" not in sys.modules, "seeding must not import torch"
    runs = []
    {function}
    first = [float(model(None)) for model in Ensemble.fit(function, 2, output="values")]
    counted = len(runs)
    again = [float(model(None)) for model in Ensemble.fit(function, 2, output="values")]
    assert first == again, (first, again)
    assert first[0] != first[1]
    print("fits", counted)
"""


@pytest.mark.parametrize(
    ("function", "n_fits"),
    [
        # The function's own code names torch: it is imported before, and each seed is fitted once.
        ("def function(seed):\n    import torch\n    runs.append(seed)\n    return lambda X, x=torch.rand(1): x", 2),
        # Hidden from its code: found afterwards, and the first fit is run again.
        ("def function(seed):\n    runs.append(seed)\n    return lambda X, x=__import__('torch').rand(1): x", 3),
    ],
)
def test_torch_imported_for_the_first_time_inside_a_fit_is_seeded_too(function, n_fits):
    pytest.importorskip("torch")
    code = textwrap.dedent(FRESH).replace("{function}", function)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["fits", str(n_fits)]


def test_seeds_are_numbers_of_members_or_lists():
    assert check_seeds(3) == (0, 1, 2)
    assert check_seeds(np.int64(2)) == (0, 1)
    assert check_seeds([7, 3]) == (7, 3)
    assert check_seeds(np.array([7, 3])) == (7, 3)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (0, "seeds=0: expected at least one member"),
        (-2, "seeds=-2: expected at least one member"),
        (True, "seeds=True: expected a number of members"),
        ("12", "seeds='12': expected a number of members"),
        (2.0, r"seeds=2\.0: expected a number of members"),
        (None, "seeds=None: expected a number of members"),
        ([], r"seeds=\[\]: expected at least one seed"),
        ([1, 1], r"seeds=\[1, 1\]: seed 1 comes more than once"),
        ([1, -1], r"seeds=\[1, -1\]: expected non-negative integers, got -1"),
        ([1, True], r"seeds=\[1, True\]: expected integers, got True"),
        ([1, 2.5], r"seeds=\[1, 2\.5\]: expected integers, got 2\.5"),
    ],
)
def test_wrong_seeds_are_named(seeds, message):
    with pytest.raises(ValueError, match=message):
        check_seeds(seeds)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed=-1: expected a non-negative integer"), seeded(-1):
        pass
