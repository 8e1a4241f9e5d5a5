"""Session averages from the definition: every sum again for every bar, in exact fractions."""

import math
from fractions import Fraction


def valid(h, lo, c, v):
    return all(map(math.isfinite, (h, lo, c, v))) and lo <= c <= h and v >= 0


def session_vwap(high, low, close, volume, session, inside):
    vwap, deviation = [], []
    rows = list(zip(high, low, close, volume, strict=True))
    for t, row in enumerate(rows):
        counted = [rows[u] for u in range(t + 1) if session[u] == session[t] and inside[u] and valid(*rows[u])]
        total = sum(Fraction(v) for *_, v in counted)
        if not (inside[t] and valid(*row)) or total == 0:
            vwap.append(math.nan)
            deviation.append(math.nan)
            continue
        prices = [(Fraction(h) + Fraction(lo) + Fraction(c)) / 3 for h, lo, c, _ in counted]
        middle = sum(p * Fraction(v) for p, (*_, v) in zip(prices, counted, strict=True)) / total
        vwap.append(float(middle))
        deviation.append(math.sqrt(sum((p - middle) ** 2 * Fraction(v) for p, (*_, v) in zip(prices, counted, strict=True)) / total))
    return vwap, deviation


def session_slope(values, scale, session, bars):
    return [(values[t] - values[t - bars]) / scale[t] if t >= bars and session[t] == session[t - bars] and scale[t] > 0 else math.nan
            for t in range(len(values))]
