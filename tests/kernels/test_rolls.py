"""A future that is held while its contract rolls: closed at the old contract's last price, or carried over to the new one, by hand."""

import numpy as np
import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.state import A_ROLL, ACTION_DTYPE, BAR_ROLL
from tests.kernels import worlds as w

AS_IT_IS = k.NO_BREAKEVEN | k.NO_PARTIAL | k.NO_STALE
OLD = [(-1, 100, 100, 100, 100), (0, 100.25, 100.5, 99.75, 100), (1, 100, 101.25, 100, 101)]
NEW = [(2, 101, 101.5, 100.5, 101), (3, 101, 104.25, 100.75, 104)]            # on the old contract's scale; the new one stands `gap` above it


def rolled(side, gap, carry=1, known=True, flags=AS_IT_IS):
    """Buy at 100, stop 98, target 104; in the market when minute 2 begins the new contract."""
    bars = [(*bar, w.NONE, 0, 20231114, 0) for bar in OLD] + [(*bar, w.NONE, 0, 20231115, BAR_ROLL * (bar[0] == 2)) for bar in NEW]
    bars = [(bar[0], *(price + gap * (bar[0] >= 2) for price in bar[1:5]), *bar[5:]) for bar in bars]
    if side < 0:
        bars = [(bar[0], 200 - bar[1], 200 - bar[3], 200 - bar[2], 200 - bar[4], *bar[5:]) for bar in bars]
    line = w.tape(bars)
    given = w.setup(0, 100.0, 100 - 2 * side, 100 + 4 * side, plan_flags=flags, invalid_flags=0)
    rows = np.array([(w.START + 2 * w.MINUTE, 0, A_ROLL, side * gap)], ACTION_DTYPE) if known else np.zeros(0, ACTION_DTYPE)
    around = w.world(line, [given], w.decision_rows(line), limits=w.policy(max_quantity=1, ev_min=-9, roll_carry=carry))._replace(actions=rows)
    return w.run(line, around)


def long_side(ran, side):
    return [(minute, leg, kind, price if side > 0 else 200 - price) for minute, leg, kind, price, _ in ran.fills]


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("gap", [5.0, -3.25, 0.0])
def test_a_held_future_is_carried_over_with_the_costs_of_two_fills(side, gap):
    """Out at 101 less a tick, in a tick above the new contract's 101 + gap, out at the target, which moved with it.

    (100.75 - 100) + (104 - 101.25) = 3.5 points of 50, less four fees of 2.50.
    """
    ran = rolled(side, gap)
    assert long_side(ran, side) == [(0, "ENTRY", "LIMIT", 100.0), (2, "EXIT", "MARKET", 100.75), (2, "ENTRY", "MARKET", 101.25 + gap),
                                    (3, "TARGET1", "TARGET", 104.0 + gap)]
    (trade,) = ran.trades
    assert (trade["gross"], trade["fees"], trade["net"], trade["balance"]) == (175.0, 10.0, 165.0, 100_165.0)
    assert side * (trade["exit"] - trade["entry"]) == 3.5 and trade["risk_points"] == 2.0 and c.REASONS[trade["reason"]] == "TP1"
    assert (trade["mfe_r"], trade["mae_r"]) == (1.75, 0.125)                  # to the target and from 99.75, of the trade as a whole
    assert [c.REASONS[e["code"]] for e in ran.of(c.E_FILL)] == ["OK", "ROLL", "ROLL", "TP1"]


def test_the_stop_moves_with_the_contract():
    ran = rolled(1, 5.0)
    stops = [e["a"] for e in ran.of(c.E_ORDER) if e["i"] == c.LEG_STOP and e["j"] != c.O_CANCEL]
    assert stops == [98.0, 103.0]


@pytest.mark.parametrize(("carry", "known"), [(0, True), (1, False)], ids=["where the policy closes", "where nobody knows the gap"])
def test_a_held_future_is_closed_at_the_old_contracts_last_price(carry, known):
    ran = rolled(1, 5.0, carry, known)
    assert long_side(ran, 1)[1:] == [(2, "EXIT", "MARKET", 100.75)] and ran.exits == ["ROLL"]


def two_parts(gap, flags=k.NO_BREAKEVEN | k.NO_STALE, new=((2, 101, 101.5, 100.5, 101), (3, 101, 104.25, 100.75, 104))):
    """Two contracts bought at 100 with a stop of 98, a target of 101 and a second one of 104; minute 2 begins the new contract, `gap` above the old one."""
    bars = [(*bar, w.NONE, 0, 20231114, 0) for bar in OLD]
    bars += [(bar[0], *(price + gap for price in bar[1:]), w.NONE, 0, 20231115, BAR_ROLL * (bar[0] == 2)) for bar in new]
    line = w.tape(bars)
    given = w.setup(0, 100.0, 98.0, 101.0, target2=104.0, plan_flags=flags, invalid_flags=0)
    rows = np.array([(w.START + 2 * w.MINUTE, 0, A_ROLL, gap)], ACTION_DTYPE)
    limits = w.policy(max_quantity=2, ev_min=-9, roll_carry=1, min_reward_r=0.1, trail_swing=0)
    return w.run(line, w.world(line, [given], w.decision_rows(line), limits=limits)._replace(actions=rows))


@pytest.mark.parametrize("gap", [5.0, -3.25])
def test_what_left_on_the_old_contract_counts_on_the_scale_of_the_new_one(gap):
    """One out at 101 on the old contract, one at 104 + gap on the new: on average at 102.5 + gap.  1 + 0.75 + 2.75 points are 225."""
    (trade,) = two_parts(gap).trades
    assert (trade["exit"], trade["gross"]) == (102.5 + gap, 225.0)


def test_the_bars_of_the_old_contract_move_no_stop_on_the_new_one():
    """The new contract is 10 lower; 1R is reached in its first bar, but three bars of it are not there until minute 4, whose lowest low is 90.5."""
    new = ((2, 101, 102.5, 100.5, 102), (3, 102, 102.5, 101, 102), (4, 102, 102.5, 101, 102))
    told = two_parts(-10.0, k.TRAIL_BARS | k.NO_BREAKEVEN | k.NO_STALE, new)
    moved = [((e["ts"] - w.START) // w.MINUTE, e["a"]) for e in told.of(c.E_PLAN) if c.REASONS[e["code"]] == "TRAIL"]
    assert moved == [(5, 90.25)]
