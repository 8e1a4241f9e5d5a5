"""What a judge is shown is what the engine saw at the decision: timeframes, states, other markets, positions, limits, data and headlines."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.decisions import Deliberation, Verdict
from pse.domain.headlines import Headlines
from pse.engine.briefing import asking_often
from pse.engine.desk import Mode, desk_plan
from pse.engine.loop import run
from pse.engine.portfolio import portfolio_of
from pse.engine.prepare import prepare
from pse.engine.shown import timeframes
from pse.engine.state import fresh_state
from pse.kernels import codes as c
from pse.kernels.contract import C_ATR, C_CLOSE, C_SWING_HIGH
from pse.risk.policy import CalendarEvent
from pse.settings import load_settings
from tests.engine.made import TO_THE_END, Shape, desk, made, state_of
from tests.engine.test_shares import SPLIT_AT, actions, prepared, split_bars
from tests.features.made import minutes

HOUR, MINUTE = 3_600_000_000_000, 60_000_000_000
WORDS = {"MCS": ("market_state", c.MARKET_STATES), "TCC_CLASS": ("conviction", c.TCC_CLASSES), "VOL_BUCKET": ("volatility", c.VOL_BUCKETS),
         "LIQUIDITY": ("liquidity", c.LIQUIDITY_STATES)}


@cache
def bars(seed, symbol="ES"):
    return replace(minutes(seed, 12, missing=0.03, roll_every=5), symbol=symbol)


def plan_of(symbols=("ES",), context=()):
    settings = load_settings(Path("no-such-home"), overrides=tuple(f"desks.futures-smc.context=[{one}]" for one in context))
    return asking_often(desk_plan(settings, symbols))


def asked(plan, own, judge=rules, beside=None):
    """(briefing, a copy of what the state held then) of every question of the last two thirds of the window."""
    start, end = int(own[0].ts_open[len(own[0]) // 3]), max(int(one.ts_close[-1]) for one in own)
    prepared = prepare(plan, own, Mode(end_ns=end, ask=True), start, end, context=beside or {})
    state, found = fresh_state(plan.shape, plan.capital), []

    def decide(briefing):
        found.append((briefing, portfolio_of(prepared, state, briefing.known_at)))
        return judge(briefing)

    for _ in run([prepared], decide, SimBroker(plan.shape.slots), state):
        pass
    assert found
    return found


@cache
def of_one():
    return asked(plan_of(), [bars(21)])


def naive_bar(own, now, minutes_long, on_the_scale_of_now=False):
    """(close, change in percent) of the last complete bar of so many minutes, from the minutes themselves; buckets end with the session."""
    calendar, length = own.sessions, minutes_long * MINUTE
    ends = np.minimum((own.ts_open // length + 1) * length, calendar.close_ns[own.session])
    whole = np.unique(ends[ends <= now])
    last = [int(np.flatnonzero(ends == end)[-1]) for end in whole[-2:]]
    moved = own.close[last[0]] + own.offset[last[1]] - own.offset[last[0]]
    rolled = own.offset[np.flatnonzero(own.ts_close <= now)[-1]] - own.offset[last[1]] if on_the_scale_of_now else 0.0
    return own.close[last[1]] + rolled, 100.0 * (own.close[last[1]] / moved - 1.0)


def test_each_timeframe_shows_its_last_complete_bar():
    for briefing, _ in of_one():
        shown = {one["timeframe"]: one for one in briefing.timeframes}
        assert list(shown) == ["5m", "1h", "1d"]
        for timeframe, length in (("5m", 5), ("1h", 60)):
            close, change = naive_bar(bars(21), briefing.known_at, length, on_the_scale_of_now=True)
            assert shown[timeframe]["close"] == close and shown[timeframe]["change_pct"] == pytest.approx(change, abs=1e-9)
        assert shown["5m"]["close"] == briefing.context["CLOSE"] and shown["5m"]["atr"] == briefing.context["ATR"]
        assert shown["5m"]["swing_high"] == briefing.context["SWING_HIGH"] and shown["1d"]["close"] == briefing.context["DAILY_CLOSE"]


def test_prices_of_a_share_are_those_of_its_day_before_and_after_a_split():
    found = prepared(split_bars(2.0), actions((SPLIT_AT, "SPLIT", 2.0)))
    for day in (SPLIT_AT - 1, SPLIT_AT, SPLIT_AT + 5):
        now = int(split_bars(2.0).ts_close[day])
        row = found.world.context[found.world.row_ts == now][0]
        shown = next(iter(timeframes(found.features[0], now)))
        assert [shown[name] for name in ("close", "atr", "swing_high")] == pytest.approx([row[C_CLOSE], row[C_ATR], row[C_SWING_HIGH]], nan_ok=True)
        assert abs(shown["change_pct"]) < 20.0                     # the split is no fall to a half


def test_words_are_those_of_the_codes_that_the_engine_saw():
    for briefing, _ in of_one():
        assert {name: briefing.regime[name] for name, _ in WORDS.values()} == {
            name: words[int(briefing.context[code])] for code, (name, words) in WORDS.items()}
        assert briefing.timeframes[0]["rsi_state"] == c.RSI_STATES[int(briefing.context["RSI_STATE"])]
        assert briefing.timeframes[0]["macd_state"] == c.MACD_STATES[int(briefing.context["MACD_STATE"])]


def test_states_are_shown_where_nothing_that_is_enforced_reads_them():
    """A desk without the market's state among its gates gives the engine no states; a judge sees the same as on a desk with it."""
    plan = plan_of()
    blind = replace(plan, risk=plan.risk.model_copy(update={"gates": plan.risk.gates.model_copy(update={"market_state": False}),
                                                            "breakers": plan.risk.breakers.model_copy(update={"data_score_min": 0.0})}))
    seen = {one.known_at: one.regime for one, _ in of_one()}
    both = [(one.regime, seen[one.known_at]) for one, _ in asked(blind, [bars(21)]) if one.known_at in seen]
    assert both and all(mine == theirs for mine, theirs in both)


def test_positions_and_exposure_are_those_of_the_account():
    """Held against `pse risk portfolio`, which lays the same state out for people."""
    held = 0
    for briefing, peer in asked(plan_of(("ES", "NQ")), [bars(21), bars(22, "NQ")]):
        if briefing.positions != () and len(peer.positions) == len(briefing.positions):
            for mine, theirs in zip(briefing.positions, peer.positions, strict=True):
                held += mine["held"] > 0
                assert (mine["symbol"], mine["direction"], mine["state"], mine["stop"], mine["held"]) == (
                    theirs.symbol, theirs.direction, theirs.state, theirs.stop, theirs.held)
                assert mine["risk_pct"] == pytest.approx(100 * theirs.risk_of_equity)
            assert briefing.exposure["open_risk_pct"] == pytest.approx(100 * peer.open_risk_usd / peer.equity_usd)
    assert held > 0


def test_the_day_and_the_drawdown_are_told_in_percent_and_the_daily_loss_as_a_share_of_its_limit():
    lost = 0
    for briefing, _ in of_one():
        money, shown = briefing.account, briefing.exposure
        assert shown["day_pnl_pct"] == pytest.approx(100.0 * (money["equity"] - money["day_start_equity"]) / money["day_start_equity"])
        assert shown["drawdown_pct"] == pytest.approx(100.0 * (money["high_water"] - money["equity"]) / money["high_water"])
        assert shown["daily_loss_used"] == pytest.approx(max(0.0, money["day_start_equity"] - money["equity"]) / money["day_start_equity"] / 0.03)
        lost += shown["daily_loss_used"] > 0.0
    assert lost > 0


def test_every_symbol_of_an_instant_is_shown_the_account_before_the_first_was_decided():
    shape = Shape(700, 260, ("ES", "NQ"), missing=0.0, rolls=False)
    prepared = made(3, shape, Mode(end_ns=TO_THE_END, ask=True), ev_min=-9.0, min_reward_r=0.3, max_losses=99, cooldown_entry_ns=0)
    shown, placed = {}, []

    def judge(briefing):
        shown.setdefault(briefing.known_at, []).append((briefing, int((state.plans["status"] == c.P_ARMED).sum())))
        return replace(rules(briefing), cost_usd=1.0)

    state = state_of(prepared)
    for _ in run([prepared], judge, SimBroker(prepared.plan.shape.slots), state):
        pass
    for (first, before), (second, after) in (pair for pair in shown.values() if len(pair) == 2):
        assert (first.account, first.positions, first.exposure) == (second.account, second.positions, second.exposure)
        placed.append(after - before)
    assert max(placed) == 1                              # the first was approved, and the second is shown nothing of it


def test_headlines_are_the_last_five_known_newest_first_and_clean():
    known = np.sort(np.random.default_rng(5).integers(int(bars(21).ts_open[0]), int(bars(21).ts_close[-1]), 400))
    titles = tuple(f"<b>News</b> {number}\u200b: hаck" for number in range(known.size))                      # the a is Cyrillic
    plan = replace(plan_of(), headlines={"ES": Headlines(known, known % 3 == 0, titles)})
    for briefing, _ in asked(plan, [bars(21)]):
        last = int(np.searchsorted(known, briefing.known_at, side="right"))
        assert [one["title"] for one in briefing.headlines] == [f"News {number}: hаck" for number in range(last - 1, last - 6, -1)]
        assert all(one["flags"] == ["hack"] and one["age_h"] >= 0.0 for one in briefing.headlines)
        assert briefing.headlines[0]["age_h"] == pytest.approx((briefing.known_at - known[last - 1]) / HOUR) == pytest.approx(briefing.news["last_age_h"])


def test_a_desk_without_headlines_shows_none():
    assert all(one.headlines == () and one.news == {} for one, _ in of_one())


def test_other_markets_are_shown_as_of_the_decision():
    beside = bars(23, "VIX")[:9_000]                      # ends before the window does
    for briefing, _ in asked(plan_of(("ES", "NQ"), ("VIX",)), [bars(21), bars(22, "NQ")], beside={"VIX": beside}):
        vix, other = briefing.others
        assert vix["symbol"] == "VIX" and other["symbol"] == ("NQ" if briefing.symbol == "ES" else "ES")
        own = bars(22, "NQ") if other["symbol"] == "NQ" else bars(21)
        for shown, there in ((other, own), (vix, beside)):
            close, change = naive_bar(there, briefing.known_at, 5)
            assert shown["close"] == close and shown["change_pct"] == pytest.approx(change, abs=1e-9)
            day = int(there.session[int(np.searchsorted(there.ts_close, briefing.known_at, side="right")) - 1])
            before = np.flatnonzero(there.session < day)[-1]
            now = np.flatnonzero(there.close == close)
            now = now[there.ts_close[now] <= briefing.known_at][-1]
            moved = there.close[before] + there.offset[now] - there.offset[before]
            assert shown["day_change_pct"] == pytest.approx(100.0 * (close / moved - 1.0), abs=1e-9)


def test_a_market_that_is_not_stored_says_so():
    assert asked(plan_of(context=("VIX",)), [bars(21)])[0][0].others == ({"symbol": "VIX", "null": "not stored"},)


def test_limits_and_data_are_those_of_the_desk():
    briefing, _ = of_one()[0]
    assert briefing.limits["max_risk_per_trade_pct"] == 1.0 and briefing.limits["stop_cap_points"] == 8.0 and briefing.limits["min_reward_r"] == 0.1
    assert briefing.data["session_left_min"] == briefing.context["SESSION_LEFT_NS"] / MINUTE and briefing.data["score"] == briefing.context["DATA_SCORE"]
    assert briefing.data["null"]["spread_ticks"] == "no quotes"
    assert briefing.market == {"symbol": "ES", "kind": "future", "tick": 0.25, "point_value": 50.0, "currency": "USD", "desk": "futures-smc",
                               "decision_timeframe": "5m"}


def test_the_next_event_within_a_day_is_shown_and_none_that_is_over():
    at = str(np.datetime64(of_one()[8][0].known_at + 3 * HOUR, "ns").astype("datetime64[m]")).replace("T", " ")
    event = CalendarEvent(at=at, name="Jobs <report>", impact="high", tz="UTC")
    found = [one for one, _ in asked(replace(plan_of(), events=(event,)), [bars(21)])]
    for briefing in found:
        left = event.at_ns - briefing.known_at
        assert briefing.data["next_event"] == ({"name": "Jobs", "impact": "high", "in_min": left / MINUTE} if 0 <= left <= 24 * HOUR else None)
    assert {briefing.data["next_event"] is None for briefing in found} == {True, False}


def test_a_candidate_shows_its_reward_range_and_what_its_tactic_made_of_this_grade():
    closed = 0
    for briefing, _ in of_one():
        for one in briefing.candidates:
            risk = abs(one.entry - one.stop)
            assert one.facts["reward_r"] == pytest.approx(abs(one.target - one.entry) / risk) and one.facts["risk_atr"] == pytest.approx(
                risk / briefing.context["ATR"])
            record = one.facts["record"]
            closed = max(closed, record["closed_trades"])
            assert ("hit_rate" in record) == (record["closed_trades"] > 0) and 0.0 <= record.get("hit_rate", 0.0) <= 1.0
    assert closed > 0


def test_a_made_up_desk_without_features_is_shown_its_row():
    shape = Shape(300, 60)
    prepared = made(1, shape, Mode(end_ns=TO_THE_END, ask=True))
    found = []

    def judge(briefing):
        found.append(briefing)
        return Deliberation((Verdict("HOLD"),) * len(briefing.candidates))

    for _ in run([prepared], judge, SimBroker(prepared.plan.shape.slots), state_of(prepared)):
        pass
    assert found and all(one.timeframes == () and one.regime["market_state"] in c.MARKET_STATES for one in found) and desk(("ES",)).symbols == ("ES",)
