"""Realised volatility from the published formulas, window by window."""

import math

from tests.naive.rolling import mean, over, variance


def valid(o, h, lo, c):
    return all(map(math.isfinite, (o, h, lo, c))) and lo > 0 and lo <= min(o, c) and h >= max(o, c)


def realised(open_, high, low, close, before, n, bars_per_year):
    """`before`: the close before each bar on the scale of the bar's contract."""
    returns, overnight, body, ranges, gk, rs = [], [], [], [], [], []
    rows = list(zip(open_, high, low, close, strict=True))
    for t, (o, h, lo, c) in enumerate(rows):
        here = valid(o, h, lo, c)
        both = here and t > 0 and valid(*rows[t - 1])
        returns.append(math.log(c / before[t]) if both else math.nan)
        overnight.append(math.log(o / before[t]) if both else math.nan)
        body.append(math.log(c / o) if here else math.nan)
        ranges.append(math.log(h / lo) ** 2 if here else math.nan)
        gk.append(0.5 * math.log(h / lo) ** 2 - (2 * math.log(2) - 1) * math.log(c / o) ** 2 if here else math.nan)
        rs.append(math.log(h / c) * math.log(h / o) + math.log(lo / c) * math.log(lo / o) if here else math.nan)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    yz = [a + k * b + (1 - k) * r for a, b, r in zip(over(overnight, n, variance), over(body, n, variance), over(rs, n, mean), strict=True)]
    found = (over(returns, n, variance), [x / (4 * math.log(2)) for x in over(ranges, n, mean)], over(gk, n, mean), yz)
    return [[math.sqrt(x * bars_per_year) for x in column] for column in found]
