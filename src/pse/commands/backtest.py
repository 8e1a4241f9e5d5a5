"""`pse backtest`: history through the engine, all at once."""

from __future__ import annotations

from pathlib import Path

from pse.commands.paper import paper_feed
from pse.commands.running import REPLAY, Inputs, again, gather, only_rules, whole_run
from pse.commands.wiring import Answer, Context
from pse.domain.manifest import Manifest
from pse.engine.desk import Mode
from pse.engine.feeds import historical_feed
from pse.engine.prepare import Prepared, prepare


def run(context: Context, symbol: str | None = None, start_ns: int | None = None, end_ns: int | None = None, agents: str = "rules",
        report: Path | None = None) -> Answer:
    """Runs a desk over stored bars and writes the run's folder."""
    only_rules(agents)
    inputs = gather(context, context.settings, (symbol,) if symbol else (), start_ns, end_ns)
    with context.progress() as progress:
        progress.add_task("features, setups, orders and fills", total=None)
        return whole_run(context, inputs, "backtest", "history", lambda mode: historical_feed(whole_window(inputs, mode)), report)


def whole_window(inputs: Inputs, mode: Mode) -> Prepared:
    """Everything of the window as one step."""
    return prepare(inputs.plan, inputs.bars, mode, inputs.start_ns, inputs.end_ns, context=inputs.context)


def replay(context: Context, manifest: Manifest, folder: Path) -> Path:
    """Writes the journal of an earlier run anew into `folder`, fed as that run was; gives its path."""
    if manifest.feed == REPLAY:
        return again(context, manifest, folder, lambda inputs, mode: paper_feed(context, inputs, mode))
    return again(context, manifest, folder, lambda inputs, mode: historical_feed(whole_window(inputs, mode)))
