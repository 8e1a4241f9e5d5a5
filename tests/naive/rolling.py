"""Window values from the definition."""

import math


def relative_volume(volume, period):
    out = []
    for t in range(len(volume)):
        mean = sum(volume[t - period:t]) / period if t >= period else math.nan
        out.append(volume[t] / mean if mean > 0 else math.nan)
    return out


def windows(values, period):
    """The window that ends at each value; None while it is short."""
    return [values[t - period + 1:t + 1] if t >= period - 1 else None for t in range(len(values))]


def mean(values):
    return math.fsum(values) / len(values)


def variance(values):
    """Sample variance, n - 1."""
    middle = mean(values)
    return math.fsum((x - middle) ** 2 for x in values) / (len(values) - 1)


def over(values, period, what):
    """`what` of each window; NaN while it is short or holds NaN."""
    return [math.nan if window is None or any(map(math.isnan, window)) else what(window) for window in windows(list(values), period)]
