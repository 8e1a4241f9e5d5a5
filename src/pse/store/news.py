"""The table of headlines: Delta, appended to, each headline once.

`published_at` is what the source says, `known_at` when it could be known here; a run reads `known_at` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.domain.headlines import Headlines
from pse.store.appended import NONE_STORED, append_rows, rows_of, version_of
from pse.store.layout import Home
from pse.store.locks import lock_path, locked

if TYPE_CHECKING:
    import pyarrow as pa

COMMAND = "ingest-news"                  # which writes the table
MOMENTS = ("published_at", "known_at")


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


def schema() -> pa.Schema:
    """Columns of the table."""
    import pyarrow as pa

    return pa.schema([pa.field(one.name, pa.int64() if one.name in MOMENTS else pa.string(), nullable=False) for one in fields(StoredHeadline)])


def stored_version(home: Home) -> int | None:
    """Version of the table as it stands; None when no headline was ever stored."""
    return version_of(home.news, COMMAND)


def news_rows(home: Home, version: int | None = None) -> pa.Table:
    """All headlines, by the moment they were known; an empty table when there are none."""
    return rows_of(home.news, schema(), version, COMMAND).sort_by([("known_at", "ascending"), ("id", "ascending")])


def append_news(home: Home, found: Sequence[StoredHeadline]) -> tuple[int, int]:
    """Stores the headlines that are not there yet.  Returns (how many are new, the table's version)."""
    with locked(lock_path(home, "news"), "the table of headlines", wait_seconds=10.0):
        known = set(news_rows(home)["id"].to_pylist())
        new = {one.id: one for one in found if one.id not in known}
        if new:
            rows = sorted(new.values(), key=lambda one: (one.known_at, one.id))
            names = [one.name for one in fields(StoredHeadline)]
            append_rows(home.news, schema(), [dict(zip(names, astuple(row), strict=True)) for row in rows])
        version = stored_version(home)
        return len(new), NONE_STORED if version is None else version


def headlines_of(home: Home, symbol: str, version: int | None = None) -> Headlines:
    """What was known about a symbol, and when."""
    rows: dict[str, list[Any]] = news_rows(home, version).select(["known_at", "symbols", "flags", "title"]).to_pydict()
    about = [at for at, names in enumerate(rows["symbols"]) if not names or symbol in names.split()]
    return Headlines(np.array([rows["known_at"][at] for at in about], np.int64), np.array([bool(rows["flags"][at]) for at in about], bool),
                     tuple(rows["title"][at] for at in about))
