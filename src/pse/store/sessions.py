"""Trading days of a calendar, frozen on disk year by year.

pandas-market-calendars knows the holidays and early closes; overrides (dated facts from the settings) correct it.  Both are read once: what a year was
frozen as stays until its file is deleted, and the hot path never imports a calendar package.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field, field_validator, model_validator

from pse.domain.base import Frozen
from pse.domain.errors import DamagedTable, RequestError, UnknownName
from pse.domain.sessions import DAY_NS, Sessions
from pse.store.files import write_atomic
from pse.store.layout import Home

if TYPE_CHECKING:
    import polars as pl

SUPPLIER_NAMES = {"CME Globex FX": "CMEGlobex_FX"}           # the calendar package registers this product group under another name
TIMES = ("open_ns", "close_ns", "rth_open_ns", "rth_close_ns", "break_open_ns", "break_close_ns")
_WALL = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_RULES = "pse-sessions-v1"


class SessionOverride(Frozen):
    """A dated fact about one calendar's trading days, in wall time of the calendar's zone.

    `open` and `close` replace regular hours only: a day that the calendar opens late or closes early keeps its own, unless the override is for one
    day.  An `open` later in the day than the close is on the day before.  `closed` removes the days.
    """

    calendar: str
    first: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="first trading day it holds for")
    last: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="last trading day it holds for")
    open: str | None = Field(None, pattern=_WALL)
    close: str | None = Field(None, pattern=_WALL)
    halt: tuple[str, str] | None = Field(None, alias="break", description="a halt inside the session; its minutes are not expected")
    rth: tuple[str, str] | None = Field(None, description="regular hours")
    closed: bool = False

    model_config = {"frozen": True, "extra": "forbid", "populate_by_name": True}

    @field_validator("first", "last")
    @classmethod
    def _is_a_date(cls, text: str) -> str:
        date.fromisoformat(text)
        return text

    @field_validator("halt", "rth")
    @classmethod
    def _is_a_span(cls, span: tuple[str, str] | None) -> tuple[str, str] | None:
        if span is not None and not (all(re.match(_WALL, wall) for wall in span) and span[0] < span[1]):
            raise ValueError("expected two wall times, the earlier first, for example ['15:15', '15:30']")
        return span

    @model_validator(mode="after")
    def _in_order(self) -> SessionOverride:
        if self.first > self.last:
            raise ValueError(f"first {self.first} is after last {self.last}")
        return self


def load_sessions(home: Home, calendar: str, first_ns: int, last_ns: int, overrides: Iterable[Any] = ()) -> Sessions:
    """Sessions around [first_ns, last_ns]: from the last that opens at or before `first_ns` to the second that closes after `last_ns`.

    `overrides`: `SessionOverride`s or their YAML shape; those of other calendars are ignored.  The same arguments give the same sessions and digest
    whatever else was frozen before.  Years that are missing on disk are made and written.  Raises `UnknownName` for a calendar nobody knows.
    """
    own = [o for o in map(_override, overrides) if o.calendar == calendar]
    facts = json.dumps([o.model_dump(by_alias=True) for o in own], sort_keys=True)
    years = range(_year(first_ns - 15 * DAY_NS), _year(last_ns + 15 * DAY_NS) + 1)
    path = _path(home, calendar, facts)
    table = _read(path)
    missing = [year for year in years if table is None or year not in set(table["year"].unique().to_list())]
    if missing:
        table = _freeze(path, table, calendar, missing, own)
    assert table is not None
    return _slice(_as_sessions(table, calendar, facts), facts, first_ns, last_ns)


def _override(given: Any) -> SessionOverride:
    return given if isinstance(given, SessionOverride) else SessionOverride.model_validate(given)


def _year(ns: int) -> int:
    return datetime.fromtimestamp(ns // 10**9, UTC).year


def _path(home: Home, calendar: str, facts: str) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", calendar.lower()).strip("-")
    return home.sessions / f"{slug[:40]}-{hashlib.sha256((_RULES + calendar + facts).encode()).hexdigest()[:12]}.parquet"


def _read(path: Path) -> pl.DataFrame | None:
    import polars as pl

    if not path.exists():
        return None
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DamagedTable(f"{path} cannot be read as the frozen sessions that were written there ({error}); delete it and run the command again, "
                           f"the calendar makes the same sessions again") from error


def _freeze(path: Path, table: pl.DataFrame | None, calendar: str, years: Sequence[int], overrides: list[SessionOverride]) -> pl.DataFrame:
    import polars as pl

    made = _from_calendar(calendar, min(years), max(years), overrides).filter(pl.col("year").is_in(list(years)))
    table = made if table is None else pl.concat([table, made]).sort("session_date")
    write_atomic(path, _parquet_bytes(table))
    return table


def _parquet_bytes(table: pl.DataFrame) -> bytes:
    import io

    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


# --- from the calendar package ---------------------------------------------------------------------------------------------------------------


def _from_calendar(calendar: str, first_year: int, last_year: int, overrides: list[SessionOverride]) -> pl.DataFrame:
    """Sessions of whole years with the overrides applied; `tz` stands in every row."""
    import polars as pl

    supplier = _supplier(calendar)
    tz = str(getattr(supplier.tz, "key", supplier.tz))
    schedule = supplier.schedule(f"{first_year}-01-01", f"{last_year}-12-31", tz="UTC")
    late, early = set(supplier.late_opens(schedule).index), set(supplier.early_closes(schedule).index)
    rows = []
    for day, open_at, close_at in zip(schedule.index, schedule["market_open"], schedule["market_close"], strict=True):
        hours = _Hours(day.date(), ZoneInfo(tz), open_at.to_pydatetime(), close_at.to_pydatetime(), day in late, day in early)
        for override in overrides:
            hours.apply(override)
        if not hours.closed:
            rows.append(hours.row())
    table = pl.DataFrame(rows, schema={"session_date": pl.Int32, **dict.fromkeys(TIMES, pl.Int64)}, orient="row")
    return table.with_columns(year=(pl.col("session_date") // 10_000).cast(pl.Int32), tz=pl.lit(tz))


def _supplier(calendar: str) -> Any:
    import pandas_market_calendars

    known = pandas_market_calendars.get_calendar_names()
    name = SUPPLIER_NAMES.get(calendar, calendar)
    if name not in known:
        raise UnknownName("calendar", calendar, [*known, *SUPPLIER_NAMES])
    return pandas_market_calendars.get_calendar(name)


class _Hours:
    """One trading day while overrides are applied to it; times are aware datetimes."""

    def __init__(self, day: date, zone: ZoneInfo, open_at: datetime, close_at: datetime, late: bool, early: bool):
        self.day, self.zone, self.late, self.early = day, zone, late, early
        self.open_at, self.close_at = open_at, close_at
        self.rth: tuple[str, str] | None = None
        self.halt: tuple[str, str] | None = None
        self.closed = False

    def apply(self, override: SessionOverride) -> None:
        """Take over what the override says when it holds for this day."""
        if not override.first <= self.day.isoformat() <= override.last:
            return
        one_day = override.first == override.last
        if override.close and (one_day or not self.early):
            self.close_at = self._at(override.close)
        if override.open and (one_day or not self.late):
            opened = self._at(override.open)
            self.open_at = opened if opened < self.close_at else self._at(override.open, days_before=1)
        self.rth, self.halt = override.rth or self.rth, override.halt or self.halt
        self.closed = self.closed or override.closed

    def _at(self, wall: str, days_before: int = 0) -> datetime:
        return datetime.combine(self.day - timedelta(days=days_before), time.fromisoformat(wall), self.zone)

    def row(self) -> tuple[int, ...]:
        """session_date and `TIMES`; regular hours and halt cut to the session, a halt that does not lie inside it is 0, 0."""
        opened, closed = _ns(self.open_at), _ns(self.close_at)
        rth = [min(max(_ns(self._at(wall)), opened), closed) for wall in self.rth] if self.rth else [opened, closed]
        halt = [_ns(self._at(wall)) for wall in self.halt] if self.halt else [0, 0]
        if not opened < halt[0] < halt[1] < closed:
            halt = [0, 0]
        return (self.day.year * 10_000 + self.day.month * 100 + self.day.day, opened, closed, *rth, *halt)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


# --- arrays ------------------------------------------------------------------------------------------------------------------------------------


def _as_sessions(table: pl.DataFrame, calendar: str, facts: str) -> Sessions:
    arrays = {name: table[name].to_numpy().astype(np.int64) for name in TIMES}
    if table.is_empty():
        raise RequestError(f"calendar {calendar} has no trading day in the years asked for; check the dates, or the `closed` entries under sessions: in "
                           f"the settings")
    overlap = np.flatnonzero(arrays["open_ns"][1:] < arrays["close_ns"][:-1])
    if overlap.size:
        day = int(table["session_date"][int(overlap[0]) + 1])
        raise RequestError(f"sessions of {calendar} overlap: {day} opens before the day before closes; correct open or close of the override under "
                           f"sessions: in the settings that holds for that day")
    return Sessions(calendar, str(table["tz"][0]), table["session_date"].to_numpy().astype(np.int32), **arrays, digest="")


def _slice(whole: Sessions, facts: str, first_ns: int, last_ns: int) -> Sessions:
    lo = max(int(np.searchsorted(whole.open_ns, first_ns, side="right")) - 1, 0)
    hi = min(int(np.searchsorted(whole.close_ns, last_ns, side="right")) + 2, whole.close_ns.size)
    arrays = {name: getattr(whole, name)[lo:hi] for name in ("session_date", *TIMES)}
    digest = hashlib.sha256(json.dumps([_RULES, whole.calendar, whole.tz, facts]).encode())
    for array in arrays.values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return replace(whole, **arrays, digest=digest.hexdigest())
