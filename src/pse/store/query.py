"""Read-only SQL over what is stored: `bars` (pinned to a version), `features`, `news`, `actions`, `runs`, `trades`, `decisions`.

DuckDB runs in memory over views of Arrow data, in which every moment also stands as a time that can be read.  Before the first statement of a user is
read, access to anything outside is switched off and the configuration locked; one statement at a time, and only those that read.  Answers come through
Arrow, so no time zone library is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.domain.bars import BarFlag
from pse.domain.errors import BadInput, DamagedTable
from pse.store.actions import action_rows
from pse.store.datafiles import one_line
from pse.store.feature_views import complaints, damaged_features, feature_views
from pse.store.journal import raw_lines
from pse.store.layout import Home
from pse.store.news import news_rows
from pse.store.reading import bars_dataset, damaged_paths
from pse.store.runs import FINAL_DECISIONS, Run, list_runs, metrics_of

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as ds

TIMES = {"bars": {"time": "ts_open"}, "news": {"published": "published_at", "known": "known_at"}, "actions": {"known": "known_at"},
         "trades": {"time_entry": "ts_entry", "time_exit": "ts_exit"}, "decisions": {"time": "ts"}}   # added to the tables
MORE = {"bars": f", (flags & {int(BarFlag.BACK_MONTH)}) = 0 AS front"}     # and behind them: bars of the contract that the roll rule takes
LOCKED = ("SET TimeZone='UTC'", "SET python_enable_replacements=false", "SET autoinstall_known_extensions=false",
          "SET autoload_known_extensions=false", "SET enable_external_access=false", "SET lock_configuration=true")
BROKEN_OFF = ("stream registered", "reading the Arrow source")     # what DuckDB says when the rows of a table end in an error
BATCH = 1 << 14                                  # rows taken from DuckDB at a time
FEATURES = re.compile(r"\bfeatures?(\b|_)", re.IGNORECASE)
READING = ("SELECT", "EXPLAIN")
TRADE_FLOATS = ("quantity", "entry_price", "exit_price", "stop_initial", "target", "target2", "risk_points", "risk_usd", "gross_usd", "fees_usd",
                "slippage_usd", "net_usd", "dividends_usd", "r_net", "mae_r", "mfe_r", "quality")
RUN_TEXTS = ("run_id", "status", "created", "command", "desk", "symbols", "start", "end", "snapshot", "fingerprint", "settings_hash", "decide", "route")
RUN_FIGURES = ("trades", "net_usd", "expectancy_r", "win_rate", "profit_factor", "sharpe", "max_drawdown")


@dataclass(frozen=True)
class Result:
    """Column names and rows of an answer; `more` says that rows beyond the cap were left out."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool = False


class Session:
    """An open, locked connection over one home; `version` pins the bars table."""

    def __init__(self, home: Home, version: int | None = None):
        import duckdb

        self._home, self._version = home, version
        self._connection = duckdb.connect(":memory:")
        for name, data in tables(home, version).items():
            times = "".join(f"make_timestamp_ns({source}) AS {time}, " for time, source in TIMES.get(name, {}).items())
            self._connection.from_arrow(data).project(f"{times}*{MORE.get(name, '')}").create_view(name)
        self._features = feature_views(home, self._connection)
        for statement in LOCKED:
            self._connection.execute(statement)

    def complaints(self, query: str) -> list[str]:
        """What is amiss with the features that a query reads: damaged tables, tables of other bars that are left out, bars that have gone on."""
        if not FEATURES.search(query):
            return []
        return complaints(self._features if self._version is None else replace(self._features, present={}))

    def ask(self, query: str, cap: int | None = None) -> Result:
        """Run one reading statement; moments in the answer are ISO texts in UTC.

        Raises `BadInput` for SQL that cannot be read or run, is more than one statement, or would change something.
        """
        import duckdb
        import pyarrow as pa

        statement = self._one_statement(query)
        try:
            relation = self._connection.sql(statement.query)
            if relation is None:
                raise BadInput("the statement has no answer; write a SELECT")
            columns, rows = tuple(relation.columns), _rows(relation.to_arrow_reader(BATCH), cap)
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError, ValueError, OverflowError) as error:
            raise self._explained(error) from error
        return Result(columns, rows if cap is None else rows[:cap], cap is not None and len(rows) > cap)

    def _one_statement(self, query: str) -> duckdb.Statement:
        import duckdb

        try:
            statements = self._connection.extract_statements(query)
        except duckdb.Error as error:
            raise BadInput(f"that is not SQL that DuckDB reads: {one_line(error)}. {_known()}") from error
        if len(statements) != 1:
            raise BadInput(f"expected one statement, found {len(statements)}; ask them one after the other")
        if statements[0].type.name not in READING:
            raise BadInput(f"{statements[0].type.name} statements are refused: the store is read here and never changed; write a SELECT")
        return statements[0]

    def _explained(self, error: Exception) -> DamagedTable | BadInput:
        """A stream that broke off is a damaged file; all else is a matter of the query."""
        broken = isinstance(error, OSError) or any(word in str(error) for word in BROKEN_OFF)
        found = [*damaged_paths(self._home, self._version), *damaged_features(self._home)] if broken else []
        return DamagedTable(found[0]) if found else BadInput(f"the query failed: {one_line(error)}. {_known()}")


def _rows(reader: pa.RecordBatchReader, cap: int | None) -> list[tuple[Any, ...]]:
    """Rows of an answer as plain values; with a `cap` it stops as soon as one more was seen."""
    rows: list[tuple[Any, ...]] = []
    for batch in reader:
        part = batch if cap is None else batch.slice(0, cap + 1 - len(rows))
        rows += zip(*(_values(column) for column in part.columns), strict=True)
        if cap is not None and len(rows) > cap:
            break
    return rows


def _values(column: pa.Array) -> list[Any]:
    """A column as Python values: moments as `2024-03-12T15:00:00Z`, whole decimals (sums of integers) as int, others as float."""
    import pyarrow as pa

    found = column.cast(_readable(column.type)).to_pylist()
    if pa.types.is_timestamp(column.type):
        return [None if value is None else _moment(value) for value in found]
    if pa.types.is_decimal(column.type):
        kind = float if column.type.scale else int
        return [None if value is None else kind(value) for value in found]
    return found


def _readable(kind: pa.DataType) -> pa.DataType:
    """The type with text for every moment in it; Arrow has no Python value for nanoseconds without further libraries."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_readable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _readable(field.type)) for field in kind])
    return kind


def _moment(text: str) -> str:
    """Arrow's text of a moment in UTC as ISO 8601 with Z, without a fraction of zeros."""
    whole, _, fraction = text.removesuffix("Z").replace(" ", "T").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def tables(home: Home, version: int | None = None) -> dict[str, Any]:
    """What can be asked, by name; a table of which nothing is stored is there and empty."""
    runs = [run for run in list_runs(home) if isinstance(run, Run)]
    return {"bars": bars_dataset(home, version), "news": news_rows(home), "actions": action_rows(home),
            "runs": _runs(runs), "trades": _trades(runs), "decisions": _decisions(runs)}


def _runs(runs: list[Run]) -> pa.Table:
    import pyarrow as pa

    fields = [*((name, pa.string()) for name in RUN_TEXTS), ("seed", pa.int64()), ("synthetic", pa.bool_()), *((name, pa.float64()) for name in RUN_FIGURES)]
    return pa.Table.from_pylist([_run_row(run) for run in runs], schema=pa.schema(fields))


def _run_row(run: Run) -> dict[str, Any]:
    figures = _metrics(run)
    row: dict[str, Any] = {name: getattr(run.manifest, name, None) for name in RUN_TEXTS}
    row |= {"run_id": run.run_id, "status": run.status, "symbols": " ".join(run.manifest.symbols)}
    row |= {"seed": run.manifest.seed, "synthetic": run.manifest.synthetic}
    return row | {name: None if figures.get(name) is None else float(figures[name]) for name in RUN_FIGURES}


def _metrics(run: Run) -> dict[str, Any]:
    try:
        return metrics_of(run)
    except DamagedTable:                                 # the run is listed all the same, without figures; `pse runs show` says what is wrong
        return {}


def _trades(runs: list[Run]) -> ds.Dataset:
    import pyarrow.dataset as ds
    import pyarrow.fs as fs

    form, disk = ds.ParquetFileFormat(), fs.LocalFileSystem()
    paths = {run.run_id: run.folder / "trades.parquet" for run in runs}
    parts = [form.make_fragment(str(path), disk, partition_expression=ds.field("run_id") == run_id) for run_id, path in paths.items() if path.is_file()]
    return ds.FileSystemDataset(parts, trade_schema(), form, disk)


def trade_schema() -> pa.Schema:
    """Columns of the `trades` table: those of a run's trades.parquet, and `run_id`."""
    import pyarrow as pa

    texts, moments = ("trade_id", "setup_id", "plan_id", "symbol", "contract", "tactic", "label", "grade", "direction"), ("ts_setup", "ts_entry", "ts_exit")
    counts = ("bars_held", "exits")
    fields = [("run_id", pa.string()), *((name, pa.string()) for name in texts), *((name, pa.int64()) for name in moments), ("session_date", pa.int32()),
              ("entry_kind", pa.string()), ("exit_reason", pa.string()), *((name, pa.float64()) for name in TRADE_FLOATS),
              *((name, pa.int64()) for name in counts), ("ambiguous", pa.bool_())]
    return pa.schema(fields)


def _decisions(runs: list[Run]) -> pa.Table:
    import pyarrow as pa

    fields = [("run_id", pa.string()), ("seq", pa.int64()), ("ts", pa.int64()), ("kind", pa.string()), ("body", pa.string()), ("hash", pa.string())]
    return pa.Table.from_pylist([row for run in runs for row in _decision_rows(run)], schema=pa.schema(fields))


def _decision_rows(run: Run) -> Iterator[dict[str, Any]]:
    """Decision lines of a run; the body stays JSON text (`body->>'$.code'`)."""
    path = run.folder / FINAL_DECISIONS
    for line in raw_lines(path) if path.is_file() else ():
        record = _parsed(path, line)
        body = json.dumps(record.get("body"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        yield {"run_id": run.run_id, "seq": record.get("seq"), "ts": record.get("ts"), "kind": record.get("kind"), "body": body, "hash": record.get("hash")}


def _parsed(path: Path, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DamagedTable(f"{path} holds a line that is not JSON ({error}); `pse audit log` says which; run the backtest again") from error
    return found if isinstance(found, dict) else {}


def _known() -> str:
    return "Tables: bars, features, feature_tables, news, actions, runs, trades, decisions; `DESCRIBE bars` lists a table's columns"
