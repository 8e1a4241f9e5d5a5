"""A request's columns on the rows of a table: own bars as they are, other timeframes and symbols as of the close of their bar.

A bar speaks from its close on (inclusive) and never while it forms.  Prices of another timeframe of the same symbol are shifted by the rolls since, so that
they stand on the scale of the contract that the row trades; what splits and dividends multiplied them by is taken out again.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.actions import without_noise
from pse.domain.bars import timeframe_ns
from pse.domain.base import Frozen
from pse.domain.errors import RequestError
from pse.domain.sessions import DAY_NS, Sessions
from pse.features import Columns
from pse.features.feature import Column, Known
from pse.features.requests import Request
from pse.kernels.resample import asof_rows

IN_PRICE = ("price", "points")


class StaleRule(Frozen):
    """When another symbol's bar is too old: its market was open for longer than this since the bar closed."""

    max_bars: float = Field(2.0, gt=0, le=1000, description="bars of that timeframe, a daily one as long as its session")
    tolerance_s: float = Field(60.0, ge=0, le=86_400, description="seconds that a bar may come late")


def request_columns(request: Request, known: Known, rule: StaleRule | None = None) -> Columns:
    """Name in a table to values, aligned with `known.bars`; float64, or int64 for states, directions, flags and counts.

    NaN (0 in an int64 column) before the first bar of the other series.
    """
    there = _there(request, known)
    found = known.of(request.feature) if there is known and request.feature else _bars_or_feature(request, there)
    names = [name for name, _ in zip(request.columns, request.own, strict=False)]
    if there is known:
        return {name: _traded(found[own], request.declared[own].unit, known.bars.factor) for name, own in zip(names, request.own, strict=True)}
    rows = asof_rows(there.bars.ts_close, known.bars.ts_close)
    shift = _roll_shift(there, known, rows) if request.symbol in (None, known.instrument.symbol) else None
    made = {name: _on_rows(found[own], rows, shift if request.declared[own].unit == "price" else None) for name, own in zip(names, request.own, strict=True)}
    factor = known.bars.factor if request.symbol in (None, known.instrument.symbol) else _of_their_bars(there, rows)
    made = {name: _traded(made[name], request.declared[own].unit, factor) for name, own in zip(names, request.own, strict=True)}
    if request.symbol is not None:
        made[f"{request.label}__age_s"] = age_s(there, known, rows)
        made[f"{request.label}__stale"] = is_stale(there, known, rows, rule or StaleRule()).astype(np.int64)
    return made


def _there(request: Request, known: Known) -> Known:
    if request.symbol is not None:
        found = known.other(request.symbol, request.timeframe)
        if found is None:
            raise RequestError(f"{request.text}: the bars of {request.symbol} are not at hand; run `pse ingest --symbol {request.symbol} ...` first")
        return found
    return known if request.timeframe is None else known.at(request.timeframe)


def _bars_or_feature(request: Request, there: Known) -> Columns:
    return there.of(request.feature) if request.feature is not None else {name: getattr(there.bars, name) for name in request.own}


def _on_rows(values: np.ndarray, rows: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
    """Values of the rows' bars: NaN, or 0 for integers, where there is no bar yet."""
    there = rows >= 0
    out = np.zeros(rows.size, values.dtype) if values.dtype.kind == "i" else np.full(rows.size, np.nan)
    out[there] = values[rows[there]]
    return out if shift is None else out + shift


def _of_their_bars(there: Known, rows: np.ndarray) -> np.ndarray | None:
    """The factor of the bar of another symbol that speaks on each row; None where its prices are as traded."""
    return None if there.bars.factor is None else _on_rows(there.bars.factor, rows, None)


def _traded(values: np.ndarray, unit: str, factor: np.ndarray | None) -> np.ndarray:
    """Prices and distances as traded, where splits and dividends have multiplied them; everything else as it is."""
    if factor is None or unit not in IN_PRICE:
        return values
    changed = factor != 1.0
    out = values.astype(np.float64)
    out[changed] = without_noise(values[changed] / factor[changed])
    return out


def _roll_shift(there: Known, known: Known, rows: np.ndarray) -> np.ndarray | None:
    """Points between the contract of each row and the contract of the bar that speaks on it; None without rolls."""
    if not known.bars.offset.any():
        return None
    shift = np.zeros(rows.size)
    shift[rows >= 0] = (known.bars.offset - there.bars.offset[rows])[rows >= 0] if len(there) else 0.0
    return shift


# --- age -----------------------------------------------------------------------------------------------------------------------------------------


def age_s(there: Known, known: Known, rows: np.ndarray) -> np.ndarray:
    """Seconds from the close of the bar that speaks to the close of the row, float64[n]; NaN before the first."""
    out = np.full(rows.size, np.nan)
    out[rows >= 0] = (known.bars.ts_close[rows >= 0] - there.bars.ts_close[rows[rows >= 0]]) / 1e9
    return out


def is_stale(there: Known, known: Known, rows: np.ndarray, rule: StaleRule) -> np.ndarray:
    """Whether the other market was open for longer since its bar than the rule allows, bool[n]; also where there is no bar yet."""
    stale, some = np.ones(rows.size, bool), rows >= 0
    bars, at = there.bars, rows[some]
    waited = open_time_ns(bars.sessions, known.bars.ts_close[some]) - open_time_ns(bars.sessions, bars.ts_close[at])
    length = np.full(at.size, timeframe_ns(there.timeframe))
    if timeframe_ns(there.timeframe) >= DAY_NS:
        length = bars.sessions.expected_minutes()[bars.session[at]] * (DAY_NS // 1440)
    stale[some] = waited > rule.max_bars * length + rule.tolerance_s * 1e9
    return stale


def open_time_ns(sessions: Sessions, moments: np.ndarray) -> np.ndarray:
    """How long the market was open from its first session to each moment, halts left out, int64[n]."""
    whole = sessions.close_ns - sessions.open_ns - (sessions.break_close_ns - sessions.break_open_ns)
    at = np.searchsorted(sessions.open_ns, moments, side="right") - 1
    row = np.maximum(at, 0)
    so_far = np.clip(moments, sessions.open_ns[row], sessions.close_ns[row]) - sessions.open_ns[row]
    halted = np.clip(moments - sessions.break_open_ns[row], 0, sessions.break_close_ns[row] - sessions.break_open_ns[row])
    return np.where(at >= 0, np.concatenate([[0], np.cumsum(whole)])[row] + so_far - halted, 0)


def blank(column: Column, rows: int) -> np.ndarray:
    """A column of which nothing is known."""
    return np.zeros(rows, np.int64) if column.unit in ("state", "direction", "flag", "count") else np.full(rows, np.nan)
