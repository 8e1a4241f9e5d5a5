"""A market that stands still, so that what an engine does to one setup can be said by hand: every number is chosen, nothing is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pse.engine.desk import Mode, instrument_records, policy_record
from pse.engine.prepare import Prepared
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.book import Tape, World
from tests.engine.made import MINUTE, START, desk, ready

PRICE = 4_000.0
Bar = tuple[float, float, float, float]


def at(minute: float) -> int:
    """The moment so many minutes after the start, ns UTC."""
    return START + int(minute * MINUTE)


def entry(minute: int, symbol: int = 0, direction: int = 1, risk: float = 4.0, reward: float = 2.0, price: float = PRICE, **more: Any) -> dict[str, Any]:
    """A limit at the decision close of `minute` (a multiple of five), `risk` points to the stop and `reward` times that to the target."""
    d = direction or 1
    return {"ts": at(minute), "symbol": symbol, "kind": k.ENTER, "direction": direction, "order_type": k.LIMIT, "entry": price, "stop": price - d * risk,
            "target": price + d * reward * risk, "target2": np.nan, "size_multiple": 0.75, "quality": 0.7, "confidence": 0.7, "grade": 3, "rank_base": 0.8,
            "precedence": 1, "group": -1, "valid_until": at(minute + 10), "invalid_price": np.nan, "trail_buffer": 0.25,
            "family": c.FAM_MSS_FVG_RETEST, **more}


def signal(minute: int, kind: int, symbol: int = 0, **more: Any) -> dict[str, Any]:
    """A setup that is no entry."""
    return {"ts": at(minute), "symbol": symbol, "kind": kind, "group": -1, "entry": np.nan, "stop": np.nan, "target": np.nan, **more}


def market(setups: Sequence[Mapping[str, Any]] = (), symbols: tuple[str, ...] = ("ES",), minutes: int = 60, bars: Mapping[tuple[int, int], Bar] | None = None,
           context: Mapping[tuple[int, int, int], float] | None = None, day_minutes: int = 10**6, mode: Mode | None = None, overrides: tuple[str, ...] = (),
           **policy: Any) -> Prepared:
    """A window of `minutes` in which every bar is PRICE, but those in `bars` {(symbol, minute): (open, high, low, close)}.

    `context` {(symbol, minute, column): value} replaces numbers of decision rows.  A trading day lasts `day_minutes`.
    """
    plan = desk(symbols, overrides)
    n = len(symbols)
    minute = np.repeat(np.arange(minutes), n)
    symbol = np.tile(np.arange(n), minutes)
    prices = np.full((4, minute.size), PRICE)
    for (which, when), ohlc in (bars or {}).items():
        prices[:, when * n + which] = ohlc
    ts = START + minute.astype(np.int64) * MINUTE
    tape = Tape(ts, ts + MINUTE, symbol.astype(np.int16), *prices, np.full(minute.size, 10_000.0), (20_200_102 + minute // day_minutes).astype(np.int32),
                np.zeros(minute.size, np.int16))
    rows = np.repeat(np.arange(5, minutes + 1, 5), n)
    row_symbol = np.tile(np.arange(n), rows.size // n)
    table = np.full((rows.size, len(k.CONTEXT_COLUMNS)), np.nan)
    close = prices[3].reshape(minutes, n)[rows - 1, row_symbol]
    for column, value in ((k.C_CLOSE, close), (k.C_ATR, 4.0), (k.C_READY, 1.0), (k.C_DATA_SCORE, 1.0), (k.C_LAST_BAR_AGE_NS, 0.0),
                          (k.C_SESSION_LEFT_NS, float(k.NEVER)), (k.C_BLACKOUT, 0.0), (k.C_SPREAD_TICKS, np.nan), (k.C_MSS_DIR, 0.0), (k.C_DAILY_ROW, 80.0),
                          (k.C_MCS, c.MCS_RANGE), (k.C_TCC_CLASS, c.TCC_NONE), (k.C_TCC_DIR, 0.0), (k.C_TCC_SCORE_LONG, 0.0), (k.C_TCC_SCORE_SHORT, 0.0),
                          (k.C_VOL_BUCKET, c.VOL_Q2), (k.C_LIQUIDITY, c.LIQUIDITY_OK), (k.C_RSI_STATE, c.RSI_NEUTRAL), (k.C_MACD_STATE, c.MACD_NEUTRAL),
                          (k.C_VOL_SPIKE, 0.0), (k.C_RATE, 1.0), (k.C_DAILY_ATR, 8.0), (k.C_NEWS_FLAG, 0.0)):
        table[:, column] = value
    for (which, when, column), value in (context or {}).items():
        table[(rows == when) & (row_symbol == which), column] = value
    found = np.zeros(len(setups), k.SETUP_DTYPE)
    for row, setup in zip(found, sorted(setups, key=lambda one: (one["ts"], one["symbol"])), strict=True):
        for name, value in setup.items():
            row[name] = value
    found["evidence"] = np.arange(found.size)
    mode = mode or Mode(end_ns=at(minutes))
    record = policy_record(plan, mode)
    for name, value in policy.items():
        record[name] = value
    row_ts = START + rows.astype(np.int64) * MINUTE
    world = World(row_ts, row_symbol.astype(np.int64), table, found, np.zeros((80, n)), instrument_records(plan), record)
    return ready(plan, mode, tape, world)
