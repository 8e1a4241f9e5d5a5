"""`advance(a..c)` equals `advance(a..b)` then `advance(b..c)`: a bar at a time on paper is a jump through history in a backtest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.brokers.sim import SimBroker, new_log
from pse.engine.desk import Mode
from pse.engine.records import Renderer
from pse.engine.state import save_state
from pse.kernels import codes as c
from pse.kernels.engine import advance
from pse.kernels.state import EVENT_DTYPE
from tests.engine.made import NO_INPUTS, START, TO_THE_END, Shape, all_events, all_trades, batches, journal_bytes, journal_lines, made, state_of
from tests.laws.fuller import SHAPES, Outside, fuller

DESKS = {1: Shape(), 2: Shape(600, 80, ("ES", "NQ"), rich=True), 3: Shape(700, 50, ("ES", "NQ", "RTY"))}
seeds = st.integers(0, 2**32 - 1)


def outcome(prepared, cuts):
    """(state bytes, events, trades, journal) of a run cut into steps at these moments."""
    state = state_of(prepared)
    found = list(batches(prepared, state=state, cuts=cuts))
    return save_state(state, prepared.plan.shape), all_events(found).tobytes(), all_trades(found).tobytes(), journal_bytes(found)


@settings(max_examples=40)
@given(seeds, st.sampled_from([1, 2, 3]), st.data())
def test_one_advance_equals_any_two(seed, symbols, data):
    prepared = made(seed, DESKS[symbols])
    end = int(prepared.until_ns)
    cuts = sorted(data.draw(st.lists(st.integers(START, end), min_size=1, max_size=4), label="cuts"))
    assert outcome(prepared, cuts) == outcome(prepared, ())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("symbols", [1, 2, 3])
def test_one_instant_at_a_time_equals_the_whole(seed, symbols):
    prepared = made(seed, DESKS[symbols])
    instants = np.unique(np.concatenate([prepared.tape.ts_close, prepared.world.row_ts]))
    for cuts in (instants, instants - 1, instants + 1):
        assert outcome(prepared, cuts.tolist()) == outcome(prepared, ())


@pytest.mark.parametrize("ask", [False, True])
def test_a_cut_between_the_bars_of_an_instant_and_its_decisions_changes_nothing(ask):
    """The moments of decisions themselves, each given twice."""
    prepared = made(7, DESKS[3], Mode(end_ns=TO_THE_END, ask=ask))
    twice = np.repeat(prepared.world.setups["ts"], 2).tolist()
    assert outcome(prepared, twice) == outcome(prepared, ())


@pytest.mark.parametrize("seed", range(4))
def test_a_log_that_is_full_after_every_instant_gives_the_same_events(seed):
    prepared = made(seed, Shape(700, 300, ("ES", "NQ", "RTY"), rich=True))
    whole, events, fulls, state = state_of(prepared), [], 0, state_of(prepared)
    roomy, tiny = new_log(3, 60_000, 500), new_log(3, 1, 1)._replace(events=np.zeros(600, EVENT_DTYPE))
    assert advance(whole, prepared.tape, prepared.world, roomy, NO_INPUTS, prepared.until_ns) == c.DONE
    while True:
        tiny.used[:] = 0
        pause = advance(state, prepared.tape, prepared.world, tiny, NO_INPUTS, prepared.until_ns)
        events.append(tiny.events[:tiny.used[0]].copy())
        if pause == c.DONE:
            break
        assert pause == c.PAUSE_FULL
        fulls += 1
    assert fulls > 5
    assert np.concatenate(events).tobytes() == roomy.events[:roomy.used[0]].tobytes()
    assert save_state(state, prepared.plan.shape) == save_state(whole, prepared.plan.shape)


def test_the_loop_empties_a_full_log_and_goes_on(monkeypatch):
    prepared = made(4, Shape(700, 300, ("ES", "NQ", "RTY"), rich=True))
    whole = journal_bytes(list(batches(prepared)))
    monkeypatch.setattr("pse.brokers.sim.BATCH_EVENTS", 1)
    monkeypatch.setattr("pse.brokers.sim.EVENTS_A_QUESTION", 400)
    found = list(batches(prepared, broker=SimBroker(3)))
    assert len(found) > 2 and journal_bytes(found) == whole


# --- with everything in the window: rolls carried over, splits and dividends, two plans a symbol, stops that follow, a broker outside ------------------


@settings(max_examples=20)
@given(seeds, st.sampled_from(sorted(SHAPES)), st.data())
def test_one_advance_of_a_full_window_equals_any_two(seed, which, data):
    prepared = fuller(seed, which)
    end = int(prepared.until_ns)
    cuts = sorted(data.draw(st.lists(st.integers(START, end), min_size=1, max_size=4), label="cuts"))
    assert outcome(prepared, cuts) == outcome(prepared, ())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("which", sorted(SHAPES))
def test_one_instant_of_a_full_window_at_a_time_equals_the_whole(seed, which):
    prepared = fuller(seed, which)
    instants = np.unique(np.concatenate([prepared.tape.ts_close, prepared.world.row_ts, prepared.tape.ts]))
    for cuts in (instants, instants + 1):
        assert outcome(prepared, cuts.tolist()) == outcome(prepared, ())


class Retold(SimBroker):
    """A broker that reports what another did, all of it known before."""

    def __init__(self, slots, told):
        super().__init__(slots)
        self._told = told


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("which", sorted(SHAPES))
def test_reports_from_outside_are_taken_alike_however_the_first_bars_of_days_are_cut(seed, which):
    """What a broker reported is told again, with cuts inside, at and beside the first bar of each day."""
    end = int(fuller(seed, which).until_ns)
    prepared = fuller(seed, which, Mode(end_ns=end, external=True, close_at_end=False))
    broker, tape = Outside(prepared, seed), prepared.tape
    instants = np.unique(np.concatenate([tape.ts_close, prepared.world.row_ts])).tolist()
    list(batches(prepared, broker=broker, cuts=instants))
    first = np.flatnonzero(np.diff(tape.day, prepend=0))
    cuts = sorted({int(at) + by for row in first for at in (tape.ts[row], tape.ts_close[row]) for by in (-1, 0, 1, 30 * 10**9)})

    def retold(where):
        state = state_of(prepared)
        found = list(batches(prepared, state=state, broker=Retold(prepared.plan.shape.slots, broker.told), cuts=where))
        return save_state(state, prepared.plan.shape), all_events(found).tobytes(), journal_bytes(found)

    whole = retold(())
    assert broker.told.size > 5 and retold(cuts) == whole and retold(instants) == whole


@pytest.mark.parametrize("which", sorted(SHAPES))
@pytest.mark.parametrize("ask", [False, True])
def test_a_renderer_that_goes_on_after_a_journal_writes_what_one_that_never_stopped_would(which, ask):
    """At every batch the lines so far are read again: hashes of versions go on from their parents, cancels and fills name the references of their orders."""
    prepared = fuller(1, which, Mode(end_ns=int(fuller(1, which).until_ns), ask=ask))
    cuts = prepared.tape.ts_close[::17].tolist()
    found = list(batches(prepared, cuts=cuts))
    whole, written = journal_lines(found), []
    for one in found:
        written += Renderer.resumed(written).lines(one.prepared, one.events, one.trades, one.deliberations)
    assert written == whole
    assert sum(kind == "PLAN" and body["parent_version"] is not None for kind, _, body in whole) > 20
