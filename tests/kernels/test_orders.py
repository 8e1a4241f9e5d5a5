"""Orders over several bars, by hand: what fires and rests, how long an order lives, what its parts cost, and that one leg of a bracket ends the other."""

import math

import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.kernels import worlds as w

AS_IT_IS = k.NO_BREAKEVEN | k.NO_PARTIAL | k.NO_STALE
QUIET = (99.0, 99.25, 98.75, 99.0)
HOUR_LEFT = {"SESSION_LEFT_NS": 60.0 * w.MINUTE}


def ran(bars, order_type=k.LIMIT, valid=10, limits=None, instrument=None, context=None, **setup):
    given = w.setup(0, 100.0, 98.0, 104.0, valid, order_type=order_type, **{"invalid_flags": 0, "plan_flags": AS_IT_IS, **setup})
    return w.one_trade(bars, given, {"max_slippage_r": 9, "min_reward_r": 0.1, "flat_session": 0, **(limits or {})}, {"stop_cap": 30, **(instrument or {})},
                       context, capital=250_000.0)


def ends(found):
    return [c.REASONS[e["code"]] for e in found.of(c.E_ORDER) if e["i"] == c.LEG_ENTRY and e["j"] == c.O_CANCEL]


def test_a_fired_stop_limit_rests_at_its_limit_until_a_bar_trades_through_it():
    """It fires at 100 in minute 0, which opens beyond its limit of 100.25; minute 1 touches the limit, minute 2 trades a tick through."""
    found = ran([(0, 101.0, 101.5, 100.5, 101.0), (1, 101.0, 101.0, 100.25, 100.75), (2, 100.75, 101.0, 100.0, 100.5)], k.STOP_LIMIT, limit_price=100.25)
    assert found.fills == [(2, "ENTRY", "LIMIT", 100.25, 1.0)]


def test_what_is_left_of_a_fired_stop_is_bought_in_the_market():
    """Three wanted, volume 10 gives one a bar: at the trigger, then at each open, a tick of slippage each."""
    found = ran([(0, 99.5, 100.5, 99.25, 100.25, 10.0), (1, 100.25, 100.75, 100.0, 100.5, 10.0), (2, 99.75, 100.0, 99.5, 99.75, 10.0)], k.STOP,
                limits={"max_quantity": 3})
    assert found.fills == [(0, "ENTRY", "STOP", 100.25, 1.0), (1, "ENTRY", "MARKET", 100.5, 1.0), (2, "ENTRY", "MARKET", 100.0, 1.0)]


@pytest.mark.parametrize(("time_in_force", "valid", "bars", "reason"), [
    (k.GTD, 10, 11, "EXPIRED"), (k.GTD, 90, 61, ""), (k.DAY, 90, 61, "EXPIRED"), (k.DAY, 10, 11, "EXPIRED"), (k.GTC, 10, 61, "")])
def test_an_order_lives_to_its_date_its_session_or_until_it_is_cancelled(time_in_force, valid, bars, reason):
    """An hour to the session end: an order for the day ends with it or at its date, one to a date only there, one until cancelled at neither."""
    found = ran([(i, *QUIET) for i in range(bars)], k.STOP, valid, context=HOUR_LEFT, time_in_force=time_in_force)
    assert ends(found) == ([reason] if reason else []) and not found.fills


def test_an_order_for_the_day_in_a_market_without_a_close_lives_to_its_date():
    assert ends(ran([(i, *QUIET) for i in range(12)], k.STOP, 10, time_in_force=k.DAY)) == ["EXPIRED"]


def test_the_least_of_an_order_is_paid_once_over_its_fills():
    """Three at 0.50 with a least of 1.20: 1.20 for the first, nothing for the second, 0.30 for the third; out at the stop: 1.50."""
    bars = [(i, 100.25, 100.5, 99.75, 100.0, 10.0) for i in range(3)] + [(3, 100.0, 100.25, 97.5, 97.75, 10.0)]
    found = ran(bars, limits={"max_quantity": 3}, instrument={"fee_unit": 0.5, "fee_min": 1.2})
    assert [round(e["c"], 9) for e in found.of(c.E_FILL)] == [1.2, 0.0, 0.3, 1.5]
    assert found.trades[0]["fees"] == pytest.approx(3.0)


def test_the_most_of_an_order_is_not_exceeded_by_its_fills():
    bars = [(i, 100.25, 100.5, 99.75, 100.0, 10.0) for i in range(3)]
    found = ran(bars, limits={"max_quantity": 3}, instrument={"fee_unit": 2.5, "fee_max": 4.0})
    assert [round(e["c"], 9) for e in found.of(c.E_FILL)] == [2.5, 1.5, 0.0]


def test_size_leaves_room_for_the_least_fee_of_both_orders():
    """Risk 2 points of 5 a micro: 10 a unit and 1.50 of fees; half a percent of 4000 is 20: one unit fits with a least of 5 an order, none with 5.01."""
    rules = {"r_unit": 0.005, "max_risk": 0.005, "max_quantity": 99, "ev_min": -99.0}
    given = w.setup(0, 100.0, 98.0, 104.0, size_multiple=1.0)
    for least, quantity in ((5.0, [1.0]), (5.01, [])):
        found = w.one_trade([(0, 100.25, 100.5, 99.75, 100.0)], given, rules, {"fee_min": least, "micro_fee_min": least}, capital=4_000.0)
        assert [fill[4] for fill in found.fills] == quantity


def test_a_trailed_stop_triggers_and_fills_by_the_rule_of_stops():
    """Behind the best price by two points of daily range: from 102 it stands at 100; an open at 99.5 beyond it fills there, a tick worse."""
    bars = [(0, 100.25, 100.5, 99.75, 100.25), (1, 100.5, 102.0, 100.25, 101.5), (2, 99.5, 100.0, 99.0, 99.5)]
    found = ran(bars, limits={"trail_range_atr": 1.0}, context={"DAILY_ATR": 2.0}, plan_flags=AS_IT_IS | k.TRAIL_RANGE)
    assert found.fills[-1] == (2, "STOP", "GAP", 99.25, 1.0) and found.exits == ["TRAIL"]


@pytest.mark.parametrize("first", ["TARGET1", "STOP"])
def test_one_leg_of_a_bracket_ends_the_other(first):
    """After the leg that comes first the bars reach the other one: nothing more is filled."""
    up, down = (1, 100.0, 104.5, 99.5, 104.0), (1, 100.0, 100.5, 97.5, 98.0)
    later = [(2, 100.0, 105.0, 97.0, 100.0), (3, 100.0, 105.0, 97.0, 100.0)]
    found = ran([(0, 100.25, 100.5, 99.75, 100.0), up if first == "TARGET1" else down, *later])
    assert [fill[1] for fill in found.fills] == ["ENTRY", first] and math.isclose(sum(fill[4] for fill in found.fills), 2.0)


def test_the_bracket_covers_what_is_filled_of_an_entry_that_works_on():
    """One of three filled when the stop is reached: one goes out, the rest of the entry is cancelled."""
    bars = [(0, 100.25, 100.5, 99.75, 100.0, 10.0), (1, 100.25, 100.5, 100.0, 100.25, 10.0), (2, 97.5, 98.0, 97.0, 97.5, 10.0)]
    found = ran(bars, limits={"max_quantity": 3})
    assert [(fill[1], fill[4]) for fill in found.fills[:2]] == [("ENTRY", 1.0), ("STOP", 1.0)]
    assert sum(fill[4] for fill in found.fills if fill[1] == "ENTRY") == sum(fill[4] for fill in found.fills if fill[1] == "STOP")
