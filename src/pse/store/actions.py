"""The table of splits and dividends: Delta, appended to, the latest word on an event counts.

An event is named by symbol, ex-date and kind.  What differs from the latest word is a new row; nothing is changed or taken away, so that every version
of the table says what was known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pse.domain.actions import Action, Actions
from pse.store.appended import NONE_STORED, append_rows, rows_of, version_of
from pse.store.layout import Home
from pse.store.locks import lock_path, locked

if TYPE_CHECKING:
    import pyarrow as pa

COMMAND = "ingest-actions"               # which writes the table
COLUMNS = ("symbol", "ex_date", "kind", "amount", "known_at", "source", "seq")
Key = tuple[str, int, str]


def schema() -> pa.Schema:
    """Columns of the table: `ex_date` yyyymmdd, `amount` the ratio of a split or the cash of a dividend, `known_at` ns UTC of the ingest, `seq` the order
    in which rows came."""
    import pyarrow as pa

    kinds = dict(zip(COLUMNS, (pa.string(), pa.int32(), pa.string(), pa.float64(), pa.int64(), pa.string(), pa.int64()), strict=True))
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


def actions_version(home: Home) -> int | None:
    """Version of the table as it stands; None when no event was ever stored."""
    return version_of(home.actions, COMMAND)


def action_rows(home: Home, version: int | None = None) -> pa.Table:
    """All rows in the order in which they came; an empty table when there are none."""
    return rows_of(home.actions, schema(), version, COMMAND).sort_by([("seq", "ascending")])


def latest(home: Home, version: int | None = None) -> dict[Key, float]:
    """The latest word on every event: its amount by (symbol, ex_date, kind)."""
    rows: dict[str, list[Any]] = action_rows(home, version).to_pydict()
    return {(symbol, day, kind): amount for symbol, day, kind, amount in zip(*(rows[name] for name in COLUMNS[:4]), strict=True)}


def actions_of(home: Home, version: int | None = None) -> dict[str, Actions]:
    """The events of every symbol that has any."""
    found: dict[str, list[Action]] = {}
    for (symbol, day, kind), amount in latest(home, version).items():
        found.setdefault(symbol, []).append(Action(symbol, day, kind, amount))
    return {symbol: made for symbol, events in sorted(found.items()) if len(made := Actions.of(events))}


def append_actions(home: Home, found: Sequence[Action], known_ns: int, source: str) -> tuple[int, int, int]:
    """Stores what differs from the latest word.  Returns (events that are new, events that were corrected, the table's version)."""
    with locked(lock_path(home, "actions"), "the table of splits and dividends", wait_seconds=10.0):
        known, count = latest(home), action_rows(home).num_rows
        told = {(one.symbol, one.ex_date, one.kind): one.amount for one in found}
        news = {key: amount for key, amount in sorted(told.items()) if known.get(key) != amount}
        if news:
            rows = [(*key, amount, known_ns, source, count + i) for i, (key, amount) in enumerate(news.items())]
            append_rows(home.actions, schema(), [dict(zip(COLUMNS, row, strict=True)) for row in rows])
        corrected = sum(key in known for key in news)
        version = actions_version(home)
        return len(news) - corrected, corrected, NONE_STORED if version is None else version
