"""The cross of two means: when it is told, which way, and what a row says."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pse.features.feature import Known
from pse.kernels.contract import (
    ALONE,
    BLOCK_DTYPE,
    BREAK_DTYPE,
    ENTER,
    EXIT,
    GAP_DTYPE,
    LEVEL_DTYPE,
    MARKET,
    OVERNIGHT,
    POOL_DTYPE,
    SWEEP_DTYPE,
)
from pse.tactics.moving_average_cross import MovingAverageCross
from tests.tactics.views import TICK, View, columns, five_minute_bars, instrument, table

EMPTY = [table(dtype) for dtype in (BREAK_DTYPE, GAP_DTYPE, BLOCK_DTYPE, POOL_DTYPE, SWEEP_DTYPE, LEVEL_DTYPE)]


def view(close, atr=2.0):
    close = np.asarray(close, float)
    bars = five_minute_bars(close, close + 1, close - 1, close)
    return View(bars, columns(np.broadcast_to(atr, close.size).copy()), *EMPTY)


def scan(close, atr=2.0, **parameters):
    return MovingAverageCross(fast_bars=2, slow_bars=3, **parameters).scan(view(close, atr), instrument())


def told(found):
    bars = found.rows["ts"] // 300_000_000_000 - 1
    return list(zip(bars.tolist(), found.rows["kind"].tolist(), found.rows["direction"].tolist(), strict=True))


def crosses_by_definition(close, fast, slow):
    """(bar, side) straight from exact means."""
    found, side = [], 0
    for t in range(slow - 1, len(close)):
        means = [sum(map(Fraction, close[t - n + 1:t + 1])) / n for n in (fast, slow)]
        now = (means[0] > means[1]) - (means[0] < means[1])
        if now and now != side:
            if side:
                found.append((t, now))
            side = now
    return found


def test_a_rise_over_the_slow_mean_closes_shorts_and_opens_a_long_there_and_at_the_next_close():
    """Means of two and three closes: bar 3 is the first below, bar 5 the first above again."""
    assert told(scan([10, 11, 12, 9, 9, 13, 13])) == [(3, EXIT, 1), (5, EXIT, -1), (5, ENTER, 1), (6, ENTER, 1)]


def test_a_short_is_opened_only_where_it_is_asked_for():
    assert told(scan([10, 11, 12, 9, 9], allow_short=True)) == [(3, EXIT, 1), (3, ENTER, -1), (4, ENTER, -1)]


def test_a_tie_keeps_the_side_and_the_first_known_side_is_no_cross():
    assert told(scan([10, 11, 12, 12, 12, 12, 13])) == []


def test_a_row_waits_for_the_next_open_with_a_stop_two_ranges_away_and_no_target():
    row = scan([10, 11, 12, 9, 9, 13, 13], atr=2.1).rows[2]
    assert (row["order_type"], row["entry"], row["stop"], row["group"], row["confidence"]) == (MARKET, 13.0, 13.0 - 4.25, ALONE, 0.5)
    assert np.isnan(row["target"]) and np.isnan(row["rank_base"]) and row["plan_flags"] & OVERNIGHT
    assert row["event_bar"] == row["ts"] and scan([10, 11, 12, 9, 9, 13, 13]).rows[3]["event_bar"] == row["ts"]


def test_without_a_range_there_is_no_stop_and_so_no_row():
    assert told(scan([10, 11, 12, 9, 9, 13, 13], atr=np.nan)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 9))
def test_crosses_are_those_of_exact_means(seed, fast, more):
    close = 100 + np.cumsum(np.random.default_rng(seed).integers(-2, 3, 120)) * TICK
    bars = five_minute_bars(close, close, close, close)
    at, side = MovingAverageCross(fast_bars=fast, slow_bars=fast + more)._crosses(Known.from_bars(bars, instrument()).price("close"))
    assert list(zip(at.tolist(), side.tolist(), strict=True)) == crosses_by_definition(close.tolist(), fast, fast + more)


def test_a_fast_mean_that_is_no_shorter_is_refused():
    with pytest.raises(ValidationError, match="fast_bars 50 is not below slow_bars 50"):
        MovingAverageCross(fast_bars=50, slow_bars=50)
