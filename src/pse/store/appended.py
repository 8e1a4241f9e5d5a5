"""Small tables that rows are only appended to, headlines and the splits and dividends of shares: no partitions, read whole at any of their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pse.domain.errors import DamagedTable, OutsideError
from pse.store.delta import CONFIGURATION, disk_full_as_such, opened
from pse.store.remote import Folder, answering, arrow_files, options_of

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

NONE_STORED = -1                         # the version of a table that was not there yet


def _opened(folder: Folder, version: int | None, command: str) -> DeltaTable | None:
    """The table, or None when nothing was ever stored in it.  `command`: whose run writes it, for the message."""
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if version == NONE_STORED:
        return None
    try:
        return opened(folder, version)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise _damaged(folder, command, error) from error


def _damaged(folder: Folder, command: str, error: Exception) -> DamagedTable:
    return DamagedTable(f"{folder} cannot be read as a table ({error}); restore the folder from a copy, or move it away and run `pse {command}` again")


def version_of(folder: Folder, command: str) -> int | None:
    """Version of the table as it stands; None when nothing was ever stored."""
    table = _opened(folder, None, command)
    return None if table is None else table.version()


def rows_of(folder: Folder, schema: pa.Schema, version: int | None, command: str) -> pa.Table:
    """All rows in the order of their files; an empty table when there are none.  Raises `DamagedTable`."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    table = _opened(folder, version, command)
    files = [] if table is None else sorted(pa.table(table.get_add_actions(flatten=True))["path"].to_pylist())
    if not files:
        return schema.empty_table()
    try:
        disk, root = arrow_files(folder)
        with answering(folder):
            return ds.dataset([f"{root}/{path}" for path in files], format="parquet", schema=schema, filesystem=disk).to_table()
    except (OSError, pa.ArrowException) as error:
        raise _damaged(folder, command, error) from error


def append_rows(folder: Folder, schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> None:
    """One new version with more rows; the caller holds the table's lock, which other machines do not see."""
    import pyarrow as pa
    from deltalake import CommitProperties, write_deltalake
    from deltalake.exceptions import CommitFailedError

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with disk_full_as_such(folder):
            write_deltalake(str(folder), pa.Table.from_pylist(list(rows), schema=schema), mode="append", name=folder.name, configuration=CONFIGURATION,
                            storage_options=options_of(folder), commit_properties=CommitProperties(max_commit_retries=0))
    except CommitFailedError as error:
        raise OutsideError(f"another program wrote to {folder} in the same moment; nothing was stored here. Run the command again") from error
