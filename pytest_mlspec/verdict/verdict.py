"""A verdict: the answer to one requirement with every number that decided it, and who hears of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_mlspec.running import RECORDER
from pytest_mlspec.verdict.outcomes import Outcome, Undecided
from pytest_mlspec.verdict.terms import Comparison, Members, Origin
from pytest_mlspec.verdict.wording import format_limit, format_percent, format_value

COMPARED = ("difference", "quotient", "seed_std_quotient")
"""Forms whose subject names the data on both sides."""
TRACKED, WAIVED = "tracked", "waived"
"""Standings of a verdict that is not met and lets its test pass."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """The answer to one requirement with every number that decided it, as builtin types.

    Its truth value is ``True`` (met), ``False`` (violated) or raises :class:`Undecided`.
    """

    outcome: Outcome
    origin: Origin = field(default_factory=Origin)
    subject: str
    comparison: Comparison
    threshold: float
    value: float
    low: float
    high: float
    confidence: float
    n: int
    unit: str
    method: str
    bound_class: str
    source: str
    metric: str = ""
    form: str = "level"
    settings: tuple[tuple[str, object], ...] = ()
    members: Members = "every"
    values: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    n_members: int = 1
    declared_members: int = 1
    model: str = ""
    dataset: str = ""
    slice: str = ""
    details: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    per_member: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """The metric of every member on every dataset that was compared, for figures."""
    duration: float = 0.0
    beside: tuple[Verdict, ...] = ()
    """Further claims of the same requirement: all of them must be met, and this one decided."""
    reads: tuple[Mapping[str, object], ...] = ()
    """The counted reads of test sets that it took, where reads are counted."""
    told: str = ""
    """What is said in place of scores that are not told."""
    standing: str = ""
    """The word it counts under where it is not met and lets its test pass all the same: ``tracked``, ``waived``."""
    remark: str = ""
    """Why it has that standing."""
    limit_words: str = ""
    """What the threshold is, where that is no number of a marker."""
    recalled: bool = False
    """Whether a baseline said all that it is about: it tells nothing about a model of this run."""
    level: float = math.nan
    """The error level that was asked, before claims, looks or the models of a test set divide it."""
    violated_at: float = math.nan
    """The smallest such level at which it would still be violated, where it is."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further fields of its record, of builtin types."""

    def __bool__(self) -> bool:
        __tracebackhide__ = True
        recorder = RECORDER.get()
        if recorder is not None:
            recorder.asked.update({id(verdict): verdict for verdict in (*self.beside, self)})
            recorder.last_asked = self
        if self.standing:
            return True
        if self.outcome is Outcome.UNDECIDED:
            if recorder is not None and recorder.configured().allow_undecided:
                return True
            raise Undecided("\n  ".join(self.lines()))
        return self.outcome is Outcome.MET

    def __repr__(self) -> str:
        return f"<Verdict {self.headline()}>"

    def claim(self) -> str:
        """The requirement in words: ``recall of malignant >= 0.95 on light=night``."""
        return f"{self.subject} {self.comparison} {self.limit_words or format_limit(self.threshold)}{self._place()}"

    def _place(self) -> str:
        """`` on light=night``; a part that is no test part is named, too: `` on street.fog``."""
        part = self.dataset.rpartition(".")[2] if "." in self.dataset else "test"
        named = self.dataset if part not in ("test", "validation") and self.form not in COMPARED else ""
        places = ", ".join(place for place in (named, self.slice) if place)
        return f" on {places}" if places else ""

    def headline(self) -> str:
        """Status first: ``VIOLATED FAIR-1: gap in recall by sex <= 0.10``."""
        name = f" {self.origin.id}:" if self.origin.id else ""
        return f"{(self.standing or self.outcome).upper()}{name} {self.claim()}"

    def measurement(self) -> str:
        """The value, its bounds, what they stand on and how they lie to the threshold."""
        if self.told:
            return self.told
        if self.form == "count":
            return f"measured {self.value:.0f} failing of {self.n} {self.unit}; nothing is inferred beyond them"
        bounds = (
            f"one-sided {format_percent(self.confidence)} bounds [{format_value(self.low)}, {format_value(self.high)}]"
        )
        size = f", n={self.n:,} {self.unit}" if self.n else ""
        return f"measured {format_value(self.value)}, {bounds}{size} ({self.method}){self._relation()}"

    def _relation(self) -> str:
        if self.limit_words:
            return ""
        limit = format_limit(self.threshold)
        if self.outcome is Outcome.UNDECIDED:
            known = abs(self.low) < float("inf") or abs(self.high) < float("inf")
            return f": {limit} lies inside" if known and self.low <= self.threshold <= self.high else ""
        above = (self.outcome is Outcome.MET) == (self.comparison == ">=")
        return f", all of it {'above' if above else 'below'} {limit}"

    def lines(self) -> list[str]:
        """The whole message, at most eight lines."""
        lines = [self.headline(), self.measurement(), *self.details]
        closing = [*([self.remark] if self.remark else []), *self.advice]
        if self.origin.because:
            closing.append(f"because: {self.origin.because}")
        return lines[: 8 - len(closing)] + closing

    def _levels(self) -> dict[str, object]:
        named = {"level": self.level, "violated_at": self.violated_at}
        return {name: level for name, level in named.items() if math.isfinite(level)}

    def record(self) -> dict[str, object]:
        """Every field as builtin types that cross JSON, JUnit and process borders."""
        return {
            "verdict": str(self.outcome),
            "id": self.origin.id,
            "kind": self.origin.kind,
            "claim": self.claim(),
            "because": self.origin.because,
            "tier": self.origin.tier,
            "metric": self.metric,
            "form": self.form,
            "settings": {name: _builtin(value) for name, value in self.settings},
            "subject": self.subject,
            "model": self.model,
            "dataset": self.dataset,
            "slice": self.slice,
            "comparison": self.comparison,
            "threshold": float(self.threshold),
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "confidence": self.confidence,
            "n": self.n,
            "unit": self.unit,
            "members": self.members,
            "n_members": self.n_members,
            "declared_members": self.declared_members,
            "values": list(self.values),
            "per_member": {title: list(values) for title, values in self.per_member.items()},
            "seeds": list(self.seeds),
            "method": self.method,
            "bound_class": self.bound_class,
            "source": self.source,
            "message": self.lines(),
            "fingerprints": dict(self.fingerprints),
            "duration": self.duration,
            "location": self.origin.location,
            "contract": self.origin.contract,
            "standing": self.standing,
            "reads": [dict(read) for read in self.reads],
            "told": self.told,
            "remark": self.remark,
            **self._levels(),
            **self.extra,
        }


def _builtin(setting: object) -> object:
    if getattr(setting, "ndim", None) == 0 and hasattr(setting, "item"):
        setting = setting.item()
    return setting if isinstance(setting, (str, int, float)) else str(setting)


def announce(verdict: Verdict) -> Verdict:
    """Tell the recorder of this context, where there is one, and hand the verdict on."""
    recorder = RECORDER.get()
    verdict = under_waiver(verdict)
    if recorder is not None:
        recorder.verdicts.append(verdict)
    return verdict


def under_waiver(verdict: Verdict) -> Verdict:
    """The verdict with what a waiver says of it, where it is not met; one that has expired is only told."""
    recorder = RECORDER.get()
    waiver = recorder.waivers.get(verdict.origin.contract) if recorder is not None else None
    if waiver is None or verdict.outcome is Outcome.MET or verdict.standing or waiver.words in verdict.advice:
        return verdict
    if waiver.live:
        return replace(verdict, standing=WAIVED, remark=f"{verdict.outcome}, {waiver.words}")
    return replace(verdict, advice=(*verdict.advice, waiver.words))


def explanation(op: str, left: object, right: object) -> list[str] | None:
    """The message of the violated comparison ``left op right`` of the running test, or ``None`` if it is not ours.

    An estimate is recognised by its kind of comparison, because this module knows nothing of metrics.
    """
    recorder = RECORDER.get()
    verdict = recorder.last_asked if recorder is not None else None
    if verdict is None or verdict.outcome is not Outcome.VIOLATED:
        return None
    if op not in (">=", "<=") or not any(hasattr(side, "seed_std") for side in (left, right)):
        return None
    return verdict.lines()
