"""`pse paper`: the same loop, fed one closed bar after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pse.commands.judging import RULES, judging
from pse.commands.running import REPLAY, Inputs, gather, whole_run
from pse.commands.wiring import Answer, Context
from pse.domain.errors import RequestError
from pse.engine.desk import Mode
from pse.engine.feeds import live_feed
from pse.engine.prepare import Prepared
from pse.settings import Settings


def run(context: Context, symbol: str | None = None, start_ns: int | None = None, end_ns: int | None = None, route: str = "SIM", feed: str = "replay",
        report: Path | None = None, account: str | None = None, agents: str = RULES) -> Answer:
    """Plays stored bars back as if they closed now, orders filled by the simulated broker."""
    for flag, given, known in (("--route", route, ("SIM",)), ("--feed", feed, ("replay",))):
        if given not in known:
            raise RequestError(f"{flag} {given!r} is not one of {', '.join(known)}; this version fills on paper by itself, on bars that are played back")
    settings = named_account(context, account)
    asked = judging(context, settings, agents)
    inputs = replace(gather(context, settings, (symbol,) if symbol else (), start_ns, end_ns), judging=asked)
    if inputs.plan.fills.bars == "finest":
        raise RequestError(f"--fills {context.settings.chosen.fills} looks inside the desk's bars, after they closed; paper fills on the bars that it is fed "
                           f"({inputs.plan.base_timeframe}). Take another fill policy, or set base_timeframe of the desk to the finer bars")
    context.note("replaying bar by bar: features are made anew at each decision close, so this takes many times as long as a backtest ...")
    return whole_run(context, inputs, "paper", REPLAY, lambda mode: paper_feed(context, inputs, mode), report)


def named_account(context: Context, name: str | None) -> Settings:
    """The settings of an account; where settings.yaml lists none besides the usual one, a name that is not its own renames that one."""
    settings = context.settings
    if name is None or name in settings.account_names or settings.accounts:
        return settings if name is None else settings.of_account(name)
    return context.asking(overrides=(f"account.name={name}",)).settings


def paper_feed(context: Context, inputs: Inputs, mode: Mode) -> Iterator[Prepared]:
    """The window bar by bar, with a progress bar."""
    with context.progress() as progress:
        task = progress.add_task("replaying", total=None)
        yield from live_feed(inputs.plan, inputs.bars, mode, inputs.start_ns, lambda done, total: progress.update(task, completed=done, total=total),
                             inputs.context)
