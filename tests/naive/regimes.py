"""Percentile rank, buckets and spikes from the definitions, in plain Python."""

import math
from statistics import median


def percentile_ranks(values, window, min_obs):
    out = []
    for t, x in enumerate(values):
        before = [w for w in values[max(t - window, 0):t] if not math.isnan(w)]
        if math.isnan(x) or len(before) < min_obs:
            out.append(math.nan)
        else:
            out.append((sum(w < x for w in before) + 0.5 * sum(w == x for w in before)) / len(before))
    return out


def buckets(ranks, hysteresis, tolerance=1e-9):
    lower = {1: 0.0, 2: 0.25, 3: 0.50, 4: 0.75}
    upper = {1: 0.25, 2: 0.50, 3: 0.75, 4: math.inf}
    out, held = [], None
    for rank in ranks:
        if math.isnan(rank):
            out.append(0)
            continue
        own = max(bucket for bucket in lower if rank >= lower[bucket] - tolerance)
        if held is None or rank >= upper[held] + hysteresis - tolerance or (held > 1 and rank < lower[held] - hysteresis - tolerance):
            held = own
        out.append(held)
    return out


def window_medians(values, window):
    out = [math.nan] * len(values)
    for t in range(window - 1, len(values)):
        last = list(values[t - window + 1:t + 1])
        if not any(map(math.isnan, last)):
            out[t] = median(last)
    return out


def medians_before(values, window, min_obs):
    """Median of the values, NaN left out, among the `window` before each; NaN with fewer than `min_obs`."""
    found = []
    for t in range(len(values)):
        cut = [float(v) for v in values[max(t - window, 0):t] if not math.isnan(v)]
        found.append(median(cut) if cut and len(cut) >= min_obs else math.nan)
    return found


def over_medians(values, window):
    out = [math.nan] * len(values)
    for t in range(window, len(values)):
        before = list(values[t - window:t])
        if not any(map(math.isnan, before)) and median(before) != 0:
            out[t] = values[t] / median(before)
    return out
