"""Every reason that a gate can give has words, a unit and a mend, and none is forgotten when a kernel learns a new one."""

import re
from pathlib import Path

import pytest

from pse.commands.risk import bounds_of
from pse.kernels import codes, fitting, gates, proposal, sizing, tail_risk
from pse.risk.gate_words import BY_NAME, GATES, PASSING, PLACES, REASONS, USED_BY, reason_of, used_by
from pse.risk.policy import RiskPolicy
from pse.tactics.parameters import parameters

KERNELS = (gates, proposal, fitting, tail_risk, sizing)
ELSEWHERE: set[str] = set()


def told_by_kernels() -> set[str]:
    """Names of the reason codes in the sources of the kernels that hold the gates."""
    found = set()
    for module in KERNELS:
        found |= set(re.findall(r"\bR_([A-Z_0-9]+)\b", Path(str(module.__file__)).read_text("utf-8")))
    return found & set(codes.REASONS)


def test_the_gates_stand_in_the_order_of_the_engine():
    assert tuple(gate.name for gate in GATES) == codes.GATES


def test_every_reason_of_the_gates_kernels_has_words_a_unit_and_a_mend():
    told = told_by_kernels() - set(PASSING) - ELSEWHERE
    assert told <= set(REASONS), f"without words: {sorted(told - set(REASONS))}"


def test_every_reason_belongs_to_a_gate_and_the_other_way_round():
    of_gates = {code for gate in GATES for code in gate.refuses}
    assert of_gates == set(REASONS) and of_gates <= set(codes.REASONS)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_a_reason_says_what_is_measured_what_is_allowed_and_what_mends_it(code):
    one = REASONS[code]
    assert one.measures and one.allows and one.mend.endswith(".") and len(one.mend.split()) >= 3


def test_a_gate_that_passed_measures_its_own():
    assert reason_of("bracket", "").measures == BY_NAME["bracket"].measures and reason_of("bracket", "RR").kind == "R"


def test_every_limit_names_gates_and_places_that_read_it_and_no_limit_is_named_that_is_gone():
    known = {one.path for one in parameters(RiskPolicy())} - {"description"}
    assert set(USED_BY) == known
    for path in sorted(known):
        readers = [reader.partition(" (")[0] for reader in used_by(path).split(", ")]
        assert readers and set(readers) <= set(BY_NAME) | set(PLACES), path


def test_every_limit_says_what_it_is_and_what_it_may_be():
    for one in parameters(RiskPolicy()):
        if one.path != "description":
            assert one.meaning, one.path
            assert bounds_of(one), one.path


@pytest.mark.parametrize(("path", "reader"), [
    ("gates.quotes_required", "spread"), ("gates.max_clock_skew_s", "data"), ("gates.events_impact", "blackout"), ("gates.max_latency_ms", "spread, orders"),
    ("limits.kelly.fraction", "sizing"), ("limits.correlation_days", "exposure"), ("limits.margin", "exposure, account watch"),
    ("gates.confidence_scaled", "tactic scan, confidence"), ("plan.trail", "plan management")])
def test_a_limit_is_read_where_the_engine_reads_it(path, reader):
    assert used_by(path) == reader
