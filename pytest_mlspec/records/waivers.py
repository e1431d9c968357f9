"""Waivers: requirements that may be missed for a while, each with a reason, an owner and an expiry, in one file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from pytest_mlspec.requirements.catalogue import CATALOGUE

REQUIRED = ("requirement", "reason", "owner", "expires")
KEYS = (*REQUIRED, "kind")
LONGEST = timedelta(days=366)
"""How far ahead a waiver may expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One requirement that may be violated or undecided until a day, that day included.

    ``requirement`` is the id of a contract, or the node id of a test (without its parameters: of all of them);
    ``kind`` narrows it to contracts of one kind where it is not empty.
    """

    requirement: str
    reason: str
    owner: str
    expires: date
    kind: str = ""

    def covers(self, nodeid: str, contract_id: str, kind: str) -> bool:
        """Whether it is about the contract of this id and kind of the test of this node id."""
        if self.kind and self.kind != kind:
            return False
        names_it = bool(contract_id) and self.requirement == contract_id
        return names_it or self.requirement in (nodeid, nodeid.partition("[")[0])

    def __str__(self) -> str:
        return f"{self.requirement} ({self.kind})" if self.kind else self.requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a waiver says on one day."""

    waiver: Waiver
    today: date
    place: str
    """The name of its file."""

    @property
    def live(self) -> bool:
        """Whether it has not expired yet."""
        return self.today <= self.waiver.expires

    @property
    def words(self) -> str:
        """``waived until 2027-01-31 by Ada Lovelace: reason``, or when it expired."""
        waiver = self.waiver
        if self.live:
            return f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"
        return f"the waiver of {waiver.owner} expired on {waiver.expires} ({self.place}): {waiver.reason}"

    @property
    def needless(self) -> str:
        """What to say where the requirement is met."""
        named = "" if "[" in self.waiver.requirement else ", or name the tests that still need it by their node ids"
        words = f"remove the waiver of {self.waiver.owner} from {self.place}{named}"
        return f"STALE WAIVER {self.waiver} is missed no longer: {words}"


def read_waivers(path: Path, today: date) -> tuple[Waiver, ...]:
    """The waivers of a file, expired ones included.

    Raises:
        ValueError: everything that is wrong with the file, one line each.
        OSError: the file cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> text = '''
        ... [[waiver]]
        ... requirement = "FAIR-1"
        ... reason = "the rebalanced sample arrives in January"
        ... owner = "Ada Lovelace"
        ... expires = 2027-01-31
        ... '''
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "mlspec-waivers.toml").write_text(text)
        ...     read_waivers(Path(folder) / "mlspec-waivers.toml", date(2026, 12, 1))[0].expires
        datetime.date(2027, 1, 31)
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no TOML: {error}") from None
    entries = document.pop("waiver", [])
    faults = [f"{path.name}: unknown key {name!r}, expected [[waiver]] tables only" for name in document]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        faults.append(f"{path.name}: waiver is a list of tables: write [[waiver]], with two brackets")
        entries = []
    waivers: list[Waiver] = []
    for place, entry in enumerate(entries, start=1):
        found = _faults(entry, today)
        faults.extend(f"{path.name}, waiver {place} ({entry.get('requirement', '?')}): {fault}" for fault in found)
        if not found:
            waivers.append(Waiver(**entry))
    faults.extend(f"{path.name}: {fault}" for fault in _duplicates(waivers))
    if faults:
        raise ValueError("\n".join(faults))
    return tuple(waivers)


def _faults(entry: Mapping[str, object], today: date) -> list[str]:
    faults = []
    for name in entry:
        if name not in KEYS:
            near = get_close_matches(name, KEYS, n=1, cutoff=0.5)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            faults.append(f"unknown key {name!r}{guess} (it takes {', '.join(KEYS)})")
    faults.extend(f"{name} is missing" for name in REQUIRED if name not in entry)
    for name in ("requirement", "reason", "owner", "kind"):
        value = entry.get(name, "given")
        if not isinstance(value, str) or not value.strip():
            faults.append(f"{name}={value!r}: expected a non-empty string")
    kind = entry.get("kind")
    if isinstance(kind, str) and kind.strip() and kind not in CATALOGUE:
        near = get_close_matches(kind, list(CATALOGUE), n=1)
        faults.append(f"kind={kind!r}: unknown" + (f"; did you mean {near[0]!r}?" if near else ""))
    return [*faults, *_faults_of_expiry(entry["expires"], today)] if "expires" in entry else faults


def _faults_of_expiry(expires: object, today: date) -> list[str]:
    if isinstance(expires, datetime) or not isinstance(expires, date):
        return [f"expires={expires!r}: expected a TOML date without quotes or time, such as 2027-01-31"]
    if expires - today > LONGEST:
        return [f"expires={expires}: more than a year ahead of {today}; renew a waiver, do not make it for ever"]
    return []


def _duplicates(waivers: Iterable[Waiver]) -> list[str]:
    """Two waivers of one requirement: the later one would silently outlive the earlier."""
    seen: dict[str, list[str]] = {}
    for waiver in waivers:
        seen.setdefault(waiver.requirement, []).append(waiver.kind)
    return [
        f"{requirement} is waived {len(kinds)} times"
        for requirement, kinds in seen.items()
        if len(kinds) > len(set(kinds)) or (len(kinds) > 1 and "" in kinds)
    ]
