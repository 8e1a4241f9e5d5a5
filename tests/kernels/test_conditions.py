"""Liquidity tests and the market's state against their twins, and each row of the table by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.codes import ILLIQUID_TESTS, LIQUIDITY_STATES, MARKET_STATES, TCC_CLASSES, VOL_BUCKETS
from pse.kernels.conditions import (
    LiquidityRules,
    failed_tests,
    liquidity_states,
    market_conditions,
    present_share,
    zero_volume_share,
)
from tests.naive import conditions as naive

seeds = st.integers(0, 2**32 - 1)
RULES = LiquidityRules(0.30, 0.90, 0.20, 0.80, 0.10)
MINUTE = 60_000_000_000
OK = {"rvol": 1.0, "spread_rank": 0.5, "zero_share": 0.0, "coverage": 1.0, "depth_rank": 0.5}


def failures(**changed):
    bits = failed_tests(*({**OK, **changed}[name] for name in OK), RULES)
    return [name for i, name in enumerate(ILLIQUID_TESTS) if bits >> i & 1]


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(1, 30), st.sampled_from([0.0, 0.05]))
def test_the_share_of_bars_without_volume_equals_its_naive_twin(seed, window, holes):
    rng = np.random.default_rng(seed)
    volume = rng.integers(0, 3, 120).astype(float)
    volume[rng.random(120) < holes] = np.nan
    np.testing.assert_array_equal(zero_volume_share(volume, window), naive.zero_shares(volume, window))


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 25), st.sampled_from([0.0, 0.3, 0.8]))
def test_the_share_of_bars_that_are_there_equals_its_naive_twin(seed, window, missing):
    rng = np.random.default_rng(seed)
    group, place = np.repeat(np.arange(5), 40), np.tile(np.arange(40), 5)
    halt_first, halt_end = rng.integers(-50, 30, 5), rng.integers(-50, 45, 5)
    halted = (place >= halt_first[group]) & (place < halt_end[group])
    kept = (rng.random(200) >= missing) & ~halted
    group, place = group[kept], place[kept]
    close = np.where(rng.random(group.size) < 0.05, np.nan, 1.0)
    found = present_share(close, close, close, place, group, halt_first, halt_end, window)
    halts = [set(range(first, end)) for first, end in zip(halt_first, halt_end, strict=True)]
    np.testing.assert_array_equal(found, naive.present_shares(close == close, place.tolist(), group.tolist(), halts, window))
    cut = int(rng.integers(0, group.size + 1))
    np.testing.assert_array_equal(present_share(close[:cut], close[:cut], close[:cut], place[:cut], group[:cut], halt_first, halt_end, window), found[:cut])


def test_at_a_session_start_only_its_own_bars_are_expected():
    one, zero = np.ones(6), np.zeros(2, np.int64)
    place, group = np.array([0, 1, 2, 3, 0, 3]), np.array([0, 0, 0, 0, 1, 1])          # the second session's second and third bars are missing
    np.testing.assert_array_equal(present_share(one, one, one, place, group, zero, zero, 3), [1, 1, 1, 1, 1, 1 / 3])
    np.testing.assert_array_equal(present_share(one, one, one, place, group, np.array([0, 1]), np.array([0, 3]), 4), [1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize(("changed", "expected"), [
    ({}, []),
    ({"rvol": 0.30}, []), ({"rvol": 0.30 - 1e-6}, ["LOW_RVOL"]), ({"rvol": np.nan}, []),
    ({"spread_rank": 0.90}, []), ({"spread_rank": 0.90 + 1e-6}, ["WIDE_SPREAD"]), ({"spread_rank": np.nan}, []),
    ({"zero_share": 4 / 20}, []), ({"zero_share": 5 / 20}, ["ZERO_VOLUME"]), ({"zero_share": np.nan}, []),
    ({"coverage": 16 / 20}, []), ({"coverage": 15 / 20}, ["GAPS"]),
    ({"depth_rank": 0.10}, []), ({"depth_rank": 0.10 - 1e-6}, ["DEPTH"]), ({"depth_rank": np.nan}, []),
    ({"rvol": 0.0, "spread_rank": 1.0, "zero_share": 1.0, "coverage": 0.0, "depth_rank": 0.0}, list(ILLIQUID_TESTS)),
])
def test_each_liquidity_test_fails_beyond_its_limit_and_passes_on_it(changed, expected):
    assert failures(**changed) == expected


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_liquidity_equals_its_naive_twin(seed):
    rng = np.random.default_rng(seed)
    columns = [np.where(rng.random(80) < 0.1, np.nan, np.round(rng.random(80), 2)) for _ in range(5)]
    states, bits = liquidity_states(*columns, RULES)
    for t, row in enumerate(zip(*columns, strict=True)):
        if np.isnan(row[3]):
            assert (LIQUIDITY_STATES[states[t]], bits[t]) == ("UNKNOWN", 0)
            continue
        expected = naive.failed(*row)
        assert [name for i, name in enumerate(ILLIQUID_TESTS) if bits[t] >> i & 1] == expected
        assert LIQUIDITY_STATES[states[t]] == ("ILLIQUID" if expected else "OK")


def state_of(tcc="None", tcc_dir=0, er=0.5, adx=25.0, liquidity="OK", bucket="MidVol-Q2", spike=0, left=60.0):
    columns = (TCC_CLASSES.index(tcc), tcc_dir, er, adx, LIQUIDITY_STATES.index(liquidity), VOL_BUCKETS.index(bucket), spike, left * MINUTE)
    arrays = [np.array([value], np.float64 if isinstance(value, float) else np.int64) for value in columns]
    return MARKET_STATES[market_conditions(*arrays, 15.0 * MINUTE, 0.25, 20.0)[0]]


@pytest.mark.parametrize(("given_", "expected"), [
    ({"tcc": "UNKNOWN"}, "UNKNOWN"), ({"liquidity": "UNKNOWN", "left": 5.0}, "UNKNOWN"), ({"adx": np.nan}, "UNKNOWN"), ({"er": np.nan}, "UNKNOWN"),
    ({"left": 14.99, "liquidity": "ILLIQUID"}, "CLOSED"), ({"left": 15.0}, "TRANSITION"),
    ({"liquidity": "ILLIQUID", "tcc": "High", "tcc_dir": 1}, "ILLIQUID"),
    ({"bucket": "HiVol-Q4", "spike": 1}, "VOLATILE"), ({"bucket": "HiVol-Q4", "spike": 1, "tcc": "Low", "tcc_dir": -1}, "VOLATILE"),
    ({"bucket": "HiVol-Q4", "spike": 1, "tcc": "Medium", "tcc_dir": -1}, "TREND_DOWN"), ({"bucket": "HiVol-Q4"}, "TRANSITION"),
    ({"bucket": "MidVol-Q3", "spike": 1}, "TRANSITION"), ({"bucket": "UNKNOWN", "spike": 1, "er": 0.1, "adx": 10.0}, "RANGE"),
    ({"tcc": "Medium", "tcc_dir": 1}, "TREND_UP"), ({"tcc": "High", "tcc_dir": -1}, "TREND_DOWN"),
    ({"er": 0.24, "adx": 19.9}, "RANGE"), ({"er": 0.25, "adx": 19.9}, "TRANSITION"), ({"er": 0.24, "adx": 20.0}, "TRANSITION"),
    ({"er": 0.24, "adx": 19.9, "tcc": "Low", "tcc_dir": 1}, "RANGE"), ({}, "TRANSITION"),
])
def test_the_first_condition_that_holds_names_the_state(given_, expected):
    assert state_of(**given_) == expected


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_the_state_equals_its_naive_twin(seed):
    rng, n = np.random.default_rng(seed), 150
    tcc, liquidity, bucket, spike = rng.integers(0, 5, n), rng.integers(0, 3, n), rng.integers(0, 5, n), rng.integers(0, 2, n)
    tcc_dir = np.where(tcc > 1, rng.choice([-1, 1], n), 0)
    er, adx, left = rng.choice([0.1, 0.25, 0.6, np.nan], n), rng.choice([10.0, 20.0, 30.0], n), rng.choice([0.0, 14.0, 15.0, 1e9], n) * MINUTE
    found = market_conditions(tcc, tcc_dir, er, adx, liquidity, bucket, spike, left, 15.0 * MINUTE, 0.25, 20.0)
    for t in range(n):
        ready = tcc[t] > 0 and liquidity[t] > 0 and er[t] == er[t]
        assert MARKET_STATES[found[t]] == naive.condition(ready, left[t] >= 15 * MINUTE, liquidity[t] == 1, VOL_BUCKETS[bucket[t]], spike[t],
                                                          TCC_CLASSES[tcc[t]], tcc_dir[t], er[t], adx[t])
