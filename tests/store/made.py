"""Small made-up series for the store's tests: plain minutes, and two contracts that hand over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pse.domain.instruments import Instrument
from pse.domain.ports import Fetched
from pse.domain.sessions import Sessions
from pse.store.layout import Home
from pse.store.quarantine import Checked, check
from pse.store.sessions import load_sessions
from pse.store.tables import IngestResult, merge_bars

MINUTE = 60_000_000_000
CME = "CME Globex Equity"
ES = Instrument(symbol="ES", name="E-mini S&P 500", kind="future", tick=0.25, lot_step=1, point_value=50, currency="USD", calendar=CME)
BTC = Instrument(symbol="BTCUSDT", name="Bitcoin", kind="crypto", tick=0.01, lot_step=0.001, point_value=1, currency="USD", calendar="24/7")
SPY = Instrument(symbol="SPY", name="SPDR", kind="stock", tick=0.01, lot_step=1, point_value=1, currency="USD", calendar="NYSE")
OVERRIDES = (
    {"calendar": CME, "first": "1997-09-09", "last": "2199-12-31", "rth": ["08:30", "15:00"]},
    {"calendar": CME, "first": "2012-11-19", "last": "2015-09-18", "close": "16:15"},
    {"calendar": CME, "first": "2012-11-19", "last": "2021-06-25", "break": ["15:15", "15:30"]},
)


def ns(text: str) -> int:
    """Nanoseconds of a UTC moment written as numpy reads it."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def minutes(start: str, count: int, *, price: float = 4000.0, contract: str | None = None, volume: float = 100.0, seed: int = 1, step: int = MINUTE,
            source: str = "made.csv") -> pl.DataFrame:
    """`count` bars from `start` on, a random walk on the 0.25 grid."""
    draw = np.random.default_rng(seed)
    close = price + np.cumsum(draw.integers(-3, 4, count)) * 0.25
    opened = np.r_[price, close[:-1]]
    high, low = np.maximum(opened, close) + draw.integers(0, 3, count) * 0.25, np.minimum(opened, close) - draw.integers(0, 3, count) * 0.25
    return pl.DataFrame({
        "ts_open": ns(start) + np.arange(count) * step, "open": opened, "high": high, "low": low, "close": close, "volume": np.full(count, volume),
        "contract": pl.Series([contract] * count, dtype=pl.String), "source": [source] * count, "row": np.arange(1, count + 1),
    })


def checked(frame: pl.DataFrame, instrument: Instrument = ES, **more: Any) -> Checked:
    return check(Fetched(frame, "1m", **more), instrument)


def sessions_for(home: Home, frame: pl.DataFrame, instrument: Instrument = ES) -> Sessions:
    first, last = int(frame["ts_open"].min()), int(frame["ts_open"].max())  # type: ignore[arg-type]
    return load_sessions(home, instrument.calendar, first, last, OVERRIDES)


def store(home: Home, frame: pl.DataFrame, instrument: Instrument = ES, timeframe: str = "1m", front: Sequence[tuple[int, str]] | None = None,
          **more: Any) -> IngestResult:
    """Check and merge a frame."""
    found = check(Fetched(frame, timeframe, **more), instrument)
    return merge_bars(home, found.rows, instrument, timeframe, sessions_for(home, frame, instrument), list(front) if front else None)


def data_files(home: Home) -> list[Path]:
    return sorted(home.bars.rglob("*.parquet"))


def three_roll_days() -> pl.DataFrame:
    """Trading days 2024-03-12, 13 and 14 of two contracts: the later one trades more on the 13th, so it is in front from the 14th on.

    The old one closes the 13th at 5100.00 and the new one at 5155.50, both at 20:58; the new one has one minute more, at 20:59.
    """
    parts = []
    for day, old_volume, new_volume in (("12", 100.0, 10.0), ("13", 50.0, 60.0), ("14", 5.0, 200.0)):
        start = f"2024-03-{day}T20:50"
        old = minutes(start, 9, price=5100.0, contract="ESH4", volume=old_volume, seed=int(day))
        new = minutes(start, 10, price=5155.0, contract="ESM4", volume=new_volume, seed=int(day) + 50)
        parts += [old, new]
    frame = pl.concat(parts)
    last_common = ns("2024-03-13T20:58")
    close = pl.when(pl.col("ts_open") == last_common, pl.col("contract") == "ESH4").then(5100.0)
    close = close.when(pl.col("ts_open") == last_common, pl.col("contract") == "ESM4").then(5155.5).otherwise(pl.col("close"))
    return frame.with_columns(close=close).with_columns(high=pl.max_horizontal("high", "close"), low=pl.min_horizontal("low", "close"))
