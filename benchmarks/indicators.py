"""Indicators beside TA-Lib over five million bars, with new arrays for what comes out and with arrays that are there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, interleaved, median

BARS, ROUNDS = 5_000_000, 7
NO_SLOWER = 1.0


def bars(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """High, low and close of a walk on a grid of a quarter point, all above zero."""
    rng = np.random.default_rng(1)
    close = np.cumsum(rng.integers(-3, 4, n)) * 0.25
    close += 50 - min(0.0, float(close.min()))
    open_ = np.concatenate([close[:1], close[:-1]])
    return np.maximum(open_, close) + rng.integers(0, 4, n) * 0.25, np.minimum(open_, close) - rng.integers(0, 4, n) * 0.25, close


def measure(folder: Path) -> list[Figure]:
    """One indicator after the other, ours and TA-Lib's in turn."""
    import talib

    from pse.kernels.channels import bollinger, bollinger_into
    from pse.kernels.momentum import macd, macd_into, rsi, rsi_into
    from pse.kernels.trend import adx, adx_into
    from pse.kernels.wilder import wilder_atr, wilder_atr_into

    high, low, close = bars(BARS)
    a, b, c = (np.zeros(BARS) for _ in range(3))
    works: dict[str, tuple[Callable[[], object], Callable[[], object], Callable[[], object]]] = {
        "ATR 14": (lambda: talib.ATR(high, low, close, 14), lambda: wilder_atr(high, low, close, 14, True),
                   lambda: wilder_atr_into(high, low, close, 14, True, a)),
        "RSI 14": (lambda: talib.RSI(close, 14), lambda: rsi(close, 14), lambda: rsi_into(close, 14, a)),
        "MACD 12 26 9": (lambda: talib.MACD(close, 12, 26, 9), lambda: macd(close, 12, 26, 9), lambda: macd_into(close, 12, 26, 9, a, b, c)),
        "ADX 14": (lambda: talib.ADX(high, low, close, 14), lambda: adx(high, low, close, 14), lambda: adx_into(high, low, close, 14, a, b, c)),
        "Bollinger 20": (lambda: talib.BBANDS(close, 20, 2.0, 2.0), lambda: bollinger(close, 20, 2.0), lambda: bollinger_into(close, 20, 2.0, a, b, c)),
    }
    figures, sums = [], np.zeros(3)
    for name, work in works.items():
        theirs, fresh, kept = (median(times) * 1e3 for times in interleaved(ROUNDS, *work))
        sums += theirs, fresh, kept
        note = "with +DI and -DI; TA-Lib makes the ADX alone" if name.startswith("ADX") else ""
        figures.append(Figure(f"{name}, {BARS:,} bars", fresh, "ms", ROUNDS, "TA-Lib, new arrays on both sides", theirs, {"ratio": NO_SLOWER}, note))
    directions, empty = (median(times) * 1e3 for times in interleaved(
        ROUNDS, lambda: (talib.PLUS_DI(high, low, close, 14), talib.MINUS_DI(high, low, close, 14)), lambda: np.empty(BARS).fill(1.0)))
    theirs, fresh, kept = sums.tolist()
    return [
        *figures,
        Figure("all five, into arrays that are there", kept, "ms", ROUNDS, "TA-Lib, which always makes new ones", theirs, {"ratio": 0.4}),
        Figure("all five, new arrays", fresh, "ms", ROUNDS, "TA-Lib", theirs, note="11 columns to its 9"),
        Figure("  of it a first touch of the 11 columns", 11 * empty, "ms", ROUNDS, note="np.empty(n).fill(1.0), eleven times: no arithmetic at all"),
        Figure("all five with both DI, new arrays", fresh, "ms", ROUNDS, "TA-Lib with PLUS_DI and MINUS_DI: the same 11 columns", theirs + directions),
    ]
