"""`pse build-features`: stored bars -> a versioned table of feature columns."""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.commands.compiling import telling_of_compiling
from pse.commands.feature_inputs import Plan, catalogue, compute, kind_of_column, load_source, plan_table, table_rows
from pse.commands.wiring import Answer, Context
from pse.domain.bars import timeframe_ns
from pse.domain.errors import RequestError
from pse.features.requests import Request, every_feature, parse_requests
from pse.reports.words import counted
from pse.store.feature_columns import Aside
from pse.store.feature_tables import TableSpec, Written, is_current, read_manifest, table_root, write_series
from pse.store.layout import symbol_name
from pse.store.snapshots import take_snapshot

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


@dataclass(frozen=True)
class Built:
    """One series of the table: what was asked, and what became of it."""

    plan: Plan
    written: Written


def run(context: Context, *, symbol: str, timeframe: str | None = None, features: str | None = None, start_ns: int | None = None,
        end_ns: int | None = None) -> Answer:
    """Compute and store the features of some symbols and timeframes; the same again changes nothing."""
    symbols = [symbol_name(one) for one in _listed(symbol, "--symbol", "ES,NQ")]
    timeframes = _listed(timeframe or context.settings.chosen.decision_timeframe, "--timeframe", "1m,5m")
    for one in timeframes:
        timeframe_ns(one)
    known = catalogue()
    requests = every_feature(known) if features is None else parse_requests(features, known)
    spec = table_spec(context, requests, start_ns, end_ns, ",".join(re.findall(r"[^,\s]+", features or "")))
    plans = [plan_table(context, one, frame, requests, start_ns, end_ns, strict=features is not None) for one in symbols for frame in timeframes]
    _warn(context, plans)
    snapshot = take_snapshot(context.home, [series.key for plan in plans for series in plan.series], context.clock)
    with telling_of_compiling(context), context.progress() as progress:
        task = progress.add_task("features", total=len(plans) * (len(requests) + 1))
        built = [Built(plan, build_series(context, spec, plan, progress, task)) for plan in plans]
    return Answer(_data(context, spec, snapshot.id, built), lambda console: _show(console, context, spec, built))


def _listed(text: str, flag: str, example: str) -> list[str]:
    found = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if not found:
        raise RequestError(f"{flag} {text!r} names nothing; write for example {flag} {example}")
    return found


def table_spec(context: Context, requests: Sequence[Request], start_ns: int | None, end_ns: int | None, asked: str = "") -> TableSpec:
    """The table that holds these requests over this window; `asked`: the list as it was written."""
    declared = {name: column for one in requests for name, column in one.columns.items()}
    window = {"start": None if start_ns is None else iso(start_ns), "end": None if end_ns is None else iso(end_ns),
              "warmup_sessions": None if start_ns is None else context.settings.chosen.warmup_sessions}
    meanings = {name: {"meaning": column.meaning, "unit": column.unit} for name, column in declared.items()}
    return TableSpec(tuple(one.identity() for one in requests), window, {name: kind_of_column(column) for name, column in declared.items()}, meanings,
                     asked)


def build_series(context: Context, spec: TableSpec, plan: Plan, progress: Progress, task: TaskID) -> Written:
    """One symbol and timeframe: nothing is computed when the table holds it already."""
    basis, home = plan.basis(), context.home
    found = read_manifest(home, spec.hash, plan.symbol, plan.timeframe)
    if is_current(home, spec, found, basis):
        assert found is not None and found.basis is not None
        progress.advance(task, len(plan.requests) + 1)
        return Written("unchanged", found.rows, (), found.version, found.basis["snapshot"])
    said = f"{plan.symbol} {plan.timeframe}"
    if found is not None and found.basis is not None and found.basis["code"] != dict(basis.code):
        context.note(f"{said}: pse has changed since the table was made; everything is computed again and compared")
    progress.update(task, description=f"{said}: reading bars")
    source = load_source(context, plan)
    for note in source.notes:
        context.note(f"note: {note}")
    bars, window = table_rows(source)
    aside = Aside(home.state / "aside", window.stop - window.start)
    try:
        for name, values in (("ts_open", bars.ts_open), ("ts_close", bars.ts_close), ("available_at", bars.ts_close), ("session_date", bars.session_date)):
            aside.put(name, values[window])
        del bars
        for request, made in compute(source):
            progress.update(task, advance=1, description=f"{said}: {request.text}")
            for name, values in made.items():
                aside.put(name, spec.kinds[name].compact(values[window]))
        del source, made, values
        gc.collect()                                     # what the bars told is not needed while a year of columns is held
        progress.update(task, description=f"{said}: writing")
        written = write_series(home, spec, plan.symbol, plan.timeframe, basis, aside, context.clock)
    finally:
        aside.close()
    progress.advance(task)
    return written


def _warn(context: Context, plans: Sequence[Plan]) -> None:
    """What cannot be computed, once for each feature, with where and why."""
    where: dict[tuple[str, str], list[str]] = {}
    lacking: dict[tuple[str, str], list[str]] = {}
    for plan in plans:
        for what, why in plan.left_out.items():
            feature, _, other = what.partition(": ")
            series = f"{plan.symbol} {plan.timeframe}"
            where.setdefault((feature, why), []).extend([] if series in where.get((feature, why), ()) else [series])
            lacking.setdefault((feature, why), []).extend([] if not other or other in lacking.get((feature, why), ()) else [other])
    for (feature, why), others in lacking.items():
        series = ", ".join(where[feature, why])
        if others:
            context.warn(f"{series}: {feature} reads {', '.join(others)}, but {why}; what is missing is NaN or UNKNOWN in its columns. `pse ingest --symbol "
                         f"{others[0]} ...` brings it")
        else:
            context.warn(f"{series}: {feature} {why}; its columns are empty")


def _data(context: Context, spec: TableSpec, snapshot: str, built: Sequence[Built]) -> dict[str, Any]:
    statuses = {one.written.status for one in built}
    tables = [{"symbol": one.plan.symbol, "timeframe": one.plan.timeframe, "status": one.written.status, "rows": one.written.rows,
               "years_written": list(one.written.years), "version": one.written.version, "snapshot": one.written.snapshot, "anchor": iso(one.plan.anchor_ns),
               "left_out": dict(one.plan.left_out)} for one in built]
    return {"status": next(one for one in ("created", "updated", "unchanged") if one in statuses), "rows": sum(one.written.rows for one in built),
            "columns": len(spec.kinds), "column_names": list(spec.kinds), "snapshot": snapshot, "table": spec.hash,
            "path": str(table_root(context.home, spec.hash)), "tables": tables}


def _show(console: Console, context: Context, spec: TableSpec, built: Sequence[Built]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("series", "status", "rows", "written", "anchor", "snapshot"):
        table.add_column(title, justify="right" if title == "rows" else "left")
    for one in built:
        table.add_row(f"{one.plan.symbol} {one.plan.timeframe}", one.written.status, f"{one.written.rows:,}", year_ranges(one.written.years) or "-",
                      iso(one.plan.anchor_ns), one.written.snapshot)
    console.print(table)
    console.print(Text(f"{counted(len(spec.kinds), 'column')} in {table_root(context.home, spec.hash)}; pse sql \"FROM feature_tables\" lists all tables"),
                  soft_wrap=True)
    first = built[0].plan
    console.print(Text(f"ask it: pse sql \"SELECT time_close, {telling_column(first.requests)} FROM features WHERE symbol = '{first.symbol}' AND timeframe = "
                       f"'{first.timeframe}' ORDER BY time_close DESC LIMIT 10\"", style="dim"), soft_wrap=True)


def year_ranges(years: Sequence[str]) -> str:
    """`2001-2023 2025` of years in order."""
    runs: list[list[str]] = []
    for year in years:
        if runs and int(year) == int(runs[-1][-1]) + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return " ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def telling_column(requests: Sequence[Request]) -> str:
    """A column worth looking at first: one that bears the feature's name, else one with a value on every bar."""
    names = [(one, own, name) for one in requests for own, name in zip(one.own, one.columns, strict=False)]
    named = next((name for one, own, name in names if own == one.name), None)
    return named or next((name for one, own, name in names if one.declared[own].speaks == "always"), names[0][2])
