"""Risk bound by the closed trades of a tactic and grade: what the engine makes of a tally written by hand."""

import pytest

from pse.engine.state import Shape, fresh_state
from pse.kernels import codes as c
from tests.kernels import worlds as w

AWAY = [(minute, 100.0, 101.0, 100.0, 100.5) for minute in range(20)]
FREE = {"slippage_ticks": 0, "fee_unit": 0.0, "micro_fee_unit": 0.0}


def sized(trades, wins, limits=None, target=104.0, instrument=None, capital=100_000.0, closed=None):
    """(contracts of the plan, code and figures of the sizing gate of each contract size) of a buy at 100, stop 98, one unit, after such trades."""
    line = w.tape([(-1, 100.0, 100.0, 100.0, 100.0), *AWAY])
    around = w.world(line, [w.setup(0, 100.0, 98.0, target, 30, size_multiple=1.0)], w.decision_rows(line), [w.instrument(**(instrument or FREE))],
                     w.policy(ev_min=-9, ev_decay=1.0, kelly_share=0.25, **(limits or {})))
    state = fresh_state(Shape(1, 1), capital)
    state.tallies[0, 3]["trades"], state.tallies[0, 3]["wins"], state.tallies[0, 3]["win_r"] = trades, wins, 2.0 * wins
    state.tallies[0, 3]["closed"] = int(trades) if closed is None else closed
    ran = w.run(line, around, capital, state=state)
    told = [(c.REASONS[event["code"]], event["a"], event["b"]) for event in ran.of(c.E_GATES) if event["j"] == c.G_SIZING]
    plans = [event["e"] for event in ran.of(c.E_PLAN)]
    return plans[0] if plans else 0.0, told, ran.refused


def test_the_fraction_binds_where_it_is_the_smallest():
    """40 trades, 14 won, b 2: p = (14 + 1.25 / 3 x 20) / 60 = 0.3722; full 0.0583, a quarter 0.01458 is above 0.8 %.  13 won: p 0.3556, full 0.0333,
    a quarter 0.00833; 12 won: p 0.3389, full 0.0083, a quarter 0.00208, 208 USD over 100: 2 contracts."""
    assert sized(40, 14)[:2] == (8.0, [("OK", 8.0, 1.0)])
    assert sized(40, 12)[:2] == (2.0, [("KELLY", 2.0, 1.0)])


def test_under_thirty_trades_nothing_is_bound():
    assert sized(29, 0)[:2] == (8.0, [("OK", 8.0, 1.0)])
    assert sized(29, 0, {"kelly_min_trades": 29})[1][0][0] == "KELLY"


def test_trades_count_as_closed_however_much_they_have_faded():
    assert sized(12.0, 0, closed=30)[1][0][0] == "KELLY" and sized(40.0, 0, closed=29)[1][0][0] == "OK"


def test_a_fraction_of_nothing_refuses_with_its_figure():
    """30 trades, none won: p = 8.333 / 50 = 1 / 6; full 1/6 - 5/6 / 2 = -1/4.  The micro is not tried: it is no question of size."""
    quantity, told, refused = sized(30, 0)
    assert quantity == 0.0 and refused == {0: "KELLY"} and told == [("KELLY", pytest.approx(-0.25), 0.0)]


def test_costs_lower_the_reward():
    """Slippage 0.25 of 2 points: 0.125 R, fees 5 / 50 / 2 = 0.05 R; a limit's entry slips nothing.  b = 1.95 / 1.175; p as without them 0.3389."""
    full = 0.3388888889 - (1 - 0.3388888889) / (1.95 / 1.175)
    assert sized(40, 12, instrument={"slippage_ticks": 1})[1][0] == ("KELLY", pytest.approx(full), 0.0)


def test_where_the_fraction_is_too_small_for_a_contract_its_micro_is_tried():
    """208 USD of 100,000 over 2 points of 50: 2; of 40,000 it is 83 USD: none, and 8 micros."""
    assert sized(40, 12, capital=40_000.0)[:2] == (8.0, [("SIZE_ZERO", 0.0, 1.0), ("KELLY", 8.0, 1.0)])


def test_shares_are_bound_alike():
    """2 % x 0.7 of 100,000 is 1,400, over 2 x 50 a unit 14; the fraction 0.00208 is 208: 2."""
    limits = {"shares": 1, "max_risk": 0.02, "max_quantity": 1000, "max_gross": 50}
    assert sized(40, 12, limits)[:2] == (2.0, [("KELLY", 2.0, 1.0)])
