"""Holes of a series, counted by hand."""

from __future__ import annotations

import numpy as np

from pse.store.holes import Holes, find_holes
from pse.store.layout import Home
from tests.store.made import MINUTE, minutes, ns, sessions_for


def test_a_halt_is_no_hole_and_bars_in_it_fill_none(tmp_path):
    """2014-03-12 on Globex ends at 20:15 UTC, rests 20:15 to 20:30 inside the session and ends at 21:15 (16:15 in Chicago, summer time)."""
    frame = minutes("2014-03-12T20:00", 75)
    sessions = sessions_for(Home(tmp_path), frame)
    ts = frame["ts_open"].to_numpy()
    in_halt = (ts >= ns("2014-03-12T20:15")) & (ts < ns("2014-03-12T20:30"))
    assert find_holes(ts[~in_halt], sessions, True) == Holes(0, None, 0, 60)
    assert find_holes(np.delete(ts, [5, 40]), sessions, True) == Holes(0, None, 2, 60)


def test_other_lengths_than_a_minute_are_counted_by_session_only(tmp_path):
    frame = minutes("2024-03-11T15:00", 10, step=1440 * MINUTE)
    sessions = sessions_for(Home(tmp_path), frame)
    ts = frame["ts_open"].to_numpy()
    assert find_holes(ts, sessions, False) == Holes(0, None, None, 0)
    assert find_holes(np.delete(ts, [2, 3]), sessions, False) == Holes(2, 20240313, None, 0)


def test_no_bars_and_one_bar_have_no_holes(tmp_path):
    frame = minutes("2024-03-11T15:00", 1)
    sessions = sessions_for(Home(tmp_path), frame)
    assert find_holes(np.empty(0, np.int64), sessions, True) == Holes(0, None, 0, 0)
    assert find_holes(frame["ts_open"].to_numpy(), sessions, True) == Holes(0, None, 0, 1)
