"""A cross of two means over 500,000 bars, long and short, one unit, 0.2 basis points a side: our whole desk beside two other backtests, in one run.

Ours: features, scan, engine and metrics without their bootstrap, no journal, the desk on the profile `bare`.  vectorbt (rust engine): its means, crosses and
portfolio with the same figures asked for.  backtesting.py: its whole run.  Each by its own fill rules, so trades agree nearly and profits do not.
The others are measured where they are installed: pip install vectorbt vectorbt-rust backtesting.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made import MINUTE_NS, context, walk
from benchmarks.measure import Figure, cpu, interleaved, median

BARS, FAST, SLOW, CAPITAL, FEE = 500_000, 20, 50, 1e6, 2e-5
ROUNDS = 5
DESK = ("desks.crossing={symbols: [BTCUSDT], base_timeframe: 1m, decision_timeframe: 1m, features: {context_timeframe: 1h}, risk: bare, "
        f"tactics: {{moving_average_cross: {{fast_bars: {FAST}, slow_bars: {SLOW}, stop_atr: 20, allow_short: true}}}}}}",
        "desk=crossing", f"account.capital={CAPITAL}", "account.currency=USDT", "instruments.BTCUSDT.tick=0.25", "instruments.BTCUSDT.lot_step=1",
        "instruments.BTCUSDT.slippage_ticks=0", "instruments.BTCUSDT.stop_cap_points=1000000", f"instruments.BTCUSDT.fees.basis_points={FEE * 1e4}")


def measure(folder: Path) -> list[Figure]:
    """CPU seconds of ours and, where they are installed, ratios to the others."""
    prices = walk(BARS)
    ours, peers = our_run(folder, prices), {"vectorbt, rust engine": vectorbt_run(prices), "backtesting.py": backtesting_run(prices)}
    found = ours()
    fast = {name: work for name, work in peers.items() if work is not None and name != "backtesting.py"}
    times = interleaved(ROUNDS, ours, *fast.values())
    mine = median(times[0])
    figures = [Figure("SMA cross as a desk, 500k bars", mine, "s", ROUNDS, note=f"{found} trades, {BARS / mine / 1e6:.1f}M bars/s")]
    for name, taken in zip(fast, times[1:], strict=True):
        figures.append(_beside(name, mine, median(taken), 3.0, ROUNDS, fast[name]()))
    if peers["backtesting.py"] is not None:
        told: list[int] = []
        figures.append(_beside("backtesting.py", mine, cpu(lambda: told.append(peers["backtesting.py"]())), 150.0, 1, told[0]))  # type: ignore[misc]
    return figures


def _beside(name: str, mine: float, theirs: float, faster: float, rounds: int, trades: int) -> Figure:
    return Figure(f"  against {name}", mine, "s", rounds, name, theirs, {"ratio": 1 / faster},
                  f"{theirs / mine:.1f} times as fast, {faster:g} asked; there {trades} trades, {theirs:.3f} s")


def our_run(folder: Path, prices: dict[str, np.ndarray]) -> Callable[[], int]:
    """The desk over the bars; gives the number of trades."""
    from dataclasses import replace

    from pse.agents.rules import decide as rules
    from pse.brokers.sim import SimBroker
    from pse.domain.bars import Bars
    from pse.engine.desk import Mode, desk_plan
    from pse.engine.loop import run
    from pse.engine.outcome import Outcome
    from pse.engine.prepare import prepare
    from pse.engine.state import fresh_state
    from pse.research.metrics import MetricsSpec, compute_metrics
    from pse.store.sessions import load_sessions

    here = replace(context(folder / "home"), overrides=DESK)
    plan, opened = desk_plan(here.settings), prices["time"]
    sessions = load_sessions(here.home, "24/7", int(opened[0]), int(opened[-1]))
    zero, count = np.zeros(BARS), np.zeros(BARS, np.int32)
    bars = Bars("BTCUSDT", "1m", opened, opened + MINUTE_NS, *(prices[name] for name in ("open", "high", "low", "close", "volume")),
                sessions.index_of(opened), np.zeros(BARS, bool), zero, count, np.zeros(BARS, np.int16), ("",), sessions)
    mode = Mode(end_ns=int(bars.ts_close[-1]), trades_only=True)

    def whole() -> int:
        outcome = Outcome(named=False)
        step = prepare(plan, [bars], mode, int(opened[0]), int(bars.ts_close[-1]))
        for batch in run([step], rules, SimBroker(1), fresh_state(plan.shape, plan.capital)):
            outcome.take(batch)
        return int(compute_metrics(outcome.trades(), outcome.equity(), MetricsSpec(capital=plan.capital, resamples=0))["trades"])

    return whole


def vectorbt_run(prices: dict[str, np.ndarray]) -> Callable[[], int] | None:
    """The same rule there; None where it is not installed."""
    try:
        import pandas as pd
        import vectorbt as vbt
    except ImportError:
        return None
    close = pd.Series(prices["close"], pd.to_datetime(prices["time"]))

    def whole() -> int:
        fast, slow = vbt.MA.run(close, FAST), vbt.MA.run(close, SLOW)
        portfolio = vbt.Portfolio.from_signals(close, entries=fast.ma_crossed_above(slow), short_entries=fast.ma_crossed_below(slow), size=1, fees=FEE,
                                               init_cash=CAPITAL, freq="1min", engine="rust")
        portfolio.total_return(), portfolio.max_drawdown(), portfolio.sharpe_ratio(), portfolio.trades.win_rate(), portfolio.trades.profit_factor()
        return int(portfolio.trades.count())

    return whole


def backtesting_run(prices: dict[str, np.ndarray]) -> Callable[[], int] | None:
    """The same rule there; None where it is not installed."""
    try:
        import pandas as pd
        from backtesting import Backtest, Strategy
        from backtesting.lib import crossover
    except ImportError:
        return None

    def mean(values: Any, bars: int) -> Any:
        return pd.Series(values).rolling(bars).mean()

    class Cross(Strategy):
        def init(self) -> None:
            self.fast, self.slow = self.I(mean, self.data.Close, FAST), self.I(mean, self.data.Close, SLOW)

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.position.close()
                self.buy(size=1)
            elif crossover(self.slow, self.fast):
                self.position.close()
                self.sell(size=1)

    names = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume"}
    data = pd.DataFrame({theirs: prices[ours] for theirs, ours in names.items()}, index=pd.to_datetime(prices["time"]))

    def whole() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(Backtest(data, Cross, cash=CAPITAL, commission=FEE, finalize_trades=True).run()["# Trades"])

    return whole
