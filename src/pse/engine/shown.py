"""What a judge is shown beside the candidates: timeframes, regime, other markets, positions, limits, data and headlines, as of the decision.

All of it is read off the run's own features and the engine's state; nothing is computed a second time.  How it becomes text is for `agents/rendering`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from pse.agents.cleaning import clean, flags
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS
from pse.domain.setups import DIRECTIONS
from pse.engine.desk import DeskPlan
from pse.engine.prepare import HOUR_NS, Prepared
from pse.engine.state import live_slots
from pse.features.build import Features
from pse.features.feature import Known, Market
from pse.features.resampled import why_not
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.book import State
from pse.kernels.portfolio import P_COLUMNS, P_PRICE, P_RISK, P_UNREALISED, WHOLE, portfolio
from pse.risk.policy import NO_LIMIT, RiskPolicy

MOST_HEADLINES, MOST_OTHERS, MOST_POSITIONS = 5, 12, 20
FAR_NS = DAY_NS                                  # events further away are not told
MANY_BARS = 20
UNKNOWN, NONE_YET, NOT_STORED = "too few bars yet, or a bar without a price", "none known yet", "not stored"
TRENDS = {1: "UP", -1: "DOWN", 0: "NONE"}


@dataclass(frozen=True)
class Start:
    """The account as every symbol of one instant is shown it: before the first of them was decided."""

    instant: int
    account: Mapping[str, float]
    positions: tuple[Mapping[str, Any], ...]
    exposure: Mapping[str, Any]


def start_of(state: State, step: Prepared) -> Start:
    """The account at the first open question of an instant."""
    account, plan = state.account[0], step.plan
    money = {name: float(account[name]) for name in ("balance", "equity", "day_start_equity", "high_water")}
    breakers = [name for name in c.BREAKERS if int(account[f"{name}_state"]) != c.B_CLOSED]
    made = _percent(money["equity"], money["day_start_equity"])
    exposure: dict[str, Any] = {
        "currency": plan.currency, "day_pnl_pct": made, "daily_loss_used": max(0.0, -made / 100.0) / plan.risk.limits.max_daily_loss,
        "drawdown_pct": -_percent(money["equity"], money["high_water"]), "losses_in_a_row_today": int(account["losses_today"]),
        "closed_trades": int(account["trades"]), "breakers_open": breakers, "open_risk_pct": 0.0, "gross_notional_x": 0.0, "positions": 0}
    positions: tuple[Mapping[str, Any], ...] = ()
    if slots := live_slots(state) if account["live"] else []:
        figures, whole = _figures(state, step, slots)
        equity = money["balance"] + float(np.nansum(figures[:, P_UNREALISED]))
        exposure |= {"positions": len(slots), "open_risk_pct": 100.0 * whole["open_risk"] / equity, "gross_notional_x": whole["gross"] / equity}
        positions = tuple(_positions(state, plan, slots, figures, equity))
    return Start(int(account["instant"]), money, positions, exposure)


def parts(state: State, step: Prepared, symbol: int) -> dict[str, Any]:
    """The fields of a `Briefing` that describe the market of a symbol at the open question."""
    now, row = int(state.account[0]["instant"]), step.world.context[int(state.symbols[symbol]["row"])]
    plan = step.plan
    found: dict[str, Any] = {"market": market(plan.instruments[symbol], plan), "limits": limits(plan.risk, plan.instruments[symbol]),
                             "data": data(row, plan, now), "news": {}, "headlines": (), "regime": regime(row)}
    if step.features:
        features = step.features[symbol]
        found |= {"timeframes": tuple(timeframes(features, now)), "others": tuple(others(step, symbol, now)), "regime": regime_seen(features, row, now)}
    if plan.symbols[symbol] in plan.headlines:
        found |= {"news": news(row), "headlines": tuple(headlines(plan, plan.symbols[symbol], now))}
    return found


def facts(state: State, step: Prepared, row: int) -> dict[str, Any]:
    """What is shown of a candidate beside its prices and scores: order, size, reward, and what its tactic's trades of this grade came to in this run."""
    one, symbol = step.world.setups[row], int(step.world.setups["symbol"][row])
    risk = abs(float(one["entry"]) - float(one["stop"]))
    reward = abs(float(one["target"]) - float(one["entry"]))
    atr = float(step.world.context[int(state.symbols[symbol]["row"]), k.C_ATR])
    tally = state.tallies[int(one["tactic"]), int(one["grade"])]
    record = {"closed_trades": int(tally["closed"]), "hit_rate": float(tally["wins"] / tally["trades"])} if tally["trades"] > 0.0 else {"closed_trades": 0}
    return {"size_r": float(one["size_multiple"]), "order": c.ORDER_TYPES[int(one["order_type"])],
            "reward_r": reward / risk if risk > 0.0 else None, "risk_atr": risk / atr if atr > 0.0 else None,
            "valid_min": max(0, int(one["valid_until"]) - int(one["ts"])) / MINUTE_NS, "record": record}


# --- the market ----------------------------------------------------------------------------------------------------------------------------------


def market(instrument: Instrument, plan: DeskPlan) -> dict[str, Any]:
    """What is traded."""
    return {"symbol": instrument.symbol, "kind": instrument.kind, "tick": instrument.tick, "point_value": instrument.point_value,
            "currency": instrument.currency, "desk": plan.name, "decision_timeframe": plan.decision_timeframe}


def timeframes(features: Features, now: int) -> Iterator[dict[str, Any]]:
    """The last closed bar of the decision bars, of the context's bars and of days, with its states."""
    spec, own = features.spec, features.known
    yield _own_bar(features, now)
    for timeframe in dict.fromkeys((spec.context_timeframe, "1d")):
        if timeframe_ns(timeframe) > timeframe_ns(own.timeframe) and why_not(timeframe, own.market.bars.timeframe) is None:
            yield _coarse_bar(own.at(timeframe), features, now)


def _own_bar(features: Features, now: int) -> dict[str, Any]:
    bars, columns = features.decision, features.columns
    at = _last(bars, now)
    if at < 0:
        return {"timeframe": bars.timeframe, "null": NONE_YET}
    found = {**_states(columns, columns, columns, at), "break_here": TRENDS[int(columns["break_dir"][at])], "shift_here": TRENDS[int(columns["mss_dir"][at])],
             "adx": float(columns["adx"][at]), "efficiency": float(columns["er"][at]), "relative_volume": float(columns["rvol"][at])}
    scale = Scale.of(bars, at)
    prices = _prices(bars, columns["atr"], columns, at, scale)
    if "vwap" in columns:
        prices["vwap"] = scale.price(float(columns["vwap"][at]), bars, at)
    return _with_reason({"timeframe": bars.timeframe, "closed": _ago(bars, at, now), **prices, **found}, UNKNOWN)


def _coarse_bar(known: Known, features: Features, now: int) -> dict[str, Any]:
    bars, spec = known.bars, features.spec
    at, own = _last(bars, now), _last(features.decision, now)
    if at < 0 or own < 0:
        return {"timeframe": bars.timeframe, "null": NONE_YET}
    swings = known.of(spec.structure)
    prices = _prices(bars, known.atr, swings, at, Scale.of(features.decision, own))
    return _with_reason({"timeframe": bars.timeframe, "closed": _ago(bars, at, now), **prices,
                         **_states(swings, known.of(spec.rsi), known.of(spec.macd), at)}, UNKNOWN)


@dataclass(frozen=True)
class Scale:
    """The prices of one bar's contract, and of its shares: those on which orders of that moment are placed."""

    offset: float
    factor: float

    @classmethod
    def of(cls, bars: Bars, at: int) -> Scale:
        return cls(float(bars.offset[at]), 1.0 if bars.factor is None else float(bars.factor[at]))

    def price(self, value: float, bars: Bars, at: int) -> float:
        """A price that stands on a bar's own scale, on this one."""
        return (value + self.offset - float(bars.offset[at])) / self.factor


def _states(structure: Mapping[str, np.ndarray], rsi: Mapping[str, np.ndarray], macd: Mapping[str, np.ndarray], at: int) -> dict[str, Any]:
    return {"trend": TRENDS[int(structure["trend"][at])], "rsi": float(rsi["rsi"][at]), "rsi_state": c.RSI_STATES[int(rsi["rsi_state"][at])],
            "macd_state": c.MACD_STATES[int(macd["macd_state"][at])]}


def _prices(bars: Bars, atr: np.ndarray, swings: Mapping[str, np.ndarray], at: int, scale: Scale) -> dict[str, Any]:
    """The close, what it did, the range and the last confirmed swings."""
    close, reach = float(bars.close[at]), float(atr[at])
    return {"close": scale.price(close, bars, at), "change_pct": _change(bars, at, 1), "change_20_pct": _change(bars, at, MANY_BARS),
            "atr": reach / scale.factor, "atr_pct": 100.0 * reach / close if close else None,
            **{name: scale.price(float(swings[name][at]), bars, at) for name in ("swing_high", "swing_low")}}


def _change(bars: Bars, at: int, back: int) -> float | None:
    """Percent by which the close left that of some bars before, the older one moved by the rolls between."""
    if at < back:
        return None
    now, moved = float(bars.close[at]), float(bars.offset[at] - bars.offset[at - back])
    older = float(bars.close[at - back]) + moved
    return 100.0 * (now / older - 1.0) if older else None


def _last(bars: Bars, now: int) -> int:
    """The last bar that had closed by then; -1 where there is none."""
    return int(np.searchsorted(bars.ts_close, now, side="right")) - 1


def _ago(bars: Bars, at: int, now: int) -> str:
    minutes = (now - int(bars.ts_close[at])) // MINUTE_NS
    return "now" if minutes == 0 else f"{minutes} min ago"


def regime(row: np.ndarray) -> dict[str, Any]:
    """The states of the market in the decision row."""
    def word(column: int, words: tuple[str, ...]) -> str:
        return words[int(row[column])] if isfinite(row[column]) else words[0]

    way = row[k.C_TCC_DIR]
    return {"market_state": word(k.C_MCS, c.MARKET_STATES), "conviction": word(k.C_TCC_CLASS, c.TCC_CLASSES),
            "conviction_direction": TRENDS[int(way) if isfinite(way) else 0], "conviction_score_long": float(row[k.C_TCC_SCORE_LONG]),
            "conviction_score_short": float(row[k.C_TCC_SCORE_SHORT]), "volatility": word(k.C_VOL_BUCKET, c.VOL_BUCKETS),
            "volatility_spike": bool(row[k.C_VOL_SPIKE] == 1.0), "liquidity": word(k.C_LIQUIDITY, c.LIQUIDITY_STATES)}


STATES = {k.C_TCC_CLASS: "tcc", k.C_TCC_DIR: "tcc_dir", k.C_TCC_SCORE_LONG: "tcc_score_long", k.C_TCC_SCORE_SHORT: "tcc_score_short", k.C_MCS: "mcs",
          k.C_VOL_BUCKET: "vol_bucket", k.C_LIQUIDITY: "liquidity", k.C_VOL_SPIKE: "vol_spike"}


def regime_seen(features: Features, row: np.ndarray, now: int) -> dict[str, Any]:
    """The same where the engine was not told of it, because nothing that it enforces reads it: from the columns that the row would have been made of."""
    at = _last(features.decision, now)
    if at < 0:
        return regime(row)
    seen = row.copy()
    for column, name in STATES.items():
        seen[column] = features.columns[name][at]
    return regime(seen)


# --- other markets -------------------------------------------------------------------------------------------------------------------------------


def others(step: Prepared, symbol: int, now: int) -> Iterator[dict[str, Any]]:
    """What the desk reads beside, then what else it trades: the last close, what it did, its state."""
    plan, told = step.plan, 0
    markets = step.features[symbol].known.market.others
    names = [*plan.context, *(one for at, one in enumerate(plan.symbols) if at != symbol)]
    for name in names[:MOST_OTHERS]:
        if name in plan.symbols:
            yield _traded(step.features[plan.symbols.index(name)], name, now)
        else:
            yield _read(markets.get(name), name, step.features[symbol], now)
        told += 1
    if len(names) > told:
        yield {"symbol": f"and {len(names) - told} more"}


def _traded(features: Features, name: str, now: int) -> dict[str, Any]:
    found, at = _bar_of(features.known, name, now), _last(features.decision, now)
    if at < 0:
        return found
    columns = features.columns
    return {**found, "trend": TRENDS[int(columns["trend"][at])], "market_state": c.MARKET_STATES[int(columns["mcs"][at])],
            "conviction": c.TCC_CLASSES[int(columns["tcc"][at])], "conviction_direction": TRENDS[int(columns["tcc_dir"][at])]}


def _read(there: Market | None, name: str, own: Features, now: int) -> dict[str, Any]:
    if there is None or not len(there.bars):
        return {"symbol": name, "null": NOT_STORED}
    timeframe = own.known.timeframe if why_not(own.known.timeframe, there.bars.timeframe) is None else there.bars.timeframe
    known = there.at(timeframe)
    found, at = _bar_of(known, name, now), _last(known.bars, now)
    return {**found, "trend": TRENDS[int(known.of(own.spec.structure)["trend"][at])],
            "rsi_state": c.RSI_STATES[int(known.of(own.spec.rsi)["rsi_state"][at])]} if at >= 0 else found


def _bar_of(known: Known, name: str, now: int) -> dict[str, Any]:
    bars = known.bars
    at = _last(bars, now)
    if at < 0:
        return {"symbol": name, "null": NONE_YET}
    days = known.at("1d").bars
    day = _last(days, int(bars.ts_close[at]))
    return {"symbol": name, "timeframe": bars.timeframe, "closed": _ago(bars, at, now), "close": Scale.of(bars, at).price(float(bars.close[at]), bars, at),
            "change_pct": _change(bars, at, 1), "change_20_pct": _change(bars, at, MANY_BARS), "day_change_pct": _since_day(bars, at, days, day)}


def _since_day(bars: Bars, at: int, days: Bars, day: int) -> float | None:
    """Percent since the close of the last completed trading day before the bar's own."""
    if day >= 0 and int(days.session[day]) == int(bars.session[at]):
        day -= 1
    if day < 0:
        return None
    older = float(days.close[day]) + float(bars.offset[at] - days.offset[day])
    return 100.0 * (float(bars.close[at]) / older - 1.0) if older else None


# --- account, limits, data, headlines ------------------------------------------------------------------------------------------------------------


def _figures(state: State, step: Prepared, slots: list[int]) -> tuple[np.ndarray, dict[str, float]]:
    """What the gates know of everything live, by slot and in the whole; the scratch that they write on is not the state's."""
    table, whole = np.empty((state.plans.size, P_COLUMNS)), np.empty(len(WHOLE))
    aside = state._replace(losses=state.losses.copy(), weighed=state.weighed.copy())
    portfolio(aside, step.world, np.int64(state.plans["symbol"][slots[0]]), table, whole)
    return table, dict(zip(WHOLE, whole.tolist(), strict=True))


def _positions(state: State, plan: DeskPlan, slots: list[int], figures: np.ndarray, equity: float) -> Iterator[dict[str, Any]]:
    """What is held or works, with its open result in multiples of what it risked."""
    for slot in slots[:MOST_POSITIONS]:
        one, price = state.plans[slot], float(figures[slot, P_PRICE])
        way, held, instrument = int(one["direction"]), float(one["held"]), plan.instruments[int(one["symbol"])]
        moved = way * (price - float(one["entry"])) / float(one["planned_risk"]) if held > 0.0 and one["planned_risk"] > 0.0 else 0.0
        yield {"symbol": instrument.symbol, "group": instrument.group, "tactic": list(plan.tactics)[int(one["tactic"])], "direction": DIRECTIONS[way],
               "state": c.PLAN_STATES[int(one["status"])], "held": held, "working": float(one["quantity"] - one["filled"]) if one["valid_until"] > 0 else 0.0,
               "entry": float(one["entry"] if held > 0.0 else one["limit"]), "price": price, "stop": float(one["stop_next"]),
               "target": float(one["target"]), "open_r": moved, "risk_pct": 100.0 * float(figures[slot, P_RISK]) / equity}
    if len(slots) > MOST_POSITIONS:
        yield {"symbol": f"and {len(slots) - MOST_POSITIONS} more"}


def limits(risk: RiskPolicy, instrument: Instrument) -> dict[str, Any]:
    """What of the profile a judge should know; code enforces it."""
    own, gates = risk.limits, risk.gates
    found = {"max_risk_per_trade_pct": 100.0 * own.max_risk_per_trade, "max_concurrent_risk_pct": 100.0 * own.max_concurrent_risk,
             "max_daily_loss_pct": 100.0 * own.max_daily_loss, "one_r_pct": 100.0 * own.r_unit, "min_reward_r": gates.min_reward_r,
             "min_confidence": gates.min_confidence, "allow_short": own.allow_short, "stop_cap_points": instrument.stop_cap_points}
    if own.max_gross_notional < NO_LIMIT:
        found["max_gross_notional_x"] = own.max_gross_notional
    return {name: value for name, value in found.items() if value is not None}


def data(row: np.ndarray, plan: DeskPlan, now: int) -> dict[str, Any]:
    """How whole and fresh the data are, and how the day stands."""
    left, spread = float(row[k.C_SESSION_LEFT_NS]), float(row[k.C_SPREAD_TICKS])
    found: dict[str, Any] = {
        "ready": bool(row[k.C_READY] == 1.0), "score": float(row[k.C_DATA_SCORE]), "last_bar_age_s": float(row[k.C_LAST_BAR_AGE_NS]) / 1e9,
        "spread_ticks": spread if isfinite(spread) else None, "session_left_min": left / MINUTE_NS if left < float(k.NEVER) else None,
        "blackout": bool(row[k.C_BLACKOUT] == 1.0), "completed_days": int(row[k.C_DAILY_ROW]), "next_event": None}
    reasons = {"spread_ticks": "no quotes", "session_left_min": "the session has no end", "next_event": "none within a day"}
    event = next((one for one in plan.events if now <= one.at_ns <= now + FAR_NS), None)
    if event is not None:
        found["next_event"] = {"name": clean(event.name), "impact": event.impact, "in_min": (event.at_ns - now) / MINUTE_NS}
    return {**found, "null": {name: why for name, why in reasons.items() if found[name] is None}}


def news(row: np.ndarray) -> dict[str, Any]:
    """Age of the last headline, and whether one with a red flag is in force."""
    age = float(row[k.C_NEWS_AGE_NS])
    found: dict[str, Any] = {"last_age_h": age / HOUR_NS if isfinite(age) else None, "red_flag_in_force": bool(row[k.C_NEWS_FLAG] == 1.0)}
    return found if isfinite(age) else {**found, "null": {"last_age_h": NONE_YET}}


def headlines(plan: DeskPlan, symbol: str, now: int) -> Iterator[dict[str, Any]]:
    """The last headlines known, newest first: their age, their flags and, as data, their titles."""
    found = plan.headlines[symbol]
    for at in found.last(now, MOST_HEADLINES):
        title = clean(found.titles[at])
        yield {"age_h": (now - int(found.known_at[at])) / HOUR_NS, "flagged": bool(found.flagged[at]), "flags": list(flags(title)), "title": title}


def _percent(value: float, base: float) -> float:
    return 100.0 * (value / base - 1.0) if base > 0.0 else 0.0


def _with_reason(found: dict[str, Any], why: str) -> dict[str, Any]:
    """With a word on what is unknown."""
    missing = [name for name, value in found.items() if value is None or (isinstance(value, float) and not isfinite(value))]
    return {**found, "null": dict.fromkeys(missing, why)} if missing else found
