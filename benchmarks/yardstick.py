"""R: polars reads six columns of 5,000,000 rows from one zstd Parquet file, one thread.  No layout of ours can move it."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from benchmarks.made import walk
from benchmarks.measure import YARDSTICK, Figure, cpu, median

ROWS = 5_000_000
ONE_THREAD = {"POLARS_MAX_THREADS": "1"}


def measure(folder: Path) -> list[Figure]:
    """Median of 7, after one reading that does not count."""
    assert os.environ.get("POLARS_MAX_THREADS") == "1"
    path = folder / "yardstick.parquet"
    if not path.exists():
        pl.DataFrame(walk(ROWS)).write_parquet(path, compression="zstd")
    names = ["time", "open", "high", "low", "close", "volume"]
    times = [cpu(lambda: pl.read_parquet(path, columns=names)) for _ in range(8)][1:]
    return [Figure(YARDSTICK, median(times), "s", 7)]
