"""Bands and edges against their twins and by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.channels import bollinger, highest, place_between
from pse.kernels.trend import sma
from tests.features.made import walk
from tests.naive import channels as naive

seeds = st.integers(0, 2**32 - 1)
holes = st.sampled_from([0.0, 0.05])


@settings(max_examples=30)
@given(seeds, st.integers(1, 25), holes)
def test_bands_and_edges_equal_their_naive_twins(seed, period, share):
    _, high, low, close, _ = walk(seed, 120, share)
    for ours, theirs in zip(bollinger(close, period, 2.0), naive.bollinger(close, period, 2.0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_array_equal(highest(high, period, 1.0), naive.edges(high, period, max))
    np.testing.assert_array_equal(highest(low, period, -1.0), naive.edges(low, period, min))


def test_a_long_series_far_from_zero_loses_no_digit_of_a_narrow_band():
    """The definition in extended precision, on the last bars of a series that had run far away from where it began."""
    rng = np.random.default_rng(4)
    close = np.concatenate([np.cumsum(rng.normal(0, 50, 20_000)), 1e6 + rng.normal(0, 0.01, 400)])
    middle, upper, _ = bollinger(close, 20, 2.0)
    for t in range(close.size - 300, close.size):
        window = close[t - 19:t + 1].astype(np.longdouble)
        assert abs(upper[t] - middle[t] - 2 * float(window.std())) < 5e-10         # the spacing of numbers near a million is 1.2e-10


def test_equal_closes_have_no_width_at_all_and_the_close_stands_in_the_middle():
    close = np.concatenate([walk(1, 101)[3] * 0.1, np.full(50, 0.1 + 0.2)])
    middle, upper, lower = bollinger(close, 7, 2.0)
    assert (upper[107:] == lower[107:]).all() and (middle[107:] == close[107:]).all() and (upper[6:101] > lower[6:101]).all()
    assert (place_between(close, upper, lower)[107:] == 0.5).all()


def test_a_missing_close_spoils_the_windows_that_hold_it_and_no_other():
    close = walk(9, 60)[3]
    holed = close.copy()
    holed[30] = np.nan
    for whole, seen in zip((*bollinger(close, 6, 2.0), sma(close, 6), highest(close, 6, 1.0)),
                           (*bollinger(holed, 6, 2.0), sma(holed, 6), highest(holed, 6, 1.0)), strict=True):
        assert np.isnan(seen[30:36]).all()
        np.testing.assert_array_equal(np.delete(seen, range(30, 36)), np.delete(whole, range(30, 36)))


def test_a_window_longer_than_the_series_has_no_value():
    close = walk(2, 10)[3]
    assert all(np.isnan(column).all() for column in (*bollinger(close, 11, 2.0), highest(close, 11, 1.0), sma(close, 11)))
    assert all(column.size == 0 for column in (*bollinger(close[:0], 5, 2.0), highest(close[:0], 5, 1.0), sma(close[:0], 5)))
