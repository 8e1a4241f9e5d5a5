"""What an account may still do: margin and its call, borrowed shares, the daily limit, orders that travel slowly, clocks that differ.  Figures by hand."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.engine.desk import Mode
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.watch import civil_day
from tests.engine.external import Scripted, reports
from tests.engine.made import batches, bodies, journal_lines, state_of
from tests.engine.plain import PRICE, at, entry, market
from tests.kernels import worlds as w

MARKET = {"order_type": k.MARKET}
MONEY = {"margin_is_money": 1, "margin": (13_200.0, 12_000.0), "micro_margin": (1_320.0, 1_200.0)}
LOOSE = {"max_quantity": 100, "max_gross": 900, "max_concurrent": 1.0, "max_daily_loss": 1.0, "ev_min": -9, "max_group": 99, "max_risk": 1.0, "r_unit": 1.0,
         "equity_drawdown": 1.0, "equity_recovered": 0.5, "flat_session": 0, "stale_bars": 9999, "session_left_ns": 0}


def still(setup, limits=None, instrument=None, bars=(), capital=100_000.0, minutes=12):
    line = [(m, *([setup["entry"][0]] * 4)) for m in range(minutes)]
    for bar in bars:
        line[bar[0]] = bar
    return w.one_trade(line, setup, {**LOOSE, **(limits or {})}, {"has_micro": 0, "slippage_ticks": 0, "fee_unit": 0, **(instrument or {})}, capital=capital)


def entries(ran):
    return [e["b"] for e in ran.of(c.E_ORDER) if e["i"] == c.LEG_ENTRY and e["j"] == c.O_NEW]


# --- margin ------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("capital", "quantity"), [(100_000.0, 7.0), (92_400.0, 7.0), (92_399.0, 6.0), (13_200.0, 1.0)])
def test_initial_margin_reduces_to_what_equity_carries(capital, quantity):
    """13,200 a contract: 100,000 carry seven (92,400)."""
    setup = w.setup(0, 4000.0, 3996.0, 4016.0, size_multiple=1.0, **MARKET)
    assert entries(still(setup, {"margin": 1}, MONEY, capital=capital)) == [quantity]
    assert entries(still(setup, {"margin": 0}, MONEY, capital=capital))[0] > quantity


def test_without_equity_for_one_contract_the_reason_is_margin():
    ran = still(w.setup(0, 4000.0, 3996.0, 4016.0, size_multiple=1.0, **MARKET), {"margin": 1}, MONEY, capital=13_199.0)
    assert ran.refused == {0: "MARGIN"}
    told = [e for e in ran.of(c.E_GATES) if e["j"] == c.G_EXPOSURE][-1]
    assert told["b"] == 1.0 and told["a"] > 1.0


def test_a_contract_that_margin_forbids_gives_way_to_its_micro():
    setup = w.setup(0, 4000.0, 3996.0, 4016.0, size_multiple=0.2, **MARKET)
    ran = still(setup, {"margin": 1, "allow_micro": 1}, {**MONEY, "has_micro": 1, "micro_fee_unit": 0}, capital=13_199.0)
    assert entries(ran) == [9.0]                                           # of 131 that the risk allows, 13,199 / 1,320 carry 9


@pytest.mark.parametrize(("direction", "shares"), [(1, 2000.0), (-1, 1000.0)])
def test_regulation_t_carries_twice_the_equity_in_shares_and_asks_its_own_of_short_ones(direction, shares):
    """100,000 at 100 a share: half of the value to buy; here the whole of it beside the proceeds to sell short."""
    stock = {"tick": 0.01, "point_value": 1.0, "stop_cap": w.NONE, "margin_open": (1.0, 0.5), "margin_keep": (0.3, 0.25)}
    setup = w.setup(0, 100.0, 100.0 - 2 * direction, 100.0 + 8 * direction, confidence=1.0, size_multiple=1.0, **MARKET)
    ran = still(setup, {"margin": 1, "shares": 1, "max_quantity": 100_000}, stock)
    assert entries(ran) == [shares]


def test_under_maintenance_positions_go_at_the_next_open_the_worst_first():
    """Two positions of one contract ask 24,000 to keep.  A fall of 40 points in the second (2,000) leaves 23,900: it goes, and the other stays."""
    bars = [(m, *(4000.0 if s == 0 or m < 10 else 3960.0,) * 4, w.NONE, s) for m in range(-1, 20) for s in (0, 1)]
    line = w.tape(bars)
    setups = [w.setup(0, 4000.0, 3900.0, 4400.0, symbol=s, size_multiple=1.0, invalid_flags=0, **MARKET) for s in (0, 1)]
    instruments = [w.instrument(has_micro=0, group=-1, slippage_ticks=0, fee_unit=0, stop_cap=500, **{**MONEY, "margin": (12_900.0, 12_000.0)})] * 2
    limits = w.policy(**{**LOOSE, "margin": 1, "max_quantity": 1})
    ran = w.run(line, w.world(line, setups, w.decision_rows(line), instruments, limits), 25_900.0)
    assert [(trade["symbol"], c.REASONS[trade["reason"]], (trade["exit_ts"] - w.START) // w.MINUTE) for trade in ran.trades] == [(1, "MARGIN_CALL", 15)]
    assert ran.state.plans[0]["held"] == 1.0


def test_a_margin_call_cancels_what_has_not_filled():
    bars = [(m, *(4000.0 if m < 10 else 3880.0,) * 4, w.NONE, 0) for m in range(-1, 20)] + []
    line = w.tape(sorted(bars + [(m, *(1000.0,) * 4, w.NONE, 1) for m in range(-1, 20)], key=lambda bar: (bar[0], bar[6])))
    setups = [w.setup(0, 4000.0, 3800.0, 4800.0, size_multiple=1.0, invalid_flags=0, **MARKET),
              w.setup(0, 990.0, 970.0, 1060.0, symbol=1, valid=60, size_multiple=1.0, invalid_flags=0)]
    instruments = [w.instrument(has_micro=0, group=-1, slippage_ticks=0, fee_unit=0, stop_cap=500, **MONEY)] * 2
    ran = w.run(line, w.world(line, setups, w.decision_rows(line), instruments, w.policy(**{**LOOSE, "margin": 1, "max_quantity": 1})), 27_000.0)
    cancelled = [(e["symbol"], c.REASONS[e["code"]]) for e in ran.of(c.E_ORDER) if e["j"] == c.O_CANCEL and e["i"] == c.LEG_ENTRY]
    assert cancelled == []                                                # 21,000 are left: enough for the 12,000 that are held
    deeper = w.run(line, w.world(line, setups, w.decision_rows(line), instruments, w.policy(**{**LOOSE, "margin": 1, "max_quantity": 1})), 26_400.0 - 8_500.0)
    assert deeper.refused == {1: "MARGIN"} and [c.REASONS[t["reason"]] for t in deeper.trades] == ["MARGIN_CALL"]


# --- short sales --------------------------------------------------------------------------------------------------------------------------------


def test_what_nobody_lends_is_not_sold_short():
    ran = still(w.setup(0, 100.0, 102.0, 92.0), instrument={"shortable": 0})
    assert ran.refused == {0: "NOT_SHORTABLE"}
    assert entries(still(w.setup(0, 100.0, 98.0, 108.0), instrument={"shortable": 0}))


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(0, 4000))
def test_nights_are_those_of_the_calendar(first, nights):
    last = first + timedelta(days=nights)
    number = [one.year * 10_000 + one.month * 100 + one.day for one in (first, last)]
    assert civil_day.py_func(number[1]) - civil_day.py_func(number[0]) == nights


def test_borrowed_shares_cost_their_rate_for_every_night():
    """Friday to Monday are three nights: 100 contracts of 50 a point at 100 are 500,000; at 7.3 % a year 100 a night."""
    line = w.tape([(m, *(100.0,) * 4, w.NONE, 0, 20231117 if m < 10 else 20231120, 0) for m in range(-1, 20)])
    short = w.setup(0, 100.0, 104.0, 90.0, size_multiple=1.0, invalid_flags=0, **MARKET)
    instrument = w.instrument(has_micro=0, slippage_ticks=0, fee_unit=0, borrow_rate=0.073)
    ran = w.run(line, w.world(line, [short], w.decision_rows(line), [instrument], w.policy(**LOOSE)), 100_000.0)
    (charge,) = ran.of(c.E_CHARGE)
    assert c.REASONS[charge["code"]] == "BORROW" and charge["a"] == pytest.approx(300.0) and (charge["c"], charge["d"], charge["e"]) == (100.0, 0.073, 3.0)
    account = ran.state.account[0]
    assert account["balance"] == pytest.approx(99_700.0) and account["charges"] == pytest.approx(300.0)
    assert account["day_start_equity"] == pytest.approx(99_700.0)
    long = w.setup(0, 100.0, 96.0, 110.0, size_multiple=1.0, invalid_flags=0, **MARKET)
    assert not w.run(line, w.world(line, [long], w.decision_rows(line), [instrument], w.policy(**LOOSE)), 100_000.0).of(c.E_CHARGE)


def test_the_journal_says_what_was_borrowed():
    prepared = market([entry(10, direction=-1, **MARKET)], day_minutes=30, flat_session=0, max_slippage_r=9)
    prepared.world.instruments["borrow_rate"] = 0.5
    (body,) = bodies(list(batches(prepared)), "CHARGE")
    assert (body["reason"], body["symbol"], body["nights"], body["rate_a_year"]) == ("BORROW", "ES", 1, 0.5) and body["cost_usd"] > 0


# --- the day's loss -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flatten", "reason"), [(1, ["DAILY_LOSS"]), (0, [])])
def test_at_the_daily_limit_positions_stay_behind_their_stops_unless_they_are_to_go(flatten, reason):
    """One contract loses 20 points, 1,000 of 100,000: the limit of 1 % is reached at the decision of 10, and the next open is that of minute 10."""
    setup = w.setup(0, 4000.0, 3950.0, 4200.0, size_multiple=1.0, invalid_flags=0, **MARKET)
    bars = [(m, *((4000.0 if m < 6 else 3980.0,) * 4)) for m in range(6, 12)]
    ran = still(setup, {"max_quantity": 1, "max_daily_loss": 0.01, "flatten_on_limit": flatten, "max_risk": 0.03, "r_unit": 0.03}, {"stop_cap": 100}, bars)
    assert ran.refused == {0: "DAILY_LOSS_PROJECTED"}                      # 50 points are 2.5 %
    ran = still(w.setup(0, 4000.0, 3979.75, 4200.0, size_multiple=1.0, invalid_flags=0, **MARKET),
                {"max_quantity": 1, "max_daily_loss": 0.0102, "flatten_on_limit": flatten}, {"stop_cap": 100}, bars)
    assert ran.exits == []
    ran = still(w.setup(0, 4000.0, 3979.75, 4200.0, size_multiple=1.0, invalid_flags=0, **MARKET),
                {"max_quantity": 1, "max_daily_loss": 0.0102, "flatten_on_limit": flatten}, {"stop_cap": 100, "point_value": 50, "fee_unit": 20}, bars)
    assert ran.exits == reason


# --- orders that travel, clocks that differ ---------------------------------------------------------------------------------------------------------


def outside(setups, given_, symbols=("ES",), **more):
    prepared = market(setups, symbols, mode=Mode(end_ns=at(200), external=True, close_at_end=False), minutes=200, trail_swing=0, partial=0.0,
                      cooldown_entry_ns=0, **more)
    broker, state = Scripted(len(symbols), given_), state_of(prepared)
    return list(batches(prepared, broker=broker, state=state)), state


def ack(minute, ms, plan=1, **more):
    return {"ts": at(minute) + int(ms * 1e6), "kind": c.I_ACK, "plan": plan, "leg": c.LEG_ENTRY, **more}


def gone(minute, plan):
    return {"ts": at(minute), "kind": c.I_CANCELLED, "plan": plan, "leg": c.LEG_ENTRY}


@pytest.mark.parametrize(("ms", "amount", "ended"), [
    (99, 0.0, "EXPIRED"), (100, 0.0, "EXPIRED"), (101, 0.0, "LATENCY"), (5, 0.2, "LATENCY"), (900, 0.05, "EXPIRED")])
def test_an_order_that_took_over_a_tenth_of_a_second_is_cancelled(ms, amount, ended):
    """The acknowledgement's own figure counts where it has one."""
    found, state = outside([entry(10)], reports(ack(10, ms, amount=amount)))
    assert [body["reason"] for body in bodies(found, "ORDER") if body["action"] == "CANCEL"] == [ended]
    assert state.account[0]["timed"] == 1 and state.account[0]["trips_ns"][0] == pytest.approx(amount * 1e9 or ms * 1e6)


def test_a_second_acknowledgement_of_an_order_times_nothing():
    assert outside([entry(10)], reports(ack(10, 10), ack(11, 10)))[1].account[0]["timed"] == 1


def test_entries_end_while_the_median_round_trip_is_slow():
    """Trips of 40, 300 and 200 ms: medians 40, 170 and 200; at 100 ms the third is not sent any more, so that the median stays 170."""
    given_ = [ack(5, 40, 1), gone(12, 1), ack(20, 300, 2), gone(27, 2), ack(35, 200, 3), gone(42, 3)]
    for limit, blocked in ((100e6, [35, 50]), (180e6, [50]), (400e6, [])):
        found, _ = outside([entry(5), entry(20), entry(35), entry(50)], reports(*given_), max_latency_ns=limit)
        over = [(ts - at(0)) // 60_000_000_000 for kind, ts, body in journal_lines(found) if kind == "PASSED_OVER" and body["reason"] == "LATENCY"]
        assert over == blocked
    told = [gate for body in bodies(found, "GATES") for gate in body["gates"] if gate[0] == "spread"]
    assert told[0][4] == "UNMEASURED"


def test_a_ring_keeps_the_last_twenty():
    setups = [entry(5 * n) for n in range(1, 31)]
    given_ = [report for n in range(1, 31) for report in (ack(5 * n, 10, n, amount=0.01 if n < 12 else 0.09), gone(5 * n + 4.5, n))]
    _, state = outside([{**one, "valid_until": one["ts"] + 180_000_000_000} for one in setups], reports(*given_))
    assert state.account[0]["timed"] == 30 and np.median(state.account[0]["trips_ns"]) == pytest.approx(90e6)


@pytest.mark.parametrize(("skew", "ended"), [(2.0, []), (2.001, ["CLOCK"]), (-2.5, ["CLOCK"]), (0.0, [])])
def test_a_clock_that_differs_by_more_than_two_seconds_lets_nothing_in(skew, ended):
    found, _ = outside([entry(10)], reports({"ts": at(8), "kind": c.I_CLOCK, "amount": skew}))
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ended
    gate = next(gate for body in bodies(found, "GATES") for gate in body["gates"] if gate[0] == "data")
    assert (gate[2:] == [skew, 2.0, "CLOCK"]) == bool(ended)


def test_an_operator_that_resets_the_mark_closes_the_breaker():
    loss = {(0, minute): (PRICE, PRICE, PRICE - 4.0, PRICE - 4.0) for minute in (11,)}
    prepared = market([entry(10, **MARKET), entry(25, price=PRICE), entry(40, price=PRICE)], bars=loss, equity_drawdown=0.001, equity_recovered=0.0001,
                      max_slippage_r=9, cooldown_entry_ns=0, cooldown_stop_ns=0)
    broker = Scripted(1, reports({"ts": at(33), "kind": c.I_RESET_MARK}))
    found = list(batches(prepared, broker=broker))
    moves = [(body["from"], body["to"]) for body in bodies(found, "BREAKER") if body["breaker"] == "equity"]
    assert moves == [("CLOSED", "OPEN"), ("OPEN", "CLOSED")]
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["BREAKER_EQUITY"]


# --- spreads of shares ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "ticks", "passes"), [(10.0, 1.5, True), (10.0, 1.6, False), (200.0, 10.5, True), (200.0, 10.6, False)])
def test_the_ordinary_spread_of_a_share_is_a_cent_or_five_basis_points(price, ticks, passes):
    """At 10 a cent, one tick; at 200 ten cents; half a tick more is let through."""
    line = [(m, *(price,) * 4) for m in range(12)]
    ran = w.one_trade(line, w.setup(0, price, price - 2.0, price + 8.0), LOOSE, {"tick": 0.01, "is_share": 1, "point_value": 1, "stop_cap": w.NONE},
                      context={"SPREAD_TICKS": ticks})
    assert (ran.refused == {}) == passes and passes or ran.refused == {0: "SPREAD"}


def test_where_a_quote_is_required_its_absence_refuses():
    ran = still(w.setup(0, 4000.0, 3996.0, 4016.0), {"quotes_required": 1})
    assert ran.refused == {0: "SPREAD"}
