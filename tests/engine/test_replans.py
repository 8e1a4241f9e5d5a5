"""A plan that somebody asks to change, through the whole engine.  Expected prices by hand: bought at 4000, stop 3996, target 4008, a tick of slippage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.brokers.outbox import Outbox
from pse.brokers.sim import SimBroker
from pse.domain.errors import BadInput, OutsideError, UnknownName
from pse.domain.records import ZERO_HASH
from pse.engine.desk import Mode
from pse.engine.records import version_hash
from pse.engine.replan import Replan, live_plans, replan_inputs
from pse.kernels import codes as c
from pse.kernels.state import INPUT_DTYPE
from tests.engine.external import Scripted, position, reports
from tests.engine.made import Shape, all_events, all_trades, batches, bodies, journal_bytes, journal_lines, made, state_of
from tests.engine.plain import at, entry, market

FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}
SIMPLE = {"trail_swing": 0, "partial": 0.0, "max_gross": 100.0}
FOUR = {"size_multiple": 1.2}
UNFILLED = {(0, minute): (4001.0, 4001.0, 4001.0, 4001.0) for minute in range(11, 60)}


def asked(*requests):
    """INPUT rows of (minute, request) pairs."""
    state = state_of(market())
    rows = [replan_inputs(state, [one], at(minute)) for minute, one in requests]
    return np.concatenate(rows) if rows else np.zeros(0, INPUT_DTYPE)


def told(*requests, bars=None, setup=None, cuts=(), **policy):
    """What a run says in which plan 1, decided in minute 10 and filled in minute 11, is asked to change."""
    prepared = market([entry(10, **(setup if setup is not None else FOUR))], bars=FILLED if bars is None else bars, **{**SIMPLE, **policy})
    broker = SimBroker(1)
    broker.tell(asked(*requests))
    return list(batches(prepared, broker=broker, cuts=cuts))


def one(version=2, actor="llm", **what):
    return Replan(1, version, actor, **what)


def answers(found):
    return [(body["made"], body["reason"], body["measured"], body["allowed"]) for body in bodies(found, "REPLAN")]


def test_a_tightened_stop_is_a_version_and_acts_from_the_next_bar():
    """Asked at minute 20; the bar of minute 22 touches 3998 and is sold at 3997.75."""
    found = told((20, one(stop=3_998.0)), bars={**FILLED, (0, 22): (3999.0, 3999.0, 3998.0, 3999.0)})
    (version,) = [body for body in bodies(found, "PLAN") if body["actor"] == "llm"]
    assert (version["version"], version["parent_version"], version["reason"], version["stop"], version["state"]) == (3, 2, "REPLAN", 3_998.0, "OPEN")
    assert answers(found) == [(True, "OK", 0.0, 0.0)]
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("SL", 3_997.75)]


@pytest.mark.parametrize(("request_", "reason", "measured", "allowed"), [
    (one(stop=3_995.0), "WIDEN_STOP", 3_995.0, 3_996.0), (one(stop=3_998.1), "OFF_TICK", 3_998.1, 3_998.0),
    (one(stop=4_001.0), "STOP_WRONG_SIDE", 4_001.0, 4_000.0), (one(target=4_010.0), "TARGET_FARTHER", 4_010.0, 4_008.0),
    (one(target=4_003.0), "REPLAN_RR", 0.75, 1.0), (one(target=3_999.0), "TARGET_WRONG_SIDE", 3_999.0, 4_000.0),
    (one(quantity=5.0), "ADD_QTY", 5.0, 4.0), (one(quantity=1.5), "OFF_LOT", 1.5, 1.0), (one(version=1, stop=3_998.0), "VERSION_CONFLICT", 1.0, 2.0),
    (one(valid_until=at(50)), "LONGER_VALIDITY", float(at(50)), 0.0), (one(), "UNCHANGED", 0.0, 0.0),
    (Replan(7, 1, "operator", stop=3_998.0), "POSITION_CLOSED", 0.0, 0.0)])
def test_a_request_that_may_not_be_is_told_with_its_numbers_and_changes_nothing(request_, reason, measured, allowed):
    found = told((20, request_))
    made_, code, *numbers = answers(found)[0]
    assert (made_, code) == (False, reason) and [value if value is not None else measured for value in numbers] == [measured, allowed]
    assert [body["actor"] for body in bodies(found, "PLAN")] == ["rule"] * len(bodies(found, "PLAN"))
    plain = told()
    assert [line for line in journal_lines(found) if line[0] != "REPLAN"] == journal_lines(plain)


def test_an_operator_may_move_the_target_away_and_the_second_one_goes_where_it_is_passed():
    found = told((20, one(actor="operator", target=4_017.0)), setup={**FOUR, "target2": 4_016.0}, bars={**FILLED, (0, 30): (4000.0, 4017.25, 4000.0, 4001.0)})
    versions = [body for body in bodies(found, "PLAN") if body["reason"] == "REPLAN"]
    assert [(body["actor"], body["target"], body["target2"]) for body in versions] == [("operator", 4_017.0, None)]
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("TP1", 4_017.0)]


def test_a_cut_position_leaves_in_part_at_the_next_open_and_its_orders_cover_the_rest():
    """One of four stays: three go at the open of minute 20, 4001, for 4000.75."""
    found = told((20, one(quantity=1.0)), bars={**FILLED, (0, 20): (4001.0, 4001.0, 4000.0, 4000.0)})
    fills = [(body["leg"], body["quantity"], body["price"], body["reason"], body["held"]) for body in bodies(found, "FILL")]
    assert fills[1] == ("EXIT", 3.0, 4_000.75, "REPLAN", 1.0) and fills[2][1] == 1.0
    orders = [(body["leg"], body["action"], body["quantity"]) for body in bodies(found, "ORDER")]
    assert orders == [("ENTRY", "NEW", 4.0), ("STOP", "NEW", 4.0), ("TARGET1", "NEW", 4.0), ("EXIT", "NEW", 3.0), ("STOP", "REPLACE", 1.0),
                      ("TARGET1", "REPLACE", 1.0)]
    (trade,) = all_trades(found)
    assert (trade["quantity"], trade["exits"]) == (4.0, 2) and trade["gross"] == 3 * 0.75 * 50 - 0.25 * 50


def test_nothing_of_a_position_that_is_cut_to_none_stays():
    found = told((20, one(quantity=0.0)))
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("REPLAN", 3_999.75)]


def test_a_request_inside_a_bar_leaves_at_an_open_that_comes_after_it():
    """Asked in the middle of minute 20, which opened at 4003: sold at the open of minute 21, 4001, for 4000.75."""
    found = told((20.5, one(quantity=0.0)), bars={**FILLED, (0, 20): (4003.0, 4003.0, 4000.0, 4001.0), (0, 21): (4001.0, 4001.0, 4001.0, 4001.0)})
    assert [body["exit"] for body in bodies(found, "EXIT")] == [4_000.75]


def test_a_cut_order_buys_less_under_a_reference_of_its_own():
    bars = {**UNFILLED, (0, 14): (4001.0, 4001.0, 3999.5, 4001.0)}
    found = told((12, one(version=1, quantity=3.0)), bars=bars)
    orders = [body for body in bodies(found, "ORDER") if body["leg"] == "ENTRY"]
    assert [(body["action"], body["quantity"], body["version"]) for body in orders] == [("NEW", 4.0, 1), ("REPLACE", 3.0, 2)]
    assert orders[0]["ref"] != orders[1]["ref"] and bodies(found, "FILL")[0]["quantity"] == 3.0


@pytest.mark.parametrize(("what", "state", "minute"), [({"quantity": 0.0}, "CANCELLED", 12), ({"valid_until": at(15)}, "EXPIRED", 15)])
def test_an_order_may_be_cancelled_or_end_sooner(what, state, minute):
    found = told((12, one(version=1, **what)), bars=UNFILLED)
    last = [(ts, body["state"]) for kind, ts, body in journal_lines(found) if kind == "PLAN"][-1]
    assert last == (at(minute), state) and not bodies(found, "FILL")


def test_an_order_in_parts_gives_way_before_the_position_does():
    """Two of four are bought in minute 11; cut to three, one more may come; cut to one at minute 15, one of the three leaves."""
    prepared = market([entry(10, valid_until=at(40), **FOUR)], bars={**FILLED, **{(0, m): (4001.0, 4001.0, 4001.0, 4001.0) for m in range(12, 30)},
                                                                   (0, 14): (4000.0, 4000.0, 3999.5, 4000.0)}, **SIMPLE)
    prepared.tape.volume[11] = 20.0
    broker = SimBroker(1)
    broker.tell(asked((12, one(quantity=3.0)), (20, one(version=4, quantity=1.0))))
    found = list(batches(prepared, broker=broker))
    assert [(body["leg"], body["quantity"]) for body in bodies(found, "FILL")] == [("ENTRY", 2.0), ("ENTRY", 1.0), ("EXIT", 2.0), ("EXIT", 1.0)]


def test_the_same_request_again_is_refused_for_its_version():
    found = told((20, one(stop=3_998.0)), (25, one(stop=3_998.0)))
    assert [code for _, code, *_ in answers(found)] == ["OK", "VERSION_CONFLICT"]


def test_three_versions_may_be_asked_for_and_each_needs_a_decision_after_the_one_before():
    requests = [(15, one(2, stop=3_996.5)), (16, one(3, stop=3_996.75)), (20, one(3, stop=3_997.0)), (25, one(4, stop=3_997.25)), (30, one(5, stop=3_997.5))]
    assert [answer[1:] for answer in answers(told(*requests))] == [("OK", 0, 0), ("REPLAN_TOO_SOON", 0, 1), ("OK", 0, 0), ("OK", 0, 0), ("REPLAN_LIMIT", 4, 3)]
    assert [answer[1] for answer in answers(told(*requests, replan_apart=0, max_replans=9))] == ["OK", "OK", "VERSION_CONFLICT", "OK", "OK"]


def test_versions_stand_in_a_chain_that_anybody_can_check():
    """Each names its parent, the version before; its hash is over its own words and its parent's hash."""
    found = told((20, one(stop=3_998.0)), (30, one(3, actor="operator", quantity=1.0)), bars={**FILLED, (0, 40): (4000.0, 4004.0, 4000.0, 4000.0)})
    before, parent, states = ZERO_HASH, None, []
    for ts, body in [(ts, body) for kind, ts, body in journal_lines(found) if kind == "PLAN"]:
        assert (body["parent_version"], body["version"]) == (parent, (parent or 0) + 1) and body["hash"] == version_hash(before, ts, body)
        parent, before = body["version"], body["hash"]
        states.append((body["state"], body["reason"], body["actor"]))
    assert states == [("ARMED", "OK", "rule"), ("OPEN", "ENTRY_FILL", "rule"), ("OPEN", "REPLAN", "llm"), ("OPEN", "REPLAN", "operator"),
                      ("OPEN", "REPLAN", "rule"), ("OPEN", "BE", "rule"), ("CLOSED", "BE", "rule")]


@pytest.mark.parametrize("cuts", [range(60), range(0, 60, 7)])
def test_requests_are_taken_alike_however_the_run_is_cut(cuts):
    requests = [(14.5, one(stop=3_997.0)), (20, one(3, quantity=2.0)), (27.9, one(4, actor="operator", target=4_009.0)), (28, one(5, quantity=0.0))]
    moments = [at(minute + part) for minute in cuts for part in (0, 0.25, 0.75)]
    assert journal_bytes(told(*requests, cuts=moments)) == journal_bytes(told(*requests))


def test_a_plan_is_seen_before_it_is_changed():
    prepared = market([entry(10, **FOUR)], bars=FILLED, mode=Mode(end_ns=at(60), close_at_end=False), **SIMPLE)
    state = state_of(prepared)
    list(batches(prepared, state=state))
    (seen,) = live_plans(state, prepared.plan.symbols)
    assert (seen.number, seen.version, seen.symbol, seen.direction, seen.state) == (1, 2, "ES", "LONG", "OPEN")
    assert (seen.price, seen.entry, seen.stop, seen.target, seen.held, seen.to_buy, seen.valid_until) == (4_000.0, 4_000.0, 3_996.0, 4_008.0, 4.0, 0.0, None)


def test_what_no_record_can_say_is_refused_at_the_door():
    state = state_of(market())
    with pytest.raises(UnknownName, match="there are: llm, operator, rule"):
        replan_inputs(state, [Replan(1, 1, "somebody")], 0)
    with pytest.raises(BadInput, match="plan 1 gives nan as its quantity"):
        replan_inputs(state, [one(quantity=float("nan"))], 0)
    with pytest.raises(BadInput, match="gives -5 as the end"):
        replan_inputs(state, [one(valid_until=-5)], 0)
    broker = SimBroker(1)
    broker.tell(asked((20, one())))
    with pytest.raises(OutsideError, match="in order of time"):
        broker.tell(asked((10, one())))


# --- a broker outside ---------------------------------------------------------------------------------------------------------------------------------------


def outside(*requests, given=(), setup=None):
    prepared = market([entry(10, **(setup or FOUR))], mode=Mode(end_ns=at(60), external=True, close_at_end=False), **SIMPLE)
    rows = np.concatenate([reports(*given), asked(*requests)])
    broker, state = Scripted(1, rows[np.argsort(rows["ts"], kind="stable")]), state_of(prepared)
    return list(batches(prepared, broker=broker, state=state)), broker, state


def fill(minute, leg, price, quantity=4.0):
    return {"ts": at(minute), "kind": c.I_FILL, "plan": 1, "leg": leg, "price": price, "quantity": quantity, "fee": 2.5 * quantity}


def test_a_request_sends_the_orders_that_take_the_place_of_others():
    found, broker, state = outside((20, one(stop=3_998.0, target=4_006.0, quantity=3.0)), given=[fill(11, c.LEG_ENTRY, 4_000.0)])
    orders = [(body["leg"], body["action"], body["price"], body["quantity"]) for body in bodies(found, "ORDER")][3:]
    assert orders == [("STOP", "REPLACE", 3_998.0, 4.0), ("TARGET1", "REPLACE", 4_006.0, 4.0), ("EXIT", "NEW", None, 1.0)]
    assert state.plans[0]["held"] == 4.0                                          # nothing moves before it is reported


def test_a_reported_part_leaves_protective_orders_for_the_rest():
    found, broker, state = outside((20, one(quantity=3.0)), given=[fill(11, c.LEG_ENTRY, 4_000.0), fill(20.5, c.LEG_EXIT, 4_000.0, 1.0)])
    assert state.plans[0]["held"] == 3.0 and state.plans[0]["reduce"] == 0.0
    working = position(broker.sent, 1)
    assert working[c.LEG_STOP][1] == working[c.LEG_TARGET1][1] == 3.0


def test_what_was_filled_before_a_smaller_order_arrived_leaves_again():
    """Cut from four to one at minute 12, filled as four at 12.5: three go."""
    found, broker, state = outside((12, one(version=1, quantity=1.0)), given=[fill(12.5, c.LEG_ENTRY, 4_000.0)])
    assert [(body["leg"], body["action"], body["quantity"]) for body in bodies(found, "ORDER")][-1] == ("EXIT", "NEW", 3.0)
    assert state.plans[0]["reduce"] == 3.0


def test_the_stop_takes_the_part_that_was_to_leave_with_it():
    found, _, _ = outside((20, one(quantity=3.0)), given=[fill(11, c.LEG_ENTRY, 4_000.0), fill(21, c.LEG_STOP, 3_996.0)])
    assert [body["leg"] for body in bodies(found, "ORDER") if body["action"] == "CANCEL"] == ["TARGET1", "EXIT"]


def test_an_exit_takes_the_place_of_a_part_that_has_not_left():
    flat = {"ts": at(21), "kind": c.I_FLATTEN}
    found, broker, _ = outside((20, one(quantity=3.0)), given=[fill(11, c.LEG_ENTRY, 4_000.0), flat])
    assert [(body["action"], body["quantity"]) for body in bodies(found, "ORDER") if body["leg"] == "EXIT"] == [("NEW", 1.0), ("REPLACE", 4.0)]
    assert bodies(found, "PLAN")[-1]["actor"] == "operator"


def test_an_order_that_is_sent_again_does_not_leave_again():
    found, _, _ = outside((20, one(stop=3_998.0, quantity=3.0)), given=[fill(11, c.LEG_ENTRY, 4_000.0)])
    events = all_events(found)
    orders = events[events["kind"] == c.E_ORDER]
    box = Outbox()
    assert box.fresh(events).tobytes() == orders.tobytes() and not box.fresh(events).size and not box.fresh(orders[1:3]).size
    keys = zip(*([int(value) for value in orders[name]] for name in ("plan", "i", "c", "j")), strict=True)
    assert not Outbox(keys).fresh(events).size                                    # known from the journal of the run that was stopped
    refs = [body["ref"] for body in bodies(found, "ORDER")]
    assert len(set(refs)) == len(refs)


def test_sending_again_to_the_simulation_changes_nothing():
    prepared = market([entry(10, **FOUR)], bars=FILLED, **SIMPLE)
    broker, state = SimBroker(1), state_of(prepared)
    told_ = broker.advance(state, prepared)
    kept = state.plans.tobytes()
    broker.send(told_.events)
    broker.send(told_.events)
    assert state.plans.tobytes() == kept and not broker.advance(state, prepared).events.size


# --- whatever is asked ----------------------------------------------------------------------------------------------------------------------------------------

HOSTILE = Shape(500, 40, ("ES", "NQ"), overrides=("risk_policies.futures_intraday.limits.max_plans_per_symbol=3",))


def random_requests(rng, prepared, n=150):
    """Requests for anything, most of them of plans that live in the run without them, with versions that may be right."""
    events = all_events(list(batches(prepared)))
    seen = events[events["kind"] == c.E_PLAN]
    at_ = rng.integers(0, seen.size, n)
    rows = np.zeros(n, INPUT_DTYPE)
    rows["kind"], rows["ts"] = c.I_AMEND, seen["ts"][at_] + rng.integers(0, 12, n) * 30_000_000_000
    rows["plan"], rows["symbol"], rows["version"], rows["actor"] = seen["plan"][at_], seen["symbol"][at_], seen["i"][at_], rng.integers(0, 3, n)
    rows["version"] += rng.choice([0, 0, 0, 1, 2, -1], n)
    for name, field, wide in (("stop", "a", 10), ("target", "b", 12)):
        tick = prepared.world.instruments["tick"][rows["symbol"]]
        rows[name] = np.where(rng.random(n) < 0.5, np.nan, np.rint(seen[field][at_] / tick + rng.integers(-wide, wide + 1, n)) * tick)
        rows[name][rng.random(n) < 0.05] = rng.choice([np.inf, -np.inf, 0.0, -1.0, 1e300])
    rows["quantity"] = np.where(rng.random(n) < 0.6, np.nan, rng.choice([0.0, 1.0, 2.0, 3.0, 4.0, 50.0, 1e18, -3.0, 0.5, np.inf], n))
    rows["valid_until"] = np.where(rng.random(n) < 0.8, 0, rows["ts"] + rng.integers(-10, 10, n) * 60_000_000_000)
    strange = rng.random(n) < 0.05
    rows["plan"][strange], rows["actor"][strange] = rng.integers(-5, 90, strange.sum()), rng.integers(-3, 9, strange.sum())
    return rows[np.argsort(rows["ts"], kind="stable")]


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([False, True]))
def test_whatever_is_asked_no_stop_is_loosened_and_no_plan_grows(seed, trails):
    prepared = made(seed, HOSTILE, replan_apart=0, max_replans=50, ev_min=-9.0, trail_best=int(trails), max_group=99)
    broker = SimBroker(6)
    broker.tell(random_requests(np.random.default_rng(seed), prepared))
    found = list(batches(prepared, broker=broker))
    events = all_events(found)
    plans = events[events["kind"] == c.E_PLAN]
    sides = {int(e["plan"]): int(np.sign(e["a"] - e["d"])) for e in _placed(events)}
    for number in np.unique(plans["plan"]).tolist():
        mine = plans[plans["plan"] == number]
        assert (np.diff(mine["i"]) == 1).all() and mine["i"][0] == 1
        assert (sides[number] * np.diff(mine["a"]) >= 0).all() and (np.diff(mine["e"]) <= 0).all()
    fills = events[events["kind"] == c.E_FILL]
    first = {int(e["plan"]): float(e["e"]) for e in plans[plans["code"] == c.R_OK]}
    for number in np.unique(fills["plan"]).tolist():
        assert fills["e"][fills["plan"] == number].max() <= first[number]
    cut = list(batches(prepared, broker=_with(prepared, seed), cuts=np.unique(prepared.tape.ts_close)[::3].tolist()))
    assert all_events(cut).tobytes() == events.tobytes()


def _placed(events):
    return events[(events["kind"] == c.E_ORDER) & (events["i"] == c.LEG_ENTRY) & (events["j"] == c.O_NEW)]


def _with(prepared, seed):
    broker = SimBroker(6)
    broker.tell(random_requests(np.random.default_rng(seed), prepared))
    return broker
