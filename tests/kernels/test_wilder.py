"""True range and ATR against their twin, TA-Lib and hand calculation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.wilder import previous, true_range, wilder_atr
from tests.features.made import walk
from tests.naive import wilder as naive

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 20), st.booleans(), st.sampled_from([0.0, 0.05]))
def test_ranges_equal_their_naive_twin(seed, period, gap_in_tr, holes):
    _, high, low, close, _ = walk(seed, 120, holes)
    np.testing.assert_allclose(true_range(high, low, close, gap_in_tr), naive.true_ranges(high, low, close, gap_in_tr), rtol=1e-12)
    np.testing.assert_allclose(wilder_atr(high, low, close, period, gap_in_tr), naive.atr(high, low, close, period, gap_in_tr), rtol=1e-12)


@pytest.mark.parametrize("period", [2, 14, 50])
def test_the_atr_equals_talib_with_the_same_gaps_at_the_start(period):
    talib = pytest.importorskip("talib")
    _, high, low, close, _ = walk(7, 2000)
    theirs = talib.ATR(high, low, close, timeperiod=period)
    ours = wilder_atr(high, low, close, period, True)
    assert (np.isnan(ours) == np.isnan(theirs)).all()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_an_invalid_bar_gives_nan_and_leaves_the_state_as_it_was():
    high, low, close = (np.array(column, dtype=float) for column in ([10, 11, np.nan, 12, 13], [9, 10, 9, 10.5, 11], [9.5, 10.5, 10, 11.5, 12.5]))
    whole = wilder_atr(np.delete(high, 2), np.delete(low, 2), np.delete(close, 2), 2, True)
    np.testing.assert_array_equal(np.delete(wilder_atr(high, low, close, 2, True), 2), whole)
    assert np.isnan(wilder_atr(high, low, close, 2, True)[2])


def test_a_close_outside_its_range_is_an_invalid_bar():
    high, low, close = np.array([10.0, 11.0, 12.0]), np.array([9.0, 10.0, 11.0]), np.array([9.5, 11.5, 11.5])
    np.testing.assert_array_equal(true_range(high, low, close, True), [1.0, np.nan, 2.5])


def test_flat_bars_shrink_the_atr_but_never_below_zero():
    flat = np.concatenate([[10.0, 12.0], np.full(400, 11.0)])
    atr = wilder_atr(np.concatenate([[11.0, 13.0], np.full(400, 11.0)]), np.concatenate([[9.0, 11.0], np.full(400, 11.0)]), flat, 2, True)
    assert (np.diff(atr[2:]) <= 0).all() and (atr[2:] >= 0).all() and atr[-1] < 1e-12


def test_the_range_known_before_a_bar_is_the_one_of_the_bar_before():
    np.testing.assert_array_equal(previous(np.array([1.0, 2.0, 3.0])), [np.nan, 1.0, 2.0])
