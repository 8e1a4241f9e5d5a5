"""Relative volume against its twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.rolling import relative_volume, to_window_sums, to_window_variances
from tests.naive import rolling as naive


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25))
def test_relative_volume_equals_its_naive_twin(seed, period):
    rng = np.random.default_rng(seed)
    volume = rng.integers(0, 4, 90).astype(float)
    volume[rng.random(90) < 0.03] = np.nan
    np.testing.assert_allclose(relative_volume(volume, period), naive.relative_volume(volume, period), rtol=1e-12)


def test_a_window_without_volume_has_no_relative_volume():
    assert np.isnan(relative_volume(np.array([0.0, 0.0, 5.0]), 2)).all()


def changed(kernel, values, period):
    values = values.copy()
    kernel(values, period)
    return values


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.sampled_from([0.0, 0.03]))
def test_window_sums_and_variances_equal_their_naive_twins(seed, period, holes):
    rng = np.random.default_rng(seed)
    values = 5000 + 0.25 * np.cumsum(rng.integers(-4, 5, 150))
    values[40:55] = values[40]                                              # a flat stretch
    values[rng.random(150) < holes] = np.nan
    np.testing.assert_allclose(changed(to_window_sums, values, period), naive.over(values, period, sum), rtol=1e-13)
    np.testing.assert_allclose(changed(to_window_variances, values, period), naive.over(values, period, naive.variance), rtol=1e-11, atol=1e-18)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 149))
def test_later_values_never_change_a_window_that_is_past(seed, period, cut):
    values = np.random.default_rng(seed).normal(5000, 10, 150)
    for kernel in (to_window_sums, to_window_variances):
        np.testing.assert_array_equal(changed(kernel, values[:cut], period), changed(kernel, values, period)[:cut])


def test_a_huge_value_leaves_no_trace_once_it_has_left_the_window():
    values = np.full(300, 0.25)
    values[100] = 1e16
    assert (changed(to_window_sums, values, 7)[107:] == 7 * 0.25).all() and (changed(to_window_variances, values, 7)[107:] == 0).all()
