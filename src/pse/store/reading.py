"""Reading the bars table: its versions, its series, its rows.  Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pse.domain.errors import DamagedTable, NoBars
from pse.domain.ports import QUOTE_COLUMNS
from pse.store import index as notes
from pse.store.datafiles import DataFile, damaged_message, data_files, dataset, file_hashes, file_problem, one_line, unreadable, who_is_damaged
from pse.store.index import SeriesIndex
from pse.store.layout import Home, symbol_name
from pse.store.rows import DTYPES, Rows, empty, from_arrow, in_order

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


def read_rows(home: Home, table: DeltaTable, symbol: str, timeframe: str, columns: Iterable[str] = tuple(DTYPES), start_ns: int | None = None,
              end_ns: int | None = None, years: Iterable[int] | None = None) -> Rows:
    """Columns of one series with start_ns <= ts_open < end_ns (or of some years), sorted.  Raises `DamagedTable` naming the file.

    File by file into arrays made once: the peak of memory is the answer and one file.
    """
    import pyarrow as pa

    wanted = {path: one for path, one in data_files(table, symbol, timeframe).items()
              if one.overlaps(start_ns, end_ns) and (years is None or one.year in set(years))}
    names = tuple(columns)
    try:
        parts = (from_arrow(_read_file(home, one, names, start_ns, end_ns)) for one in wanted.values())
        return in_order(_gathered(parts, names, sum(one.rows for one in wanted.values()) if all(one.rows >= 0 for one in wanted.values()) else None))
    except (pa.ArrowException, OSError) as error:
        raise who_is_damaged(home.bars, wanted, error) from error


def _read_file(home: Home, one: DataFile, names: tuple[str, ...], start_ns: int | None, end_ns: int | None) -> pa.Table:
    """Columns of one file, `contract` as a dictionary; the filter runs only where the file reaches over the range."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if problem := file_problem(home.bars, one.path, one.size, None):
        raise DamagedTable(damaged_message(home.bars / one.path, problem))
    found = None
    for edge, test in ((start_ns, pc.field("ts_open") >= (start_ns or 0)), (end_ns, pc.field("ts_open") < (end_ns or 0))):
        inside = edge is None or (one.first >= edge if edge is start_ns else one.last < edge)
        if not inside:
            found = test if found is None else found & test
    return pq.read_table(home.bars / one.path, columns=list(names), filters=found, read_dictionary=["contract"], partitioning=None,
                         page_checksum_verification=True)


def _gathered(parts: Iterable[Rows], names: tuple[str, ...], count: int | None) -> Rows:
    """The parts one after the other, in arrays of `count` rows that are made once; contracts become one sorted list."""
    from pse.store.rows import concat, recoded

    if count is None:
        return concat(list(parts))
    whole: dict[str, np.ndarray] = {}
    contracts: list[str] = []
    at = 0
    for part in parts:
        contracts += [name for name in part.contracts if name not in contracts]
        part = part.with_columns(contract=recoded(part["contract"], part.contracts, contracts))
        for name, column in part.columns.items():
            if name not in whole:
                whole[name] = np.full(count, np.nan) if name in QUOTE_COLUMNS else np.empty(count, DTYPES[name])
            whole[name][at:at + len(part)] = column
        at += len(part)
    if not whole:
        return empty().only([*names, "contract"])
    ordered = tuple(sorted(contracts))
    return Rows(ordered, {name: column[:at] for name, column in whole.items()} | {"contract": recoded(whole["contract"][:at], contracts, ordered)})


def read_bars(home: Home, symbol: str, timeframe: str, start_ns: int | None = None, end_ns: int | None = None, version: int | None = None) -> pl.DataFrame:
    """Every stored column of a series, all contracts, start_ns <= ts_open < end_ns, sorted by ts_open and contract; empty when there is nothing.

    Raises `NoBars` when there is no table, `DamagedTable` when a file cannot be read.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.dataset as ds

    table = need_bars(home, version)
    files = {path: one for path, one in data_files(table, symbol_name(symbol), timeframe).items() if one.overlaps(start_ns, end_ns)}
    edges = [ds.field("ts_open") >= start_ns] if start_ns is not None else []
    edges += [ds.field("ts_open") < end_ns] if end_ns is not None else []
    _check_sizes(home, files)
    try:
        found = dataset(home.bars, files).to_table(filter=edges[0] & edges[-1] if edges else None)
    except (pa.ArrowException, OSError) as error:
        raise who_is_damaged(home.bars, files, error) from error
    frame = pl.DataFrame(found)
    return frame.sort("ts_open", "contract")


def _check_sizes(home: Home, files: Mapping[str, DataFile]) -> None:
    for path, one in files.items():
        if problem := file_problem(home.bars, path, one.size, None):
            raise DamagedTable(damaged_message(home.bars / path, problem))


def bars_dataset(home: Home, version: int | None = None) -> pa.dataset.Dataset:
    """All bars of a version as an Arrow dataset; empty when nothing is stored."""
    table = open_bars(home, version)
    return dataset(home.bars, data_files(table) if table is not None else {})


def damaged_paths(home: Home, version: int | None = None) -> list[str]:
    """A message for each data file of the bars table that is missing, cut or unreadable."""
    table = open_bars(home, version)
    found = []
    for path, one in data_files(table).items() if table is not None else ():
        if problem := file_problem(home.bars, path, one.size, None) or unreadable(home.bars / path):
            found.append(damaged_message(home.bars / path, problem))
    return found


def series_index(home: Home, table: DeltaTable, symbol: str, timeframe: str) -> SeriesIndex:
    """What is known of a series at the table's version: from its note when that fits the log, else from the values."""
    files = data_files(table, symbol, timeframe)
    found = notes.read_note(home, symbol, timeframe, files)
    if found is not None or not files:
        return found or SeriesIndex(symbol, timeframe)
    rows = read_rows(home, table, symbol, timeframe)
    return SeriesIndex(symbol, timeframe, notes.describe(rows), file_hashes(home.bars, files, {}))
