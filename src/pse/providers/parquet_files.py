"""Bars from Parquet files: columns by name, times as integers since 1970, dates, or timestamps."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pse.domain.errors import BadInput
from pse.domain.ports import CsvOptions, Fetched, FetchRequest
from pse.providers.archives import existing, files_for
from pse.providers.columns import NUMBERS, named_stamp, require, roles_as_said, roles_by_name, says_utc
from pse.providers.stamps import Rows, no_rejects, to_fetched, together
from pse.providers.times import moments, moments_of_typed


class ParquetFiles:
    """Parquet files of one instrument: a file, or a folder of them."""

    name = "parquet"
    needs_path = True

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request.  Raises `BadInput` for a damaged file or one that is not bars, `RequestError` where the user must say more."""
        path = existing(request.path, self.name)
        files = files_for(path, request.symbol, (".parquet", ".pq"))
        rows = together([_rows(file, request.options, request.symbol) for file in files], request.timeframe)
        if rows.good.is_empty():
            reason = f"; row {rows.rejected['row'][0]}: {rows.rejected['reason'][0]}" if rows.rejected.height else ""
            raise BadInput(f"{rows.where}: no row could be read{reason}. Name another file with --path")
        return to_fetched(rows, request, named_stamp(rows.time_name))


def _rows(file: Path, options: CsvOptions, symbol: str) -> Rows:
    table = _read(file)
    names = table.columns
    roles = roles_by_name(names)
    if options.columns:
        roles.update(roles_as_said(options.columns, names, file.name))
    require(roles, names, file.name)
    time_name = names[roles["time"]]
    table = table.with_row_index("file row", offset=1)
    if "symbol" in names and table["symbol"].n_unique() > 1:
        table = table.filter(pl.col("symbol").cast(pl.String) == symbol)
    times = table[time_name]
    tz = options.tz or ("UTC" if says_utc(time_name) else None)
    if times.dtype == pl.String:
        read = moments(times, options.time_format, tz, file.name)
    else:
        read = moments_of_typed(times, time_name, tz, file.name, utc=says_utc(time_name))
    numbers = [name for name in NUMBERS if name in roles]
    odd = next((names[roles[n]] for n in numbers if not table[names[roles[n]]].dtype.is_numeric()), None)
    if odd is not None:
        raise BadInput(f"{file.name}: column {odd} holds {table[odd].dtype}, expected numbers; name another column with --columns")
    frame = table.select(
        read.ns.alias("ts"), read.unclear.alias("unclear"), *(pl.col(names[roles[n]]).cast(pl.Float64).alias(n) for n in numbers),
        *([pl.col(names[roles["contract"]]).cast(pl.String).alias("contract")] if "contract" in roles else []),
        pl.col("file row").cast(pl.Int64).alias("row"), pl.lit(file.name).alias("source"),
    )
    needed = ["ts", *(n for n in ("open", "high", "low", "close") if n in numbers)]
    bad = frame.select(pl.any_horizontal(pl.col(n).is_null() for n in needed)).to_series()
    return Rows(frame.filter(~bad).drop("unclear"), _rejected(frame.filter(bad), needed), read.dates, time_name, file.name, read.notes)


def _read(file: Path) -> pl.DataFrame:
    if file.stat().st_size == 0:
        raise BadInput(f"{file}: the file is empty (0 bytes); fetch it again or name another with --path")
    try:
        table = pl.read_parquet(file, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{file}: the Parquet file is truncated or damaged ({str(error).splitlines()[0]}); fetch it again") from error
    if table.is_empty():
        raise BadInput(f"{file}: the Parquet file has no row; name another with --path")
    return table


def _rejected(bad: pl.DataFrame, needed: list[str]) -> pl.DataFrame:
    rows = []
    for row in bad.iter_rows(named=True):
        empty = ", ".join("time" if n == "ts" else n for n in needed if row[n] is None)
        reason = "the clock was set at that hour, so the local time happened twice or never" if row["unclear"] else f"{empty} is empty or unreadable"
        rows.append((row["source"], row["row"], reason, str({n: row[n] for n in needed})[:500]))
    return pl.DataFrame(rows, schema=no_rejects().schema, orient="row")
