"""Perturbations of texts: typing errors, case and swapped words, in an array, a list, a series or a column of a frame.

What happens to a text depends on the text and the seed alone, never on its neighbours: a slice of perturbed data is the
perturbed slice, and rows stay as independent as they were.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pytest_mlspec.data.forms import Features, as_features, copied, is_frame
from pytest_mlspec.perturbations.columns import Column, as_columns, label, names_of, read, require_rows
from pytest_mlspec.perturbations.columns import require_known as require_known_columns
from pytest_mlspec.perturbations.severity import checked_seed, checked_severity
from pytest_mlspec.perturbations.writing import replaced

TYPO_RATES = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)
"""The probability by severity that a letter is mistyped."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """The letters beside each one on a QWERTY keyboard, whose rows are shifted by about half a key."""
    near: dict[str, str] = {}
    for row, keys in enumerate(_ROWS):
        for place, key in enumerate(keys):
            beside = [(row, place - 1), (row, place + 1), (row - 1, place), (row - 1, place + 1)]
            beside += [(row + 1, place - 1), (row + 1, place)]
            near[key] = "".join(_ROWS[r][p] for r, p in beside if 0 <= r < len(_ROWS) and 0 <= p < len(_ROWS[r]))
    return near


KEYS_BESIDE = _neighbours()
"""Lower-case letter -> the letters beside it on a QWERTY keyboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """A function from texts to changed texts in the same form; it is an error if not one text changes.

    ``columns`` names the column of a frame or array that holds the texts, and is ``None`` where that is all of X.
    """

    name: str
    rewrite: Callable[[str], str]
    columns: tuple[Column, ...] | None = None
    severity: int | None = None
    seed: int | None = None

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, X: Features) -> Features:
        """The changed texts; ``X`` stays as it is."""
        if isinstance(X, list | tuple) and self.columns is None:
            return type(X)(self._rewritten(list(X)))
        features = as_features(X)
        require_rows(features)
        column = self._column(features)
        values = read(features, column)
        fresh = np.empty(len(values), dtype=object)
        fresh[:] = self._rewritten(values.tolist())
        return copied(features) if self.severity == 0 else replaced(features, {column: fresh})

    def _column(self, X: Features) -> Column:
        if self.columns is not None:
            return require_known_columns(X, self.columns)[0]
        known = names_of(X)
        if len(known) != 1:
            what = f"columns {', '.join(map(str, known))}" if is_frame(X) else f"{len(known)} columns"
            raise ValueError(f"expected one text per example; got X with {what}: say which holds the texts, column=...")
        return known[0]

    def _rewritten(self, texts: list[object]) -> list[str]:
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"expected text in every row for {self.name}; got {text!r} in row {row}")
        changed = [self.rewrite(text) for text in texts if isinstance(text, str)]
        if changed == texts and self.severity != 0:
            raise ValueError(
                f"expected {self.name} to change a text; it changed nothing in {len(texts)} rows, such as {texts[:1]}"
            )
        return changed


def _text_change(
    name: str,
    rewrite: Callable[[str], str],
    column: str | int | None,
    seed: int | None = None,
    severity: int | None = None,
) -> TextChange:
    columns = None if column is None else as_columns(column)
    if columns is not None and len(columns) != 1:
        raise ValueError(f"expected one column; got column={column!r}")
    name = name if columns is None else f"{name} in {label(columns)}"
    return TextChange(name=name, rewrite=rewrite, columns=columns, severity=severity, seed=seed)


def _random_of(text: str, seed: int) -> np.random.Generator:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int.from_bytes(digest, "big"),)))


# ---- typing errors -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Typos:
    """Mistypes letters: swapped with the next, dropped, doubled, or the key beside it."""

    rate: float
    seed: int

    def __call__(self, text: str) -> str:
        """The text with typing errors."""
        random = _random_of(text, self.seed)
        struck = random.random(len(text)) < self.rate
        kinds, picks = random.integers(4, size=len(text)), random.random(len(text))
        letters, place = list(text), 0
        while place < len(text):
            if struck[place] and text[place].isalpha():
                place += _mistype(letters, text, place, int(kinds[place]), float(picks[place]))
            place += 1
        return "".join(letters)


def _mistype(letters: list[str], text: str, place: int, kind: int, pick: float) -> int:
    """Mistype one letter in ``letters``; how many letters after it are used up."""
    letter = text[place]
    if kind == 0 and place + 1 < len(text) and text[place + 1].isalpha() and text[place + 1] != letter:
        letters[place : place + 2] = [text[place + 1], letter]
        return 1
    beside = KEYS_BESIDE.get(letter.lower(), "")
    if kind == 1:
        letters[place] = ""
    elif kind == 2 and beside:
        key = beside[int(pick * len(beside))]
        letters[place] = key.upper() if letter.isupper() else key
    else:
        letters[place] = letter * 2
    return 0


def typos(severity: int, *, seed: int = 0, column: str | int | None = None) -> TextChange:
    """Typing errors: each letter with the same probability is swapped with the next, dropped, doubled or mistaken.

    Mistaken letters are those beside the meant one on a QWERTY keyboard. Letters that cannot be swapped (at the end of
    a word, before an equal one) or have no known neighbour are doubled instead. The same seed at a higher severity
    makes the same errors and more, save where two of them would touch.

    Args:
        severity: 0 (nothing) to 5: ``TYPO_RATES`` per letter.
        seed: of the draws; each text has a stream of its own, made from the seed and the text.
        column: of a frame or array that holds the texts; by default X is one text per example.

    Raises:
        ValueError: a severity or seed out of range. At the call: an entry that is no text, or no text changed.

    Source:
        The four errors are those of Damerau 1964, Commun. ACM 7:171, with insertion as a doubled letter.

    Example:
        >>> typos(5, seed=1)(["the car stopped at the light"])
        ['tje dar stoppe at the liht']
    """
    severity, seed = checked_severity(severity), checked_seed(seed)
    rewrite = Typos(rate=TYPO_RATES[severity], seed=seed)
    return _text_change(f"typos, severity {severity}", rewrite, column, seed, severity)


# ---- case ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cased:
    """Writes letters in upper case, in lower case, or each in either at random."""

    case: str
    seed: int

    def __call__(self, text: str) -> str:
        """The text in another case."""
        if self.case != "random":
            return text.upper() if self.case == "upper" else text.lower()
        upper = _random_of(text, self.seed).random(len(text)) < 0.5
        return "".join(letter.upper() if up else letter.lower() for letter, up in zip(text, upper, strict=True))


def change_case(
    case: Literal["upper", "lower", "random"], *, seed: int = 0, column: str | int | None = None
) -> TextChange:
    """The same words in another case.

    Args:
        case: ``"upper"``, ``"lower"``, or ``"random"`` (each letter upper or lower with probability one half).
        seed: of the draws of ``"random"``; each text has a stream of its own, made from the seed and the text.
        column: of a frame or array that holds the texts; by default X is one text per example.

    Raises:
        ValueError: another case, a seed out of range. At the call: an entry that is no text, or no text changed.

    Example:
        >>> change_case("upper")(["Stop here"])
        ['STOP HERE']
    """
    if case not in ("upper", "lower", "random"):
        raise ValueError(f'expected case as "upper", "lower" or "random"; got case={case!r}')
    seed = checked_seed(seed)
    return _text_change(f"{case} case", Cased(case=case, seed=seed), column, seed if case == "random" else None)


# ---- words ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedWords:
    """Replaces whole words, each in the case in which it was found."""

    words: tuple[tuple[str, str], ...]

    def __call__(self, text: str) -> str:
        """The text with other words."""
        longest_first = sorted(self.words, key=lambda pair: len(pair[0]), reverse=True)
        # A group for each word: re takes more letters for the same in another case than str.lower does (the Turkish I).
        either = "|".join(f"({re.escape(old)})" for old, _ in longest_first)

        def other(match: re.Match[str]) -> str:
            return _in_case(match[0], *longest_first[(match.lastindex or 1) - 1])

        return re.sub(rf"(?<!\w)(?:{either})(?!\w)", other, text, flags=re.IGNORECASE)


def _in_case(found: str, old: str, new: str) -> str:
    """The new word, written as the old one was found: as given, in capitals, capitalised, or small."""
    if found == old:
        return new
    if found.isupper() and len(found) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if found[:1].isupper() else new.lower()


def swap_words(
    words: Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    both_directions: bool = True,
    column: str | int | None = None,
) -> TextChange:
    """Exchanges whole words, such as he and she, and keeps their case: a contrastive edit of a text.

    Args:
        words: pairs of words (or of phrases), as a mapping or as tuples.
        both_directions: whether the second word of a pair becomes the first, too. English needs care: ``her`` is both
            him and his, and a word that would become two others is an error; ``both_directions=False`` with
            ``{"his": "her", "him": "her"}`` is one way out.
        column: of a frame or array that holds the texts; by default X is one text per example.

    Raises:
        TypeError, ValueError: no pair, a pair that is no two words, a word with two meanings. At the call: an entry
            that is no text, or no word found in any text.

    Example:
        >>> swap_words({"he": "she"})(["He said she would; HE's here."])
        ["She said he would; SHE's here."]
    """
    pairs = _pairs(words)
    chosen = dict.fromkeys(pairs)
    if both_directions:
        chosen |= dict.fromkeys((new, old) for old, new in pairs)
    meanings: dict[str, set[str]] = {}
    for old, new in chosen:
        meanings.setdefault(old.lower(), set()).add(new)
    for old, news in meanings.items():
        if len(news) > 1:
            raise ValueError(
                f"expected one word for each; {old!r} would become {' and '.join(map(repr, sorted(news)))}: leave one "
                "out, or give one direction with both_directions=False"
            )
    sign = "/" if both_directions else " to "
    listed = ", ".join(f"{old}{sign}{new}" for old, new in pairs[:3])
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
    return _text_change(f"swap {listed}{more}", SwappedWords(words=tuple(chosen)), column)


def _pairs(words: object) -> list[tuple[str, str]]:
    if isinstance(words, str) or not isinstance(words, Mapping | Iterable):
        raise TypeError(f'expected pairs of words such as {{"he": "she"}}; got words={words!r}')
    entries = list(words.items()) if isinstance(words, Mapping) else list(words)
    if entries and all(isinstance(entry, str) for entry in entries) and len(entries) == 2:
        entries = [tuple(entries)]  # one pair, not yet in a list
    pairs: list[tuple[str, str]] = []
    for entry in entries:
        pair = tuple(entry) if isinstance(entry, tuple | list) else ()
        if len(pair) != 2 or not all(isinstance(word, str) and word.strip() == word and word for word in pair):
            raise ValueError(f"expected pairs of two words; got {entry!r}")
        if pair[0].lower() == pair[1].lower():
            raise ValueError(f"expected two different words; got {entry!r}")
        pairs.append((pair[0], pair[1]))
    if not pairs:
        raise ValueError(f"expected at least one pair of words; got words={words!r}")
    return pairs
