"""Rules decided inside the kernel are the same rules asked one by one through the door: one engine, fast for sweeps and open for judges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.agents.rules import decide
from pse.engine.desk import Mode
from pse.engine.state import save_state
from tests.engine.made import Shape, batches, journal_bytes, made, state_of

seeds = st.integers(0, 2**32 - 1)


def both(seed, shape):
    """(journal, state) with rules inside, (journal, state) asked, and how often the door was knocked at."""
    asked = []

    def door(briefing):
        asked.append(briefing)
        return decide(briefing)

    found = []
    for ask in (False, True):
        end = int(made(seed, shape).until_ns)
        prepared = made(seed, shape, Mode(end_ns=end, ask=ask))
        state = state_of(prepared)
        found.append((journal_bytes(list(batches(prepared, decide=door, state=state))), save_state(state, prepared.plan.shape)))
    return *found, asked


@settings(max_examples=40)
@given(seeds, st.sampled_from([("ES",), ("ES", "NQ", "RTY")]), st.booleans())
def test_rules_inside_equal_the_same_rules_asked(seed, symbols, rich):
    inside, asked, questions = both(seed, Shape(500, 60 if rich else 30, symbols, rich=rich))
    assert inside == asked
    for briefing in questions:
        assert briefing.candidates and {one.symbol for one in briefing.candidates} == {briefing.symbol}


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_of_candidates_is_asked_about_at_once(seed):
    """So many setups that several stand at one instant: each question carries all of one symbol, and the answers are the same."""
    inside, asked, questions = both(seed, Shape(300, 200, ("ES", "NQ")))
    assert inside == asked
    assert max(len(briefing.candidates) for briefing in questions) > 1
    moments = [(briefing.known_at, briefing.symbol) for briefing in questions]
    assert len(set(moments)) == len(moments)
