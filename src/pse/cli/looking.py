"""Commands that look at past runs and check them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pse.cli.frame import LOOK, app, group, module, moment, mount, names, window
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

runs = group("runs", LOOK, "Past runs.")


@mount(runs, "list")
def runs_list(context: Context) -> Answer:
    """Runs, newest first."""
    return module("runs").run_list(context)


@mount(runs, "show")
def runs_show(
    context: Context,
    run_id: opt.RunId,
    positions: Annotated[bool, Option("--positions", help="Also what was held and earned of each contract: by plan, at average cost, FIFO.")] = False,
) -> Answer:
    """One run: what was run on what, and what came out."""
    return module("runs").run_show(context, run_id=run_id, positions=positions)


@mount(runs, "compare")
def runs_compare(
    context: Context,
    run_ids: Annotated[list[str], Argument(help="Two runs or more; the others are held against the first.", metavar="RUN_ID RUN_ID...", show_default=False)],
    seed: Annotated[int, Option(help="Seed of the resampling.", min=0)] = 0,
) -> Answer:
    """Runs side by side: settings and data that differ, figures, trades, and whether their returns can be told apart."""
    return module("compare").run(context, run_ids=tuple(run_ids), seed=seed)


@mount(app, "report", LOOK)
def report(context: Context, run_id: opt.RunId, html: opt.Html = None, csv: opt.Csv = None, charts: opt.Charts = "some") -> Answer:
    """Write a past run as one HTML file, or as CSV."""
    return module("report").run(context, run_id=run_id, html=html, csv=csv, charts=charts)


@mount(app, "chart", LOOK)
def chart(
    context: Context,
    symbol: Annotated[str | None, Option(help="Stored symbol; with --run the run's first without it.", metavar="SYMBOL")] = None,
    timeframe: Annotated[str | None, Option(help="Length of the bars: 5m without it, or what is stored.", metavar="TF")] = None,
    start: opt.Start = None,
    end: opt.End = None,
    at: Annotated[str | None, Option(help="Show only what was known at this moment.", metavar="TIME")] = None,
    bars: Annotated[int | None, Option(help="At most so many bars, the last ones; without it the last few sessions.", min=1)] = None,
    layers: Annotated[str | None, Option(help="What to draw: sessions,structure,swings,gaps,pools,sweeps,blocks,levels,zones,vwap,bands,volume,regime,trades.",
                                         metavar="LIST")] = None,
    features: Annotated[list[str] | None, Option(help="Features or columns to draw beside it, for example rsi,adx.", metavar="LIST")] = None,
    run: Annotated[str | None, Option(help="Draw the trades of this run, on the bars it saw.", metavar="RUN_ID")] = None,
    theme: Annotated[str | None, Option(help="light or dark; without it the page follows its reader.", metavar="light|dark")] = None,
    out: Annotated[list[Path] | None, Option(help="File to write, .html or .png; may be repeated.", metavar="FILE")] = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Candles with market structure, sessions, features and trades, as one HTML page or a PNG."""
    start_ns, end_ns = window(start, end)
    chart_module = module("chart")
    asked = chart_module.Asked(symbol=symbol, timeframe=timeframe, start_ns=start_ns, end_ns=end_ns, at_ns=moment(at, "--at"), bars=bars,
                         layers=names(layers) if layers is not None else None, features=names(",".join(features or ())), run_id=run, theme=theme,
                         out=tuple(out or ()))
    return chart_module.run(context.asking(config=config, overrides=tuple(sets or ())), asked)


@mount(app, "prove", LOOK)
def prove(context: Context, run_id: opt.RunId) -> Answer:
    """Run it again from its manifest and compare every byte: EQUAL, or the first difference."""
    return module("prove").run(context, run_id=run_id)


@mount(app, "overfit", LOOK)
def overfit(
    context: Context,
    run_ids: Annotated[list[str] | None, Argument(help="Runs that were tried, or one walk-forward; without any, what the ledger kept.", metavar="[RUN_ID]...",
                                                  show_default=False)] = None,
    desk: Annotated[str | None, Option(help="Every trial of this desk in the ledger.", metavar="NAME")] = None,
    symbol: Annotated[list[str] | None, Option(help="Every trial on this symbol in the ledger; may be repeated.", metavar="SYMBOL")] = None,
    start: opt.Start = None,
    end: opt.End = None,
    chosen: Annotated[str | None, Option(help="The run that was chosen; without it the best Sharpe ratio.", metavar="RUN_ID")] = None,
    trials: Annotated[int | None, Option(help="How many configurations were tried in truth; raises the ledger's count, never lowers it.", min=1)] = None,
    audit: Annotated[bool, Option("--audit", help="Run the look-ahead audit of the chosen run's desk where none is kept.")] = False,
    seed: Annotated[int, Option(help="Seed of the resampling.", min=0)] = 0,
) -> Answer:
    """Is the best of many runs more than luck? INSUFFICIENT, OVERFIT, UNPROVEN or CREDIBLE, and the clause that decided."""
    start_ns, end_ns = window(start, end)
    asked = module("overfit").Asked(names=tuple(run_ids or ()), desk=desk, symbols=tuple(symbol or ()), start_ns=start_ns, end_ns=end_ns, chosen=chosen,
                                    trials=trials, seed=seed, audit=audit)
    return module("overfit").run(context, asked)


audit = group("audit", LOOK, "Checks that a result can be believed.")


@mount(audit, "log")
def audit_log(context: Context, target: Annotated[str, Argument(help="Run id or journal file.", metavar="RUN_ID|FILE", show_default=False)]) -> Answer:
    """Check a journal's hash chain: was a line changed, removed, added or moved?"""
    return module("audit").run_log(context, target=target)


@mount(audit, "lookahead")
def audit_lookahead(
    context: Context,
    symbol: Annotated[str | None, Option(help="Stored symbol; without it the first of the desk's that is stored.", metavar="SYMBOL")] = None,
    timeframe: Annotated[str | None, Option(help="Bars on whose close things are said; without it the desk's decision bars.", metavar="TF")] = None,
    desk: opt.Desk = None,
    features: Annotated[str | None, Option(help="Only these features (rsi:period=7,ema@1h,close@VIX/1d), or all; without it the desk's tactics and "
                                           "briefings too.", metavar="LIST|all")] = None,
    tactics: Annotated[bool, Option("--tactics", help="Only the desk's tactics and briefings; with --features, those too.")] = False,
    start: opt.Start = None,
    end: opt.End = None,
    cuts: Annotated[int, Option(help="Random cuts, beside those at events, session edges and rolls.", min=0)] = 64,
    exhaustive: Annotated[bool, Option("--exhaustive", help="Cut at every decision bar: minutes instead of seconds.")] = False,
    seed: opt.Seed = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Does anything said of the past (features, setups, briefings) change when later bars do?"""
    start_ns, end_ns = window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk, seed=seed)
    return module("lookahead").run_lookahead(asked, symbol, timeframe, features, tactics, start_ns, end_ns, cuts, exhaustive)
