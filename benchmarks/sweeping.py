"""Many configurations on one bench: a hundred ways to leave a trade, and a hundred crosses of two means beside another library's sweep.

The ways: the shipped futures desk on 500,000 minutes of one symbol, whose entries are the same each time.  The crosses: ten fast by ten slow means, long and
short, one unit, 0.2 basis points a side, each by its own fill rules; there ten columns at a time.  Asked of both: trades and equity of each configuration.
The other is measured where it is installed, in a process of its own: pip install vectorbt vectorbt-rust.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

from benchmarks.crossing import BARS, CAPITAL, DESK, FEE
from benchmarks.made import MINUTE_NS, SYMBOL, context, fetch, store, walk
from benchmarks.measure import YARDSTICK, Figure, cpu, interleaved, median

BESIDE = "PSE_BENCH_BESIDE"
FIRST, LAST = "2021-01-04", "2022-06-20"                 # 500,000 minutes of the front contract with what comes before them
FASTS, SLOWS = tuple(range(5, 55, 5)), tuple(range(60, 260, 20))
ROUNDS = 3


def measure(folder: Path) -> list[Figure]:
    return beside(folder) if os.environ.get(BESIDE) else exits(folder)


def exits(folder: Path) -> list[Figure]:
    """A hundred ways to run a position over the same setups, and what one of them costs beside the engine alone."""
    from pse.domain.trials import Span
    from pse.engine.bench import Bench

    here, stored = context(folder / "sweep"), fetch(folder / "sweep", FIRST, LAST)
    store(folder / "sweep", stored)
    plan, bars, start, end = _loaded(here)
    span, one = Span(start, end), Bench(plan, bars, {}, start, end)
    ways = [replace(plan, risk=plan.risk.model_copy(update={"plan": plan.risk.plan.model_copy(update={
        "breakeven_at_r": breakeven, "partial_fraction": partial, "stale_bars": stale})}))
        for breakeven, partial, stale in product((0.5, 0.75, 1.0, 1.5, 2.0), (0.0, 0.25, 0.5, 0.75), (6, 12, 24, 48, 96))]
    one.measure(plan, [span])
    rounds = [cpu(lambda: [one.measure(way, [span]) for way in ways]) for _ in range(ROUNDS)]
    trades = sum(len(one.measure(way, [span])[0].trades) for way in ways)
    window = one._window(plan)
    tape, world = window.bars(span), window.world(span)
    trial, bare = interleaved(9, lambda: one.measure(plan, [span]), lambda: one._run(plan, span, tape, world))
    return [Figure("100 ways to leave x 500k minutes", median(rounds), "s", ROUNDS, YARDSTICK, None, {"ratio": 15.0, "mib": 1024.0},
                   f"{tape.ts.size:,} bars, {world.setups.size:,} setups, {trades} trades"),
            Figure("  one of them beside the engine alone", median(trial) * 1e3, "ms", 9, "the engine over the same arrays", median(bare) * 1e3,
                   {"ratio": 1.5})]


def _loaded(here):
    """The shipped futures desk narrowed to one symbol, its stored bars, and the window."""
    from pse.commands.inputs import gather

    found = gather(here, here.settings, (SYMBOL,), None, None)
    return found.plan, found.bars, found.start_ns, found.end_ns


def beside(folder: Path) -> list[Figure]:
    """The crosses, ours and, where it is installed, the other's."""
    ours, theirs = our_sweep(folder), vectorbt_sweep()
    found = ours()
    mine = median([cpu(ours) for _ in range(ROUNDS)])
    figures = [Figure("100 SMA crosses x 500k bars", mine, "s", ROUNDS, YARDSTICK, None, {}, f"{found} trades")]
    if theirs is not None:
        theirs()
        told: list[int] = []
        other = cpu(lambda: told.append(theirs()))
        figures.append(Figure("  against vectorbt, rust engine", mine, "s", ROUNDS, "vectorbt, rust engine", other, {"ratio": 1 / 20},
                              f"{other / mine:.1f} times as fast, 20 asked; there {told[0]} trades, {other:.2f} s"))
    return figures


def our_sweep(folder: Path) -> Callable[[], int]:
    """All crosses on a fresh bench; gives the number of trades."""
    import numpy as np

    from pse.domain.bars import Bars
    from pse.domain.trials import Span
    from pse.engine.bench import Bench
    from pse.engine.desk import desk_plan
    from pse.store.sessions import load_sessions

    prices = walk(BARS)
    here, opened = replace(context(folder / "home"), overrides=DESK), prices["time"]
    plan, sessions = desk_plan(here.settings), load_sessions(here.home, "24/7", int(opened[0]), int(opened[-1]))
    bars = Bars("BTCUSDT", "1m", opened, opened + MINUTE_NS, *(prices[name] for name in ("open", "high", "low", "close", "volume")),
                sessions.index_of(opened), np.zeros(BARS, bool), np.zeros(BARS), np.zeros(BARS, np.int32), np.zeros(BARS, np.int16), ("",), sessions)
    (name, tactic), = plan.tactics.items()
    plans = [replace(plan, tactics={name: type(tactic)(fast_bars=fast, slow_bars=slow, stop_atr=20, allow_short=True)})  # type: ignore[call-arg]
             for fast, slow in product(FASTS, SLOWS)]
    span = Span(int(opened[0]), int(bars.ts_close[-1]))

    def whole() -> int:
        bench = Bench(plan, [bars], {}, span.start_ns, span.end_ns)
        return sum(len(bench.measure(one, [span])[0].trades) for one in plans)

    return whole


def vectorbt_sweep() -> Callable[[], int] | None:
    """The same rule there, ten slow means at a time; None where it is not installed."""
    try:
        import pandas as pd
        import vectorbt as vbt
    except ImportError:
        return None
    prices = walk(BARS)
    close = pd.Series(prices["close"], pd.to_datetime(prices["time"]))

    def whole() -> int:
        trades = 0
        slow = vbt.MA.run(close, list(SLOWS))
        for window in FASTS:
            fast = vbt.MA.run(close, window)
            portfolio = vbt.Portfolio.from_signals(close, entries=fast.ma_crossed_above(slow), short_entries=fast.ma_crossed_below(slow), size=1, fees=FEE,
                                                   init_cash=CAPITAL, freq="1min", engine="rust")
            portfolio.total_profit(), portfolio.max_drawdown()
            trades += int(portfolio.trades.count().sum())
        return trades

    return whole
