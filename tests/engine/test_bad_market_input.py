"""Input that no market can give, or none that may be traded on: refused with a code and numbers by the engine, never guessed."""

import math

import numpy as np
import pytest

from pse.domain.errors import OutsideError
from pse.engine.state import Shape, fresh_state, load_state, save_state
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.breakers import data_breaker, equity_breaker
from pse.kernels.gates import beside_grid, daily_loss_gate, exposure_gate, prices_fit, tail_gate
from tests.engine.made import batches, bodies, state_of
from tests.engine.plain import entry, market

NAN, INF = math.nan, math.inf


def refusal(setup=None, context=None, **policy):
    """(reason, [gate, passed, measured, allowed, code] of the first gate that said no) of one long at 4000, stop 3996, target 4008, decided at minute 10."""
    told = {(0, 10, column): value for column, value in (context or {}).items()}
    found = list(batches(market([entry(10, **(setup or {}))], context=told, **policy)))
    over = [body["reason"] for body in bodies(found, "PASSED_OVER")]
    gates = [gate for body in bodies(found, "GATES") for gate in body["gates"] if not gate[1]]
    return (over[0] if over else None), (gates[0] if gates else None)


def test_what_is_right_is_let_in():
    assert refusal() == (None, None)


@pytest.mark.parametrize(("setup", "reason", "measured", "allowed"), [
    ({"entry": -4000.0, "stop": -4004.0, "target": -3992.0}, "BAD_PRICE", -4000.0, 0.0),
    ({"entry": 0.0}, "BAD_PRICE", 0.0, 0.0), ({"stop": -1.0}, "BAD_PRICE", -1.0, 0.0), ({"stop": 0.0}, "BAD_PRICE", 0.0, 0.0),
    ({"target": -8.0}, "BAD_PRICE", -8.0, 0.0), ({"entry": NAN}, "BAD_PRICE", None, 0.0), ({"stop": NAN}, "BAD_PRICE", None, 0.0),
    ({"stop": INF}, "BAD_PRICE", None, 0.0), ({"target": INF}, "BAD_PRICE", None, 0.0),
    ({"stop": 4004.0}, "STOP_WRONG_SIDE", -4.0, 0.0), ({"stop": 4000.0}, "STOP_WRONG_SIDE", 0.0, 0.0),
    ({"stop": 3996.1}, "OFF_TICK", 3996.1, 3996.0), ({"target": 4008.2}, "OFF_TICK", 4008.2, 4008.25), ({"entry": 4000.1}, "OFF_TICK", 4000.1, 4000.0),
    ({"stop": 3991.75}, "SL_CAP", 8.25, 8.0), ({"stop": 3999.75}, "MIN_RISK", 0.25, 1.0)])
def test_prices_that_no_order_may_have_are_refused_with_the_price_and_what_would_do(setup, reason, measured, allowed):
    why, gate = refusal(setup, ev_min=-99)
    assert why == reason
    assert gate[0] == "bracket" and gate[4] == reason and (gate[2], gate[3]) == (measured, allowed)


def test_the_reference_of_a_market_order_is_no_price_of_an_order():
    assert refusal({"entry": 4000.1, "order_type": k.MARKET, "stop": 3996.0, "target": 4008.25}, max_slippage_r=9)[0] is None


@pytest.mark.parametrize(("column", "value", "reason"), [
    (k.C_ATR, 0.0, "ZERO_ATR"), (k.C_ATR, NAN, "ZERO_ATR"), (k.C_ATR, -1.0, "ZERO_ATR"), (k.C_READY, NAN, "NOT_READY"), (k.C_RATE, NAN, "NOT_READY"),
    (k.C_LAST_BAR_AGE_NS, NAN, "STALE_DATA"), (k.C_MCS, NAN, "MCS"), (k.C_SPREAD_TICKS, -1.0, "SPREAD"), (k.C_SPREAD_TICKS, 0.0, "SPREAD"),
    (k.C_SESSION_LEFT_NS, NAN, "SESSION_END")])
def test_a_decision_row_that_says_nothing_lets_nothing_in(column, value, reason):
    assert refusal(context={column: value})[0] == reason


def test_a_data_score_that_is_no_number_opens_the_breaker():
    found = list(batches(market([entry(10)], context={(0, 10, k.C_DATA_SCORE): NAN})))
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["BREAKER_DATA"]
    assert data_breaker(c.B_CLOSED, 0, NAN, 0.8, 3) == (c.B_OPEN, 0) and equity_breaker(c.B_CLOSED, NAN, 1.0, 1.0, 0.1, 0.05, 0.05) == c.B_OPEN


@pytest.mark.parametrize("confidence", [NAN, -1.0])
def test_a_confidence_that_is_no_number_is_too_low(confidence):
    assert refusal({"confidence": confidence})[0] == "MIN_CONFIDENCE"


@pytest.mark.parametrize("multiple", [NAN, 0.0, -1.0])
def test_a_size_of_nothing_is_no_size(multiple):
    assert refusal({"size_multiple": multiple})[0] == "SIZE_ZERO"


def test_a_quantity_below_a_lot_is_refused_with_the_lot():
    prepared = market([entry(10)], r_unit=1e-5, max_risk=1e-5)
    found = list(batches(prepared))
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["SIZE_ZERO"]
    sizing = [gate for body in bodies(found, "GATES") for gate in body["gates"] if gate[0] == "sizing"]
    assert sizing[-1][1:] == [False, 0.0, 1.0, "SIZE_ZERO"]


@pytest.mark.parametrize("money", [0.0, -5_000.0, NAN])
@pytest.mark.parametrize("shares", [0, 1])
def test_an_account_without_equity_enters_nothing(money, shares):
    prepared = market([entry(10)], shares=shares, max_daily_loss=1.0, equity_drawdown=1.0)
    state = state_of(prepared)
    for name in ("balance", "equity", "day_start_equity", "high_water"):
        state.account[0][name] = money
    found = list(batches(prepared, state=state))
    assert not bodies(found, "ORDER")
    (reason,) = [body["reason"] for body in bodies(found, "PASSED_OVER")]
    assert reason in ("BREAKER_EQUITY", "DAILY_LOSS")
    told = {gate[0]: gate for body in bodies(found, "GATES") for gate in body["gates"]}
    assert told["daily_loss"][1] is False and told["daily_loss"][4] == "DAILY_LOSS"


def test_gates_without_equity_refuse_and_divide_by_nothing():
    for equity in (0.0, -1.0, NAN):
        assert daily_loss_gate(equity, equity, 0.0, 1.0, 1.0)[0] is False
        assert exposure_gate(5.0, 1.0, equity, 0.0, 10.0, 0.05, 0.0, 0.0, 100.0, 5.0, 1.0, 0, 2)[0] == 0.0 or equity != equity
        assert tail_gate(np.array([1.0] * 10), 100, 60, equity, 0.02, 0.03)[0] is False


def test_prices_are_asked_in_order_and_a_target_that_is_none_fits():
    assert prices_fit(100.0, 99.0, NAN, 0.25, 1) == (True, 0.0, 0.0, c.R_OK)
    assert [beside_grid(value, 0.01) for value in (0.07, 1234567.89, 0.075, NAN, INF)] == [False, False, True, False, True]


@pytest.mark.parametrize("damage", [
    lambda saved: saved[:-1], lambda saved: saved[:50] + bytes([saved[50] ^ 1]) + saved[51:], lambda saved: b"", lambda saved: b"x" * 900,
    lambda saved: saved[:9] + (99).to_bytes(8, "little") + saved[17:], lambda saved: saved + b"\x00"])
def test_a_saved_state_that_was_cut_or_changed_is_refused(damage):
    """Breakers and rests are in it; a guess would open what has closed."""
    shape = Shape(2, 1)
    state = fresh_state(shape, 1_000.0)
    state.account[0]["equity_state"] = c.B_OPEN
    saved = save_state(state, shape)
    assert load_state(saved)[0].account[0]["equity_state"] == c.B_OPEN
    with pytest.raises(OutsideError, match="Start the session anew"):
        load_state(damage(saved))
