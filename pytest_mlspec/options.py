"""Command-line options and their ini twins; they only fill what a marker leaves open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pytest_mlspec.verdict import Terms

INI = {
    "mlspec_undecided": ("fail", "twin of --mlspec-undecided"),
    "mlspec_confidence": ("0.95", "twin of --mlspec-confidence"),
    "mlspec_seeds": ("", "members of ensembles that declare no number"),
    "mlspec_jobs": ("1", "twin of --mlspec-jobs"),
    "mlspec_bounds": ("approximate", "loosest class of bounds that may decide: exact, asymptotic or approximate"),
}
"""Every ini value with its default and what it is for."""
OPTIONS = ("undecided", "confidence", "seeds", "jobs", "list", "json", "markdown")


class Settings(NamedTuple):
    """What this run was asked for, checked."""

    terms: Terms
    declared_confidence: float
    allow_undecided: bool
    seeds: int | None
    seeds_asked: bool
    jobs: int
    json: str | None
    markdown: str | None
    list: bool


SETTINGS = pytest.StashKey[Settings]()


def add_options(parser: pytest.Parser) -> None:
    """Register every option and ini value."""
    group = parser.getgroup("mlspec", "requirements on ML models (pytest-mlspec)")
    group.addoption(
        "--mlspec-undecided",
        choices=("fail", "allow"),
        default=None,
        help="what an undecided requirement does to its test: fail (default) or allow (outcome 'undecided', exit code 0)",
    )
    group.addoption(
        "--mlspec-confidence", default=None, metavar="LEVEL", help="confidence of verdicts where a marker names none (0.95)"
    )
    group.addoption("--mlspec-seeds", default=None, metavar="N", help="train N members of each ensemble")
    group.addoption("--mlspec-jobs", default=None, metavar="N", help="train members in N parallel processes")
    group.addoption("--mlspec-list", action="store_true", help="show every contract and run nothing")
    group.addoption("--mlspec-json", default=None, metavar="PATH", help="write every verdict as JSON")
    group.addoption("--mlspec-markdown", default=None, metavar="PATH", help="write a Markdown table for a pull request")
    for name, (default, words) in INI.items():
        parser.addini(name, words, default=default)


def settings(config: pytest.Config) -> Settings:
    """What this run was asked for; checked on first use."""
    if SETTINGS not in config.stash:
        config.stash[SETTINGS] = read_settings(config)
    return config.stash[SETTINGS]


def any_asked(config: pytest.Config) -> bool:
    """Whether the run says anything to this plugin, so that it is worth checking at the start."""
    if any(config.getoption(f"mlspec_{name}") for name in OPTIONS):
        return True
    return any(config.getini(name) != default for name, (default, _) in INI.items())


def read_settings(config: pytest.Config) -> Settings:
    """Check every option and ini value.

    Raises:
        pytest.UsageError: naming the option, what was expected and what came.
    """
    from pytest_mlspec.verdict import Terms

    ini_confidence = _confidence("mlspec_confidence", str(config.getini("mlspec_confidence")))
    option = config.getoption("mlspec_confidence")
    confidence = ini_confidence if option is None else _confidence("--mlspec-confidence", option)
    if confidence < ini_confidence and in_ci():
        raise pytest.UsageError(
            f"--mlspec-confidence={option} is below the project's {ini_confidence}: a development run, refused where CI is set"
        )
    undecided = config.getoption("mlspec_undecided") or str(config.getini("mlspec_undecided"))
    if undecided not in ("fail", "allow"):
        raise pytest.UsageError(f"mlspec_undecided is 'fail' or 'allow', got mlspec_undecided={undecided!r}")
    seeds_option, seeds_ini = config.getoption("mlspec_seeds"), str(config.getini("mlspec_seeds"))
    seeds = _count("--mlspec-seeds", seeds_option) if seeds_option is not None else None
    if seeds is None and seeds_ini:
        seeds = _count("mlspec_seeds", seeds_ini)
    jobs = config.getoption("mlspec_jobs")
    return Settings(
        terms=Terms(confidence=confidence, bound_classes=_bound_classes(str(config.getini("mlspec_bounds")))),
        declared_confidence=ini_confidence,
        allow_undecided=undecided == "allow",
        seeds=seeds,
        seeds_asked=seeds_option is not None,
        jobs=_count("mlspec_jobs", str(config.getini("mlspec_jobs"))) if jobs is None else _count("--mlspec-jobs", jobs),
        json=config.getoption("mlspec_json"),
        markdown=config.getoption("mlspec_markdown"),
        list=bool(config.getoption("mlspec_list")),
    )


def in_ci() -> bool:
    """Whether this is a CI job, by the variable that every CI service sets."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def refuse_short_ensemble(name: str, declared: int | None, settings: Settings) -> None:
    """Refuse fewer members than declared where ``CI`` is set.

    Raises:
        pytest.UsageError: naming the ensemble and both numbers.
    """
    if settings.seeds_asked and settings.seeds is not None and declared is not None and settings.seeds < declared and in_ci():
        raise pytest.UsageError(
            f"--mlspec-seeds={settings.seeds} is below the {declared} members that {name} declares: "
            "a development run, refused where CI is set"
        )


def _confidence(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.5 <= value < 1:
        raise pytest.UsageError(f"{name} is a confidence in [0.5, 1), such as 0.95; got {name}={text}")
    return value


def _count(name: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise pytest.UsageError(f"{name} is a whole number, 1 or more; got {name}={text}")
    return value


def _bound_classes(loosest: str) -> tuple[str, ...]:
    from pytest_mlspec.verdict import BOUND_CLASSES

    if loosest not in BOUND_CLASSES:
        raise pytest.UsageError(f"mlspec_bounds is one of {', '.join(BOUND_CLASSES)}; got mlspec_bounds={loosest}")
    return BOUND_CLASSES[: BOUND_CLASSES.index(loosest) + 1]
