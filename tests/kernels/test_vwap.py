"""Session VWAP against its twin in exact fractions, and by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.vwap import session_slope, session_vwap
from tests.features.made import walk
from tests.naive import vwap as naive

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.sampled_from([0.0, 0.05]), st.booleans())
def test_mean_and_deviation_equal_their_naive_twins(seed, holes, some_outside):
    rng = np.random.default_rng(seed)
    _, high, low, close, volume = walk(seed, 90, holes)
    volume[rng.random(90) < 0.2] = 0.0
    volume[rng.random(90) < holes] = np.nan
    session = np.sort(rng.integers(0, 5, 90))
    inside = rng.random(90) < 0.7 if some_outside else np.ones(90, bool)
    high, low, close = high + 5000, low + 5000, close + 5000
    mean, deviation = session_vwap(high, low, close, volume, session, inside)
    naive_mean, naive_deviation = naive.session_vwap(high, low, close, volume, session, inside)
    np.testing.assert_allclose(mean, naive_mean, rtol=1e-13)
    np.testing.assert_allclose(deviation, naive_deviation, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(session_slope(mean, high - low, session, 6), naive.session_slope(mean, high - low, session, 6), rtol=1e-12)


def test_one_price_all_day_has_no_deviation_however_much_is_traded():
    price, session = np.full(1000, 5123.25), np.zeros(1000, np.int64)
    mean, deviation = session_vwap(price, price, price, np.linspace(1, 1e9, 1000), session, np.ones(1000, bool))
    assert (mean == 5123.25).all() and (deviation == 0.0).all()


def test_a_bar_of_unknown_volume_has_no_vwap_and_the_next_goes_on_from_before():
    price = np.array([10.0, 11.0, 12.0])
    mean, _ = session_vwap(price, price, price, np.array([1.0, np.nan, 1.0]), np.zeros(3, np.int64), np.ones(3, bool))
    np.testing.assert_array_equal(mean, [10.0, np.nan, 11.0])


def test_no_slope_reaches_over_a_session_break_or_stands_on_a_dead_scale():
    values, session = np.arange(6.0), np.array([0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(session_slope(values, np.array([1, 1, 2.0, 1, 1, 0.0]), session, 2), [np.nan, np.nan, 1.0, np.nan, np.nan, np.nan])
