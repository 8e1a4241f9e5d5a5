"""Short markets drawn from a seed with everything that real bars do: holes, halts, NaN bars, no volume, flat stretches, rolls, odd ticks, other symbols.

Made with numpy alone, in a fraction of a millisecond, so that laws can be tried on thousands of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache

import numpy as np

from pse.domain.bars import BarFlag, Bars, timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS, Sessions
from pse.features.feature import Feature, Known, Market

KINDS = {"future": ("CME Globex Equity", "America/Chicago"), "stock": ("NYSE", "America/New_York"), "crypto": ("24/7", "UTC")}
TICKS = {"future": (0.25, 0.00005, 1.0), "stock": (0.01,), "crypto": (0.01, 0.1)}
FRAMES = ("1m", "5m", "15m", "1h", "1d")
FIRST = int(np.datetime64("2021-03-01T14:30", "ns").astype(np.int64))


def instrument(kind: str, tick: float, symbol: str = "ES") -> Instrument:
    return Instrument(symbol=symbol, name="made", kind=kind, tick=tick, lot_step=1, point_value=1, currency="USD", calendar=KINDS[kind][0])


@cache
def sessions(kind: str, count: int, minutes: int, halt: bool) -> Sessions:
    """`count` sessions of so many minutes from 14:30 UTC on (crypto: from midnight), weekends left out but for crypto; a halt of an eighth in the middle."""
    days = [day for day in (date(2021, 3, 1) + timedelta(days=i) for i in range(2 * count + 9)) if kind == "crypto" or day.weekday() < 5][:count]
    since = np.array([(day - date(2021, 3, 1)).days for day in days]) * DAY_NS
    opens = FIRST + since - (870 * MINUTE_NS if kind == "crypto" else 0)
    closes = opens + minutes * MINUTE_NS
    breaks = (opens + minutes // 2 * MINUTE_NS, opens + (minutes // 2 + minutes // 8) * MINUTE_NS) if halt else (np.zeros(count, np.int64),) * 2
    dates = np.array([day.year * 10_000 + day.month * 100 + day.day for day in days], np.int32)
    return Sessions(*KINDS[kind], dates, opens, closes, opens, closes, *breaks, digest="made")


@dataclass(frozen=True)
class Draw:
    """What was drawn: the market, the timeframe that features are computed on, and the seed's generator for more."""

    market: Market
    timeframe: str
    rng: np.random.Generator

    @property
    def known(self) -> Known:
        return self.market.at(self.timeframe)


def draw(seed: int, feature: Feature | None = None) -> Draw:
    """A market of up to about 350 bars on which the feature can be computed, with the symbols it reads (now and then without one)."""
    rng = np.random.default_rng(seed)
    reads = {one: feature.timeframes(one) if feature is not None else () for one in FRAMES}
    frame = str(rng.choice([one for one in FRAMES if all(timeframe_ns(read) % timeframe_ns(one) == 0 for read in reads[one])]))
    kind = str(rng.choice([*KINDS]))
    tick = float(rng.choice(TICKS[kind]))
    bars = drawn_bars(rng, frame, kind, tick)
    wanted = feature.symbols() if feature is not None else ()
    others = {symbol: Market(drawn_other(rng, bars, symbol), instrument("stock", 0.01, symbol), int(bars.ts_close[-1]) if len(bars) else None)
              for symbol in wanted if rng.random() < 0.8}
    table = frame
    if rng.random() < 0.2 and frame in ("1m", "5m"):
        table = {"1m": "5m", "5m": "15m"}[frame]
    return Draw(Market(bars, instrument(kind, tick), others=others), table, rng)


def drawn_bars(rng: np.random.Generator, frame: str, kind: str, tick: float, symbol: str = "ES") -> Bars:
    """Bars of a few sessions, on the tick grid, with faults."""
    length = timeframe_ns(frame) // MINUTE_NS
    if frame == "1d":
        each, calendar = 1, sessions(kind, 420, 390, False)
        count = int(rng.integers(1, 350))
    else:
        each = int(min(rng.choice([6, 26, 78, 130]), 1380 // length))
        calendar = sessions(kind, 90, each * length, bool(rng.random() < 0.3))
        count = int(rng.integers(1, max(2, 350 // each))) + (1 if each < 100 else 0)
    session = np.repeat(np.arange(min(count, calendar.open_ns.size - 2), dtype=np.int64), each)
    step = 0 if frame == "1d" else timeframe_ns(frame)
    ts = calendar.open_ns[session] + np.tile(np.arange(each, dtype=np.int64), session.size // each) * step
    halted = (ts >= calendar.break_open_ns[session]) & (ts < calendar.break_close_ns[session])
    kept = ~halted & (rng.random(ts.size) >= rng.choice([0.0, 0.0, 0.05, 0.4]))
    kept[-1:] |= not kept.any()
    ts, session = ts[kept], session[kept]
    n = ts.size
    close_ns = calendar.close_ns[session] if frame == "1d" else np.minimum(ts + step, calendar.close_ns[session])
    o, h, lo, c, volume = walk(rng, n)
    contract = np.zeros(n, np.int32)
    if kind == "future" and rng.random() < 0.4:
        every = max(1, int(session[-1]) // 3)
        contract = (session // every).astype(np.int32)
    gaps = rng.integers(-60, 61, int(contract.max(initial=0)) + 1)
    gaps[0] = 0
    offset = (np.cumsum(gaps) * tick)[contract]
    flags = np.where(volume == 0, np.int16(BarFlag.ZERO_VOLUME), np.int16(0)).astype(np.int16)
    spread = None
    if rng.random() < 0.3:
        spread = rng.integers(0, 4, n) * tick
        spread[rng.random(n) < rng.choice([0.0, 0.05, 0.2, 1.0])] = np.nan
        if rng.random() < 0.5:                                    # quotes that begin late
            spread[:int(rng.integers(0, n + 1))] = np.nan
    roll = np.concatenate([[False], np.diff(contract) > 0])[:n]
    prices = {name: column * tick + offset for name, column in (("open", o), ("high", h), ("low", lo), ("close", c))}
    return Bars(symbol, frame, ts, close_ns, **prices, volume=volume, session=session, roll=roll, offset=offset, contract=contract, flags=flags,
                contracts=tuple(f"C{i}" for i in range(int(contract.max(initial=0)) + 1)), sessions=calendar, spread=spread)


def walk(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Open, high, low, close in ticks and volume: ties, jumps, flat stretches, NaN bars, no or unknown volume; now and then all flat or all unknown."""
    scale = rng.choice([1.0, 4.0, 12.0])
    close = 2000 + np.cumsum(rng.integers(-3, 4, n) * (1 + scale * (rng.random(n) < 0.15)))
    open_ = np.concatenate([[2000.0], close[:-1]])[:n] + rng.integers(-2, 3, n) * (rng.random(n) < 0.3)
    high, low = np.maximum(open_, close) + rng.integers(0, 4, n), np.minimum(open_, close) - rng.integers(0, 4, n)
    volume = rng.integers(1, 300, n).astype(np.float64)
    fault = rng.random()
    if fault < 0.3:                                               # a stretch without a trade at one price
        a = int(rng.integers(0, n))
        stretch = slice(a, a + int(rng.integers(1, 60)))
        for column in (open_, high, low, close):
            column[stretch] = close[a]
        volume[stretch] = 0.0
    elif fault < 0.35:
        for column in (open_, high, low, close):
            column[:] = 2000.0
    if rng.random() < 0.3:
        volume[rng.random(n) < rng.choice([0.05, 0.5, 1.0])] = rng.choice([0.0, np.nan])
    if rng.random() < 0.35:                                       # bars of which nothing is known, also in a row
        gone = rng.random(n) < rng.choice([0.01, 0.1, 1.0], p=[0.6, 0.35, 0.05])
        gone[1:] |= gone[:-1] & (rng.random(n - 1) < 0.5) if n > 1 else False
        for column in (open_, high, low, close, volume):
            column[gone] = np.nan
    return open_, high, low, close, volume


def drawn_other(rng: np.random.Generator, bars: Bars, symbol: str) -> Bars:
    """Another symbol's bars beside these: some of the same moments, its own prices; now and then it begins late or stops early."""
    n = len(bars)
    kept = rng.random(n) >= rng.choice([0.0, 0.1])
    if rng.random() < 0.3 and n > 1:
        edge = int(rng.integers(0, n))
        kept[slice(edge, None) if rng.random() < 0.5 else slice(0, edge)] = False
    rows = np.flatnonzero(kept)
    o, h, lo, c, volume = walk(rng, rows.size) if rows.size else (np.empty(0),) * 5
    columns = {name: getattr(bars, name)[rows] for name in Bars.columns()}
    columns |= {name: column * 0.01 for name, column in (("open", o), ("high", h), ("low", lo), ("close", c))}
    columns |= {"volume": volume, "offset": np.zeros(rows.size), "roll": np.zeros(rows.size, bool), "contract": np.zeros(rows.size, np.int32),
                "flags": np.zeros(rows.size, np.int16)}
    return replace(bars, symbol=symbol, contracts=("C0",), spread=None, **columns)


def clean(frame: str, bars: int, feature: Feature) -> Draw:
    """A market without a fault: `5m` in sessions of 23 hours, or `1d`, with the symbols that the feature reads."""
    rng = np.random.default_rng(7)
    each = 276 if frame == "5m" else 1
    calendar = sessions("future", -(-bars // each) + 3, 1380, False)
    session = (np.arange(bars) // each).astype(np.int64)
    ts = calendar.open_ns[session] + np.arange(bars) % each * (0 if frame == "1d" else timeframe_ns(frame))
    close_ns = calendar.close_ns[session] if frame == "1d" else ts + timeframe_ns(frame)

    def made(symbol: str) -> Bars:
        close = 16_000 + np.cumsum(rng.integers(-6, 7, bars))
        open_ = np.concatenate([[16_000], close[:-1]]) + rng.integers(-1, 2, bars)
        high, low = np.maximum(open_, close) + rng.integers(1, 5, bars), np.minimum(open_, close) - rng.integers(1, 5, bars)
        none = np.zeros(bars)
        prices = {name: column * 0.25 for name, column in (("open", open_), ("high", high), ("low", low), ("close", close))}
        return Bars(symbol, frame, ts, close_ns, **prices, volume=rng.integers(50, 300, bars).astype(np.float64), session=session, roll=none.astype(bool),
                    offset=none, contract=none.astype(np.int32), flags=none.astype(np.int16), contracts=("",), sessions=calendar)

    others = {symbol: Market(made(symbol), instrument("stock", 0.01, symbol)) for symbol in feature.symbols()}
    return Draw(Market(made("ES"), instrument("future", 0.25), others=others), frame, rng)


def until(market: Market, moment: int) -> Market:
    """The market as it stood at a moment: no bar of any symbol that closed later, and no column of quotes where none was known by then, as bars are loaded."""
    bars = market.bars[:int(np.searchsorted(market.bars.ts_close, moment, side="right"))]
    if bars.spread is not None and np.isnan(bars.spread).all():
        bars = replace(bars, spread=None)
    others = {symbol: Market(there.bars[:int(np.searchsorted(there.bars.ts_close, moment, side="right"))], there.instrument, moment)
              for symbol, there in market.others.items()}
    return Market(bars, market.instrument, moment, others)


def rewritten(market: Market, moment: int, rng: np.random.Generator, poison: bool) -> Market:
    """The same moments, but other prices, volumes and quotes in every bar that closes after `moment`: NaN, or a hundred times as far; quotes also where none
    were known before."""

    def changed(bars: Bars) -> Bars:
        late = bars.ts_close > moment
        columns = {}
        for name in ("open", "high", "low", "close", "volume"):
            column = getattr(bars, name).copy()
            column[late] = np.nan if poison else np.abs(column[late]) * rng.uniform(0.01, 100, int(late.sum()))
            columns[name] = column
        if bars.spread is not None or not poison:
            before = np.full(len(bars), np.nan) if bars.spread is None else bars.spread
            columns["spread"] = np.where(late, np.nan if poison else rng.integers(0, 4, len(bars)) * 0.25, before)
        return replace(bars, **columns)

    others = {symbol: Market(changed(there.bars), there.instrument, there.until_ns) for symbol, there in market.others.items()}
    return Market(changed(market.bars), market.instrument, market.until_ns, others)
