"""Open calls: setups of either direction, whose direction is whoever decides.  Rules have none; while the position is held the call may close it."""

from dataclasses import replace

from pse.agents.rules import decide as rules
from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.kernels import contract as k
from tests.engine.made import batches, bodies
from tests.engine.plain import at, entry, market

FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}


def call(minute, **more):
    return entry(minute, direction=0, rank_base=float("nan"), **more)


def judged(setups, words, bars=FILLED, **policy):
    """A run whose judge says `words[minute]` (direction, confidence) to each candidate; where nothing is written it holds."""
    def judge(briefing):
        minute = (briefing.known_at - at(0)) // 60_000_000_000
        side, confidence = words.get(minute, (None, None))
        asked.append(minute)
        word = Verdict("HOLD") if side is None else Verdict("APPROVE", direction=side, confidence=confidence)
        return Deliberation((word,) * len(briefing.candidates), {"by": "test"})

    asked: list[int] = []
    prepared = market(setups, bars=bars, mode=Mode(end_ns=at(60), ask=True), **{"trail_swing": 0, "partial": 0.0, **policy})
    return list(batches(prepared, decide=judge)), asked


def decisions(found):
    return [(body["decision"], body["reason"], body["quantity"]) for body in bodies(found, "DECISION")]


def test_rules_hold_where_a_candidate_has_no_direction():
    for mode in (Mode(end_ns=at(60)), Mode(end_ns=at(60), ask=True)):
        found = list(batches(market([call(10)], mode=mode), decide=rules))
        assert decisions(found) == [("HOLD", "NO_OPINION", 0.0)]
        assert [body["passes"][0]["verdict"] for body in bodies(found, "DELIBERATION")] == ["HOLD"]


def test_rules_take_the_best_candidate_that_has_a_direction():
    """The open call ranks by its confidence of 0.9 and comes first; the setup after it is taken."""
    found = list(batches(market([call(10, confidence=0.9), entry(10)])))
    assert [one[:2] for one in decisions(found)] == [("HOLD", "NO_OPINION"), ("APPROVE", "OK")]


def test_the_opposite_call_closes_the_position_at_the_next_open_and_reverses_nothing():
    found, asked = judged([call(10), call(20)], {10: (1, None), 20: (-1, None)}, {**FILLED, (0, 20): (4001.5, 4001.5, 4001.5, 4001.5)})
    assert asked == [10, 20] and decisions(found)[1] == ("APPROVE", "EXIT_SIGNAL", 0.0)
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("EXIT_SIGNAL", 4001.25)]
    assert len([body for body in bodies(found, "ORDER") if body["leg"] == "ENTRY"]) == 1


def test_it_closes_also_where_no_short_may_be_opened():
    found, _ = judged([call(10), call(20)], {10: (1, None), 20: (-1, None)}, allow_short=0)
    assert [body["reason"] for body in bodies(found, "EXIT")] == ["EXIT_SIGNAL"]
    short, _ = judged([call(10)], {10: (-1, None)}, allow_short=0)
    assert decisions(short) == [("REJECT", "SHORT_NOT_ALLOWED", 0.0)]


def test_the_same_call_again_is_busy_and_silence_holds():
    found, _ = judged([call(10), call(20), call(30)], {10: (1, None), 20: (1, None)})
    assert [one[:2] for one in decisions(found)] == [("APPROVE", "OK"), ("REJECT", "BUSY"), ("HOLD", "HOLD")]
    assert [body["reason"] for body in bodies(found, "EXIT")] == ["RUN_END"]


def test_a_call_is_put_in_spite_of_the_gates_while_its_position_is_held():
    """In a news window, with stale data and outside the window of entries: nothing may keep a position open."""
    blocked = {(0, 20, k.C_BLACKOUT): 1.0, (0, 20, k.C_READY): 0.0}
    prepared = market([call(10), call(20)], bars=FILLED, context=blocked, mode=Mode(end_ns=at(60), ask=True, entries_until=at(15)), partial=0.0)
    sides = iter((1, -1))
    found = list(batches(prepared, decide=lambda briefing: Deliberation((Verdict("APPROVE", direction=next(sides)),), {"by": "test"})))
    assert [body["reason"] for body in bodies(found, "EXIT")] == ["EXIT_SIGNAL"]


def test_a_position_of_another_tactic_is_no_business_of_the_call():
    prepared = market([entry(10), call(20, tactic=1)], bars=FILLED, mode=Mode(end_ns=at(60), ask=True), partial=0.0)
    own, *_ = prepared.plan.tactics.values()
    prepared = replace(prepared, plan=replace(prepared.plan, tactics={"one": own, "two": own}))
    found = list(batches(prepared, decide=lambda briefing: Deliberation((Verdict("APPROVE"),), {"by": "test"})))
    assert len(bodies(found, "ASK")) == 1 and [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["BUSY"]


def test_the_confidence_of_a_verdict_lowers_a_setups_own_and_never_raises_it():
    for said, size in ((None, 2.0), (0.9, 2.0), (0.4, 1.0)):
        found, _ = judged([entry(10, confidence=0.8, size_multiple=1.0)], {10: (0, said)}, shares=1, max_risk=0.006, max_gross=100.0)
        assert decisions(found)[0][2] == size                 # 600 x confidence / 200: 2.4, 2.4, 1.2
    low, _ = judged([entry(10)], {10: (0, 0.2)})
    assert decisions(low) == [("REJECT", "MIN_CONFIDENCE", 0.0)]
    wild, _ = judged([entry(10)], {10: (0, 1.5)})
    assert decisions(wild) == [("REJECT", "AUTHORITY", 0.0)]


def test_of_an_open_call_the_confidence_of_who_gave_it_its_direction_counts():
    found, _ = judged([call(10, confidence=0.5, size_multiple=1.0)], {10: (1, 1.0)}, shares=1, max_risk=0.006, max_gross=100.0)
    assert decisions(found)[0] == ("APPROVE", "OK", 3.0)
