"""`pse wfo --open-holdout RUN`: what a walk-forward chose, on the end of the window that nothing of it was searched on; once, and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pse.clock import iso, moment_ns
from pse.commands.running import check_outside
from pse.commands.wfo_files import COMMAND, load_walk
from pse.commands.wfo_ledger import note
from pse.commands.wfo_ready import pinned, policy_from, ready
from pse.commands.wiring import Answer, Context
from pse.commands.work import place_of, work
from pse.domain.errors import RequestError
from pse.domain.trials import Span, Task
from pse.research import bootstrap, verdict
from pse.research.objectives import figures
from pse.settings import Settings
from pse.store.files import read_json, write_json
from pse.store.holdouts import Opening, open_once
from pse.store.ledger import trials_counted
from pse.store.runs import LATEST, Run, load_run

if TYPE_CHECKING:
    from rich.console import Console

OPENED = "holdout.json"


def run(context: Context, run_id: str) -> Answer:
    """Opens the sealed end of a walk-forward; where it was opened before, what was found then and when."""
    if run_id == LATEST:
        raise RequestError(f"--open-holdout {LATEST}: a seal opens once, so the run is named whose end is looked at; the newest is "
                           f"{load_run(context.home, LATEST).run_id}, `pse runs list` shows them all")
    found, wfo = load_walk(context, run_id)
    sealed = wfo.get("holdout")
    if not sealed:
        raise RequestError(f"run {found.run_id} sealed nothing; expected a walk-forward with --holdout SHARE (for example --holdout 0.2)")
    window = moment_ns(sealed["start"]), moment_ns(sealed["end"])
    settings = Settings.from_tree(found.manifest.settings, context.home.root)
    check_outside(settings, found.manifest)
    symbols, params = found.manifest.symbols, dict(wfo["chosen"]["params"])
    looked_at = settings.looked_at(symbols)
    before = trials_counted(context.home, looked_at, window).n
    asked = Opening(run_id=found.run_id, snapshot=found.manifest.snapshot, symbols=symbols, looked_at=looked_at, desk=found.manifest.desk, window=window,
                    opened=iso(context.clock.now_ns()), params=params, trials_before=before)
    opening = open_once(context.home, asked, context.clock.now_ns())
    path = found.folder / OPENED
    if opening != asked and opening.run_id != found.run_id:
        raise RequestError(f"the sealed end of run {found.run_id} ({sealed['start'][:10]} to {sealed['end'][:10]}, {', '.join(symbols)}) was opened on "
                           f"{opening.opened} by run {opening.run_id}, and a seal opens once; its result is shown by `pse wfo --open-holdout "
                           f"{opening.run_id}`. Only bars that nobody has seen can judge again")
    first = opening == asked
    if first or not path.is_file():                                # killed between the line in the log and the result: the look was taken, show it
        write_json(path, _measured(context, found, wfo, params, Span(*window), opening))
    data = dict(read_json(path))
    if not first:
        context.warn(f"the sealed end was opened on {opening.opened}; this is what was found then")
    return Answer(data | {"run_id": found.run_id, "first": first}, lambda console: _show(console, data, first))


def _measured(context: Context, found: Run, wfo: Mapping[str, Any], params: dict[str, Any], span: Span, opening: Opening) -> dict[str, Any]:
    """The chosen configuration on the sealed sessions, and the desk's own beside it."""
    inputs = pinned(context, found.manifest)
    kept = found.manifest.extra[COMMAND]
    made = ready(context, inputs, policy_from(kept["policy"]), int(kept["folds"]))
    sealed = replace(inputs, end_ns=span.end_ns)
    place, tried = place_of(sealed, context), (params, dict(made.walk.space.own))
    chosen, own = (work(Task(place, one, (span,)))[0] for one in tried)
    note(context, sealed, (span.start_ns, span.end_ns), list(zip(tried, (chosen, own), strict=True)), made.per_year)
    return {"opened": opening.opened, "window": {"start": iso(span.start_ns), "end": iso(span.end_ns), "sessions": int(chosen.dates.size)}, "params": params,
            "trials_before": opening.trials_before, "figures": figures(chosen, made.per_year), "own": figures(own, made.per_year),
            "intervals": {"sharpe": bootstrap.intervals(chosen.returns, made.walk.seed, made.per_year)["sharpe"]},
            "searched": next(one["whole"] for one in wfo["candidates"] if one["id"] == wfo["chosen"]["id"]), "verdict": wfo["court"]["verdict"]}


def _show(console: Console, data: Mapping[str, Any], first: bool) -> None:
    """The sealed sessions beside what was searched."""
    from rich.table import Table
    from rich.text import Text

    window = data["window"]
    console.print(Text(f"Sealed end {window['start'][:10]} to {window['end'][:10]}, {window['sessions']} sessions, opened {data['opened']}", style="bold"))
    console.print(Text("Chosen: " + ", ".join(f"{key} {value}" for key, value in data["params"].items())), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("", "sealed", "searched", "the desk's own, sealed"):
        table.add_column(title, justify="left" if not title else "right")
    for label, name in (("trades", "trades"), ("net", "net_usd"), ("expectancy R", "expectancy_r"), ("Sharpe", "sharpe"), ("max drawdown", "max_drawdown")):
        table.add_row(label, *(_said(name, data[part].get(name)) for part in ("figures", "searched", "own")))
    console.print(table)
    for text in cautions(data):
        console.print(Text(text), soft_wrap=True)
    said = "It was opened now, and is sealed no more: a second look cannot be a test." if first else "It had been opened before: this is the first result."
    if data["trials_before"]:
        said += f" {data['trials_before']:,} configurations of the ledger had looked at this time already, so it was not unseen."
    console.print(Text(said), soft_wrap=True)


def cautions(data: Mapping[str, Any]) -> list[str]:
    """How far the sealed sessions can be believed: the interval of their Sharpe ratio, how few they are, and what the court had said of the search."""
    sessions, trades, between = int(data["window"]["sessions"]), int(data["figures"].get("trades") or 0), (data.get("intervals") or {}).get("sharpe")
    few = [f"{sessions} sessions, where an interval takes {bootstrap.MIN_SESSIONS}"] * (sessions < bootstrap.MIN_SESSIONS)
    few += [f"{trades} trades, where the court asks for {verdict.MIN_TRADES}"] * (trades < verdict.MIN_TRADES)
    found = [] if between is None else [f"Sharpe ratio on the sealed sessions, 95 % interval: {between[0]:.2f} to {between[1]:.2f} (block bootstrap over "
                                        f"{sessions:,} sessions, {trades:,} trades)."]
    if few:
        found.append(f"This says little: {', and '.join(few)}.")
    if data["verdict"] != verdict.CREDIBLE:
        found.append(f"The verdict on the search is {data['verdict']}, not {verdict.CREDIBLE}; a good sealed end alone does not undo that.")
    return found


def _said(name: str, value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if name == "trades" else f"{value:.1%}" if name == "max_drawdown" else f"{value:,.2f}"
