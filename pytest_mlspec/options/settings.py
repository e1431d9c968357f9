"""What a run was asked for, read from options and ini values and checked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_mlspec.options import in_ci
from pytest_mlspec.verdict import BOUND_CLASSES, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
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
    plan: bool
    most_seeds: int | None
    """With ``--mlspec-seeds=auto`` the most members that an ensemble may grow to; ``None``: ensembles do not grow."""
    family: bool
    cache: str | None
    """Folder of the fit cache, relative to the root of the run; ``None``: off."""
    cache_bytes: int
    retrain: bool
    records: str
    record: str
    waivers: str
    save: str | None
    baseline: str | None
    update: bool
    ledger: str | None
    """File of the ledger, relative to the root of the run; ``None``: reads are not counted."""
    budget: int
    ladder: float | None


def read_settings(config: pytest.Config) -> Settings:
    """Check every option and ini value.

    Raises:
        pytest.UsageError: naming the option, what was expected and what came.
    """
    confidence, ini_confidence = _confidences(config)
    undecided = config.getoption("mlspec_undecided") or str(config.getini("mlspec_undecided"))
    if undecided not in ("fail", "allow"):
        raise pytest.UsageError(f"mlspec_undecided is 'fail' or 'allow', got mlspec_undecided={undecided!r}")
    seeds_option, seeds_ini = config.getoption("mlspec_seeds"), str(config.getini("mlspec_seeds"))
    most_seeds = _most_seeds(seeds_option)
    if most_seeds is not None:
        seeds_option = None
    seeds = _count("--mlspec-seeds", seeds_option) if seeds_option is not None else None
    if seeds is None and seeds_ini:
        seeds = _count("mlspec_seeds", seeds_ini)
    jobs = config.getoption("mlspec_jobs")
    return Settings(
        terms=Terms(
            confidence=confidence,
            bound_classes=_bound_classes(str(config.getini("mlspec_bounds"))),
            growing_members=most_seeds or 0,
        ),
        declared_confidence=ini_confidence,
        allow_undecided=undecided == "allow",
        seeds=seeds,
        seeds_asked=seeds_option is not None,
        jobs=_count("mlspec_jobs", str(config.getini("mlspec_jobs")))
        if jobs is None
        else _count("--mlspec-jobs", jobs),
        json=config.getoption("mlspec_json"),
        markdown=config.getoption("mlspec_markdown"),
        list=bool(config.getoption("mlspec_list")),
        plan=bool(config.getoption("mlspec_plan")),
        most_seeds=most_seeds,
        family=_truth("mlspec_family", str(config.getini("mlspec_family"))),
        cache=_cache(config.getoption("mlspec_cache") or str(config.getini("mlspec_cache"))),
        cache_bytes=_bytes("mlspec_cache_size", str(config.getini("mlspec_cache_size"))),
        retrain=bool(config.getoption("mlspec_retrain")),
        records=str(config.getini("mlspec_records")),
        record=str(config.getini("mlspec_record")),
        waivers=str(config.getini("mlspec_waivers")),
        save=config.getoption("mlspec_save"),
        baseline=config.getoption("mlspec_baseline"),
        update=bool(config.getoption("mlspec_update")),
        ledger=str(config.getini("mlspec_ledger")) or None,
        budget=_count("mlspec_budget", str(config.getini("mlspec_budget"))),
        ladder=_step("mlspec_ladder", str(config.getini("mlspec_ladder"))),
    )


def refuse_short_ensemble(name: str, declared: int | None, settings: Settings) -> None:
    """Refuse fewer members than declared where ``CI`` is set.

    Raises:
        pytest.UsageError: naming the ensemble and both numbers.
    """
    if (
        settings.seeds_asked
        and settings.seeds is not None
        and declared is not None
        and settings.seeds < declared
        and in_ci()
    ):
        raise pytest.UsageError(
            f"--mlspec-seeds={settings.seeds} is below the {declared} members that {name} declares: "
            "a development run, refused where CI is set"
        )


def _confidences(config: pytest.Config) -> tuple[float, float]:
    """The confidence that this run asks for, and that of the project."""
    declared = _confidence("mlspec_confidence", str(config.getini("mlspec_confidence")))
    option = config.getoption("mlspec_confidence")
    asked = declared if option is None else _confidence("--mlspec-confidence", option)
    if asked < declared and in_ci():
        raise pytest.UsageError(
            f"--mlspec-confidence={option} is below the project's {declared}: "
            "a development run, refused where CI is set"
        )
    return asked, declared


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


MOST_SEEDS = 100
"""Members that ``--mlspec-seeds=auto`` stops at."""


def _most_seeds(option: str | None) -> int | None:
    if option is None or option.partition(":")[0] != "auto":
        return None
    _, colon, most = option.partition(":")
    return _count("--mlspec-seeds=auto:", most) if colon else MOST_SEEDS


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise pytest.UsageError(f"{name} is true or false; got {name}={text}")
    return text.lower() == "true"


def _cache(text: str) -> str | None:
    return None if text.lower() == "off" else text


_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def _bytes(name: str, text: str) -> int:
    number = text.strip().rstrip("BbGgIiKkMm ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        size = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        size = float("nan")
    if not 0 < size < float("inf"):
        raise pytest.UsageError(f"{name} is a size such as 500 MiB or 2 GiB; got {name}={text}")
    return int(size)


def _step(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        step = float(text)
    except ValueError:
        step = float("nan")
    if not 0 < step <= 1:
        raise pytest.UsageError(f"{name} is a step in (0, 1], such as 0.01; got {name}={text}")
    return step


def _bound_classes(loosest: str) -> tuple[str, ...]:
    if loosest not in BOUND_CLASSES:
        raise pytest.UsageError(f"mlspec_bounds is one of {', '.join(BOUND_CLASSES)}; got mlspec_bounds={loosest}")
    return BOUND_CLASSES[: BOUND_CLASSES.index(loosest) + 1]
