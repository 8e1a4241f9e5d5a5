"""Commands that run a desk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from pse.cli.frame import RUN, app, module, mount, window
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context


@mount(app, "backtest", RUN)
def backtest(
    context: Context,
    symbol: opt.OptionalSymbol = None,
    start: opt.Start = None,
    end: opt.End = None,
    desk: opt.Desk = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
    seed: opt.Seed = None,
    fills: opt.FillsOrAll = None,
    agents: opt.Agents = "rules",
    account: opt.Accounts = None,
    report: opt.Report = None,
) -> Answer:
    """Replay history through the engine and write a run below backtests/outputs."""
    start_ns, end_ns = window(start, end)
    every = fills == "envelope"
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk, seed=seed, fills=None if every else fills, fills_too=("envelope",))
    wanted = module("asked").one_symbol(asked, symbol)
    module("asked").accounts_of(asked.settings, account or (), report)
    return module("backtest").run(asked, symbol=wanted, start_ns=start_ns, end_ns=end_ns, agents=agents, report=report, accounts=tuple(account or ()),
                                  envelope=every)


@mount(app, "paper", RUN)
def paper(
    context: Context,
    symbol: opt.OptionalSymbol = None,
    start: opt.Start = None,
    end: opt.End = None,
    desk: opt.Desk = None,
    route: Annotated[str, Option(help="Who fills the orders: SIM.", metavar="SIM")] = "SIM",
    feed: Annotated[str, Option(help="Where bars come from: replay, one stored bar after the other.", metavar="replay")] = "replay",
    account: Annotated[str | None, Option(help="Account name; without it the one of settings.yaml.", metavar="NAME")] = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
    seed: opt.Seed = None,
    fills: opt.Fills = None,
    agents: opt.Agents = "rules",
    report: opt.Report = None,
) -> Answer:
    """The same loop, one bar at a time, as it would run live."""
    start_ns, end_ns = window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk, seed=seed, fills=fills)
    wanted = module("asked").one_symbol(asked, symbol)
    return module("paper").run(asked, symbol=wanted, start_ns=start_ns, end_ns=end_ns, route=route, feed=feed, report=report, account=account,
                               agents=agents)


@mount(app, "wfo", RUN)
def wfo(
    context: Context,
    symbol: opt.OptionalSymbol = None,
    start: opt.Start = None,
    end: opt.End = None,
    desk: opt.Desk = None,
    folds: Annotated[int, Option(help="Test windows, one after the other; cpcv makes its own of its groups.", metavar="N")] = 6,
    params: Annotated[Path | None, Option(help="YAML file whose `search:` block says what to search; without it the desk's.", metavar="FILE")] = None,
    trials: Annotated[int | None, Option(help="Configurations to try; of tpe in each fold.", metavar="N")] = None,
    scheme: Annotated[str | None, Option(help="How the window is cut.", metavar="rolling|anchored|cpcv")] = None,
    objective: Annotated[str | None, Option(help="What the best has most of: sharpe, sortino, calmar, expectancy_r, profit_factor, net, or your own "
                                                 "FOLDER/FILE.py:function.", metavar="NAME")] = None,
    method: Annotated[str | None, Option(help="Who proposes configurations.", metavar="grid|random|tpe")] = None,
    holdout: Annotated[float | None, Option(help="Share of the sessions at the end that stays sealed.", metavar="SHARE")] = None,
    open_holdout: Annotated[str | None, Option(help="Try what this walk-forward chose on its sealed end, once.", metavar="RUN")] = None,
    jobs: Annotated[int | None, Option(help="Processes that work; one a core without it. The result is the same.", metavar="N")] = None,
    cluster: Annotated[str | None, Option(help="Scheduler of a Dask cluster that works instead.", metavar="tcp://HOST:PORT")] = None,
    draws: Annotated[int, Option(help="Draws of random entries with the same exits, to be held against.", min=0, max=10_000, metavar="N")] = 100,
    trials_before: Annotated[int | None, Option(help="Configurations that were tried on this window elsewhere; raises the ledger's count, never lowers it.",
                                                min=0, metavar="N")] = None,
    no_audit: Annotated[bool, Option("--no-audit", help="Leave the look-ahead audit of the desk out; without it nothing is CREDIBLE.")] = False,
    agents: opt.Agents = "rules",
    config: opt.Config = None,
    sets: opt.Sets = None,
    seed: opt.Seed = None,
    fills: opt.Fills = None,
    report: opt.Report = None,
) -> Answer:
    """Search parameters walk-forward, and say whether the result is to be believed."""
    if open_holdout is not None:
        return module("wfo_holdout").run(context, open_holdout)
    start_ns, end_ns = window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk, seed=seed, fills=fills)
    wanted = module("asked").one_symbol(asked, symbol)
    wfo = module("wfo")
    given = {"trials": trials, "scheme": scheme, "objective": objective, "method": method, "holdout": holdout}
    return wfo.run(asked, symbol=wanted, start_ns=start_ns, end_ns=end_ns, asked=wfo.Asked(
        folds=folds, params=params, given=given, jobs=jobs, cluster=cluster, draws=draws, audit=not no_audit, trials_before=trials_before, report=report,
        agents=agents))
