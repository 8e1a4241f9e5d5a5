"""Variance inflation and slopes against their twins; statsmodels is asked in tests/parity."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.regression import rolling_inflation, rolling_slope
from tests.naive import regression as naive

seeds = st.integers(0, 2**32 - 1)


def columns(seed, n, holes):
    """Four columns of different scales that lean on one another, with holes."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(4, n))
    base[1] += rng.choice([0.0, 1.0, 30.0]) * base[0]
    base[3] = 5000 + 0.5 * (base[0] + base[2]) + 0.05 * base[3]
    base[2] *= 1e4
    base[:, rng.random(n) < holes] = np.nan
    base[1][rng.random(n) < holes] = np.nan
    return base


@given(seeds, st.integers(8, 40), st.sampled_from([0.0, 0.05]))
def test_inflation_equals_its_naive_twin(seed, window, holes):
    made = columns(seed, 130, holes)
    np.testing.assert_allclose(rolling_inflation(made, window, 7), naive.rolling_inflation(made, window, 7), rtol=1e-8)


@given(seeds, st.integers(2, 40), st.sampled_from([0.0, 0.03]))
def test_slopes_equal_their_naive_twin(seed, window, holes):
    made = columns(seed, 130, holes)[:2]
    made[1, 20:30] = made[1, 20]
    np.testing.assert_allclose(rolling_slope(made, window), naive.rolling_slope(*made, window), rtol=1e-9)


@given(seeds, st.integers(1, 129))
def test_later_rows_never_change_an_earlier_value(seed, cut):
    made = columns(seed, 130, 0.05)
    np.testing.assert_array_equal(rolling_inflation(made[:, :cut].copy(), 20, 10), rolling_inflation(made, 20, 10)[:, :cut])
    np.testing.assert_array_equal(rolling_slope(made[:2, :cut].copy(), 20), rolling_slope(made[:2].copy(), 20)[:cut])


def test_a_column_that_is_the_sum_of_others_is_infinite_for_each_of_them_and_another_stays_finite():
    rng = np.random.default_rng(1)
    made = rng.normal(size=(4, 60))
    made[2] = made[0] + made[1]
    found = rolling_inflation(made, 60, 30)[:, -1]
    assert np.isinf(found[:3]).all() and 1.0 <= found[3] < 1.5


def test_a_constant_column_is_no_regressor_and_has_no_factor():
    made = np.random.default_rng(2).normal(size=(3, 60))
    made[1] = 3.3
    found = rolling_inflation(made, 60, 30)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[[0, 2]], rolling_inflation(made[[0, 2]], 60, 30), rtol=1e-12)


def test_a_symbol_against_itself_has_a_slope_of_exactly_one():
    returns = np.random.default_rng(3).normal(0, 1e-3, 400)
    slope = rolling_slope(np.stack([returns, returns]), 60)
    assert np.isnan(slope[:59]).all() and (slope[59:] == 1.0).all()
