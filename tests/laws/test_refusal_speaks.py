"""Every gate that says no gives what was measured, what was allowed and a code; every setup ends in a decision or in a reason."""

from collections import Counter

import numpy as np
import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.engine.made import Shape, batches, bodies, journal_lines, made

PASSING = {"OK", "NO_TARGET", "UNMEASURED", "OFF", "INSUFFICIENT", "REDUCED", "R_CAPPED"}
NO_NUMBER = {"spread"}               # passes unmeasured where there is no quote


@pytest.mark.parametrize("symbols", [("ES",), ("ES", "NQ", "RTY")])
def test_every_line_of_gates_says_what_was_measured_and_what_was_allowed(symbols):
    said_no = Counter()
    for seed in range(40):
        for body in bodies(list(batches(made(seed, Shape(500, 40, symbols)))), "GATES"):
            for gate, passed, measured, allowed, code in body["gates"]:
                assert gate in c.GATES and code in c.REASONS and isinstance(passed, bool)
                if passed:
                    assert code in PASSING, (gate, code)
                    assert measured is not None or gate in NO_NUMBER
                else:
                    said_no[gate, code] += 1
                    assert code not in PASSING or code == "INSUFFICIENT", (gate, code)
                    assert isinstance(measured, float) and isinstance(allowed, float), (gate, code)
    assert len({gate for gate, _ in said_no}) >= 9, said_no


def test_all_gates_of_a_stage_are_told_in_order_even_after_the_first_no():
    before, activation = list(c.GATES[:11]), ["blackout", "spread", "bracket"]
    stages = Counter()
    for seed in range(20):
        for body in bodies(list(batches(made(seed, Shape(500, 40)))), "GATES"):
            names = [gate[0] for gate in body["gates"]]
            stages[body["stage"]] += 1
            if body["stage"] == "before":
                assert names == before
            elif body["stage"] == "activation":
                assert names == activation
            else:
                assert names == list(c.GATES)
    assert set(stages) == {"before", "after", "activation"}


def test_every_entry_ends_in_a_decision_or_in_a_reason_and_the_reason_is_the_first_gate_that_said_no():
    for seed in range(40):
        prepared = made(seed, Shape(500, 40, ("ES", "NQ")))
        lines = journal_lines(list(batches(prepared)))
        entries = {prepared.setup_ids[row] for row in np.flatnonzero(prepared.world.setups["kind"] == k.ENTER)}
        over = {body["setup_id"]: body["reason"] for kind, _, body in lines if kind == "PASSED_OVER"}
        approved = {body["setup_id"] for kind, _, body in lines if kind == "DECISION" and body["decision"] in ("APPROVE", "MODIFY")}
        assert entries == set(over) | approved and not set(over) & approved
        assert all(reason in c.REASONS and reason != "OK" for reason in over.values())
        for kind, _, body in lines:
            if kind == "GATES" and body["stage"] == "before" and not all(gate[1] for gate in body["gates"]):
                assert over[body["setup_id"]] == next(gate[4] for gate in body["gates"] if not gate[1])


@pytest.mark.parametrize("rich", [False, True])
def test_the_first_gate_in_the_order_of_the_table_that_says_no_is_the_reason_at_every_stage(rich):
    """After the verdict each contract size is asked about for itself, and the last one counts."""
    seen = Counter()
    for seed in range(40):
        prepared = made(seed, Shape(500, 40, ("ES", "NQ"), rich=rich), max_concurrent=0.011, max_group=1 + seed % 2, tail_min_days=60 * (seed % 2))
        over, last = {}, {}
        for kind, _, body in journal_lines(list(batches(prepared))):
            if kind == "PASSED_OVER":
                over[body["setup_id"]] = body["reason"]
            elif kind == "GATES":
                last[body["setup_id"], body["stage"]] = body["gates"]
            elif kind == "ORDER" and body["leg"] == "ENTRY" and body["action"] == "CANCEL" and (body["setup_id"], "activation") in last:
                refused = [gate for gate in last.pop((body["setup_id"], "activation")) if not gate[1]]
                assert not refused or body["reason"] == refused[0][4]
                seen["activation"] += bool(refused)
        for (setup, stage), gates in last.items():
            refused = [gate for gate in gates if not gate[1]]
            if stage != "activation" and refused and setup in over:
                assert over[setup] == ("SIZE_ZERO" if refused[0][4] == "INSUFFICIENT" else refused[0][4]), (stage, refused)
                seen[stage] += 1
            if stage == "after" and not refused:
                assert setup not in over
    assert seen["before"] > 100 and seen["after"] > 10, seen
