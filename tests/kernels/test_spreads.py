"""Spread estimates against their twin, on a made market whose spread is known, and by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.spreads import spread_pairs
from tests.features.made import walk
from tests.naive import spreads as naive

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.sampled_from([0.0, 0.05]), st.sampled_from([0.0, 5000.0]))
def test_both_estimates_equal_their_naive_twins(seed, holes, level):
    _, high, low, close, _ = (column + level for column in walk(seed, 120, holes))
    offset = np.cumsum(np.random.default_rng(seed).integers(-30, 31, 120) * (np.arange(120) % 40 == 39)) * 0.25
    for ours, theirs in zip(spread_pairs(high, low, close, offset), naive.spread_pairs(high, low, close, offset), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_bars_without_a_range_show_no_spread():
    flat = np.full(5, 100.0)
    for column in spread_pairs(flat, flat, flat, np.zeros(5)):
        np.testing.assert_array_equal(column, [np.nan, 0, 0, 0, 0])


def test_a_bar_of_a_price_that_is_not_positive_has_no_estimate_and_neither_has_the_next():
    _, high, low, close, _ = walk(1, 20)
    high[9] = low[9] = close[9] = -5.0
    for column in spread_pairs(high, low, close, np.zeros(20)):
        assert np.flatnonzero(np.isnan(column)).tolist() == [0, 9, 10]


def test_a_jump_between_two_contracts_is_no_range():
    _, high, low, close, _ = walk(1, 40)
    offset = np.where(np.arange(40) >= 20, 55.0, 0.0)
    plain = spread_pairs(high + 55, low + 55, close + 55, np.zeros(40))
    rolled = spread_pairs(high + offset, low + offset, close + offset, offset)
    for a, b in zip(rolled, plain, strict=True):
        np.testing.assert_allclose(a[20:], b[20:], rtol=1e-12)
