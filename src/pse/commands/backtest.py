"""`pse backtest`: history through the engine, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pse.commands.accounts import Kept, side_by_side
from pse.commands.asked import accounts_of
from pse.commands.envelope import Envelope, feed_of, only_conservative, pinned_of, with_envelope
from pse.commands.paper import paper_feed
from pse.commands.report import check_target
from pse.commands.running import REPLAY, Inputs, again, gather, only_rules, whole_run
from pse.commands.wiring import Answer, Context
from pse.domain.manifest import Manifest
from pse.engine.desk import Mode
from pse.engine.finer import fine_line
from pse.engine.prepare import Prepared, prepare
from pse.features.build import Features
from pse.store.files import read_json
from pse.store.runs import METRICS


def run(context: Context, symbol: str | None = None, start_ns: int | None = None, end_ns: int | None = None, agents: str = "rules",
        report: Path | None = None, accounts: Sequence[str] = (), envelope: bool = False) -> Answer:
    """Runs a desk over stored bars and writes the run's folder; of several `accounts` each has its own.  `envelope`: with the result under every rule of
    fills."""
    only_rules(agents)
    check_target(report)
    symbols = (symbol,) if symbol else ()
    context = with_envelope(context) if envelope else context
    wanted = accounts_of(context.settings, accounts, report)
    if envelope:
        only_conservative(wanted)
    if len(wanted) > 1:
        return side_by_side(context, wanted, symbols, start_ns, end_ns, envelope)
    return alone(context, gather(context, wanted[0], symbols, start_ns, end_ns), report, envelope=envelope)


def alone(context: Context, inputs: Inputs, report: Path | None = None, made: Kept | None = None, envelope: bool = False) -> Answer:
    """One run over history.  `made`: features of earlier runs of this command, which gets those of this one."""
    beside = Envelope(context, inputs) if envelope else None

    def feed(mode: Mode) -> Iterator[Prepared]:
        prepared = whole_window(inputs, mode, made.of(inputs) if made is not None else ())
        if made is not None:
            made.keep(inputs, prepared.features)
        return feed_of(prepared, beside)

    with context.progress() as progress:
        progress.add_task("features, setups, orders and fills", total=None)
        return whole_run(context, inputs, "backtest", "history", feed, report, beside)


def whole_window(inputs: Inputs, mode: Mode, features: tuple[Features, ...] = ()) -> Prepared:
    """Everything of the window as one step; with finer bars where the fill policy looks into the desk's."""
    tape = fine_line(inputs.plan, inputs.bars, inputs.finer, inputs.start_ns, inputs.end_ns)[0] if inputs.finer else None
    return prepare(inputs.plan, inputs.bars, mode, inputs.start_ns, inputs.end_ns, tape, context=inputs.context, features=features)


def replay(context: Context, manifest: Manifest, folder: Path) -> Path:
    """Writes the journal of an earlier run anew into `folder`, fed as that run was; gives its path."""
    if manifest.feed == REPLAY:
        return again(context, manifest, folder, lambda inputs, mode, _: paper_feed(context, inputs, mode))
    stored = figures_of(context, manifest.run_id)
    return again(context, manifest, folder, lambda inputs, mode, beside: feed_of(whole_window(inputs, mode), beside), pinned_of(stored))


def figures_of(context: Context, run_id: str) -> dict[str, Any]:
    """The figures that a stored run wrote; nothing for a run that is not there."""
    path = context.home.run(run_id) / METRICS if run_id else None
    return read_json(path) if path is not None and path.is_file() else {}
