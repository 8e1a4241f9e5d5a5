"""`pse runs list` and `pse runs show`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.commands.report import WFO
from pse.commands.wiring import Answer, Context
from pse.domain.errors import DamagedTable, RequestError
from pse.domain.manifest import Manifest
from pse.store.layout import Home
from pse.store.runs import Run, check_journal, files_of, kinds_of, list_runs, load_run, metrics_of

if TYPE_CHECKING:
    from rich.console import Console

    from pse.reports.walk import Walk

DEMO = "pse-demo"                                # the home of `pse demo`, below the folder it was called in
ROOMY = 96                                       # columns from which the list of runs is a table
SHOWN_METRICS = ("trades", "net_usd", "expectancy_r", "win_rate", "profit_factor", "sharpe", "max_drawdown")


@dataclass(frozen=True)
class RunRow:
    """One line of the list; of a damaged run only its name and the error are known."""

    run_id: str
    status: str
    created: str | None = None
    command: str | None = None
    desk: str | None = None
    symbols: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    synthetic: bool | None = None
    trades: int | None = None
    net_usd: float | None = None
    verdict: str | None = None
    error: str | None = None


def run_list(context: Context) -> Answer:
    """All stored runs, newest first; damaged ones stand in the list with what is wrong."""
    if not context.home.root.is_dir():
        raise RequestError(f"the home folder {context.home.root} does not exist; expected one that `pse` works in: check --home and PSE_HOME, or leave them "
                           f"out to look in the current folder")
    rows = [_row(found) for found in list_runs(context.home)][::-1]
    warnings = tuple(f"run {row.run_id}: {row.error}" for row in rows if row.error)
    return Answer({"runs": [asdict(row) for row in rows]}, lambda console: _show_list(console, rows, context.home), warnings=warnings)


def _row(found: Run | tuple[str, str]) -> RunRow:
    if isinstance(found, tuple):
        return RunRow(found[0], "damaged", error=found[1])
    manifest = found.manifest
    try:
        metrics, error = metrics_of(found), None
    except DamagedTable as damage:
        metrics, error = {}, str(damage)
    return RunRow(found.run_id, found.status, manifest.created, manifest.command, manifest.desk, manifest.symbols, manifest.start, manifest.end,
                  manifest.synthetic, metrics.get("trades"), metrics.get("net_usd"), metrics.get("verdict"), error)


def _show_list(console: Console, rows: list[RunRow], home: Home) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        console.print(Text(_no_runs(home)), soft_wrap=True)
        return
    cells = [_cells(row) for row in rows]
    if console.width < ROOMY:
        for run_id, *others in cells:
            console.print(Text(f"{run_id}\n  {', '.join(others[:3])}, {others[3]} trades, {others[4]} net"))
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("run", "command", "status", "window", "trades", "net"):
            table.add_column(title, justify="right" if title in ("trades", "net") else "left", no_wrap=title in ("run", "command"), overflow="fold")
        for line in cells:
            table.add_row(*map(Text, line))
        console.print(table)
    for row in rows:
        if row.error:
            console.print(Text(f"{row.run_id}: {row.error}"))


def _cells(row: RunRow) -> list[str]:
    """A run in words: id, command, status with the verdict of a walk-forward, window, trades, net."""
    window = f"{_day(row.start)} to {_day(row.end)}" if row.start or row.end else "-"
    status = ", ".join(word for word in (row.status, row.verdict, "synthetic" if row.synthetic else None) if word)
    return [row.run_id, row.command or "-", status, window, "-" if row.trades is None else str(row.trades), _money(row.net_usd)]


def _no_runs(home: Home) -> str:
    """Where was looked, and where there may be some."""
    said = f"No runs yet in {home.outputs.resolve()}; `pse backtest` makes one."
    demo = home.root / DEMO
    if not (demo / "backtests").is_dir():
        return said
    shown = demo if not demo.resolve().is_relative_to(Path.cwd()) else demo.resolve().relative_to(Path.cwd())
    return f"{said} The runs of the demo are shown by `pse --home {shown} runs list`."


def run_show(context: Context, run_id: str, positions: bool = False) -> Answer:
    """One run: its manifest, its figures, and what its journal holds; of a walk-forward its verdict, folds and choice too; with `positions` what was held
    and earned of each contract."""
    run = load_run(context.home, run_id)
    walk = _walk_of(run)
    metrics, kinds = metrics_of(run), kinds_of(run)
    data = {"run_id": run.run_id, "status": run.status, "folder": str(run.folder), "files": files_of(run), "manifest": run.manifest.model_dump(mode="json"),
            "metrics": metrics, "journal": {"records": sum(kinds.values()), "kinds": kinds}}
    data |= {} if walk is None else {"walk_forward": {key: walk.court.get(key) for key in ("verdict", "clause")} | {"chosen": walk.chosen, "folds": walk.folds}}
    if not positions:
        return Answer(data, lambda console: _show_run(console, run, metrics, kinds, walk))
    if walk is not None:
        raise RequestError(f"run {run.run_id} is a walk-forward and holds no account of its own; expected --positions of an ordinary run. Each fold starts flat"
                           f" and ends flat: its trades lie in {run.folder / 'folds'}, and `pse report {run.run_id} --csv tables/` writes all of them")
    from pse.commands.positions import as_data, books_of, show_positions

    check_journal(run)
    found = books_of(run)

    def show(console: Console) -> None:
        _show_run(console, run, metrics, kinds, walk)
        show_positions(console, found, _currency(run.manifest))

    return Answer(data | as_data(found), show)


def _walk_of(run: Run) -> Walk | None:
    """What a finished walk-forward came to; None of any other run."""
    from pse.reports.walk import read_walk

    return read_walk(run.folder) if run.manifest.command == WFO and run.manifest.status == "finished" else None


def _show_run(console: Console, run: Run, metrics: dict[str, Any], kinds: dict[str, int], walk: Walk | None) -> None:
    from rich.table import Table
    from rich.text import Text

    manifest = run.manifest
    code = " ".join(f"{name} {value}" for name, value in sorted(manifest.code.items()))
    lines = {"run": run.run_id, "status": run.status + (", synthetic data" if manifest.synthetic else ""), "command": manifest.command,
             "desk": f"{manifest.desk} on {', '.join(manifest.symbols)}", "window": f"{manifest.start or 'first bar'} to {manifest.end or 'last bar'}",
             "decided by": manifest.decide, "seed": str(manifest.seed), "snapshot": manifest.snapshot, "fingerprint": manifest.fingerprint,
             "ran on": f"{manifest.python}, {manifest.platform}; {code}",
             "journal": f"{sum(kinds.values())} records" + (f", head {manifest.head[:16]}" if manifest.head else "")}
    lines |= {_label(name, _currency(manifest)): _figure(metrics[name]) for name in SHOWN_METRICS if name in metrics}
    lines |= {"records": ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none", "folder": str(run.folder)}
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    console.print(table)
    if walk is not None:
        from pse.reports.walk_summary import show_walkforward

        console.print()
        show_walkforward(console, walk.wfo, {"report": f"pse report {run.run_id} writes it"})


def _currency(manifest: Manifest) -> str:
    """The currency that the account was kept in."""
    account = manifest.settings.get("account")
    return str(account.get("currency") or "USD") if isinstance(account, dict) else "USD"


def _label(name: str, currency: str) -> str:
    """`net_usd` as `net EUR`: the key of a figure in money ends in usd whatever the account is kept in."""
    return f"{name.removesuffix('_usd').replace('_', ' ')} {currency}" if name.endswith("_usd") else name.replace("_", " ")


def _day(text: str | None) -> str:
    """A day, or a day and its minute UTC."""
    return "..." if text is None else text.removesuffix("T00:00:00Z")[:16].replace("T", " ")


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _figure(value: Any) -> str:
    return "-" if value is None else f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,}" if isinstance(value, (int, float)) \
        else str(value)
