"""The table of headlines: Delta, appended to, each headline once.

`published_at` is what the source says, `known_at` when it could be known here; a run reads `known_at` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.domain.errors import DamagedTable
from pse.domain.headlines import Headlines
from pse.store.delta import CONFIGURATION, disk_full_as_such
from pse.store.layout import Home
from pse.store.locks import lock_path, locked

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable


@dataclass(frozen=True)
class StoredHeadline:
    """One row: moments int64 ns UTC; `symbols` blank-separated, empty for all; `flags` red-flag words, blank-separated."""

    id: str
    published_at: int
    known_at: int
    source: str
    title: str
    summary: str
    url: str
    symbols: str
    flags: str


MOMENTS = ("published_at", "known_at")
NONE_STORED = -1                         # the version of a table that was not there yet


def schema() -> pa.Schema:
    """Columns of the table."""
    import pyarrow as pa

    return pa.schema([pa.field(one.name, pa.int64() if one.name in MOMENTS else pa.string(), nullable=False) for one in fields(StoredHeadline)])


def open_news(home: Home, version: int | None = None) -> DeltaTable | None:
    """The table, or None when no headline was ever stored."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if version == NONE_STORED or not (home.news / "_delta_log").is_dir():
        return None
    try:
        return DeltaTable(str(home.news), version=version)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise DamagedTable(f"{home.news} cannot be read as a table ({error}); restore the folder from a copy, or move it away and run `pse ingest-news` "
                           f"again") from error


def stored_version(home: Home) -> int | None:
    """Version of the table as it stands; None when no headline was ever stored."""
    table = open_news(home)
    return None if table is None else table.version()


def news_rows(home: Home, version: int | None = None) -> pa.Table:
    """All headlines, by the moment they were known; an empty table when there are none."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    table = open_news(home, version)
    if table is None:
        return pa.Table.from_pylist([], schema=schema())
    try:
        rows = ds.dataset([str(home.news / path) for path in _files(table)], format="parquet", schema=schema()).to_table() if _files(table) else None
    except (OSError, pa.ArrowException) as error:
        raise DamagedTable(f"a file of {home.news} cannot be read ({error}); restore the folder from a copy, or move it away and run `pse ingest-news` "
                           f"again") from error
    return pa.Table.from_pylist([], schema=schema()) if rows is None else rows.sort_by([("known_at", "ascending"), ("id", "ascending")])


def _files(table: DeltaTable) -> list[str]:
    import pyarrow as pa

    return sorted(pa.table(table.get_add_actions(flatten=True))["path"].to_pylist())


def append_news(home: Home, found: Sequence[StoredHeadline]) -> tuple[int, int]:
    """Stores the headlines that are not there yet.  Returns (how many are new, the table's version)."""
    import pyarrow as pa
    from deltalake import write_deltalake

    with locked(lock_path(home, "news"), "the table of headlines", wait_seconds=10.0):
        known = set(news_rows(home)["id"].to_pylist())
        new = {one.id: one for one in found if one.id not in known}
        if new:
            rows = sorted(new.values(), key=lambda one: (one.known_at, one.id))
            names = [one.name for one in fields(StoredHeadline)]
            data = pa.Table.from_pylist([dict(zip(names, astuple(row), strict=True)) for row in rows], schema=schema())
            home.news.mkdir(parents=True, exist_ok=True)
            with disk_full_as_such(home.news):
                write_deltalake(str(home.news), data, mode="append", name="news", configuration=CONFIGURATION)
        version = stored_version(home)
        return len(new), NONE_STORED if version is None else version


def headlines_of(home: Home, symbol: str, version: int | None = None) -> Headlines:
    """What was known about a symbol, and when."""
    rows: dict[str, list[Any]] = news_rows(home, version).select(["known_at", "symbols", "flags"]).to_pydict()
    about = [at for at, names in enumerate(rows["symbols"]) if not names or symbol in names.split()]
    return Headlines(np.array([rows["known_at"][at] for at in about], np.int64), np.array([bool(rows["flags"][at]) for at in about], bool))
