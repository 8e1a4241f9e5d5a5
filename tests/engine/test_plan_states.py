"""The states of a plan, as the journal tells them: proposed and judged by its setup and decision, then a version for each step of its life."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pse.domain.sessions import MINUTE_NS
from pse.engine.desk import Mode
from pse.features.market_state import session_left_ns
from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.engine.external import reports
from tests.engine.made import Shape, batches, bodies, journal_lines, made
from tests.engine.plain import at, entry, market
from tests.engine.test_external import fill, live
from tests.features.made import future
from tests.features.made import minutes as minute_bars

FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}
UP = {(0, 20): (4000.0, 4008.25, 4000.0, 4005.0)}
NEXT = {None: {"ARMED"}, "ARMED": {"ARMED", "OPEN", "EXPIRED", "CANCELLED", "REJECTED"}, "OPEN": {"OPEN", "PARTIAL", "CLOSED"},
        "PARTIAL": {"PARTIAL", "CLOSED"}, "CLOSED": set(), "EXPIRED": set(), "CANCELLED": set(), "REJECTED": set()}


def states(found):
    return [body["state"] for body in bodies(found, "PLAN")]


def test_a_plan_is_armed_open_partial_and_closed():
    found = list(batches(market([entry(10, target2=4_016.0)], bars={**FILLED, **UP}, max_quantity=2, trail_swing=0)))
    assert list(dict.fromkeys(states(found))) == ["ARMED", "OPEN", "PARTIAL", "CLOSED"]
    kinds = [kind for kind, _, _ in journal_lines(found)]
    assert kinds.index("SETUP") < kinds.index("DECISION") and kinds.index("PLAN") < kinds.index("FILL")
    assert kinds.index("EXIT") > max(at_ for at_, kind in enumerate(kinds) if kind == "PLAN")


@pytest.mark.parametrize(("setup", "bars", "state", "reason"), [
    ({}, {(0, minute): (4001.0, 4001.0, 4001.0, 4001.0) for minute in range(11, 60)}, "EXPIRED", "EXPIRED"),
    ({"invalid_flags": k.INVALID_TARGET_SEEN}, {(0, 12): (4000.0, 4008.0, 4000.0, 4000.0)}, "CANCELLED", "MISSED")])
def test_an_order_that_never_fills_ends_as_what_ended_it(setup, bars, state, reason):
    found = list(batches(market([entry(10, **setup)], bars=bars, max_quantity=1)))
    assert [(body["state"], body["reason"]) for body in bodies(found, "PLAN")] == [("ARMED", "OK"), (state, reason)]


def test_an_order_that_the_broker_rejects_is_rejected():
    found, _, _ = live([entry(10)], reports({"ts": at(11), "kind": c.I_REJECT, "plan": 1, "leg": c.LEG_ENTRY}))
    assert [(body["state"], body["reason"]) for body in bodies(found, "PLAN")] == [("ARMED", "OK"), ("REJECTED", "BROKER_REJECT")]


def test_a_position_outside_that_was_asked_to_go_stays_open_until_it_has_gone():
    gone = [fill(11, c.LEG_ENTRY, 4000.0), {"ts": at(20), "kind": c.I_FLATTEN}, fill(21, c.LEG_EXIT, 4000.0)]
    found, _, _ = live([entry(10)], reports(*gone))
    assert [(body["state"], body["reason"], body["actor"]) for body in bodies(found, "PLAN")][1:] == [
        ("OPEN", "ENTRY_FILL", "rule"), ("OPEN", "OPERATOR", "operator"), ("CLOSED", "OPERATOR", "operator")]


def test_a_setup_that_another_takes_the_place_of_has_no_plan():
    found = list(batches(market([entry(10), entry(10, quality=0.6, confidence=0.6, precedence=2)], max_quantity=1)))
    assert [body["reason"] for body in bodies(found, "DECISION")] == ["OK", "SUPERSEDED"] and len({body["plan_id"] for body in bodies(found, "PLAN")}) == 1


@pytest.mark.parametrize("external", [False, True])
def test_no_plan_takes_a_step_that_is_none(external):
    """Over random markets: each version follows its parent by an arrow of the machine, and what is closed stays closed."""
    seen = set()
    for seed in range(25):
        shape = Shape(500, 60, ("ES", "NQ"), rich=seed % 2 == 1)
        end = int(made(seed, shape).until_ns)
        for body_states in lives(list(batches(made(seed, shape, Mode(end_ns=end, external=external, close_at_end=not external))))):
            for before, after in pairwise([None, *body_states]):
                assert after in NEXT[before], (seed, before, after)
                seen.add((before, after))
    assert {(None, "ARMED"), ("ARMED", "EXPIRED" if not external else "ARMED")} <= seen
    assert external or {("ARMED", "OPEN"), ("OPEN", "PARTIAL"), ("OPEN", "CLOSED"), ("PARTIAL", "CLOSED"), ("ARMED", "CANCELLED")} <= seen


def lives(found):
    plans = {}
    for body in bodies(found, "PLAN"):
        plans.setdefault(body["plan_id"], []).append(body["state"])
    return plans.values()


# --- flat before the session ends ------------------------------------------------------------------------------------------------------------------------


def left(end):
    """Decision rows whose session ends at minute `end`."""
    return {(0, minute, k.C_SESSION_LEFT_NS): float((end - minute) * MINUTE_NS) for minute in range(5, end + 1, 5)}


def exits(prepared):
    return [((ts - at(0)) // MINUTE_NS, body["reason"], body["exit"]) for kind, ts, body in journal_lines(list(batches(prepared))) if kind == "EXIT"]


@pytest.mark.parametrize(("end", "minute"), [(60, 55), (35, 30)])
def test_a_position_goes_at_the_first_bar_of_the_last_five_minutes_also_of_a_short_day(end, minute):
    prepared = market([entry(10)], bars=FILLED, context=left(end), max_quantity=1)
    assert exits(prepared) == [(minute, "SESSION_END", 3_999.75)]


def test_where_the_last_minutes_have_no_bar_it_goes_at_the_first_open_after_the_break():
    """The session ends at 35 and nothing trades from 28 on; at 45 the next one opens at 3999, above the stop."""
    bars = {**FILLED, **{(0, minute): (3999.0, 3999.0, 3999.0, 3999.0) for minute in range(45, 60)}}
    prepared = market([entry(10)], bars=bars, context=left(35), max_quantity=1)
    minutes = (prepared.tape.ts - at(0)) // MINUTE_NS
    keep = (minutes < 28) | (minutes >= 45)
    cut = replace(prepared, tape=type(prepared.tape)(*(column[keep] for column in prepared.tape)))
    assert exits(cut) == [(45, "SESSION_END", 3_998.75)]


def test_a_stop_that_a_break_gaps_goes_at_the_open_after_it():
    """The same break, opened at 3990: asked to go at that open, under the stop."""
    bars = {**FILLED, **{(0, minute): (3990.0, 3990.0, 3990.0, 3990.0) for minute in range(45, 60)}}
    prepared = market([entry(10)], bars=bars, context=left(1000), max_quantity=1)
    minutes = (prepared.tape.ts - at(0)) // MINUTE_NS
    keep = (minutes < 28) | (minutes >= 45)
    cut = replace(prepared, tape=type(prepared.tape)(*(column[keep] for column in prepared.tape)))
    assert exits(cut) == [(45, "SL", 3_989.75)]


def test_time_left_is_counted_to_the_close_of_the_day_at_hand():
    """Three sessions of 23 hours, the second cut to 13 by its calendar: its bars have ten hours less."""
    bars = minute_bars(4, 3)
    closes = bars.sessions.close_ns.copy()
    second = int(bars.session[23 * 60])
    closes[second] -= 10 * 60 * MINUTE_NS
    usual = session_left_ns(bars, future())
    short = session_left_ns(replace(bars, sessions=replace(bars.sessions, close_ns=closes)), future())
    assert set(np.unique((usual - short)[bars.session == second]).tolist()) == {float(10 * 60 * MINUTE_NS)}
    assert (usual == short)[bars.session != second].all()
