"""The feature tables as SQL: one view a table, and `features`, in which every series stands once with all the columns that are stored of it.

`features` joins the tables of a series row by row; where two hold a column of one name the newer one speaks.  A table over a window (--start, --end) has
warmed up otherwise: it is in `features` only for series that no whole table holds, and always under its own name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.store.feature_columns import KEYS
from pse.store.feature_tables import FeatureTable, damaged_files, list_tables, table_dataset
from pse.store.layout import Home
from pse.store.rows import PARTITIONS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

TIMES = {"time": "ts_open", "time_close": "ts_close"}
ROW = (*TIMES, *PARTITIONS, *KEYS)               # what a row of one series is known by


def view_name(table_hash: str) -> str:
    """The view of one table alone."""
    return f"features_{table_hash[:8]}"


def feature_views(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Create `features`, `feature_tables` and the views of the single tables."""
    stored = list_tables(home)
    times = "".join(f"make_timestamp_ns({source}) AS {time}, " for time, source in TIMES.items())
    for one in stored:
        connection.from_arrow(table_dataset(home, one)).project(f"{times}*").create_view(view_name(one.hash))
    connection.from_arrow(_listing(stored)).create_view("feature_tables")
    if stored:
        connection.execute(f"CREATE VIEW features AS {_every_series(stored)}")
    else:
        connection.from_arrow(_empty()).project(f"{times}*").create_view("features")


def damaged_features(home: Home) -> list[str]:
    """A sentence for each data file of a feature table that is missing, cut or unreadable."""
    return [said for one in list_tables(home) for said in damaged_files(home, one.hash, read=True)]


def _every_series(stored: Sequence[FeatureTable]) -> str:
    """The query behind `features`: series that lie in the same tables are read together."""
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for name in sorted({(one.symbol, one.timeframe) for table in stored for one in table.series}):
        holding = [table for table in stored if name in {(one.symbol, one.timeframe) for one in table.series}]
        chosen = [table for table in holding if table.is_whole] or holding[:1]
        groups.setdefault(tuple(table.hash for table in chosen), []).append(name)
    by_hash = {table.hash: table for table in stored}
    return " UNION ALL BY NAME ".join(_joined([by_hash[one] for one in hashes], names) for hashes, names in groups.items())


def _joined(tables: Sequence[FeatureTable], names: Sequence[tuple[str, str]]) -> str:
    """Some series of some tables, newest table first, as one query."""
    wanted = ", ".join(f"('{symbol}', '{timeframe}')" for symbol, timeframe in names)
    seen: set[str] = set()
    parts = []
    for table in tables:
        own = [name for name in table.kinds if name not in seen]
        seen.update(own)
        listed = ", ".join(_quoted(name) for name in (*ROW, *own))
        parts.append(f"(SELECT {listed} FROM {view_name(table.hash)} WHERE (symbol, timeframe) IN ({wanted}))")
    joined = parts[0] + "".join(f" FULL JOIN {part} USING ({', '.join(ROW)})" for part in parts[1:])
    return f"SELECT * FROM {joined}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listing(stored: Sequence[FeatureTable]) -> pa.Table:
    import pyarrow as pa

    fields = [("table", pa.string()), ("view", pa.string()), ("symbol", pa.string()), ("timeframe", pa.string()), ("rows", pa.int64()),
              ("columns", pa.int64()), ("start", pa.string()), ("end", pa.string()), ("anchor", pa.string()), ("snapshot", pa.string()),
              ("code", pa.string()), ("created", pa.string())]
    rows = [_listed(table, one) for table in stored for one in table.series]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _listed(table: FeatureTable, one: Any) -> dict[str, Any]:
    basis, window = one.basis or {}, table.document["window"]
    return {"table": table.hash, "view": view_name(table.hash), "symbol": one.symbol, "timeframe": one.timeframe, "rows": one.rows,
            "columns": len(table.kinds), "start": window.get("start"), "end": window.get("end"), "anchor": basis.get("anchor"),
            "snapshot": basis.get("snapshot"), "code": basis.get("code", {}).get("version"), "created": iso(one.created_ns)}


def _empty() -> pa.Table:
    import pyarrow as pa

    kinds = {"symbol": pa.string(), "timeframe": pa.string(), "year": pa.int32(), "session_date": pa.int32()}
    return pa.schema([(name, kinds.get(name, pa.int64())) for name in (*PARTITIONS, *KEYS)]).empty_table()
