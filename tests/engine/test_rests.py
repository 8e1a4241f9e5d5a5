"""Rest after an entry and after a stop-out: minutes inside a day, decision closes from days on.  Bought at 4000 in minute 11, stopped out in minute 12."""

import pytest

from pse.domain.bars import timeframe_ns
from pse.engine.desk import rests
from pse.kernels import codes as c
from pse.risk.policy import GatePolicy
from tests.engine.made import batches, bodies
from tests.engine.plain import entry, market
from tests.kernels import worlds as w

STOPPED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 12): (4000.0, 4000.0, 3995.0, 4000.0)}
FREE = {"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_losses": 99, "ev_min": -9, "max_quantity": 1}
DAY = 1440


@pytest.mark.parametrize(("policy", "found"), [
    ({}, []),
    ({"cooldown_stop_closes": 3}, [(1.0, 3.0), (2.0, 3.0)]),
    ({"cooldown_entry_closes": 2}, [(1.0, 2.0)]),
    ({"cooldown_entry_closes": 3, "cooldown_stop_closes": 2}, [(1.0, 2.0), (2.0, 3.0)]),
])
def test_the_gate_tells_how_many_closes_have_passed_and_how_many_must(policy, found):
    """Closes of minutes 15, 20 and 25; a short may go at once."""
    told = list(batches(market([entry(10), *(entry(minute) for minute in (15, 20, 25))], bars=STOPPED, **{**FREE, **policy})))
    assert [tuple(gate[2:4]) for body in bodies(told, "GATES") for gate in body["gates"] if gate[0] == "cooldown" and gate[4] == "COOLDOWN"] == found
    short = list(batches(market([entry(10), entry(15, direction=-1)], bars=STOPPED, **{**FREE, **policy})))
    assert not bodies(short, "PASSED_OVER")


def test_a_quiet_decision_counts_as_one_with_a_setup_does():
    """Nothing is asked at minutes 15 to 25; at minute 30 four closes have passed."""
    for needed, refused in ((4, []), (5, ["COOLDOWN"])):
        told = list(batches(market([entry(10), entry(30)], bars=STOPPED, **{**FREE, "cooldown_stop_closes": needed})))
        assert [body["reason"] for body in bodies(told, "PASSED_OVER")] == refused


def test_a_weekend_between_days_is_no_rest():
    """Stopped out on a Friday (day 0): by its close one close has passed, by Monday's (day 3) two, by Tuesday's three; three calendar days end on Monday."""
    day = [(0, 4000.0, 4000.0, 3995.0, 4000.0), *((number * DAY, *[4000.0] * 4) for number in (3, 4, 5))]
    line = w.tape([(-DAY, *[4000.0] * 4), *day])
    moments = [(minute + 1, 0, 4000.0) for minute in (-DAY, 0, 3 * DAY, 4 * DAY)]
    setups = [w.setup(minute, 4000.0, 3996.0, 4008.0, valid=5 * DAY) for minute, _, _ in moments]

    def refused(**rest):
        limits = w.policy(max_age_ns=2**60, max_losses=99, ev_min=-9, max_quantity=1, **{"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, **rest})
        return w.run(line, w.world(line, setups, w.rows(moments), limits=limits)).refused

    assert refused(cooldown_stop_closes=3) == {1: "COOLDOWN", 2: "COOLDOWN"}
    assert refused(cooldown_stop_ns=3 * DAY * w.MINUTE) == {1: "COOLDOWN", 3: "BUSY"}          # the order of Monday rests


@pytest.mark.parametrize(("timeframe", "gates", "found"), [
    ("5m", GatePolicy(), (25, 15, 0, 0)), ("1d", GatePolicy(), (0, 0, 5, 3)), ("1d", GatePolicy(cooldown_entry_min=15), (15, 0, 0, 3)),
    ("5m", GatePolicy(cooldown_entry_min=15), (15, 15, 0, 0)), ("1h", GatePolicy(cooldown_entry_bars=0), (0, 180, 0, 0)),
])
def test_bars_are_time_inside_a_day_and_closes_from_days_on(timeframe, gates, found):
    told = rests(gates, timeframe_ns(timeframe))
    assert (told["cooldown_entry_ns"] / w.MINUTE, told["cooldown_stop_ns"] / w.MINUTE, told["cooldown_entry_closes"], told["cooldown_stop_closes"]) == found


@pytest.mark.parametrize(("family", "risk", "daily_atr", "cap", "found"), [
    (c.FAM_SWING_TREND, 20.0, 8.0, 8.0, None), (c.FAM_SWING_TREND, 24.0, 8.0, 8.0, None), (c.FAM_SWING_REVERSION, 24.25, 8.0, 8.0, "SL_CAP"),
    (c.FAM_SWING_TREND, 20.0, 6.0, w.NONE, "SL_CAP"), (c.FAM_SWING_REVERSION, 20.0, 8.0, w.NONE, None),
    (c.FAM_RULE, 8.0, 1.0, 8.0, None), (c.FAM_RULE, 8.25, 8.0, 8.0, "SL_CAP"), (c.FAM_RULE, 12.0, 1.0, w.NONE, None),
    (c.FAM_RULE, 12.25, 8.0, w.NONE, "SL_CAP"),
])
def test_stops_of_daily_plans_are_measured_by_the_daily_range_and_others_by_the_decision_bars(family, risk, daily_atr, cap, found):
    """The range of the decision bars is 4 points, so 12 is the most where the instrument names no cap."""
    setup = w.setup(0, 4000.0, 4000.0 - risk, 4000.0 + 2 * risk, family=family)
    ran = w.one_trade([(0, *[4000.0] * 4)], setup, {"r_unit": 1.0, "max_risk": 1.0, "max_daily_loss": 1.0, "max_concurrent": 1.0, "max_gross": 99},
                      {"stop_cap": cap}, {"DAILY_ATR": daily_atr, "MCS": float(c.MCS_TRANSITION)})
    assert ran.refused == ({0: found} if found else {})
