"""What may be turned to see a gate pass: one lever a way out, each a number of the records that the engine reads.

No gate's arithmetic stands here.  A lever sets a value, the engine lives the instant again, and its own gate answers; `border` looks for the least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pse.engine.moments import Instant, Trial, unchanged
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.gates import expected_value_gate


@dataclass(frozen=True)
class Lever:
    """A number that could have been another: what it was, how far it may go, in which steps.

    `setting`: the limit's name, where it is one.  `show`: the number as a reader takes it, where it is set in another way.
    """

    what: str
    unit: str
    now: float
    far: float
    put: Callable[[Trial, float], None]
    step: float = 0.0
    setting: str = ""
    show: Callable[[float], float] = float


@dataclass(frozen=True)
class Switch:
    """Something that is so or not."""

    what: str
    put: Callable[[Trial], None]
    setting: str = ""


@dataclass(frozen=True)
class Held:
    """A live plan: its slot, what it is called, money of the account a point and unit."""

    slot: int
    name: str
    value: float


@dataclass(frozen=True)
class Case:
    """The setup that was refused, as the engine saw it: names and values of the records.

    `side` +1 or -1, `micro` of the contract, `stage` of the round; `positions`: what else was live.
    """

    instant: Instant
    setup: dict[str, Any]
    context: dict[str, float]
    policy: dict[str, Any]
    instrument: dict[str, Any]
    side: int
    micro: int
    stage: int
    price_now: float
    positions: Sequence[Held]

    @property
    def risk(self) -> float:
        return abs(self.setup["entry"] - self.setup["stop"])

    def measured(self, gate: np.int64, change: Callable[[Trial], None] = unchanged) -> float:
        """What a gate of this round measures after a change; NaN where it is not asked."""
        events = self.instant.lived(change)
        mine = events[(events["kind"] == c.E_GATES) & (events["j"] == gate) & (events["i"] == self.stage) & (events["c"] == self.micro)]
        return float(mine["a"][-1]) if mine.size else float("nan")


def levers(code: str, case: Case) -> Iterator[Lever | Switch]:
    """The ways out of a refusal, the setup's own first, then the world's, then the limit's."""
    if code in _OWN:
        yield from _OWN[code](case)
    if code in OF_OTHERS:
        for held in case.positions:
            yield Switch(f"without {held.name}", partial(without, held=held))
    for setting, field, unit, scale, far in LIMITS.get(code, ()):
        now = float(case.policy[field]) / scale
        if np.isfinite(now):
            whole = isinstance(case.policy[field], int) and scale == 1.0
            yield Lever("the limit", unit, now, far, _of("policy", field, scale), 1.0 if whole else 0.0, setting)


def without(trial: Trial, held: Held) -> None:
    """Takes a plan away, as if it had been closed at its symbol's last price."""
    plan, state = trial.state.plans[held.slot], trial.state
    if plan["held"] > 0.0:
        gain = plan["direction"] * (state.symbols["last_close"][int(plan["symbol"])] - plan["entry"]) * plan["held"] * held.value
        state.account["balance"] += gain
    plan["status"], plan["held"], plan["quantity"], plan["filled"] = c.P_CLOSED, 0.0, 0.0, 0.0


# --- how a value is set ---------------------------------------------------------------------------------------------------------------------------


def _of(record: str, field: str, scale: float = 1.0) -> Callable[[Trial, float], None]:
    def put(trial: Trial, value: float) -> None:
        getattr(trial, record)[field] = value * scale
    return put


def _column(column: int, scale: float = 1.0) -> Callable[[Trial, float], None]:
    def put(trial: Trial, value: float) -> None:
        trial.context[column] = value * scale
    return put


def _stop(case: Case) -> Callable[[Trial, float], None]:
    def put(trial: Trial, distance: float) -> None:
        trial.setup["stop"] = case.setup["entry"] - case.side * distance
    return put


def _target(case: Case) -> Callable[[Trial, float], None]:
    def put(trial: Trial, distance: float) -> None:
        trial.setup["target"] = case.setup["entry"] + case.side * distance
    return put


def _into_context(trial: Trial, column: int, value: float) -> None:
    trial.context[column] = value


def _money(trial: Trial, value: float) -> None:
    """More money on the account, from before the day began."""
    for name in ("balance", "equity", "day_start_equity", "high_water"):
        trial.state.account[name] += value


def _gain(trial: Trial, value: float) -> None:
    """A better result of the day by so much."""
    for name in ("balance", "equity"):
        trial.state.account[name] += value


def _costs(case: Case) -> Callable[[Trial, float], None]:
    """Fees and slippage at a share of what they are."""
    names = [name for name in case.instrument if name.startswith(("fee_", "micro_fee", "slip"))]

    def put(trial: Trial, percent: float) -> None:
        for name in names:
            trial.instrument[name] = case.instrument[name] * percent / 100.0
    return put


def _wins(case: Case) -> Callable[[Trial, float], None]:
    def put(trial: Trial, wins: float) -> None:
        trial.state.tallies["wins"][case.setup["tactic"], case.setup["grade"]] = wins
    return put


def _rested(case: Case) -> Callable[[Trial, float], None]:
    """The last entry and stop-out so many minutes earlier."""
    def put(trial: Trial, minutes: float) -> None:
        record = trial.state.symbols[case.instant.symbol]
        for name in ("entry_ts", "stop_ts"):
            record[name] -= np.int64(minutes * 60e9)
    return put


def _closes(case: Case) -> Callable[[Trial, float], None]:
    def put(trial: Trial, closes: float) -> None:
        record = trial.state.symbols[case.instant.symbol]
        for name in ("entry_closes", "stop_closes"):
            record[name] -= int(closes)
    return put


def _losses(trial: Trial, losses: float) -> None:
    trial.state.account["losses_today"] = int(losses)


def _open(trial: Trial, price: float) -> None:
    trial.tape.open[trial.bar] = price


# --- by code --------------------------------------------------------------------------------------------------------------------------------------


def _nearer(case: Case) -> Iterator[Lever | Switch]:
    tick = case.instrument["tick"]
    yield Lever("the stop's distance from the entry", "points", case.risk, tick, _stop(case), tick)


def _farther(case: Case) -> Iterator[Lever | Switch]:
    tick = case.instrument["tick"]
    atr = case.context["ATR"] if case.context["ATR"] > 0.0 else 100.0 * tick
    yield Lever("the stop's distance from the entry", "points", case.risk, case.risk + 20.0 * atr, _stop(case), tick)


def _right_side(case: Case) -> Iterator[Lever | Switch]:
    tick = case.instrument["tick"]
    signed = case.side * (case.setup["entry"] - case.setup["stop"])
    yield Lever("the stop's distance from the entry on the losing side", "points", signed, 20.0 * max(case.context["ATR"], tick), _stop(case), tick)


def _price(case: Case) -> Iterator[Lever | Switch]:
    """The price of now nearer to the entry, and past it on the better side."""
    tick, entry = case.instrument["tick"], case.setup["entry"]
    put = _open if case.instant.bar >= 0 else _column(k.C_CLOSE)
    what = "the open of the first bar" if case.instant.bar >= 0 else "the close of the decision bar"
    yield Lever(what, "points", case.price_now, entry, put, tick)


def _reward(case: Case) -> Iterator[Lever | Switch]:
    tick, target = case.instrument["tick"], case.setup["target"]
    if target == target:
        distance = case.side * (target - case.setup["entry"])
        yield Lever("the target's distance from the entry", "points", distance, distance + 20.0 * case.risk, _target(case), tick)
        yield Lever("the stop's distance from the entry", "points", case.risk, tick, _stop(case), tick)
    yield from _price(case)


def _expected(case: Case) -> Iterator[Lever | Switch]:
    cost = case.measured(c.G_EXPECTED_VALUE, lambda trial: _costs(case)(trial, 0.0)) - case.measured(c.G_EXPECTED_VALUE)
    if cost > 0.0:
        yield Lever("fees and slippage", "R", 100.0, 0.0, _costs(case), 0.1, show=lambda percent: cost * percent / 100.0)
    tally = case.instant.before.tallies[case.setup["tactic"], case.setup["grade"]]
    wins, trades, win_r = (float(tally[name]) for name in ("wins", "trades", "win_r"))
    target = case.setup["target"]
    distance = case.side * (target - case.setup["entry"])
    reward = distance / case.risk if case.risk > 0.0 else float("nan")

    def hit_rate(won: float) -> float:
        return float(expected_value_gate(won, trades, win_r, reward, 0.0, 0.0, 0.0, case.policy["ev_prior_r"], case.policy["ev_prior_n"], 0.0)[4])

    if trades > 0.0:
        yield Lever(f"the hit rate that is believed, of {trades:.1f} trades of this tactic and grade that still count and the prior", "ratio", wins, trades,
                    _wins(case), 0.01, show=hit_rate)
    if target == target:
        yield Lever("the target's distance from the entry", "points", distance, distance + 20.0 * case.risk, _target(case), case.instrument["tick"])
    yield from _farther(case)


def _bet(case: Case) -> Iterator[Lever | Switch]:
    yield from (one for one in _expected(case) if not isinstance(one, Lever) or one.what != "fees and slippage")


def _shortable(case: Case) -> Iterator[Lever | Switch]:
    if "shortable" in case.instrument:
        yield Switch("an instrument that can be borrowed", lambda trial: trial.instrument.__setitem__("shortable", 1), "instruments.*.shortable")


def _on_grid(case: Case) -> Iterator[Lever | Switch]:
    tick = case.instrument["tick"]

    def put(trial: Trial) -> None:
        for name in ("entry", "stop", "target", "target2"):
            trial.setup[name] = np.rint(case.setup[name] / tick) * tick
    yield Switch(f"every price on the nearest step of {tick:g}", put)


def _time(case: Case) -> Iterator[Lever | Switch]:
    yield Lever("minutes that were left of the session", "min", case.context["SESSION_LEFT_NS"] / 60e9, 600.0, _column(k.C_SESSION_LEFT_NS, 60e9), 1.0)


def _states(column: int, words: Sequence[str]) -> Callable[[Case], Iterator[Lever | Switch]]:
    def found(case: Case) -> Iterator[Lever | Switch]:
        for code, word in enumerate(words):
            if code and code != case.context[k.CONTEXT_COLUMNS[column]]:
                yield Switch(word, partial(_into_context, column=column, value=float(code)))
    return found


def _set(record: str, field: str, value: float, what: str, setting: str = "") -> Callable[[Case], Iterator[Lever | Switch]]:
    def found(case: Case) -> Iterator[Lever | Switch]:
        yield Switch(what, lambda trial: getattr(trial, record).__setitem__(field, value), setting)
    return found


def _account(field: str, value: Any, what: str) -> Callable[[Case], Iterator[Lever | Switch]]:
    def found(case: Case) -> Iterator[Lever | Switch]:
        yield Switch(what, lambda trial: trial.state.account.__setitem__(field, value))
    return found


def _in_context(column: int, value: float, what: str) -> Callable[[Case], Iterator[Lever | Switch]]:
    def found(case: Case) -> Iterator[Lever | Switch]:
        def put(trial: Trial) -> None:
            trial.context[column] = value
            if trial.bar >= 0 and column == k.C_BLACKOUT:
                trial.tape.flags[trial.bar] &= ~2
        yield Switch(what, put)
    return found


def _capital(case: Case) -> Iterator[Lever | Switch]:
    equity = float(case.instant.before.account["equity"][0])
    yield Lever("the equity of the account", "money", 0.0, 1000.0 * equity, _money, 100.0, show=lambda more: equity + more)


def _size(case: Case) -> Iterator[Lever | Switch]:
    yield from _nearer(case)
    yield from _capital(case)


def _ready(case: Case) -> Iterator[Lever | Switch]:
    def put(trial: Trial) -> None:
        trial.context[k.C_READY] = 1.0
        if not trial.context[k.C_RATE] > 0.0:
            trial.context[k.C_RATE] = 1.0
    yield Switch("what the decision needs being known (past its warm-up, without a hole, its rate too)", put)


def _age(case: Case) -> Iterator[Lever | Switch]:
    yield Lever("age of the last bar", "s", case.context["LAST_BAR_AGE_NS"] / 1e9, 0.0, _column(k.C_LAST_BAR_AGE_NS, 1e9), 1.0)


def _spread(case: Case) -> Iterator[Lever | Switch]:
    yield Lever("the spread", "ticks", case.context["SPREAD_TICKS"], 0.01, _column(k.C_SPREAD_TICKS), 0.01)


def _confidence(case: Case) -> Iterator[Lever | Switch]:
    yield Lever("the setup's confidence", "", case.setup["confidence"], 1.0, _of("setup", "confidence"), 0.001)


def _rest(case: Case) -> Iterator[Lever | Switch]:
    if case.policy["cooldown_entry_closes"] > 0 or case.policy["cooldown_stop_closes"] > 0:
        yield Lever("more closes since the last entry or stop", "closes", 0.0, 1_000.0, _closes(case), 1.0)
    else:
        yield Lever("more minutes since the last entry or stop", "min", 0.0, 100_000.0, _rested(case), 1.0)


def _fewer_losses(case: Case) -> Iterator[Lever | Switch]:
    yield Lever("losses in a row today", "losses", float(case.instant.before.account["losses_today"][0]), 0.0, _losses, 1.0)


def _better_day(case: Case) -> Iterator[Lever | Switch]:
    yield Lever("a better result of the day", "money", 0.0, 2.0 * float(case.instant.before.account["equity"][0]), _gain, 1.0)


def _smaller(case: Case) -> Iterator[Lever | Switch]:
    lot = case.instrument["micro_lot"] if case.micro else case.instrument["lot"]
    most = float(case.policy["max_quantity"])
    yield Lever("the quantity", "contracts or shares", max(most, lot), lot, _of("policy", "max_quantity"), lot, "limits.max_quantity")


def _small_or_better(case: Case) -> Iterator[Lever | Switch]:
    yield from _smaller(case)
    yield from _better_day(case)


def _news(case: Case) -> Iterator[Lever | Switch]:
    def put(trial: Trial) -> None:
        trial.context[k.C_NEWS_FLAG], trial.context[k.C_NEWS_AGE_NS] = 0.0, 0.0
    yield Switch("a headline of that moment without a red flag", put)


def _not_waiting(case: Case) -> Iterator[Lever | Switch]:
    yield Switch("the signal having ended once since the stop-out, or the wait being over",
                 lambda trial: trial.state.symbols[case.instant.symbol].__setitem__("waits", 0))


OF_OTHERS = {"BUSY", "BREAKER_HALF_OPEN", "CONCURRENT_RISK", "EXPOSURE", "GROUP", "CORRELATED", "VAR", "ES", "DAILY_LOSS_PROJECTED", "CASH", "MARGIN"}
_OWN: dict[str, Callable[[Case], Iterator[Lever | Switch]]] = {
    "BREAKER_LLM": _account("llm_state", c.B_CLOSED, "the breaker of the models closed: a probe answered well twice, after its time-out"),
    "BREAKER_DATA": _account("data_state", c.B_CLOSED, "the breaker of the data closed: scores at or over the least on several decision bars in a row"),
    "BREAKER_EQUITY": _account("equity_state", c.B_CLOSED, "the breaker of the equity closed: acknowledged by a person, then recovered"),
    "BREAKER_HALF_OPEN": _account("equity_state", c.B_CLOSED, "the breaker closed again: the drawdown under its recovery mark"),
    "NOT_READY": _ready, "STALE_DATA": _age, "MCS": _states(k.C_MCS, c.MARKET_STATES), "SESSION_END": _time,
    "SHORT_NOT_ALLOWED": _set("policy", "allow_short", 1, "short entries allowed", "limits.allow_short"),
    "NOT_TRADABLE": _set("instrument", "tradable", 1, "the instrument tradable", "instruments.*.tradable"),
    "NEWS_BLACKOUT": _in_context(k.C_BLACKOUT, 0.0, "a time outside the blackout"), "NEWS": _news,
    "SPREAD": _spread, "RSI": _states(k.C_RSI_STATE, c.RSI_STATES), "MACD": _states(k.C_MACD_STATE, c.MACD_STATES),
    "OFF_TICK": _on_grid, "MIN_CONFIDENCE": _confidence, "NEG_EXPECTANCY": _confidence, "KELLY": _bet, "NOT_SHORTABLE": _shortable, "MARGIN": _capital,
    "CORRELATED": _nearer, "STOP_WRONG_SIDE": _right_side, "SL_CAP": _nearer, "MIN_RISK": _farther, "RR": _reward, "SLIPPAGE": _price,
    "THROUGH_STOP": _price, "EV": _expected, "COOLDOWN": _rest, "WAITING": _not_waiting, "LOSS_STREAK": _fewer_losses,
    "DAILY_LOSS": _better_day, "DAILY_LOSS_PROJECTED": _small_or_better, "SIZE_ZERO": _size,
    "ZERO_ATR": _in_context(k.C_ATR, 1.0, "a range of the bars that is known and more than nothing"), "CASH": _capital,
    "CONCURRENT_RISK": _size, "EXPOSURE": _capital, "VAR": _size, "ES": _size, "INSUFFICIENT": _capital,
}

# code -> (setting of the profile, field of the policy, unit, its scale, how far it may go)
LIMITS: dict[str, tuple[tuple[str, str, str, float, float], ...]] = {
    "STALE_DATA": (("gates.max_age_bars and max_age_extra_s", "max_age_ns", "s", 1e9, 1e9),),
    "SESSION_END": (("gates.session_left_min", "session_left_ns", "min", 60e9, 0.0),),
    "SPREAD": (("gates.spread_tolerance_ticks", "spread_tolerance", "ticks", 1.0, 1e4),),
    "MIN_CONFIDENCE": (("gates.min_confidence", "min_confidence", "", 1.0, 0.0),),
    "RR": (("gates.min_reward_r", "min_reward_r", "R", 1.0, 0.0),),
    "SLIPPAGE": (("gates.max_slippage_r", "max_slippage_r", "R", 1.0, 1e4),),
    "EV": (("gates.ev_min_r", "ev_min", "R", 1.0, -100.0),),
    "COOLDOWN": (("gates.cooldown_stop_bars", "cooldown_stop_ns", "min", 60e9, 0.0), ("gates.cooldown_entry_bars", "cooldown_entry_ns", "min", 60e9, 0.0),
                 ("gates.cooldown_stop_bars", "cooldown_stop_closes", "closes", 1.0, 0.0),
                 ("gates.cooldown_entry_bars", "cooldown_entry_closes", "closes", 1.0, 0.0)),
    "LOSS_STREAK": (("gates.max_consecutive_losses", "max_losses", "losses", 1.0, 1e6),),
    "DAILY_LOSS": (("limits.max_daily_loss", "max_daily_loss", "of equity", 1.0, 1.0),),
    "DAILY_LOSS_PROJECTED": (("limits.max_daily_loss", "max_daily_loss", "of equity", 1.0, 1.0),),
    "SIZE_ZERO": (("limits.r_unit", "r_unit", "of equity", 1.0, 1.0), ("limits.max_risk_per_trade", "max_risk", "of equity", 1.0, 1.0)),
    "MAX_QUANTITY": (("limits.max_quantity", "max_quantity", "contracts or shares", 1.0, 1e9),),
    "CONCURRENT_RISK": (("limits.max_concurrent_risk", "max_concurrent", "of equity", 1.0, 100.0),),
    "EXPOSURE": (("limits.max_gross_notional", "max_gross", "times equity", 1.0, 1e6), ("limits.max_symbol_notional", "max_symbol", "times equity", 1.0, 1e6),
                 ("limits.max_group_notional", "max_group_notional", "times equity", 1.0, 1e6)),
    "GROUP": (("limits.max_group_positions", "max_group", "positions", 1.0, 1e6),),
    "CORRELATED": (("limits.max_correlated_risk x max_risk_per_trade", "max_correlated", "of equity", 1.0, 100.0),),
    "CLOCK": (("gates.max_clock_skew_s", "max_skew_ns", "s", 1e9, 1e6),),
    "LATENCY": (("gates.max_latency_ms", "max_latency_ns", "ms", 1e6, 1e9),),
    "VAR": (("tail.var95", "var95", "of equity", 1.0, 100.0),),
    "ES": (("tail.es975", "es975", "of equity", 1.0, 100.0),),
    "INSUFFICIENT": (("tail.min_days", "tail_min_days", "days", 1.0, 0.0),),
}
