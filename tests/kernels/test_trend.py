"""Means, directional movement, efficiency ratio and Hurst exponent against their twins and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.trend import adx, efficiency_ratio, ema, hurst, sma
from tests.features.made import walk
from tests.naive import trend as naive

seeds = st.integers(0, 2**32 - 1)
holes = st.sampled_from([0.0, 0.05])


@settings(max_examples=30)
@given(seeds, st.integers(1, 25), holes)
def test_means_and_the_efficiency_ratio_equal_their_naive_twins(seed, period, share):
    close = walk(seed, 120, share)[3]
    np.testing.assert_allclose(sma(close, period), naive.sma(close, period), rtol=1e-12)
    np.testing.assert_allclose(ema(close, period), naive.ema(close, period), rtol=1e-12)
    np.testing.assert_allclose(efficiency_ratio(close, period), naive.efficiency_ratio(close, period), rtol=1e-12, atol=1e-13)


@settings(max_examples=30)
@given(seeds, st.integers(1, 20), holes)
def test_directional_movement_equals_its_naive_twin(seed, period, share):
    _, high, low, close, _ = walk(seed, 120, share)
    for ours, theirs in zip(adx(high, low, close, period), naive.adx(high, low, close, period), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


@settings(max_examples=10)
@given(seeds, st.integers(8, 40), holes)
def test_the_hurst_exponent_equals_its_naive_twin(seed, period, share):
    close = walk(seed, 90, share)[3]
    ours, theirs = hurst(close, np.zeros(90), np.array([1, 2, 4]), period), np.array(naive.hurst(close, (1, 2, 4), period))
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


def test_returns_of_the_hurst_exponent_stand_on_the_newer_contracts_scale():
    close = np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 60))) * 100
    offset = np.repeat([0.0, 30.0], 30)
    lags, window = np.array([1, 2]), 20
    told = hurst(close, offset, lags, window)[39]
    sd = [np.std([np.log((close[t] + offset[t]) / (close[t - lag] + offset[t])) for t in range(20 + lag, 40)]) for lag in (1, 2)]
    assert told == pytest.approx(np.log(sd[1] / sd[0]) / np.log(2), abs=1e-9)


def test_a_random_walk_has_a_hurst_exponent_near_one_half_and_a_market_that_turns_back_a_lower_one():
    rng = np.random.default_rng(0)
    walked, turning = np.exp(np.cumsum(rng.normal(0, 0.01, 5000))), np.exp(rng.normal(0, 0.01, 5000))
    lags = np.array([1, 2, 4, 8, 16])
    assert hurst(walked, np.zeros(5000), lags, 4000)[-1] == pytest.approx(0.5, abs=0.05)
    assert hurst(turning, np.zeros(5000), lags, 4000)[-1] == pytest.approx(0.0, abs=0.05)


def test_a_straight_way_has_an_efficiency_of_one_and_never_more():
    assert (efficiency_ratio(np.cumsum(np.full(500, 0.1)), 10)[10:] <= 1.0).all()
    assert list(efficiency_ratio(np.array([1.0, 2.0, 3.0, 2.0, 1.0]), 2)) == pytest.approx([np.nan, np.nan, 1.0, 0.0, 1.0], nan_ok=True)


def test_bars_that_never_move_have_no_directional_movement():
    flat = np.full(60, 5.0)
    for column, first in zip(adx(flat, flat, flat, 4), (7, 4, 4), strict=True):
        assert np.isnan(column[:first]).all() and (column[first:] == 0).all()


def test_a_market_that_dies_keeps_directional_movement_finite():
    _, high, low, close, _ = walk(2, 50)
    dead = np.full(30_000, close[-1])
    for column in adx(np.append(high, dead), np.append(low, dead), np.append(close, dead), 14):
        assert np.isfinite(column[27:]).all() and (column[27:] >= 0).all() and (column[27:] <= 100 + 1e-9).all()


def test_an_invalid_bar_gives_nan_and_leaves_the_state_as_it_was():
    _, high, low, close, _ = walk(5, 90)
    bars = [np.insert(column, 50, value) for column, value in ((high, 10.0), (low, 11.0), (close, 10.5))]
    for whole, holed in zip(adx(high, low, close, 5), adx(*bars, 5), strict=True):
        assert np.isnan(holed[50])
        np.testing.assert_array_equal(np.delete(holed, 50), whole)
    np.testing.assert_array_equal(np.delete(ema(np.insert(close, 50, np.nan), 7), 50), ema(close, 7))
