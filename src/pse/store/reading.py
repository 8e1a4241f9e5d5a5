"""Reading the bars table: its versions, its series, its rows.  Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.domain.errors import DamagedTable, NoBars
from pse.domain.ports import QUOTE_COLUMNS
from pse.store import index as notes
from pse.store.arrow import fill, to_numpy
from pse.store.datafiles import DataFile, damaged_message, data_files, dataset, file_hashes, file_problem, one_line, unreadable, who_is_damaged
from pse.store.delta import opened
from pse.store.index import SeriesIndex
from pse.store.layout import Home, symbol_name
from pse.store.remote import readable
from pse.store.rows import DTYPES, Rows, codes_of, concat, from_arrow, in_order, recoded

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from deltalake import DeltaTable


def open_bars(home: Home, version: int | None = None) -> DeltaTable | None:
    """The bars table, at a version if given; None when there is none yet.  Raises `DamagedTable`."""
    from deltalake.exceptions import DeltaError

    try:
        return opened(home.bars, version)
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
              end_ns: int | None = None, years: Iterable[int] | None = None, files: Mapping[str, DataFile] | None = None) -> Rows:
    """Columns of one series with start_ns <= ts_open < end_ns (or of some years), sorted.  Raises `DamagedTable` naming the file.

    `files`: those of the series, where the caller has looked them up already.
    """
    names = (*columns, "contract")
    own = data_files(table, symbol, timeframe) if files is None else files
    chosen = [one for one in own.values() if one.overlaps(start_ns, end_ns) and (years is None or one.year in set(years))]
    if not all(one.rows >= 0 for one in chosen):
        return in_order(concat([from_arrow(part) for part in _row_groups(home, chosen, names, start_ns, end_ns)]))
    gathered = _Gathered(sum(one.rows for one in chosen), names)
    for part in _row_groups(home, chosen, names, start_ns, end_ns):
        gathered.take(part)
    return in_order(gathered.rows())


def _row_groups(home: Home, files: Iterable[DataFile], names: tuple[str, ...], start_ns: int | None, end_ns: int | None) -> Iterator[pa.Table]:
    """The rows of some files in range, one row group after the other.  Raises `DamagedTable` naming the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for one in files:
        place = home.bars / one.path
        if problem := file_problem(home.bars, one.path, one.size, None):
            raise DamagedTable(damaged_message(place, problem))
        try:
            with pq.ParquetFile(readable(place), read_dictionary=["contract"], page_checksum_verification=True) as file:
                for group in range(file.num_row_groups):
                    if _group_overlaps(file.metadata.row_group(group), start_ns, end_ns):
                        yield _in_range(file.read_row_group(group, columns=list(names)), start_ns, end_ns)
        except (pa.ArrowException, OSError) as error:
            raise who_is_damaged(home.bars, {one.path: one}, error) from error


def _in_range(part: pa.Table, start_ns: int | None, end_ns: int | None) -> pa.Table:
    """The rows of a sorted row group with start_ns <= ts_open < end_ns."""
    if start_ns is None and end_ns is None:
        return part
    ts = to_numpy(part.column("ts_open"), "i8")
    low, high = (int(np.searchsorted(ts, edge)) if edge is not None else default for edge, default in ((start_ns, 0), (end_ns, ts.size)))
    return part.slice(low, high - low)


def _group_overlaps(group: Any, start_ns: int | None, end_ns: int | None) -> bool:
    """Whether a row group may hold rows of the range, by its statistics of `ts_open`, the first column of every file."""
    known = group.column(0).statistics
    if known is None or not known.has_min_max:
        return True
    return (start_ns is None or known.max >= start_ns) and (end_ns is None or known.min < end_ns)


class _Gathered:
    """Columns of `most` rows that are made once and filled part by part, without a copy in between."""

    def __init__(self, most: int, names: Iterable[str]):
        self._count, self._most = 0, most
        self._contracts: list[str] = []
        self._columns = {name: np.empty(most, DTYPES[name]) for name in dict.fromkeys(names) if name not in QUOTE_COLUMNS}
        self._quotes = [name for name in names if name in QUOTE_COLUMNS]

    def take(self, part: pa.Table) -> None:
        """Add one part; a quote column is made when the first part knows something of it."""
        rows = slice(self._count, self._count + part.num_rows)
        for name in self._quotes:
            if name not in self._columns and part.column(name).null_count < part.num_rows:
                self._columns[name] = np.full(self._most, np.nan)
        for name, whole in self._columns.items():
            if name == "contract":
                self._take_contracts(part.column(name), whole[rows])
            else:
                fill(whole[rows], part.column(name))
        self._count = rows.stop

    def _take_contracts(self, column: pa.ChunkedArray, into: np.ndarray) -> None:
        names, codes = codes_of(column)
        self._contracts += [name for name in names if name not in self._contracts]
        np.take(np.array([self._contracts.index(name) for name in names] or [0], np.int32), codes, out=into, mode="clip")

    def rows(self) -> Rows:
        """What was taken, in the order it came; contracts sorted by name."""
        columns = {name: whole[:self._count] for name, whole in self._columns.items()}
        ordered = tuple(sorted(self._contracts))
        return Rows(ordered, columns | {"contract": recoded(columns["contract"], self._contracts, ordered)})


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


def series_index(home: Home, table: DeltaTable, symbol: str, timeframe: str, files: Mapping[str, DataFile] | None = None) -> SeriesIndex:
    """What is known of a series at the table's version: from its note when that fits the log, else from the values."""
    files = data_files(table, symbol, timeframe) if files is None else files
    found = notes.read_note(home, symbol, timeframe, files)
    if found is not None or not files:
        return found or SeriesIndex(symbol, timeframe)
    rows = read_rows(home, table, symbol, timeframe)
    return SeriesIndex(symbol, timeframe, notes.describe(rows), file_hashes(home.bars, files, {}))
