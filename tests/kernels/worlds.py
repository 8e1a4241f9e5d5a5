"""Small made-up worlds for the engine: a tape of minute bars, decision rows, setups and limits, and what came of a run.

Minutes count from `START`, a five-minute boundary; prices are points; everything not given has the figures of an E-mini desk.
"""

# ruff: noqa: C408 (tables of names and figures read better as keywords)
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pse.brokers.sim import SimBroker
from pse.engine.state import Shape, fresh_state
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels import state as ks
from pse.kernels.book import State, Tape, World

START = 1_700_000_100_000_000_000
MINUTE = 60_000_000_000
NONE = float("nan")

POLICY: dict[str, Any] = dict(
    match=c.SIMULATED, decide=c.RULES_INSIDE, events=c.EVENTS_FULL, on_end=c.KEEP, end_reason=c.R_RUN_END, entries_from=0, entries_until=k.NEVER, end=k.NEVER,
    latency_ns=1_000_000_000, through_ticks=1, volume_share=0.1, slippage_factor=1,
    max_risk=0.01, r_unit=0.008, max_daily_loss=0.03, max_concurrent=0.05, max_gross=5, max_symbol=1e9, max_quantity=20, max_group=2,
    allow_short=1, allow_micro=1, min_confidence=0.3, min_reward_r=1.5, max_age_ns=11 * MINUTE, max_slippage_r=0.15, session_left_ns=15 * MINUTE,
    spread_base=1, spread_tolerance=0.5, ev_min=0.07, ev_prior_r=0.25, ev_prior_n=20, ev_decay=0.5 ** (1 / 126), ev_scratch=0.1,
    cooldown_entry_ns=25 * MINUTE, cooldown_stop_ns=15 * MINUTE, cooldown_entry_closes=0, cooldown_stop_closes=0,
    max_losses=3, var95=0.015, es975=0.025, tail_days=250, tail_min_days=0, tail_stop_factor=1.5,
    data_score_min=0.8, data_recovery=3, equity_drawdown=0.1, equity_recovered=0.05, equity_retrip=0.05, auto_ack_days=0,
    llm_failures=5, llm_timeout_ns=5 * MINUTE, llm_timeout_cap_ns=60 * MINUTE, llm_successes=2,
    breakeven_r=1, breakeven_ticks=1, partial=0.5, trail_swing=1, stale_bars=24, stale_mfe_r=0.5, flat_session=1, flat_before_ns=5 * MINUTE,
    high_vol_size=0.5, transition_size=0.5, market_state=1, max_group_notional=1e9, shares=0, cash_only=0, wait_closes=5, news_required=0,
    news_max_age_ns=360.0 * MINUTE, trail_range_atr=3.0, swing_side=2, max_replans=3, replan_apart=1, replan_min_reward=1.0, vol_size_least=0.5,
    vol_size_most=1.25, kelly_share=0, kelly_cap=0.02, kelly_min_trades=30,
    target_through_ticks=1, entry_bar_target=1, entry_bar_stop=1, first_minute_factor=1, outside_hours_factor=1,
    correlation=0.8, correlation_days=0, max_correlated=0.02, max_latency_ns=100e6, max_skew_ns=2e9, spread_money=0.01, spread_share=0.0005)
INSTRUMENT: dict[str, Any] = dict(
    tick=0.25, lot=1, point_value=50, fee_unit=2.5, fee_bps=0, min_notional=0, slippage_ticks=1, stop_cap=8, group=0, tradable=1,
    shortable=1, has_micro=1, micro_point_value=5, micro_fee_unit=0.75, micro_lot=1)
SETUP: dict[str, Any] = dict(
    kind=k.ENTER, tactic=0, direction=1, order_type=k.LIMIT, size_multiple=0.75, quality=0.7, confidence=0.7, grade=3, rank_base=0.8, rank_bonus=0.0,
    precedence=1, event_bar=0, group=-1, invalid_price=NONE, invalid_flags=5, trail_buffer=0.5, target=NONE, target2=NONE, directional_gate=False,
    family=c.FAM_MSS_FVG_RETEST)
CONTEXT: dict[str, float] = dict(
    ATR=4.0, READY=1.0, DATA_SCORE=1.0, LAST_BAR_AGE_NS=0.0, SESSION_LEFT_NS=float(k.NEVER), BLACKOUT=0.0, SPREAD_TICKS=NONE, MSS_DIR=0.0,
    SWING_HIGH=NONE, SWING_LOW=NONE, DAILY_ROW=0.0, DAILY_CLOSE=NONE, TCC_CLASS=float(c.TCC_NONE), TCC_DIR=0.0, TCC_SCORE_LONG=0.0, TCC_SCORE_SHORT=0.0,
    MCS=float(c.MCS_RANGE), VOL_BUCKET=float(c.VOL_Q2), LIQUIDITY=float(c.LIQUIDITY_OK), RSI_STATE=float(c.RSI_NEUTRAL), MACD_STATE=float(c.MACD_NEUTRAL),
    VOL_SPIKE=0.0, RATE=1.0, DAILY_ATR=8.0, NEWS_AGE_NS=NONE, NEWS_FLAG=0.0, HOURS=0.0)


def record(dtype: np.dtype, defaults: dict[str, Any], changes: dict[str, Any]) -> np.ndarray:
    """One row of `dtype`; a misspelt change is an error."""
    row = np.zeros(1, dtype)
    for name, value in {**defaults, **changes}.items():
        row[name] = value
    return row


def policy(**changes: Any) -> np.ndarray:
    return record(ks.POLICY_DTYPE, POLICY, changes)


def instrument(**changes: Any) -> np.ndarray:
    return record(ks.INSTRUMENT_DTYPE, INSTRUMENT, changes)


def setup(minute: int, entry: float, stop: float, target: float = NONE, valid: int = 10, **changes: Any) -> np.ndarray:
    """A setup decided at `minute`, valid for that many one-minute bars; its direction is the side of its stop."""
    at = START + minute * MINUTE
    given = dict(ts=at, symbol=0, direction=1 if entry > stop else -1, entry=entry, stop=stop, target=target, valid_until=at + valid * MINUTE)
    return record(k.SETUP_DTYPE, SETUP, {**given, **changes})


def tape(bars: list[tuple[Any, ...]]) -> Tape:
    """Rows (minute, open, high, low, close[, volume[, symbol[, day[, flags]]]]) in the order of the time line."""
    rows = [(*row, NONE, 0, 20231114, 0)[:9] if len(row) == 5 else (*row, *(0, 20231114, 0)[len(row) - 6:])[:9] for row in bars]
    minute, open_, high, low, close, volume, symbol, day, flags = (np.array(column) for column in zip(*rows, strict=True))
    ts = START + minute.astype(np.int64) * MINUTE
    prices = (one.astype(np.float64) for one in (open_, high, low, close, volume))
    return Tape(ts, ts + MINUTE, symbol.astype(np.int16), *prices, day.astype(np.int32), flags.astype(np.int16))


def rows(moments: list[tuple[int, int, float]], changes: dict[tuple[int, int], dict[str, float]] | None = None,
         **everywhere: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decision rows (minute, symbol, close) with the context of `everywhere` and the `changes` of single (minute, symbol)."""
    context = np.full((len(moments), len(k.CONTEXT_COLUMNS)), np.nan)
    for row, (minute, symbol, close) in zip(context, moments, strict=True):
        for name, value in {**CONTEXT, **everywhere, **(changes or {}).get((minute, symbol), {}), "CLOSE": close}.items():
            row[k.CONTEXT_COLUMNS.index(name)] = value
    ts = np.array([START + minute * MINUTE for minute, _, _ in moments], np.int64)
    return ts, np.array([symbol for _, symbol, _ in moments], np.int64), context


def decision_rows(line: Tape, changes: dict[tuple[int, int], dict[str, float]] | None = None, **everywhere: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row at the end of every five minutes in which a symbol has a bar."""
    last: dict[tuple[int, int], float] = {}
    for ts, symbol, close in zip(line.ts.tolist(), line.symbol.tolist(), line.close.tolist(), strict=True):
        last[(ts - START) // MINUTE // 5 * 5 + 5, symbol] = close
    return rows([(minute, symbol, close) for (minute, symbol), close in sorted(last.items())], changes, **everywhere)


@dataclass(frozen=True)
class Stretch:
    """A piece of history as a broker takes it."""

    tape: Tape
    world: World
    until_ns: int


@dataclass
class Ran:
    """What a run left: events and trades as lists of dicts, and the state."""

    events: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    state: State

    def of(self, kind: int) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    @property
    def fills(self) -> list[tuple[int, str, str, float, float]]:
        """(minute, leg, kind, price, quantity)."""
        return [((e["ts"] - START) // MINUTE, c.LEGS[e["i"]], c.FILL_KINDS[e["j"]], e["a"], e["b"]) for e in self.of(c.E_FILL)]

    @property
    def refused(self) -> dict[int, str]:
        """Setup row -> reason, of everything that never became an order."""
        told = {e["setup"]: c.REASONS[e["code"]] for e in self.of(c.E_PASSED_OVER)}
        return told | {e["setup"]: c.REASONS[e["code"]] for e in self.of(c.E_DECISION) if e["plan"] < 0}

    @property
    def exits(self) -> list[str]:
        return [c.REASONS[trade["reason"]] for trade in self.trades]


def named(table: np.ndarray) -> list[dict[str, Any]]:
    return [dict(zip(table.dtype.names, row, strict=True)) for row in table.tolist()]


def world(line: Tape, setups: list[np.ndarray], found: tuple[np.ndarray, np.ndarray, np.ndarray], instruments: list[np.ndarray] | None = None,
          limits: np.ndarray | None = None, returns: np.ndarray | None = None) -> World:
    instruments = instruments or [instrument()]
    table = np.concatenate(setups) if setups else np.zeros(0, k.SETUP_DTYPE)
    table["evidence"] = np.arange(table.size)
    days = np.zeros((0, len(instruments))) if returns is None else returns
    return World(*found, table, days, np.concatenate(instruments), policy() if limits is None else limits)


def run(line: Tape, around: World, capital: float = 100_000.0, tactics: int = 1, until: int | None = None, state: State | None = None) -> Ran:
    """The whole tape through the engine; with `state`, on from there."""
    shape = Shape(int(around.instruments.size), tactics)
    state = fresh_state(shape, capital) if state is None else state
    end = max(int(line.ts_close[-1]), int(around.row_ts[-1]) if around.row_ts.size else 0) if until is None else until
    told = SimBroker(shape.slots).advance(state, Stretch(line, around, end))
    assert told.pause == c.DONE, told.pause
    return Ran(named(told.events), named(told.trades), state)


def one_trade(bars: list[tuple[Any, ...]], given: np.ndarray, limits: dict[str, Any] | None = None, instruments: dict[str, Any] | None = None,
              context: dict[str, float] | None = None, capital: float = 100_000.0, changes: dict[tuple[int, int], dict[str, float]] | None = None) -> Ran:
    """One setup decided at minute 0, at most one contract unless `limits` says otherwise.

    The market stands at the setup's entry before minute 0; `bars` come from minute 0 on.
    """
    at = float(given["entry"][0])
    line = tape([(-1, at, at, at, at), *bars])
    around = world(line, [given], decision_rows(line, changes, **(context or {})), [instrument(**(instruments or {}))],
                   policy(**{"max_quantity": 1, "ev_min": -9, **(limits or {})}))
    return run(line, around, capital)
