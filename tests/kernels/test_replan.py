"""A new version of a plan: what is asked against its naive twin, and the table of refusals by hand."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels.replan import judge_request, reward_left, shares_of_cut
from tests.naive import replan as naive

TICK, LOT = 0.25, 1.0
POLICY = {"most": 3, "apart": 1, "least": 1.0}
HELD = {"d": 1, "version": 4, "replans": 0, "closes_since": 5, "price": 4_000.0, "stop": 3_996.0, "target": 4_012.0, "held": 4.0, "rest": 0.0, "until": 0}
ORDER = {**HELD, "held": 0.0, "rest": 4.0, "until": 900}
ASKED = {"expected": 4, "actor": "llm", "stop": None, "target": None, "size": None, "until": None}
ACTORS = ("rule", "llm", "operator")


def judged(plan, asked, policy=POLICY):
    """(code, measured, allowed) by the kernel."""
    plan, asked = {**HELD, **plan}, {**ASKED, **asked}

    def given(value, none=nan):
        return none if value is None else value

    code, measured, allowed = judge_request(
        plan["d"], plan["version"], plan["replans"], plan["closes_since"], plan["price"], plan["stop"], given(plan["target"]), plan["held"], plan["rest"],
        plan["until"], asked["expected"], asked["actor"] != "llm", given(asked["stop"]), given(asked["target"]), given(asked["size"]), given(asked["until"], 0),
        policy["most"], policy["apart"], policy["least"], TICK, LOT)
    return c.REASONS[code], measured, allowed


BY_HAND = [
    (HELD, {"stop": 3_998.0}, ("OK", 0, 0)),
    (HELD, {"expected": 3, "stop": 3_998.0}, ("VERSION_CONFLICT", 3, 4)),
    ({**HELD, "replans": 3}, {"stop": 3_998.0}, ("REPLAN_LIMIT", 4, 3)),
    ({**HELD, "replans": 1, "closes_since": 0}, {"stop": 3_998.0}, ("REPLAN_TOO_SOON", 0, 1)),
    ({**HELD, "replans": 0, "closes_since": 0}, {"stop": 3_998.0}, ("OK", 0, 0)),                # the first may come at once
    (HELD, {"stop": 3_995.75}, ("WIDEN_STOP", 3_995.75, 3_996.0)),
    (HELD, {"stop": 3_998.1}, ("OFF_TICK", 3_998.1, 3_998.0)),
    (HELD, {"target": 4_006.3}, ("OFF_TICK", 4_006.3, 4_006.25)),
    (HELD, {"stop": 4_000.0}, ("STOP_WRONG_SIDE", 4_000.0, 4_000.0)),                            # a stop at the price is no stop
    (HELD, {"stop": 3_999.75}, ("OK", 0, 0)),
    (HELD, {"target": 4_000.0}, ("TARGET_WRONG_SIDE", 4_000.0, 4_000.0)),
    (HELD, {"target": 4_004.0}, ("OK", 0, 0)),                                                   # 4 for 4: exactly 1
    (HELD, {"target": 4_003.75}, ("REPLAN_RR", 0.9375, 1.0)),
    (HELD, {"target": 4_003.75, "stop": 3_997.0}, ("OK", 0, 0)),                                 # 3.75 for 3
    (HELD, {"target": 4_003.75, "actor": "operator"}, ("REPLAN_RR", 0.9375, 1.0)),
    (HELD, {"target": 4_012.25}, ("TARGET_FARTHER", 4_012.25, 4_012.0)),
    (HELD, {"target": 4_012.25, "actor": "rule"}, ("OK", 0, 0)),
    (HELD, {"target": 4_012.25, "actor": "operator"}, ("OK", 0, 0)),
    ({**HELD, "target": None}, {"target": 4_090.0}, ("OK", 0, 0)),                               # nearer than none
    ({**HELD, "price": 3_995.0}, {"target": 4_006.0}, ("REPLAN_RR", 0.0, 1.0)),                  # the price stands beyond the stop already
    (HELD, {"size": 5.0}, ("ADD_QTY", 5, 4)),
    (HELD, {"size": 3.0}, ("OK", 0, 0)),
    (HELD, {"size": 0.0}, ("OK", 0, 0)),
    (HELD, {"size": 2.5}, ("OFF_LOT", 2.5, 2)),
    (HELD, {"size": -1.0}, ("OFF_LOT", -1, 0)),
    (HELD, {"size": inf}, ("ADD_QTY", inf, 4)),
    (HELD, {"until": 10}, ("LONGER_VALIDITY", 10, 0)),                                           # nothing works any more that could end sooner
    (ORDER, {"until": 899}, ("OK", 0, 0)),
    (ORDER, {"until": 901}, ("LONGER_VALIDITY", 901, 900)),
    (HELD, {}, ("UNCHANGED", 0, 0)),
    (HELD, {"stop": 3_996.0, "target": 4_012.0, "size": 4.0}, ("UNCHANGED", 0, 0)),
    ({**HELD, "d": -1, "stop": 4_004.0, "target": 3_988.0}, {"stop": 4_004.25}, ("WIDEN_STOP", 4_004.25, 4_004.0)),
    ({**HELD, "d": -1, "stop": 4_004.0, "target": 3_988.0}, {"target": 3_987.75}, ("TARGET_FARTHER", 3_987.75, 3_988.0)),
]


@pytest.mark.parametrize(("plan", "asked", "expected"), BY_HAND)
def test_what_may_be_asked_of_a_plan_by_hand(plan, asked, expected):
    assert judged(plan, asked) == expected


@pytest.mark.parametrize("wild", [nan, inf, -inf])
@pytest.mark.parametrize("name", ["stop", "target"])
def test_a_price_that_is_no_number_is_refused_or_asks_for_nothing(name, wild):
    assert judged(HELD, {name: wild})[0] == ("UNCHANGED" if isnan(wild) else "OFF_TICK")


prices = st.one_of(st.none(), st.integers(-30, 60).map(lambda n: 4_000.0 + n * TICK), st.sampled_from([3_998.1, inf]))


@settings(max_examples=400)
@given(st.sampled_from([1, -1]), st.integers(-12, 12), st.integers(1, 24), st.one_of(st.none(), st.integers(1, 48)), st.integers(0, 5), st.integers(0, 5),
       st.integers(0, 4), st.integers(0, 2), prices, prices, st.one_of(st.none(), st.integers(-1, 12), st.just(1.5)),
       st.one_of(st.none(), st.integers(1, 1000)), st.sampled_from([4, 4, 4, 3, 5]), st.sampled_from(ACTORS))
def test_what_may_be_asked_equals_the_naive_twin(d, moved, risk, reward, held, rest, replans, since, stop, target, size, until, expected, actor):
    plan = {"d": d, "version": 4, "replans": replans, "closes_since": since, "price": 4_000.0 + moved * TICK, "stop": 4_000.0 - d * risk * TICK,
            "target": None if reward is None else 4_000.0 + d * reward * TICK, "held": float(held), "rest": float(rest), "until": 900 if rest else 0}
    asked = {"expected": expected, "actor": actor, "stop": stop, "target": target, "size": size, "until": until}
    code, measured, allowed = judged(plan, asked)
    wanted = naive.judged(plan, asked, POLICY, TICK, LOT)
    assert code == wanted[0]
    np.testing.assert_allclose((measured, allowed), wanted[1:], rtol=1e-12)


@settings(max_examples=400)
@given(st.sampled_from([1, -1]), st.integers(-8, 8), st.integers(1, 16), st.integers(-40, 40), st.integers(0, 6), st.integers(0, 6), st.integers(-2, 14),
       st.sampled_from(ACTORS))
def test_a_request_that_is_taken_never_loosens_a_stop_nor_adds_to_the_plan(d, moved, risk, asked, held, rest, size, actor):
    plan = {"d": d, "price": 4_000.0 + moved * TICK, "stop": 4_000.0 - d * risk * TICK, "target": None, "held": float(held), "rest": float(rest)}
    stop = 4_000.0 + asked * TICK
    if judged(plan, {"stop": stop, "size": float(size), "actor": actor})[0] == "OK":
        assert d * (stop - plan["stop"]) >= 0 and size <= held + rest
        left, leaves = shares_of_cut(float(held), float(rest), float(size))
        assert (left, leaves) == naive.cut(held, rest, size) and held - leaves + left == size


def test_the_reward_that_is_left_is_counted_from_the_price():
    """From 4000 to 4006 for 4 points to the stop, and for the mirror image."""
    assert reward_left(1, 4_000.0, 3_996.0, 4_006.0) == reward_left(-1, 4_000.0, 4_004.0, 3_994.0) == 1.5
