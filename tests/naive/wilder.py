"""True range and its Wilder average from the definition, bar by bar in plain Python."""

import math


def valid(high, low, close):
    return all(map(math.isfinite, (high, low, close))) and low <= close <= high


def true_ranges(high, low, close, gap_in_tr):
    out = []
    for t in range(len(high)):
        earlier = [close[u] for u in range(t) if valid(high[u], low[u], close[u])]
        if not valid(high[t], low[t], close[t]):
            out.append(math.nan)
        elif gap_in_tr and earlier:
            out.append(max(high[t] - low[t], abs(high[t] - earlier[-1]), abs(low[t] - earlier[-1])))
        else:
            out.append(high[t] - low[t])
    return out


def atr(high, low, close, period, gap_in_tr):
    ranges = true_ranges(high, low, close, gap_in_tr)
    present = [t for t, value in enumerate(ranges) if not math.isnan(value)]
    out, before = [math.nan] * len(high), math.nan
    for place in range(period, len(present)):
        t = present[place]
        if place == period:
            before = sum(ranges[u] for u in present[1:period + 1]) / period
        else:
            before = (before * (period - 1) + ranges[t]) / period
        out[t] = before
    return out
