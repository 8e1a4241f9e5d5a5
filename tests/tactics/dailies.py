"""Made-up daily bars of several symbols, and the features of each with the others at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.features.build import Features, FeatureSpec
from pse.features.feature import Known, Market
from pse.providers.plain_sessions import plain_sessions

SPEC = FeatureSpec(decision_timeframe="1d", context_timeframe="1d")


def stock(symbol: str, calendar: str = "NYSE", tick: float = 0.01, tradable: bool = True) -> Instrument:
    return Instrument(symbol=symbol, name="made", kind="stock" if calendar == "NYSE" else "crypto", tick=tick, lot_step=1, point_value=1, currency="USD",
                      calendar=calendar, tradable=tradable)


def daily_bars(close: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray | None = None, low: Sequence[float] | np.ndarray | None = None,
               symbol: str = "AAA", calendar: str = "NYSE", first: date = date(2015, 1, 5), offset: np.ndarray | None = None) -> Bars:
    """One bar a trading day from price lists; the calendar goes on for some weeks."""
    close = np.asarray(close, float)
    high, low = (close if one is None else np.asarray(one, float) for one in (high, low))
    n = close.size
    sessions = plain_sessions(calendar, first, date(first.year + n // 250 + 1, 12, 31))
    off = np.zeros(n) if offset is None else offset
    opened, closed = sessions.open_ns[:n], sessions.close_ns[:n]
    start = np.concatenate([close[:1], close[:-1]])
    roll, prices = np.diff(off, prepend=off[:1]) != 0, (np.clip(start, low, high), high, low, close)
    no_contract, no_flags = np.zeros(n, np.int32), np.zeros(n, np.int16)
    return Bars(symbol, "1d", opened, closed, *prices, np.full(n, 1e6), np.arange(n), roll, off, no_contract, no_flags, (symbol,), sessions)


def walk_bars(seed: int, n: int, symbol: str = "AAA", calendar: str = "NYSE", holes: float = 0.0, missing: float = 0.0, rolls: bool = False,
              volatility: float = 0.015) -> Bars:
    """A geometric walk on the cent; a share of bars is NaN with `holes`, and not there at all with `missing`."""
    rng = np.random.default_rng((seed, *symbol.encode()))
    drift = np.repeat(rng.normal(0, 0.002, n // 40 + 1), 40)[:n]
    close = np.round(100 * np.exp(np.cumsum(drift + rng.normal(0, volatility, n) * rng.choice([0.3, 1, 1, 2.5], n))), 2)
    high = close + np.round(rng.uniform(0, 0.01, n) * close, 2)
    low = close - np.round(rng.uniform(0, 0.01, n) * close, 2)
    offset = np.round(np.cumsum((rng.random(n) < 0.02) * rng.normal(0, 2, n)), 2) if rolls else np.zeros(n)
    bars = daily_bars(close + offset, high + offset, low + offset, symbol, calendar, offset=offset)
    gone = rng.random(n) < holes
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[gone] = np.nan
    if not missing:
        return bars
    kept = rng.random(n) >= missing
    return Bars(**{**vars(bars), **{name: getattr(bars, name)[kept] for name in Bars.columns()}})


def markets(bars: Sequence[Bars], until_ns: int | None = None) -> Mapping[str, Market]:
    """One market a symbol, all with one table of the others, as a desk has them; until the last close of any."""
    until = max(int(one.ts_close[-1]) for one in bars if len(one)) if until_ns is None else until_ns
    table: dict[str, Market] = {}
    for one in bars:
        table[one.symbol] = Market(one, stock(one.symbol, one.sessions.calendar), until, table)
    return table


def features_of(bars: Sequence[Bars], symbol: str, until_ns: int | None = None, spec: FeatureSpec = SPEC) -> Features:
    return Features(markets(bars, until_ns)[symbol], spec)


def known_of(bars: Sequence[Bars], symbol: str) -> Known:
    return markets(bars)[symbol].at("1d")
