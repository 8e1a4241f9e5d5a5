"""The feature tables as SQL: one view a table, and `features`, in which every series stands once with all the columns that are stored of it.

`features` joins the tables of a series row by row; where two hold a column of one name the newer one speaks.  Only tables that were computed from the same
bars stand together: one that was built before bars were corrected or came in is left out until it is built again.  A table over a window (--start, --end) has
warmed up otherwise: it is in `features` only for series that no whole table holds.  Every table stands whole under its own name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.domain.bars import timeframe_ns
from pse.domain.errors import DamagedTable
from pse.store.feature_columns import KEYS
from pse.store.feature_tables import FeatureTable, Manifest, damaged_files, list_tables, table_dataset
from pse.store.layout import Home
from pse.store.reading import open_bars, series_index
from pse.store.rows import PARTITIONS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

TIMES = {"time": "ts_open", "time_close": "ts_close"}
ROW = (*TIMES, *PARTITIONS, *KEYS)               # what a row of one series is known by

Present = Mapping[str, tuple[str, int]]          # "ES 1m" -> value hash of the bars that are stored now, ts_open of the last


@dataclass(frozen=True)
class Chosen:
    """The tables of one series: those that `features` joins, newest first, and those it leaves out because they were computed from other bars."""

    symbol: str
    timeframe: str
    joined: tuple[FeatureTable, ...]
    left_out: tuple[FeatureTable, ...]

    @property
    def lost(self) -> tuple[FeatureTable, ...]:
        """Tables left out whose columns no other one has."""
        seen = {name for table in self.joined for name in table.kinds}
        return tuple(table for table in self.left_out if not seen.issuperset(table.kinds))


@dataclass(frozen=True)
class Shelf:
    """All that is stored of features: the tables, which of them stand together, the bars that are stored now, and what of it cannot be read."""

    tables: tuple[FeatureTable, ...]
    series: tuple[Chosen, ...]
    present: Present
    damaged: tuple[str, ...]


# --- which tables stand together -----------------------------------------------------------------------------------------------------------------


def shelf(home: Home) -> Shelf:
    """The feature tables and how they go together."""
    damaged: list[str] = []
    stored = list_tables(home, damaged)
    present = _present(home, {name for table in stored for one in table.series for name in _bars(one)})
    names = sorted({(one.symbol, one.timeframe) for table in stored for one in table.series})
    return Shelf(tuple(stored), tuple(_choose(stored, *name, present) for name in names), present, tuple(damaged))


def _present(home: Home, names: set[str]) -> Present:
    """What is stored now of the series that tables were computed from; those that cannot be read are not there."""
    found: dict[str, tuple[str, int]] = {}
    with contextlib.suppress(DamagedTable):
        if names and (table := open_bars(home)) is not None:
            for name in sorted(names):
                symbol, _, timeframe = name.rpartition(" ")
                with contextlib.suppress(DamagedTable):
                    index = series_index(home, table, symbol, timeframe)
                    found |= {name: (index.hash, index.last)} if index.months else {}
    return found


def _choose(stored: Sequence[FeatureTable], symbol: str, timeframe: str, present: Present) -> Chosen:
    """The newest table of a series that was computed from today's bars, else the newest of all, and those that go with it."""
    holding = sorted(((table, one) for table in stored if (one := series_of(table, symbol, timeframe)) is not None), key=lambda pair: -pair[1].created_ns)
    whole = [pair for pair in holding if pair[0].is_whole]
    newest = next((pair for pair in whole if is_present(pair[1], present)), (whole or holding)[0])
    if not whole:
        return Chosen(symbol, timeframe, (newest[0],), ())
    joined = tuple(table for table, one in whole if fits(one, newest[1], present))
    return Chosen(symbol, timeframe, joined, tuple(table for table, _ in whole if table not in joined))


def series_of(table: FeatureTable, symbol: str, timeframe: str) -> Manifest | None:
    """What stands in a table of a series."""
    return next((one for one in table.series if (one.symbol, one.timeframe) == (symbol, timeframe)), None)


def is_present(one: Manifest, present: Present) -> bool:
    """Whether a series was computed from the bars that are stored now."""
    return one.basis is not None and all(present.get(name, ("",))[0] == bars["hash"] for name, bars in _bars(one).items())


def _bars(one: Manifest) -> Mapping[str, Mapping[str, Any]]:
    """The stored series that it was computed from; none where no manifest tells."""
    return {} if one.basis is None else one.basis["bars"]


def fits(one: Manifest, other: Manifest, present: Present) -> bool:
    """Whether two tables saw the same bars of every symbol that both read: equal values, or, of two timeframes, both as they are stored now."""
    if one is other:
        return True
    mine, theirs = _bars(one), _bars(other)
    symbols = {_symbol(name) for name in mine} & {_symbol(name) for name in theirs}
    shared = [name for name in {*mine, *theirs} if _symbol(name) in symbols]
    return bool(shared) and all(mine[name]["hash"] == theirs[name]["hash"] if name in mine and name in theirs else
                                {**mine, **theirs}[name]["hash"] == present.get(name, ("",))[0] for name in shared)


def _symbol(name: str) -> str:
    return name.rpartition(" ")[0]


# --- what is told of it --------------------------------------------------------------------------------------------------------------------------


def complaints(found: Shelf) -> list[str]:
    """A sentence for each damaged table, each that is left out of `features`, and each series whose bars have gone on, with the mend."""
    said = list(found.damaged)
    for one in found.series:
        where, bars = f"{one.symbol} {one.timeframe}", _bars_told(one)
        said += [f"`features` of {where} lacks {_some(table, one)} of table {table.hash[:8]}, which was computed from other {bars} bars than the newest table; "
                 f"`{build_command(table, one.symbol, one.timeframe)}` brings them up to date" for table in one.lost]
        said += _behind(one, found.present)
    return said


def _bars_told(one: Chosen) -> str:
    """`ES 1m`, as far as it is known."""
    newest = series_of(one.joined[0], one.symbol, one.timeframe)
    return " and ".join(_bars(newest)) if newest is not None and _bars(newest) else one.symbol


def _some(table: FeatureTable, one: Chosen) -> str:
    """The columns that are missing; of many the first three."""
    there = {name for joined in one.joined for name in joined.kinds}
    missing = [name for name in table.kinds if name not in there]
    return ", ".join(missing) if len(missing) <= 4 else f"{', '.join(missing[:3])} and {len(missing) - 3} more columns"


def _behind(one: Chosen, present: Present) -> list[str]:
    """Whether the bars of a series are other ones by now than its newest table has seen; a window that ends does not wait for more."""
    newest = series_of(one.joined[0], one.symbol, one.timeframe)
    if newest is None or one.joined[0].document["window"].get("end") is not None:
        return []
    other = next(((name, bars) for name, bars in _bars(newest).items() if name in present and present[name][0] != bars["hash"]), None)
    if other is None:
        return []
    (name, bars), last = other, present[other[0]][1]
    length = timeframe_ns(name.rpartition(" ")[2])
    said = (f"features of {one.symbol} {one.timeframe} end at {iso(int(bars['last']) + length)}, the stored {name} bars at {iso(last + length)}"
            if last > int(bars["last"]) else f"features of {one.symbol} {one.timeframe} were computed before stored {name} bars were corrected")
    commands = " and ".join(f"`{build_command(table, one.symbol, one.timeframe)}`" for table in one.joined)
    return [f"{said}; {commands} {'brings' if len(one.joined) == 1 else 'bring'} them up to date"]


def build_command(table: FeatureTable, symbol: str, timeframe: str) -> str:
    """The command line that builds a series of a table."""
    window, asked = table.document["window"], str(table.document.get("asked") or "")
    given = {"--features": f"'{asked}'" if set(asked) & set("*?[]&;|<>$ ") else asked, "--start": window.get("start"), "--end": window.get("end")}
    return f"pse build-features --symbol {symbol} --timeframe {timeframe}" + "".join(f" {flag} {value}" for flag, value in given.items() if value)


def damaged_features(home: Home) -> list[str]:
    """A sentence for each data file of a feature table that is missing, cut or unreadable."""
    return [said for one in list_tables(home, []) for said in damaged_files(home, one.hash, read=True)]


# --- views ---------------------------------------------------------------------------------------------------------------------------------------


def view_name(table_hash: str) -> str:
    """The view of one table alone."""
    return f"features_{table_hash[:8]}"


def feature_views(home: Home, connection: duckdb.DuckDBPyConnection) -> Shelf:
    """Create `features`, `feature_tables` and the views of the single tables."""
    found = shelf(home)
    times = "".join(f"make_timestamp_ns({source}) AS {time}, " for time, source in TIMES.items())
    for one in found.tables:
        connection.from_arrow(table_dataset(home, one)).project(f"{times}*").create_view(view_name(one.hash))
    connection.from_arrow(_listing(found)).create_view("feature_tables")
    if found.tables:
        connection.execute(f"CREATE VIEW features AS {_every_series(found.series)}")
    else:
        connection.from_arrow(_empty()).project(f"{times}*").create_view("features")
    return found


def _every_series(series: Sequence[Chosen]) -> str:
    """The query behind `features`: series that lie in the same tables are read together."""
    groups: dict[tuple[str, ...], list[Chosen]] = {}
    for one in series:
        groups.setdefault(tuple(table.hash for table in one.joined), []).append(one)
    return " UNION ALL BY NAME ".join(_joined(group[0].joined, [(one.symbol, one.timeframe) for one in group]) for group in groups.values())


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


def _listing(found: Shelf) -> pa.Table:
    import pyarrow as pa

    fields = [("table", pa.string()), ("view", pa.string()), ("symbol", pa.string()), ("timeframe", pa.string()), ("rows", pa.int64()),
              ("columns", pa.int64()), ("start", pa.string()), ("end", pa.string()), ("anchor", pa.string()), ("snapshot", pa.string()),
              ("code", pa.string()), ("created", pa.string()), ("in_features", pa.bool_()), ("current", pa.bool_()), ("asked", pa.string())]
    joined = {(table.hash, one.symbol, one.timeframe) for one in found.series for table in one.joined}
    rows = [{**_listed(table, one), "in_features": (table.hash, one.symbol, one.timeframe) in joined, "current": is_present(one, found.present)}
            for table in found.tables for one in table.series]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _listed(table: FeatureTable, one: Manifest) -> dict[str, Any]:
    basis, window = one.basis or {}, table.document["window"]
    return {"table": table.hash, "view": view_name(table.hash), "symbol": one.symbol, "timeframe": one.timeframe, "rows": one.rows,
            "columns": len(table.kinds), "start": window.get("start"), "end": window.get("end"), "anchor": basis.get("anchor"),
            "snapshot": basis.get("snapshot"), "code": basis.get("code", {}).get("version"), "created": iso(one.created_ns),
            "asked": table.document.get("asked") or None}


def _empty() -> pa.Table:
    import pyarrow as pa

    kinds = {"symbol": pa.string(), "timeframe": pa.string(), "year": pa.int32(), "session_date": pa.int32()}
    return pa.schema([(name, kinds.get(name, pa.int64())) for name in (*PARTITIONS, *KEYS)]).empty_table()
