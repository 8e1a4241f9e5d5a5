"""Support and resistance: clusters of recent major pivots, made anew whenever a pivot is confirmed."""

import math

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import LEVEL_DTYPE, NEVER
from pse.kernels.rows import ZERO, ge, with_room


@shared
def put_price(prices, size, price):
    """Puts a price into its place among the first `size`, rising; returns the new size."""
    k = size
    while k > 0 and prices[k - 1] > price:
        prices[k] = prices[k - 1]
        k -= 1
    prices[k] = price
    return size + 1


@shared
def drop_price(prices, size, price):
    """Takes one entry of that price out of the first `size`; returns the new size."""
    k = 0
    while prices[k] != price:
        k += 1
    for i in range(k, size - 1):
        prices[i] = prices[i + 1]
    return size - 1


@shared
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
    rows, count, begun = np.empty(128, LEVEL_DTYPE), ZERO, ZERO
    prices, size, first = np.empty(pivots.size), ZERO, ZERO                            # prices of pivots[first:i], rising
    for i in range(pivots.size):
        size = put_price(prices, size, pivots[i].price)
        t = pivots[i].confirmed_at
        if i + 1 < pivots.size and pivots[i + 1].confirmed_at == t:
            continue
        for k in range(begun, count):
            rows[k].ended_at = t
        begun = count
        while first <= i and pivots[first].idx <= t - lookback:
            size = drop_price(prices, size, pivots[first].price)
            first += 1
        rows, count = cluster(prices, size, tolerance_atr * atr[t], tick, t, rows, count)
    return rows[:count].copy()
