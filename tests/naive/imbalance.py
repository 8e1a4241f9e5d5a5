"""Buyers against sellers from the definition."""

import math
from statistics import NormalDist

from tests.naive.rolling import variance, windows


def ratio(above, below):
    return above / below if below > 0 else math.nan


def money_flow(high, low, close, volume, n):
    out = []
    for rows in windows(list(zip(high, low, close, volume, strict=True)), n):
        if rows is None or any(math.isnan(x) for row in rows for x in row):
            out.append(math.nan)
            continue
        place = [0.0 if h == lo else ((c - lo) - (h - c)) / (h - lo) for h, lo, c, _ in rows]
        out.append(ratio(math.fsum(p * row[3] for p, row in zip(place, rows, strict=True)), math.fsum(row[3] for row in rows)))
    return out


def bulk_imbalance(close, volume, n):
    out = []
    for t in range(len(close)):
        moves, sizes = [close[u] - close[u - 1] for u in range(t - n + 1, t + 1)] if t >= n else [math.nan], list(volume[t - n + 1:t + 1])
        if any(map(math.isnan, [*moves, *sizes])):
            out.append(math.nan)
            continue
        deviation = math.sqrt(variance(moves))
        shares = [2 * NormalDist().cdf(move / deviation) - 1 if deviation > 0 else 0.0 for move in moves]
        out.append(ratio(math.fsum(v * s for v, s in zip(sizes, shares, strict=True)), math.fsum(sizes)))
    return out
