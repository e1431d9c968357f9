"""Command-line options and their ini twins; they only fill what a marker leaves open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mlspec.options.settings import Settings

INI = {
    "mlspec_undecided": ("fail", "twin of --mlspec-undecided"),
    "mlspec_confidence": ("0.95", "twin of --mlspec-confidence"),
    "mlspec_seeds": ("", "members of ensembles that declare no number"),
    "mlspec_jobs": ("1", "twin of --mlspec-jobs"),
    "mlspec_bounds": ("approximate", "loosest class of bounds that may decide: exact, asymptotic or approximate"),
    "mlspec_family": ("false", "true: judge *violated* at the level shared by all contracts of the run"),
    "mlspec_cache": (".mlspec_cache", "twin of --mlspec-cache"),
    "mlspec_cache_size": ("2 GiB", "size at which the cache drops what was used least recently"),
    "mlspec_records": (".mlspec", "folder of baselines"),
    "mlspec_record": ("mlspec-record.json", "file of the best values that optimizing requirements are tracked against"),
    "mlspec_waivers": ("mlspec-waivers.toml", "file of waived requirements"),
    "mlspec_ledger": ("", "file that counts the models judged on each test set; empty: not counted"),
    "mlspec_budget": ("20", "models that may be judged on a test set, where its Dataset(budget=) says no number"),
    "mlspec_ladder": ("", "step by which a score must improve before it is told, with a ledger; empty: all are told"),
}
"""Every ini value with its default and what it is for."""
OPTIONS = (
    *("undecided", "confidence", "seeds", "jobs", "list", "json", "markdown"),
    *("cache", "retrain", "save", "baseline", "update", "plan", "ledger"),
)


SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()


def add_options(parser: pytest.Parser) -> None:
    """Register every option and ini value."""
    group = parser.getgroup("mlspec", "requirements on ML models (pytest-mlspec)")
    group.addoption(
        "--mlspec-undecided",
        choices=("fail", "allow"),
        default=None,
        help="what an undecided requirement does to its test: fail (default), or allow (outcome 'undecided', exit 0)",
    )
    group.addoption(
        "--mlspec-confidence",
        default=None,
        metavar="LEVEL",
        help="confidence of verdicts where a marker names none (0.95)",
    )
    group.addoption(
        "--mlspec-seeds",
        default=None,
        metavar="N|auto[:MOST]",
        help="train N members of each ensemble, or more until seeds decide",
    )
    group.addoption("--mlspec-jobs", default=None, metavar="N", help="train members in N parallel processes")
    group.addoption("--mlspec-list", action="store_true", help="show every contract and run nothing")
    group.addoption("--mlspec-plan", action="store_true", help="show the examples and seeds needed; train nothing")
    group.addoption("--mlspec-cache", default=None, metavar="PATH|off", help="folder of trained members")
    group.addoption("--mlspec-retrain", action="store_true", help="train although the cache holds the members")
    group.addoption("--mlspec-save", default=None, metavar="NAME", help="keep this run's predictions as a baseline")
    group.addoption(
        "--mlspec-baseline", default=None, metavar="NAME|PATH", help="baseline for the fixture of that name"
    )
    group.addoption("--mlspec-update", action="store_true", help="write better values to the record file")
    group.addoption(
        "--mlspec-ledger",
        choices=("show", "export"),
        default=None,
        help="how often each test set was read: show it, or export all entries as JSON; runs nothing",
    )
    group.addoption("--mlspec-json", default=None, metavar="PATH", help="write every verdict as JSON")
    group.addoption("--mlspec-markdown", default=None, metavar="PATH", help="write a Markdown table for a pull request")
    for name, (default, words) in INI.items():
        parser.addini(name, words, default=default)


def configured(config: pytest.Config) -> Settings:
    """What this run was asked for; checked on first use."""
    if SETTINGS not in config.stash:
        from pytest_mlspec.options.settings import read_settings

        config.stash[SETTINGS] = read_settings(config)
    return config.stash[SETTINGS]


def any_asked(config: pytest.Config) -> bool:
    """Whether the run says anything to this plugin, so that it is worth checking at the start."""
    if any(config.getoption(f"mlspec_{name}") for name in OPTIONS):
        return True
    return any(config.getini(name) != default for name, (default, _) in INI.items())


def outliving(config: pytest.Config) -> bool:
    """Whether the project has waivers or a record of best values, or the run is to write one: a look at two files."""
    for name in ("mlspec_waivers", "mlspec_record"):
        value = str(config.getini(name))
        if value != INI[name][0] or os.path.isfile(os.path.join(config.rootpath, value)):
            return True
    return bool(config.option.mlspec_update)


def in_ci() -> bool:
    """Whether this is a CI job, by the variable that every CI service sets."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")
