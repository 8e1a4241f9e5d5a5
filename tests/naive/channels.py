"""Bands and edges from the definition."""

import math

from tests.naive.trend import window


def bollinger(close, period, width):
    out = [[], [], []]
    for t in range(len(close)):
        found = window(close, t, period)
        mean = math.fsum(found) / period if found else math.nan
        sd = math.sqrt(math.fsum((x - mean) ** 2 for x in found) / period) if found else math.nan
        for column, value in zip(out, (mean, mean + width * sd, mean - width * sd), strict=True):
            column.append(value)
    return out


def edges(values, period, choose):
    return [choose(found) if (found := window(values, t, period)) else math.nan for t in range(len(values))]
