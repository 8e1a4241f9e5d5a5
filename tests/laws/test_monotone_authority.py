"""Whoever judges may veto, shrink and tighten.  Whatever it says, it cannot make a plan that risks more than its approval would have."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.engine.made import TO_THE_END, Shape, all_events, batches, bodies, journal_bytes, made, state_of
from tests.engine.plain import at, entry, market

SHAPE = Shape(400, 20, missing=0.0, rolls=False)
NEAR = st.sampled_from([-8.0, -2.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 100.0])
WILD = st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0, -1.0])
seeds = st.integers(0, 300)


@st.composite
def judgements(draw):
    """A function from a briefing to any deliberation about it; prices are given as steps from the proposal's, or wild."""
    word = draw(st.sampled_from(["APPROVE", "MODIFY", "MODIFY", "HOLD", "REJECT"]))
    factor = draw(st.one_of(st.floats(0.01, 1.0), st.sampled_from([0.0, 1.0, 1.0000001, 2.0, 1e9, -1.0]), WILD))
    direction = draw(st.sampled_from([0, 0, 0, 1, -1, 7]))
    moves = {name: draw(st.one_of(st.none(), NEAR, WILD)) for name in ("entry", "stop", "target")}
    count, failed = draw(st.sampled_from([0, 0, 0, 0, 1, -1])), draw(st.sampled_from([False, False, False, True]))
    trust = draw(st.one_of(st.none(), st.none(), st.floats(0.0, 1.0), st.sampled_from([-0.1, 1.1, 1e300]), WILD))
    cost, latency = draw(st.sampled_from([0.0, 0.0, 0.02])), draw(st.sampled_from([0, 0, 40_000_000_000]))

    def judge(briefing):
        first = briefing.candidates[0]
        given = {name: (getattr(first, name) or 0.0) + step if step is not None else None for name, step in moves.items()}
        verdicts = [Verdict(word, factor, direction, confidence=trust, **given), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)]
        verdicts = verdicts + [Verdict("APPROVE")] if count > 0 else verdicts[:-1] if count < 0 else verdicts
        return Deliberation(tuple(verdicts), {"by": "test"}, latency, cost, failed)

    return judge


def approve(briefing):
    return Deliberation((Verdict("APPROVE"), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})


def first_decision(seed, judge):
    """The state of the plan that the first question led to under a judge who holds at all later ones: (armed plan or None, its decisions)."""
    asked = []

    def once(briefing):
        asked.append(briefing)
        return judge(briefing) if len(asked) == 1 else Deliberation((Verdict("HOLD"),) * len(briefing.candidates), {"by": "test"})

    prepared = made(seed, SHAPE, Mode(end_ns=TO_THE_END, ask=True))
    found = list(batches(prepared, decide=once))
    events = all_events(found)
    plans = events[(events["kind"] == c.E_PLAN) & (events["code"] == c.R_OK) & (events["ts"] == asked[0].known_at)] if asked else events[:0]
    decisions = [body for batch in found for kind, ts, body in lines(batch) if kind == "DECISION" and ts == asked[0].known_at] if asked else []
    return prepared, asked[0] if asked else None, plans, decisions


def lines(batch):
    from tests.engine.made import journal_lines

    return journal_lines([batch])


def risk_of(prepared, plan):
    """(quantity in large contracts, stop points, money at the stop, target points) of a plan event."""
    setup = prepared.world.setups[plan["setup"]]
    instrument = prepared.world.instruments[plan["symbol"]]
    value = instrument["micro_point_value"] if plan["k"] else instrument["point_value"]
    points, reward = abs(setup["entry"] - plan["a"]), abs(plan["b"] - setup["entry"])
    size = plan["e"] * value / instrument["point_value"]
    return size, points, plan["e"] * points * value, reward


@settings(max_examples=150)
@given(seeds, judgements())
def test_no_word_of_a_judge_makes_a_plan_that_risks_more_than_its_approval(seed, judge):
    prepared, asked, approved, _ = first_decision(seed, approve)
    _, _, judged, decisions = first_decision(seed, judge)
    if not judged.size:
        assert all(body["reason"] != "OK" and body["quantity"] == 0 for body in decisions)      # a refusal says why
        return
    assert approved.size == 1 and judged.size == 1
    most, got = risk_of(prepared, approved[0]), risk_of(prepared, judged[0])
    assert judged[0]["setup"] == approved[0]["setup"]
    for name, least, found in zip(("size", "stop distance", "money at the stop", "target distance"), got, most, strict=True):
        assert least <= found + 1e-9, f"{name}: {least} where the approval has {found}"


BAD = {
    "a larger size": (Verdict("MODIFY", size_factor=1.5), "AUTHORITY"), "no size": (Verdict("MODIFY", size_factor=0.0), "AUTHORITY"),
    "a negative size": (Verdict("APPROVE", size_factor=-1.0), "AUTHORITY"),
    "a size that is no number": (Verdict("APPROVE", size_factor=float("nan")), "AUTHORITY"),
    "the other direction": (Verdict("MODIFY", direction=-99), "AUTHORITY"), "another entry": (Verdict("MODIFY", entry=1.0), "ENTRY_EDIT"),
    "a wider stop": (Verdict("MODIFY", stop=-2.0), "AUTHORITY"), "a farther target": (Verdict("MODIFY", target=2.0), "AUTHORITY")}


@pytest.mark.parametrize("what", sorted(BAD))
@pytest.mark.parametrize("seed", [2, 5, 11])
def test_an_overstepping_word_is_refused_and_the_journal_says_why(what, seed):
    verdict, reason = BAD[what]

    def judge(briefing):
        first = briefing.candidates[0]
        d = 1 if first.direction == "LONG" else -1
        own = replace(verdict, direction=-d if verdict.direction else 0, stop=first.stop + d * verdict.stop if verdict.stop else None,
                      target=first.target + d * verdict.target if verdict.target else None)
        return Deliberation((own, *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})

    _, asked, plans, decisions = first_decision(seed, judge)
    assert asked is not None and not plans.size
    assert [(body["decision"], body["verdict"], body["reason"]) for body in decisions][0] == ("REJECT", verdict.word, reason)


def approving(n, **more):
    return Deliberation((Verdict("APPROVE"),) * n, **more)


NONSENSE = [lambda n: approving(n + 1), lambda n: Deliberation(()), lambda n: approving(n, failed=True), lambda n: Deliberation(None),
            lambda n: Deliberation(("APPROVE",) * n), lambda n: Deliberation((Verdict("APPROVE", size_factor="all"),) * n),
            lambda n: Deliberation((Verdict("APPROVE", stop="none"),) * n), lambda n: Deliberation((Verdict("APPROVE", size_factor=None),) * n),
            lambda n: Deliberation((Verdict("APPROVE", target=10**400),) * n), lambda n: Deliberation((Verdict("APPROVE", direction=float("nan")),) * n),
            lambda n: approving(n, latency_ns=-1), lambda n: approving(n, latency_ns=2**63), lambda n: approving(n, latency_ns=float("nan")),
            lambda n: approving(n, cost_usd=-5.0), lambda n: approving(n, cost_usd=float("nan")), lambda n: approving(n, cost_usd=1e300),
            lambda n: approving(n, cost_usd=100_000.0)]


@pytest.mark.parametrize("answer", NONSENSE)
def test_a_judge_that_fails_or_answers_nonsense_holds_and_costs_nothing(answer):
    prepared = made(4, SHAPE, Mode(end_ns=TO_THE_END, ask=True))
    found = list(batches(prepared, decide=lambda briefing: answer(len(briefing.candidates))))
    decisions = bodies(found, "DECISION")
    assert decisions and all((one["decision"], one["reason"], one["quantity"]) == ("HOLD", "HOLD", 0.0) for one in decisions)
    assert not bodies(found, "ORDER") and not bodies(found, "FILL") and not bodies(found, "CHARGE")


@pytest.mark.parametrize("body", [None, [3], "words", {"x": object()}, {1: 2}, {"symbol": "GC", "by": float("nan")}])
def test_what_a_judge_says_of_itself_is_journaled_or_named_as_unreadable_and_never_changes_the_line(body):
    prepared = made(4, SHAPE, Mode(end_ns=TO_THE_END, ask=True))
    found = list(batches(prepared, decide=lambda briefing: Deliberation((Verdict("HOLD"),) * len(briefing.candidates), body)))
    said = bodies(found, "DELIBERATION")
    assert said and all(one["symbol"] == "ES" for one in said) and journal_bytes(found)


@pytest.mark.parametrize("edit", ["the stop", "the entry", "infinite", "far away"])
def test_a_target_that_cannot_be_is_refused_and_stops_nothing(edit):
    """At the stop, where a reward of -1 once divided by nothing; at the entry; beyond all prices, also of a setup without a target."""
    def judge(briefing):
        first = briefing.candidates[0]
        target = {"the stop": first.stop, "the entry": first.entry, "infinite": float("inf"), "far away": 1e300}[edit]
        return Deliberation((Verdict("MODIFY", target=target), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})

    for targetless in (False, True):
        prepared = market([entry(10, **({"target": np.nan} if targetless else {}))], mode=Mode(end_ns=at(60), ask=True), ev_min=-9.0)
        (told,) = bodies(list(batches(prepared, decide=judge)), "DECISION")
        if not (targetless and edit == "far away"):
            assert told["decision"] == "REJECT" and told["reason"] in ("AUTHORITY", "RR") and told["quantity"] == 0.0


@pytest.mark.parametrize("edit", [{"stop": 3.0}, {"target": 2000.0}, {}])
def test_an_edit_buys_no_more_under_the_fraction_of_kelly(edit):
    """A stop drawn nearer, or a far target where there was none, would raise the reward for the risk by which Kelly's fraction grows."""
    def judge(briefing):
        first = briefing.candidates[0]
        changed = {"stop": first.stop + edit["stop"]} if "stop" in edit else {"target": first.entry + edit["target"]} if "target" in edit else {}
        return Deliberation((Verdict("MODIFY", **changed),), {"by": "test"})

    more = {"target": np.nan} if "target" in edit else {}
    found = []
    for who in (approve, judge):
        prepared = market([entry(10, risk=8.0, **more)], mode=Mode(end_ns=at(60), ask=True), overrides=("instruments.ES.micro=null",),
                          **{**ROOM, **FUTURES, "kelly_share": 0.25, "kelly_cap": 0.05, "kelly_min_trades": 30})
        state = state_of(prepared)
        state.tallies["wins"], state.tallies["trades"], state.tallies["win_r"] = 20.0, 40.0, 36.0
        state.tallies["closed"] = 40
        found.append(bodies(list(batches(prepared, decide=who, state=state)), "DECISION")[0]["quantity"])
    assert found[0] > 0.0 and found[1] <= found[0]


def test_edits_that_shrink_are_taken_and_pass_every_gate_again():
    """Half the size, a tighter stop, a nearer target: taken as they stand where the ratio still holds, with the gates of the stage after."""
    def judge(briefing):
        first = briefing.candidates[0]
        d = 1 if first.direction == "LONG" else -1
        return Deliberation((Verdict("MODIFY", 0.5, stop=first.stop + d * 0.25), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})

    taken = 0
    for seed in range(30):
        prepared, asked, plans, decisions = first_decision(seed, judge)
        if asked is None or not plans.size:
            continue
        taken += 1
        first = asked.candidates[0]
        d = 1 if first.direction == "LONG" else -1
        assert plans[0]["a"] == first.stop + d * 0.25 and decisions[0]["size_factor"] == 0.5 and decisions[0]["decision"] == "MODIFY"
    assert taken > 5


def test_a_tightened_stop_inside_the_noise_is_refused_and_not_widened_back():
    def judge(briefing):
        first = briefing.candidates[0]
        d = 1 if first.direction == "LONG" else -1
        return Deliberation((Verdict("MODIFY", stop=first.entry - d * 0.5), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})

    reasons = [decisions[0]["reason"] for seed in range(20) for _, asked, _, decisions in [first_decision(seed, judge)] if asked is not None]
    assert set(reasons) == {"MIN_RISK"} and len(reasons) > 10


def test_a_target_so_near_that_the_reward_is_gone_is_refused():
    def judge(briefing):
        first = briefing.candidates[0]
        d = 1 if first.direction == "LONG" else -1
        near = first.entry + d * 0.25 * int(1.4 * abs(first.entry - first.stop) / 0.25)
        return Deliberation((Verdict("MODIFY", target=near), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})

    reasons = [decisions[0]["reason"] for seed in range(20) for _, asked, _, decisions in [first_decision(seed, judge)] if asked is not None]
    assert set(reasons) == {"RR"} and len(reasons) > 10


def test_latency_of_a_slow_judge_moves_the_first_possible_fill():
    """An order that exists 40 s after the decision cannot have the minute that began before it."""
    def slow(briefing):
        return replace(approve(briefing), latency_ns=40_000_000_000)

    for seed in range(12):
        prepared = made(seed, SHAPE, Mode(end_ns=TO_THE_END, ask=True))
        events = all_events(list(batches(prepared, decide=slow)))
        fills = events[(events["kind"] == c.E_FILL) & (events["i"] == c.LEG_ENTRY)]
        for fill in fills:
            assert fill["ts"] >= prepared.world.setups["ts"][fill["setup"]] + 60_000_000_000
    assert k.ENTER == 1 and np.all(fills["ts"] > 0)


def test_an_edit_beside_the_tick_grid_is_refused():
    def judge(briefing):
        first = briefing.candidates[0]
        d = 1 if first.direction == "LONG" else -1
        return Deliberation((Verdict("MODIFY", stop=first.stop + d * 0.1), *[Verdict("REJECT")] * (len(briefing.candidates) - 1)), {"by": "test"})

    reasons = [decisions[0]["reason"] for seed in range(20) for _, asked, _, decisions in [first_decision(seed, judge)] if asked is not None]
    assert set(reasons) == {"AUTHORITY"} and len(reasons) > 10


ROOM = {"max_gross": 1000.0, "max_concurrent": 1.0, "max_daily_loss": 1.0, "max_quantity": 1000, "var95": 9.0, "es975": 9.0, "ev_min": -9.0,
        "correlation_days": 0}
FUTURES, SHARES = {"shares": 0, "r_unit": 0.08, "max_risk": 0.1}, {"shares": 1, "max_risk": 0.1}
A_BAD_DAY = -0.02                    # 80 points: more than the stop allows, so each unit may lose 1.5 of its distance of 6 points


def answered(ticks, day=0.0, **policy):
    """(decision, reason, quantity) of a long at 4000 with its stop at 3994, drawn nearer by so many ticks; its target stays."""
    def judge(briefing):
        return Deliberation((Verdict("MODIFY", stop=briefing.candidates[0].stop + ticks * 0.25),), {"by": "test"})

    prepared = market([entry(10, risk=6.0)], mode=Mode(end_ns=at(60), ask=True), overrides=("instruments.ES.micro=null",), **{**ROOM, **policy})
    prepared.world.returns[:] = day
    (told,) = bodies(list(batches(prepared, decide=judge)), "DECISION")
    return told["decision"], told["reason"], told["quantity"]


@pytest.mark.parametrize(("policy", "approved"), [
    (FUTURES, 19.0),                                                   # 100,000 x .08 x .75 = 6000 over 6 x 50 + 5
    ({**FUTURES, "max_concurrent": 0.03}, 10.0),                       # 3000 over 300
    ({**FUTURES, "es975": 0.025, "day": A_BAD_DAY}, 5.0),              # 2500 over 450
    (SHARES, 17.0),                                                    # 100,000 x .1 x .7 x .75 = 5250 over 300
    ({**SHARES, "max_concurrent": 0.03}, 10.0),
    ({**SHARES, "es975": 0.025, "day": A_BAD_DAY}, 5.0),
])
def test_a_stop_drawn_nearer_buys_no_more(policy, approved):
    """Down to a distance of 3 points, where the size by itself would be twice the approval's."""
    assert {answered(ticks, **policy) for ticks in range(13)} == {("MODIFY", "OK", approved)}


@pytest.mark.parametrize("policy", [{"shares": 0, "r_unit": 0.002}, {"shares": 1, "max_risk": 0.002}])
def test_a_stop_drawn_nearer_does_not_make_a_trade_of_one_that_is_too_big(policy):
    """150 and 105 of money where the setup's own stop costs 305 and 300, and one at 1.5 points 80 and 75."""
    assert {answered(ticks, **policy)[1:] for ticks in (0, 4, 12, 18)} == {("SIZE_ZERO", 0.0)}
