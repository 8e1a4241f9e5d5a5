"""`pse snapshots list`, `show`, `diff` and `verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.commands.wiring import Answer, Context
from pse.store import snapshots
from pse.store.actions import actions_of, actions_version
from pse.store.layout import Home
from pse.store.snapshots import Series, Snapshot

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def run_list(context: Context) -> Answer:
    """All snapshots, newest first."""
    found = snapshots.list_all(context.home)
    return Answer({"snapshots": [_summary(one) for one in found]}, lambda console: _show_list(console, found))


def run_show(context: Context, snapshot: str) -> Answer:
    """What one snapshot pins."""
    found = snapshots.load(context.home, snapshot)
    data = _summary(found) | {"files": sorted(found.files), "series": [_series(one) | {"months": dict(one.months)} for one in found.series]}
    events = _events(context.home, found)
    data |= {"actions": {"version": actions_version(context.home), "stored": events}}
    return Answer(data, lambda console: _show_one(console, found, events))


def run_diff(context: Context, first: str, second: str) -> Answer:
    """Series and months that differ between two snapshots."""
    a, b = snapshots.load(context.home, first), snapshots.load(context.home, second)
    found = snapshots.diff(a, b)
    return Answer({"first": a.id, "second": b.id, "equal": not found, "series": found}, lambda console: _show_diff(console, a, b, found))


def run_verify(context: Context, snapshot: str | None = None) -> Answer:
    """Files and values against what was written; exit code 1 when something differs."""
    chosen = snapshots.list_all(context.home) if snapshot is None else [snapshots.load(context.home, snapshot)]
    context.note(f"reading the stored values of {len(chosen)} snapshot{'s' if len(chosen) != 1 else ''} again ...")
    findings = snapshots.verify(context.home, chosen)
    data = {"verified": [one.id for one in chosen], "findings": [asdict(finding) for finding in findings]}
    return Answer(data, lambda console: _show_findings(console, len(chosen), findings), exit_code=1 if findings else 0)


def _summary(one: Snapshot) -> dict[str, Any]:
    return {"id": one.id, "created": one.created, "synthetic": one.synthetic, "tables": {"bars": {"version": one.version}},
            "series": [_series(series) for series in one.series]}


def _series(one: Series) -> dict[str, Any]:
    return {"symbol": one.symbol, "timeframe": one.timeframe, "hash": one.hash, "rows": one.rows, "first": iso(one.first), "last": iso(one.last)}


def _events(home: Home, found: Snapshot) -> dict[str, int]:
    """How many splits and dividends are stored now of the symbols of a snapshot; a run notes the version of their table beside the snapshot."""
    known = actions_of(home)
    return {symbol: len(known[symbol]) for symbol in sorted({one.symbol for one in found.series}) if symbol in known}


# --- for people ----------------------------------------------------------------------------------------------------------------------------------


def _table(*titles: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title.startswith("rows") else "left", overflow="fold")
    return table


def _show_list(console: Console, found: list[Snapshot]) -> None:
    if not found:
        console.print("No snapshots yet; `pse ingest` makes one.")
        return
    table = _table("snapshot", "made", "version", "rows", "series")
    for one in found:
        names = ", ".join(f"{series.symbol} {series.timeframe}" for series in one.series) + (" (synthetic)" if one.synthetic else "")
        table.add_row(one.id, one.created[:19], str(one.version), f"{sum(series.rows for series in one.series):,}", names)
    console.print(table)


def _show_one(console: Console, found: Snapshot, events: dict[str, int]) -> None:
    kind = ", synthetic data" if found.synthetic else ""
    said = f"snapshot {found.id}, made {found.created}, bars at version {found.version} in {len(found.files)} files{kind}"
    console.print(said, markup=False, highlight=False)
    table = _table("series", "rows", "first bar", "last bar", "months", "value hash")
    for one in found.series:
        table.add_row(f"{one.symbol} {one.timeframe}", f"{one.rows:,}", iso(one.first), iso(one.last), str(len(one.months)), one.hash[:16])
    console.print(table)
    if events:
        told = ", ".join(f"{symbol} {count}" for symbol, count in events.items())
        console.print(f"splits and dividends stored now: {told}", markup=False, highlight=False)


def _show_diff(console: Console, a: Snapshot, b: Snapshot, found: list[dict[str, Any]]) -> None:
    if not found:
        console.print(f"{a.id} and {b.id} hold the same values.", markup=False, highlight=False)
        return
    table = _table("series", "rows first", "rows second", "only in the first", "only in the second", "other values")
    for one in found:
        months = (", ".join(one[key]) or "-" for key in ("only_first", "only_second", "changed"))
        table.add_row(f"{one['symbol']} {one['timeframe']}", f"{one['rows_first']:,}", f"{one['rows_second']:,}", *months)
    console.print(table)


def _show_findings(console: Console, count: int, findings: list[snapshots.Finding]) -> None:
    from rich.text import Text

    if not findings:
        console.print(f"{count} snapshot{'s' if count != 1 else ''} and the newest version: every file and every value is as it was written.",
                      markup=False, highlight=False)
    for finding in findings:
        console.print(Text(f"{finding.snapshot}: {finding.where} {finding.problem}"))
    if findings:
        console.print("Restore the files named from a copy, or move data/bars and data/state away and ingest again; equal values get equal ids.")
