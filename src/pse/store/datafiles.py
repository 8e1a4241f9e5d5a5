"""The Parquet files of the bars table: which there are, what they should be, and what is wrong with one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.domain.errors import DamagedTable
from pse.store.remote import Folder, arrow_files, readable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

Hashes = dict[str, list[Any]]                    # path below data/bars -> [bytes, sha256]


@dataclass(frozen=True)
class DataFile:
    """One file as the log has it: path below data/bars, bytes, rows, first and last ts_open, and its partition."""

    path: str
    size: int
    rows: int
    first: int
    last: int
    symbol: str
    timeframe: str
    year: int

    def overlaps(self, start_ns: int | None, end_ns: int | None) -> bool:
        """Whether it may hold rows with start_ns <= ts_open < end_ns."""
        return (start_ns is None or self.last >= start_ns) and (end_ns is None or self.first < end_ns)


def data_files(table: DeltaTable, symbol: str | None = None, timeframe: str | None = None) -> dict[str, DataFile]:
    """Data files at the table's version, all or of one series, by path, in order of time."""
    actions = table.get_add_actions(flatten=True)
    if not actions.num_rows:
        return {}
    names = ("path", "size_bytes", "num_records", "min.ts_open", "max.ts_open", "partition.symbol", "partition.timeframe", "partition.year")
    columns = [actions.column(name).to_pylist() if name in actions.column_names else [None] * actions.num_rows for name in names]
    found = [_data_file(*one) for one in zip(*columns, strict=True) if (symbol is None or one[5] == symbol) and (timeframe is None or one[6] == timeframe)]
    return {one.path: one for one in sorted(found, key=lambda one: (one.symbol, one.timeframe, one.first, one.path))}


def files_by_series(table: DeltaTable) -> dict[tuple[str, str], dict[str, DataFile]]:
    """Data files of every series (symbol, timeframe): the log is read once for all of them."""
    found: dict[tuple[str, str], dict[str, DataFile]] = {}
    for path, one in data_files(table).items():
        found.setdefault((one.symbol, one.timeframe), {})[path] = one
    return found


def _data_file(path: str, size: int, rows: int | None, first: int | None, last: int | None, symbol: str, timeframe: str, year: int) -> DataFile:
    """A file whose log entry says nothing of its rows may hold all of its year."""
    starts = [int(np.datetime64(f"{one:04d}-01-01", "ns").astype(np.int64)) for one in (year, year + 1)]
    first, last = starts[0] if first is None else first, starts[1] if last is None else last
    return DataFile(path, size, -1 if rows is None else rows, first, last, symbol, timeframe, int(year))


def file_hashes(root: Folder, files: Mapping[str, DataFile], known: Hashes) -> Hashes:
    """Size and sha256 of each file; those already known are not read again.  Raises `DamagedTable` naming a file that is missing or cut."""
    return {path: known[path] if path in known else [one.size, _hash_of(root, one)] for path, one in files.items()}


def _hash_of(root: Folder, one: DataFile) -> str:
    if problem := file_problem(root, one.path, one.size, None):
        raise DamagedTable(damaged_message(root / one.path, problem))
    return _sha256(root / one.path)


def _sha256(place: Folder) -> str:
    with open(place, "rb") if isinstance(place, Path) else io.BytesIO(place.read_bytes()) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(place: Folder) -> int | None:
    """Bytes of a file; None where there is none."""
    if isinstance(place, Path):
        return place.stat().st_size if place.is_file() else None
    return place.size()


def file_problem(root: Folder, path: str, size: int, sha256: str | None) -> str | None:
    """What is wrong with a data file, or None."""
    place = root / path
    found = _size(place)
    if found is None:
        return "is missing"
    if found != size:
        return f"has {found} bytes, the log of the table says {size}"
    return None if sha256 is None or _sha256(place) == sha256 else "does not hold the bytes that were written"


def unreadable(path: Folder) -> str | None:
    """Why a file cannot be read as Parquet, or None; page checksums are compared."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetFile(readable(path), page_checksum_verification=True).read()
    except (pa.ArrowException, OSError) as error:
        return f"cannot be read ({one_line(error)})"
    return None


def damaged_message(path: Folder, problem: str) -> str:
    return (f"the data file {path} {problem}; restore it from a copy, or move data/bars and data/state away and ingest again. "
            f"`pse snapshots verify` checks every file")


def who_is_damaged(root: Folder, files: Mapping[str, DataFile], error: Exception) -> DamagedTable:
    """The error that names the first file which cannot be read alone."""
    for path, one in files.items():
        if problem := file_problem(root, path, one.size, None) or unreadable(root / path):
            return DamagedTable(damaged_message(root / path, problem))
    return DamagedTable(damaged_message(root, f"cannot be read ({one_line(error)})"))


def dataset(root: Folder, files: Mapping[str, DataFile], columns: pa.Schema | None = None) -> ds.Dataset:
    """The files as one Arrow dataset with the partition columns (default: those of bars); page checksums are compared when it is read."""
    import pyarrow.dataset as ds

    from pse.store.rows import schema

    form = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True))
    disk, folder = arrow_files(root)
    parts = [form.make_fragment(f"{folder}/{one.path}", disk, partition_expression=_partition(one)) for one in files.values()]
    return ds.FileSystemDataset(parts, columns or schema(), form, disk)


def _partition(one: DataFile) -> ds.Expression:
    import pyarrow as pa
    import pyarrow.dataset as ds

    year = pa.scalar(one.year, pa.int32())
    return (ds.field("symbol") == one.symbol) & (ds.field("timeframe") == one.timeframe) & (ds.field("year") == year)


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
