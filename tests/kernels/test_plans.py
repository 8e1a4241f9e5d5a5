"""How a position is run: each kernel against its naive twin, and its edges by hand."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.plans import breakeven_stop, excursion, fixed_distance, forget_bars, is_stale, partial_quantity, push_bar, trail_stop
from pse.kernels.state import SYMBOL_DTYPE
from tests.naive import plans as naive

sides = st.sampled_from([1, -1])
lows = st.lists(st.integers(0, 6), min_size=0, max_size=30)


@given(sides, st.integers(-8, 8), st.integers(1, 8), st.integers(0, 12), st.integers(0, 2))
def test_breakeven_equals_its_naive_twin(d, moved, risk, seen, ticks):
    entry, stop = 100.0, 100.0 + moved * 0.25
    expected = naive.tighter(d, stop, naive.breakeven(d, entry, ticks, 0.25)) if seen >= risk else stop
    assert breakeven_stop(d, entry, stop, risk * 0.25, seen * 0.25, 1.0, ticks, 0.25) == expected


def test_breakeven_of_an_average_entry_is_rounded_away_from_the_market():
    assert breakeven_stop(1, 100.1, 98.0, 2.0, 2.0, 1.0, 1, 0.25) == 100.25 and breakeven_stop(-1, 99.9, 102.0, 2.0, 2.0, 1.0, 1, 0.25) == 99.75


@given(sides, st.integers(-8, 8), st.integers(-8, 8), st.sampled_from([0.0, 0.25, 0.4, 1.0]))
def test_a_trail_only_tightens(d, stop_ticks, swing_ticks, buffer):
    stop, swing = 100.0 + stop_ticks * 0.25, 100.0 + swing_ticks * 0.25
    found = trail_stop(d, stop, swing, buffer, 0.25)
    assert found == naive.tighter(d, stop, naive.behind_swing(d, swing, buffer, 0.25)) and d * (found - stop) >= 0
    assert trail_stop(d, stop, nan, buffer, 0.25) == stop


@given(lows, lows, st.integers(1, 5))
def test_the_swings_of_the_window_equal_the_naive_twin_of_the_whole_past(high_steps, low_steps, side):
    symbol = np.zeros(1, SYMBOL_DTYPE)
    symbol["swing_high"] = symbol["swing_low"] = nan
    bars = [(110.0 + up, 100.0 - down) for up, down in zip(high_steps, low_steps, strict=False)]
    for n, (high, low) in enumerate(bars):
        push_bar(symbol[0], high, low, side)
        for d, name in ((1, "swing_low"), (-1, "swing_high")):
            np.testing.assert_equal(float(symbol[name][0]), naive.last_swing(bars[:n + 1], d, side))
    forget_bars(symbol[0])
    assert isnan(symbol["swing_low"][0]) and isnan(symbol["swing_high"][0]) and symbol["seen"][0] == 0


@given(st.integers(1, 40), st.sampled_from([0.1, 0.3, 0.5, 0.75]), st.sampled_from([1.0, 0.00001]))
def test_what_comes_off_at_the_first_target_equals_its_naive_twin(lots, fraction, lot):
    found = partial_quantity(lots * lot, fraction, lot)
    assert found == pytest.approx(naive.first_target_quantity(lots * lot, fraction, lot), rel=1e-9) and found >= lot * (1 - 1e-9)


@given(sides, st.integers(-8, 8), st.integers(0, 8), st.integers(0, 8), st.booleans())
def test_excursions_equal_their_naive_twin(d, close, up, down, inside):
    bar = (100.0, 100.0 + max(close, 0) * 0.25 + up * 0.25, 100.0 + min(close, 0) * 0.25 - down * 0.25, 100.0 + close * 0.25)
    favourable, adverse = excursion(d, 100.0, bar[1], bar[2], bar[3], inside)
    assert favourable == naive.favourable(d, 100.0, bar, inside)
    assert adverse == max(0.0, d * (100.0 - (bar[2] if d > 0 else bar[1])))


@pytest.mark.parametrize(("bars", "favourable", "stale"), [(24, 0.9, True), (24, 1.0, False), (23, 0.0, False), (30, 0.0, True)])
def test_a_position_is_stale_after_its_bars_without_half_an_r(bars, favourable, stale):
    """Risk 2: half an R is 1 point."""
    assert is_stale(bars, favourable, 2.0, 24, 0.5) is stale


@given(sides, st.integers(-40, 40), st.integers(-40, 40), st.sampled_from([0.0, 4.0, 10.0]), st.sampled_from([0.1, 0.5, 3.0]))
def test_a_trailing_stop_keeps_its_ticks_or_its_share_of_the_price(d, best_ticks, stop_ticks, ticks, percent):
    best, stop = 100.0 + best_ticks * 0.25, 100.0 + stop_ticks * 0.25
    found = trail_stop(d, stop, best, fixed_distance(best, ticks, percent, 0.25), 0.25)
    wanted = naive.behind_swing(d, best, naive.trailing_distance(best, ticks, percent, 0.25), 0.25)
    assert found == naive.tighter(d, stop, wanted) and d * (found - stop) >= 0


def test_a_swing_of_days_needs_five_bars_on_each_side():
    """The low of 90 at bar 5 is confirmed by bar 10 of eleven, not by two bars after it."""
    symbol = np.zeros(1, SYMBOL_DTYPE)
    symbol["swing_low"] = symbol["swing_high"] = nan
    for low in (95.0, 94.0, 93.0, 92.0, 91.0, 90.0, 91.0, 92.0, 93.0, 94.0):
        push_bar(symbol[0], 110.0, low, 5)
    assert isnan(symbol["swing_low"][0])
    push_bar(symbol[0], 110.0, 95.0, 5)
    assert symbol["swing_low"][0] == 90.0
