"""What splits and dividends do between the features and the engine: adjusted prices become prices as traded, and the events become rows.

Features run on prices that are multiplied by a factor; a setup, a context row and an order speak of the price that is traded on their day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pse.domain.actions import PRICE_DIGITS, events_in, without_noise
from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.domain.setups import OneByOne, Setups
from pse.engine.desk import DeskPlan
from pse.features.build import Features
from pse.kernels.contract import C_ATR, C_CLOSE, C_DAILY_ATR, C_DAILY_CLOSE, C_SWING_HIGH, C_SWING_LOW, MARKET
from pse.kernels.state import A_ROLL, ACTION_DTYPE
from pse.kernels.targets import EPS

CONTEXT_PRICES = (C_CLOSE, C_ATR, C_SWING_HIGH, C_SWING_LOW, C_DAILY_CLOSE, C_DAILY_ATR)


def spread_ticks(bars: Bars, instrument: Instrument) -> np.ndarray | None:
    """Ask less bid at each base bar's close in ticks, as quoted."""
    if bars.spread is None:
        return None
    return bars.spread / instrument.tick if bars.factor is None else bars.spread / bars.factor / instrument.tick


def unscale(rows: np.ndarray, features: Features, at: np.ndarray | None, window: slice) -> None:
    """Takes what splits and dividends have multiplied prices by out of the context's columns, in place."""
    if features.decision.factor is None:
        return
    factor = (features.decision.factor if at is None else features.decision.factor[at])[window]
    changed = factor != 1.0
    for column in CONTEXT_PRICES:
        rows[changed, column] = without_noise(rows[changed, column] / factor[changed])


def as_traded(found: Setups, features: Sequence[Features], instruments: Sequence[Instrument]) -> Setups:
    """Setups whose prices are as traded at their decision: stops rounded away from price, targets and resting entries as ever.

    The evidence tells the measures as they were taken, with what they stand multiplied by.
    """
    if all(one.decision.factor is None for one in features):
        return found
    rows, scale = found.rows.copy(), np.ones(len(found))
    for symbol, one in enumerate(features):
        if one.decision.factor is not None:
            mine = np.flatnonzero(rows["symbol"] == symbol)
            at = np.minimum(np.searchsorted(one.decision.ts_close, rows["ts"][mine]), max(len(one.decision) - 1, 0))
            scale[mine] = one.decision.factor[at]
            changed = mine[scale[mine] != 1.0]
            rows[changed] = _prices_as_traded(rows[changed], scale[changed], instruments[symbol].tick)
    told = found.evidence
    return Setups(rows, OneByOne(len(found), lambda i: told[i] if scale[i] == 1.0 else {**told[i], "prices_times": float(scale[i])}))


def _prices_as_traded(rows: np.ndarray, factor: np.ndarray, tick: float) -> np.ndarray:
    """SETUP_DTYPE rows with every price divided by its factor, and on the grid where it was on one."""
    out = rows.copy()
    for name in ("entry", "invalid_price", "trail_buffer"):
        out[name] = without_noise(rows[name] / factor)
    side = np.where(rows["direction"] < 0, -1.0, 1.0)
    resting = rows["order_type"] != MARKET
    out["entry"][resting] = on_grid(out["entry"][resting], side[resting], tick)             # a limit toward the market, a stop away from it
    out["limit_price"] = on_grid(rows["limit_price"] / factor, side, tick)
    out["stop"] = on_grid(rows["stop"] / factor, -side, tick)
    for name in ("target", "target2"):
        out[name] = on_grid(rows[name] / factor, -side, tick)
    return out


def on_grid(price: np.ndarray, way: np.ndarray, tick: float) -> np.ndarray:
    """The next grid price upward where `way` is 1, downward where it is -1; NaN stays."""
    steps = price / tick
    return without_noise(np.where(way > 0, np.ceil(steps - EPS), np.floor(steps + EPS)) * tick)


def roll_gaps(bars: Bars, start_ns: int, end_ns: int) -> Iterator[tuple[int, float]]:
    """(open of the first bar, points above the old contract) of each new contract of the window."""
    for i in np.flatnonzero(bars.roll).tolist():
        if i > 0 and start_ns <= bars.ts_open[i] < end_ns:
            yield int(bars.ts_open[i]), round(float(bars.offset[i] - bars.offset[i - 1]), PRICE_DIGITS)


def action_records(plan: DeskPlan, bars: Sequence[Bars], start_ns: int, end_ns: int) -> np.ndarray:
    """ACTION_DTYPE rows of the window in order of time, then the desk's order, a day's dividend before its split; rolls where the desk carries over them."""
    found = [(ts, symbol, kind, amount) for symbol, (name, one) in enumerate(zip(plan.symbols, bars, strict=True))
             if (known := plan.actions.get(name)) is not None
             for ts, kind, amount in events_in(one, known, start_ns, end_ns)]
    if plan.fills.roll == "carry":
        found += [(ts, symbol, A_ROLL, gap) for symbol, one in enumerate(bars) for ts, gap in roll_gaps(one, start_ns, end_ns)]
    return np.array(sorted(found, key=lambda one: one[:3]), ACTION_DTYPE)
