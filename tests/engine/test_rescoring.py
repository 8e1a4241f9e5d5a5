"""An idea that is found again while its order still works: its new score may end the order, and a position only where its tactic says so."""

import pytest

from pse.kernels import contract as k
from pse.kernels.targets import GRADE, MIN_BARS_BETWEEN, SCORE
from tests.engine.made import batches, bodies, journal_lines
from tests.engine.plain import at, entry, market, signal

ABOVE = {(0, minute): (4001.0, 4001.0, 4001.0, 4001.0) for minute in range(11, 60)}
FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}
IDEA = {"group": 7, "valid_until": at(40)}


def ends(again, bars=ABOVE, first=None, **policy):
    """(minute, leg, reason) of what ends the order or the position of minute 10 before `again` would."""
    found = list(batches(market([entry(10, **{**IDEA, **(first or {})}), again], bars=bars, **{"max_quantity": 1, "trail_swing": 0, **policy})))
    return [((ts - at(0)) // 60_000_000_000, body["leg"], body["reason"]) for kind, ts, body in journal_lines(found)
            if kind == "ORDER" and (body["action"] == "CANCEL" or body["leg"] == "EXIT")][:1]


LOW = {"confidence": 0.29}
RESCORED = [(20, "ENTRY", "RESCORED")]
EXPIRED = [(40, "ENTRY", "EXPIRED")]


@pytest.mark.parametrize(("again", "expected"), [
    (entry(20, **{**IDEA, **LOW}), RESCORED),
    (entry(20, **{**IDEA, "confidence": 0.30}), EXPIRED),                          # the least that is traded
    (entry(20, **{**IDEA, "grade": 1}), RESCORED),                                 # C
    (entry(20, **{**IDEA, "grade": 2}), EXPIRED),
    (entry(20, **{**IDEA, "grade": 0}), EXPIRED),                                  # a tactic without grades
    (entry(20, **{**IDEA, **LOW, "group": 8}), EXPIRED),                           # another idea
    (entry(20, **{**IDEA, **LOW, "tactic": 1}), EXPIRED),
    (entry(20, direction=-1, **{**IDEA, **LOW}), EXPIRED),
    (entry(10, **{**IDEA, **LOW, "precedence": 2}), EXPIRED),                      # of the same moment: no later look
    (signal(20, k.REFUSED, direction=1, group=7, grade=3, confidence=0.7, refusal=GRADE), RESCORED),
    (signal(20, k.REFUSED, direction=1, group=7, confidence=0.7, refusal=SCORE), RESCORED),
    (signal(20, k.REFUSED, direction=1, group=7, grade=3, confidence=0.7, refusal=MIN_BARS_BETWEEN), EXPIRED),
])
def test_what_a_second_look_does_to_an_order(again, expected):
    assert ends(again) == expected


@pytest.mark.parametrize(("event_bar", "expected"), [(at(5), RESCORED), (at(15), EXPIRED), (0, EXPIRED)])
def test_an_idea_without_a_group_is_known_by_its_event(event_bar, expected):
    alone = {"group": -1, "valid_until": at(40)}
    assert ends(entry(20, **{**alone, **LOW, "event_bar": event_bar}), first={**alone, "event_bar": at(5)}) == expected


@pytest.mark.parametrize(("flags", "expected"), [(0, [(60, "EXIT", "RUN_END")]), (k.LEAVES_ON_RESCORE, [(20, "EXIT", "RESCORED")])])
def test_a_position_is_ended_only_where_its_tactic_says_so(flags, expected):
    found = ends(entry(20, **{**IDEA, **LOW}), bars=FILLED, first={"plan_flags": flags})
    assert found == (expected if flags else [])


def test_the_rest_of_an_order_goes_and_what_is_held_stays():
    prepared = market([entry(10, **IDEA), entry(20, **{**IDEA, **LOW})], bars={**ABOVE, **FILLED}, max_quantity=2, trail_swing=0)
    prepared.tape.volume[11] = 10.0
    found = list(batches(prepared))
    cancelled = [(body["quantity"], body["reason"]) for body in bodies(found, "ORDER") if body["leg"] == "ENTRY" and body["action"] == "CANCEL"]
    assert cancelled == [(1.0, "RESCORED")] and [body["reason"] for body in bodies(found, "EXIT")] == ["RUN_END"]
