"""Refusals count setups: once each, by the first gate of the round that ended them."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from pse.engine.loop import Batch
from pse.engine.outcome import Outcome
from pse.kernels import codes as c
from pse.kernels.contract import SETUP_DTYPE
from pse.kernels.state import EVENT_DTYPE, TRADE_DTYPE
from pse.kernels.targets import CODES
from tests.engine.made import Shape, batches, journal_lines, made, state_of

NO_GATE = {"CONFLICT", "SUPERSEDED", "SAME_IDEA", "REJECTED", "HOLD", "OUT_OF_WINDOW", "AUTHORITY", "ENTRY_EDIT"}


def round_of(setup, stage, said, micro=0):
    """Events of one round of gates; `said`: gate to whether it passed."""
    events = np.zeros(len(said), EVENT_DTYPE)
    events["kind"], events["setup"], events["i"], events["c"] = c.E_GATES, setup, c.STAGES.index(stage), micro
    events["j"], events["k"] = [c.GATES.index(gate) for gate in said], list(said.values())
    return events


def refusals(*found):
    """What a run says that was told these events, one batch each."""
    outcome = Outcome()
    step = SimpleNamespace(plan=SimpleNamespace(tactics={"a": None}), world=SimpleNamespace(setups=np.zeros(9, SETUP_DTYPE)))
    for events in found:
        outcome.take(Batch(step, events, np.zeros(0, TRADE_DTYPE), {}))  # type: ignore[arg-type]
    return dict(outcome.refusals)


def test_a_setup_refused_by_several_gates_counts_once_under_the_first():
    assert refusals(round_of(0, "before", {"breakers": 1, "data": 0, "session": 0, "cooldown": 0})) == {"data": 1}


def test_a_setup_that_the_micro_took_is_no_refusal():
    large, micro = round_of(3, "after", {"sizing": 0}), round_of(3, "after", {"sizing": 1, "data": 1, "exposure": 1, "tail_risk": 1}, micro=1)
    assert refusals(np.concatenate([round_of(3, "before", {"data": 1}), large, micro])) == {}


def test_where_the_micro_fails_too_its_own_gate_counts_and_not_the_large_contracts():
    large = round_of(3, "after", {"sizing": 1, "data": 1, "exposure": 0})
    micro = round_of(3, "after", {"sizing": 1, "data": 1, "expected_value": 0, "cooldown": 0}, micro=1)
    assert refusals(np.concatenate([large, micro])) == {"expected_value": 1}


def test_an_entry_cancelled_at_activation_counts_also_in_a_later_batch():
    admitted = np.concatenate([round_of(5, "before", {"data": 1}), round_of(5, "after", {"sizing": 1, "exposure": 1})])
    activation = round_of(5, "activation", {"blackout": 1, "spread": 1, "bracket": 0})
    assert refusals(admitted, activation) == {"bracket": 1} == refusals(np.concatenate([admitted, activation]))


def test_setups_of_several_symbols_do_not_mix():
    rounds = [round_of(0, "before", {"data": 1}), round_of(1, "before", {"data": 1, "session": 0}), round_of(0, "after", {"sizing": 0}),
              round_of(2, "before", {"session": 0}), round_of(0, "after", {"sizing": 1, "tail_risk": 0}, micro=1)]
    assert refusals(np.concatenate(rounds)) == {"session": 2, "tail_risk": 1}


@pytest.mark.parametrize("symbols", [("ES",), ("ES", "NQ", "RTY")])
def test_refusals_are_the_setups_that_gates_passed_over_or_cancelled_at_activation(symbols):
    taken_by_micro = 0
    for seed in range(25):
        prepared = made(seed, Shape(500, 40, symbols))
        found = list(batches(prepared, state=state_of(prepared, 20_000.0)))
        lines = journal_lines(found)
        over = {body["setup_id"] for kind, _, body in lines if kind == "PASSED_OVER" and body["reason"] not in NO_GATE}
        no = [body for kind, _, body in lines if kind == "GATES" and not all(gate[1] for gate in body["gates"])]
        at_activation = {body["setup_id"] for body in no if body["stage"] == "activation"}
        taken_by_micro += len({body["setup_id"] for body in no} - over - at_activation)
        outcome = Outcome()
        for batch in found:
            outcome.take(batch)
        assert sum(outcome.refusals.values()) == len(over) + len(at_activation) and not over & at_activation
        by_setup = {body["setup_id"]: next(gate[0] for gate in body["gates"] if not gate[1]) for body in no if body["setup_id"] in over | at_activation}
        assert outcome.refusals == Counter(by_setup.values())
        steps = Outcome()
        for batch in batches(prepared, state=state_of(prepared, 20_000.0), cuts=np.unique(prepared.tape.ts_close).tolist()):
            steps.take(batch)
        assert steps.refusals == outcome.refusals
    assert taken_by_micro > 0


def test_each_tactic_tells_who_turned_its_setups_down_and_why():
    """Setups 0, 1, 2 are the first tactic's: turned down by the tactic, at the choice, by a gate; 3, 4 the second's: by a gate, and an order unfilled."""
    setups = np.zeros(5, SETUP_DTYPE)
    setups["tactic"], setups["refusal"] = (0, 0, 0, 1, 1), (CODES.index("SL_CAP"), 0, 0, 0, 0)
    step = SimpleNamespace(plan=SimpleNamespace(tactics={"first": None, "second": None}), world=SimpleNamespace(setups=setups))
    over = np.zeros(3, EVENT_DTYPE)                                        # that a gate said no is told in these words once more
    over["kind"], over["setup"], over["code"] = c.E_PASSED_OVER, (0, 1, 2), (c.R_TACTIC, c.R_SAME_IDEA, c.R_RR)
    gates = np.concatenate([round_of(2, "before", {"data": 1, "bracket": 0}), round_of(3, "before", {"bracket": 0})])
    gates["code"][1:] = c.R_RR
    order = np.zeros(1, EVENT_DTYPE)
    order["kind"], order["setup"], order["code"], order["i"], order["j"] = c.E_ORDER, 4, c.R_EXPIRED, c.LEG_ENTRY, c.O_CANCEL
    outcome = Outcome()
    outcome.take(Batch(step, np.concatenate([over, gates, order]), np.zeros(0, TRADE_DTYPE), {}))  # type: ignore[arg-type]
    assert [tuple(row.values()) for row in outcome.turned_down()] == [
        ("first", "gate", "bracket", "RR", 1), ("first", "selection", "", "SAME_IDEA", 1), ("first", "tactic", "", "SL_CAP", 1),
        ("second", "gate", "bracket", "RR", 1), ("second", "order", "", "EXPIRED", 1)]
    assert outcome.refusals == {"bracket": 2} and outcome.passed_over == {"SAME_IDEA": 1, "SL_CAP": 1, "RR": 1}
