"""Rank, buckets and spikes of volatility against their twins, scipy and hand calculation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import regimes
from pse.kernels.regimes import median_before, over_median_before, percentile_rank, quartile_states, window_median
from tests.naive import regimes as naive

seeds = st.integers(0, 2**32 - 1)


def series(seed, n, holes):
    """Values of any sign with few or many ties, now and then the same for long, some NaN."""
    rng = np.random.default_rng(seed)
    values = rng.choice([rng.integers(-3, 4, n).astype(float), rng.normal(0, 1, n), np.round(np.exp(rng.normal(0, 2, n)), 1)])
    flat = int(rng.integers(0, n))
    values[flat:flat + int(rng.integers(0, n))] = 0.5
    values[rng.random(n) < holes] = np.nan
    return values


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 90), st.integers(1, 30), st.sampled_from([0.0, 0.1, 1.0]))
def test_the_rank_equals_its_naive_twin(seed, window, min_obs, holes):
    values = series(seed, 200, holes)
    np.testing.assert_array_equal(percentile_rank(values, window, min_obs), naive.percentile_ranks(values, window, min_obs))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 150), st.integers(1, 40), st.sampled_from([1, 7, 64]))
def test_ranking_by_stretches_is_ranking_in_one(seed, window, cut, stretch):
    values, whole = series(seed, 200, 0.05), regimes.STRETCH
    expected = percentile_rank(values, window, 3)
    try:
        regimes.STRETCH = stretch
        np.testing.assert_array_equal(percentile_rank(values, window, 3), expected)
        np.testing.assert_array_equal(percentile_rank(values[:cut], window, 3), expected[:cut])
    finally:
        regimes.STRETCH = whole


def test_the_rank_equals_scipy_over_a_window_longer_than_a_stretch():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    values = np.round(np.exp(np.cumsum(rng.normal(0, 0.01, 80_000))), 3)
    ranks = percentile_rank(values, 40_000, 276)
    assert np.isnan(ranks[:276]).all() and not np.isnan(ranks[276:]).any()
    for t in [276, 32_767, 32_768, 32_769, 40_001, *rng.integers(277, values.size, 20).tolist()]:
        assert ranks[t] == pytest.approx(stats.percentileofscore(values[max(t - 40_000, 0):t], values[t], kind="mean") / 100, abs=1e-12)


def test_ranks_of_one_value_are_in_the_middle_and_of_none_unknown():
    np.testing.assert_array_equal(percentile_rank(np.full(5, 3.0), 4, 2), [np.nan, np.nan, 0.5, 0.5, 0.5])
    assert np.isnan(percentile_rank(np.full(5, np.nan), 4, 2)).all() and percentile_rank(np.empty(0), 4, 2).size == 0
    np.testing.assert_array_equal(percentile_rank(np.array([0.0, -0.0, 0.0]), 4, 1)[1:], [0.5, 0.5])


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.02, 0.1]), st.sampled_from([0.0, 0.2]))
def test_buckets_equal_their_naive_twin(seed, hysteresis, holes):
    rng = np.random.default_rng(seed)
    ranks = np.clip(np.round(np.cumsum(rng.integers(-6, 7, 150)) * 0.01 + 0.5, 2), 0, 1)
    ranks[rng.random(150) < holes] = np.nan
    assert quartile_states(ranks, hysteresis).tolist() == naive.buckets(ranks, hysteresis)


@pytest.mark.parametrize(("ranks", "states"), [
    ([0.20, 0.27], [1, 2]),                     # exactly edge + hysteresis: up
    ([0.20, 0.26999], [1, 1]),
    ([0.30, 0.23], [2, 2]),                     # exactly edge - hysteresis: stays
    ([0.30, 0.22999], [2, 1]),
    ([0.25], [2]), ([0.75], [4]), ([1.0], [4]), ([0.0], [1]),
    ([0.10, 0.80, 0.10], [1, 4, 1]),            # several steps at once
    ([0.10, np.nan, 0.26, 0.60], [1, 0, 1, 3]),  # unknown, and the remembered bucket still holds
])
def test_a_bucket_changes_at_its_edge_and_the_hysteresis(ranks, states):
    assert quartile_states(np.array(ranks), 0.02).tolist() == states


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 40), st.sampled_from([0.0, 0.03]))
def test_values_over_their_median_equal_their_naive_twin(seed, window, holes):
    values = series(seed, 150, holes)
    np.testing.assert_allclose(over_median_before(values, window), naive.over_medians(values, window), rtol=1e-15)
    np.testing.assert_allclose(window_median(values, window), naive.window_medians(values, window), rtol=1e-15)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 199))
def test_later_values_never_change_an_earlier_rank_bucket_or_ratio(seed, cut):
    values = series(seed, 200, 0.05)
    rank = percentile_rank(values, 60, 10)
    np.testing.assert_array_equal(percentile_rank(values[:cut], 60, 10), rank[:cut])
    np.testing.assert_array_equal(quartile_states(rank[:cut], 0.02), quartile_states(rank, 0.02)[:cut])
    np.testing.assert_array_equal(over_median_before(values[:cut], 20), over_median_before(values, 20)[:cut])


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 80), st.integers(0, 30), st.sampled_from([0.0, 0.1, 0.9]), st.sampled_from([7, 50, 32_768]))
def test_the_median_of_the_values_before_equals_its_naive_twin(seed, window, min_obs, holes, stretch):
    values, kept = series(seed, 300, holes), regimes.STRETCH
    regimes.STRETCH = stretch
    try:
        found = median_before(values, window, min_obs)
    finally:
        regimes.STRETCH = kept
    np.testing.assert_array_equal(found, naive.medians_before(values, window, min_obs))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 199))
def test_later_values_never_change_an_earlier_median(seed, cut):
    values = series(seed, 200, 0.05)
    assert median_before(values[:cut], 60, 10).tobytes() == median_before(values, 60, 10)[:cut].tobytes()


def test_the_median_before_leaves_the_value_itself_out():
    np.testing.assert_array_equal(median_before(np.array([3.0, 1.0, np.nan, 2.0, 9.0]), 3, 2), [np.nan, np.nan, 2.0, 2.0, 1.5])
    assert median_before(np.empty(0), 3, 2).size == 0
