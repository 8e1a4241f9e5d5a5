"""`pse backtest`: history through the engine, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pse.commands.accounts import Kept, side_by_side
from pse.commands.asked import accounts_of
from pse.commands.envelope import Envelope, feed_of, only_conservative, pinned_of, with_envelope
from pse.commands.judging import RULES, judging, spent
from pse.commands.paper import paper_feed
from pse.commands.report import check_target
from pse.commands.running import REPLAY, Inputs, again, gather, whole_run
from pse.commands.wiring import Answer, Context
from pse.domain.errors import RequestError
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
    fills.  `agents`: who decides, one of `judging.MODES`."""
    if envelope and agents != RULES:
        raise RequestError(f"--fills envelope with --agents {agents}: under another rule of fills the account is another, and with it all that a model is "
                           f"shown, so that it would have to be asked anew for each. Run the rules of fills one by one, `--fills NAME --agents {agents}`, or "
                           f"measure the envelope with --agents rules")
    check_target(report)
    symbols = (symbol,) if symbol else ()
    context = with_envelope(context) if envelope else context
    wanted = accounts_of(context.settings, accounts, report)
    for one in wanted:
        judging(context, one, agents)
    if envelope:
        only_conservative(wanted)
    if len(wanted) > 1:
        return side_by_side(context, wanted, symbols, start_ns, end_ns, envelope, agents)
    return alone(context, gather(context, wanted[0], symbols, start_ns, end_ns), report, envelope=envelope, agents=agents)


def alone(context: Context, inputs: Inputs, report: Path | None = None, made: Kept | None = None, envelope: bool = False, agents: str = RULES) -> Answer:
    """One run over history.  `made`: features of earlier runs of this command, which gets those of this one."""
    inputs = replace(inputs, judging=judging(context, inputs.settings, agents))
    beside = Envelope(context, inputs) if envelope else None

    def feed(mode: Mode) -> Iterator[Prepared]:
        prepared = whole_window(inputs, mode, made.of(inputs) if made is not None else ())
        if made is not None:
            made.keep(inputs, prepared.features)
        return feed_of(prepared, beside)

    with context.progress() as progress:
        task = progress.add_task("features, setups, orders and fills", total=None)
        return whole_run(context, inputs, "backtest", "history", feed, report, beside,
                         lambda judge: progress.update(task, completed=judge.decisions, description=spent(judge)))


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
