"""Support and resistance: clusters of recent major pivots, made anew whenever a pivot is confirmed."""

import math

import numpy as np
from numba import njit

from pse.kernels.contract import LEVEL_DTYPE, NEVER
from pse.kernels.rows import ge, with_room


@njit(cache=True)
def sorted_prices(pivots, first, last, prices):
    """Prices of pivots[first:last] into `prices`, rising; returns how many."""
    size = 0
    for i in range(first, last):
        price, k = pivots[i].price, size
        while k > 0 and prices[k - 1] > price:
            prices[k] = prices[k - 1]
            k -= 1
        prices[k] = price
        size += 1
    return size


@njit(cache=True)
def cluster(prices, size, tolerance, tick, t, rows, count):
    """Appends a row for each cluster of two or more prices; returns (rows, count).

    A cluster begins at the lowest price left and takes the next one while it is at most `tolerance` above the mean so far.
    """
    i = 0
    while i < size:
        total, members = prices[i], 1
        while i + members < size and ge(tolerance, prices[i + members] - total / members):
            total += prices[i + members]
            members += 1
        if members >= 2:
            rows = with_room(rows, count)
            new = rows[count]
            new.price = math.floor(total / members / tick + 0.5) * tick
            new.touches, new.priority = members, min(0.60 + 0.05 * (members - 2), 0.75)
            new.known_at, new.ended_at = t, NEVER
            count += 1
        i += members
    return rows, count


@njit(cache=True)
def level_clusters(pivots, atr, lookback, tolerance_atr, tick):
    """Clusters of the major pivots of the last `lookback` bars, rows of LEVEL_DTYPE in order of known_at, then price.

    atr: float64[n], points, of the bar itself.  All levels end when the next pivot is confirmed and a new set begins there; a bar is tested against the
    set as of the bar before.  Prices rounded to the tick; fewer than two members make no level.
    """
    rows, count, begun = np.empty(128, LEVEL_DTYPE), 0, 0
    prices = np.empty(2 * lookback + 2)
    first = 0
    for last in range(1, pivots.size + 1):
        t = pivots[last - 1].confirmed_at
        if last < pivots.size and pivots[last].confirmed_at == t:
            continue
        for i in range(begun, count):
            rows[i].ended_at = t
        begun = count
        while pivots[first].idx <= t - lookback and first < last - 1:
            first += 1
        size = sorted_prices(pivots, first, last, prices)
        rows, count = cluster(prices, size, tolerance_atr * atr[t], tick, t, rows, count)
    return rows[:count].copy()
