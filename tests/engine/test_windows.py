"""When entries are allowed, what happens at the end, and what a sweep that wants no story is told.  Expected prices by hand."""

import numpy as np
import pytest

from pse.engine.desk import Mode
from pse.kernels import codes as c
from tests.engine.made import Shape, all_events, all_trades, batches, bodies, made, state_of
from tests.engine.plain import at, entry, market

FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)}                # trades through the limit of minute 10


def ends(prepared):
    state = state_of(prepared)
    found = list(batches(prepared, state=state))
    return found, state


@pytest.mark.parametrize(("start", "stop", "asked"), [(0, 100, True), (10, 100, True), (11, 100, False), (0, 10, False), (0, 11, True)])
def test_entries_are_decided_from_the_first_moment_on_and_before_the_last(start, stop, asked):
    prepared = market([entry(10)], entries_from=at(start), entries_until=at(stop))
    found = list(batches(prepared))
    assert bool(bodies(found, "DECISION")) == asked
    if not asked:
        assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["OUT_OF_WINDOW"]


def test_a_position_is_run_on_after_the_last_moment_for_entries():
    """Decided at minute 10, filled at 11, its target at 4008 trades at minute 30; entries ended at 20."""
    prepared = market([entry(10), entry(35)], bars={**FILLED, (0, 30): (4000.0, 4009.0, 4000.0, 4008.0)}, entries_until=at(20), trail_swing=0, partial=0.0)
    found = list(batches(prepared))
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("TP1", 4008.0)]
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["OUT_OF_WINDOW"]


def test_at_the_end_the_position_goes_at_the_last_close_less_slippage():
    """Two at 4000 go at 3999.75: -25 gross, 2 x 2.50 of fees in and as much out."""
    found, state = ends(market([entry(10)], bars=FILLED, mode=Mode(end_ns=at(60), end_reason="FOLD_END")))
    (trade,) = all_trades(found)
    assert (trade["exit"], trade["exit_ts"], c.REASONS[trade["reason"]]) == (3999.75, at(60), "FOLD_END")
    assert trade["gross"] == -25.0 and trade["fees"] == 5.0 + 5.0 and trade["net"] == -35.0
    assert state.account[0]["balance"] == 100_000.0 - 35.0 == state.account[0]["equity"]
    assert bodies(found, "SESSION")[-1]["equity_usd"] == 99_965.0


def test_kept_at_the_end_the_position_stands_and_equity_is_marked():
    found, state = ends(market([entry(10)], bars={**FILLED, (0, 59): (4000.0, 4002.0, 4000.0, 4002.0)}, mode=Mode(end_ns=at(60), close_at_end=False)))
    assert not all_trades(found).size and state.plans[0]["held"] == 2.0
    assert state.account[0]["balance"] == 100_000.0 - 5.0
    assert state.account[0]["equity"] == 99_995.0 + 2 * 2 * 50.0 == bodies(found, "SESSION")[-1]["equity_usd"]


@pytest.mark.parametrize("keep", [True, False])
def test_an_entry_that_still_works_at_the_end_is_cancelled_or_kept(keep):
    found, state = ends(market([entry(55)], mode=Mode(end_ns=at(60), close_at_end=not keep)))
    cancels = [body["reason"] for body in bodies(found, "ORDER") if body["action"] == "CANCEL"]
    assert cancels == ([] if keep else ["RUN_END"])
    assert (state.plans[0]["status"] == c.P_ARMED) == keep


def test_the_end_is_told_once_however_often_it_is_reached():
    prepared = market([entry(10)], bars=FILLED)
    found = list(batches(prepared, cuts=(at(60), at(60), at(60))))
    assert len(bodies(found, "EXIT")) == 1 and len(bodies(found, "SESSION")) == 1


def test_a_decision_at_the_very_end_books_nothing_that_could_not_fill():
    found, state = ends(market([entry(60)]))
    assert not all_trades(found).size and not state.plans[0]["held"]


@pytest.mark.parametrize("seed", range(5))
def test_told_trades_only_the_trades_are_the_same(seed):
    shape = Shape(500, 40, ("ES", "NQ"))
    end = int(made(seed, shape).until_ns)
    full, brief = (list(batches(made(seed, shape, Mode(end_ns=end, trades_only=only)))) for only in (False, True))
    assert all_trades(full).tobytes() == all_trades(brief).tobytes()
    told = {c.EVENTS[kind] for kind in np.unique(all_events(brief)["kind"])}
    assert told <= {"SESSION", "EXIT", "BREAKER", "CHARGE"} and {"SESSION", "EXIT"} <= told
