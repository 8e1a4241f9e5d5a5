"""Aggregation and the as-of join against their twins, and the edges that a plain group-by gets wrong."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.resample import BY_SESSION, aggregate, asof_rows, expected_bars
from tests.features.made import minutes
from tests.naive import resample as naive

seeds = st.integers(0, 2**32 - 1)
MINUTE = 60_000_000_000


def columns(bars):
    calendar = bars.sessions
    return (bars.ts_open, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.session, bars.contract, calendar.open_ns, calendar.close_ns)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from([2, 5, 60, 240, BY_SESSION]), st.sampled_from([0.0, 0.5, 0.97]))
def test_buckets_equal_their_naive_twin(seed, length, missing):
    bars = minutes(seed, 3, missing=missing, roll_every=2)
    ours = aggregate(*columns(bars), length * MINUTE)
    theirs = naive.aggregate(*columns(bars), length * MINUTE)
    for column, expected in zip(ours, zip(*theirs, strict=True), strict=True):
        np.testing.assert_array_equal(column, expected)


def test_a_nan_in_a_source_bar_makes_the_bucket_nan_and_no_other():
    bars = minutes(1, 1)
    high = bars.high.copy()
    high[7] = np.nan
    made = aggregate(bars.ts_open, bars.open, high, *columns(bars)[3:], 5 * MINUTE)[3]
    assert np.isnan(made[1]) and not np.isnan(np.delete(made, 1)).any()


def test_a_bucket_is_cut_where_its_session_opens_and_closes():
    bars = minutes(2, 2, calendar="NYSE")
    starts, ends, *_ = aggregate(*columns(bars), 60 * MINUTE)
    opens, closes = bars.sessions.open_ns[:2], bars.sessions.close_ns[:2]
    assert starts[0] == opens[0] and ends[0] - starts[0] == 30 * MINUTE and set(closes) <= set(ends)


def test_the_minutes_of_a_halt_are_not_expected():
    starts, ends, session = np.array([0, 300]), np.array([300, 600]), np.zeros(2, np.int64)
    np.testing.assert_array_equal(expected_bars(starts, ends, session, np.array([240]), np.array([480]), 60), [4.0, 2.0])


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_join_shows_the_last_row_known_by_then(seed):
    rng = np.random.default_rng(seed)
    known, ts = np.sort(rng.integers(0, 40, 12)), np.sort(rng.integers(-5, 50, 30))
    np.testing.assert_array_equal(asof_rows(known, ts), naive.asof_rows(known, ts))
