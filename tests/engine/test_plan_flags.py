"""How a plan is run that says so itself: the flags of its setup.  Expected prices by hand: bought at 4000, stop 3996, tick 0.25, a tick of slippage."""

from typing import Any

import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.engine.made import batches, bodies, journal_lines
from tests.engine.plain import Bar, at, entry, market

FILLED: dict[tuple[int, int], Bar] = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}
ONE = {"max_quantity": 1}


def told(bars: dict[int, Bar], flags: int, context: dict[tuple[int, int], float] | None = None, minutes: int = 60, policy: dict[str, Any] | None = None,
         **setup: Any):
    """One long of minute 10 with these flags, filled in minute 11; `bars` {minute: bar}, `context` {(minute, column): value}."""
    prepared = market([entry(10, plan_flags=flags, **setup)], bars={**FILLED, **{(0, at): bar for at, bar in bars.items()}}, minutes=minutes,
                      context={(0, *key): value for key, value in (context or {}).items()}, **{**ONE, **(policy or {})})
    return list(batches(prepared))


def stops(found):
    return [(body["reason"], body["stop"]) for body in bodies(found, "PLAN") if body["state"] != "CLOSED" and body["reason"] in ("BE", "TRAIL", "TCC_LOWER")]


def timed(found, kind):
    return [(ts, body) for which, ts, body in journal_lines(found) if which == kind]


def exits(found):
    return [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")]


ONE_R = {15: (4000.0, 4004.0, 4000.0, 4003.0)}
BACK = {17: (4003.0, 4003.0, 3999.0, 3999.0)}


def test_without_breakeven_the_first_stop_stays():
    assert exits(told({**ONE_R, **BACK}, 0)) == [("BE", 3999.75)]                  # the next bar opens at 4000, under 4000.25
    assert exits(told({**ONE_R, **BACK}, k.NO_BREAKEVEN)) == [("RUN_END", 3999.75)]


def test_without_a_partial_all_of_it_goes_at_the_first_target():
    """Two contracts: half at 4008, or all."""
    at_target = {15: (4000.0, 4008.25, 4000.0, 4008.0)}
    for flags, quantities in ((0, [1.0]), (k.NO_PARTIAL, [2.0])):
        fills = [body["quantity"] for body in bodies(told(at_target, flags, policy={"max_quantity": 2, "trail_swing": 0}), "FILL") if body["leg"] == "TARGET1"]
        assert fills == quantities


def test_a_plan_that_is_never_stale_stays():
    """Four decision bars without 0.5R: out at the open of minute 30, or not at all."""
    assert exits(told({}, 0, policy={"stale_bars": 4}))[0][0] == "STALE"
    assert exits(told({}, k.NO_STALE, policy={"stale_bars": 4}))[0][0] == "RUN_END"


def test_the_range_trail_stands_three_daily_ranges_behind_the_best_price_from_entry_on():
    """Daily ATR 1: best 4002 gives 3999 after minute 15, 4003.5 gives 4000.5 after minute 16; a lower bar moves nothing; minute 18 is sold at the stop."""
    bars = {15: (4000.0, 4002.0, 4000.0, 4001.0), 16: (4001.0, 4003.5, 4001.0, 4003.0), 17: (4003.0, 4003.0, 4001.0, 4001.0),
            18: (4001.0, 4001.0, 4000.5, 4001.0)}
    found = told(bars, k.TRAIL_RANGE | k.NO_BREAKEVEN, {(10, k.C_DAILY_ATR): 1.0, (15, k.C_DAILY_ATR): 1.0})
    assert stops(found) == [("TRAIL", 3997.0), ("TRAIL", 3999.0), ("TRAIL", 4000.5)]
    assert exits(found) == [("TRAIL", 4000.25)]


def test_the_range_trail_is_rounded_away_and_waits_for_a_range_that_is_known():
    """2.9 x 1.1 = 3.19 behind 4002 is 3998.81, on the grid 3998.75; without a daily range the stop stays."""
    bars = {15: (4000.0, 4002.0, 4000.0, 4001.0)}
    assert stops(told(bars, k.TRAIL_RANGE, {(10, k.C_DAILY_ATR): 1.1, (15, k.C_DAILY_ATR): 1.1}, policy={"trail_range_atr": 2.9}))[-1] == ("TRAIL", 3998.75)
    assert stops(told(bars, k.TRAIL_RANGE, {(10, k.C_DAILY_ATR): float("nan"), (15, k.C_DAILY_ATR): float("nan")})) == []


@pytest.mark.parametrize(("known", "new", "found"), [(8.0, 1.0, [(at(15), 3997.0)]), (1.1, 8.0, [(at(12), 3996.5)])])
def test_the_range_trail_knows_the_day_that_ends_with_its_bar(known, new, found):
    """The decision of minute 15 brings a new daily range.  The bar that closes then reaches 4004: 24 behind is no move, 3.3 behind would be 4000.5."""
    bars = {14: (4000.0, 4000.0 if new < known else 4004.0, 4000.0, 4000.0), 15: (4000.0, 4000.0, 4000.0, 4000.0)}
    context = {(10, k.C_DAILY_ATR): known, **{(minute, k.C_DAILY_ATR): new for minute in range(15, 61, 5)}}
    plans = timed(told(bars, k.TRAIL_RANGE | k.NO_BREAKEVEN, context), "PLAN")
    assert [(ts, body["stop"]) for ts, body in plans if body["reason"] == "TRAIL"] == found


def test_the_range_of_the_bar_that_filled_inside_is_no_price_since_entry():
    """Filled after the open of minute 11, whose high of 4003 may lie before: only its close of 4001 counts, 4001 - 3 = 3998."""
    found = told({11: (4000.5, 4003.0, 3999.5, 4001.0)}, k.TRAIL_RANGE, {(10, k.C_DAILY_ATR): 1.0})
    assert stops(found)[0] == ("TRAIL", 3998.0)


def test_the_close_trail_begins_at_one_r_and_stands_a_tick_beyond_the_last_three_bars():
    """4004 at minute 16: lows of minutes 14 to 16 are 4000, 4001, 4002.5, so 3999.75 counts; minute 17 gives 4000.75 and minute 18 opens below it."""
    bars = {15: (4000.0, 4003.5, 4001.0, 4003.0), 16: (4003.0, 4004.0, 4002.5, 4004.0), 17: (4004.0, 4004.0, 4003.0, 4003.5)}
    assert stops(told(bars, k.TRAIL_BARS | k.NO_BREAKEVEN)) == [("TRAIL", 3999.75), ("TRAIL", 4000.75)]


LEFT = {(minute, k.C_SESSION_LEFT_NS): float((40 - minute) * 60 * 10**9) for minute in range(5, 41, 5)}


def test_a_plan_held_overnight_stays_over_the_session_end_and_needs_no_time_before_it():
    """The session ends at minute 40: out at minute 35, or held; a setup of minute 30 has ten minutes left and needs fifteen."""
    assert exits(told({}, 0, LEFT)) == [("SESSION_END", 3999.75)]
    assert exits(told({}, k.OVERNIGHT, LEFT)) == [("RUN_END", 3999.75)]
    for flags, refused in ((0, ["SESSION_END"]), (k.OVERNIGHT, [])):
        prepared = market([entry(30, plan_flags=flags)], context={(0, *key): value for key, value in LEFT.items()})
        assert [body["reason"] for body in bodies(list(batches(prepared)), "PASSED_OVER")] == refused


HIGH = {(10, k.C_TCC_CLASS): c.TCC_HIGH, (10, k.C_TCC_DIR): 1.0, (15, k.C_TCC_CLASS): c.TCC_HIGH, (15, k.C_TCC_DIR): 1.0}
LOWER = {**HIGH, (20, k.C_TCC_CLASS): c.TCC_MEDIUM, (20, k.C_TCC_DIR): 1.0}


def test_a_lower_conviction_ends_a_position_that_is_not_half_an_r_ahead():
    """At minute 20 the close is 4001.75, 1.75 points of 4: out at the open of minute 20."""
    found = told({19: (4000.0, 4001.75, 4000.0, 4001.75), 20: (4001.5, 4001.5, 4001.5, 4001.5)}, k.LEAVES_ON_TCC_LOWER, LOWER)
    assert exits(found) == [("TCC_LOWER", 4001.25)]


def test_a_lower_conviction_moves_the_stop_of_one_that_is_to_breakeven():
    """4002 is exactly half an R: the stop goes to 4000.25, under which minute 21 opens."""
    found = told({19: (4000.0, 4002.0, 4000.0, 4002.0), 20: (4002.0, 4002.0, 4001.0, 4001.0)}, k.LEAVES_ON_TCC_LOWER, LOWER)
    assert stops(found) == [("TCC_LOWER", 4000.25)] and exits(found) == [("BE", 3999.75)]


def test_one_fall_of_conviction_acts_once_and_the_next_one_again():
    """Medium from minute 20 on, where 4002 moves the stop; at 4001, a quarter of an R, nothing more happens until Low at minute 40: out at its open."""
    medium = {**HIGH, **{(minute, column): value for minute in range(20, 61, 5) for column, value in ((k.C_TCC_CLASS, c.TCC_MEDIUM), (k.C_TCC_DIR, 1.0))}}
    bars = {19: (4000.0, 4002.0, 4000.0, 4002.0), **dict.fromkeys(range(20, 60), (4001.0, 4001.0, 4001.0, 4001.0))}
    stays, leaves = told(bars, k.LEAVES_ON_TCC_LOWER, medium), told(bars, k.LEAVES_ON_TCC_LOWER, {**medium, (40, k.C_TCC_CLASS): c.TCC_LOW})
    assert stops(stays) == [("TCC_LOWER", 4000.25)] and exits(stays) == [("RUN_END", 4000.75)]
    assert exits(leaves) == [("TCC_LOWER", 4000.75)] and timed(leaves, "EXIT")[0][0] == at(40)


def test_a_fall_of_conviction_ends_what_still_works_of_an_entry_that_has_filled_in_part():
    """One of two is filled in minute 11 by the volume share; at minute 20 the rest goes, and what is held has its stop at breakeven."""
    bars = dict.fromkeys(range(12, 60), (4002.0, 4002.0, 4001.5, 4002.0))
    prepared = market([entry(10, plan_flags=k.LEAVES_ON_TCC_LOWER, invalid_flags=k.INVALID_TCC_LOWER, valid_until=at(60))],
                      bars={**FILLED, **{(0, at_): bar for at_, bar in bars.items()}}, context={(0, *key): value for key, value in LOWER.items()},
                      max_quantity=2)
    prepared.tape.volume[11] = 10.0
    found = list(batches(prepared))
    ends = [(body["reason"], ts) for ts, body in timed(found, "ORDER") if body["leg"] == "ENTRY" and body["action"] == "CANCEL"]
    assert ends == [("TCC_LOWER", at(20))] and ("TCC_LOWER", 4000.25) in stops(found)


def test_a_conviction_that_turns_against_counts_as_none_and_one_that_stays_moves_nothing():
    against = {**HIGH, (20, k.C_TCC_CLASS): c.TCC_HIGH, (20, k.C_TCC_DIR): -1.0}
    same = {(minute, column): value for minute in range(10, 61, 5) for column, value in ((k.C_TCC_CLASS, c.TCC_HIGH), (k.C_TCC_DIR, 1.0))}
    assert exits(told({}, k.LEAVES_ON_TCC_LOWER, against))[0][0] == "TCC_LOWER"
    assert exits(told({}, k.LEAVES_ON_TCC_LOWER, same))[0][0] == "RUN_END"


@pytest.mark.parametrize(("flags", "bar", "context", "reason"), [
    (k.INVALID_TOUCH, (4000.5, 4000.5, 3998.0, 4000.5), {}, None),
    (k.INVALID_TOUCH, (4003.0, 4003.0, 4001.0, 4002.0), {}, "LEVEL_TRADED"),
    (k.INVALID_TCC_LOWER, (4002.0, 4002.0, 4002.0, 4002.0), {**HIGH, (15, k.C_TCC_CLASS): c.TCC_MEDIUM}, "TCC_LOWER"),
    (k.INVALID_TCC_LOW, (4002.0, 4002.0, 4002.0, 4002.0), {**HIGH, (15, k.C_TCC_CLASS): c.TCC_LOW}, "TCC_LOWER"),
    (k.INVALID_TCC_LOW, (4002.0, 4002.0, 4002.0, 4002.0), {**HIGH, (15, k.C_TCC_CLASS): c.TCC_MEDIUM}, "EXPIRED"),
])
def test_what_ends_an_entry_that_has_not_filled(flags, bar, context, reason):
    """A limit at 4000 with 4001 as its invalid price; what fills in a bar is filled, whatever else the bar did."""
    bars = {(0, minute): (4002.0, 4002.0, 4002.0, 4002.0) for minute in range(11, 60)} | {(0, 10): (4000.0, 4002.0, 4000.0, 4002.0), (0, 12): bar}
    invalid = 4001.0 if reason == "LEVEL_TRADED" else 3999.5
    prepared = market([entry(10, invalid_flags=flags, invalid_price=invalid)], bars=bars, context={(0, *key): value for key, value in context.items()}, **ONE)
    found = list(batches(prepared))
    ends = [body["reason"] for body in bodies(found, "ORDER") if body["leg"] == "ENTRY" and body["action"] == "CANCEL"]
    assert ends == ([reason] if reason else []) and bool(bodies(found, "FILL")) == (reason is None)
