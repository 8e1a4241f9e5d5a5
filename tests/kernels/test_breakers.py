"""Circuit breakers against histories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels.breakers import call_breaker, data_breaker, equity_breaker
from tests.naive import breakers as naive

EVENTS = {"OK": c.B_OK, "FAIL": c.B_FAIL, "TICK": c.B_TICK}


@given(st.lists(st.tuples(st.integers(0, 700), st.sampled_from(["OK", "FAIL", "FAIL", "FAIL", "TICK"])), max_size=60), st.integers(1, 5), st.integers(1, 3))
def test_the_breaker_of_the_model_equals_its_naive_twin(steps, threshold, needed):
    at, events, found, state = 0, [], [], (c.B_CLOSED, 0, 0, 0, 300)
    for wait, event in steps:
        at += wait
        events.append((at, event))
        state = call_breaker(*state, EVENTS[event], at, threshold, 300, 1000, needed)
        found.append(c.BREAKER_STATES[state[0]])
    assert found == naive.model(events, threshold, 300, 1000, needed)


@given(st.lists(st.sampled_from([1.0, 0.9, 0.8, 0.79]), max_size=40), st.integers(1, 4))
def test_the_data_breaker_equals_its_naive_twin(scores, recovery):
    state, good = c.B_CLOSED, 0
    for n, score in enumerate(scores):
        state, good = data_breaker(state, good, score, 0.8, recovery)
        assert c.BREAKER_STATES[state] == naive.data(scores[:n + 1], 0.8, recovery)


@given(st.lists(st.integers(80, 120), min_size=1, max_size=30))
def test_the_equity_breaker_trips_where_its_naive_twin_does_and_stays(path):
    state, high = c.B_CLOSED, 0.0
    for n, equity in enumerate(path):
        high = max(high, equity)
        state = equity_breaker(state, float(equity), float(high), 0.0, 0.1, 0.05, 0.05)
        assert (state == c.B_OPEN) == naive.equity(path[:n + 1], 0.1)


@pytest.mark.parametrize(("equity", "state"), [(90.0, "HALF_OPEN"), (85.6, "HALF_OPEN"), (85.5, "OPEN"), (95.0, "HALF_OPEN"), (95.01, "CLOSED")])
def test_after_an_acknowledgement_at_90_of_100(equity, state):
    """Open again at a further 5 % (85.5), closed when the drawdown is under 5 % (above 95)."""
    assert c.BREAKER_STATES[equity_breaker(c.B_HALF_OPEN, equity, 100.0, 90.0, 0.1, 0.05, 0.05)] == state


def test_a_timeout_doubles_up_to_its_cap_and_starts_anew_after_recovery():
    state, waits, at = (c.B_CLOSED, 0, 0, 0, 300), [], 0
    state = call_breaker(*state, c.B_FAIL, at, 1, 300, 1000, 2)
    for _ in range(3):
        waits.append(state[3] - at)
        at = state[3]
        state = call_breaker(*state, c.B_FAIL, at, 1, 300, 1000, 2)
    assert waits == [300, 600, 1000]
    at = state[3]
    for _ in range(2):
        state = call_breaker(*state, c.B_OK, at, 1, 300, 1000, 2)
    assert c.BREAKER_STATES[state[0]] == "CLOSED" and call_breaker(*state, c.B_FAIL, at, 1, 300, 1000, 2)[3] == at + 300
