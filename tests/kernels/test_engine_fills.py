"""Single bars through the whole engine, worked by hand, long and mirrored short; then what holds for every fill of any market.

The trade of the table: buy at 100, stop 98, target 104, tick 0.25, one tick of slippage, one contract; decided at minute 0 with the market at 100.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.book import Tape, World
from pse.kernels.state import A_ROLL, ACTION_DTYPE, BAR_ROLL
from tests.kernels import worlds as w
from tests.kernels.test_engine_twin import made_world

REST = (100.25, 100.5, 100.0, 100.25)                       # a bar that touches the limit and does not fill it
FILL = (0, 100.25, 100.5, 99.75, 100.0)                     # minute 0 trades one tick through the limit
LATE = 61_000_000_000
FAR = {"target": 103.0}                                     # reward exactly 1.5


def entry(minute, kind="LIMIT", price=100.0, quantity=1.0):
    return minute, "ENTRY", kind, price, quantity


def stop(minute, price, quantity=1.0, kind="STOP"):
    return minute, "STOP", kind, price, quantity


def target(minute, price=104.0, quantity=1.0, leg="TARGET1"):
    return minute, leg, "TARGET", price, quantity


def leave(minute, price, quantity=1.0):
    return minute, "EXIT", "MARKET", price, quantity


def after(*bars):
    """The entry at minute 0 and these bars from minute 1 on."""
    return [FILL, *[(i + 1, *bar) for i, bar in enumerate(bars)]]


def quiet(first, last):
    """Minutes around 100 that move nothing."""
    return [(m, 100.25, 100.5, 100.0, 100.25) for m in range(first, last + 1)]


ONE = entry(0)
# name, bars, fills, reason of the exit or of the end of the order ("" where neither came), setup, policy, instrument, context
CASES = [
    # --- a resting limit ---------------------------------------------------------------------------------------------------------------------
    ("a touch of the limit does not fill", [(0, *REST)], [], ""),
    ("one tick through fills at the limit", [FILL], [ONE], ""),
    ("an open at the limit is a touch", [(0, 100.0, 100.5, 100.0, 100.25)], [], ""),
    ("an open at the limit and a low one tick through fill after the open", [(0, 100.0, 100.5, 99.75, 100.25)], [ONE], ""),
    ("an open one tick through fills at the open", [(0, 99.75, 100.25, 99.5, 100.0)], [entry(0, "OPEN")], ""),
    ("an open far through is no better than the limit", [(0, 98.25, 99.0, 98.25, 98.75)], [entry(0, "OPEN")], ""),
    ("a later open one tick before the stop fills at the limit", [(0, *REST), (1, 98.25, 99.0, 98.25, 99.0)], [entry(1, "OPEN")], ""),
    ("a later open at the stop goes in there and out one tick worse", [(0, *REST), (1, 98.0, 98.5, 97.5, 98.25)],
     [entry(1, "GAP", 98.0), stop(1, 97.75, kind="GAP")], "SL"),
    ("a later open beyond the stop goes in there and out one tick worse", [(0, *REST), (1, 97.0, 99.0, 96.5, 98.25)],
     [entry(1, "GAP", 97.0), stop(1, 96.75, kind="GAP")], "SL"),
    ("a touch is enough where no trade through is asked", [(0, *REST)], [ONE], "", {}, {"through_ticks": 0}),
    ("two ticks through asked and one traded", [FILL], [], "", {}, {"through_ticks": 2}),
    ("two ticks through asked and traded", [(0, 100.25, 100.5, 99.5, 100.0)], [ONE], "", {}, {"through_ticks": 2}),
    # --- activation --------------------------------------------------------------------------------------------------------------------------
    ("an open at the stop cancels a new order", [(0, 98.0, 98.5, 97.5, 98.25)], [], "THROUGH_STOP"),
    ("an open beyond the stop cancels a new order", [(0, 97.0, 99.0, 96.5, 98.25)], [], "THROUGH_STOP"),
    ("an open two ticks off is too far", [(0, 100.5, 101.0, 99.0, 100.0)], [], "SLIPPAGE"),
    ("an open one tick off is always near enough", [FILL], [ONE], ""),
    ("an open that leaves less than one and a half R", [FILL], [], "RR", FAR),
    ("an open at the decision price leaves all the reward", [(0, 100.0, 100.5, 99.75, 100.0)], [ONE], "", FAR),
    ("the first bar that exists is the one that is checked", [(3, 100.5, 101.0, 99.0, 100.0)], [], "SLIPPAGE"),
    ("later bars are not checked again", [(0, *REST), (1, 101.0, 101.0, 99.75, 100.0)], [entry(1)], ""),
    # --- validity and latency ----------------------------------------------------------------------------------------------------------------
    ("the last minute of ten fills", [*quiet(0, 8), (9, 100.25, 100.5, 99.75, 100.0)], [entry(9)], ""),
    ("the eleventh minute does not", [*quiet(0, 9), (10, 100.25, 100.5, 99.75, 100.0)], [], "EXPIRED"),
    ("an order without a bar expires", [(12, *REST)], [], "EXPIRED"),
    ("one second of latency has the bar of the decision", [FILL], [ONE], "", {}, {"latency_ns": 1_000_000_000}),
    ("a second more has the next minute", [FILL, (1, 100.25, 100.5, 99.75, 100.0)], [entry(1)], "", {}, {"latency_ns": 1_000_000_001}),
    ("a minute and a second have the one after it", [FILL, (1, 100.25, 100.5, 99.75, 100.0), (2, 100.25, 100.5, 99.75, 100.0)], [entry(2)], "", {},
     {"latency_ns": LATE}),
    # --- market orders -----------------------------------------------------------------------------------------------------------------------
    ("a market order pays the open and a tick", [(0, 100.0, 100.5, 99.5, 100.0)], [entry(0, "MARKET", 100.25)], "", {"order_type": k.MARKET}),
    ("a market order pays two ticks where that is the slippage", [(0, 100.0, 100.5, 99.5, 100.0)], [entry(0, "MARKET", 100.5)], "",
     {"order_type": k.MARKET}, {}, {"slippage_ticks": 2}),
    ("half a tick of slippage is rounded against us", [(0, 100.0, 100.5, 99.5, 100.0)], [entry(0, "MARKET", 100.25)], "",
     {"order_type": k.MARKET}, {"slippage_factor": 0.5}),
    ("the target counts in the bar of a market order", [(0, 100.0, 104.25, 99.5, 104.0)], [entry(0, "MARKET", 100.25), target(0)], "TP1",
     {"order_type": k.MARKET}),
    ("the stop counts in the bar of a market order", [(0, 100.0, 100.5, 98.0, 99.0)], [entry(0, "MARKET", 100.25), stop(0, 97.75)], "SL",
     {"order_type": k.MARKET}),
    # --- the bar of the entry ----------------------------------------------------------------------------------------------------------------
    ("the target does not count in the bar of a resting fill", [(0, 100.25, 104.25, 99.75, 104.0)], [ONE], ""),
    ("the target counts in the bar of a fill at the open", [(0, 99.75, 104.25, 99.5, 104.0)], [entry(0, "OPEN"), target(0)], "TP1"),
    ("the stop counts in the bar of a resting fill", [(0, 100.25, 100.5, 98.0, 99.0)], [ONE, stop(0, 97.75)], "SL"),
    ("one tick before the stop holds", [(0, 100.25, 100.5, 98.25, 99.0)], [ONE], ""),
    ("stop before target in the bar of a fill at the open", [(0, 99.75, 104.25, 98.0, 104.0)], [entry(0, "OPEN"), stop(0, 97.75)], "SL"),
    # --- exits -------------------------------------------------------------------------------------------------------------------------------
    ("a stop that is touched fills one tick worse", after((100.0, 100.5, 98.0, 99.0)), [ONE, stop(1, 97.75)], "SL"),
    ("a stop without slippage fills at its price", after((100.0, 100.5, 98.0, 99.0)), [ONE, stop(1, 98.0)], "SL", {}, {"slippage_factor": 0}),
    ("an open beyond the stop fills there", after((97.5, 98.0, 97.0, 97.5)), [ONE, stop(1, 97.25, kind="GAP")], "SL"),
    ("an open at the stop fills one tick worse", after((98.0, 99.0, 98.0, 98.5)), [ONE, stop(1, 97.75)], "SL"),
    ("a target that is touched does not fill", after((100.0, 104.0, 99.5, 103.0)), [ONE], ""),
    ("a target one tick through fills at its price", after((100.0, 104.25, 99.5, 103.0)), [ONE, target(1)], "TP1"),
    ("an open through the target is no better", after((105.0, 106.0, 104.5, 105.0)), [ONE, target(1)], "TP1"),
    ("an open at the target is a touch", after((104.0, 104.0, 103.0, 103.5)), [ONE], ""),
    ("stop before target in one bar", after((100.0, 104.25, 98.0, 103.0)), [ONE, stop(1, 97.75)], "SL"),
    ("an open through the target comes before a low at the stop", after((104.25, 105.0, 97.0, 98.0)), [ONE, target(1)], "TP1"),
    ("an open beyond the stop comes before a high at the target", after((97.5, 105.0, 97.0, 104.0)), [ONE, stop(1, 97.25, kind="GAP")], "SL"),
    # --- breakeven ---------------------------------------------------------------------------------------------------------------------------
    ("one R moves the stop from the next bar", after((100.0, 102.0, 99.0, 101.0), (101.0, 101.5, 100.25, 101.0)), [ONE, stop(2, 100.0)], "BE"),
    ("one tick less than one R moves nothing", after((100.0, 101.75, 99.0, 101.0), (101.0, 101.5, 100.25, 101.0)), [ONE], ""),
    ("one tick above breakeven holds", after((100.0, 102.0, 99.0, 101.0), (101.0, 101.5, 100.5, 101.0)), [ONE], ""),
    ("the high of a resting fill's bar may have come before it", [(0, 100.25, 102.0, 99.75, 100.5), (1, 100.5, 101.0, 100.25, 100.5)], [ONE], ""),
    ("the close of a resting fill's bar came after it", [(0, 100.25, 102.0, 99.75, 102.0), (1, 101.0, 101.5, 100.25, 101.0)],
     [ONE, stop(1, 100.0)], "BE"),
    ("the high of an open fill's bar came after it", [(0, 99.75, 102.0, 99.5, 101.0), (1, 101.0, 101.5, 100.25, 101.0)],
     [entry(0, "OPEN"), stop(1, 100.0)], "BE"),
    # --- parts -------------------------------------------------------------------------------------------------------------------------------
    ("half of two at the target and breakeven for the rest", after((100.0, 104.25, 99.0, 104.0), (101.0, 101.0, 100.25, 101.0)),
     [entry(0, quantity=2.0), target(1), stop(2, 100.0)], "BE", {}, {"max_quantity": 2}),
    ("half of three is one", after((100.0, 104.25, 99.0, 104.0)), [entry(0, quantity=3.0), target(1)], "", {}, {"max_quantity": 3}),
    ("half of five is two", after((100.0, 104.25, 99.0, 104.0)), [entry(0, quantity=5.0), target(1, quantity=2.0)], "", {}, {"max_quantity": 5}),
    ("the rest goes at the second target", after((100.0, 104.25, 99.0, 104.0), (104.0, 106.25, 103.0, 106.0)),
     [entry(0, quantity=2.0), target(1), target(2, 106.0, leg="TARGET2")], "TP2", {"target2": 106.0}, {"max_quantity": 2}),
    ("both targets in one bar", after((100.0, 106.25, 99.0, 104.0)), [entry(0, quantity=2.0), target(1), target(1, 106.0, leg="TARGET2")], "TP2",
     {"target2": 106.0}, {"max_quantity": 2}),
    ("an open through both targets", after((107.0, 107.0, 97.0, 98.0)), [entry(0, quantity=2.0), target(1), target(1, 106.0, leg="TARGET2")], "TP2",
     {"target2": 106.0}, {"max_quantity": 2}),
    ("an open through the first target, then the stop", after((104.25, 104.5, 98.0, 98.5)), [entry(0, quantity=2.0), target(1), stop(1, 97.75)], "SL", {},
     {"max_quantity": 2}),
    ("after the target a stop follows the confirmed swing low", after(
        (100.0, 104.25, 99.5, 104.0), (103.5, 104.0, 103.0, 103.5), (103.5, 104.0, 103.0, 103.5), (103.5, 103.75, 102.5, 103.0), (103.0, 104.0, 103.0, 103.5),
        (103.5, 104.0, 103.0, 103.5), (103.5, 103.5, 102.0, 102.5)),
     [entry(0, quantity=2.0), target(1), stop(7, 101.75)], "TRAIL", {"trail_buffer": 0.4}, {"max_quantity": 2}),
    # --- volume ------------------------------------------------------------------------------------------------------------------------------
    ("a tenth of the volume a bar", [(*FILL, 29.0), (1, 100.25, 100.5, 99.75, 100.0, 20.0), (2, 100.25, 100.5, 99.75, 100.0, 900.0)],
     [entry(0, quantity=2.0), entry(1, quantity=2.0), entry(2, quantity=1.0)], "", {}, {"max_quantity": 5}),
    ("one lot even where nothing traded", [(*FILL, 0.0)], [ONE], "", {}, {"max_quantity": 5}),
    ("all of it where the volume is unknown", [FILL], [entry(0, quantity=5.0)], "", {}, {"max_quantity": 5}),
    ("exits are not capped", [(*FILL, 900.0), (1, 100.0, 100.5, 98.0, 99.0, 10.0)], [entry(0, quantity=5.0), stop(1, 97.75, 5.0)], "SL", {},
     {"max_quantity": 5}),
    ("what still works meets the stop in the bar that fills it", [(*FILL, 20.0), (1, 100.25, 100.5, 98.0, 98.5, 10.0)],
     [entry(0, quantity=2.0), entry(1), stop(1, 97.75, 3.0)], "SL", {}, {"max_quantity": 5}),
    ("the target waits where a part fills inside the bar", [(*FILL, 20.0), (1, 100.25, 104.25, 99.75, 104.0, 10.0)],
     [entry(0, quantity=2.0), entry(1)], "", {}, {"max_quantity": 5}),
    ("the target ends what still works", [(*FILL, 20.0), (1, 100.25, 104.25, 100.0, 104.0, 10.0), (2, 101.0, 101.5, 100.5, 101.0, 900.0)],
     [entry(0, quantity=2.0), target(1)], "", {}, {"max_quantity": 5}),
    ("an open through the target comes before a further part", [(*FILL, 20.0), (1, 104.25, 104.5, 99.75, 101.0, 900.0)],
     [entry(0, quantity=2.0), target(1)], "", {}, {"max_quantity": 5}),
    ("breakeven follows the average entry", [(0, 100.0, 102.5, 100.0, 102.0, 10.0), (1, 102.0, 102.0, 101.5, 102.0, 900.0),
                                             (2, 102.0, 104.25, 101.75, 104.0, 900.0), (3, 104.0, 104.0, 101.25, 102.0, 900.0)],
     [entry(0, "MARKET", 100.25), entry(1, "MARKET", 102.25), target(2), stop(3, 101.25)], "BE", {"order_type": k.MARKET}, {"max_quantity": 2}),
    # --- session end, news, roll -------------------------------------------------------------------------------------------------------------
    ("five minutes before the session end everything goes at the open", [*after(), *quiet(1, 15)], [ONE, leave(15, 100.0)], "SESSION_END", {}, {}, {},
     {"SESSION_LEFT_NS": 20.0 * w.MINUTE}),
    ("without a bar then, at the first one after it", [*after(), (40, 99.0, 99.5, 98.5, 99.0)], [ONE, leave(40, 98.75)], "SESSION_END", {}, {}, {},
     {"SESSION_LEFT_NS": 20.0 * w.MINUTE}),
    ("an order that works is cancelled five minutes before the session end", quiet(0, 15), [], "SESSION_END", {"valid": 30}, {}, {},
     {"SESSION_LEFT_NS": 20.0 * w.MINUTE}),
    ("a desk that may hold over night stays", [*after(), *quiet(1, 15)], [ONE], "", {}, {"flat_session": 0}, {}, {"SESSION_LEFT_NS": 20.0 * w.MINUTE}),
    ("a first bar inside a news window ends the order", [(*FILL, w.NONE, 0, 20231114, 2)], [], "NEWS_BLACKOUT"),
    ("a news window that begins ends a resting order", [(0, *REST), (*((1,) + FILL[1:]), w.NONE, 0, 20231114, 2)], [], "NEWS_BLACKOUT"),
    ("a news window leaves the stop", [FILL, (1, 100.0, 100.5, 98.0, 99.0, w.NONE, 0, 20231114, 2)], [ONE, stop(1, 97.75)], "SL"),
    ("a roll closes at the last price of the old contract", [*after((100.0, 101.0, 99.5, 100.5)), (2, 120.0, 121.0, 119.0, 120.0, w.NONE, 0, 20231115, 1)],
     [ONE, leave(2, 100.25)], "ROLL"),
    ("a roll ends a resting order", [(0, *REST), (1, 97.0, 98.0, 96.0, 97.0, w.NONE, 0, 20231115, 1)], [], "ROLL"),
    # --- what ends an order, and a position that goes nowhere --------------------------------------------------------------------------------
    ("the target traded first", [(0, 100.25, 104.0, 100.0, 103.0), (1, 101.0, 101.5, 99.75, 100.0)], [], "MISSED"),
    ("one tick before the target is not missed", [(0, 100.25, 103.75, 100.0, 103.0), (1, 101.0, 101.5, 99.75, 100.0)], [entry(1)], ""),
    ("the target traded before a late order existed", [(0, 100.25, 104.0, 100.0, 101.0), (1, *REST), (2, 100.25, 100.5, 99.75, 100.0)], [], "MISSED", {},
     {"latency_ns": LATE}),
    ("a setup that does not mind is not missed", [(0, 100.25, 104.0, 100.0, 103.0), (1, 101.0, 101.5, 99.75, 100.0)], [entry(1)], "", {"invalid_flags": 0}),
    ("a close beyond the stop before the order existed", [(0, 99.0, 99.0, 97.0, 97.75), (1, 98.5, 100.0, 98.25, 99.0), (2, 100.0, 100.5, 99.5, 100.0)], [],
     "CLOSE_BEYOND_STOP", {}, {"latency_ns": LATE}),
    ("a close at the stop ends nothing", [(0, 99.0, 99.0, 97.0, 98.0), (1, 98.5, 100.0, 98.25, 99.0), (2, 100.0, 100.5, 99.5, 100.0)], [entry(2)], "", {},
     {"latency_ns": LATE}),
    ("a shift of structure against it ends the order", quiet(0, 5), [], "OPPOSITE_MSS", {}, {}, {}, {"MSS_DIR": -1.0}),
    ("a shift in its favour does not", [*quiet(0, 4), (5, 100.25, 100.5, 99.75, 100.0)], [entry(5)], "", {}, {}, {}, {"MSS_DIR": 1.0}),
    ("high conviction against it ends the order", quiet(0, 5), [], "TCC_AGAINST", {"invalid_flags": 8}, {}, {}, {"TCC_CLASS": 4.0, "TCC_DIR": -1.0}),
    ("medium conviction does not", [*quiet(0, 4), (5, 100.25, 100.5, 99.75, 100.0)], [entry(5)], "", {"invalid_flags": 8}, {}, {},
     {"TCC_CLASS": 3.0, "TCC_DIR": -1.0}),
    ("after its bars without half an R a position goes", [*after(), *quiet(1, 10)], [ONE, leave(10, 100.0)], "STALE", {}, {"stale_bars": 2}),
    ("half an R lets it stay", [*after((100.25, 101.0, 100.0, 100.25)), *quiet(2, 10)], [ONE], "", {}, {"stale_bars": 2}),
]
assert len(CASES) >= 60


def mirror(price):
    """Prices seen in a mirror at 100."""
    return 200.0 - price


def mirrored_bars(bars):
    return [(bar[0], mirror(bar[1]), mirror(bar[3]), mirror(bar[2]), mirror(bar[4]), *bar[5:]) for bar in bars]


def ran_case(bars, setup=None, policy=None, instrument=None, context=None, side=1):
    changes, context = dict(setup or {}), dict(context or {})
    valid, aim, second = changes.pop("valid", 10), changes.pop("target", 104.0), changes.pop("target2", w.NONE)
    if side < 0:
        bars, aim, second = mirrored_bars(bars), mirror(aim), mirror(second)
        context |= {name: -context[name] for name in ("MSS_DIR", "TCC_DIR") if name in context}
    given_setup = w.setup(0, 100.0, 98.0 if side > 0 else 102.0, aim, valid, target2=second, **changes)
    return w.one_trade(bars, given_setup, policy, {"stop_cap": 30, **(instrument or {})}, context, capital=150_000.0)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case[0]) for case in CASES])
def test_a_bar_fills_as_worked_by_hand(case, side):
    _, bars, fills, reason, *rest = case
    ran = ran_case(bars, *rest, side=side)
    seen = [(minute, leg, kind, price if side > 0 else mirror(price), quantity) for minute, leg, kind, price, quantity in ran.fills]
    assert seen == fills and not ran.refused
    ends = ran.exits or [c.REASONS[e["code"]] for e in ran.of(c.E_ORDER) if e["i"] == c.LEG_ENTRY and e["j"] == c.O_CANCEL and not fills]
    assert ends == ([reason] if reason else [])


def test_a_bar_that_reaches_stop_and_target_is_told_apart():
    both, one = ran_case(after((100.0, 104.25, 98.0, 103.0))), ran_case(after((100.0, 103.0, 98.0, 103.0)))
    assert [trade["ambiguous"] for trade in (*both.trades, *one.trades)] == [1, 0]


def test_a_tick_that_floats_cannot_hold_is_still_a_grid():
    """Tick 0.1: the limit 2000.1 needs 2000.0, the stop 1998.1 fills at 1998.0, the target 2004.1 needs 2004.2."""
    grid = {"tick": 0.1}
    given_setup = w.setup(0, 2000.1, 1998.1, 2004.1)
    touched = w.one_trade([(0, 2000.2, 2000.3, 2000.1, 2000.2)], given_setup, instruments=grid)
    stopped = w.one_trade([(0, 2000.2, 2000.3, 2000.0, 2000.2), (1, 2000.0, 2000.1, 1998.1, 1999.0)], given_setup, instruments=grid)
    reached = w.one_trade([(0, 2000.2, 2000.3, 2000.0, 2000.2), (1, 2000.0, 2004.2, 1999.0, 2004.0)], given_setup, instruments=grid)
    assert not touched.fills
    assert [round(fill[3], 9) for fill in stopped.fills] == [2000.1, 1998.0] and [round(fill[3], 9) for fill in reached.fills] == [2000.1, 2004.1]


def test_a_limit_that_waits_below_the_market_is_asked_only_for_its_stop():
    """A buy limit at 100 with the close at 103: no slippage yet at the decision nor at the first open; it fills when the market comes."""
    line = w.tape([(-1, 103.0, 103.0, 103.0, 103.0), (0, 103.5, 104.0, 103.0, 103.5), (1, 101.0, 101.0, 99.75, 100.0)])
    waiting = w.setup(0, 100.0, 98.0, 104.0, invalid_flags=0)
    ran = w.run(line, w.world(line, [waiting], w.decision_rows(line), limits=w.policy(max_quantity=1, ev_min=-9)))
    assert not ran.refused and ran.fills == [entry(1)]


def test_money_of_a_trade_by_hand():
    """Two contracts at 100; one out at 104, one at 100.25 less a tick: (4 + 0) * 50 - 4 * 2.50 = 190; R = 190 / (2 * 2 * 50).

    The second one was still held at the high of 104.25 and at the low of 99: excursions of 4.25 and 1 point over a risk of 2.
    """
    ran = ran_case(after((100.0, 104.25, 99.0, 104.0), (101.0, 101.0, 100.25, 101.0)), policy={"max_quantity": 2})
    (trade,) = ran.trades
    assert (trade["gross"], trade["fees"], trade["net"], trade["r"]) == (200.0, 10.0, 190.0, 0.95)
    assert (trade["entry"], trade["exit"], trade["risk_points"], trade["risk_usd"]) == (100.0, 102.0, 2.0, 200.0)
    assert trade["mfe_r"] == 2.125 and trade["mae_r"] == 0.5 and trade["balance"] == 150_190.0


# --- what holds for any market -----------------------------------------------------------------------------------------------------------------

def carrying(line, around, seed):
    """Of every other seed held futures are carried over their rolls, most of which have a known gap."""
    rng, at = np.random.default_rng(seed), np.flatnonzero(line.flags & BAR_ROLL)
    rows = [(line.ts[i], line.symbol[i], A_ROLL, 0.25 * int(rng.integers(-60, 61))) for i in at if rng.random() < 0.9]
    around.policy["roll_carry"] = seed % 2
    return around._replace(actions=np.array(rows, ACTION_DTYPE))


def price_bounds(line):
    keys = zip(line.ts.tolist(), line.symbol.tolist(), strict=True)
    return dict(zip(keys, zip(line.low.tolist(), line.high.tolist(), strict=True), strict=True))


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_every_fill_is_a_price_that_could_be_had_after_its_order_and_the_money_adds_up(seed):
    line, around, capital = made_world(seed)
    around.context[:, k.C_RATE] = 1.0
    around = carrying(line, around, seed)
    ran = w.run(line, around, capital, tactics=2)
    bounds, placed, cash, open_cost = price_bounds(line), {}, capital, {}
    for e in ran.events:
        if e["kind"] == c.E_ORDER and e["i"] == c.LEG_ENTRY and e["j"] == c.O_NEW:
            placed[e["plan"]] = e["ts"]
        if e["kind"] != c.E_FILL:
            continue
        symbol, price, quantity, entering = e["symbol"], e["a"], e["b"], e["i"] == c.LEG_ENTRY
        d = int(around.setups[e["setup"]]["direction"])
        instrument = around.instruments[symbol]
        assert e["ts"] >= placed[e["plan"]]
        if (e["ts"], symbol) in bounds:                             # a roll and the run's end fill at a close
            low, high = bounds[e["ts"], symbol]
            kind = c.FILL_KINDS[e["j"]]
            resting = kind in ("OPEN", "TARGET") or (kind == "GAP" and entering)      # a limit that a gap passed fills at its own price, the worse one
            slip = e["d"] + instrument["tick"]                       # what was paid, rounded against the account
            assert resting or low - slip - 1e-9 <= price <= high + slip + 1e-9
            buys = d > 0 if entering else d < 0
            assert not resting or (price >= low - 1e-9 if buys else price <= high + 1e-9)
        assert abs(price / instrument["tick"] - round(price / instrument["tick"])) < 1e-6
        value = float(instrument["micro_point_value" if e["k"] else "point_value"])
        side = d if entering else -d
        cash -= side * price * quantity * value + e["c"]
        held, cost = open_cost.get(e["plan"], (0.0, 0.0))
        if entering:
            open_cost[e["plan"]] = held + quantity, cost + d * price * quantity * value
        else:
            open_cost[e["plan"]] = held - quantity, cost * (held - quantity) / held
        assert open_cost[e["plan"]][0] == pytest.approx(e["e"]) and e["e"] >= 0
        assert e["f"] == pytest.approx(cash + sum(cost for _, cost in open_cost.values()), abs=1e-9 * capital)


def reflected(line, around, pivot):
    """The same market upside down: prices mirrored, directions and returns turned, limits that read a price level switched off."""
    turned = Tape(line.ts, line.ts_close, line.symbol, *(2 * pivot - one for one in (line.open, line.low, line.high, line.close)), line.volume, line.day,
                  line.flags)
    setups, context, actions = around.setups.copy(), around.context.copy(), around.actions.copy()
    actions["amount"] *= -1                                    # gaps of rolls
    for name in ("entry", "stop", "target", "target2", "invalid_price", "limit_price"):
        setups[name] = 2 * pivot - setups[name]
    setups["direction"] *= -1
    context[:, k.C_CLOSE] = 2 * pivot - context[:, k.C_CLOSE]
    for column in (k.C_MSS_DIR, k.C_TCC_DIR):
        context[:, column] *= -1
    context[:, [k.C_TCC_SCORE_LONG, k.C_TCC_SCORE_SHORT]] = context[:, [k.C_TCC_SCORE_SHORT, k.C_TCC_SCORE_LONG]]
    market = context[:, k.C_MCS]
    context[:, k.C_MCS] = np.where(market == c.MCS_TREND_UP, c.MCS_TREND_DOWN, np.where(market == c.MCS_TREND_DOWN, c.MCS_TREND_UP, market))
    return turned, World(around.row_ts, around.row_symbol, context, setups, -around.returns, around.instruments, around.policy, actions)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_market_upside_down_trades_upside_down(seed):
    line, around, capital = made_world(seed)
    around.policy["allow_short"], around.policy["max_gross"], around.policy["var95"], around.policy["es975"] = 1, 1e9, 9.0, 9.0
    around.policy["cash_only"], around.policy["max_symbol"], around.policy["max_group_notional"] = 0, 1e9, 1e9
    for name in ("fee_bps", "micro_fee_bps", "fee_max_bps", "micro_fee_max_bps"):
        around.instruments[name] = 0.0
    around.instruments["min_notional"] = 0.0                   # money at a price is not the same on the other side
    around.setups["directional_gate"] = False                  # its veto is not the same for buyers and sellers
    if around.policy["trail_ticks"] == 0.0:                    # a share of the price is another distance on the other side
        around.policy["trail_ticks"] = 8.0
    around.setups["direction"][around.setups["direction"] == 0] = 1                        # an open call gives the prices of its long side
    around, pivot = carrying(line, around, seed), 4096.0
    up, down = w.run(line, around, capital, tactics=2), w.run(*reflected(line, around, pivot), capital, tactics=2)
    assert up.fills == [(minute, leg, kind, 2 * pivot - price, quantity) for minute, leg, kind, price, quantity in down.fills]
    assert up.refused == down.refused and up.exits == down.exits
    np.testing.assert_allclose([t["net"] for t in up.trades], [t["net"] for t in down.trades], atol=1e-6)
    for name in ("r", "mae_r", "mfe_r"):
        np.testing.assert_allclose([t[name] for t in up.trades], [t[name] for t in down.trades], atol=1e-9)


