"""Where volatility stands against its own past: causal percentile rank, quartile buckets with hysteresis, and spikes over a running median.

A percentile over the whole sample would tell of bars to come; here the window always ends at the bar before.
"""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.rows import ge
from pse.kernels.slots import put_in, take_out
from pse.kernels.wilder import previous

QUARTER = 0.25
STRETCH = 32_768                                  # bars that are ranked at a time


def percentile_rank(values, window, min_obs):
    """Share of the `window` values before each bar that lie below it, ties counted half: float64[n], 0..1.

    values: float64[n], oldest first; a NaN is no observation.  NaN where the value is, and while fewer than `min_obs` values are in the window.
    Equals `scipy.stats.percentileofscore(window, value, kind="mean") / 100`.
    """
    rank, stretch = np.empty(values.size), max(STRETCH, window)
    for begin in range(0, values.size, stretch):                             # keys of one stretch and its window stay in the processor's cache
        first = max(begin - window, 0)
        keys, distinct = dense_keys(values[first:begin + stretch])
        ranks_of_keys(keys, np.int64(distinct), np.int64(window), np.int64(min_obs), np.int64(begin - first), rank[begin:begin + stretch])
    return rank


def dense_keys(values):
    """(keys int32[n], how many): the values replaced by their place among the distinct ones, -1 for NaN.

    Which place depends on all of them; how two compare does not, and nothing else is read of a key.
    """
    order = np.argsort(values)
    ordered = values[order]
    known = ordered.size - int(np.count_nonzero(np.isnan(values)))           # NaN is sorted to the end
    rises = np.zeros(values.size, np.int32)
    rises[1:known] = ordered[1:known] != ordered[:max(known - 1, 0)]
    np.cumsum(rises, out=rises)
    keys = np.empty(values.size, np.int32)
    keys[order] = rises
    keys[order[known:]] = -1
    return keys, int(rises[known - 1]) + 1 if known else 0


@njit(cache=True)
def ranks_of_keys(keys, distinct, window, min_obs, first, rank):
    """Writes the ranks of keys[first:] into `rank`: counts by key and by block of keys, so that a bar costs two short sums.

    keys: int32[n] in 0..distinct-1, -1 where there is none; those before `first` are their window only.
    """
    shift = 4
    while 1 << (2 * shift) < distinct:
        shift += 1
    by_key, by_block = np.zeros(distinct, np.int32), np.zeros((distinct >> shift) + 1, np.int32)
    held = 0
    for t in range(keys.size):
        key = keys[t]
        if t >= first:
            gone = keys[t - 1 - window] if t > window else -1
            if gone >= 0:
                by_key[gone] -= 1
                by_block[gone >> shift] -= 1
                held -= 1
            rank[t - first] = np.nan
            if key >= 0 and held >= min_obs:
                block, below = key >> shift, 0
                for b in range(block):
                    below += by_block[b]
                for i in range(block << shift, key):
                    below += by_key[i]
                rank[t - first] = (below + 0.5 * by_key[key]) / held
        if key >= 0:
            by_key[key] += 1
            by_block[key >> shift] += 1
            held += 1


@shared
def quartile(rank):
    """Number of the quarter that holds a rank, 1..4; an edge belongs to the upper one."""
    found = 1
    while found < 4 and ge(rank, found * QUARTER):
        found += 1
    return found


@njit(cache=True)
def quartile_states(rank, hysteresis):
    """Bucket of each rank, int64[n]: 1..4, 0 where the rank is NaN.

    After the first one the bucket is left upwards from its upper edge + hysteresis on and downwards below its lower edge - hysteresis, straight to the
    quarter of the rank.  A NaN leaves the remembered bucket as it was.
    """
    states, held = np.zeros(rank.size, np.int64), 0
    for t in range(rank.size):
        if rank[t] != rank[t]:
            continue
        if held == 0 or ge(rank[t], held * QUARTER + hysteresis) or not ge(rank[t], (held - 1) * QUARTER - hysteresis):
            held = quartile(rank[t])
        states[t] = held
    return states


@njit(cache=True)
def window_median(values, window):
    """Median of the last `window` values, the bar's own included, float64[n]; NaN before there are so many and with a NaN among them.

    values: float64[n], oldest first.
    """
    middle, ordered, held = np.full(values.size, np.nan), np.empty(window), 0
    for t in range(values.size):
        gone, come = values[t - window] if t >= window else np.nan, values[t]
        if gone == gone:
            take_out(ordered, held, gone)
            held -= 1
        if come == come:
            put_in(ordered, held, come)
            held += 1
        if held == window:
            middle[t] = 0.5 * (ordered[(window - 1) // 2] + ordered[window // 2])
    return middle



def median_before(values, window, min_obs):
    """Median of the `window` values before each, float64[n]; a NaN is no observation, and NaN while there are fewer than `min_obs`."""
    middle, stretch = np.empty(values.size), max(STRETCH, window)
    for begin in range(0, values.size, stretch):
        first = max(begin - window, 0)
        part = values[first:begin + stretch]
        keys, distinct = dense_keys(part)
        of_key = np.empty(max(distinct, 1))
        of_key[keys[keys >= 0]] = part[keys >= 0]
        medians_of_keys(keys, of_key, np.int64(window), np.int64(min_obs), np.int64(begin - first), middle[begin:begin + stretch])
    return middle


@njit(cache=True)
def medians_of_keys(keys, of_key, window, min_obs, first, middle):
    """Writes the medians of the values before keys[first:] into `middle`: a cursor stands on a key and knows how many lie below it, and walks to the middle.

    keys: int32[n] in 0..distinct-1, -1 where there is none; those before `first` are their window only; of_key: float64[distinct], the value of each.
    """
    counts = np.zeros(of_key.size, np.int32)
    at, below, held = 0, 0, 0                     # below: values of keys under `at`
    for t in range(keys.size):
        gone = keys[t - 1 - window] if t > window else -1
        if gone >= 0:
            counts[gone] -= 1
            held -= 1
            below -= gone < at
        if t >= first:
            middle[t - first] = np.nan
            if held >= max(min_obs, 1):
                lower = (held - 1) // 2
                while below > lower:
                    at -= 1
                    below -= counts[at]
                while below + counts[at] <= lower:
                    below += counts[at]
                    at += 1
                upper, seen = at, below + counts[at]
                while seen <= held // 2:
                    upper += 1
                    seen += counts[upper]
                middle[t - first] = 0.5 * (of_key[at] + of_key[upper])
        if keys[t] >= 0:
            counts[keys[t]] += 1
            held += 1
            below += keys[t] < at

def over_median_before(values, window):
    """Each value over the median of the `window` values before it, float64[n]; NaN for the first `window` bars, with a NaN among them, and over 0."""
    before = previous(window_median(values, np.int64(window)))
    return np.divide(values, before, out=np.full(values.size, np.nan), where=before != 0.0)
