"""The ten daily strategies over five hundred symbols and ten years of days: features, scan, and the whole run through the engine.

Days are made up, one market a symbol with one table of all of them, as a desk has it.  A run is told in trades alone, as in a sweep of parameters.
"""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.made import context
from benchmarks.measure import YARDSTICK, Figure, cpu, median

SYMBOLS, DAYS = int(os.environ.get("PSE_BENCH_SYMBOLS", "500")), 2_520
FEWEST = 500                               # symbols from which on the bars hold
MOST_R, MOST_SCAN_S = 40.0, 4.0
ROUNDS = 3
BENCHMARK = "SPY"


def made_days(symbols: int):
    """Bars of a day for each symbol: geometric walks with drifts of some weeks, volume that varies, one calendar for all."""
    from pse.domain.bars import Bars
    from pse.providers.plain_sessions import plain_sessions

    rng, sessions = np.random.default_rng(1), plain_sessions("NYSE", date(2010, 1, 4), date(2021, 12, 31))
    drift = np.repeat(rng.normal(0, 0.002, (symbols, DAYS // 40 + 1)), 40, axis=1)[:, :DAYS]
    close = np.round(100 * np.exp(np.cumsum(drift + rng.normal(0, 0.012, (symbols, DAYS)), axis=1)), 2)
    opens = np.round(np.concatenate([close[:, :1], close[:, :-1]], axis=1) * np.exp(rng.normal(0, 0.003, close.shape)), 2)
    high = np.round(np.maximum(opens, close) * (1 + rng.uniform(0, 0.006, close.shape)), 2)
    low = np.round(np.minimum(opens, close) * (1 - rng.uniform(0, 0.006, close.shape)), 2)
    volume, nothing, whole = rng.uniform(1e6, 3e6, close.shape), np.zeros(DAYS), np.zeros(DAYS, np.int64)
    names = [BENCHMARK, *(f"S{i:03d}" for i in range(symbols - 1))]
    return [Bars(name, "1d", sessions.open_ns[:DAYS], sessions.close_ns[:DAYS], opens[i], high[i], low[i], close[i], volume[i], np.arange(DAYS), nothing > 0,
                 nothing, whole.astype(np.int32), whole.astype(np.int16), (name,), sessions) for i, name in enumerate(names)]


def desk_of(folder: Path, bars):
    """The limits of the desk of daily strategies over these symbols, deciding on days by all ten."""
    from pse.domain.instruments import Instrument
    from pse.engine.desk import desk_plan
    from pse.features.build import FeatureSpec
    from pse.registry import resolve
    from pse.tactics.swing import STRATEGIES

    plan = desk_plan(context(folder / "home", "desk=equities-swing").settings)
    instruments = tuple(Instrument(symbol=one.symbol, name="made", kind="stock", tick=0.01, lot_step=1, point_value=1, currency=plan.currency, calendar="NYSE")
                        for one in bars)
    return replace(plan, symbols=tuple(one.symbol for one in bars), instruments=instruments, micros={}, tactics={n: resolve("tactic", n)() for n in STRATEGIES},
                   spec=FeatureSpec(decision_timeframe="1d", context_timeframe="1d"), base_timeframe="1d", decision_timeframe="1d",
                   context={}, reads={}, rates=plan.rates[:1] * len(bars))


def measure(folder: Path) -> list[Figure]:
    """Features and each strategy's scan apart; then everything from bars to trades, after a run over few symbols that compiles."""
    from pse.engine.prepare import open_markets
    from pse.features.build import Features
    from pse.tactics.scan import scan_desk

    bars = made_days(SYMBOLS)
    run(desk_of(folder, bars[:4]), bars[:4])
    plan = desk_of(folder, bars)

    def features():
        markets = open_markets(plan, bars, {}, int(bars[0].ts_close[-1]))
        found = [Features(market, plan.spec) for market in markets.values()]
        for one in found:
            assert one.columns["mcs"].size
        return found

    apart: dict[str, list[float]] = {name: [] for name in plan.tactics}
    rows: dict[str, int] = {}
    built, sorted_too = [], []
    for _ in range(ROUNDS):
        here: list[Features] = []
        built.append(cpu(lambda here=here: here.extend(features())))  # type: ignore[misc]
        for name, one in plan.tactics.items():
            apart[name].append(cpu(lambda name=name, one=one, here=here: rows.update({  # type: ignore[misc]
                name: sum(len(one.scan(view, view.known.instrument)) for view in here)})))
        gc.collect()
        sorted_too.append(cpu(lambda here=here: scan_desk(list(plan.tactics.values()), here, plan.instruments)))  # type: ignore[misc]
    together = median([sum(times) for times in zip(*apart.values(), strict=True)])
    del here
    gc.collect()
    trades: list[int] = []
    whole = median([cpu(lambda: trades.append(run(plan, bars))) for _ in range(ROUNDS)])
    held = len(bars) >= FEWEST
    size = f"{len(bars)} symbols, {DAYS} days"
    bar = {"ratio": MOST_R} if held else {}
    return [Figure(f"ten strategies from bars to trades, {size}", whole, "s", ROUNDS, YARDSTICK, None, bar, f"{trades[-1]} trades"),
            Figure("  features with states", median(built), "s", ROUNDS, YARDSTICK),
            Figure("  scans of all ten", together, "s", ROUNDS, bar={"most": MOST_SCAN_S} if held else {}, note=f"{sum(rows.values()):,} rows"),
            *(Figure(f"    of it {name}", median(times), "s", ROUNDS, note=f"{rows[name]:,} rows") for name, times in apart.items()),
            Figure("  the same as one table of the desk", median(sorted_too), "s", ROUNDS)]


def run(plan, bars) -> int:
    """From bars to trades: how many."""
    from pse.brokers.sim import SimBroker
    from pse.engine.desk import Mode
    from pse.engine.prepare import prepare
    from pse.engine.state import fresh_state
    from pse.kernels.codes import DONE

    end = int(bars[0].ts_close[-1])
    step = prepare(plan, bars, Mode(end_ns=end, trades_only=True), int(bars[0].ts_open[0]), end)
    broker, state, trades = SimBroker(len(bars)), fresh_state(plan.shape, 1e8), 0
    while True:
        told = broker.advance(state, step)
        trades += told.trades.size
        if told.pause == DONE:
            return trades
