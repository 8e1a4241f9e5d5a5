"""Commands that run a desk."""

from __future__ import annotations

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
