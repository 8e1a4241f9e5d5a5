"""Made-up desks for the engine: a time line, decision rows and setups drawn from a seed, without features or tactics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.decisions import Decide
from pse.domain.records import chain
from pse.domain.setups import setup_id
from pse.engine.desk import DeskPlan, Mode, desk_plan, instrument_records, policy_record
from pse.engine.loop import Batch, run
from pse.engine.prepare import Prepared
from pse.engine.records import Renderer
from pse.engine.state import fresh_state
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.book import State, Tape, World
from pse.kernels.state import BAR_BLACKOUT, BAR_ROLL, INPUT_DTYPE
from pse.settings import load_settings

MINUTE = 60_000_000_000
START = 1_577_956_800_000_000_000 // (300 * 10**9) * (300 * 10**9)
NO_INPUTS = np.zeros(0, INPUT_DTYPE)
SESSION_MINUTES = 240
KINDS = [k.ENTER] * 16 + [k.EXIT, k.CANCEL, k.AMEND]
TO_THE_END = 0                     # an end_ns that means the last bar, which nobody knows before it is drawn


@cache
def desk(symbols: tuple[str, ...] = ("ES",), overrides: tuple[str, ...] = ()) -> DeskPlan:
    """The built-in futures desk, narrowed to `symbols`."""
    return desk_plan(load_settings(Path("no-such-home"), overrides=overrides), symbols)


@dataclass(frozen=True)
class Shape:
    """How much is made up, and how rough it is."""

    minutes: int = 600
    setups: int = 24
    symbols: tuple[str, ...] = ("ES",)
    missing: float = 0.05
    rolls: bool = True
    overrides: tuple[str, ...] = ()
    capital: float = 100_000.0
    rich: bool = False                 # plans with flags of their own, open calls, one choice of several, moving rates, every other seed sized in shares


def made(seed: int, shape: Shape = Shape(), mode: Mode | None = None, **policy: Any) -> Prepared:  # noqa: B008
    """A window of `shape` drawn from `seed`, ready for the loop; `policy` replaces fields of the policy record."""
    rng, plan = np.random.default_rng(seed), desk(shape.symbols, shape.overrides)
    parts = [minutes(rng, shape, symbol, instrument.tick) for symbol, instrument in enumerate(plan.instruments)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[2], columns[0], columns[1]))
    tape = Tape(*(column[order] for column in columns))
    row_ts, row_symbol, context = rows(rng, parts, plan)
    setups = draw_setups(rng, shape, plan, row_ts, row_symbol, context)
    mode = mode or Mode(end_ns=TO_THE_END)
    mode = replace(mode, end_ns=int(tape.ts_close[-1])) if mode.end_ns == TO_THE_END else mode
    record = policy_record(plan, mode)
    if shape.rich:
        enrich(np.random.default_rng([seed, 1]), setups, row_ts, context)
        record["shares"], record["min_confidence"] = seed % 2, 0.1
        record["wait_closes"], record["news_required"], record["max_gross"] = 2, seed % 3 == 0, 50.0
    for name, value in policy.items():
        record[name] = value
    returns = rng.normal(0, 0.01, (120 if shape.rich else 80, len(parts)))
    world = World(row_ts, row_symbol, context, setups, returns, instrument_records(plan), record)
    return ready(plan, mode, tape, world)


def ready(plan: DeskPlan, mode: Mode, tape: Tape, world: World) -> Prepared:
    """Arrays as a step of a feed, with ids and evidence for their setups."""
    evidence = tuple({"row": row} for row in range(world.setups.size))
    ids = tuple(setup_id(plan.symbols[one["symbol"]], "made", int(one["direction"]), int(one["ts"]), (str(row),)) for row, one in enumerate(world.setups))
    return Prepared(plan, mode, tape, world, evidence, ids, (), int(world.policy["end"][0]))


def minutes(rng: np.random.Generator, shape: Shape, symbol: int, tick: float) -> tuple[np.ndarray, ...]:
    """Columns of a tape for one symbol: a walk on the grid in sessions of four hours, an hour apart."""
    n = shape.minutes
    wild = np.repeat(rng.choice([1, 1, 2, 4], n // 60 + 1), 60)[:n]
    close = 16_000 + np.cumsum(rng.integers(-3, 4, n) * wild)
    open_ = np.r_[16_000, close[:-1]] + rng.integers(-4, 5, n) * (rng.random(n) < 0.1)
    high, low = np.maximum(open_, close) + rng.integers(0, 4, n), np.minimum(open_, close) - rng.integers(0, 4, n)
    session = np.arange(n) // SESSION_MINUTES
    ts = START + (np.arange(n, dtype=np.int64) + 60 * session) * MINUTE
    volume = np.where(rng.random(n) < 0.1, np.nan, rng.choice([5.0, 20.0, 60.0, 400.0], n))
    flags = np.where(rng.random(n) < 0.02, BAR_BLACKOUT, 0).astype(np.int16)
    if shape.rolls:
        flags[rng.random(n) < 0.004] |= BAR_ROLL
    kept = rng.random(n) >= shape.missing
    kept[:5] = True
    found = (ts, ts + MINUTE, np.full(n, symbol, np.int16), *(column * tick for column in (open_, high, low, close)), volume,
             (20_200_101 + session).astype(np.int32), flags)
    return tuple(column[kept] for column in found)


def rows(rng: np.random.Generator, parts: Sequence[tuple[np.ndarray, ...]], plan: DeskPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A decision row at each five minutes of each symbol that holds a bar."""
    found = []
    for symbol, part in enumerate(parts):
        ts, close_ts, _, _, _, _, close, _, day, _ = part
        bucket = ts // (5 * MINUTE)
        last = np.r_[np.flatnonzero(np.diff(bucket)), bucket.size - 1]
        at = (bucket[last] + 1) * 5 * MINUTE
        end = START + ((day[last] - 20_200_101 + 1) * SESSION_MINUTES + (day[last] - 20_200_101) * 60).astype(np.int64) * MINUTE
        table = np.full((last.size, len(k.CONTEXT_COLUMNS)), np.nan)
        ready = np.arange(last.size) >= 2
        for column, values in ((k.C_CLOSE, close[last]), (k.C_ATR, 16 * plan.instruments[symbol].tick), (k.C_READY, ready),
                               (k.C_DATA_SCORE, np.where(rng.random(last.size) < 0.01, 0.5, 1.0)), (k.C_LAST_BAR_AGE_NS, at - close_ts[last]),
                               (k.C_SESSION_LEFT_NS, end - at), (k.C_BLACKOUT, rng.random(last.size) < 0.03), (k.C_SPREAD_TICKS, np.nan),
                               (k.C_MSS_DIR, rng.choice([0, 0, 0, 0, 1, -1], last.size)), (k.C_SWING_HIGH, np.nan), (k.C_SWING_LOW, np.nan),
                               (k.C_DAILY_ROW, rng.integers(0, 81)), (k.C_DAILY_CLOSE, close[0]), (k.C_RATE, 1.0),
                               (k.C_DAILY_ATR, 40 * plan.instruments[symbol].tick), (k.C_NEWS_FLAG, 0.0), *states(rng.spawn(1)[0], last.size)):
            table[:, column] = values
        found.append((at, np.full(last.size, symbol, np.int64), table))
    ts, symbol_of, context = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((symbol_of, ts))
    return ts[order], symbol_of[order], np.ascontiguousarray(context[order])


def states(rng: np.random.Generator, n: int) -> Iterator[tuple[int, np.ndarray]]:
    """States of the market at n decisions, every code among them; a market condition lasts a few bars."""
    conditions = rng.choice(8, n, p=[0.025] * 4 + [0.2, 0.2, 0.25, 0.25])
    yield k.C_MCS, np.repeat(conditions, rng.integers(1, 8, n))[:n]
    for column, words in ((k.C_TCC_CLASS, c.TCC_CLASSES), (k.C_VOL_BUCKET, c.VOL_BUCKETS), (k.C_LIQUIDITY, c.LIQUIDITY_STATES), (k.C_RSI_STATE, c.RSI_STATES),
                          (k.C_MACD_STATE, c.MACD_STATES), (k.C_VOL_SPIKE, (0, 1))):
        yield column, rng.integers(0, len(words), n)
    yield k.C_TCC_DIR, rng.integers(-1, 2, n)
    for column in (k.C_TCC_SCORE_LONG, k.C_TCC_SCORE_SHORT):
        yield column, rng.choice([np.nan, 0.0, 0.35, 0.8], n)


def draw_setups(rng: np.random.Generator, shape: Shape, plan: DeskPlan, row_ts: np.ndarray, row_symbol: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Entries near the decision close, both directions, sometimes several of an instant, with other kinds among them."""
    at = np.sort(rng.choice(np.arange(3, row_ts.size), shape.setups))
    found = np.zeros(at.size, k.SETUP_DTYPE)
    for setup, row in zip(found, at, strict=True):
        symbol = int(row_symbol[row])
        instrument = plan.instruments[symbol]
        fill_entry(setup, instrument.tick, instrument.stop_cap_points or 8.0, float(context[row, k.C_CLOSE]), rng)
        setup["ts"], setup["symbol"], setup["valid_until"] = row_ts[row], symbol, row_ts[row] + int(rng.integers(1, 15)) * MINUTE
        setup["kind"] = one_of(rng, KINDS)
    own = rng.spawn(1)[0]
    found["family"] = own.choice([*range(len(c.FAMILIES)), *[c.FAM_SWEEP_REVERSAL] * 25], found.size)
    found["directional_gate"] = own.random(found.size) < 0.15
    found["invalid_flags"] |= own.choice([0, k.INVALID_MCS], found.size)
    found = found[np.lexsort((found["precedence"], found["symbol"], found["ts"]))]
    found["evidence"] = np.arange(found.size)
    return found


def enrich(rng: np.random.Generator, setups: np.ndarray, row_ts: np.ndarray, context: np.ndarray) -> None:
    """Draws what plans of several kinds say beside their prices, and rates and headlines at each decision; one rate a moment."""
    n = setups.size
    setups["plan_flags"] = np.where(rng.random(n) < 0.7, rng.integers(0, 256, n), 0)
    setups["invalid_flags"] |= rng.choice([0, 0, 32, 64, 128], n)
    setups["group"][rng.random(n) < 0.3] = k.ONE_CHOICE
    setups["target"][rng.random(n) < 0.2] = np.nan
    setups["event_bar"] = setups["ts"] - rng.choice([0, 5, 60], n) * MINUTE
    either = (setups["direction"] > 0) & (setups["kind"] == k.ENTER) & (rng.random(n) < 0.2)
    setups["direction"][either], setups["rank_base"][either] = 0, np.nan
    refused = (setups["kind"] == k.ENTER) & (rng.random(n) < 0.05)
    setups["kind"][refused], setups["refusal"][refused] = k.REFUSED, 1
    steps = np.cumprod(rng.choice([1.0, 1.001, 0.999], row_ts.size))
    context[:, k.C_RATE] = steps[np.searchsorted(row_ts, row_ts)]
    context[:, k.C_NEWS_AGE_NS] = rng.choice([np.nan, 1.0, 7.0], row_ts.size) * 60 * MINUTE
    context[:, k.C_NEWS_FLAG] = rng.random(row_ts.size) < 0.1
    context[:, k.C_DAILY_ROW] += np.searchsorted(np.unique(row_ts), row_ts) // 30


def one_of(rng: np.random.Generator, options: Sequence[Any]) -> Any:
    """What `rng.choice` would draw, without making an array of the options first."""
    return options[int(rng.integers(len(options)))]


def fill_entry(setup: Any, tick: float, cap: float, close: float, rng: np.random.Generator) -> None:
    """One entry with stop and targets on the grid."""
    d, ticks = int(one_of(rng, [-1, 1])), int(cap / tick)
    risk = int(rng.integers(4, max(6, ticks + 2)))
    entry = round(close / tick) + int(one_of(rng, [0, 0, 0, 1, -2]))
    reward = max(1, round(risk * float(one_of(rng, [1.4, 1.5, 2.0, 3.0]))))
    setup["direction"], setup["order_type"] = d, one_of(rng, [k.LIMIT, k.LIMIT, k.MARKET])
    for name, price in (("entry", entry), ("stop", entry - d * risk), ("target", entry + d * reward), ("target2", entry + d * (reward + risk))):
        setup[name] = price * tick
    if rng.random() < 0.3:
        setup["target2"] = np.nan
    setup["size_multiple"], setup["grade"] = one_of(rng, [0.5, 0.75, 1.0]), rng.integers(2, 5)
    setup["quality"] = setup["confidence"] = round(float(rng.uniform(0.28, 0.95)), 3)
    setup["rank_base"], setup["precedence"], setup["group"] = 0.8, rng.integers(0, 3), one_of(rng, [-1, -1, 7])
    setup["invalid_price"], setup["invalid_flags"], setup["trail_buffer"] = setup["stop"], rng.integers(0, 16), tick


def state_of(prepared: Prepared, capital: float = 100_000.0) -> State:
    return fresh_state(prepared.plan.shape, capital)


def batches(prepared: Prepared, decide: Decide = rules, state: State | None = None, broker: Any = None, cuts: Sequence[int] = ()) -> Iterator[Batch]:
    """The loop over the window, cut into steps at the moments `cuts`."""
    steps = [replace(prepared, until_ns=int(cut)) for cut in (*cuts, prepared.until_ns)]
    yield from run(steps, decide, broker or SimBroker(prepared.plan.shape.slots), state_of(prepared) if state is None else state)


def all_events(found: Sequence[Batch]) -> np.ndarray:
    return np.concatenate([one.events for one in found])


def all_trades(found: Sequence[Batch]) -> np.ndarray:
    return np.concatenate([one.trades for one in found])


def journal_lines(found: Sequence[Batch]) -> list[tuple[str, int, dict[str, Any]]]:
    """What the run's journal says, without its chain."""
    renderer = Renderer()
    return [line for one in found for line in renderer.lines(one.prepared, one.events, one.trades, one.deliberations)]


def journal_bytes(found: Sequence[Batch], foundation: str = "00" * 32) -> bytes:
    """The journal as it would stand on the disk."""
    head, out = foundation, []
    for seq, (kind, ts, body) in enumerate(journal_lines(found)):
        line, head = chain(head, seq, ts, kind, body)
        out.append(line)
    return b"".join(out)


def bodies(found: Sequence[Batch], kind: str) -> list[dict[str, Any]]:
    return [body for which, _, body in journal_lines(found) if which == kind]
