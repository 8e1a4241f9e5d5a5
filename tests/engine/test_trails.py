"""How a profile lets stops follow: swings of minutes or days, a chandelier, a fixed distance.  By hand: bought at 4000, stop 3996, tick 0.25."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pse.engine.desk import Mode, desk_plan, policy_record
from pse.kernels import contract as k
from pse.kernels.plans import TRAIL_CHANDELIER, TRAIL_FIXED
from pse.risk.policy import PlanPolicy
from pse.settings import load_settings
from tests.engine.made import batches, bodies, desk, journal_lines
from tests.engine.plain import at, entry, market

FILLED = {11: (4000.0, 4000.0, 3999.5, 4000.0)}
RISE = {15: (4000.0, 4002.0, 4000.0, 4001.0), 16: (4001.0, 4003.5, 4001.0, 4003.0), 17: (4003.0, 4003.0, 4001.0, 4001.0)}


def told(bars, context=None, flags=k.NO_BREAKEVEN, **policy):
    prepared = market([entry(10, plan_flags=flags)], bars={(0, minute): bar for minute, bar in {**FILLED, **bars}.items()},
                      context={(0, *key): value for key, value in (context or {}).items()}, **{"max_quantity": 1, **policy})
    return list(batches(prepared))


def stops(found):
    return [body["stop"] for body in bodies(found, "PLAN") if body["reason"] == "TRAIL" and body["state"] != "CLOSED"]


def test_a_chandelier_stands_three_atr_of_the_decision_bars_behind_the_best_price_from_entry_on():
    """ATR 1, best 4000, 4002, then 4003.5; a lower bar moves nothing; the next bar opens at 4000, under 4000.5."""
    found = told(RISE, {(10, k.C_ATR): 1.0, (15, k.C_ATR): 1.0}, trail_best=TRAIL_CHANDELIER)
    assert stops(found) == [3_997.0, 3_999.0, 4_000.5] and [body["reason"] for body in bodies(found, "EXIT")] == ["TRAIL"]


@pytest.mark.parametrize(("atr", "moved"), [(1.0, [3_997.0, 3_998.25]), (0.5, [3_997.0, 3_999.75])])
def test_a_chandelier_knows_the_range_that_ends_with_its_bar(atr, moved):
    """The decision of minute 15 brings the ATR that the bar of minute 14 is measured by; best 4001.25."""
    bars = {14: (4000.0, 4001.25, 4000.0, 4001.25), **dict.fromkeys(range(15, 60), (4001.0, 4001.0, 4001.0, 4001.0))}
    later = {(minute, k.C_ATR): atr for minute in range(15, 61, 5)}
    assert stops(told(bars, {(10, k.C_ATR): 1.0, **later}, trail_best=TRAIL_CHANDELIER)) == moved


def test_a_chandelier_waits_for_a_range_that_is_known():
    unknown = {(minute, k.C_ATR): float("nan") for minute in range(15, 61, 5)}
    assert stops(told({15: (4000.0, 4002.0, 4000.0, 4001.0)}, {(10, k.C_ATR): 4.0, **unknown}, trail_best=TRAIL_CHANDELIER)) == []


@pytest.mark.parametrize(("policy", "moved"), [
    ({"trail_ticks": 10.0}, [3_997.5, 3_999.5, 4_001.0]),                     # 2.5 points behind 4000, 4002 and 4003.5
    ({"trail_percent": 0.05}, [3_998.0, 3_999.75, 4_001.25])])                # 2.000, 2.001 and 2.00175 points, rounded away from the market
def test_a_fixed_trail_keeps_its_distance_from_entry_on(policy, moved):
    assert stops(told(RISE, trail_best=TRAIL_FIXED, **policy)) == moved


def test_a_trail_does_not_loosen_a_stop_that_stands_nearer():
    """40 ticks behind 4000 would be 3990."""
    assert stops(told({}, trail_best=TRAIL_FIXED, trail_ticks=40.0)) == []


def test_a_trailed_stop_acts_from_the_next_bar():
    """Minute 15 reaches 4002 and falls to 3999.5, under the 3999.5 that it earns: out in minute 16, which opens at 4001, not in minute 15."""
    bars = {15: (4000.0, 4002.0, 3999.25, 4001.0), 16: (4001.0, 4001.0, 3999.25, 4000.0)}
    found = told(bars, trail_best=TRAIL_FIXED, trail_ticks=10.0)
    (fill,) = [body for body in bodies(found, "FILL") if body["leg"] == "STOP"]
    assert fill["price"] == 3_999.25 and stops(found) == [3_997.5, 3_999.5]


@pytest.mark.parametrize(("side", "known"), [(2, 25), (5, 28)])
def test_a_swing_is_confirmed_by_as_many_bars_as_the_profile_says(side, known):
    """Two lots; one off at 4008 in minute 20.  The low of 4001 in minute 22 is known after minute 24, or after minute 27; a tick behind it is 4000.75."""
    low = {20: 4004.0, 21: 4003.0, 22: 4001.0, 23: 4003.0, 24: 4002.0, 25: 4003.0, 26: 4003.5, 27: 4003.75, 28: 4004.0}
    lows = {**dict.fromkeys(range(12, 20), 4003.5), **low, **dict.fromkeys(range(29, 60), 4004.0)}
    bars = {minute: (price + 1, price + 1.5, price, price + 1) for minute, price in lows.items()}
    bars[20] = (4005.0, 4008.25, 4004.0, 4005.0)
    found = told(bars, flags=0, max_quantity=2, partial=0.5, trail_swing=1, swing_side=side)
    moved = [(ts, body["stop"]) for kind, ts, body in journal_lines(found) if kind == "PLAN" and body["reason"] == "TRAIL"]
    assert (at(known), 4_000.75) in moved and [ts for ts, stop in moved if stop == 4_000.75] == [at(known)]


@pytest.mark.parametrize(("settings", "expected"), [
    ((), {"trail_swing": 1, "trail_best": 0, "swing_side": 2}), (("trail=none",), {"trail_swing": 0, "trail_best": 0}),
    (("trail=chandelier",), {"trail_swing": 0, "trail_best": 1}), (("trail=fixed", "trail_ticks=8"), {"trail_best": 2, "trail_ticks": 8.0}),
    (("trail=fixed", "trail_percent=1.5"), {"trail_best": 2, "trail_percent": 1.5, "trail_ticks": 0.0}), (("trail_swing_bars=4",), {"swing_side": 4})])
def test_a_profile_says_how_stops_follow(settings, expected):
    overrides = tuple(f"risk_policies.futures_intraday.plan.{one}" for one in settings)
    record = policy_record(desk(("ES",), overrides), Mode())
    assert {name: record[name][0] for name in expected} == expected


def test_swings_of_a_desk_on_days_need_five_bars():
    plan = desk_plan(load_settings(Path("no-such-home"), overrides=("desk=equities-swing",)), ("SPY",))
    assert plan.base_timeframe == "1d" and policy_record(plan, Mode())["swing_side"][0] == 5


@pytest.mark.parametrize("given", [{}, {"trail_ticks": 4.0, "trail_percent": 1.0}])
def test_a_fixed_trail_needs_one_distance(given):
    with pytest.raises(ValidationError, match="Give exactly one"):
        PlanPolicy(trail="fixed", **given)
