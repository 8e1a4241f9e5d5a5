"""Means, directional movement, efficiency ratio and Hurst exponent from the definition."""

import math

from tests.naive.wilder import true_ranges, valid


def window(values, t, period):
    """The last `period` values at t; None where there are not as many or one is no number."""
    found = list(values[t - period + 1:t + 1]) if t >= period - 1 else []
    return found if found and all(map(math.isfinite, found)) else None


def sma(values, period):
    return [math.fsum(found) / period if (found := window(values, t, period)) else math.nan for t in range(len(values))]


def ema(values, period):
    present = [t for t, value in enumerate(values) if math.isfinite(value)]
    out, before = [math.nan] * len(values), math.nan
    for place in range(period - 1, len(present)):
        t = present[place]
        seed = sum(values[u] for u in present[:period]) / period
        before = seed if place == period - 1 else before + 2 / (period + 1) * (values[t] - before)
        out[t] = before
    return out


def wilder_sums(values, period):
    """S[period-1] = sum of the first period-1 values, then S - S/period + x; the i-th answer belongs to the i-th value."""
    total, out = sum(values[:period - 1]), [math.nan] * (period - 1)
    for x in values[period - 1:]:
        total = total - total / period + x
        out.append(total)
    return out


def adx(high, low, close, period):
    n = len(high)
    present = [t for t in range(n) if valid(high[t], low[t], close[t])]
    out = [[math.nan] * n for _ in range(3)]
    ups = [high[b] - high[a] for a, b in zip(present, present[1:], strict=False)]
    downs = [low[a] - low[b] for a, b in zip(present, present[1:], strict=False)]
    plus = wilder_sums([up if up > down and up > 0 else 0.0 for up, down in zip(ups, downs, strict=True)], period)
    minus = wilder_sums([down if down > up and down > 0 else 0.0 for up, down in zip(ups, downs, strict=True)], period)
    true = true_ranges(high, low, close, True)
    ranges = wilder_sums([true[t] for t in present[1:]], period)
    strengths, mean = [], math.nan
    for i in range(period - 1, len(ups)):
        up, down = (100 * s[i] / ranges[i] if ranges[i] > 0 else 0.0 for s in (plus, minus))
        strengths.append(100 * abs(up - down) / (up + down) if up + down > 0 else 0.0)
        if len(strengths) == period:
            mean = sum(strengths) / period
        elif len(strengths) > period:
            mean = (mean * (period - 1) + strengths[-1]) / period
        for column, value in zip(out, (mean, up, down), strict=True):
            column[present[i + 1]] = value
    return out


def efficiency_ratio(close, period):
    out = []
    for t in range(len(close)):
        found = window(close, t, period + 1)
        if found is None:
            out.append(math.nan)
            continue
        path = math.fsum(abs(b - a) for a, b in zip(found, found[1:], strict=False))
        out.append(abs(found[-1] - found[0]) / path if path > 0 else 0.0)
    return out


def hurst(close, lags, period):
    out = []
    for t in range(len(close)):
        found = window(close, t, period)
        if found is None or min(found) <= 0:
            out.append(math.nan)
            continue
        points = []
        for lag in lags:
            returns = [math.log(found[i] / found[i - lag]) for i in range(lag, period)]
            mean = math.fsum(returns) / len(returns)
            points.append((math.log(lag), math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / len(returns))))
        if min(sd for _, sd in points) == 0:
            out.append(math.nan)
            continue
        x_mean, y_mean = (math.fsum(values) / len(lags) for values in ([x for x, _ in points], [math.log(sd) for _, sd in points]))
        out.append(math.fsum((x - x_mean) * (math.log(sd) - y_mean) for x, sd in points) / math.fsum((x - x_mean) ** 2 for x, _ in points))
    return out
