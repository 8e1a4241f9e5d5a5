"""Ingest and append beside what the libraries below need for the same rows."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.made import DAYS, fetch, minutes, store
from benchmarks.measure import Figure, cpu, median

ROUNDS, DAY_ROUNDS = 3, 9


def measure(folder: Path) -> list[Figure]:
    """Rows in memory -> checked, placed in sessions, rolled, hashed and committed."""
    return [_ingest(folder), _append(folder)]


def _ingest(folder: Path) -> Figure:
    from pse.store.layout import Home

    fetched = minutes(folder)
    plain = fetched.frame.select("ts_open", "open", "high", "low", "close", "volume", "contract")
    own, other = [], []
    for _ in range(ROUNDS + 1):
        home = folder / "fresh"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(Home(folder / "home").sessions, Home(home).sessions)           # the calendar is there already
        own.append(cpu(lambda home=home: store(home, fetched)))
        other.append(cpu(lambda: plain.write_parquet(folder / "plain.parquet", compression="zstd")))
    return Figure(f"ingest of {len(plain):,} rows from memory", median(own[1:]), "s", ROUNDS, "polars writes the same rows as zstd Parquet", median(other[1:]),
                  {"ratio": 4.0})


def _append(folder: Path) -> Figure:
    """Trading days one after the other, into the stored series and into a Delta table of the same shape that is nobody's."""
    import polars as pl
    from deltalake import DeltaTable, write_deltalake

    from pse.domain.ports import Fetched
    from pse.store.layout import Home

    home, bare = folder / "grown", folder / "bare"
    shutil.copytree(folder / "home", home)
    table = DeltaTable(str(Home(home).bars))
    names = ["symbol", "timeframe", "year"]
    write_deltalake(str(bare), table.to_pyarrow_dataset().to_table(), partition_by=names)
    frame = fetch(home, *DAYS).frame.sort("ts_open")
    days = frame.with_columns(((pl.col("ts_open") - 22 * 3_600_000_000_000) // 86_400_000_000_000).alias("day")).partition_by("day", include_key=False)
    days = [day for day in days if len(day) > 500][:DAY_ROUNDS + 1]
    own, other = [], []
    for day in days:
        before = DeltaTable(str(Home(home).bars)).version()
        own.append(cpu(lambda day=day: store(home, Fetched(frame=day, timeframe="1m", synthetic=True))))
        assert DeltaTable(str(Home(home).bars)).version() > before
        first, last = int(day["ts_open"].min()), int(day["ts_open"].max())
        rows = DeltaTable(str(Home(home).bars)).to_pyarrow_dataset().to_table(filter=_between(first, last))
        other.append(cpu(lambda rows=rows: write_deltalake(str(bare), rows, mode="append", partition_by=names)))
    own, other = own[1:], other[1:]
    rows_a_day = sum(len(day) for day in days) // len(days)
    return Figure(f"append of one day ({rows_a_day:,} rows) to 15 years", median(own) * 1e3, "ms", len(own), "a bare write_deltalake append",
                  median(other) * 1e3, {"ratio": 15.0})


def _between(first: int, last: int):
    import pyarrow.dataset as ds

    return (ds.field("ts_open") >= first) & (ds.field("ts_open") <= last)
