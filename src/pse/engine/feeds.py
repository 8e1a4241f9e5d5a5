"""Where steps come from: all of history at once, or one closed bar after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pse.domain.bars import Bars, timeframe_ns
from pse.engine.desk import DeskPlan, Mode
from pse.engine.prepare import GrowingLine, Prepared, prepare

Progress = Callable[[int, int], None]


def historical_feed(prepared: Prepared) -> Iterator[Prepared]:
    """The whole window as one step."""
    yield prepared


def live_feed(plan: DeskPlan, bars: Sequence[Bars], mode: Mode, start_ns: int, progress: Progress | None = None,
              context: Mapping[str, Bars] | None = None) -> Iterator[Prepared]:
    """One step an instant, as bars close: at each only what is known by then is prepared, from the run's anchor on, by the same function as in a backtest.

    `bars` and `context` are a recording that is played back.  Features are made anew where a decision bar closes; between two decisions only the time line
    grows.
    """
    moments, decisions = instants(plan, bars, start_ns, mode.end_ns)
    line, known = GrowingLine(plan, start_ns, mode.end_ns), None
    for done, (now, decides) in enumerate(zip(moments.tolist(), decisions.tolist(), strict=True), 1):
        tape = line.grow(bars, now)
        if known is None or decides:
            before, known = known, prepare(plan, [_closed(one, now) for one in bars], mode, start_ns, now, tape,
                            {symbol: _closed(one, now) for symbol, one in (context or {}).items()})
            _let_go(before)
        else:
            known = replace(known, tape=tape, until_ns=now)
        yield known
        if progress is not None:
            progress(done, moments.size)


def _let_go(before: Prepared | None) -> None:
    """Frees what an earlier decision was computed from; its setups and rows stay."""
    for one in before.features if before is not None else ():
        for market in (one.known.market, *one.known.market.others.values()):
            market.let_go()


def _closed(bars: Bars, now_ns: int) -> Bars:
    return bars[:int(np.searchsorted(bars.ts_close, now_ns, side="right"))]


def instants(plan: DeskPlan, bars: Sequence[Bars], start_ns: int, end_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Moments in (start, end] at which a base or decision bar of any symbol closes, and the end: int64 rising; and whether a decision bar closes, bool."""
    decision_ns = timeframe_ns(plan.decision_timeframe)
    closes, decisions = [], []
    for one in bars:
        part = one.between(start_ns, end_ns)
        decisions.append(np.minimum((part.ts_open // decision_ns + 1) * decision_ns, part.sessions.close_ns[part.session]))
        closes.append(part.ts_close)
    moments = np.unique(np.concatenate([*closes, *decisions, np.array([end_ns])]))
    moments = moments[(moments > start_ns) & (moments <= end_ns)]
    return moments, np.isin(moments, np.concatenate(decisions))
