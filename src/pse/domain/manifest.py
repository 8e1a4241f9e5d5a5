"""What was run: enough to run it again, and the fingerprint that two runs share when nothing that decides them differs."""

from __future__ import annotations

import contextlib
import platform as machine
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.records import digest

# How a run is driven, not what it decides: the same decisions taped, replayed, on paper or in a backtest share a fingerprint.
RUN_MODE = frozenset({"mode", "route", "feed", "home", "jobs", "agents_mode"})
DESK_RUN_MODE = frozenset({"decide", "agents_mode"})

# A package that touches a number or a byte of a run; the rest (pytest, rich, ...) cannot change a result.
PACKAGES = ("numpy", "numba", "llvmlite", "polars", "pyarrow", "deltalake", "duckdb", "pydantic", "pydantic-core", "PyYAML", "pandas-market-calendars",
            "pse-toolkit")


class Manifest(Frozen):
    """One run.  Moments are ISO 8601 text as they were asked for (`start` inclusive, `end` exclusive) or int ns UTC where the name says so."""

    run_id: str = Field("", description="folder name of the run; given when the run is made")
    fingerprint: str
    status: Literal["running", "finished"] = "running"
    created: str = Field(description="wall time of the start, ISO 8601 UTC")
    finished: str | None = None
    command: str = Field(description="backtest or paper")
    desk: str
    symbols: tuple[str, ...]
    start: str | None = None
    end: str | None = None
    anchor: str | None = Field(None, description="open of the first bar that features are computed from")
    start_ns: int | None = None
    end_ns: int | None = None
    anchor_ns: int | None = None
    seed: int = 0
    snapshot: str = Field("", description="id over the value hashes of the series used")
    tables: dict[str, int] = Field(default_factory=dict, description="table name to pinned Delta version")
    data: dict[str, str] = Field(default_factory=dict, description="'SYMBOL timeframe' to series value hash")
    sessions: dict[str, str] = Field(default_factory=dict, description="calendar to sha256 over its sessions between anchor and end")
    settings: dict[str, Any] = Field(default_factory=dict)
    settings_hash: str = ""
    decide: str = "rules"
    route: str | None = None
    feed: str | None = None
    code: dict[str, str] = Field(default_factory=dict, description="package version and digest of the kernels")
    packages: dict[str, str] = Field(default_factory=dict)
    python: str = ""
    platform: str = ""
    synthetic: bool = False
    dropped_outside_session: int = 0
    warm_up: dict[str, Any] | int | None = None
    records: int | None = Field(None, description="lines of the finished journal")
    head: str | None = Field(None, description="hash of the finished journal's last line")
    merkle_root: str | None = None
    results: dict[str, str] = Field(default_factory=dict, description="sha256 of the tables and figures that were made from the run")
    prompts: dict[str, str] = Field(default_factory=dict, description="prompt name to hash of its file")
    models: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict, description="what a later command wants to note")


def deciding_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings tree without what only says how a run is driven."""
    kept = {key: value for key, value in settings.items() if key not in RUN_MODE}
    desks = kept.get("desks")
    if isinstance(desks, Mapping):
        kept["desks"] = {name: _desk(desk) for name, desk in desks.items()}
    if isinstance(kept.get("desk"), Mapping):
        kept["desk"] = _desk(kept["desk"])
    return kept


def _desk(desk: Any) -> Any:
    return {key: value for key, value in desk.items() if key not in DESK_RUN_MODE} if isinstance(desk, Mapping) else desk


def fingerprint(*, data: Mapping[str, str], sessions: Mapping[str, str], settings: Mapping[str, Any], seed: int, start_ns: int | None,
                end_ns: int | None, anchor_ns: int | None, prompts: Mapping[str, str] | None = None, models: Mapping[str, str] | None = None) -> str:
    """sha256 over all that decides a run: series value hashes, session hashes by calendar, settings without the run mode,
    seed, window, prompts and models.

    Code and package versions are no part of it: `pse prove` is there to find that they changed a result.
    """
    return digest({"data": dict(data), "settings": deciding_settings(settings), "seed": seed, "prompts": dict(prompts or {}),
                   "models": dict(models or {}), "sessions": dict(sessions), "window": [start_ns, end_ns, anchor_ns]})


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that can change a result."""
    return dict(_versions())


def python_version() -> str:
    return f"{sys.implementation.name} {machine.python_version()}"


def platform_name() -> str:
    """Operating system and processor: what decides how floating point is compiled."""
    return f"{machine.system()}-{machine.machine()}"


def environment() -> dict[str, Any]:
    """The manifest fields that say on what a run ran: `python`, `platform`, `packages`."""
    return {"python": python_version(), "platform": platform_name(), "packages": package_versions()}


def environment_changes(then: Manifest, now: Mapping[str, Any]) -> tuple[str, ...]:
    """What of the platform, Python and packages differs from an `environment()`, one phrase each."""
    changes = [f"{what} {before or 'unknown'} -> {now[what]}" for what, before in (("platform", then.platform), ("python", then.python))
               if before != now[what]]
    packages: Mapping[str, str] = now["packages"]
    names = sorted((set(then.packages) | set(packages)) - {"pse-toolkit"})
    changes += [f"{name} {then.packages.get(name, 'absent')} -> {packages.get(name, 'absent')}" for name in names
                if then.packages.get(name) != packages.get(name)]
    return tuple(changes)


def run_name(created_ns: int, desk: str, symbols: tuple[str, ...], run_fingerprint: str) -> str:
    """`<UTC yyyymmdd-hhmmss>-<desk>-<symbols>-<8 of the fingerprint>`: one plain folder name of at most 58 characters."""
    moment = datetime.fromtimestamp(created_ns // 1_000_000_000, UTC).strftime("%Y%m%d-%H%M%S")
    shown = symbols[0][:12] + (f".x{len(symbols)}" if len(symbols) > 1 else "") if symbols else "none"
    return "-".join((moment, _plain(desk)[:16], _plain(shown)[:16], run_fingerprint[:8]))


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text) or "_"
