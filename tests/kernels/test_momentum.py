"""RSI, MACD and the states of MACD against their twins and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.codes import MACD_BEAR_DIVERGENCE, MACD_BULL_DIVERGENCE, MACD_STATES
from pse.kernels.contract import PIVOT_DTYPE
from pse.kernels.momentum import macd, macd_states, rsi
from pse.kernels.swings import swings
from pse.kernels.wilder import wilder_atr
from tests.features.made import walk
from tests.naive import momentum as naive

seeds = st.integers(0, 2**32 - 1)
holes = st.sampled_from([0.0, 0.05])


@settings(max_examples=30)
@given(seeds, st.integers(1, 20), holes)
def test_rsi_equals_its_naive_twin(seed, period, share):
    close = walk(seed, 120, share)[3]
    np.testing.assert_allclose(rsi(close, period), naive.rsi(close, period), rtol=1e-12, atol=1e-12)


@settings(max_examples=30)
@given(seeds, st.integers(1, 8), st.integers(1, 8), st.integers(1, 8), holes)
def test_macd_equals_its_naive_twin(seed, fast, further, signal, share):
    close = walk(seed, 120, share)[3]
    for ours, theirs in zip(macd(close, fast, fast + further, signal), naive.macd(close, fast, fast + further, signal), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-11)


@settings(max_examples=30)
@given(seeds, st.integers(1, 3), st.integers(1, 12), st.integers(1, 40), st.integers(1, 8), holes)
def test_states_of_macd_equal_their_naive_twin(seed, side, min_sep, span, ttl, share):
    o, h, lo, c, _ = walk(seed, 160, share)
    line, _, histogram = macd(c, 3, 6, 4)
    atr, pivots = wilder_atr(h, lo, c, 5, True), swings(o, h, lo, c, np.zeros(160, np.int64), side, side, False)
    rows = [(int(row["idx"]), int(row["confirmed_at"]), int(row["kind"]), float(row["price"])) for row in pivots]
    told = macd_states(line, histogram, c, atr, pivots, 0.01, min_sep, min_sep + span, ttl)
    assert [MACD_STATES[code] for code in told] == naive.macd_states(line, histogram, c, atr, rows, 0.01, min_sep, min_sep + span, ttl)


def swing(*rows):
    pivots = np.zeros(len(rows), PIVOT_DTYPE)
    for row, (idx, confirmed, kind, price) in zip(pivots, rows, strict=True):
        row["idx"], row["confirmed_at"], row["kind"], row["price"] = idx, confirmed, kind, price
    return pivots


def states_of(pivots, line, close, ttl=5):
    n = len(close)
    return macd_states(np.array(line), np.linspace(0.1, 0.2, n), np.array(close), np.full(n, np.nan), pivots, 0.01, 2, 10, ttl)


def test_of_two_divergences_the_later_one_is_told_and_of_two_at_once_the_bearish_one():
    line, close = [0.0, 5.0, -5.0, 0.0, 4.0, -4.0, 0.0, 0.0, 0.0, 0.0], [10.0] * 10
    later = swing((1, 2, 1, 11.0), (2, 3, -1, 9.0), (4, 6, 1, 12.0), (5, 7, -1, 8.0))
    assert states_of(later, line, close)[6] == MACD_BEAR_DIVERGENCE and (states_of(later, line, close)[7:] == MACD_BULL_DIVERGENCE).all()
    at_once = swing((1, 2, 1, 11.0), (2, 3, -1, 9.0), (4, 7, 1, 12.0), (5, 7, -1, 8.0))
    assert (states_of(at_once, line, close)[7:] == MACD_BEAR_DIVERGENCE).all()


def test_a_divergence_ends_at_a_close_beyond_its_second_swing_and_does_not_come_back():
    line, pivots = [0.0, 5.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0], swing((1, 2, 1, 11.0), (4, 6, 1, 12.0))
    close = [10.0] * 7 + [12.5, 10.0, 10.0]
    assert list(states_of(pivots, line, close) == MACD_BEAR_DIVERGENCE) == [False] * 6 + [True] + [False] * 3


def test_gains_without_losses_are_100_losses_without_gains_0_and_nothing_50():
    assert list(rsi(np.array([1.0, 2.0, 3.0]), 2)[2:]) == [100.0]
    assert list(rsi(np.array([3.0, 2.0, 1.0]), 2)[2:]) == [0.0]
    assert list(rsi(np.array([2.0, 2.0, 2.0]), 2)[2:]) == [50.0]


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_bar_without_a_close_gives_nan_and_leaves_the_state_as_it_was(missing):
    close = walk(3, 80)[3]
    holed = np.insert(close, 40, missing)
    for whole, passed in ((rsi(close, 5), rsi(holed, 5)), *zip(macd(close, 3, 6, 4), macd(holed, 3, 6, 4), strict=True)):
        assert np.isnan(passed[40])
        np.testing.assert_array_equal(np.delete(passed, 40), whole)


def test_a_long_flat_market_leaves_rsi_between_its_bounds():
    close = np.concatenate([walk(1, 50)[3], np.full(30_000, 100.0)])
    strength = rsi(close, 14)[14:]
    assert ((strength >= 0) & (strength <= 100)).all()
