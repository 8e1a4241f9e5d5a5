"""What is measured on: made-up minutes, a stored series, and the context that a command is handed."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl

SYMBOL = "ES"
FIRST, LAST = "2009-01-01", "2023-07-01"                 # 5.8 million stored minutes, 5.05 million of them the front contract's
DAYS = ("2023-07-03", "2023-07-26")                      # the trading days that are appended one by one
SEED = 42
MINUTE_NS = 60_000_000_000


def context(home: Path, *overrides: str):
    """A quiet context on a home folder, with the default settings but for `overrides`."""
    from rich.console import Console

    from pse.commands.wiring import Context
    from pse.store.layout import Home

    return Context(Home(home), Console(file=StringIO()), Console(file=StringIO()), quiet=True, overrides=(f"seed={SEED}", *overrides))


def fetch(home: Path, first: str, last: str):
    """Synthetic minutes of a range, as a provider hands them over."""
    from pse.clock import moment_ns
    from pse.domain.ports import CsvOptions, FetchRequest
    from pse.providers.synthetic import Synthetic
    from pse.store.sessions import load_sessions

    here = context(home)
    instrument = here.settings.instrument(SYMBOL)
    extra = {"sessions": lambda first_ns, last_ns: load_sessions(here.home, instrument.calendar, first_ns, last_ns, here.settings.sessions)}
    return Synthetic().fetch(FetchRequest(SYMBOL, instrument, "1m", moment_ns(first), moment_ns(last), None, CsvOptions(), SEED, extra))


def store(home: Path, fetched) -> int:
    """Check and store what a provider found, as `pse ingest` does after reading; gives the rows of the series."""
    from pse.commands.ingest import sessions_around
    from pse.store.quarantine import check
    from pse.store.snapshots import take_snapshot
    from pse.store.tables import merge_bars

    here = context(home)
    instrument = here.settings.instrument(SYMBOL)
    checked = check(fetched, instrument)
    result = merge_bars(here.home, checked.rows, instrument, "1m", sessions_around(here, instrument, checked), fetched.front)
    take_snapshot(here.home, [(SYMBOL, "1m")], here.clock)
    return result.rows


def prepare(folder: Path) -> None:
    """The stored series and the rows it was made of, in `folder`; made once, shared by the groups."""
    fetched = fetch(folder / "home", FIRST, LAST)
    fetched.frame.write_parquet(folder / "minutes.parquet")
    store(folder / "home", fetched)


def minutes(folder: Path):
    """The rows of the stored series, in memory, as a provider hands them over."""
    from pse.domain.ports import Fetched

    return Fetched(frame=pl.read_parquet(folder / "minutes.parquet"), timeframe="1m", synthetic=True)


def walk(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A walk on a grid of 0.25 as columns: time int64 ns, prices and volume float64."""
    rng = np.random.default_rng(seed)
    close = 4000 + np.cumsum(rng.choice([-0.25, 0.0, 0.25], n) * rng.choice([1, 1, 2, 4], n))
    opened = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(opened, close) + rng.integers(0, 4, n) * 0.25
    low = np.minimum(opened, close) - rng.integers(0, 4, n) * 0.25
    start = 1_600_000_200_000_000_000
    return {"time": start // (5 * MINUTE_NS) * 5 * MINUTE_NS + np.arange(n, dtype=np.int64) * MINUTE_NS, "open": opened, "high": high, "low": low,
            "close": close, "volume": rng.integers(1, 5000, n).astype(np.float64)}
