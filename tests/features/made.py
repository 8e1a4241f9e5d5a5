"""Made-up bars for tests: walks on the tick grid with ties, gaps and holes, and minutes inside real session times."""

from __future__ import annotations

from datetime import date

import numpy as np

from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.providers.plain_sessions import plain_sessions

TICK = 0.25
MINUTE = 60_000_000_000


def walk(seed: int, n: int, holes: float = 0.0) -> tuple[np.ndarray, ...]:
    """(open, high, low, close, volume) float64[n] on the tick grid; a share of bars is NaN with `holes`."""
    rng = np.random.default_rng(seed)
    scale = rng.choice([1.0, 3.0, 8.0])                             # few ticks: many ties; many ticks: displacement and gaps
    close = 400 + np.cumsum(rng.integers(-3, 4, n) * (1 + scale * (rng.random(n) < 0.15)).astype(np.int64))
    open_ = np.concatenate([[400], close[:-1]]) + rng.integers(-1, 2, n) * (rng.random(n) < 0.3)
    high, low = np.maximum(open_, close) + rng.integers(0, 4, n), np.minimum(open_, close) - rng.integers(0, 4, n)
    bars = [column * TICK for column in (open_, high, low, close)]
    gone = rng.random(n) < holes
    for column in bars:
        column[gone] = np.nan
    return *bars, rng.integers(0, 300, n).astype(np.float64)


def future(tick: float = TICK) -> Instrument:
    return Instrument(symbol="ES", name="made", kind="future", tick=tick, lot_step=1, point_value=50, currency="USD", calendar="CME Globex Equity")


def share() -> Instrument:
    return Instrument(symbol="SPY", name="made", kind="stock", tick=0.01, lot_step=1, point_value=1, currency="USD", calendar="NYSE")


def minutes(seed: int, days: int, calendar: str = "CME Globex Equity", missing: float = 0.0, roll_every: int = 0, tick: float = TICK,
            first: date = date(2021, 3, 4)) -> Bars:
    """1m bars over `days` trading days; a share `missing` of minutes is left out; a new contract every `roll_every` days."""
    sessions = plain_sessions(calendar, first, date(2021, 12, 31))
    rng = np.random.default_rng(seed)
    per_day = int((sessions.close_ns[0] - sessions.open_ns[0]) // MINUTE)
    ts = (sessions.open_ns[:days, None] + np.arange(per_day) * MINUTE).ravel()
    session = np.repeat(np.arange(days, dtype=np.int64), per_day)
    kept = rng.random(ts.size) >= missing
    ts, session = ts[kept], session[kept]
    n = ts.size
    burst = 1 + 4 * (rng.random(n) < 0.05)
    close = 16_000 + np.cumsum(rng.integers(-2, 3, n) * burst)
    open_ = np.concatenate([[16_000], close[:-1]]) + rng.integers(-1, 2, n) * (rng.random(n) < 0.1)
    high, low = np.maximum(open_, close) + rng.integers(0, 3, n), np.minimum(open_, close) - rng.integers(0, 3, n)
    contract = (session // roll_every if roll_every else session * 0).astype(np.int32)
    steps = rng.integers(-40, 41, int(contract.max()) + 1)
    steps[0] = 0
    offset = (np.cumsum(steps) * tick)[contract]
    prices = {name: column * tick + offset for name, column in (("open", open_), ("high", high), ("low", low), ("close", close))}
    return Bars(symbol="ES", timeframe="1m", ts_open=ts, ts_close=ts + MINUTE, **prices, volume=rng.integers(0, 300, n).astype(np.float64),
                session=session, roll=np.concatenate([[False], np.diff(contract) > 0]), offset=offset, contract=contract,
                flags=np.zeros(n, np.int16), contracts=tuple(f"C{i}" for i in range(int(contract.max()) + 1)), sessions=sessions)
