"""The candles around a trade, packed small: whole ticks as int16 steps, compressed, unpacked in the page.

Layout of the block (little endian), N candles of all trades one after the other: five planes of N int16, each written
as its N low bytes and then its N high bytes: step (candle lengths since the candle before), open less the close
before, high less the larger of open and close, the smaller of both less low, close less open; prices in units of a
trade's `unit`.  What one trade needs to unpack its part stands in `index`.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from pse.domain.actions import in_shares_at
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.sessions import DAY_NS, MINUTE_NS

BarsLoader = Callable[[str, int, int], Bars | None]
Charts = Literal["all", "some", "none"]
SOME, LAST = 2_000, 500          # trades with candles unless all are asked for: every one up to here, else the last of them, the best and the worst
MOST, BEFORE, AFTER = 120, 45, 25
PACKING = 6                      # level of compression: a tenth of the time of level 9 for a hundredth of the size
STEPS_NS = tuple(MINUTE_NS * minutes for minutes in (5, 15, 30, 60, 240, 1440, 10_080))
CHUNK_NS = 366 * DAY_NS
LIMIT = 32_000


@dataclass(frozen=True, eq=False)
class Candles:
    """Candles of one trade: `ts` int64 ns of each open, rising, multiples of `step_ns` (from a day on: the session's
    date).

    Prices are float64 points as traded.  `entry`, `exit`: positions of the candles in which the trade began and ended.
    """

    ts: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    step_ns: int
    entry: int
    exit: int


def charted(trades: pl.DataFrame, which: Charts) -> np.ndarray:
    """Rows of the trades that carry candles, in row order: none, all, or up to `SOME` of them, the last `LAST` and half of the rest each from the best
    and the worst by R."""
    if which == "none":
        return np.empty(0, np.int64)
    if which == "all" or trades.height <= SOME:
        return np.arange(trades.height)
    before = trades.height - LAST
    order = np.argsort(np.nan_to_num(trades["r_net"].to_numpy()[:before]), kind="stable")
    half = (SOME - LAST) // 2
    return np.sort(np.concatenate((order[:half], order[-half:], np.arange(before, trades.height))))


def largest(trades: pl.DataFrame, count: int) -> np.ndarray:
    """Rows of the trades with the largest |R|, in row order; a trade without R counts as 0."""
    size = np.nan_to_num(np.abs(trades["r_net"].to_numpy()))
    return np.sort(np.argsort(-size, kind="stable")[:count])


def candles_around(bars: Bars, ts_entry: int, ts_exit: int) -> Candles | None:
    """Candles from before the entry to after the exit, at most `MOST`; None where no bar of the trade is there.

    The length is the shortest of 5 minutes to a week, not under the bars' own, with which the trade fits.
    """
    own = timeframe_ns(bars.timeframe)
    lo = int(np.searchsorted(bars.ts_open, ts_entry, side="right")) - 1
    hi = int(np.searchsorted(bars.ts_open, ts_exit, side="left"))
    step = _step(bars, own, lo, min(hi, len(bars) - 1)) if lo >= 0 and len(bars) else own
    if lo < 0 or len(bars) == 0 or bars.ts_close[lo] <= ts_entry - step:
        return None
    per = max(1, step // own)
    start, end = max(0, lo - (BEFORE + 1) * per), min(len(bars), hi + (AFTER + 1) * per)
    part = bars[start:end]
    leave = max(lo, int(np.searchsorted(bars.ts_open, ts_exit, side="right")) - 1)
    return _aggregate(part, step, (lo - start, leave - start), end < len(bars))


def _step(bars: Bars, own: int, first: int, last: int) -> int:
    """Shortest candle length with which the bars `first` to `last` leave room for what comes before and after."""
    steps = [step for step in STEPS_NS if step >= own] or [own]
    sessions = int(bars.session[last] - bars.session[first])
    counts = ((step, sessions * DAY_NS // step if step >= DAY_NS else (last - first) * own // step) for step in steps)
    return next((step for step, count in counts if count <= MOST - BEFORE - AFTER), steps[-1])


def _aggregate(bars: Bars, step: int, held: tuple[int, int], cut: bool) -> Candles:
    """Candles of the bars; `held`: first and last bar of the trade; `cut`: bars go on, so the last candle may be
    half."""
    key = _opens(bars, step)
    first = np.flatnonzero(np.append(True, np.diff(key) != 0))
    last = np.append(first[1:], len(bars)) - 1
    high, low = np.maximum.reduceat(bars.high, first), np.minimum.reduceat(bars.low, first)
    entry, leave = (int(np.searchsorted(first, bar, side="right")) - 1 for bar in held)
    start = max(0, entry - BEFORE)
    rows = slice(start, min(start + MOST, max(first.size - cut, leave + 1)))
    ts = key[first][rows]
    prices = (bars.open[first][rows], high[rows], low[rows], bars.close[last][rows])
    return Candles(ts, *prices, step_ns=step, entry=entry - start, exit=min(leave - start, ts.size - 1))


def _opens(bars: Bars, step: int) -> np.ndarray:
    """Open of the candle that each bar belongs to, int64 ns; weeks begin on Monday."""
    if step < DAY_NS:
        return bars.ts_open // step * step
    date = bars.session_date
    text = np.char.mod("%d", date)
    days = np.array([f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in text], "datetime64[D]").astype(np.int64)
    size = step // DAY_NS
    return ((days + 3) // size * size - 3 if size > 1 else days) * DAY_NS


def gather(trades: pl.DataFrame, rows: np.ndarray, loader: BarsLoader) -> dict[int, Candles]:
    """Candles by trade row; bars are loaded a symbol and about a year at a time.  A trade whose bars are not there is
    left out.  Prices stand in the shares of its exit, as the trade is told."""
    found: dict[int, Candles] = {}
    chosen = trades[rows].with_columns(pl.Series("row", rows)).sort("symbol", "ts_entry")
    for (symbol,), part in chosen.partition_by("symbol", as_dict=True, maintain_order=True).items():
        entries, exits = part["ts_entry"].to_numpy(), part["ts_exit"].to_numpy()
        start = 0
        while start < entries.size:
            end = int(np.searchsorted(entries, entries[start] + CHUNK_NS))
            bars = loader(str(symbol), int(entries[start]) - 12 * DAY_NS, int(exits[start:end].max()) + 12 * DAY_NS)
            for i in range(start, end):
                candles = None if bars is None else candles_around(in_shares_at(bars, int(exits[i])), int(entries[i]), int(exits[i]))
                if candles is not None:
                    found[int(part["row"][i])] = candles
            start = end
    return dict(sorted(found.items()))


def tick_of(prices: np.ndarray, given: float | None = None) -> float:
    """The price step: the instrument's where every price is a whole number of it, else the largest power of ten that
    fits."""
    for tick in ([given] if given else []) + [10.0**-digits for digits in range(9)]:
        if np.abs(prices / tick - np.round(prices / tick)).max(initial=0.0) < 1e-4:
            return tick
    return 1e-8


def pack(candles: dict[int, Candles], ticks: dict[int, float]) -> tuple[str, dict[str, Any]]:
    """The block as base64 of zlib, and its index (lists, one item a trade): row, n, t0 (s), step (s), p0 (units), unit,
    entry, exit (positions).

    ticks: price step by trade row, the instrument's; a coarser unit is taken where a move would not fit.
    """
    planes: list[list[np.ndarray]] = [[] for _ in range(5)]
    index: dict[str, list[Any]] = {name: [] for name in ("row", "n", "t0", "step", "p0", "unit", "entry", "exit")}
    for row, c in candles.items():
        unit, parts = _steps(c, tick_of(np.concatenate((c.open, c.high, c.low, c.close)), ticks.get(row)))
        for plane, part in zip(planes, parts, strict=True):
            plane.append(part.astype("<i2"))
        values = (
            row,
            c.ts.size,
            int(c.ts[0]) // 10**9,
            c.step_ns // 10**9,
            int(round(c.open[0] / unit)),
            unit,
            c.entry,
            c.exit,
        )
        for name, value in zip(index, values, strict=True):
            index[name].append(value)
    joined = b"".join(_bytes(np.concatenate(plane) if plane else np.empty(0, "<i2")) for plane in planes)
    return base64.b64encode(zlib.compress(joined, PACKING)).decode("ascii"), index


def _bytes(plane: np.ndarray) -> bytes:
    both = plane.view(np.uint8).reshape(-1, 2)
    return both[:, 0].tobytes() + both[:, 1].tobytes()


def _steps(c: Candles, unit: float) -> tuple[float, list[np.ndarray]]:
    """The five planes of one trade, and the unit in which they fit int16."""
    while True:
        o, h, low, e = (np.round(price / unit).astype(np.int64) for price in (c.open, c.high, c.low, c.close))
        time = np.append(0, np.diff(c.ts) // c.step_ns)
        parts = [
            np.minimum(time, LIMIT),
            o - np.append(o[0], e[:-1]),
            h - np.maximum(o, e),
            np.minimum(o, e) - low,
            e - o,
        ]
        if max(int(np.abs(part).max()) for part in parts[1:]) <= LIMIT:
            return unit, parts
        unit *= 10.0


def unpack(text: str, index: dict[str, Any]) -> dict[int, Candles]:
    """What the page does, in Python: the inverse of `pack` on prices that are whole units."""
    block = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    total = sum(index["n"])
    halves = block.reshape(5, 2, total).astype(np.int64)
    planes = (halves[:, 0] | (halves[:, 1] << 8)).astype(np.uint16).view(np.int16).astype(np.int64)
    found, at = {}, 0
    for row, n, t0, step, p0, unit, entry, leave in zip(*index.values(), strict=True):
        time, gap, up, down, move = planes[:, at : at + n]
        o = p0 + np.cumsum(gap + np.append(0, move[:-1]))
        e = o + move
        high, low = np.maximum(o, e) + up, np.minimum(o, e) - down
        ts, length = (t0 + np.cumsum(time) * step) * 10**9, step * 10**9
        found[row] = Candles(ts, o * unit, high * unit, low * unit, e * unit, length, entry, leave)
        at += n
    return found
