"""With a broker outside the engine matches nothing: it says what to send, and positions move only by what is reported."""

import json

import numpy as np
import pytest

from pse.engine.desk import Mode
from pse.kernels import codes as c
from tests.engine.external import Scripted, fills_of, position, reports
from tests.engine.made import Shape, all_events, all_trades, batches, bodies, journal_lines, made, state_of
from tests.engine.plain import at, entry, market

OUTSIDE = {"trail_swing": 0, "partial": 0.0}
SAME = ("number", "setup", "symbol", "tactic", "grade", "direction", "micro", "quantity", "decided_at", "entry_ts", "day", "entry", "exit", "stop", "target",
        "risk_points", "risk_usd", "gross", "fees", "net", "r", "exits", "quality", "balance")


def live(setups, given, symbols=("ES",), **more):
    """(batches, broker, state) of an external run in a market that stands still."""
    prepared = market(setups, symbols, mode=Mode(end_ns=at(60), external=True, close_at_end=False), **{**OUTSIDE, **more})
    broker, state = Scripted(len(symbols), given), state_of(prepared)
    return list(batches(prepared, broker=broker, state=state)), broker, state


def fill(minute, leg, price, quantity=2.0, plan=1, **more):
    return {"ts": at(minute), "kind": c.I_FILL, "plan": plan, "leg": leg, "price": price, "quantity": quantity, "fee": 2.5 * quantity, **more}


@pytest.mark.parametrize("symbols", [("ES",), ("ES", "NQ")])
def test_a_broker_that_fills_what_the_simulation_filled_makes_the_same_trades(symbols):
    shape, compared = Shape(600, 40, symbols, rolls=False), 0
    for seed in range(60):
        end = int(made(seed, shape).until_ns)
        simulated = list(batches(made(seed, shape, Mode(end_ns=end, close_at_end=False))))
        outside = made(seed, shape, Mode(end_ns=end, close_at_end=False, external=True))
        found = list(batches(outside, broker=Scripted(len(symbols), fills_of(all_events(simulated)))))
        ours, theirs = all_trades(simulated), all_trades(found)
        assert ours.size == theirs.size, seed
        for name in SAME:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{seed} {name}")
        known = ours["entry_kind"] != c.F_OPEN          # a report does not say that a fill was at the open, so less of its bar counts towards breakeven
        assert (ours["reason"] == theirs["reason"])[known].all(), seed
        compared += ours.size
    assert compared > 100


def test_nothing_fills_by_itself():
    """The minute of 11 trades through the limit, the minute of 12 through the stop: no report, no position."""
    bars = {(0, 11): (4000.0, 4000.0, 3999.0, 4000.0), (0, 12): (4000.0, 4000.0, 3995.0, 4000.0)}
    found, broker, state = live([entry(10)], reports(), bars=bars)
    assert not bodies(found, "FILL") and not all_trades(found).size and state.account[0]["balance"] == 100_000.0
    assert [(body["leg"], body["action"], body["reason"]) for body in bodies(found, "ORDER")] == [("ENTRY", "NEW", "OK"), ("ENTRY", "CANCEL", "EXPIRED")]


def test_a_reported_fill_opens_the_position_and_sends_its_bracket():
    found, broker, state = live([entry(10)], reports(fill(11.5, c.LEG_ENTRY, 4000.0)))
    orders = [(body["leg"], body["action"], body["price"], body["quantity"]) for body in bodies(found, "ORDER")]
    assert orders == [("ENTRY", "NEW", 4000.0, 2.0), ("STOP", "NEW", 3996.0, 2.0), ("TARGET1", "NEW", 4008.0, 2.0)]
    assert state.plans[0]["held"] == 2.0 and state.account[0]["balance"] == 99_995.0


def test_a_fill_inside_a_bar_comes_before_that_bars_close():
    """Filled at 11.5, the bar of minute 11 closes beyond the stop: the position stands with its stop order, and is not disowned."""
    found, broker, state = live([entry(10)], reports(fill(11.5, c.LEG_ENTRY, 4000.0)), bars={(0, 11): (4000.0, 4000.0, 3994.0, 3994.0)})
    assert [body["leg"] for body in bodies(found, "FILL")] == ["ENTRY"] and not bodies(found, "NOTE")
    assert state.plans[0]["held"] == 2.0 and set(position(broker.sent, 1)) >= {c.LEG_STOP}


def test_a_partial_fill_is_covered_by_its_bracket_at_once_and_again_when_more_comes():
    found, broker, _ = live([entry(10)], reports(fill(11, c.LEG_ENTRY, 4000.0, 1.0), fill(13, c.LEG_ENTRY, 4000.0, 1.0)))
    stops = [(body["action"], body["quantity"]) for body in bodies(found, "ORDER") if body["leg"] == "STOP"]
    assert stops == [("NEW", 1.0), ("REPLACE", 2.0)]


def test_the_stop_ends_the_trade_and_takes_the_target_with_it():
    found, broker, state = live([entry(10)], reports(fill(11, c.LEG_ENTRY, 4000.0), fill(20, c.LEG_STOP, 3995.75)))
    (trade,) = all_trades(found)
    assert (trade["exit"], trade["net"], c.REASONS[trade["reason"]]) == (3995.75, -435.0, "SL")
    assert [(body["leg"], body["reason"]) for body in bodies(found, "ORDER") if body["action"] == "CANCEL"] == [("TARGET1", "SL")]
    assert not {c.LEG_STOP, c.LEG_TARGET1} & (set(position(broker.sent, 1)) - {c.LEG_STOP}) and state.plans[0]["status"] == c.P_CLOSED


def test_after_the_first_target_the_stop_covers_what_is_left_and_no_more():
    """Two contracts, one off at the first target: a stop order that still sells two would turn the position round."""
    setups = [entry(10, target2=4_016.0)]
    found, broker, state = live(setups, reports(fill(11, c.LEG_ENTRY, 4000.0), fill(20, c.LEG_TARGET1, 4008.0, 1.0)), partial=0.5)
    assert state.plans[0]["held"] == 1.0
    after = [body for kind, ts, body in journal_lines(found) if kind == "ORDER" and body["leg"] == "STOP" and ts >= at(20)]
    assert after and after[0]["action"] == "REPLACE" and after[0]["quantity"] == 1.0
    assert position(broker.sent, 1)[c.LEG_STOP][1] == 1.0 and position(broker.sent, 1)[c.LEG_TARGET2][1] == 1.0


def test_after_the_first_target_nothing_more_is_bought():
    """Two of four filled, one of them off at the first target: the rest of the entry is cancelled, as in the simulation."""
    setups = [entry(10, size_multiple=1.2)]
    given = reports(fill(11, c.LEG_ENTRY, 4000.0, 2.0), fill(13, c.LEG_TARGET1, 4008.0, 1.0))
    found, broker, state = live(setups, given, partial=0.5, max_gross=100.0)
    assert bodies(found, "ORDER")[0]["quantity"] == 4.0
    assert [(body["leg"], body["reason"]) for body in bodies(found, "ORDER") if body["action"] == "CANCEL"][:1] == [("ENTRY", "TP1")]


@pytest.mark.parametrize(("kind", "result"), [(c.I_REJECT, "BROKER_REJECT"), (c.I_CANCELLED, "CANCELLED")])
def test_a_rejected_or_cancelled_entry_is_over_and_recorded(kind, result):
    found, _, state = live([entry(10)], reports({"ts": at(11), "kind": kind, "plan": 1, "leg": c.LEG_ENTRY}))
    assert [(body["leg"], body["result"]) for body in bodies(found, "ACK")] == [("ENTRY", result)]
    assert state.plans[0]["status"] == c.P_NONE


def test_an_acknowledgement_is_recorded_under_the_reference_of_its_order():
    found, _, _ = live([entry(10)], reports({"ts": at(10.5), "kind": c.I_ACK, "plan": 1, "leg": c.LEG_ENTRY}))
    (ack,), order = bodies(found, "ACK"), bodies(found, "ORDER")[0]
    assert ack["result"] == "OK" and ack["ref"] == order["ref"]


STRANGE = [
    fill(30, c.LEG_ENTRY, 4000.0, plan=99), fill(30, c.LEG_STOP, 3996.0, plan=99), fill(5, c.LEG_ENTRY, 4000.0, plan=0),
    {"ts": at(30), "kind": c.I_ACK, "plan": 77, "leg": c.LEG_STOP}, {"ts": at(30), "kind": c.I_REJECT, "plan": 77, "leg": c.LEG_ENTRY},
    {"ts": at(30), "kind": c.I_CANCELLED, "plan": -5, "leg": c.LEG_TARGET2}, {"ts": at(30), "kind": 12345, "plan": 1},
    {"ts": at(30), "kind": c.I_BREAKER_ACK}, {"ts": at(30), "kind": c.I_FLATTEN}, {"ts": at(30), "kind": c.I_CASH, "amount": 3.0}]


@pytest.mark.parametrize("strange", STRANGE, ids=[str(i) for i in range(len(STRANGE))])
@pytest.mark.parametrize("with_plan", [False, True])
def test_reports_that_nobody_expected_are_records_and_never_an_error(strange, with_plan):
    given = [fill(11, c.LEG_ENTRY, 4000.0)] if with_plan else []
    found, _, _ = live([entry(10)] if with_plan else [], reports(*given, strange))
    kinds = [kind for kind, _, _ in journal_lines(found)]
    assert "SESSION" in kinds
    if strange["kind"] == c.I_FILL:
        assert kinds.count("NOTE") == 1 and bodies(found, "NOTE")[0]["quantity"] == strange["quantity"]


def test_a_fill_that_crosses_our_cancel_is_a_position_with_its_bracket():
    """Expired at minute 20, the broker says at 21 that it had filled: what is held is held, and its stop is sent."""
    found, broker, state = live([entry(10)], reports(fill(21, c.LEG_ENTRY, 4000.0)))
    assert [body["quantity"] for body in bodies(found, "FILL")] == [2.0] and not bodies(found, "NOTE")
    assert state.plans[0]["held"] == 2.0 and position(broker.sent, 1)[c.LEG_STOP][1] == 2.0


def test_a_cancelled_entry_keeps_its_symbol_busy_until_the_broker_has_said_so():
    """Expired at 20 and never confirmed, the setup of minute 30 finds the symbol BUSY; confirmed at 21, it is placed."""
    confirmed = {"ts": at(21), "kind": c.I_CANCELLED, "plan": 1, "leg": c.LEG_ENTRY}
    for given, placed in ((reports(), 1), (reports(confirmed), 2)):
        found, _, _ = live([entry(10), entry(30)], given)
        assert [body["action"] for body in bodies(found, "ORDER") if body["leg"] == "ENTRY"].count("NEW") == placed


def test_no_two_different_orders_share_a_reference():
    """An entry that fills in two parts, a breakeven between them: each stop and target that is sent has a reference of its own."""
    bars = {(0, 12): (4000.0, 4005.0, 4000.0, 4004.0), (0, 13): (4004.0, 4004.0, 4002.0, 4003.0)}
    found, _, _ = live([entry(10)], reports(fill(11, c.LEG_ENTRY, 4000.0, 1.0), fill(14, c.LEG_ENTRY, 4000.0, 1.0)), bars=bars)
    seen = {}
    for body in bodies(found, "ORDER"):
        if body["action"] != "CANCEL":
            facts = (body["leg"], body["price"], body["quantity"])
            assert seen.setdefault(body["ref"], facts) == facts
    stops = [body["price"] for body in bodies(found, "ORDER") if body["leg"] == "STOP" and body["action"] != "CANCEL"]
    assert stops == sorted(stops) and stops[-1] == 4000.25


def test_more_sold_than_held_is_a_record_and_not_a_trade():
    found, _, state = live([entry(10)], reports(fill(11, c.LEG_ENTRY, 4000.0), fill(12, c.LEG_STOP, 3996.0, 3.0)))
    assert len(bodies(found, "NOTE")) == 1 and state.plans[0]["held"] == 2.0


@pytest.mark.parametrize("leg", [c.LEG_ENTRY, c.LEG_STOP, c.LEG_TARGET1, c.LEG_EXIT])
@pytest.mark.parametrize("quantity", [0.0, -1.0, float("nan"), float("inf")])
def test_a_fill_of_nothing_is_a_record_and_not_a_trade(leg, quantity):
    """Of an order that waits, before anything is held, and again of the position."""
    strange = [fill(minute, leg, 4000.0, quantity) for minute in (10.5, 12)]
    found, _, state = live([entry(10)], reports(strange[0], fill(11, c.LEG_ENTRY, 4000.0), strange[1]))
    assert len(bodies(found, "NOTE")) == 2 and not all_trades(found).size
    assert state.plans[0]["held"] == 2.0 and state.account[0]["balance"] == 99_995.0


def test_the_same_plan_has_the_same_references_with_either_broker():
    prepared = market([entry(10)], bars={(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}, **OUTSIDE)
    simulated = list(batches(prepared))
    found, _, _ = live([entry(10)], fills_of(all_events(simulated))[:1])
    refs = [[body["ref"] for body in bodies(one, "ORDER")][:3] for one in (simulated, found)]
    assert refs[0] == refs[1] and len(set(refs[0])) == 3 and all(len(ref) == 20 for ref in refs[0])


@pytest.mark.parametrize("seed", range(8))
def test_one_instant_at_a_time_with_reports_equals_the_whole(seed):
    shape = Shape(500, 40, ("ES", "NQ"), rolls=False)
    end = int(made(seed, shape).until_ns)
    given = fills_of(all_events(list(batches(made(seed, shape, Mode(end_ns=end, close_at_end=False))))))
    outside = made(seed, shape, Mode(end_ns=end, close_at_end=False, external=True))
    whole = all_events(list(batches(outside, broker=Scripted(2, given))))
    instants = np.unique(np.concatenate([outside.tape.ts_close, outside.world.row_ts])).tolist()
    assert all_events(list(batches(outside, broker=Scripted(2, given), cuts=instants))).tobytes() == whole.tobytes()


def test_a_target_that_fills_in_part_works_on_and_goes_when_the_stop_has_the_rest():
    """Two contracts, target for both: one filled, the stop is for the other, and when that fills the target's rest is cancelled."""
    given = reports(fill(11, c.LEG_ENTRY, 4000.0), fill(20, c.LEG_TARGET1, 4008.0, 1.0), fill(30, c.LEG_STOP, 3995.75, 1.0))
    found, broker, state = live([entry(10)], given, partial=0.0)
    stops = [(body["action"], body["quantity"]) for body in bodies(found, "ORDER") if body["leg"] == "STOP"]
    assert stops == [("NEW", 2.0), ("REPLACE", 1.0)]
    assert [(body["leg"], body["action"]) for body in bodies(found, "ORDER")][-1] == ("TARGET1", "CANCEL")
    (trade,) = all_trades(found)
    assert trade["quantity"] == 2.0 and trade["gross"] == (8.0 - 4.25) * 50 and not state.plans[0]["held"]


@pytest.mark.parametrize("wrong", [{"quantity": -2.0}, {"quantity": float("nan")}, {"quantity": float("inf")}, {"price": -5.0}, {"price": float("nan")},
                                   {"fee": float("nan")}, {"leg": 17}, {"leg": -1}, {"symbol": 4}, {"symbol": -1}])
def test_a_report_that_can_be_no_fill_changes_nothing_and_is_told(wrong):
    found, _, state = live([entry(10)], reports({**fill(11, c.LEG_ENTRY, 4000.0), **wrong}, fill(12, c.LEG_ENTRY, 4000.0)))
    assert len(bodies(found, "NOTE")) == 1 and [body["quantity"] for body in bodies(found, "FILL")] == [2.0]
    assert state.plans[0]["held"] == 2.0 and state.account[0]["balance"] == 99_995.0
    json.dumps(bodies(found, "NOTE"), allow_nan=False)


def test_a_position_whose_stop_is_rejected_goes_at_once():
    found, _, _ = live([entry(10)], reports(fill(11, c.LEG_ENTRY, 4000.0), {"ts": at(12), "kind": c.I_REJECT, "plan": 1, "leg": c.LEG_STOP}))
    assert [(body["action"], body["type"], body["reason"]) for body in bodies(found, "ORDER") if body["leg"] == "EXIT"] == [("NEW", "MARKET", "BROKER_REJECT")]
