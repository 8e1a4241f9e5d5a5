"""Moves after a decision and how it looks from there; figures by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pse.commands.decisions_after import moved_points
from pse.domain.sessions import DAY_NS
from pse.research.evaluate import DAILY, INTRADAY, classed, horizons, looked, moves, table

NAN = float("nan")
CLOSES = np.array([100.0, 101.0, 99.0, 104.0, 103.0, 110.0])
SESSION = np.array([0, 0, 0, 0, 1, 1])


def test_a_move_is_from_the_close_of_the_decision_to_that_of_the_horizon():
    """From bar 1 (101): one bar on 99, three on 103, the last of its session 104; from bar 4 (103) one bar on 110, three are not there, its session goes on."""
    found = moves(CLOSES, SESSION, np.array([1, 4]), (1, 3, 0))
    np.testing.assert_array_equal(found, [[-2.0, 2.0, 3.0], [7.0, NAN, NAN]])
    np.testing.assert_array_equal(moves(CLOSES, SESSION, np.array([4]), (0,), over=True), [[7.0]])


@pytest.mark.parametrize(("r", "taken", "name"), [
    (0.3, True, "good"), (-0.3, True, "bad"), (0.25, True, "neutral"), (-0.25, False, "neutral"), (0.26, False, "missed_upside"),
    (-0.26, False, "avoided_downside"), (NAN, True, "not_matured"), (NAN, False, "not_matured")])
def test_a_decision_looks_good_or_bad_by_what_came_after_it(r, taken, name):
    assert classed(r, taken) == name


def test_desks_of_days_look_days_ahead_and_others_bars():
    assert horizons(DAY_NS) == DAILY == (1, 5, 20) and horizons(DAY_NS // 288) == INTRADAY == (1, 3, 12, 0)


def test_the_table_counts_each_horizon_by_itself():
    """After one bar: taken +1.0 and -0.5, refused +2.0, -1.0 and one not known; right are the good one and the avoided one of four that tell."""
    def base(i):
        return {"setup_id": f"s{i}", "ts": i, "symbol": "ES", "tactic": "made", "direction": "LONG", "words": {}}

    after = ((True, 1.0), (True, -0.5), (False, 2.0), (False, -1.0), (False, NAN))
    rows = [looked(base(i), taken, (first, 0.1), (1, 0)) for i, (taken, first) in enumerate(after)]
    one, end = table(rows, (1, 0))
    assert {name: one[name] for name in ("good", "bad", "neutral", "missed_upside", "avoided_downside", "not_matured")} == {
        "good": 1, "bad": 1, "neutral": 0, "missed_upside": 1, "avoided_downside": 1, "not_matured": 1}
    assert (one["taken_mean_r"], one["refused_mean_r"], one["right_share"]) == (0.25, 0.5, 0.5)
    assert end["horizon"] == "session_end" and end["neutral"] == 5 and end["right_share"] is None
    assert rows[4].moves_r == {"1_bars": None, "session_end": 0.1}


def bars_of(close, offset, factor=None):
    sessions = SimpleNamespace(close_ns=np.array([10_000]))
    return SimpleNamespace(decision=SimpleNamespace(
        ts_close=10 * np.arange(1, len(close) + 1), close=np.array(close, float), offset=np.array(offset, float), session=np.zeros(len(close), int),
        sessions=sessions, factor=None if factor is None else np.array(factor, float)))


def test_a_roll_after_a_decision_is_no_move_of_the_market():
    """The new contract stands 10 points higher: from 101 to 112 the market made one point."""
    found = moved_points(bars_of([100.0, 101.0, 111.0, 112.0], [0.0, 0.0, 10.0, 10.0]), 25, (1, 2), 0)
    assert found.tolist() == [0.0, 1.0]


def test_moves_are_points_of_the_price_at_the_decision_when_a_share_was_split_before():
    """Two for one before the decision: stored prices are twice those traded, so 4 stored points are 2 of the setup's."""
    found = moved_points(bars_of([100.0, 100.0, 102.0, 104.0], [0.0] * 4, [1.0, 2.0, 2.0, 2.0]), 20, (1, 2), 0)
    assert found.tolist() == [1.0, 2.0]
