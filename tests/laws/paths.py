"""Random paths on which one plan trades under every rule of fills: a walk in small steps, fine bars made of it, and coarse bars made of these.

Prices stand on half ticks, so that edges are met exactly and missed by half a tick; some steps jump, inside a coarse bar too where `inner_gaps` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pse.engine.desk import Mode, desk_plan, instrument_records, policy_record
from pse.kernels import contract as k
from pse.kernels.book import Tape, World
from pse.kernels.state import BAR_FINE, BAR_WHOLE
from pse.settings import load_settings
from tests.kernels import worlds as w

TICK, EACH = 0.25, 5                             # fine bars in a coarse one
RULES = ("pessimistic", "conservative", "drill", "optimistic")
BRACKET: dict[str, Any] = {"breakeven_r": 1e9, "partial": 0.0, "trail_swing": 0, "stale_bars": 10**6}
FREE: dict[str, Any] = {"max_quantity": 4, "ev_min": -9, "min_reward_r": 0.0, "max_slippage_r": 99.0, "market_state": 0, "max_risk": 1.0, "max_concurrent": 9.0,
                        "r_unit": 0.5, "max_daily_loss": 1.0, "max_gross": 1e9, "min_confidence": 0.0, "flat_session": 0, "tail_min_days": 10**6,
                        "es975": 9.0, "var95": 9.0, "session_left_ns": 0, "equity_drawdown": 1.0, "on_end": 1}


@cache
def limits(rule: str, managed: bool) -> tuple[np.ndarray, np.ndarray]:
    """The records of a shipped fill policy over limits that let everything in, and of the instrument under it."""
    settings = load_settings(Path("no-such-home"))
    plan = replace(desk_plan(settings, ("ES",)), fills=settings.fills["conservative" if rule == "drill" else rule])
    record, instrument = policy_record(plan, Mode()), instrument_records(plan)
    instrument["has_micro"] = 0
    for name, value in {**FREE, **({} if managed else BRACKET)}.items():
        record[name] = value
    return record, instrument


@dataclass(frozen=True)
class Walked:
    """Bars as columns (minute, open, high, low, close, volume), and one setup decided at minute 0."""

    fine: np.ndarray
    coarse: np.ndarray
    setup: np.ndarray


def draw(seed: int, order_type: int, bars: int = 14, steps: int = 6, inner_gaps: bool = False, volumes: bool = True) -> Walked:
    """A path, and a bracket around where it begins: stops of 2 to 12 ticks, targets of half to three times that."""
    rng = np.random.default_rng(seed)
    n = bars * EACH
    moves = rng.integers(-2, 3, (n, steps)) * (0.5 if seed % 3 == 0 else 1.0)
    jumps = np.where(rng.random(n) < 0.06, rng.integers(-8, 9, n), 0.0)
    if not inner_gaps:
        jumps[np.arange(n) % EACH != 0] = 0.0
    jumps[:EACH] = 0.0
    walk = (np.cumsum(np.concatenate([jumps[:, None], moves], axis=1).ravel()).reshape(n, steps + 1) + 4000) * TICK
    volume = np.where(rng.random(n) < 0.7, rng.choice([4.0, 12.0, 40.0, 400.0], n), np.nan) if volumes else np.full(n, np.nan)
    minute = np.arange(-EACH, n - EACH)
    fine = np.column_stack([minute, walk[:, 0], walk.max(1), walk.min(1), walk[:, -1], volume])
    groups = fine.reshape(bars, EACH, 6)
    coarse = np.column_stack([groups[:, 0, 0], groups[:, 0, 1], groups[:, :, 2].max(1), groups[:, :, 3].min(1), groups[:, -1, 4], groups[:, :, 5].sum(1)])
    price, side = round(coarse[0, 4] / TICK) * TICK, 1 if rng.random() < 0.5 else -1
    away = int(rng.integers(0, 6)) * TICK * (1 if order_type == k.STOP else -1)
    entry = price + side * away if order_type != k.MARKET else price
    stop = entry - side * int(rng.integers(2, 13)) * TICK
    target = entry + side * max(1, round(abs(entry - stop) / TICK * rng.uniform(0.5, 3.0))) * TICK
    given = w.setup(0, entry, stop, target, valid=EACH * int(rng.integers(1, 8)), order_type=order_type, direction=side, invalid_flags=0)
    return Walked(fine, coarse, given)


def line(path: Walked, drilled: bool) -> Tape:
    """The coarse bars, or the fine ones with each coarse bar behind those that it is made of."""
    rows, length, flags = path.coarse, np.full(len(path.coarse), EACH), np.zeros(len(path.coarse), np.int16)
    if drilled:
        rows = np.concatenate([path.fine, path.coarse])
        length = np.r_[np.ones(len(path.fine), np.int64), length]
        flags = np.r_[np.full(len(path.fine), BAR_FINE), np.full(len(path.coarse), BAR_WHOLE)].astype(np.int16)
    ts = w.START + rows[:, 0].astype(np.int64) * w.MINUTE
    close = ts + length.astype(np.int64) * w.MINUTE
    order = np.lexsort((ts, flags & BAR_WHOLE, close))
    columns = (np.ascontiguousarray(rows[order, i]) for i in range(1, 6))
    return Tape(ts[order], close[order], np.zeros(order.size, np.int16), *columns, np.full(order.size, 20231114, np.int32), flags[order])


def traded(path: Walked, rule: str, managed: bool = False, changes: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """The trade of a path under a rule; None where it never entered."""
    record, instrument = limits(rule, managed)
    if changes:
        record = record.copy()
        for name, value in changes.items():
            record[name] = value
    tape = line(path, drilled=rule == "drill")
    found = w.decision_rows(line(path, drilled=False))
    around = World(*found, path.setup, np.zeros((0, 1)), instrument, record)
    ran = w.run(tape, around, capital=1e6)
    assert len(ran.trades) <= 1, ran.trades
    if not ran.trades:
        return None
    fills = ran.fills
    return ran.trades[0] | {"parts": sum(leg == "ENTRY" for _, leg, *_ in fills), "gapped": any(kind == "GAP" for _, _, kind, *_ in fills)}


def points(trade: dict[str, Any]) -> float:
    """Result before fees, points of one unit."""
    return float(trade["gross"] / trade["quantity"] / 50.0)
