"""Money flow and bulk-volume imbalance against their twins, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.imbalance import bulk_imbalance, money_flow
from tests.features.made import walk
from tests.naive import imbalance as naive

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(2, 30), st.sampled_from([0.0, 0.03]))
def test_both_equal_their_naive_twins(seed, period, holes):
    rng = np.random.default_rng(seed)
    _, high, low, close, volume = walk(seed, 120, holes)
    high, low, close = high + 5000, low + 5000, close + 5000
    high[50:90] = low[50:90] = close[50:90] = 5100.0                        # nothing moves
    volume[rng.random(120) < 0.2], volume[100:] = 0.0, 0.0
    volume[rng.random(120) < holes] = np.nan
    np.testing.assert_allclose(money_flow(high, low, close, volume, period), naive.money_flow(high, low, close, volume, period), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(bulk_imbalance(close, volume, period), naive.bulk_imbalance(close, volume, period), rtol=0, atol=1e-10)


@pytest.mark.parametrize("step", [0.25, -0.25])
def test_closes_at_the_edge_of_every_bar_are_all_bought_or_all_sold(step):
    low = 100 + step * np.arange(30)
    high = low + 0.25
    assert money_flow(high, low, high if step > 0 else low, np.full(30, 7.0), 5)[-1] == pytest.approx(np.sign(step), abs=1e-15)


def test_where_nothing_was_traded_nobody_pressed():
    close = np.array([1.0, 2, 3, 4, 5, 7])
    assert np.isnan(money_flow(close, close, close, np.zeros(6), 2)).all() and np.isnan(bulk_imbalance(close, np.zeros(6), 2)).all()


def test_one_large_move_beside_small_ones_is_nearly_all_bought():
    close = np.cumsum([100.0, *[0.25, -0.25] * 20, 30.0])
    volume = np.zeros(42)
    volume[-1] = 10.0
    assert bulk_imbalance(close, volume, 40)[-1] > 0.99999
