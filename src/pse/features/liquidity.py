"""Liquidity pools: extremes that orders are thought to rest beyond, and the sweeps that take them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS, Sessions
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.market_structure import MarketStructure
from pse.features.volume import RelativeVolume
from pse.kernels.contract import SWEPT
from pse.kernels.liquidity import (
    EQH,
    MAJOR_H,
    SWING_H,
    equal_levels,
    pools_and_sweeps,
    session_extremes,
    swing_and_equal_candidates,
    tick_or_range,
)

CHICAGO = ("America/Chicago", "US/Central", "CST6CDT")
SWEPT_DTYPE = np.dtype([("sweep", "i8"), ("pool", "i8"), ("level", "f8")])
OVERNIGHT, ASIA, LONDON, OPENING = range(4)       # columns of the window arrays, as the kernel takes them


class Liquidity(Feature):
    """Sweeps of liquidity: a bar trades beyond an extreme where orders rest, and closes back inside.

    Priority of a pool: week before 1.00, day before 0.90, night, Asia and London 0.75, equal levels 0.70 (0.05 more for each swing beyond two, at most 0.85),
    opening range 0.65, major swing 0.60, other swing 0.40.  Of a sweep: that of the pool, 0.05 more where half of the bar or more lies beyond it, 0.05 more
    where the volume of the piercing bar is 1.5 times the usual or more, at most 1.  Events: `pools` with what became of each, and `sweeps`.
    """

    room, title = "gaps and levels", "sweeps of liquidity"
    columns = {
        "sweep_dir": Column("direction of the sweep confirmed on this bar: up when lows were swept", "direction", sparse=True),
        "sweep_priority": Column("how much the swept extreme matters, the better one when both sides are swept", "score", sparse=True),
        "sweep_level": Column("the swept extreme", "price", sparse=True),
        "sweep_farthest": Column("the farthest of the extremes that the bar swept together with it", "price", sparse=True),
        "sweep_count": Column("how many extremes it swept in that direction", "count", sparse=True),
    }
    formula = ("pools: extremes of the calendar's week and day before (none where its bars are missing) and of parts of the session, equal levels, swings; "
               "sweep: traded beyond by a tick or more, closed back inside within `reclaim_bars`, not deeper than `deep_atr`")
    source = "the usual price-action vocabulary (Smart Money Concepts), told at the reclaiming close"

    equal_atr: float = Field(0.10, ge=0, le=5, description="pools and equal levels within this share of the range are one")
    equal_ticks: float = Field(2.0, ge=0, le=1000, description="smallest such distance, in ticks")
    equal_min_bars: int = Field(3, ge=1, le=1000, description="bars between two members of an equal level")
    max_age_days: int = Field(2, ge=0, le=250, description="trading days that a swing stays a pool")
    deep_atr: float = Field(1.5, gt=0, le=50, description="largest penetration of a sweep, in ATR")
    reclaim_bars: int = Field(2, ge=0, le=50, description="bars after the pierce in which the close must come back")
    opening_minutes: int = Field(30, ge=1, le=390, description="length of the opening range")
    kind: Literal["future", "stock", "crypto", "fx", "index"] = Field("future", description="which session windows there are, taken from the instrument")
    tick: float = Field(0.25, gt=0, description="price step, taken from the instrument")
    structure: MarketStructure = MarketStructure()
    volume: RelativeVolume = RelativeVolume()

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"tick": instrument.tick, "kind": instrument.kind})

    def lag_bars(self) -> int:
        return self.reclaim_bars

    def objects(self, known: Known) -> Objects:
        """`pools` (POOL_DTYPE) and `sweeps` (SWEEP_DTYPE)."""
        bars, swings = known.bars, known.objects(self.structure)
        high, low, close = known.price("high"), known.price("low"), known.price("close")
        tolerance = tick_or_range(known.atr_before, self.tick, self.equal_ticks, self.equal_atr)
        internal, major = swings["pivots_internal"], swings["pivots_major"]
        equals = [equal_levels(high, low, internal, tolerance, self.equal_min_bars, side) for side in (1, -1)]
        candidates = np.concatenate([
            extremes_of_sessions(known, self.kind, self.opening_minutes), *(swing_and_equal_candidates(internal[:0], rows, EQH) for rows in equals),
            swing_and_equal_candidates(major, equals[0][:0], MAJOR_H), swing_and_equal_candidates(internal, equals[0][:0], SWING_H)])
        candidates = candidates[np.argsort(candidates["t"], kind="stable")]
        session = bars.session - bars.session[0] if len(bars) else bars.session
        pools, sweeps = pools_and_sweeps(high, low, close, known.atr_before, known.of(self.volume)["rvol"], session, candidates, tolerance, self.tick,
                                         self.max_age_days, self.deep_atr, self.reclaim_bars)
        return {"pools": pools, "sweeps": sweeps}

    def swept(self, known: Known) -> np.ndarray:
        """Every level of every sweep, rows of SWEPT_DTYPE in order of the sweeps: a bar that sweeps several pools of a side makes one sweep of them."""
        found = known.objects(self)
        pools, rows = found["pools"], np.flatnonzero(found["sweeps"]["result"] == SWEPT)
        sweeps, members = found["sweeps"][rows], np.flatnonzero(pools["end"] == SWEPT)
        by_bar = {(int(row["confirmed_at"]), int(row["side"])): int(i) for i, row in zip(rows, sweeps, strict=True)}
        table = np.empty(members.size, SWEPT_DTYPE)
        table["sweep"] = [by_bar[int(t), int(side)] for t, side in zip(pools["ended_at"][members], pools["side"][members], strict=True)]
        table["pool"], table["level"] = members, pools["level"][members]
        return table[np.argsort(table["sweep"], kind="stable")]

    def compute(self, known: Known) -> Columns:
        sweeps, swept, n, offset = known.objects(self)["sweeps"], self.swept(known), len(known), known.bars.offset
        count = np.bincount(swept["sweep"], minlength=sweeps.size)
        farthest = np.full(sweeps.size, -np.inf)
        np.maximum.at(farthest, swept["sweep"], sweeps["side"][swept["sweep"]] * swept["level"])
        made: Columns = {"sweep_dir": np.zeros(n, np.int64), "sweep_priority": np.full(n, np.nan), "sweep_level": np.full(n, np.nan),
                         "sweep_farthest": np.full(n, np.nan), "sweep_count": np.zeros(n, np.int64)}
        for i in np.flatnonzero(sweeps["result"] == SWEPT):
            row, t = sweeps[i], sweeps[i]["confirmed_at"]
            if not made["sweep_priority"][t] >= row["priority"]:
                made["sweep_dir"][t], made["sweep_priority"][t], made["sweep_level"][t] = row["dir"], row["priority"], row["level"] + offset[t]
                made["sweep_farthest"][t], made["sweep_count"][t] = row["side"] * farthest[i] + offset[t], count[i]
        return made


def extremes_of_sessions(known: Known, kind: str, opening_minutes: int) -> np.ndarray:
    """Highs and lows of weeks, trading days and windows of the session, rows of CANDIDATE_DTYPE; found once.

    The day before and the week before are the calendar's; where no bar of them is at hand there are none.
    """
    def find() -> np.ndarray:
        bars = known.bars
        first, past = (int(bars.session[0]), int(bars.session[-1]) + 1) if len(bars) else (0, 0)
        begins, ends = session_windows(bars.sessions, first, past, kind, opening_minutes)
        return session_extremes(known.price("high"), known.price("low"), bars.ts_open, bars.ts_close, bars.session - first,
                                weeks(bars.sessions.session_date[first:past]), begins, ends)

    return known.once(("session extremes", kind, opening_minutes), find)  # type: ignore[no-any-return]


def weeks(session_date: np.ndarray) -> np.ndarray:
    """Number of the Monday-to-Sunday week of each trading day (int32 yyyymmdd), int64."""
    years, months, days = session_date // 10000, session_date // 100 % 100, session_date % 100
    first = (years - 1970).astype("M8[Y]").astype("M8[M]") + (months - 1).astype("m8[M]")
    return (first.astype("M8[D]").astype(np.int64) + days - 1 + 3) // 7


def session_windows(sessions: Sessions, first: int, past: int, kind: str, opening_minutes: int) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end of overnight, Asia, London and opening range of sessions first..past-1, two int64[sessions, 4] ns UTC; equal where there is none.

    Exchange time in Chicago: overnight from the session's open to 08:30, Asia 18:00 to 02:00, London 02:00 to 08:30.  Futures of other exchanges, shares
    and markets without regular hours have no such parts; the opening range begins with the regular hours.
    """
    begins, ends = np.zeros((past - first, 4), np.int64), np.zeros((past - first, 4), np.int64)
    opens, closes = sessions.open_ns[first:past], sessions.close_ns[first:past]
    rth_open, rth_close = sessions.rth_open_ns[first:past], sessions.rth_close_ns[first:past]
    if kind == "future" and sessions.tz in CHICAGO:
        asia, london, morning = _chicago_times(sessions.session_date[first:past], sessions.tz)
        begins[:, OVERNIGHT], ends[:, OVERNIGHT] = opens, morning
        begins[:, ASIA], ends[:, ASIA] = asia, london
        begins[:, LONDON], ends[:, LONDON] = london, morning
    if kind in ("future", "stock", "index"):
        has_hours = (rth_open > opens) | (rth_close < closes) if kind == "future" else np.full(past - first, True)
        begins[:, OPENING] = np.where(has_hours, rth_open, 0)
        ends[:, OPENING] = np.where(has_hours, rth_open + opening_minutes * MINUTE_NS, 0)
    begins, ends = np.maximum(begins, opens[:, None]), np.minimum(ends, closes[:, None])
    return begins, np.maximum(begins, ends)


def _chicago_times(session_date: np.ndarray, tz: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """18:00 of the evening before, 02:00 and 08:30 of each trading day, int64 ns UTC."""
    zone, out = ZoneInfo(tz), np.empty((3, session_date.size), np.int64)
    for i, day in enumerate(session_date.tolist()):
        d = date(day // 10000, day // 100 % 100, day % 100)
        e = d - timedelta(days=1)
        moments = (datetime(e.year, e.month, e.day, 18, tzinfo=zone), datetime(d.year, d.month, d.day, 2, tzinfo=zone),
                   datetime(d.year, d.month, d.day, 8, 30, tzinfo=zone))
        out[:, i] = [int(moment.timestamp()) for moment in moments]
    return tuple(out * 1_000_000_000)  # type: ignore[return-value]
