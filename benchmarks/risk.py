"""What the rules cost: all gates and sizing of a decision, tail risk and correlation beside ten positions, and a bar with ten open plans.

Every decision has one setup that goes all the way: the gates before, the choice, sizing, the gates after, an order that expires before it can fill.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks.made import context
from benchmarks.measure import Figure, interleaved, median

POSITIONS, DECISIONS, DAYS = 10, 20_000, 400
HELD_BARS = 100_000
ROUNDS = 5
CAPITAL, PRICE, TICK = 1e9, 4_000.0, 0.25
MINUTE_NS, DAY_NS = 60_000_000_000, 86_400_000_000_000


def desk_of(folder: Path, symbols: int):
    """The limits of the futures desk over `symbols` made instruments that stand alone, each move of which is another."""
    from pse.domain.instruments import Instrument
    from pse.engine.desk import desk_plan

    plan = desk_plan(context(folder / "home").settings, ("ES",))
    names = tuple(f"F{i:02d}" for i in range(symbols))
    made = tuple(Instrument(symbol=name, name="made", kind="future", tick=TICK, lot_step=1, point_value=50, currency=plan.currency,
                            calendar="CME Globex Equity") for name in names)
    wide = plan.risk.limits.model_copy(update={"max_concurrent_risk": 1.0, "max_gross_notional": 1e6, "max_group_positions": 1000})
    return replace(plan, symbols=names, instruments=made, micros={}, rates=plan.rates[:1] * symbols, risk=plan.risk.model_copy(update={"limits": wide}))


def made(plan, bars: int, every: int, asked: int, *, held: int = 0, tail: bool = True, together: bool = False):
    """A step of `bars` minutes of all symbols at one price, a decision every `every` of them, a setup of the last symbol at `asked` of those.

    `held`: so many of the first symbols enter at the first decision and never leave.  `tail`, `together`: whether VaR and correlations are asked for.
    """
    from pse.engine.desk import Mode, instrument_records, policy_record
    from pse.kernels import codes
    from pse.kernels import contract as k
    from pse.kernels.book import Tape, World

    count = len(plan.symbols)
    opens = np.repeat(np.arange(bars) * MINUTE_NS + DAY_NS, count)
    symbol = np.tile(np.arange(count), bars).astype(np.int16)
    flat = np.full(opens.size, PRICE)
    tape = Tape(opens, opens + MINUTE_NS, symbol, flat, flat + TICK, flat - TICK, flat, np.full(opens.size, 1e6), np.full(opens.size, 20200102, np.int32),
                np.zeros(opens.size, np.int16))
    moments = np.arange(every, bars + 1, every) * MINUTE_NS + DAY_NS
    row_ts, row_symbol = np.repeat(moments, count), np.tile(np.arange(count), moments.size)
    table = np.full((row_ts.size, len(k.CONTEXT_COLUMNS)), np.nan)
    known = {"CLOSE": PRICE, "ATR": 8.0, "DAILY_ATR": 40.0, "READY": 1.0, "DATA_SCORE": 1.0, "LAST_BAR_AGE_NS": 0.0, "SESSION_LEFT_NS": 1e18, "BLACKOUT": 0.0,
             "MSS_DIR": 0.0, "DAILY_ROW": float(DAYS), "MCS": codes.MCS_RANGE, "TCC_CLASS": codes.TCC_NONE, "TCC_DIR": 0.0, "TCC_SCORE_LONG": 0.0,
             "TCC_SCORE_SHORT": 0.0, "VOL_BUCKET": codes.VOL_Q2, "LIQUIDITY": codes.LIQUIDITY_OK, "RSI_STATE": codes.RSI_NEUTRAL,
             "MACD_STATE": codes.MACD_NEUTRAL, "VOL_SPIKE": 0.0, "RATE": 1.0, "NEWS_FLAG": 0.0, "VOL_RATIO": 1.0}
    for name, value in known.items():
        if name in k.CONTEXT_COLUMNS:
            table[:, k.CONTEXT_COLUMNS.index(name)] = value
    first, later = moments[0], moments[1:1 + asked]
    rows = np.zeros(held + later.size, k.SETUP_DTYPE)
    rows["symbol"] = np.concatenate([np.arange(held), np.full(later.size, count - 1)])
    rows["ts"] = np.concatenate([np.full(held, first), later])
    rows["order_type"] = np.where(np.arange(rows.size) < held, k.MARKET, k.LIMIT)
    rows["valid_until"] = np.where(np.arange(rows.size) < held, k.NEVER, rows["ts"])
    values = {"kind": k.ENTER, "direction": 1, "entry": PRICE, "stop": PRICE - 20.0, "target": PRICE + 60.0, "target2": np.nan, "size_multiple": 0.01,
              "quality": 0.7, "confidence": 0.7, "grade": 3, "rank_base": 0.8, "precedence": 1, "event_bar": 0, "group": -1, "invalid_price": np.nan,
              "trail_buffer": 0.5, "evidence": np.arange(rows.size), "family": codes.FAM_MSS_FVG_RETEST, "plan_flags": k.NO_STALE}
    for name, value in values.items():
        rows[name] = value
    policy = policy_record(plan, Mode(end_ns=int(tape.ts_close[-1]), trades_only=True, close_at_end=False))
    policy["flat_session"], policy["cooldown_entry_ns"], policy["ev_min"] = 0, 0, -9.0
    policy["var95"], policy["es975"] = 1e3, 1e3
    policy["tail_min_days"] = 60 if tail else 0
    policy["correlation_days"] = 60 if together else 0
    returns = np.random.default_rng(1).normal(0.0, 0.01, (DAYS, count))
    world = World(row_ts, row_symbol, table, rows, returns, instrument_records(plan), policy)
    return SimpleNamespace(tape=tape, world=world, until_ns=int(tape.ts_close[-1]))


def run(plan, step):
    """The whole step; its state at the end."""
    from pse.brokers.sim import SimBroker
    from pse.engine.state import fresh_state
    from pse.kernels.codes import DONE

    broker, state = SimBroker(plan.shape.slots), fresh_state(plan.shape, CAPITAL)
    while broker.advance(state, step).pause != DONE:
        pass
    return state


def bar_by_bar(plan, step, bars: int) -> None:
    """The first bars of a step, one instant a call."""
    from pse.brokers.sim import SimBroker
    from pse.engine.state import fresh_state

    broker, state = SimBroker(plan.shape.slots), fresh_state(plan.shape, CAPITAL)
    one = SimpleNamespace(tape=step.tape, world=step.world, until_ns=0)
    for until in np.unique(step.tape.ts_close)[:bars].tolist():
        one.until_ns = until
        broker.advance(state, one)


def measure(folder: Path) -> list[Figure]:
    """Differences between runs that differ in one thing."""
    alone, ten = desk_of(folder, 1), desk_of(folder, POSITIONS + 1)
    asks, rests = made(alone, DECISIONS + 2, 1, DECISIONS, tail=False), made(alone, DECISIONS + 2, 1, 0, tail=False)
    assert int(run(alone, asks).account[0]["plans"]) == DECISIONS
    busy, still = interleaved(ROUNDS, lambda: run(alone, asks), lambda: run(alone, rests))
    gates = (median(busy) - median(still)) / DECISIONS * 1e6
    some = DECISIONS // 10
    wide, plain, moved = (made(ten, some + 2, 1, some, held=POSITIONS, **asked) for asked in (
        {}, {"tail": False}, {"tail": False, "together": True}))
    assert int(run(ten, wide).account[0]["plans"]) == POSITIONS + some
    assert int(run(ten, moved).account[0]["plans"]) == POSITIONS + some
    weighed, unweighed, grouped = interleaved(ROUNDS, lambda: run(ten, wide), lambda: run(ten, plain), lambda: run(ten, moved))
    tails, groups = ((median(one) - median(unweighed)) / some * 1e6 for one in (weighed, grouped))
    held = made(ten, HELD_BARS, HELD_BARS // 2, 0, held=POSITIONS)
    held.world.row_ts[:], held.world.setups["ts"] = np.repeat(np.unique(held.tape.ts_close)[[0, -1]], POSITIONS + 1), held.tape.ts_close[0]
    assert int(run(ten, held).account[0]["live"]) == POSITIONS
    free = SimpleNamespace(tape=held.tape, world=held.world._replace(setups=held.world.setups[:0]), until_ns=held.until_ns)
    full, empty = interleaved(ROUNDS, lambda: run(ten, held), lambda: run(ten, free))
    few = 20_000
    steps = median(interleaved(3, lambda: bar_by_bar(ten, held, few))[0]) / few * 1e6
    return [Figure("all gates and sizing of a decision", gates, "us", ROUNDS, bar={"most": 2.0}, note=f"before and after the verdict, {DECISIONS} decisions"),
            Figure("  VaR and ES beside ten positions", tails, "us", ROUNDS, bar={"most": 15.0}, note="250 daily returns of each"),
            Figure("  groups that move together beside ten positions", groups, "us", ROUNDS, bar={"most": 15.0}, note="60 daily returns of each"),
            Figure("a minute with ten open plans, in one run", median(full) / HELD_BARS * 1e6, "us", ROUNDS, bar={"most": 5.0},
                   note=f"{median(empty) / HELD_BARS * 1e6:.2f} us without a plan"),
            Figure("  the same, one minute a call", steps, "us", 3, bar={"most": 5.0})]
