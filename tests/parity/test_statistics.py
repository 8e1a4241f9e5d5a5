"""Statistics held against other libraries, and range estimators against markets whose volatility and spread are known.

What differs, how much and why is told in docs/parity-statistics.md.
"""

import math

import numpy as np
import pytest

from pse.kernels.imbalance import bulk_imbalance, money_flow
from pse.kernels.regression import rolling_inflation, rolling_slope
from pse.kernels.rolling import to_window_sums, to_window_variances
from pse.kernels.slots import slot_relative
from pse.kernels.spreads import spread_pairs
from pse.kernels.volatility import carried_close, realised_volatility
from pse.kernels.vwap import session_vwap
from tests.features.made import walk

N, PERIOD = 4000, 20


@pytest.fixture(scope="module")
def bars():
    """Open, high, low, close, volume in ticks of 0.25 near 5000."""
    *prices, volume = walk(11, N)
    return *(column + 4900 for column in prices), volume


def worst(ours, theirs):
    """Largest difference, after the same rows were found to be NaN."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs)))


def year(bars, period, bars_a_year=252.0):
    return realised_volatility(*bars[:4], carried_close(bars[3], np.zeros(bars[3].size)), period, bars_a_year)


# --- other libraries -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [2, 20, 252])
def test_close_to_close_volatility_is_that_of_pandas(bars, period):
    pandas = pytest.importorskip("pandas")
    theirs = pandas.Series(np.log(bars[3])).diff().rolling(period).std() * math.sqrt(252)
    assert worst(year(bars, period)[0], theirs) <= 1e-13


def test_close_to_close_volatility_is_the_sample_form_of_the_deviation_of_talib(bars):
    talib = pytest.importorskip("talib")
    returns = np.log(bars[3][1:] / bars[3][:-1])
    theirs = np.concatenate([[np.nan], talib.STDDEV(returns, PERIOD) * math.sqrt(PERIOD / (PERIOD - 1) * 252)])
    assert worst(year(bars, PERIOD)[0], theirs) <= 1e-14


def test_window_sums_and_variances_are_those_of_pandas(bars):
    pandas = pytest.importorskip("pandas")
    for kernel, name in ((to_window_sums, "sum"), (to_window_variances, "var")):
        ours = bars[3].copy()
        kernel(ours, PERIOD)
        np.testing.assert_allclose(ours, getattr(pandas.Series(bars[3]).rolling(PERIOD), name)(), rtol=1e-9, atol=1e-9)


def leaning(seed, rows, k, noise):
    """Columns that lean on one another, the more the less noise there is, of scales from 1e-2 to 1e4."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(rows, k - 1)) @ rng.normal(size=(k - 1, k)) + noise * rng.normal(size=(rows, k))
    return made * 10.0 ** rng.integers(-2, 5, k) + rng.normal(0, 50, k)


@pytest.mark.parametrize("noise", [1.0, 0.03, 0.001])
@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_variance_inflation_is_that_of_statsmodels_with_a_constant(k, noise):
    pytest.importorskip("statsmodels")
    from statsmodels.stats.outliers_influence import variance_inflation_factor
    from statsmodels.tools.tools import add_constant

    rows = leaning(k, 240, k, noise)
    ours = rolling_inflation(np.ascontiguousarray(rows.T), 60, 30)
    for t in range(59, 240, 20):
        design = add_constant(rows[t - 59:t + 1])
        np.testing.assert_allclose(ours[:, t], [variance_inflation_factor(design, j + 1) for j in range(k)], rtol=1e-9)


def test_beta_is_the_slope_of_ordinary_least_squares_in_statsmodels():
    pytest.importorskip("statsmodels")
    from statsmodels.api import OLS, add_constant

    rng = np.random.default_rng(5)
    benchmark = rng.normal(1e-5, 1e-3, 400)
    own = 1.3 * benchmark + rng.normal(0, 5e-4, 400)
    ours = rolling_slope(np.stack([own, benchmark]), 60)
    theirs = [np.nan] * 59 + [OLS(own[t - 59:t + 1], add_constant(benchmark[t - 59:t + 1])).fit().params[1] for t in range(59, 400)]
    assert worst(ours, theirs) <= 1e-12


def test_slot_volume_is_the_grouped_rolling_median_of_pandas():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(6)
    session, slot = np.divmod(np.arange(60 * 40), 40)
    volume = rng.integers(1, 500, session.size).astype(float)
    usual = pandas.Series(volume).groupby(slot).transform(lambda one: one.rolling(20, min_periods=5).median().shift(1))
    np.testing.assert_allclose(slot_relative(volume, session, slot, 40, 20, 5), volume / usual, rtol=1e-14)


def test_session_vwap_and_its_deviation_are_those_of_weighted_statistics(bars):
    pytest.importorskip("statsmodels")
    from statsmodels.stats.weightstats import DescrStatsW

    _, high, low, close, volume = bars
    session = np.arange(N) // 276
    mean, deviation = session_vwap(high, low, close, volume, session, np.ones(N, bool))
    typical = (high + low + close) / 3
    for t in range(1, N, 61):
        since = np.searchsorted(session, session[t])
        theirs = DescrStatsW(typical[since:t + 1], weights=volume[since:t + 1], ddof=0)
        assert mean[t] == pytest.approx(theirs.mean, rel=1e-12) and deviation[t] == pytest.approx(theirs.std, rel=1e-9, abs=1e-9)


def test_money_flow_is_the_textbook_sum_in_pandas(bars):
    pandas = pytest.importorskip("pandas")
    _, high, low, close, volume = bars
    span = high - low
    place = np.divide((close - low) - (high - close), span, out=np.zeros(N), where=span > 0)
    theirs = pandas.Series(place * volume).rolling(PERIOD).sum() / pandas.Series(volume).rolling(PERIOD).sum()
    assert worst(money_flow(high, low, close, volume, PERIOD), theirs) <= 1e-12


def test_bulk_imbalance_is_the_sum_over_the_normal_distribution_of_scipy(bars):
    norm = pytest.importorskip("scipy.stats").norm
    _, _, _, close, volume = bars
    change = np.diff(close, prepend=np.nan)
    theirs = np.full(N, np.nan)
    for t in range(PERIOD, N):
        moves, sizes = change[t - PERIOD + 1:t + 1], volume[t - PERIOD + 1:t + 1]
        theirs[t] = (sizes * (2 * norm.cdf(moves / moves.std(ddof=1)) - 1)).sum() / sizes.sum()
    assert worst(bulk_imbalance(close, volume, PERIOD), theirs) <= 2e-11


# --- markets whose volatility is known ---------------------------------------------------------------------------------------------------------------


def market(seed, days, drift=0.0, overnight=0.0, sigma=0.01, steps=1500):
    """Open, high, low, close of days of geometric Brownian motion, `sigma` a day, with a jump of deviation `overnight` before each."""
    rng = np.random.default_rng(seed)
    walk_ = np.cumsum(rng.normal((drift - 0.5 * sigma * sigma) / steps, sigma / math.sqrt(steps), (days, steps)), axis=1)
    start = np.concatenate([[0.0], np.cumsum(walk_[:-1, -1])]) + np.cumsum(rng.normal(0, overnight, days) if overnight else np.zeros(days))
    path = np.exp(start[:, None] + np.concatenate([np.zeros((days, 1)), walk_], axis=1)) * 5000
    return path[:, 0].copy(), path.max(axis=1), path.min(axis=1), path[:, -1].copy()


def test_range_estimators_are_right_on_average_and_as_sharp_as_published():
    """Parkinson (1980): 5.2 times as efficient as close to close; Garman and Klass (1980): 7.4; ranges of 1,500 steps are a little short."""
    bars, sigma = market(1, 6000), 0.01
    own = [(column[20::21] / sigma) ** 2 for column in year(bars, 20, 1.0)]
    close_close, parkinson, garman_klass, yang_zhang = own
    for found, bias in ((close_close, 0.05), (parkinson, 0.06), (garman_klass, 0.06), (yang_zhang, 0.06)):
        assert found.mean() == pytest.approx(1.0, abs=bias)
    sharper = [close_close.var() / found.var() for found in own]
    assert sharper[1] == pytest.approx(5.2, rel=0.3) and sharper[2] == pytest.approx(7.4, rel=0.3) and sharper[3] > 5.0
    assert garman_klass.var() < parkinson.var()


def test_yang_zhang_sees_the_night_and_no_drift_while_ranges_miss_the_one_and_feel_the_other():
    """Yang and Zhang (2000): unbiased whatever the drift and with jumps at the open, of which high and low tell nothing."""
    sigma = 0.01
    squares = [np.nanmean(column[20::21] ** 2) / sigma**2 for column in year(market(2, 6000, drift=0.01, overnight=0.008), 20, 1.0)]
    total = 1.0 + 0.8**2
    assert squares[3] == pytest.approx(total, rel=0.05) and squares[0] == pytest.approx(total, rel=0.05)
    quiet = [np.nanmean(column[20::21] ** 2) / sigma**2 for column in year(market(2, 6000, overnight=0.008), 20, 1.0)]
    assert quiet[1] == pytest.approx(1.0, abs=0.06) and squares[1] > 1.3


# --- markets whose spread is known -------------------------------------------------------------------------------------------------------------------


def quoted(seed, days, spread, sigma):
    """High, low, close of days in which trades fall on bid or ask, `spread` of the price apart."""
    rng = np.random.default_rng(seed)
    moves = np.cumsum(rng.normal(0, sigma / math.sqrt(390), (days, 390)), axis=1)
    middle = 5000 * np.exp(moves + np.concatenate([[0.0], np.cumsum(moves[:-1, -1])])[:, None])
    trades = middle * (1 + 0.5 * spread * rng.choice([-1.0, 1.0], middle.shape))
    return trades.max(axis=1), trades.min(axis=1), trades[:, -1].copy()


@pytest.mark.parametrize("spread", [0.01, 0.03, 0.05])
def test_both_spread_estimates_find_a_spread_that_stands_out(spread):
    """The market that Corwin and Schultz (2012) and Abdi and Ranaldo (2017) simulate: trades at random on bid or ask, 390 a day."""
    high, low, close = quoted(3, 3000, spread, 0.003)
    corwin_schultz, abdi_ranaldo = spread_pairs(high, low, close, np.zeros(3000))
    assert np.nanmean(corwin_schultz) == pytest.approx(spread, rel=0.1)
    assert np.nanmean(abdi_ranaldo) == pytest.approx(spread, rel=0.1)


def test_without_any_spread_what_is_left_is_the_floor_at_zero():
    """Estimates below zero count as zero, so that noise alone shows a spread: less than half of a day's deviation."""
    corwin_schultz, abdi_ranaldo = spread_pairs(*quoted(4, 3000, 0.0, 0.01), np.zeros(3000))
    assert 0.0 < np.nanmean(corwin_schultz) < 0.005 and 0.0 < np.nanmean(abdi_ranaldo) < 0.005
