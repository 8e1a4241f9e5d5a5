"""`pse backtest`: history through the engine, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pse.commands.accounts import Kept, accounts_of, side_by_side
from pse.commands.paper import paper_feed
from pse.commands.running import REPLAY, Inputs, again, gather, only_rules, whole_run
from pse.commands.wiring import Answer, Context
from pse.domain.manifest import Manifest
from pse.engine.desk import Mode
from pse.engine.feeds import historical_feed
from pse.engine.prepare import Prepared, prepare
from pse.features.build import Features


def run(context: Context, symbol: str | None = None, start_ns: int | None = None, end_ns: int | None = None, agents: str = "rules",
        report: Path | None = None, accounts: Sequence[str] = ()) -> Answer:
    """Runs a desk over stored bars and writes the run's folder; of several `accounts` each has its own."""
    only_rules(agents)
    symbols = (symbol,) if symbol else ()
    if len(wanted := accounts_of(context.settings, accounts)) > 1:
        return side_by_side(context, wanted, symbols, start_ns, end_ns, report)
    return alone(context, gather(context, wanted[0], symbols, start_ns, end_ns), report)


def alone(context: Context, inputs: Inputs, report: Path | None = None, made: Kept | None = None) -> Answer:
    """One run over history.  `made`: features of earlier runs of this command, which gets those of this one."""
    def feed(mode: Mode) -> Iterator[Prepared]:
        prepared = whole_window(inputs, mode, made.of(inputs) if made is not None else ())
        if made is not None:
            made.keep(inputs, prepared.features)
        return historical_feed(prepared)

    with context.progress() as progress:
        progress.add_task("features, setups, orders and fills", total=None)
        return whole_run(context, inputs, "backtest", "history", feed, report)


def whole_window(inputs: Inputs, mode: Mode, features: tuple[Features, ...] = ()) -> Prepared:
    """Everything of the window as one step."""
    return prepare(inputs.plan, inputs.bars, mode, inputs.start_ns, inputs.end_ns, context=inputs.context, features=features)


def replay(context: Context, manifest: Manifest, folder: Path) -> Path:
    """Writes the journal of an earlier run anew into `folder`, fed as that run was; gives its path."""
    if manifest.feed == REPLAY:
        return again(context, manifest, folder, lambda inputs, mode: paper_feed(context, inputs, mode))
    return again(context, manifest, folder, lambda inputs, mode: historical_feed(whole_window(inputs, mode)))
