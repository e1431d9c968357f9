"""Which models were judged on which test set: one small file, safe for many processes at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_mlspec.records.ladder import Ladder
from pytest_mlspec.records.ledger_file import (
    in_words,
    is_there,
    make_unless_there,
    opened,
    opened_for_looking,
    require_writable,
)

__all__ = ["Entry", "Ledger", "Read"]

_COLUMNS = "data, requirement, model, moment, share, budget, name"
_NOTHING_LEFT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How often a test set has been read for a requirement.

    Args:
        place: the place of this model among the distinct ones, from 1 in the order of their first reads; it stays when
            others follow, so that judging the same model again gives the same verdict.
        n_models: distinct models so far, this one included.
        new: whether this model was read for the first time.
        share: the part of the requirement's error level that this model is judged with, settled at its first read; 0
            where nothing was left of it, None for a read without a budget.
        budget: the budget at the first read; None for a read without one.
    """

    place: int
    n_models: int
    new: bool
    share: float | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The first read of a test set by one model for one requirement.

    Args:
        data, requirement, model: what was read, what for and by whom.
        moment: UTC in ISO 8601.
        share, budget: the part of the error level that the model got, and the budget at that time.
        name: what people called the test set at that time.
    """

    data: str
    requirement: str
    model: str
    moment: str
    share: float | None
    budget: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts the distinct models that were judged on a test set, requirement by requirement, across runs.

    Every model that is judged on the same test set is one more chance of a false *met*. With at most H models, a bound
    at a level of 0.05 / H for each keeps the chance that any of them is falsely met at 0.05 (Bonferroni), as long as
    nobody learns more of the test set than "not yet met". Where scores are told and acted on, that is not enough: see
    `Ladder`. The same model on the same data gives the same verdict, so judging it again is free.

    The share of the level that a model gets is settled at its first read and kept: (1 - shares given) / (budget -
    models), which is 1 / budget while the budget stays. With another budget later on the models to come divide what is
    left, so that all shares add up to 1 at most, whatever became of the budget; once they do, a larger one is no help.

    The file is a SQLite database with a write-ahead log, which needs a local file system; making it needs hard links.
    It is made, with its folder, by the first ``read``; nothing else writes. A process that is killed loses no read that
    was returned. A connection lives for one call, so that forked processes and threads may use one ledger.

    Args:
        path: the file.

    Raises:
        TypeError: the path is not a path.

    Source:
        Renggli et al. 2019, "Continuous integration of machine learning models with ease.ml/ci", MLSys: the budget.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     ledger = Ledger(Path(folder, "ledger.sqlite"))
        ...     ledger.read(data="d1", requirement="BRK-1", model="m1", budget=20)
        ...     ledger.read(data="d1", requirement="BRK-1", model="m2").n_models
        Read(place=1, n_models=1, new=True, share=0.05, budget=20)
        2
    """

    path: Path

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"expected the path of a file, got path={self.path!r}")
        object.__setattr__(self, "path", Path(self.path))

    def read(self, *, data: str, requirement: str, model: str, budget: int | None = None, name: str = "") -> Read:
        """Record that a model is judged on a test set, and say how many have been so far.

        Args:
            data: fingerprint of the test set.
            requirement: id of the requirement.
            model: a token that is equal for equal models only.
            budget: how many models may be judged on the test set for the requirement; None: any number, no share.
            name: what people call the test set.

        Returns:
            The place of the model and the number of models; both are on disk before they are returned.

        Raises:
            TypeError: a name is not a text, the budget no whole number.
            ValueError: a name is empty, the budget below 1, or the file no ledger or damaged; it is left as it is.
            OSError: the file cannot be written, or is held by another process for a minute.
        """
        _check_names(data=data, requirement=requirement, model=model)
        _check_budget(budget)
        key = (data, requirement)
        with self._writing() as connection:
            known = _known(connection, key, model)
            if known is None:
                share = None if budget is None else _share(connection, key, budget)
                connection.execute(
                    f"INSERT INTO reads ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*key, model, datetime.now(UTC).isoformat(timespec="seconds"), share, budget, name),
                )
            row = _known(connection, key, model)
            assert row is not None
            place = _count(connection, f"{_OF_KEY} AND position <= ?", (*key, row[0]))
            n_models = _count(connection, _OF_KEY, key)
        return Read(place=place, n_models=n_models, new=known is None, share=row[1], budget=row[2])

    def release(
        self, *, data: str, requirement: str, score: float, step: float, greater_is_better: bool = True
    ) -> float:
        """Let a ladder decide what may be told of a score, and keep it for the next.

        Args:
            data, requirement: what the score is of.
            score: a mean of values in [0, 1].
            step, greater_is_better: as `Ladder` takes them.

        Returns:
            The best score that has been told: all that may be.

        Raises:
            TypeError, ValueError: as `Ladder` and ``read`` say.
            OSError: the file cannot be written.
        """
        _check_names(data=data, requirement=requirement)
        ladder = Ladder(step, greater_is_better=greater_is_better)
        ladder.climb(score)  # refused before the file is touched
        key = (data, requirement)
        with self._writing() as connection:
            row = connection.execute(f"SELECT score FROM released {_OF_KEY}", key).fetchone()
            shown = Ladder(step, greater_is_better=greater_is_better, shown=row[0] if row else None).climb(score).shown
            assert shown is not None
            if row is None or row[0] != shown:
                connection.execute("INSERT OR REPLACE INTO released VALUES (?, ?, ?)", (*key, shown))
        return shown

    def released(self, *, data: str, requirement: str) -> float | None:
        """The score that was told last; None before the first.

        Raises:
            TypeError, ValueError, OSError: as for ``history``.
        """
        _check_names(data=data, requirement=requirement)
        with in_words(self.path):
            if not is_there(self.path):
                return None
            with closing(opened_for_looking(self.path)) as connection:
                row = connection.execute(f"SELECT score FROM released {_OF_KEY}", (data, requirement)).fetchone()
        return float(row[0]) if row else None

    def check(self) -> None:
        """Find out, without writing, whether reads can be recorded.

        Raises:
            ValueError: the file is no ledger or is damaged.
            OSError: it cannot be written, or not be made.
        """
        with in_words(self.path):
            require_writable(self.path)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of its own, on disk when it ends."""
        with in_words(self.path):
            make_unless_there(self.path)
            with closing(opened(self.path)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")

    def history(self, data: str) -> tuple[Entry, ...]:
        """The first reads of a test set, by every model and for every requirement, oldest first.

        Args:
            data: fingerprint of the test set.

        Returns:
            The entries; none where the test set was never read, or where there is no file yet (none is made).

        Raises:
            TypeError: the fingerprint is not a text.
            ValueError: the fingerprint is empty, or the file is no ledger or is damaged.
            OSError: the file cannot be read.
        """
        _check_names(data=data)
        return _entries(self.path, "WHERE data = ?", (data,))

    def export(self) -> list[dict[str, str | float | None]]:
        """All entries, oldest first, as plain values: what JSON and CSV take.

        Returns:
            One dictionary per entry with the fields of `Entry` as its keys.

        Raises:
            ValueError: the file is no ledger or is damaged.
            OSError: the file cannot be read.
        """
        return [asdict(entry) for entry in _entries(self.path, "", ())]


_OF_KEY = "WHERE data = ? AND requirement = ?"


def _known(
    connection: sqlite3.Connection, key: tuple[str, str], model: str
) -> tuple[int, float | None, int | None] | None:
    """Position, share and budget of a model that was read before."""
    found = connection.execute(
        f"SELECT position, share, budget FROM reads {_OF_KEY} AND model = ?", (*key, model)
    ).fetchone()
    return None if found is None else (int(found[0]), found[1], found[2])


def _count(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> int:
    return int(connection.execute(f"SELECT count(*) FROM reads {where}", values).fetchone()[0])


def _share(connection: sqlite3.Connection, key: tuple[str, str], budget: int) -> float:
    """What one more model gets of the error level: an equal part of what is left, nothing past the budget."""
    n_models = _count(connection, _OF_KEY, key)
    given = float(connection.execute(f"SELECT total(share) FROM reads {_OF_KEY}", key).fetchone()[0])
    left = 1.0 - given
    return left / (budget - n_models) if n_models < budget and left > _NOTHING_LEFT else 0.0


def _entries(path: Path, where: str, values: tuple[str, ...]) -> tuple[Entry, ...]:
    with in_words(path):
        if not is_there(path):
            return ()
        with closing(opened_for_looking(path)) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM reads {where} ORDER BY position", values).fetchall()
    names = _COLUMNS.split(", ")
    return tuple(Entry(**dict(zip(names, row, strict=True))) for row in rows)


def _check_budget(budget: int | None) -> None:
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int)):
        raise TypeError(f"expected budget as a whole number of models, got budget={budget!r}")
    if budget is not None and budget < 1:
        raise ValueError(f"expected a budget of 1 model or more, got budget={budget}")


def _check_names(**names: str) -> None:
    for name, value in names.items():
        if not isinstance(value, str):
            raise TypeError(f"expected a text, got {name}={value!r}")
        if not value:
            raise ValueError(f"expected a name, got {name}='' (an empty one would count different things as one)")
