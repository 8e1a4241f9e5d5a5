"""Data files of the bars table and the commits that make them visible.

The files are written here, one a partition (year), sorted, with page checksums; the log is deltalake's.  Every commit is compare-and-set: it names the
version that was read, and fails when somebody else made the next one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import WallClock
from pse.domain.errors import DiskFull
from pse.store.files import disk_full_said
from pse.store.layout import Home
from pse.store.rows import PARTITIONS, Rows, concat, schema, to_arrow

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

CONFIGURATION: dict[str, str | None] = {                    # the log's own clean-up would make old snapshots unreadable
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}
ROW_GROUP = 1 << 17                                          # about four months of minutes: a short range reads little
_RISING = ("ts_open", "ts_close", "available_at", "session_date")
_FULL = ("os error 28", "os error 27", "os error 122", "No space left", "File too large", "Disk quota")


def create(home: Home) -> DeltaTable:
    """An empty bars table."""
    from deltalake import DeltaTable

    home.bars.mkdir(parents=True, exist_ok=True)
    with disk_full_as_such(home):
        return DeltaTable.create(str(home.bars), schema=schema(), mode="ignore", partition_by=list(PARTITIONS), name="bars", configuration=CONFIGURATION)


def write_files(home: Home, parts: Iterable[Rows], symbol: str, timeframe: str) -> list[AddAction]:
    """Write sorted parts that follow each other and each lie in one year, one file a year; nothing sees them before `commit`.

    On a failure what was written is taken away again.
    """
    written: list[AddAction] = []
    try:
        with disk_full_as_such(home):
            for year, pieces in itertools.groupby(filter(len, parts), key=_year):
                written.append(_write_file(home, concat(list(pieces)), symbol, timeframe, year))
    except BaseException:
        discard(home, written)
        raise
    return written


def discard(home: Home, written: Iterable[AddAction]) -> None:
    """Delete files that no commit will name."""
    for action in written:
        (home.bars / action.path).unlink(missing_ok=True)


def commit(home: Home, table: DeltaTable, added: Sequence[AddAction], removed: Iterable[str] = (), same_values: bool = False) -> bool:
    """One new version with files added and taken out; False when another program made a version since `table` was read."""
    from deltalake import CommitProperties, PostCommitHookProperties
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import RemoveAction

    out = [RemoveAction(path=path, data_change=not same_values, deletion_timestamp=_now_ms(), **_partition_of(path)) for path in removed]
    for action in added:
        action.data_change = not same_values
    try:
        with disk_full_as_such(home):
            table.create_write_transaction([*added, *out], "append", schema(), partition_by=list(PARTITIONS),
                                           commit_properties=CommitProperties(max_commit_retries=0),
                                           post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False))
    except CommitFailedError:
        discard(home, added)
        return False
    except BaseException:
        discard(home, added)
        raise
    return True


def _year(rows: Rows) -> int:
    return int(rows["ts_open"][:1].astype("datetime64[ns]").astype("datetime64[Y]").astype(np.int64)[0]) + 1970


def _write_file(home: Home, rows: Rows, symbol: str, timeframe: str, year: int) -> AddAction:
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

    path = f"symbol={symbol}/timeframe={timeframe}/year={year}/{uuid.uuid4().hex}.parquet"
    place = home.bars / path
    place.parent.mkdir(parents=True, exist_ok=True)
    data = to_arrow(rows)
    plain = [name for name in data.column_names if name not in _RISING]
    try:
        with open(place, "wb") as file:
            pq.write_table(data, file, compression="zstd", compression_level=1, use_dictionary=plain, row_group_size=ROW_GROUP,
                           column_encoding=dict.fromkeys(_RISING, "DELTA_BINARY_PACKED"), write_page_checksum=True)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    values = {"symbol": symbol, "timeframe": timeframe, "year": str(year)}
    return AddAction(path, size, values, _now_ms(), True, _statistics(rows))


def _statistics(rows: Rows) -> str:
    bounds = {which: {name: int(rows[name][row]) for name in ("ts_open",)} for which, row in (("minValues", 0), ("maxValues", -1))}
    return json.dumps({"numRecords": len(rows), **bounds, "nullCount": {"ts_open": 0}})


def _partition_of(path: str) -> dict[str, Any]:
    return {"partition_values": dict(part.split("=", 1) for part in path.split("/")[:-1])}


def _now_ms() -> int:
    return WallClock().now_ns() // 1_000_000


@contextlib.contextmanager
def disk_full_as_such(home: Home) -> Iterator[None]:
    """The writers say a full disk in several ways; we in one."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    with disk_full_said(home.bars):
        try:
            yield
        except CommitFailedError:
            raise
        except (DeltaError, OSError) as error:
            if not any(sign in str(error) for sign in _FULL):
                raise
            raise DiskFull(f"the disk took no more bytes while writing {home.bars}; what was stored before is unchanged; free some space and run the command "
                           f"again") from error
