"""The ten strategies beside a second writing of their rules in pandas, over twelve years of days: the same signal at every bar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pse.registry import resolve
from pse.tactics.swing import STRATEGIES
from tests.tactics.dailies import markets, walk_bars

BARS = 3000
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "SPY")


def frame(bars):
    return pd.DataFrame({name: getattr(bars, name) for name in ("high", "low", "close")})


def wilder(values, n):
    """Wilder's mean of a series that begins with one NaN, seeded with the plain mean of the first n."""
    seeded = values.copy()
    seeded.iloc[1:n] = np.nan
    seeded.iloc[n] = values.iloc[1:n + 1].mean()
    return seeded.iloc[n:].ewm(alpha=1 / n, adjust=False).mean().reindex(values.index)


def true_range_mean(bars, n):
    last = bars.close.shift()
    spans = pd.concat([bars.high - bars.low, (bars.high - last).abs(), (bars.low - last).abs()], axis=1).max(axis=1)
    return wilder(spans.where(last.notna()), n)


def crosses(close, mean):
    upper, lower = mean * 1.03, mean * 0.97
    buy, sell = (close > upper) & (close.shift() <= upper.shift()), (close < lower) & (close.shift() >= lower.shift())
    return buy, sell, (close / upper - 1) / 0.03, (1 - close / lower) / 0.03


def second_writing(name, bars, bench, universe):
    """(BUY, SELL, argument of the confidence of a BUY, of a SELL), of bars with enough history."""
    close, before = bars.close, true_range_mean(bars, 14).shift()
    if name == "trend_following":
        fast, slow = close.rolling(50).mean(), close.rolling(200).mean()
        sure = pd.concat([1 - close / slow, 1 - fast / slow], axis=1).max(axis=1)
        return (fast > slow) & (close > slow), (close < slow) | (fast < slow), (fast / slow - 1) / 0.05, sure / 0.05
    if name == "momentum_rotation":
        m = close.pct_change(126, fill_method=None)
        return m >= 0.05, m <= -0.05, (m - 0.05) / 0.25, (-m - 0.05) / 0.25
    if name == "mean_reversion":
        change = close.diff()
        gain, loss = wilder(change.clip(lower=0), 14), wilder(-change.clip(upper=0), 14)
        value = 100 - 100 / (1 + gain / loss)
        return value <= 30, value >= 70, (30 - value) / 20, (value - 70) / 20
    if name == "breakout":
        upper, lower = bars.high.rolling(20).max().shift(), bars.low.rolling(20).min().shift()
        return close > upper, close < lower, (close - upper) / before, (lower - close) / before
    if name == "volatility_breakout":
        step = close.diff() / before
        return step >= 1.5, step <= -1.5, (step - 1.5) / 1.5, (-step - 1.5) / 1.5
    if name == "relative_strength":
        r, other = close / close.rolling(50).mean(), bench.close / bench.close.rolling(50).mean()
        x = r / other - 1
        return (r >= 1.02) & (x > 0), (r <= 0.98) & (x < 0), x / 0.1, -x / 0.1
    if name == "sector_rotation":
        scores = universe.pct_change(63, fill_method=None) / 2 + universe.pct_change(126, fill_method=None) / 2
        rank, n, score = scores.rank(axis=1, ascending=False, method="first")["AAA"], len(NAMES), scores["AAA"]
        place, buy = 1 - (rank - 1) / (n - 1), (rank <= -(-n // 3)) & (score > 0)
        return buy, ((rank > n - n // 3) | (score <= 0)) & ~buy, 2 * place - 1, 1 - 2 * place
    if name == "dual_momentum":
        m, other = close.pct_change(126, fill_method=None), bench.close.pct_change(126, fill_method=None)
        return (m > 0) & (m >= other), m <= 0, pd.concat([m, m - other + 0.05], axis=1).min(axis=1) / 0.2, -m / 0.2
    if name == "moving_average_envelope":
        return crosses(close, close.rolling(50).mean())
    mean, spread = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    place = (close - (mean - 2 * spread)) / (4 * spread)
    return place <= 0, place >= 1, -place / 0.25, (place - 1) / 0.25


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_signals_and_confidences_are_those_of_a_second_writing(name, seed):
    every = [walk_bars(seed, BARS, symbol) for symbol in NAMES]
    strategy = resolve("tactic", name)()
    said = strategy.signals(markets(every)["AAA"].at("1d"))
    buy, sell, x_buy, x_sell = second_writing(name, frame(every[0]), frame(every[-1]), pd.DataFrame({one.symbol: one.close for one in every}))
    old_enough = np.arange(BARS) >= strategy.min_bars() - 1
    signal = np.where(old_enough, buy.astype(int) - sell.astype(int), 0)
    sure = np.where(signal > 0, 0.5 + 0.5 * x_buy.clip(0, 1), np.where(signal < 0, 0.5 + 0.5 * x_sell.clip(0, 1), 0.0))
    assert (signal > 0).sum() >= 10 and (signal < 0).sum() >= 10
    np.testing.assert_array_equal(said.signal, signal)
    np.testing.assert_allclose(said.confidence, sure, atol=1e-9)
