"""The look-ahead audit of everything that a desk says: the checks of `pse.research.lookahead` on features, tactics and briefings, on all processors."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pse.domain.bars import Bars
from pse.domain.errors import RequestError
from pse.engine.briefing import delayed, outcome
from pse.engine.desk import Mode
from pse.engine.outcome import Outcome
from pse.engine.prepare import Prepared
from pse.engine.subjects import CONTEXT, Subjects, unknown_tables
from pse.features.objects import as_known
from pse.research.lookahead import cuts as cutting
from pse.research.lookahead.lint import Wrong, wrong_bars, wrong_buckets, wrong_join
from pse.research.lookahead.report import Finding, findings, of_moments, of_warm_up
from pse.research.lookahead.said import History, Said
from pse.research.lookahead.trial import DEFAULT, DENSE, Bench, Task, Tried, counted, sleepers, whole_tasks, window_tasks
from pse.research.lookahead.warmup import WarmUp, warm_up
from pse.research.returns import sharpe

Progress = Callable[[str, int, int], None]
LEAST_BARS = 50
STALE = "__stale"                                  # of a joined column: it rests on the bar that speaks alone, and says yes where there is none yet


@dataclass(frozen=True)
class Asked:
    """How hard to look: random cuts, or every decision bar; the seed of what is drawn; processes (0: one a processor)."""

    random: int = 64
    exhaustive: bool = False
    seed: int = 0
    processes: int = 0


@dataclass(frozen=True)
class Lag:
    """A run as it is and with every setup told one decision bar later."""

    trades: int
    mean_r: float | None
    sharpe: float | None


@dataclass(frozen=True, eq=False)
class Audited:
    """Findings, and what was looked at to come to them."""

    findings: tuple[Finding, ...]
    window: Bars                                   # decision bars among which was cut
    cuts: cutting.Cuts
    tries: Mapping[str, int]
    rows_compared: int
    columns: Mapping[str, int]                     # by subject
    asleep: tuple[str, ...]
    not_checked: Mapping[str, str]
    warm_up: WarmUp | None
    lag: tuple[Lag, Lag] | None
    joins: int
    shown: int = 0                                 # briefings of the whole history
    setups: Mapping[str, int] = field(default_factory=dict)


def audit(subjects: Subjects, history: History, asked: Asked = Asked(), progress: Progress | None = None) -> Audited:  # noqa: B008
    """All checks: values from the whole history, cuts where it trades (from its `begin_ns` on).  Raises RequestError when there are too few decision bars."""
    tell = progress or (lambda *_: None)
    tell("reading the whole history", 0, 0)
    whole = subjects(history)
    rows = subjects.known(history).bars
    if len(rows) < LEAST_BARS:
        raise RequestError(f"{history.symbol} has {len(rows)} decision bars of {subjects.timeframe} there, warm-up included; an audit needs {LEAST_BARS}: give "
                           f"a wider --start and --end, or a smaller --timeframe")
    window = rows[int(np.searchsorted(rows.ts_open, history.begin_ns)):]
    if len(window) < 2:
        raise RequestError(f"{history.symbol} has {len(window)} decision bars of {subjects.timeframe} from --start to --end; a cut needs one bar before it and "
                           f"one after it: give a wider --start and --end, or a smaller --timeframe")
    rng = np.random.default_rng(asked.seed)
    cuts = cutting.choose(window, history.own, subjects.events(whole), rng, asked.random, asked.exhaustive)
    bench = Bench(subjects, as_known, history, whole)
    tasks = [*whole_tasks(cuts.whole.tolist()), *window_tasks(rows, cuts.moments, DENSE if asked.exhaustive else DEFAULT, rng)]
    tried, sleeping = _try_all(bench, tasks, cuts, rng, asked, tell)
    wrong, joins = _moments(subjects, history, whole)
    warm = _warm_up(subjects, history, whole, rng, tell)
    lag = _lag(subjects, history) if subjects.desk else None
    found = [*findings(tried, rows.ts_close), *of_moments(wrong), *(of_warm_up(warm) if warm else ())]
    columns = {name: sum(key.subject == name for key in (*whole.series, *whole.objects)) for name in subjects.names}
    return Audited(
        findings=tuple(found), window=window, cuts=cuts, tries=tried.tries, rows_compared=tried.rows, columns=columns, asleep=tuple(sleeping),
        not_checked={**whole.failed, **{f"objects {name}": "no moments are written down for them" for name in _untold(subjects, history)}},
        warm_up=warm, lag=lag, joins=joins, shown=sum(len(one.values) for key, one in whole.series.items() if key.subject in subjects.shown),
        setups={key.subject: len(one.values) for key, one in whole.series.items() if key.column == "setups"})


def _try_all(bench: Bench, tasks: list[Task], cuts: cutting.Cuts, rng: np.random.Generator, asked: Asked, tell: Progress) -> tuple[Tried, list[str]]:
    """All tasks, then those of who slept through every window; what was found, and who slept."""
    tried, total, done = Tried(), sum(counted(tasks).values()), 0
    for one in spread(bench, tasks, asked.processes):
        tried.add(one)
        done += sum(one.tries.values())
        tell("cuts", done, total)
    sleeping = sleepers(bench.whole, tried.spoke)
    later = [task for name, spoke in sleeping.items()
             for task in whole_tasks(cutting.asleep(cuts, spoke, rng).tolist(), frozenset((name,)), perturbed=2)]
    total += sum(counted(later).values())
    for one in spread(bench, later, asked.processes):
        tried.add(one)
        done += sum(one.tries.values())
        tell("cuts", done, total)
    return tried, list(sleeping)


# --- on all processors ---------------------------------------------------------------------------------------------------------------------------

_BENCH: list[Bench] = []


def spread(bench: Bench, tasks: Sequence[Task], processes: int = 0) -> Iterator[Tried]:
    """Results in no order.  Where processes cannot be forked safely (Windows, macOS) the work is done here."""
    count = min(processes or _processors(), len(tasks))
    if count <= 1 or not sys.platform.startswith("linux"):
        yield from map(bench.run, tasks)
        return
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("fork"), _begin, (bench,))
    try:
        for done in as_completed([pool.submit(_work, task) for task in tasks]):
            yield done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(bench: Bench) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)         # Ctrl-C ends a worker without a word; whoever waits for it speaks
    _BENCH[:] = [bench]


def _work(task: Task) -> Tried:
    return _BENCH[0].run(task)


# --- the checks that cut nothing -------------------------------------------------------------------------------------------------------------------


def _moments(subjects: Subjects, history: History, whole: Said) -> tuple[list[Wrong], int]:
    """Bars, coarser bars, joins and setups at the wrong moment; and how many joins were looked at."""
    known = subjects.known(history)
    wrong: list[Wrong] = []
    for name, bars in history.bars.items():
        wrong += wrong_bars(f"{name} {bars.timeframe} bars", bars, history.until_ns, traded=name == history.symbol)
    if known.timeframe != history.own.timeframe:
        wrong += wrong_bars(f"{known.timeframe} bars", known.bars, history.until_ns)
        wrong += wrong_buckets(f"{known.timeframe} bars", known.bars, history.own)
    joins = list(subjects.joins(history))
    for join in joins:
        wrong += wrong_join(join)
    return wrong, len(joins)


def _warm_up(subjects: Subjects, history: History, whole: Said, rng: np.random.Generator, tell: Progress) -> WarmUp | None:
    """How long histories must be; the context and briefings are left out, whose rows count what was before."""
    wanted = frozenset(name for name in subjects.names if name != CONTEXT and name not in subjects.shown)
    if not wanted:
        return None
    found, own = None, subjects.plan.warmup_sessions if subjects.timeframe == subjects.plan.decision_timeframe else None
    part = replace(whole, series={key: one for key, one in whole.series.items() if key.subject in wanted and not key.column.endswith(STALE)})
    for step in warm_up(lambda shorter: subjects(shorter, wanted), history, part, subjects.known(history).bars, own, rng, subjects.ticks(part)):
        if isinstance(step, WarmUp):
            found = step
        else:
            tell("warm-up lengths", *step)
    return found


def _lag(subjects: Subjects, history: History) -> tuple[Lag, Lag] | None:
    if not subjects.plan.tactics:
        return None
    with np.errstate(all="ignore"):
        prepared = subjects.prepared(history, Mode(end_ns=history.end_ns))
    return _came_to(prepared), _came_to(delayed(prepared))


def _came_to(prepared: Prepared) -> Lag:
    found: Outcome = outcome(prepared)
    trades, equity = found.trades(), found.equity()
    money = np.concatenate([[prepared.plan.capital], equity.filter(equity["kind"] == "session")["equity_usd"].to_numpy()])
    mean: Any = trades["r_net"].mean() if len(trades) else None
    return Lag(len(trades), mean, sharpe(np.diff(money) / money[:-1]))


def _untold(subjects: Subjects, history: History) -> list[str]:
    """Object tables of the features that could not be compared."""
    known = subjects.known(history)
    with np.errstate(all="ignore"):
        return unknown_tables(known, subjects.features.values())
