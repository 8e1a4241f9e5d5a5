"""Spread estimates from the published formulas, pair by pair."""

import math


def pair(older, newer):
    """(Corwin-Schultz, Abdi-Ranaldo) of two bars (high, low, close) on one price scale."""
    if any(not math.isfinite(x) or x <= 0 for x in (*older, *newer)) or not (older[1] <= older[2] <= older[0] and newer[1] <= newer[2] <= newer[0]):
        return math.nan, math.nan
    (h1, l1, c1), (h2, l2, _) = older, newer
    middle = [(math.log(h) + math.log(lo)) / 2 for h, lo in ((h1, l1), (h2, l2))]
    ar = math.sqrt(max(4 * (math.log(c1) - middle[0]) * (math.log(c1) - middle[1]), 0))
    if l2 > c1:
        h2, l2 = h2 - (l2 - c1), c1
    elif h2 < c1:
        h2, l2 = c1, l2 + (c1 - h2)
    beta = math.log(h1 / l1) ** 2 + math.log(h2 / l2) ** 2
    gamma = math.log(max(h1, h2) / min(l1, l2)) ** 2
    k = 3 - 2 * math.sqrt(2)
    alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k)
    return max(2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha)), 0), ar


def spread_pairs(high, low, close, offset):
    out = [(math.nan, math.nan)]
    for t in range(1, len(high)):
        move = offset[t] - offset[t - 1]
        out.append(pair((high[t - 1] + move, low[t - 1] + move, close[t - 1] + move), (high[t], low[t], close[t])))
    return [list(column) for column in zip(*out, strict=True)]
