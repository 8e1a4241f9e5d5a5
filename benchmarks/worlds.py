"""Made-up daily prices with a known edge, and the desk that looks for it: what the court is held against.

The price drifts one way for a while and then the other; how long is drawn anew each time, 30 days on average.  A cross of two means earns from that, and so do
its neighbours, for they are on the same side most of the days.  Without the drift the price is a random walk, and nothing earns but by luck.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

SYMBOL, DESK = "WORLD", "study"
SIGMA, TURN_DAYS, TICK = 0.01, 30.0, 0.01
INTRADAY_STEPS = 8
DAYS_A_YEAR, WARMUP, FIRST_DAY = 252, 40, "1990-01-02"
FAST, SLOW = (2, 3, 4, 5, 6), (8, 10, 12, 14, 16, 18, 20, 22, 24, 26)
# Drift a day at which the mean configuration of the search earns so much after costs, by Sharpe ratio a year; `python -m benchmarks.study --calibrate`.
DRIFT = {0.0: 0.0, 0.5: 0.001359, 1.0: 0.001963, 1.5: 0.002467, 2.0: 0.002928, 2.5: 0.003379, 3.0: 0.003844}
CONFIG = f"""
desk: {DESK}
account: {{capital: 100000}}
instruments:
  {SYMBOL}: {{name: made-up, kind: future, tick: {TICK}, lot_step: 1, point_value: 1, currency: USD, calendar: NYSE,
          fees: {{per_unit: 0.005}}, slippage_ticks: 1, stop_cap_points: 1000}}
risk_policies:
  {DESK}:
    limits: {{sizing: shares, max_risk_per_trade: 0.05, max_daily_loss: 1.0, max_concurrent_risk: 1.0, max_gross_notional: 1000000, max_quantity: 1000000,
             max_group_positions: 1000, correlation_days: 0, allow_micro: false, high_vol_size: 1.0, transition_size: 1.0, volatility_size: false}}
    gates: {{market_state: false, min_confidence: 0.0, max_slippage_r: 1000000, session_left_min: 0, ev_min_r: -1000000, cooldown_entry_bars: 0,
            cooldown_stop_bars: 0, max_consecutive_losses: 1000000000, blackouts: [], events_impact: none}}
    tail: {{var95: 1000000, es975: 1000000, min_days: 0}}
    breakers: {{data_score_min: 0.0, equity_drawdown: 1.0}}
    plan: {{flat_at_session_end: false}}
desks:
  {DESK}:
    description: the cross of two means on made-up days
    symbols: [{SYMBOL}]
    base_timeframe: 1d
    decision_timeframe: 1d
    warmup_sessions: {WARMUP}
    tactics: {{moving_average_cross: {{fast_bars: 4, slow_bars: 16, stop_atr: 8, allow_short: true}}}}
    features: {{context_timeframe: 1d}}
    risk: {DESK}
    search:
      method: grid
      trials: 50
      parameters:
        tactics.moving_average_cross.fast_bars: {{values: {list(FAST)}}}
        tactics.moving_average_cross.slow_bars: {{values: {list(SLOW)}}}
"""


def grid() -> list[dict[str, int]]:
    """Every configuration of the search."""
    stem = "tactics.moving_average_cross"
    return [{f"{stem}.fast_bars": fast, f"{stem}.slow_bars": slow} for fast in FAST for slow in SLOW]


@cache
def weekdays(count: int) -> np.ndarray:
    """So many trading days of the calendar, from the first day on, datetime64[D]."""
    from pandas_market_calendars import get_calendar

    end = np.datetime64(FIRST_DAY) + int(count * 1.5) + 30
    return get_calendar("NYSE").valid_days(FIRST_DAY, str(end)).tz_localize(None).values.astype("datetime64[D]")[:count]


def prices(seed: int, dates: np.ndarray, drift: float) -> pl.DataFrame:
    """Daily bars on the tick grid: time (a date), open, high, low, close, volume.  `dates`: datetime64[D].  The same draws whatever the drift."""
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, dates.size])))
    side = np.where(np.cumsum(draw.random(dates.size) < 1.0 / TURN_DAYS) % 2 == 0, 1.0, -1.0)
    steps = draw.standard_normal((dates.size, INTRADAY_STEPS)) * (SIGMA / np.sqrt(INTRADAY_STEPS)) + (drift * side / INTRADAY_STEPS)[:, None]
    path = 100.0 * np.exp(np.cumsum(steps.ravel()).reshape(dates.size, INTRADAY_STEPS))
    path *= 100.0 / np.exp(np.median(np.log(path))) if path.min() < 20.0 else 1.0       # so that a tick stays a small part of the price
    opened = np.concatenate((path[0, :1], path[:-1, -1]))
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    columns = {name: np.round(values / TICK) * TICK for name, values in (("open", opened), ("high", high), ("low", low), ("close", path[:, -1]))}
    return pl.DataFrame({"time": dates, **columns, "volume": np.full(dates.size, 1e6)})


def make_home(root: Path) -> Path:
    """A home folder whose chosen desk is that of the study."""
    (root / "configs").mkdir(parents=True, exist_ok=True)
    path = root / "study.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path
