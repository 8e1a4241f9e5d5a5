"""What setups other than plain entries do: EXIT, CANCEL, AMEND, and entries of either direction.  Expected prices by hand."""

from dataclasses import replace

import pytest

from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.kernels import contract as k
from pse.kernels.targets import TP_BLOCKED
from tests.engine.made import batches, bodies
from tests.engine.plain import at, entry, market, signal

FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}
SIMPLE = {"trail_swing": 0, "partial": 0.0}


def told(prepared, decide=None):
    return list(batches(prepared, decide=decide)) if decide else list(batches(prepared))


def test_an_exit_closes_at_the_next_open_less_slippage():
    """Held from minute 11; EXIT at the close of minute 20: the bar opening there opens at 4001.50, sold at 4001.25."""
    prepared = market([entry(10), signal(20, k.EXIT, direction=1)], bars={**FILLED, (0, 20): (4001.5, 4001.5, 4001.5, 4001.5)}, **SIMPLE)
    (found,) = bodies(told(prepared), "EXIT")
    assert (found["reason"], found["exit"]) == ("EXIT_SIGNAL", 4001.25)
    assert [body["kind"] for body in bodies(told(prepared), "SETUP")] == ["ENTER", "EXIT"]


def test_an_exit_also_ends_an_entry_that_has_not_filled():
    prepared = market([entry(10), signal(15, k.EXIT, direction=1)], **SIMPLE)
    orders = [(body["leg"], body["action"], body["reason"]) for body in bodies(told(prepared), "ORDER")]
    assert orders == [("ENTRY", "NEW", "OK"), ("ENTRY", "CANCEL", "EXIT_SIGNAL")]


def test_a_cancel_ends_an_unfilled_entry_and_leaves_a_position_alone():
    unfilled = market([entry(10), signal(15, k.CANCEL, direction=1)], **SIMPLE)
    assert [body["reason"] for body in bodies(told(unfilled), "ORDER") if body["action"] == "CANCEL"] == ["EXIT_SIGNAL"]
    held = market([entry(10), signal(15, k.CANCEL, direction=1)], bars=FILLED, **SIMPLE)
    assert [body["reason"] for body in bodies(told(held), "EXIT")] == ["RUN_END"]


def test_an_amended_stop_acts_from_the_next_bar_and_only_ever_tightens():
    """The stop of 3996 goes to 3998 at minute 20: the bar of minute 22 touches 3998 and is sold at 3997.75.  A looser one at minute 15 is ignored."""
    prepared = market([entry(10), signal(15, k.AMEND, stop=3_990.0, target=4_008.0), signal(20, k.AMEND, stop=3_998.0, target=4_008.0)],
                      bars={**FILLED, (0, 22): (3999.0, 3999.0, 3998.0, 3999.0)}, **SIMPLE)
    found = told(prepared)
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("SL", 3997.75)]
    assert [body["stop"] for body in bodies(found, "PLAN") if body["reason"] == "REPLAN"] == [3998.0]
    assert [body["price"] for body in bodies(found, "ORDER") if body["action"] == "REPLACE" and body["leg"] == "STOP"] == [3998.0]


def test_an_amended_target_only_comes_nearer():
    """4008 becomes 4006, never 4012: minute 30 trades to 4006.25."""
    prepared = market([entry(10), signal(15, k.AMEND, stop=3_996.0, target=4_012.0), signal(20, k.AMEND, stop=3_996.0, target=4_006.0)],
                      bars={**FILLED, (0, 30): (4000.0, 4006.25, 4000.0, 4006.0)}, **SIMPLE)
    assert [(body["reason"], body["exit"]) for body in bodies(told(prepared), "EXIT")] == [("TP1", 4006.0)]


def test_an_amended_target_is_told_to_the_broker():
    """A broker outside holds the target order: the nearer price must reach it."""
    prepared = market([entry(10), signal(20, k.AMEND, stop=3_996.0, target=4_006.0)], bars=FILLED, **SIMPLE)
    assert [body["price"] for body in bodies(told(prepared), "ORDER") if body["leg"] == "TARGET1" and body["action"] == "REPLACE"] == [4006.0]


def test_signals_without_a_plan_do_nothing_and_are_not_told():
    prepared = market([signal(10, k.EXIT, direction=1), signal(15, k.CANCEL, direction=1), signal(20, k.AMEND, stop=1.0, target=2.0)])
    found = told(prepared)
    assert not bodies(found, "SETUP")
    assert not bodies(found, "ORDER") and not bodies(found, "DECISION")


def test_a_find_that_its_tactic_refused_is_told_with_the_tactics_reason():
    prepared = market([signal(10, k.REFUSED, direction=1, refusal=TP_BLOCKED)])
    prepared = replace(prepared, evidence=({"blocked_by": "pdh:ES"},))
    (found,) = bodies(told(prepared), "PASSED_OVER")
    assert (found["reason"], found["by"], found["direction"], found["evidence"]) == ("TP_BLOCKED", "tactic", "LONG", {"blocked_by": "pdh:ES"})


def either(side):
    """An entry of either direction, prices of the long side, and a judge who takes `side`."""
    def judge(briefing):
        assert [one.direction for one in briefing.candidates] == ["EITHER"]
        return Deliberation((Verdict("APPROVE", direction=side),), {"by": "test"})

    bars = {(0, 11): (4000.0, 4000.5, 3999.5, 4000.0), (0, 30): (4000.0, 4009.0, 3991.0, 4000.0)}
    prepared = market([entry(10, direction=0)], bars=bars, mode=Mode(end_ns=at(60), ask=True), **SIMPLE)
    return told(prepared, judge)


@pytest.mark.parametrize(("side", "direction", "leg", "stop", "target"), [(1, "LONG", "BUY", 3996.0, 4008.0), (-1, "SHORT", "SELL", 4004.0, 3992.0)])
def test_a_setup_of_either_direction_takes_the_side_that_the_verdict_names(side, direction, leg, stop, target):
    found = either(side)
    (decision,) = bodies(found, "DECISION")
    assert (decision["decision"], decision["direction"], decision["stop"], decision["target"]) == ("APPROVE", direction, stop, target)
    orders = [(body["leg"], body["side"]) for body in bodies(found, "ORDER")]
    other = {"BUY": "SELL", "SELL": "BUY"}[leg]
    assert orders[:3] == [("ENTRY", leg), ("STOP", other), ("TARGET1", other)]
    assert [body["direction"] for body in bodies(found, "EXIT")] == [direction]


def test_a_setup_of_either_direction_needs_a_direction_from_the_verdict():
    (decision,) = bodies(either(0), "DECISION")
    assert (decision["decision"], decision["reason"], decision["quantity"]) == ("REJECT", "AUTHORITY", 0.0)


def test_a_direction_that_is_none_holds():
    (decision,) = bodies(either(7), "DECISION")
    assert (decision["decision"], decision["reason"]) == ("HOLD", "HOLD")
