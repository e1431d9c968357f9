"""Texts: the changes by hand, their rates by theory, every form, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlspec.data import Dataset
from pytest_mlspec.perturbations import text
from pytest_mlspec.perturbations.text import TextChange

TEXTS = ["He said the car stopped.", "It did not stop at the light.", "NIGHT, and HE was late"]
LONG = ["the quick brown fox jumps over the lazy dog while someone watches from the old wooden bridge " * 20] * 5
LONG = [f"{words} {number}" for number, words in enumerate(LONG)]
FORMS: dict[str, Callable[[list[str]], Any]] = {
    "list": list,
    "tuple": tuple,
    "numpy": np.array,
    "object": lambda texts: np.array(texts, dtype=object),
    "pandas": lambda texts: pd.Series(texts, index=range(5, 5 + len(texts)), name="review"),
    "polars": lambda texts: pl.Series("review", texts),
}
CHANGES = [text.typos(5, seed=1), text.change_case("upper"), text.change_case("random"), text.swap_words({"he": "she"})]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_every_form_gives_the_same_texts_in_its_own_form(change: TextChange, form: str) -> None:
    X, untouched = FORMS[form](TEXTS), FORMS[form](TEXTS)

    changed = change(X)

    assert type(changed) is type(X)
    assert list(changed) == change(list(TEXTS))
    assert list(changed) != TEXTS
    assert list(X) == list(untouched)
    if isinstance(X, pd.Series):
        assert changed.index.equals(X.index)
        assert (changed.name, changed.dtype) == (X.name, X.dtype)
    if isinstance(X, np.ndarray):
        assert changed.shape == X.shape
        assert changed.dtype.kind == X.dtype.kind


def test_the_texts_may_stand_in_a_column_of_a_frame_or_an_array() -> None:
    frame = pd.DataFrame({"review": TEXTS, "stars": [1, 2, 3]})
    changed = text.change_case("lower", column="review")(frame)

    assert changed["review"].tolist() == [words.lower() for words in TEXTS]
    assert changed["stars"].tolist() == [1, 2, 3]
    assert text.change_case("lower", column="review").name == "lower case in review"
    assert text.change_case("lower", column=1)(np.array([["A", "B"]]))[0].tolist() == ["A", "b"]
    with pytest.raises(ValueError, match="got X with columns review, stars: say which holds the texts"):
        text.change_case("lower")(frame)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_equal_parameters_are_equal_and_survive_pickle(change: TextChange) -> None:
    again = pickle.loads(pickle.dumps(change))

    assert again == change
    assert again(TEXTS) == change(TEXTS)


@pytest.mark.parametrize("change", CHANGES[:3], ids=lambda change: change.name)
def test_what_happens_to_a_text_does_not_depend_on_its_neighbours(change: TextChange) -> None:
    data = Dataset(np.array(LONG), [0, 1, 0, 1, 0], columns={"part": ["a", "b", "b", "a", "b"]})

    assert data.where(part="b").perturb(change).X.tolist() == data.perturb(change).where(part="b").X.tolist()


# ---- typing errors -------------------------------------------------------------------------------------------------


def test_severity_0_is_the_identity() -> None:
    assert text.typos(0)(TEXTS) == TEXTS
    assert text.typos(0)(np.array(TEXTS)).tolist() == TEXTS


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_letters_are_mistyped_at_the_stated_rate(severity: int) -> None:
    # Every error kind on words of 40 different neighbours: count the words that changed, each with 5 letters. A word
    # stays as it is if no letter is struck: (1 - rate)^5.
    words = ["abcde"] * 4000
    texts = [f"{word}{'.' * number}" for number, word in enumerate(words[:400])]
    changed = text.typos(severity, seed=3)(texts)

    rate = text.TYPO_RATES[severity]
    expected = 1 - (1 - rate) ** 5
    share = np.mean([one != other for one, other in zip(texts, changed, strict=True)])
    assert share == pytest.approx(expected, abs=3 * np.sqrt(expected * (1 - expected) / 400))


def test_harm_grows_with_severity() -> None:
    def letters_off(severity: int) -> int:
        changed = text.typos(severity, seed=2)(LONG)
        return sum(a != b for one, other in zip(LONG, changed, strict=True) for a, b in zip(one.split(), other.split()))  # noqa: B905

    harms = [letters_off(severity) for severity in range(6)]
    assert harms[0] == 0
    assert harms == sorted(set(harms))


@pytest.mark.parametrize(
    ("kind", "expected"), [(0, "hte"), (1, "he"), (3, "tthe")], ids=["swapped", "dropped", "doubled"]
)
def test_the_kinds_of_error_by_hand(kind: int, expected: str) -> None:
    letters = list("the")
    used = text._mistype(letters, "the", 0, kind, 0.0)

    assert "".join(letters) == expected
    assert used == (1 if kind == 0 else 0)


def test_a_mistaken_letter_lies_beside_the_meant_one_and_keeps_its_case() -> None:
    assert set(text.KEYS_BESIDE["g"]) == set("fhtyvb")
    assert set(text.KEYS_BESIDE["q"]) == set("wa")
    assert all(key in text.KEYS_BESIDE[other] for key, others in text.KEYS_BESIDE.items() for other in others)
    letters = list("Go")
    text._mistype(letters, "Go", 0, 2, 0.99)
    assert letters[0] in "FHTYVB"


@given(st.lists(st.text(), min_size=1, max_size=5), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_mistyped_and_the_same_seed_does_the_same(texts: list[str], severity: int, seed: int) -> None:
    rewrite = text.typos(severity, seed=seed).rewrite
    changed = [rewrite(words) for words in texts]

    assert changed == [text.typos(severity, seed=seed).rewrite(words) for words in texts]
    others = [[letter for letter in words if not letter.isalpha()] for words in texts]
    assert [[letter for letter in words if not letter.isalpha()] for words in changed] == others


def test_another_seed_makes_other_errors() -> None:
    assert text.typos(3, seed=0)(LONG) != text.typos(3, seed=1)(LONG)


# ---- case ----------------------------------------------------------------------------------------------------------


def test_random_case_is_upper_for_half_the_letters_and_the_same_word() -> None:
    (changed,) = text.change_case("random", seed=4)([LONG[0]])

    letters = [letter for letter in changed if letter.isalpha()]
    upper = sum(letter.isupper() for letter in letters) / len(letters)
    assert changed.lower() == LONG[0].lower()
    assert upper == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(len(letters)))


# ---- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("he and she", "she and he"),
        ("He left. SHE stayed.", "She left. HE stayed."),
        ("the theory of her", "the theory of her"),
        ("he's late, she'll wait", "she's late, he'll wait"),
        ("(he)", "(she)"),
        ("he_2 hé", "he_2 hé"),
    ],
)
def test_whole_words_change_and_keep_their_case(given_text: str, expected: str) -> None:
    assert text.swap_words({"he": "she"}).rewrite(given_text) == expected


def test_several_pairs_are_swapped_at_once_and_not_one_after_the_other() -> None:
    change = text.swap_words([("north", "south"), ("east", "west"), ("New York", "Los Angeles")])

    assert change(["north east of New York"]) == ["south west of Los Angeles"]
    assert change(["new york, LOS ANGELES"]) == ["los angeles, NEW YORK"]
    assert change.name == "swap north/south, east/west, New York/Los Angeles"


def test_one_direction_only() -> None:
    change = text.swap_words({"his": "her", "him": "her"}, both_directions=False)

    assert change(["his car and her car for him"]) == ["her car and her car for her"]
    assert change.name == "swap his to her, him to her"


def test_a_pair_may_come_as_one_tuple() -> None:
    assert text.swap_words(("he", "she"))(["he"]) == ["she"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"his": "her", "him": "her"}, "'her' would become 'him' and 'his'"),
        ({}, "at least one pair"),
        ("he", "pairs of words such as"),
        ([("he", "she", "it")], r"pairs of two words; got \('he', 'she', 'it'\)"),
        ({"he": 1}, r"pairs of two words; got \('he', 1\)"),
        ({"he": " she"}, "pairs of two words"),
        ({"he": "He"}, "two different words"),
    ],
)
def test_faulty_pairs_are_named(words: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        text.swap_words(words)


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [text.swap_words({"doctor": "nurse"}), text.change_case("lower"), text.typos(1)],
    ids=lambda change: change.name,
)
def test_a_change_that_changes_nothing_is_an_error(change: TextChange) -> None:
    with pytest.raises(ValueError, match="it changed nothing in 2 rows, such as"):
        change(np.array(["123", "4"]))


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (["a", None], "expected text in every row for upper case; got None in row 1"),
        (np.array([1.0, 2.0]), "got 1.0 in row 0"),
        (pd.Series(["a", None]), "in row 1"),
        (torch.ones(2), "got 1.0 in row 0"),
    ],
)
def test_what_is_no_text_is_named(X: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        text.change_case("upper")(X)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: text.typos(6), r"a severity of 0 \(no change\) to 5, a whole number; got severity=6"),
        (lambda: text.typos(1, seed=-1), "a seed of 0, 1, 2, ...; got seed=-1"),
        (lambda: text.typos(1, seed=None), "got seed=None"),
        (lambda: text.change_case("random", seed=None), "got seed=None"),
        (lambda: text.typos(1.0), "got severity=1.0"),
        (lambda: text.typos(np.array([1, 2])), r"got severity=array\(\[1, 2\]\)"),
        (lambda: text.change_case("title"), "got case='title'"),
        (lambda: text.change_case("upper", column=["a", "b"]), "expected one column"),
        (lambda: text.change_case("upper")(np.array([], dtype=str)), "at least one row"),
        (lambda: text.change_case("upper", column="reviews")(pd.DataFrame({"review": ["a"]})), "did you mean 'review'"),
    ],
)
def test_faulty_arguments_are_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_words_whose_case_has_no_lower_counterpart_are_found() -> None:
    """The small form of the Turkish capital I is two characters, and two letters match it."""
    swap = text.swap_words({"İstanbul": "Ankara", "Izmir": "Bursa"}, both_directions=False)

    assert swap(["from İstanbul", "from istanbul", "from ıstanbul", "to Izmir"]) == [
        "from Ankara",
        "from ankara",
        "from ankara",
        "to Bursa",
    ]
