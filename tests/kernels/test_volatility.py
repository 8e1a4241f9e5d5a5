"""Realised volatility against its twin and by hand; how it stands to other libraries is in tests/parity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.volatility import carried_close, realised_volatility
from tests.features.made import walk
from tests.naive import volatility as naive

seeds = st.integers(0, 2**32 - 1)


def priced(seed, n, holes, level=5000.0):
    """A walk in ticks far from zero, so that log ratios are as small as on a real index future."""
    return [column + level for column in walk(seed, n, holes)[:4]]


@given(seeds, st.integers(2, 30), st.sampled_from([0.0, 0.02]))
def test_all_four_estimators_equal_their_naive_twins(seed, period, holes):
    bars = priced(seed, 130, holes)
    offset = np.cumsum(np.random.default_rng(seed).integers(-30, 31, 130) * (np.arange(130) % 50 == 49)) * 0.25
    before = carried_close(bars[3], offset)
    for ours, theirs in zip(realised_volatility(*bars, before, period, 252.0), naive.realised(*bars, before, period, 252.0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_older_close_is_brought_to_the_scale_of_the_new_contract():
    np.testing.assert_array_equal(carried_close(np.array([100.0, 112.0, 113.0]), np.array([0.0, 12.0, 12.0])), [np.nan, 112.0, 112.0])


def test_bars_that_never_move_have_no_volatility():
    flat = np.full(30, 5000.25)
    for column in realised_volatility(flat, flat, flat, flat, carried_close(flat, np.zeros(30)), 5, 252.0):
        assert (column[5:] == 0.0).all()


@pytest.mark.parametrize("spoilt", [np.nan, -1.0, 0.0, np.inf])
def test_a_bar_without_a_real_price_is_nan_for_as_long_as_the_window_holds_it(spoilt):
    bars = priced(3, 60, 0.0)
    bars[2][30] = spoilt
    close_close, parkinson, garman_klass, yang_zhang = realised_volatility(*bars, carried_close(bars[3], np.zeros(60)), 10, 252.0)
    assert np.flatnonzero(np.isnan(parkinson)).tolist() == np.flatnonzero(np.isnan(garman_klass)).tolist() == [*range(9), *range(30, 40)]
    assert np.flatnonzero(np.isnan(close_close)).tolist() == np.flatnonzero(np.isnan(yang_zhang)).tolist() == [*range(10), *range(30, 41)]


def test_parkinson_by_hand():
    o = np.array([100.0, 100.0])
    parkinson = realised_volatility(o, o * math.e, o, o, carried_close(o, np.zeros(2)), 2, 1.0)[1]
    assert parkinson[1] == pytest.approx(math.sqrt(2 / (8 * math.log(2))))
