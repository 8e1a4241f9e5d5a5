"""Reading the bars table: its versions, its files, its rows.  Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.domain.errors import DamagedTable, NoBars
from pse.store import index as notes
from pse.store.index import SeriesIndex
from pse.store.layout import Home, symbol_name
from pse.store.rows import DTYPES, PARTITIONS, Rows, from_arrow, schema

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from deltalake import DeltaTable


def open_bars(home: Home, version: int | None = None) -> DeltaTable | None:
    """The bars table, at a version if given; None when there is none yet.  Raises `DamagedTable`."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if not (home.bars / "_delta_log").is_dir():
        return None
    try:
        return DeltaTable(str(home.bars), version=version) if DeltaTable.is_deltatable(str(home.bars)) else None
    except (DeltaError, OSError, ValueError) as error:
        asked = "" if version is None else f" at version {version}"
        raise DamagedTable(f"the log of the bars table {home.bars / '_delta_log'}{asked} cannot be read ({one_line(error)}); restore the folder from a "
                           f"copy, or move data/bars and data/state away and ingest again") from error


def need_bars(home: Home, version: int | None = None) -> DeltaTable:
    """The bars table; `NoBars` when nothing was ingested yet."""
    table = open_bars(home, version)
    if table is None:
        raise NoBars(f"there are no stored bars below {home.bars}; run `pse ingest --provider ... --symbol ...` first, or name another folder with --home")
    return table


def series_names(table: DeltaTable) -> list[tuple[str, str]]:
    """(symbol, timeframe) of every stored series, sorted."""
    return sorted({(one["symbol"], one["timeframe"]) for one in table.partitions()})


def read_table(home: Home, table: DeltaTable, symbol: str, timeframe: str, columns: Iterable[str], start_ns: int | None = None,
               end_ns: int | None = None, years: Iterable[int] | None = None) -> pa.Table:
    """Columns of one series with start_ns <= ts_open < end_ns, in no order, `contract` as a dictionary.  Raises `DamagedTable` naming the file."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    sizes = notes.partition_files(table, symbol, timeframe)
    wanted = [path for path in sizes if _overlaps(path, start_ns, end_ns, years)]
    fields = pa.schema([pa.field(name, pa.dictionary(pa.int32(), pa.string())) if name == "contract" else schema().field(name) for name in columns])
    _check_sizes(home.bars, {path: sizes[path] for path in wanted})
    if not wanted:
        return fields.empty_table()
    format_ = ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns={"contract"}))
    try:
        dataset = ds.dataset([str(home.bars / path) for path in wanted], format=format_, schema=fields)
        return dataset.to_table(columns=list(fields.names), filter=_between(start_ns, end_ns))
    except (pa.ArrowException, OSError) as error:
        raise DamagedTable(_who_is_damaged(home.bars, wanted, error)) from error


def year_of(path: str) -> int:
    """The year in a data file's path."""
    return next(int(part[5:]) for part in Path(path).parts if part.startswith("year="))


def _overlaps(path: str, start_ns: int | None, end_ns: int | None, years: Iterable[int] | None) -> bool:
    """Whether a file of a year's partition may hold rows of the range."""
    year = year_of(path)
    if years is not None and year not in years:
        return False
    first, after = (int(np.datetime64(f"{y:04d}-01-01", "ns").astype(np.int64)) for y in (year, year + 1))
    return (start_ns is None or after > start_ns) and (end_ns is None or first < end_ns)


def _between(start_ns: int | None, end_ns: int | None) -> Any:
    import pyarrow.dataset as ds

    found = None
    if start_ns is not None:
        found = ds.field("ts_open") >= start_ns
    if end_ns is not None:
        upper = ds.field("ts_open") < end_ns
        found = upper if found is None else found & upper
    return found


def _check_sizes(root: Path, sizes: Mapping[str, int]) -> None:
    for path, size in sizes.items():
        if problem := notes.file_problem(root, path, size, None):
            raise DamagedTable(notes.damaged_message(root / path, problem))


def _who_is_damaged(root: Path, paths: Iterable[str], error: Exception) -> str:
    """Message that names the first file which cannot be read alone."""
    for path in paths:
        if problem := _unreadable(root / path):
            return notes.damaged_message(root / path, problem)
    return notes.damaged_message(root, f"cannot be read ({one_line(error)})")


def _unreadable(path: Path) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetFile(path, page_checksum_verification=True).read()
    except (pa.ArrowException, OSError) as error:
        return f"cannot be read ({one_line(error)})"
    return None


def damaged_paths(home: Home, version: int | None = None) -> list[str]:
    """A message for each data file of the bars table that is missing, cut or unreadable."""
    table = open_bars(home, version)
    found = []
    for symbol, timeframe in series_names(table) if table is not None else ():
        for path, size in notes.partition_files(table, symbol, timeframe).items():
            if problem := notes.file_problem(home.bars, path, size, None) or _unreadable(home.bars / path):
                found.append(notes.damaged_message(home.bars / path, problem))
    return found


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def read_rows(home: Home, table: DeltaTable, symbol: str, timeframe: str, years: Iterable[int] | None = None) -> Rows:
    return from_arrow(read_table(home, table, symbol, timeframe, DTYPES, years=years))


def read_bars(home: Home, symbol: str, timeframe: str, start_ns: int | None = None, end_ns: int | None = None, version: int | None = None) -> pl.DataFrame:
    """Every stored column of a series, all contracts, start_ns <= ts_open < end_ns, sorted by ts_open and contract; empty when there is nothing.

    Raises `NoBars` when there is no table, `DamagedTable` when a file cannot be read.
    """
    import polars as pl

    table = need_bars(home, version)
    names = [name for name in schema().names if name not in PARTITIONS]
    frame = pl.DataFrame(read_table(home, table, symbol_name(symbol), timeframe, names, start_ns, end_ns))
    year = pl.from_epoch("ts_open", time_unit="ns").dt.year().cast(pl.Int32).alias("year")
    ordered = frame.with_columns(pl.col("contract").cast(pl.String)).sort("ts_open", "contract")
    return ordered.select(pl.lit(symbol).alias("symbol"), pl.lit(timeframe).alias("timeframe"), year, *names)


def series_index(home: Home, table: DeltaTable, symbol: str, timeframe: str) -> SeriesIndex:
    """What is known of a series at the table's version: from its note when that fits the log, else from the values."""
    sizes = notes.partition_files(table, symbol, timeframe)
    found = notes.read_note(home, symbol, timeframe, sizes)
    if found is not None or not sizes:
        return found or SeriesIndex(symbol, timeframe)
    rows = read_rows(home, table, symbol, timeframe)
    return SeriesIndex(symbol, timeframe, notes.describe(rows), notes.file_hashes(home.bars, sizes, {}))
