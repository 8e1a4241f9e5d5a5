"""Relative strength and MACD from the definition."""

import math

from tests.naive.trend import ema


def rsi(close, period):
    present = [t for t, value in enumerate(close) if math.isfinite(value)]
    moves = [close[b] - close[a] for a, b in zip(present, present[1:], strict=False)]
    gains, losses = [max(move, 0.0) for move in moves], [max(-move, 0.0) for move in moves]
    out = [math.nan] * len(close)
    for place in range(period, len(present)):
        if place == period:
            gain, loss = sum(gains[:period]) / period, sum(losses[:period]) / period
        else:
            gain, loss = (gain * (period - 1) + gains[place - 1]) / period, (loss * (period - 1) + losses[place - 1]) / period
        out[present[place]] = 100 * gain / (gain + loss) if gain + loss > 0 else 50.0
    return out


def macd(close, fast, slow, signal):
    line = [a - b for a, b in zip(ema(close, fast), ema(close, slow), strict=True)]
    smooth = ema(line, signal)
    return line, smooth, [a - b for a, b in zip(line, smooth, strict=True)]


def divergence(t, pivots, kind, close, line, min_sep, max_sep, ttl):
    """The bar that confirmed the second swing of a divergence that holds at t, or None; pivots as (idx, confirmed, kind, price)."""
    seen = [pivot for pivot in pivots if pivot[2] == kind and pivot[1] <= t]
    if len(seen) < 2:
        return None
    (idx1, _, _, price1), (idx2, confirmed, _, price2) = seen[-2:]
    further = kind * price2 > kind * price1 + 1e-9
    weaker = kind * line[idx2] < kind * line[idx1]
    passed = any(kind * close[u] > kind * price2 + 1e-9 for u in range(confirmed, t + 1))
    return confirmed if min_sep <= idx2 - idx1 <= max_sep and further and weaker and t - confirmed < ttl and not passed else None


def macd_states(line, histogram, close, atr, pivots, eps_atr, min_sep, max_sep, ttl):
    states = []
    for t in range(len(close)):
        if t == 0 or math.isnan(histogram[t]) or math.isnan(histogram[t - 1]):
            states.append("UNKNOWN")
            continue
        bear, bull = (divergence(t, pivots, kind, close, line, min_sep, max_sep, ttl) for kind in (1, -1))
        band = 0.0 if math.isnan(atr[t]) else eps_atr * atr[t]
        if bear is not None and (bull is None or bear >= bull):
            states.append("BEARISH_DIVERGENCE")
        elif bull is not None:
            states.append("BULLISH_DIVERGENCE")
        elif histogram[t] > band and histogram[t] > histogram[t - 1]:
            states.append("BULLISH_EXPANDING")
        elif histogram[t] < -band and histogram[t] < histogram[t - 1]:
            states.append("BEARISH_EXPANDING")
        else:
            states.append("NEUTRAL")
    return states
