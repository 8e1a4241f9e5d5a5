"""The compiled engine alone, on made-up bars and setups: gates, brackets, plans, pauses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks.made import SYMBOL, context, walk
from benchmarks.measure import Figure, cpu, interleaved, median

BARS, SESSION = 5_000_000, 1380
DENSITIES = (5_000, 20_000)                # setups in 5,000,000 bars: one in 16 hours and one in 4; the desk's own tactic finds about 8,000
ROUNDS = 5
CAPITAL = 1e9                              # so large that no drawdown ends the trading: every setup goes all the way


def made(plan, n: int, setups: int, trades_only: bool = False):
    """A step of n minutes with a decision every five and `setups` limit entries with brackets, under the desk's default limits."""
    from pse.engine.desk import Mode, instrument_records, policy_record
    from pse.kernels import codes
    from pse.kernels import contract as k
    from pse.kernels.book import Tape, World

    bars, rng = walk(n), np.random.default_rng(1)
    close, opens = bars["close"], bars["time"]
    closes, number = opens + 60_000_000_000, np.arange(n) // SESSION
    ends = closes[np.minimum((number + 1) * SESSION - 1, n - 1)]
    rows = np.arange(4, n, 5)
    blank = {"CLOSE": close[rows], "ATR": 4.0, "READY": 1.0, "DATA_SCORE": 1.0, "LAST_BAR_AGE_NS": 0.0, "SESSION_LEFT_NS": ends[rows] - closes[rows],
             "BLACKOUT": 0.0, "SPREAD_TICKS": np.nan, "MSS_DIR": 0.0, "SWING_HIGH": np.nan, "SWING_LOW": np.nan, "DAILY_ROW": np.maximum(0, number[rows] - 1),
             "MCS": codes.MCS_RANGE, "TCC_CLASS": codes.TCC_NONE, "TCC_DIR": 0.0, "TCC_SCORE_LONG": 0.0, "TCC_SCORE_SHORT": 0.0,
             "VOL_BUCKET": codes.VOL_Q2, "LIQUIDITY": codes.LIQUIDITY_OK, "RSI_STATE": codes.RSI_NEUTRAL, "MACD_STATE": codes.MACD_NEUTRAL, "VOL_SPIKE": 0.0,
             "RATE": 1.0,
             "DAILY_ATR": 40.0, "NEWS_FLAG": 0.0}
    table = np.full((rows.size, len(k.CONTEXT_COLUMNS)), np.nan)
    for name, values in blank.items():
        table[:, k.CONTEXT_COLUMNS.index(name)] = values
    last = close[SESSION - 1::SESSION]
    returns = np.concatenate([[np.nan], np.diff(last) / last[:-1]]).reshape(-1, 1)
    found = _setups(rng, close[rows], closes[rows], setups)
    policy = policy_record(plan, Mode(end_ns=int(closes[-1]), trades_only=trades_only))
    policy["ev_min"] = -9.0                # random entries have no edge: judged by it, trading would soon be over
    world = World(closes[rows], np.zeros(rows.size, np.int64), table, found, returns, instrument_records(plan), policy)
    tape = Tape(opens, closes, np.zeros(n, np.int16), *(bars[name] for name in ("open", "high", "low", "close", "volume")), (number + 1).astype(np.int32),
                np.zeros(n, np.int16))
    return SimpleNamespace(tape=tape, world=world, until_ns=int(closes[-1]))


def _setups(rng: np.random.Generator, close: np.ndarray, ts: np.ndarray, count: int) -> np.ndarray:
    """Limit entries at the close of random decisions, stops 1 to 7.5 points away, targets 1.4 to 2.5 times as far."""
    from pse.kernels import contract as k
    from pse.kernels.codes import FAM_MSS_FVG_RETEST

    at = np.sort(rng.choice(np.arange(40, close.size - 40), count, replace=False))
    way, entry, risk = rng.choice([-1, 1], count), close[at], rng.integers(4, 31, count) * 0.25
    reward = risk * rng.choice([1.4, 1.5, 2.0, 2.5], count)
    rows = np.zeros(count, k.SETUP_DTYPE)
    values = {"ts": ts[at], "kind": k.ENTER, "direction": way, "order_type": k.LIMIT, "entry": entry, "stop": entry - way * risk,
              "target": np.round((entry + way * reward) * 4) / 4, "target2": np.round((entry + way * (reward + 1.5 * risk)) * 4) / 4, "size_multiple": 0.75,
              "quality": 0.7, "confidence": 0.7, "grade": 3, "rank_base": 0.8, "precedence": 1, "group": -1, "valid_until": ts[at] + 600_000_000_000,
              "invalid_price": entry - way * risk, "invalid_flags": 7, "trail_buffer": 0.5, "evidence": np.arange(count),
              "family": FAM_MSS_FVG_RETEST}
    for name, value in values.items():
        rows[name] = value
    return rows


def run(plan, step) -> tuple[int, int, int]:
    """The whole step: events, trades and pauses.  A question is answered with APPROVE for the best, REJECT for the rest."""
    from pse.brokers.sim import SimBroker
    from pse.engine.state import fresh_state
    from pse.kernels import codes as c

    broker, state = SimBroker(1), fresh_state(plan.shape, CAPITAL)
    answers = np.zeros_like(state.verdicts)
    answers["code"], answers["code"][0], answers["size_factor"] = c.REJECT, c.APPROVE, 1.0
    answers["entry"] = answers["stop"] = answers["target"] = np.nan
    said, verdicts = answers.view(np.uint8), state.verdicts.view(np.uint8)       # as bytes: a judge writes one verdict, not a table field by field
    events = trades = pauses = 0
    while True:
        told = broker.advance(state, step)
        events, trades = events + told.events.size, trades + told.trades.size
        if told.pause == c.DONE:
            return events, trades, pauses
        if told.pause == c.PAUSE_ASK:
            pauses += 1
            verdicts[:] = said
            state.account["answered"] = 1


def bar_by_bar(plan, step, bars: int) -> None:
    """The first bars of a step, one instant a call."""
    from pse.brokers.sim import SimBroker
    from pse.engine.state import fresh_state

    broker, state = SimBroker(1), fresh_state(plan.shape, CAPITAL)
    one = SimpleNamespace(tape=step.tape, world=step.world, until_ns=0)
    for until in step.tape.ts_close[:bars].tolist():
        one.until_ns = until
        broker.advance(state, one)


def measure(folder: Path) -> list[Figure]:
    """Throughput at two densities of setups, what a pause adds, what a call a bar costs."""
    from pse.engine.desk import desk_plan

    plan = desk_plan(context(folder / "home").settings, (SYMBOL,))
    figures = []
    for setups in DENSITIES:
        step = made(plan, BARS, setups)
        events, trades, _ = run(plan, step)
        times = [cpu(lambda step=step: run(plan, step)) for _ in range(ROUNDS)]
        figures.append(Figure(f"engine, {setups:,} setups in 5M minutes", BARS / median(times) / 1e6, "M bars/s", ROUNDS, bar={"least": 20.0},
                              note=f"{events} events, {trades} trades, all gates told"))
    brief = made(plan, BARS, DENSITIES[-1], trades_only=True)
    run(plan, brief)
    figures.append(Figure("  the same, trades alone told (sweeps)", BARS / median([cpu(lambda: run(plan, brief)) for _ in range(ROUNDS)]) / 1e6, "M bars/s",
                          ROUNDS))
    asking = SimpleNamespace(tape=step.tape, world=_asking(step.world), until_ns=step.until_ns)
    pauses = run(plan, asking)[2]
    inside, outside = interleaved(ROUNDS, lambda: run(plan, step), lambda: run(plan, asking))
    pause_us = (median(outside) - median(inside)) / pauses * 1e6
    figures.append(Figure("a pause for a verdict", pause_us, "us", ROUNDS, bar={"most": 10.0}, note=f"{pauses} pauses"))
    few = 200_000
    bar_by_bar(plan, step, 1000)
    times = [cpu(lambda: bar_by_bar(plan, step, few)) for _ in range(3)]
    figures.append(Figure("one bar a call", median(times) / few * 1e6, "us", 3, note="events copied out"))
    return figures


def _asking(world):
    """The same world, whose engine asks instead of deciding by rules."""
    from pse.kernels.codes import ASK_OUTSIDE

    policy = world.policy.copy()
    policy["decide"] = ASK_OUTSIDE
    return world._replace(policy=policy)
