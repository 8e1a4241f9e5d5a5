"""Delta tables that are written here: one sorted file a partition, with page checksums, and commits that are compare-and-set.

Every table of ours is partitioned by symbol, timeframe and year and has a column `ts_open` in order.  A commit names the version that was read and fails when
somebody else made the next one.  History is never deleted: clean-up of the log would make old versions unreadable.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pse.clock import WallClock
from pse.domain.errors import DiskFull
from pse.store.files import disk_full_said
from pse.store.remote import Folder, answering, options_of
from pse.store.rows import PARTITIONS

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}
ORPHAN_SECONDS = 3600.0                                      # a writer that still lives commits long before
ROW_GROUP = 1 << 17                                          # about four months of minutes: a short range reads little
_RISING = ("ts_open", "ts_close", "available_at", "session_date")
_FULL = ("os error 28", "os error 27", "os error 122", "No space left", "File too large", "Disk quota")


def opened(root: Folder, version: int | None = None) -> DeltaTable | None:
    """The table at `root`, at a version if given; None when there is none.  Errors of the log pass as Delta Lake has them."""
    from deltalake import DeltaTable

    with answering(root):
        if not (root / "_delta_log").is_dir() or not DeltaTable.is_deltatable(str(root), options_of(root)):
            return None
        return DeltaTable(str(root), version=version, storage_options=options_of(root))


def create(root: Folder, schema: pa.Schema, name: str) -> DeltaTable:
    """An empty table at `root`, or the one that is there."""
    from deltalake import DeltaTable

    root.mkdir(parents=True, exist_ok=True)
    with disk_full_as_such(root):
        return DeltaTable.create(str(root), schema=schema, mode="ignore", partition_by=list(PARTITIONS), name=name, configuration=CONFIGURATION,
                                 storage_options=options_of(root))


def write_file(root: Folder, data: pa.Table, symbol: str, timeframe: str, year: int) -> AddAction:
    """Write the sorted rows of one partition; nothing sees the file before `commit`.  A file that fails half way is taken away."""
    from deltalake.transaction import AddAction

    path = f"symbol={symbol}/timeframe={timeframe}/year={year}/{uuid.uuid4().hex}.parquet"
    place = root / path
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(place, "wb") as file:
                _write(data, file)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
        except BaseException:
            place.unlink(missing_ok=True)
            raise
    else:
        buffer = io.BytesIO()
        _write(data, buffer)
        place.write_bytes(buffer.getvalue())
        size = buffer.tell()
    values = {"symbol": symbol, "timeframe": timeframe, "year": str(year)}
    return AddAction(path, size, values, _now_ms(), True, _statistics(data))


def _write(data: pa.Table, file: Any) -> None:
    import pyarrow.parquet as pq

    plain = [name for name in data.column_names if name not in _RISING]
    pq.write_table(data, file, compression="zstd", compression_level=1, use_dictionary=plain, row_group_size=ROW_GROUP,
                   column_encoding=dict.fromkeys(_RISING, "DELTA_BINARY_PACKED"), write_page_checksum=True)


def discard(root: Folder, written: Iterable[AddAction]) -> None:
    """Delete files that no commit will name."""
    for action in written:
        (root / action.path).unlink(missing_ok=True)


def sweep(root: Folder, older_than_s: float = ORPHAN_SECONDS) -> list[str]:
    """Delete data files that no version of the log names and that nobody is writing any more, and name them: what a killed writer left behind.

    Files of earlier versions stay.  Nothing is deleted while a commit is missing from the log or cannot be read, and nothing in an object store, which may
    have other writers than this machine.
    """
    if not isinstance(root, Path):
        return []
    commits = sorted((root / "_delta_log").glob("[0-9]*.json"))
    if [path.stem for path in commits] != [f"{version:020d}" for version in range(len(commits))]:
        return []
    try:
        named = {unquote(path) for one in commits for path in _named(one)}
    except (OSError, ValueError, KeyError):
        return []
    found = []
    for place in root.glob("symbol=*/timeframe=*/year=*/*.parquet"):
        path = place.relative_to(root).as_posix()
        with contextlib.suppress(OSError):
            if path not in named and _now_ms() / 1000 - place.stat().st_mtime > older_than_s:
                place.unlink()
                found.append(path)
    return found


def _named(commit: Path) -> Iterator[str]:
    """Paths of the data files that one commit speaks of."""
    for line in commit.read_text().splitlines():
        record = json.loads(line)
        yield from (record[kind]["path"] for kind in ("add", "remove") if kind in record)


def commit(root: Folder, table: DeltaTable, schema: pa.Schema, added: Sequence[AddAction], removed: Iterable[str] = (), same_values: bool = False) -> bool:
    """One new version with files added and taken out; False when another program made a version since `table` was read."""
    from deltalake import CommitProperties, PostCommitHookProperties
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import RemoveAction

    out = [RemoveAction(path=path, data_change=not same_values, deletion_timestamp=_now_ms(), **_partition_of(path)) for path in removed]
    for action in added:
        action.data_change = not same_values
    try:
        with disk_full_as_such(root):
            table.create_write_transaction([*added, *out], "append", schema, partition_by=list(PARTITIONS),
                                           commit_properties=CommitProperties(max_commit_retries=0),
                                           post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False))
    except CommitFailedError:
        discard(root, added)
        return False
    except BaseException:
        discard(root, added)
        raise
    return True


def _statistics(data: pa.Table) -> str:
    ts = data.column("ts_open")
    first, last = ts[0].as_py(), ts[-1].as_py()
    return json.dumps({"numRecords": data.num_rows, "minValues": {"ts_open": first}, "maxValues": {"ts_open": last}, "nullCount": {"ts_open": 0}})


def _partition_of(path: str) -> dict[str, Any]:
    return {"partition_values": dict(part.split("=", 1) for part in path.split("/")[:-1])}


def _now_ms() -> int:
    return WallClock().now_ns() // 1_000_000


@contextlib.contextmanager
def disk_full_as_such(root: Folder) -> Iterator[None]:
    """The writers say a full disk in several ways; we in one.  What an object store says is told as `answering` does."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    if not isinstance(root, Path):
        with answering(root):
            yield
        return
    with disk_full_said(root):
        try:
            yield
        except CommitFailedError:
            raise
        except (DeltaError, OSError) as error:
            if not any(sign in str(error) for sign in _FULL):
                raise
            raise DiskFull(f"the disk took no more bytes while writing {root}; what was stored before is unchanged; free some space and run the command "
                           f"again") from error
