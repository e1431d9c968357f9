"""Which models were judged on which test set: one small file, safe for many processes at once."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_mlspec.records.ledger_file import in_words, is_there, make_unless_there, opened, opened_for_looking

__all__ = ["Entry", "Ledger", "Read"]

_COLUMNS = "data, requirement, model, moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How often a test set has been read for a requirement.

    Args:
        place: the place of this model among the distinct ones, from 1 in the order of their first reads; it stays when
            others follow, so that judging the same model again gives the same verdict.
        n_models: distinct models so far, this one included.
        new: whether this model was read for the first time.
    """

    place: int
    n_models: int
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The first read of a test set by one model for one requirement; ``moment`` is UTC in ISO 8601."""

    data: str
    requirement: str
    model: str
    moment: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts the distinct models that were judged on a test set, requirement by requirement, across runs.

    Every model that is judged on the same test set is one more chance of a false *met*. With at most H models, a bound
    at a level of 0.05 / H for each keeps the chance that any of them is falsely met at 0.05 (Bonferroni), as long as
    nobody learns more of the test set than "not yet met". Where scores are told and acted on, that is not enough: see
    `Ladder`. The same model on the same data gives the same verdict, so judging it again is free.

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
        ...     ledger.read(data="d1", requirement="BRK-1", model="m1")
        ...     ledger.read(data="d1", requirement="BRK-1", model="m2").n_models
        Read(place=1, n_models=1, new=True)
        2
    """

    path: Path

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"expected the path of a file, got path={self.path!r}")
        object.__setattr__(self, "path", Path(self.path))

    def read(self, *, data: str, requirement: str, model: str) -> Read:
        """Record that a model is judged on a test set, and say how many have been so far.

        Args:
            data: fingerprint of the test set.
            requirement: id of the requirement.
            model: a token that is equal for equal models only.

        Returns:
            The place of the model and the number of models; both are on disk before they are returned.

        Raises:
            TypeError: a name is not a text.
            ValueError: a name is empty, or the file is no ledger or is damaged; it is left as it is.
            OSError: the file cannot be written, or is held by another process for a minute.
        """
        _check_names(data=data, requirement=requirement, model=model)
        key = (data, requirement)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with in_words(self.path):
            make_unless_there(self.path)
            with closing(opened(self.path)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                added = connection.execute(
                    f"INSERT INTO reads ({_COLUMNS}) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (data, requirement, model) DO NOTHING",
                    (*key, model, moment),
                ).rowcount
                place = connection.execute(
                    "SELECT count(*) FROM reads WHERE data = ? AND requirement = ? AND position <= "
                    "(SELECT position FROM reads WHERE data = ? AND requirement = ? AND model = ?)",
                    (*key, *key, model),
                ).fetchone()[0]
                n_models = connection.execute(
                    "SELECT count(*) FROM reads WHERE data = ? AND requirement = ?", key
                ).fetchone()[0]
                connection.execute("COMMIT")
        return Read(place=int(place), n_models=int(n_models), new=added == 1)

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

    def export(self) -> list[dict[str, str]]:
        """All entries, oldest first, as plain values: what JSON and CSV take.

        Returns:
            One dictionary per entry with the keys ``data``, ``requirement``, ``model``, ``moment``.

        Raises:
            ValueError: the file is no ledger or is damaged.
            OSError: the file cannot be read.
        """
        return [asdict(entry) for entry in _entries(self.path, "", ())]


def _entries(path: Path, where: str, values: tuple[str, ...]) -> tuple[Entry, ...]:
    with in_words(path):
        if not is_there(path):
            return ()
        with closing(opened_for_looking(path)) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM reads {where} ORDER BY position", values).fetchall()
    return tuple(Entry(data=row[0], requirement=row[1], model=row[2], moment=row[3]) for row in rows)


def _check_names(**names: str) -> None:
    for name, value in names.items():
        if not isinstance(value, str):
            raise TypeError(f"expected a text, got {name}={value!r}")
        if not value:
            raise ValueError(f"expected a name, got {name}='' (an empty one would count different things as one)")
