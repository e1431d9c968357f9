"""What a kind of requirement consists of: limits, parameters, and how it recognises its estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_mlspec.requirements.contract import Contract, Measured
from pytest_mlspec.verdict import Comparison, Verdict

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.metrics.judging.judge import Claim

Check = Callable[[object], str]
"""Says what is wrong with a value, in words that follow ``name=value``; empty where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A keyword of a marker that carries the threshold."""

    name: str
    comparison: Comparison
    check: Check
    metrics: tuple[str, ...] = ()
    """The only metrics that this limit can bound; empty where any will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A keyword of a marker that is no limit."""

    name: str
    check: Check
    required: bool = False
    missing: str = ""
    """What to say when a required one is missing, after ``name= is missing``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of requirement: a marker name, its keywords, and the estimates that it judges."""

    name: str
    limits: tuple[Limit, ...]
    parameters: tuple[Parameter, ...]
    mismatch: Callable[[Contract, Measured], str]
    """Why an estimate is not the one that a contract asks for; empty where it is."""
    hint: Callable[[dict[str, object]], str] = lambda arguments: ""
    """An answer to a common mistake, asked when no limit was given."""
    claims: Callable[[Contract, Estimate], list[Claim]] | None = None
    """Everything that a requirement of this kind asks, where that is more than its one limit."""
    oriented: Callable[[Contract, Estimate], tuple[Comparison, float]] | None = None
    """The comparison and the limit for an estimate, where they follow the direction of its metric."""
    gate: bool = True
    """Whether it needs nothing but the checkout, so that it belongs to the gate of ``-m satisficing``."""
    judge: Callable[[Contract, Estimate, Comparison], Verdict] | None = None
    """How a kind judges whose limit is no number of the marker; it checks the comparison itself."""
    notes: Callable[[Contract, Estimate], tuple[str, ...]] | None = None
    """What the message says besides the numbers, such as how many rows were changed."""

    @property
    def keywords(self) -> tuple[Limit | Parameter, ...]:
        """Everything that the marker takes, limits first."""
        return (*self.limits, *self.parameters)


def is_number(value: object) -> bool:
    """A real number, not a truth value; NumPy scalars count."""
    return hasattr(value, "__float__") and not hasattr(value, "__len__") and not isinstance(value, bool)


def finite_number(value: object) -> str:
    """Any finite number."""
    if not is_number(value) or not abs(float(value)) < float("inf"):  # type: ignore[arg-type]
        return "expected a finite number"
    return ""


def fraction(value: object) -> str:
    """A number from 0 to 1: rates are fractions, never percent."""
    if not is_number(value):
        return "expected a fraction in [0, 1]"
    if not 0 <= float(value) <= 1:  # type: ignore[arg-type]
        percent = f"; did you mean {float(value) / 100:g}?" if 1 < float(value) <= 100 else ""  # type: ignore[arg-type]
        return f"expected a fraction in [0, 1], never percent{percent}"
    return ""


def non_negative(value: object) -> str:
    """A finite number that is not negative."""
    return finite_number(value) or ("" if float(value) >= 0 else "expected a number that is not negative")  # type: ignore[arg-type]


def positive(value: object) -> str:
    """A finite number above zero."""
    return finite_number(value) or ("" if float(value) > 0 else "expected a number above 0")  # type: ignore[arg-type]


def count(value: object) -> str:
    """A whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return "expected a whole number, 0 or more"
    return ""


def text(value: object) -> str:
    """A string that says something."""
    return "" if isinstance(value, str) and value.strip() else "expected a non-empty string"


def confidence(value: object) -> str:
    """A confidence: at least a half, below one."""
    if not is_number(value) or not 0.5 <= float(value) < 1:  # type: ignore[arg-type]
        return "expected a confidence in [0.5, 1), such as 0.95"
    return ""


def members(value: object) -> str:
    """``every``, ``mean`` or a share of retrainings."""
    if isinstance(value, str) and value in ("every", "mean"):
        return ""
    if is_number(value) and 0 < float(value) < 1:  # type: ignore[arg-type]
        return ""
    return 'expected "every", "mean" or a share of retrainings such as 0.9'


def columns(value: object) -> str:
    """The name of a column, or a list of names."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names or any(text(name) for name in names):
        return "expected the name of a column or a list of names"
    if len(set(names)) != len(names):
        return "expected distinct columns"
    return ""


def features(value: object) -> str:
    """Features by name or position: one, or a list of distinct ones."""
    given = list(value) if isinstance(value, (list, tuple)) else [value]
    if not given or any(isinstance(one, bool) or not isinstance(one, (str, int)) or one == "" for one in given):
        return "expected the name or position of a feature, or a list of them"
    if len(set(given)) != len(given):
        return "expected distinct features"
    return "expected positions from 0 on" if any(isinstance(one, int) and one < 0 for one in given) else ""


def looks(value: object) -> str:
    """Numbers of cases at which a growing dataset is judged, increasing."""
    sizes = list(value) if isinstance(value, (list, tuple)) else []
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes)
    if not sizes or not whole or any(later <= size for size, later in pairwise(sizes)):
        return "expected increasing numbers of examples, one for each look, such as [500, 1000, 2000]"
    return ""


def spending(value: object) -> str:
    """How the error level is spent over looks."""
    known = ("obrien-fleming", "pocock", "even")
    return "" if value in known else f"expected one of {', '.join(known)}"


def truth(value: object) -> str:
    """True or False."""
    return "" if isinstance(value, bool) else "expected True or False"


def confidence_up_to(highest: float, why: str) -> Check:
    """A confidence that the bounds of a kind are checked for."""

    def check(value: object) -> str:
        return confidence(value) or ("" if float(value) <= highest else f"expected at most {highest:g}: {why}")  # type: ignore[arg-type]

    return check


COMMON = (
    Parameter(name="confidence", check=confidence),
    Parameter(name="members", check=members),
    Parameter(name="metric", check=text),
    Parameter(name="max_loss", check=positive),
    Parameter(name="expect", check=finite_number),
    Parameter(name="looks", check=looks),
    Parameter(name="spending", check=spending),
    Parameter(name="anytime", check=truth),
    Parameter(name="id", check=text),
    Parameter(name="because", check=text),
    Parameter(name="tier", check=text),
)


GROWING = ("looks", "spending", "anytime")
"""Parameters of requirements that are judged again as cases arrive."""


def without(*names: str) -> tuple[Parameter, ...]:
    """The common parameters less these."""
    return tuple(parameter for parameter in COMMON if parameter.name not in names)
