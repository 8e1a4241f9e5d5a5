"""What backtest, paper and prove share: the bars of a window, the manifest, the loop into a journal, and what is written at the end."""

from __future__ import annotations

import contextlib
import gc
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.clock import iso, stopwatch_ns
from pse.commands.envelope import Envelope, Measured
from pse.commands.inputs import Inputs, gather
from pse.commands.judging import RULES, Judge, Judging, judging_of, opened, uncharged_usd, who_decided
from pse.commands.report import check_target
from pse.commands.wiring import Answer, Context, Stopped
from pse.domain.actions import forward_adjusted
from pse.domain.decisions import Decide
from pse.domain.errors import ChangedSource, PseError, is_ctrl_c
from pse.domain.manifest import Manifest, environment
from pse.domain.models import TapeMiss
from pse.domain.trials import session_returns
from pse.engine.desk import DeskPlan, Mode
from pse.engine.loop import run as engine_run
from pse.engine.outcome import Outcome
from pse.engine.prepare import Prepared
from pse.engine.records import Renderer
from pse.engine.state import fresh_state
from pse.kernels import compiled_before, sources_digest
from pse.kernels.codes import E_ORDER
from pse.settings import BadSetting, Settings, settings_hash
from pse.store.appended import NONE_STORED
from pse.store.decision_log import log_path, write_log
from pse.store.files import write_atomic, write_json
from pse.store.journal import Journal
from pse.store.ledger import Trial, append_trial
from pse.store.runs import (
    DECISIONS,
    DECISIONS_SHA256,
    EQUITY,
    JOURNAL,
    LOTS,
    METRICS,
    PORTFOLIO,
    POSITIONS,
    TAPE,
    TRADES,
    Run,
    answers_hash,
    discard,
    discard_empty,
    finish_run,
    new_run,
)
from pse.store.snapshots import load as load_snapshot

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from pse.reports.view import RunView

REPLAY = "replay"                                # the feed that hands over one closed bar after the other


def manifest_of(context: Context, inputs: Inputs, command: str, feed: str) -> Manifest:
    """The manifest of a run that starts now."""
    from pse import __version__

    tree, asked = inputs.settings.tree(), inputs.judging
    return Manifest(
        fingerprint=inputs.fingerprint, created=iso(context.clock.now_ns()), command=command, desk=inputs.plan.name, symbols=inputs.plan.symbols,
        start=iso(inputs.start_ns), end=iso(inputs.end_ns), anchor=iso(inputs.anchor_ns), start_ns=inputs.start_ns, end_ns=inputs.end_ns,
        anchor_ns=inputs.anchor_ns, seed=inputs.settings.seed, snapshot=inputs.snapshot.id, tables=inputs.tables, data=inputs.data,
        sessions=inputs.sessions, settings=tree, settings_hash=settings_hash(inputs.deciding),
        decide=asked.chain if asked else RULES, route="SIM", feed=feed, prompts=asked.prompt_hashes if asked else {},
        models=asked.model_ids if asked else {},
        code={"version": __version__, "kernels": sources_digest(Path(__file__).parent.parent / "kernels"), **_outside_code(inputs.settings)},
        synthetic=inputs.snapshot.synthetic,
        dropped_outside_session=inputs.dropped, warm_up=_warm_up(inputs), notes=(*inputs.notes, *inputs.warnings), **environment())


def _warm_up(inputs: Inputs) -> dict[str, Any]:
    """The sessions before the start, and where each symbol begins whose own sessions put that later than the run's anchor."""
    apart = {symbol: begin for symbol, begin in inputs.anchors.items() if begin > inputs.anchor_ns}
    return {"sessions": inputs.plan.warmup_sessions} | ({"anchors_ns": apart} if apart else {})


def _outside_code(settings: Settings) -> dict[str, str]:
    """The hash of every tactic that does not come with the package, under the name that a manifest gives it."""
    return {f"tactic {name}": sha256 for name, sha256 in settings.outside().items()}


def check_outside(settings: Settings, manifest: Manifest) -> None:
    """Raises `ChangedSource` where a tactic from outside is not the one that the run was made with; nothing of it is run."""
    try:
        found = _outside_code(settings)
    except BadSetting as error:
        raise ChangedSource(f"a tactic of this run does not come with pse, and its source is not to be had: {error}") from error
    for name, now in found.items():
        if (then := manifest.code.get(name)) != now:
            raise ChangedSource(f"the source of the {name} changed since (sha256 {(then or 'absent')[:12]} -> {now[:12]}); what it does now says nothing of "
                                f"that run: put the file back as it was, or run the backtest again")


def said_compiling(context: Context) -> None:
    """Says what is waited for when the engine has not been compiled on this machine yet."""
    if not compiled_before():
        context.note("compiling the engine for this machine, once for this version: about half a minute ...")


@contextlib.contextmanager
def without_collector(feed: str | None) -> Iterator[None]:
    """No search for circular garbage inside a run over history: it keeps hundreds of thousands of small objects and makes no circles, and every search looks
    at all of them.  A replay makes markets anew at each decision, which are circles."""
    searching = gc.isenabled()
    if feed != REPLAY:
        gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def drive(feed: Iterable[Prepared], plan: DeskPlan, journal: Journal, decide: Decide = rules, sync: bool = False) -> Outcome:
    """Runs the engine over the feed into the journal.

    `sync`: a batch with orders is on the disk before they leave, so that it survives a power cut (write, then act); what else is told is handed to the
    operating system at once.  Without it lines are handed over as the journal's memory fills, and reach the disk when it is closed.
    """
    outcome, renderer = Outcome(), Renderer()
    for batch in engine_run(feed, decide, SimBroker(plan.shape.slots), fresh_state(plan.shape, plan.capital)):
        journal.extend(renderer.lines(batch.prepared, batch.events, batch.trades, batch.deliberations))
        if sync and (batch.events["kind"] == E_ORDER).any():
            journal.sync()
        elif sync:
            journal.flush()
        outcome.take(batch)
    return outcome


@contextlib.contextmanager
def left_no_empty_run(run: Run) -> Iterator[None]:
    """A run that is refused before its journal has a line leaves no folder: nothing was run, and the refusal is told."""
    try:
        yield
    except PseError:
        discard_empty(run)
        raise


@contextlib.contextmanager
def left_no_missed_run(run: Run) -> Iterator[None]:
    """A run that asked its tape what is not on it, or is damaged there, leaves no folder either: what was paid for before stays on the tape, and the miss
    is told."""
    try:
        yield
    except TapeMiss:
        discard(run)
        raise


@contextlib.contextmanager
def told_how_to_go_on(run: Run, journal: Journal, judged: bool = False) -> Iterator[None]:
    """Ctrl-C inside says what is left of the run and what to do."""
    try:
        yield
    except (KeyboardInterrupt, SystemError) as stop:
        if not is_ctrl_c(stop):
            raise
        mend = ("What models answered so far is on the tape: run the same command again with `--agents record` to go on from there without asking it again."
                if judged else "Run the same command again to have it whole.")
        raise Stopped(f"stopped. Run {run.run_id} stays behind as interrupted, with the {journal.records} records written so far (`pse runs show {run.run_id}`)"
                      f"; stored bars and earlier runs are as they were. {mend}") from None


def whole_run(context: Context, inputs: Inputs, command: str, feed_name: str, make_feed: Callable[[Mode], Iterable[Prepared]], report: Path | None,
              beside: Envelope | None = None, told: Callable[[Judge], None] | None = None) -> Answer:
    """A run from its manifest to its files; what is printed at the end comes back.  `beside`: the other rules of fills that are to be measured.  `told` of
    every decision of a chain."""
    from pse.reports.doubts import doubts_json
    from pse.reports.view import read_run

    check_target(report)
    for text in inputs.warnings:
        context.warn(text)
    said_compiling(context)
    run = new_run(context.home, manifest_of(context, inputs, command, feed_name), context.clock.now_ns())
    started = stopwatch_ns()
    asked = inputs.judging
    with (left_no_missed_run(run), left_no_empty_run(run), run.journal(redact_text=context.redact if asked else None) as journal,
          told_how_to_go_on(run, journal, asked is not None),
          opened(context, inputs, run.run_id, run.folder / TAPE, told=told) as decide):
        with without_collector(feed_name):
            outcome = drive(make_feed(Mode(end_ns=inputs.end_ns, ask=asked is not None)), inputs.plan, journal, decide, sync=feed_name == REPLAY)
        engine_done = stopwatch_ns()
        journal.flush()
        metrics = write_results(run.folder, inputs, outcome, beside, uncharged_usd(decide))
        _write_portfolio(run, outcome)
        run = finish_run(run, journal, iso(context.clock.now_ns()), **_logged(run, decide, journal, log_path(context.home, run.run_id)))
    write_atomic(run.folder / "timing.jsonl", (json.dumps({"engine_ns": engine_done - started, "whole_ns": stopwatch_ns() - started}) + "\n").encode())
    counted = note_trial(context, run, inputs, outcome, metrics)
    page = _page(context, run, report)
    view = read_run(run.folder)
    data = {
        "run_id": run.run_id, "fingerprint": run.manifest.fingerprint, "trades": metrics.get("trades", 0), "metrics": metrics, "report": page,
        "refusals": dict(outcome.refusals), "passed_over": dict(sorted(outcome.passed_over.items())), "snapshot": run.manifest.snapshot,
        "doubts": doubts_json(view), "trial": counted.number, "new_trial": counted.new, "synthetic": run.manifest.synthetic,
        "records": run.manifest.records,
    }
    return Answer(data, lambda console: _show(console, context.home.root, run, view, page))


def _logged(run: Run, decide: Decide, journal: Journal, path: Path) -> dict[str, Any]:
    """Writes the decision log of a judged run to `path`; what the manifest notes of it."""
    if not isinstance(decide, Judge):
        return {}
    return {"extra": {**run.manifest.extra, DECISIONS_SHA256: write_log(path, decide.heard.lines(journal.path))}}


def _write_portfolio(run: Run, outcome: Outcome) -> None:
    """portfolio.json: what was open at the moment of the largest risk, and just before the end; of the run as its journal tells it."""
    from pse.engine.portfolio import remembered

    if outcome.prepared is not None:
        found = remembered(outcome.prepared, who_decided(run.manifest.decide, run.journal_path))
        write_json(run.folder / PORTFOLIO, {name: one.data() for name, one in found.items()})


def write_results(folder: Path, inputs: Inputs, outcome: Outcome, beside: Envelope | None = None, uncharged: float = 0.0) -> dict[str, Any]:
    """trades.parquet, equity.parquet, positions.parquet, lots.parquet and metrics.json of a run into its folder, with the tables and the section of its
    envelope; gives the metrics.  The journal has to be in the folder to its last line.  `uncharged`: USD paid for answers that no decision was charged with."""
    import polars as pl

    from pse.research.market import daily_closes
    from pse.research.metrics import MetricsSpec, compute_metrics

    trades, equity = outcome.trades(), outcome.equity()
    never_closes = any(one.calendar == "24/7" for one in inputs.plan.instruments)
    spec = MetricsSpec(capital=inputs.plan.capital, seed=inputs.settings.seed, hour_tz=inputs.bars[0].sessions.tz,
                       sessions_per_year=365.0 if never_closes else 252.0, expected_sessions=_expected_sessions(inputs),
                       expected_by_symbol=_expected_by_symbol(inputs),
                       point_values={i.symbol: i.point_value for i in (*inputs.plan.instruments, *inputs.plan.micros.values())})
    whole = (forward_adjusted(one, inputs.plan.actions.get(one.symbol)) for one in inputs.bars)      # so that who holds gets the dividends too
    closes = pl.concat([daily_closes(one.between(inputs.start_ns, inputs.end_ns)) for one in whole])
    metrics = compute_metrics(trades, equity, spec, dict(outcome.refusals), closes)
    metrics |= {"passed_over": dict(sorted(outcome.passed_over.items())), "turned_down": outcome.turned_down()}
    if (asked := inputs.judging) is not None:
        metrics |= {"judged": {**_judged(folder, asked), "uncharged_usd": round(uncharged, 6)}}
    if beside is not None:
        metrics |= {"envelope": beside.measure(folder, Measured(trades, equity, metrics), spec)}
    _parquet(folder / TRADES, trades)
    _parquet(folder / EQUITY, equity)
    _write_positions(folder, inputs)
    write_json(folder / METRICS, metrics)
    return metrics


def _judged(folder: Path, asked: Judging) -> dict[str, Any]:
    """What the chain of the run did and cost."""
    from pse.reports.refused import records
    from pse.research.judged import judged

    lines = ((kind, body) for kind, _, body in records(folder / JOURNAL, ("DELIBERATION", "DECISION", "CHARGE")))
    return judged(lines, asked.chain, asked.model_ids)


def _write_positions(folder: Path, inputs: Inputs) -> None:
    """What the lines of the journal come to: each contract with what is held of it, marked at the last close of the run, and the lots."""
    from pse.reports.refused import records
    from pse.research.books import books

    found = books(((kind, record["ts"], body) for kind, record, body in records(folder / JOURNAL, ("FILL", "CHARGE"))), inputs.plan.capital)
    closes = ((one.symbol, one.between(inputs.start_ns, inputs.end_ns).close) for one in inputs.bars)
    marks = {symbol: float(known[-1]) for symbol, close in closes if (known := close[np.isfinite(close)]).size}
    _parquet(folder / POSITIONS, found.positions(marks))
    _parquet(folder / LOTS, found.lots())


def _expected_sessions(inputs: Inputs) -> int:
    """Trading days that any of the symbols should have: of each its calendar's from its first to its last bar in the window, a day once."""
    days: set[int] = set()
    for one in inputs.bars:
        bars = one.between(inputs.start_ns, inputs.end_ns)
        if len(bars):
            days.update(bars.sessions.session_date[bars.session[0]:bars.session[-1] + 1].tolist())
    return len(days)


def _expected_by_symbol(inputs: Inputs) -> dict[str, int]:
    """Of each symbol the trading days of its calendar from the first bar to the last of all symbols of that calendar."""
    days: dict[str, set[int]] = {}
    for one in inputs.bars:
        bars = one.between(inputs.start_ns, inputs.end_ns)
        if len(bars):
            days.setdefault(bars.sessions.calendar, set()).update(bars.sessions.session_date[bars.session[0]:bars.session[-1] + 1].tolist())
    return {one.symbol: len(days.get(one.sessions.calendar, ())) for one in inputs.bars}


def _parquet(path: Path, table: pl.DataFrame) -> None:
    buffer = BytesIO()
    table.write_parquet(buffer)
    write_atomic(path, buffer.getvalue())


def note_trial(context: Context, run: Run, inputs: Inputs, outcome: Outcome, metrics: Mapping[str, Any]) -> Any:
    """One line in the trial ledger, by itself: every finished look at data counts."""
    import polars as pl

    sessions = outcome.equity().filter(pl.col("kind") == "session")
    returns = session_returns(inputs.plan.capital, sessions["equity_usd"].to_numpy())
    kind: Literal["backtest", "paper"] = "paper" if run.manifest.command == "paper" else "backtest"
    trial = Trial(fingerprint=run.manifest.fingerprint, answers=answers_hash(run), kind=kind, snapshot=run.manifest.snapshot, symbols=inputs.plan.symbols,
                  looked_at=inputs.settings.looked_at(inputs.plan.symbols), window=(inputs.start_ns, inputs.end_ns), settings_hash=run.manifest.settings_hash,
                  desk=inputs.plan.name, trades=int(metrics.get("trades") or 0), sharpe=metrics.get("sharpe"))
    return append_trial(context.home, trial, sessions["session_date"].to_numpy().astype(np.int32), returns, context.clock.now_ns())


def _page(context: Context, run: Run, report: Path | None) -> str | None:
    if report is None:
        return None
    from pse.commands.report import write_page

    return str(write_page(context, run, report))


def shown_path(path: Path) -> Path:
    """A path as short as it can be written from the current folder."""
    whole, here = path.resolve(), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def _show(console: Console, home: Path, run: Run, view: RunView, page: str | None) -> None:
    from pse.reports.summary import show_summary

    places = {"run": shown_path(run.folder)} | ({"report": shown_path(Path(page))} if page else {})
    show_summary(console, view, places)
    from rich.text import Text

    pse = "pse" if home.resolve() == Path.cwd() else f"pse --home {shown_path(home)}"
    hint = "" if page else f"  ·  {pse} report {run.run_id}"
    console.print(Text(f"check it: {pse} prove {run.run_id}{hint}", style="dim"), soft_wrap=True)


def again(context: Context, manifest: Manifest, folder: Path, make_feed: Callable[[Inputs, Mode, Envelope | None], Iterable[Prepared]],
          pinned: str | None = None) -> Path:
    """The journal of a run like the manifest's, written into `folder` with manifest, tables and figures of its own beside it.

    `pinned`: the snapshot of finer bars that the run's envelope looked at, "" where it had none; None: the run has no envelope.
    """
    settings = Settings.from_tree(manifest.settings, context.home.root)
    check_outside(settings, manifest)
    asked = judging_of(context, settings, manifest)
    inputs = gather(context, settings, manifest.symbols, manifest.start_ns, manifest.end_ns, load_snapshot(context.home, manifest.snapshot),
                    manifest.tables.get("news", NONE_STORED), actions_at=manifest.tables.get("actions", NONE_STORED))
    inputs = replace(inputs, judging=asked)
    fresh = manifest_of(context, inputs, manifest.command, manifest.feed or "")
    write_json(folder / "manifest.json", fresh.model_dump(mode="json"))
    path = folder / JOURNAL
    beside = None if pinned is None else Envelope(context, inputs, pinned)
    tape = context.home.run(manifest.run_id) / TAPE if manifest.run_id else None
    with (Journal(path, inputs.fingerprint, lock=folder / "journal.lock", redact_text=context.redact if asked else None) as journal,
          without_collector(manifest.feed), opened(context, inputs, manifest.run_id, None, only=tape) as decide):
        outcome = drive(make_feed(inputs, Mode(end_ns=inputs.end_ns, ask=asked is not None), beside), inputs.plan, journal, decide)
        journal.flush()
        if isinstance(decide, Judge):
            write_log(folder / DECISIONS, decide.heard.lines(path))
    write_results(folder, inputs, outcome, beside, uncharged_usd(decide))
    return path
