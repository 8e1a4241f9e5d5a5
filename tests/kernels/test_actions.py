"""Splits and dividends in the engine, by hand: what is held, what works, the cash, and equity that neither gains nor loses by them."""

# ruff: noqa: C408 (tables of names and figures read better as keywords)
from __future__ import annotations

import numpy as np
import pytest

from pse.brokers.sim import SimBroker
from pse.engine.state import Shape, fresh_state
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.book import Log
from pse.kernels.engine import advance
from pse.kernels.state import A_DIVIDEND, A_SPLIT, ACTION_DTYPE, EVENT_DTYPE, INPUT_DTYPE, PLAN_DTYPE, TRADE_DTYPE
from tests.kernels.worlds import MINUTE, NONE, START, Stretch, decision_rows, instrument, policy, run, setup, tape, world

SHARE = dict(tick=0.01, lot=1, point_value=1, fee_unit=0, slippage_ticks=0, stop_cap=1000, has_micro=0)
DAY1, DAY2 = 20231114, 20231115


def actions(*rows: tuple[int, int, float], symbol: int = 0) -> np.ndarray:
    """(minute, kind, amount) of one symbol."""
    return np.array([(START + minute * MINUTE, symbol, kind, amount) for minute, kind, amount in rows], ACTION_DTYPE)


def limits(**changes: object) -> np.ndarray:
    return policy(**{**dict(shares=1, max_risk=0.02, r_unit=0.02, max_symbol=1.0, max_quantity=500, through_ticks=0, volume_share=1.0, flat_session=0,
                            partial=0, breakeven_r=1e9, trail_swing=0, stale_bars=10_000, ev_min=-10, min_reward_r=0.1, max_slippage_r=10, var95=10, es975=10,
                            max_daily_loss=1.0, max_concurrent=1.0, session_left_ns=0), **changes})  # type: ignore[arg-type]


def line(after: list[tuple[float, ...]], first: float = 100.0):
    """Ten quiet minutes at `first`, of which the sixth fills a market order, then the minutes of the next day from minute 20 on."""
    quiet = [(minute, first, first, first, first, NONE, 0, DAY1, 0) for minute in range(10)]
    return tape([*quiet, *((20 + at, *bar, NONE, 0, DAY2, 0) for at, bar in enumerate(after))])


def long_of(stop: float = 98.0, target: float = NONE, **changes: object) -> np.ndarray:
    return setup(5, 100.0, stop, target, valid=600, order_type=k.MARKET, confidence=1.0, invalid_flags=0, **changes)


def ran(bars: list[tuple[float, ...]], entry: np.ndarray, events: np.ndarray, **changes: object):
    found = line(bars)
    around = world(found, [entry], decision_rows(found), [instrument(**{**SHARE, **changes.pop("instrument", {})})], limits(**changes))
    return run(found, around._replace(actions=events))


def equity(done) -> float:
    account, plan = done.state.account[0], done.state.plans[0]
    held = plan["direction"] * (done.state.symbols[0]["last_close"] - plan["entry"]) * plan["held"] if plan["held"] > 0 else 0.0
    return float(account["balance"] + held)


def test_a_split_of_two_for_one_doubles_what_is_held_and_halves_every_price():
    plan = ran([(50, 50, 50, 50)], long_of(target=104.0), actions((20, A_SPLIT, 2.0))).state.plans[0]
    # 500 shares at 100 with 2 points to the stop
    assert (plan["held"], plan["entry"], plan["stop"], plan["stop_next"], plan["target"]) == (1000, 50, 49, 49, 52)
    assert (plan["risk_points"], plan["risk_usd"], plan["limit"], plan["quantity"], plan["filled"]) == (1, 1000, 50, 1000, 1000)


IN_POINTS = {"limit", "limit_price", "entry", "stop", "stop_next", "stop_first", "target", "target2", "planned_risk", "risk_points", "buffer", "favourable",
             "adverse", "invalid_price", "best", "spread", "atr", "carried"}
IN_UNITS = {"quantity", "filled", "held", "exited", "reduce", "target_left"}
IN_NEITHER = {"reward_r", "risk_usd", "gross", "fees", "slippage", "exit_value", "quality", "rate", "splits", "dividends"}


def test_every_number_of_a_plan_is_known_to_a_split():
    """A new field is one of three: points, units, or neither; `split_orders` turns the first two."""
    numbers = {name for name in PLAN_DTYPE.names if PLAN_DTYPE[name].kind == "f"}
    assert numbers == IN_POINTS | IN_UNITS | IN_NEITHER


def test_a_split_turns_every_number_of_a_plan_once():
    """A position with every field in points at 48 and in units at 100, split 2:1: 24 and 200; the rest as it was."""
    found = line([(24, 24, 24, 24)])
    around = world(found, [long_of()], decision_rows(found), [instrument(**SHARE)], limits(match=c.EXTERNAL))._replace(actions=actions((20, A_SPLIT, 2.0)))
    state, broker = fresh_state(Shape(1, 1), 100_000.0), SimBroker(1)
    broker.advance(state, Stretch(found, around, START + 10 * MINUTE))
    plan = state.plans[0]
    for name in IN_POINTS:
        plan[name] = 48.0
    for name in IN_UNITS:
        plan[name] = 100.0
    plan["status"], plan["valid_until"], plan["reduce"] = c.P_OPEN, 0, 100.0
    broker.advance(state, Stretch(found, around, START + 21 * MINUTE))
    assert {name: plan[name] for name in IN_POINTS} == dict.fromkeys(IN_POINTS, 24.0)
    assert {name: plan[name] for name in IN_UNITS} == dict.fromkeys(IN_UNITS, 200.0)


def test_equity_is_the_same_before_and_after_a_split():
    before = ran([(100, 100, 100, 100)], long_of(), actions())
    for ratio in (2.0, 1.5, 7.0, 0.1, 1 / 3):
        price = 100.0 / ratio
        after = ran([(price, price, price, price)], long_of(stop=98.0), actions((20, A_SPLIT, ratio)))
        assert equity(after) == pytest.approx(equity(before), abs=1e-9)


def test_three_for_two_pays_the_fraction_at_the_last_price():
    done = ran([(66, 66, 66, 66)], long_of(), actions((20, A_SPLIT, 1.5)), max_quantity=333)
    plan, fill = done.state.plans[0], done.of(c.E_FILL)[-1]
    # 333 shares become 499.5; half a share is worth 100 / 1.5 / 2
    assert plan["held"] == 499 and plan["exited"] == 0.5
    assert (fill["a"], fill["b"], fill["c"], c.REASONS[fill["code"]]) == (pytest.approx(200 / 3), 0.5, 0.0, "SPLIT")
    assert plan["gross"] == pytest.approx(0.0, abs=1e-9)


def test_a_reverse_split_of_one_for_ten_leaves_a_tenth_and_pays_the_rest():
    done = ran([(1000, 1000, 1000, 1000)], long_of(stop=97.77), actions((20, A_SPLIT, 0.1)), max_quantity=105)
    plan = done.state.plans[0]
    assert (plan["held"], plan["entry"], plan["stop"]) == (10, 1000, pytest.approx(977.7))
    assert done.trades == [] and plan["exits"] == 1


def test_a_position_smaller_than_a_new_share_is_paid_out_whole():
    done = ran([(1000, 1000, 1000, 1000)], long_of(), actions((20, A_SPLIT, 0.1)), max_quantity=7)
    assert done.exits == ["SPLIT"] and done.trades[0]["net"] == pytest.approx(0.0, abs=1e-9)
    assert done.state.plans[0]["status"] == c.P_CLOSED


def test_the_stop_of_new_shares_works_at_its_new_price():
    done = ran([(50, 50, 50, 50), (50, 50, 48.5, 48.6)], long_of(), actions((20, A_SPLIT, 2.0)))
    trade = done.trades[0]
    assert (trade["exit"], trade["entry"], trade["stop"], trade["quantity"], trade["r"]) == (49, 50, 49, 1000, -1.0)


def test_without_the_event_the_same_prices_are_a_stop_out():
    assert ran([(50, 50, 50, 50)], long_of(), actions()).exits == ["SL"]


def test_a_resting_order_is_adjusted_and_fills_in_new_shares():
    entry = setup(5, 90.03, 88.0, 96.0, valid=600, order_type=k.LIMIT, confidence=1.0, invalid_flags=0)
    done = ran([(50, 50, 50, 50), (50, 50, 44.9, 46)], entry, actions((20, A_SPLIT, 2.0)))
    # a buying limit rounds up toward the market: 45.015 becomes 45.02
    assert done.fills == [(21, "ENTRY", "LIMIT", 45.02, 1000.0)]
    plan = done.state.plans[0]
    assert (plan["stop"], plan["target"]) == (44, 48)


def test_a_stop_limit_order_and_what_slippage_is_measured_by_are_turned_once():
    entry = setup(5, 104.0, 98.0, 120.0, valid=600, order_type=k.STOP_LIMIT, limit_price=104.5, confidence=1.0, invalid_flags=0)
    done = ran([(50, 50, 50, 50)], entry, actions((20, A_SPLIT, 2.0)))
    plan, before = done.state.plans[0], ran([(100, 100, 100, 100)], entry, actions()).state.plans[0]
    assert (plan["limit"], plan["limit_price"], plan["stop"], plan["planned_risk"]) == (52.0, 52.25, 49.0, 3.0)
    assert plan["atr"] == before["atr"] / 2 and plan["atr"] > 0.0


@pytest.mark.parametrize(("stop", "target", "expected"), [(98.01, 104.01, (49.0, 52.0)), (101.99, 95.99, (51.0, 48.0))], ids=["long", "short"])
def test_a_stop_rounds_away_from_the_price_and_a_target_nearer_to_it(stop, target, expected):
    """49.005 and 52.005 of a long, 50.995 and 47.995 of a short."""
    plan = ran([(50, 50, 50, 50)], long_of(stop=stop, target=target), actions((20, A_SPLIT, 2.0))).state.plans[0]
    assert (plan["stop"], plan["target"]) == pytest.approx(expected, abs=1e-9)


def test_what_left_before_a_split_counts_in_new_shares():
    """250 of 500 out at 104 are 500 new ones at 52, the other 500 go at 49: on average at 50.5."""
    quiet = [(minute, 100, 104.02 if minute == 8 else 100, 100, 100, NONE, 0, DAY1, 0) for minute in range(10)]
    found = tape([*quiet, (20, 50, 50, 48.9, 49, NONE, 0, DAY2, 0)])
    entry = long_of(target=104.0, target2=120.0, plan_flags=k.NO_BREAKEVEN)
    around = world(found, [entry], decision_rows(found), [instrument(**SHARE)], limits(partial=0.5))
    (trade,) = run(found, around._replace(actions=actions((20, A_SPLIT, 2.0)))).trades
    assert (trade["exit"], trade["entry"], trade["gross"]) == (50.5, 50.0, 500.0)


def test_an_order_of_less_than_a_new_share_is_cancelled():
    entry = setup(5, 90.0, 88.0, 96.0, valid=600, order_type=k.LIMIT, confidence=1.0, invalid_flags=0)
    done = ran([(1000, 1000, 1000, 1000)], entry, actions((20, A_SPLIT, 0.1)), max_quantity=4)
    last = [e for e in done.of(c.E_ORDER) if e["j"] == c.O_CANCEL]
    assert [c.REASONS[e["code"]] for e in last] == ["SPLIT"] and done.state.plans[0]["status"] == c.P_NONE


def test_a_market_order_of_the_evening_before_is_filled_in_new_shares():
    found = tape([*((minute, 100, 100, 100, 100, NONE, 0, DAY1, 0) for minute in range(5)), (20, 50, 50.5, 49.9, 50, NONE, 0, DAY2, 0)])
    around = world(found, [long_of()], decision_rows(found), [instrument(**SHARE)], limits(max_slippage_r=0.15))
    done = run(found, around._replace(actions=actions((20, A_SPLIT, 2.0))))
    assert done.fills == [(20, "ENTRY", "MARKET", 50.0, 1000.0)] and done.state.plans[0]["stop"] == 49


def test_a_dividend_is_paid_to_who_holds_over_the_ex_date():
    done = ran([(99, 99, 99, 99), (99, 99, 97, 97)], long_of(), actions((20, A_DIVIDEND, 0.5)), max_quantity=100)
    trade = done.trades[0]
    # bought 100 at 100, stopped at 98: -200, and 50 in cash
    assert (trade["net"], trade["gross"], trade["dividends"]) == (-150.0, -150.0, 50.0)
    assert trade["r"] == pytest.approx(-150.0 / 200.0)
    assert done.state.account[0]["balance"] == 100_000.0 - 150.0


def test_a_dividend_is_paid_by_who_is_short():
    entry = setup(5, 100.0, 102.0, valid=600, order_type=k.MARKET, confidence=1.0, invalid_flags=0)
    done = ran([(99, 99, 99, 99), (99, 103, 99, 103)], entry, actions((20, A_DIVIDEND, 0.5)), max_quantity=100)
    assert done.trades[0]["net"] == pytest.approx(-200.0 - 50.0)


def test_who_buys_on_the_ex_date_gets_no_dividend():
    found = tape([*((minute, 100, 100, 100, 100, NONE, 0, DAY1, 0) for minute in range(5)), (20, 99.5, 99.5, 99.5, 99.5, NONE, 0, DAY2, 0)])
    around = world(found, [long_of()], decision_rows(found), [instrument(**SHARE)], limits())
    done = run(found, around._replace(actions=actions((20, A_DIVIDEND, 0.5))))
    assert done.state.plans[0]["held"] > 0 and done.state.account[0]["balance"] == 100_000.0 and done.of(c.E_CHARGE) == []


def test_the_day_of_a_dividend_starts_with_the_equity_of_the_evening():
    done = ran([(99.5, 99.5, 99.5, 99.5)], long_of(), actions((20, A_DIVIDEND, 0.5)), max_quantity=100)
    assert done.state.account[0]["day_start_equity"] == 100_000.0 and equity(done) == pytest.approx(100_000.0)


def test_a_dividend_and_a_split_of_one_day_are_told_in_that_order():
    done = ran([(49.75, 49.75, 49.75, 49.75)], long_of(), actions((20, A_DIVIDEND, 0.5), (20, A_SPLIT, 2.0)), max_quantity=100)
    told = [(c.REASONS[e["code"]], e["a"], e["c"], e["d"], e["e"]) for e in done.of(c.E_CHARGE)]
    assert told == [("DIVIDEND", -50.0, 0.5, 100.0, 100.0), ("SPLIT", 0.0, 2.0, 100.0, 200.0)]
    assert equity(done) == pytest.approx(100_000.0, abs=1e-9)


def test_an_event_of_another_symbol_changes_nothing():
    found = tape([(minute, *[100.0] * 4, NONE, symbol, DAY1 + minute // 20, 0) for minute in (*range(10), 20, 21) for symbol in (0, 1)])
    around = world(found, [long_of()], decision_rows(found), [instrument(**SHARE)] * 2, limits())
    plain, other = (run(found, around._replace(actions=one)) for one in (actions(), actions((20, A_SPLIT, 2.0), (20, A_DIVIDEND, 1.0), symbol=1)))
    assert [e["a"] for e in plain.of(c.E_FILL)] == [e["a"] for e in other.of(c.E_FILL)]
    assert plain.state.plans.tobytes() == other.state.plans.tobytes() and equity(plain) == equity(other)


def test_with_a_broker_outside_prices_and_quantities_follow_and_cash_comes_as_an_input():
    found = line([(66, 66, 66, 66), (66, 66, 66, 66)])
    around = world(found, [long_of()], decision_rows(found), [instrument(**SHARE)], limits(match=c.EXTERNAL, max_quantity=333))
    around = around._replace(actions=actions((20, A_DIVIDEND, 0.3), (20, A_SPLIT, 1.5)))
    inputs = np.zeros(3, INPUT_DTYPE)
    state = fresh_state(Shape(1, 1), 100_000.0)
    SimBroker(1).advance(state, Stretch(found, around, START + 6 * MINUTE))
    number = int(state.plans[0]["number"])
    told = ((6, c.I_FILL, c.LEG_ENTRY, 100.0, 333.0, 0.0), (20, c.I_FILL, c.LEG_EXIT, 200 / 3, 0.5, 0.0), (20, c.I_DIVIDEND, 0, 0.3, 0.0, 99.9))
    for row, (minute, kind, leg, price, quantity, amount) in zip(inputs, told, strict=True):
        row["ts"], row["kind"], row["plan"], row["leg"], row["price"], row["quantity"], row["amount"] = (
            START + minute * MINUTE + 1, kind, number, leg, price, quantity, amount)
    log = Log(np.zeros(4000, EVENT_DTYPE), np.zeros(10, TRADE_DTYPE), np.zeros(2, np.int64), np.zeros(1, np.int64))
    assert advance(state, found, around, log, inputs, int(found.ts_close[-1])) == c.DONE
    plan = state.plans[0]
    assert (plan["held"], plan["dividends"], plan["stop"]) == (499.0, 99.9, pytest.approx(65.33))
    assert state.account[0]["balance"] == pytest.approx(100_000.0 + 99.9, abs=1e-9)


def test_a_trail_stands_on_the_range_in_new_shares_until_the_next_decision():
    """A daily range of 0.5 at 100 is one of 5 at 1000: three of them behind 1000 is 985, above the stop of 980."""
    found = line([(1000, 1000, 1000, 1000)])
    around = world(found, [long_of(plan_flags=k.TRAIL_RANGE)], decision_rows(found, DAILY_ATR=0.5), [instrument(**SHARE)], limits(trail_range_atr=3.0))
    around = around._replace(actions=actions((20, A_SPLIT, 0.1)))
    around.context[around.row_ts > START + 20 * MINUTE, k.C_DAILY_ATR] = 5.0
    state, broker = fresh_state(Shape(1, 1), 100_000.0), SimBroker(1)
    broker.advance(state, Stretch(found, around, START + 10 * MINUTE))
    assert state.plans[0]["stop_next"] == 98.5
    broker.advance(state, Stretch(found, around, START + 21 * MINUTE))
    assert state.plans[0]["stop_next"] == 985.0
