"""The engine's state as bytes: saved in the middle of a run and loaded again it goes on as if nothing had been; damage is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.agents.rules import decide
from pse.brokers.sim import SimBroker
from pse.domain.errors import OutsideError
from pse.engine.desk import Mode
from pse.engine.state import Shape as Desk
from pse.engine.state import fresh_state, load_state, save_state
from pse.kernels import codes as c
from pse.kernels.state import ACCOUNT_DTYPE, STATE_VERSION
from tests.engine.made import TO_THE_END, Shape, all_events, batches, made, state_of

SHAPE = Shape(500, 40, ("ES", "NQ"))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_saved_in_the_middle_and_loaded_it_goes_on_as_if_nothing_had_been(seed, share):
    prepared = made(seed, SHAPE)
    whole_state, state = state_of(prepared), state_of(prepared)
    whole = all_events(list(batches(prepared, state=whole_state)))
    first = int(prepared.tape.ts[0])
    middle = first + int(share * (prepared.until_ns - first))
    early = list(batches(_until(prepared, middle), state=state))
    loaded, shape = load_state(save_state(state, prepared.plan.shape))
    late = list(batches(prepared, state=loaded))
    assert shape == prepared.plan.shape
    assert all_events([*early, *late]).tobytes() == whole.tobytes()
    assert save_state(loaded, shape) == save_state(whole_state, shape)


def _until(prepared, moment):
    from dataclasses import replace

    return replace(prepared, until_ns=moment)


def test_saved_while_a_question_is_open_the_question_is_still_open():
    prepared = made(3, SHAPE, Mode(end_ns=TO_THE_END, ask=True))
    state = state_of(prepared)
    told = SimBroker(2).advance(state, prepared)
    assert told.pause == c.PAUSE_ASK
    loaded, _ = load_state(save_state(state, prepared.plan.shape))
    again = SimBroker(2).advance(loaded, prepared)
    assert again.pause == c.PAUSE_ASK and again.events.size == 0
    whole = all_events(list(batches(prepared)))
    rest = all_events(list(batches(prepared, state=loaded, decide=decide)))
    assert np.concatenate([told.events, rest]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("shape", [Desk(1, 1), Desk(3, 2), Desk(1, 0)])
def test_a_fresh_state_comes_back_as_it_was(shape):
    state = fresh_state(shape, 12_345.0)
    loaded, found = load_state(save_state(state, shape))
    assert found == shape and save_state(loaded, found) == save_state(state, shape)
    assert loaded.account[0]["balance"] == 12_345.0
    loaded.account[0]["balance"] = 1.0                       # it is writable, and another block
    assert state.account[0]["balance"] == 12_345.0


SAVED = save_state(fresh_state(Desk(2, 1), 1.0), Desk(2, 1))


@settings(max_examples=60)
@given(st.integers(0, len(SAVED) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(at, change):
    damaged = bytearray(SAVED)
    damaged[at] ^= change
    with pytest.raises(OutsideError, match="Start the session anew"):
        load_state(bytes(damaged))


@pytest.mark.parametrize("damaged", [b"", b"pse-state", SAVED[:-1], SAVED[:100], SAVED + b"\0", b"x" + SAVED],
                         ids=["empty", "a head", "cut", "a piece", "more", "moved"])
def test_a_cut_or_grown_block_is_refused(damaged):
    with pytest.raises(OutsideError, match="Start the session anew"):
        load_state(damaged)


def test_another_version_is_said():
    other = bytearray(SAVED)
    other[9:17] = np.array([STATE_VERSION + 1], "<i8").tobytes()
    with pytest.raises(OutsideError, match=f"version {STATE_VERSION + 1}; this program reads version {STATE_VERSION}"):
        load_state(bytes(other))
    assert ACCOUNT_DTYPE.itemsize % 8 == 0
