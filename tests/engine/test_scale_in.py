"""More of the same: a position is added to by a plan of its own, through all gates.  By hand: ES at 4000, stops 4 and 2 points below, a tick of slippage."""

import numpy as np
import pytest

from pse.agents.rules import decide
from pse.engine.desk import Mode
from pse.engine.state import save_state
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.state import BAR_ROLL
from tests.engine.external import Scripted, fills_of
from tests.engine.made import Shape, all_events, all_trades, batches, bodies, journal_bytes, journal_lines, made, state_of
from tests.engine.plain import at, entry, market, signal

THREE = ("risk_policies.futures_intraday.limits.max_plans_per_symbol=3",)
TWO = ("risk_policies.futures_intraday.limits.max_plans_per_symbol=2",)
FREE = {"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_group": 99, "trail_swing": 0, "partial": 0.0, "max_gross": 100.0, "max_quantity": 3,
        "r_unit": 0.00275}                         # one contract a plan: 206 USD of risk, 205 at the stop of 4 points, 105 at that of 2
FILLS = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 21): (4000.0, 4000.0, 3999.5, 4000.0)}


def told(*setups, bars=None, slots=THREE, edit=None, **policy):
    prepared = market([entry(10), *setups], bars={**FILLS, **(bars or {})}, overrides=slots, **{**FREE, **policy})
    if edit is not None:
        edit(prepared)
    return list(batches(prepared))


def refusals(found):
    return [body["reason"] for body in bodies(found, "PASSED_OVER")]


def exits(found):
    """(minute, stop of the plan, reason) of closed trades."""
    closed = {trade["number"]: trade["stop"] for trade in all_trades(found)}
    events = all_events(found)
    return [((int(e["ts"]) - at(0)) // 60_000_000_000, closed[e["plan"]], c.REASONS[e["code"]]) for e in events[events["kind"] == c.E_EXIT]]


def test_a_second_plan_stands_beside_the_first_each_with_its_own_stop():
    """The bar of minute 30 trades at 3998, that of minute 40 at 3996."""
    found = told(entry(20, risk=2.0, reward=4.0), bars={(0, 30): (4000.0, 4000.0, 3998.0, 4000.0), (0, 40): (4000.0, 4000.0, 3996.0, 4000.0)})
    assert exits(found) == [(30, 3_998.0, "SL"), (40, 3_996.0, "SL")]
    stops = [(body["quantity"], body["price"]) for body in bodies(found, "ORDER") if body["leg"] == "STOP"]
    assert stops == [(1.0, 3_996.0), (1.0, 3_998.0)] and len({body["plan_id"] for body in bodies(found, "PLAN")}) == 2


def test_every_gate_is_asked_of_the_second_plan():
    first, second = ([body for body in bodies(told(entry(20, risk=2.0, reward=4.0)), "GATES") if body["setup_id"] == name]
                     for name in [body["setup_id"] for body in bodies(told(entry(20, risk=2.0, reward=4.0)), "SETUP")])
    assert [[gate[0] for gate in body["gates"]] for body in first] == [[gate[0] for gate in body["gates"]] for body in second]


@pytest.mark.parametrize(("slots", "setups", "expected"), [
    (THREE, [entry(20)], []), ((), [entry(20)], ["BUSY"]), (TWO, [entry(20), entry(30)], ["BUSY"]), (THREE, [entry(20), entry(30), entry(40)], ["BUSY"]),
    (THREE, [entry(20, direction=-1)], ["BUSY"])])
def test_there_is_room_for_as_many_plans_of_one_side_as_the_profile_says(slots, setups, expected):
    bars = {(0, 31): (4000.0, 4000.0, 3999.5, 4000.0)}
    assert refusals(told(*setups, slots=slots, bars=bars)) == expected


def test_nothing_is_added_to_an_order_that_has_not_filled():
    """Nobody trades through 4000 before minute 21."""
    assert refusals(told(entry(15), bars={(0, 11): (4000.0, 4000.0, 4000.0, 4000.0)})) == ["BUSY"]


def test_nothing_is_added_to_a_position_that_leaves():
    found = told(signal(20, k.EXIT, direction=1), entry(20, tactic=1, precedence=2))
    assert refusals(found) == ["BUSY"]


def test_the_risk_of_both_counts_for_the_third():
    """A contract risks 200 of 100,000 in the first plan and 100 in the second: .003 with .002 more is allowed, with .0049 not."""
    two = [entry(20, risk=2.0, reward=4.0), entry(30)]
    assert refusals(told(*two, max_concurrent=0.0051)) == [] and len(bodies(told(*two, max_concurrent=0.0051), "ORDER")) > 6
    decisions = [body["reason"] for body in bodies(told(*two, max_concurrent=0.0049, allow_micro=0), "DECISION")]
    assert decisions == ["OK", "OK", "CONCURRENT_RISK"]


def test_the_largest_quantity_is_that_of_all_plans_of_a_symbol():
    found = told(entry(20), entry(30), bars={(0, 31): (4000.0, 4000.0, 3999.5, 4000.0)}, max_quantity=2, allow_micro=0)
    assert [(body["decision"], body["quantity"], body["reason"]) for body in bodies(found, "DECISION")] == [
        ("APPROVE", 1.0, "OK"), ("APPROVE", 1.0, "OK"), ("REJECT", 0.0, "SIZE_ZERO")]


def test_an_exit_of_the_tactic_reaches_all_its_plans_and_no_other():
    found = told(entry(20), entry(30, tactic=1), signal(40, k.EXIT, direction=1), bars={(0, 31): (4000.0, 4000.0, 3999.5, 4000.0)})
    assert [one[0::2] for one in exits(found)] == [(40, "EXIT_SIGNAL"), (40, "EXIT_SIGNAL"), (60, "RUN_END")]


def test_a_roll_ends_all_plans_of_the_contract_at_its_last_price():
    def roll(prepared):
        prepared.tape.flags[30] |= BAR_ROLL

    found = told(entry(20), edit=roll)
    assert [one[0::2] for one in exits(found)] == [(30, "ROLL"), (30, "ROLL")]


def test_all_plans_are_flat_before_the_session_ends():
    left = {(0, minute, k.C_SESSION_LEFT_NS): float((45 - minute) * 60 * 10**9) for minute in range(5, 46, 5)}
    prepared = market([entry(10), entry(20)], bars=FILLS, context=left, overrides=THREE, **FREE)
    assert [one[0::2] for one in exits(list(batches(prepared)))] == [(40, "SESSION_END"), (40, "SESSION_END")]


# --- laws ---------------------------------------------------------------------------------------------------------------------------------------------------

SHAPES = [Shape(500, 60, ("ES",), overrides=THREE), Shape(500, 80, ("ES", "NQ"), overrides=TWO, rich=True)]
EASY = {"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_group": 99, "ev_min": -9.0, "max_concurrent": 0.5, "max_losses": 99, "max_daily_loss": 0.5}


def most_at_once(found):
    """Largest number of plans of one symbol that held something at one time."""
    held, most = {}, 0
    for event in all_events(found):
        if event["kind"] == c.E_FILL:
            held.setdefault(int(event["symbol"]), {})[int(event["plan"])] = event["e"] > 0
            most = max(most, sum(held[int(event["symbol"])].values()))
    return most


@pytest.mark.parametrize("shape", SHAPES)
def test_however_it_is_cut_or_asked_the_run_of_several_plans_is_the_same(shape):
    seen = 0
    for seed in range(6):
        end = int(made(seed, shape).until_ns)
        runs = []
        for cut, ask in ((False, False), (True, False), (False, True)):
            prepared = made(seed, shape, Mode(end_ns=end, ask=ask), **EASY)
            state = state_of(prepared)
            cuts = np.unique(prepared.tape.ts_close).tolist() if cut else ()
            found = list(batches(prepared, decide=decide, state=state, cuts=cuts))
            runs.append((journal_bytes(found), save_state(state, prepared.plan.shape)))
        seen = max(seen, most_at_once(found))
        assert runs[0] == runs[1] == runs[2]
    assert seen >= 2


def test_a_broker_outside_that_fills_alike_makes_the_same_trades_of_several_plans():
    shape, compared, seen = Shape(500, 60, ("ES",), overrides=THREE, rolls=False), 0, 0
    same = EASY
    for seed in range(20):
        end = int(made(seed, shape).until_ns)
        simulated = list(batches(made(seed, shape, Mode(end_ns=end, close_at_end=False), **same)))
        outside = made(seed, shape, Mode(end_ns=end, close_at_end=False, external=True), **same)
        found = list(batches(outside, broker=Scripted(3, fills_of(all_events(simulated)))))
        ours, theirs = all_trades(simulated), all_trades(found)
        assert ours.size == theirs.size, seed
        for name in ("number", "setup", "quantity", "entry", "exit", "gross", "net", "balance"):
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{seed} {name}")
        compared, seen = compared + ours.size, max(seen, most_at_once(found))
    assert compared > 40 and seen >= 2


def test_the_lines_of_two_plans_of_a_symbol_are_told_apart():
    found = told(entry(20, risk=2.0, reward=4.0))
    parents = {}
    for kind, _, body in journal_lines(found):
        if kind == "PLAN":
            assert body["parent_version"] == parents.get(body["plan_id"])
            parents[body["plan_id"]] = body["version"]
    assert sorted(parents.values()) == [3, 3]
