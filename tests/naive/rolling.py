"""Window values from the definition."""

import math


def relative_volume(volume, period):
    out = []
    for t in range(len(volume)):
        mean = sum(volume[t - period:t]) / period if t >= period else math.nan
        out.append(volume[t] / mean if mean > 0 else math.nan)
    return out
