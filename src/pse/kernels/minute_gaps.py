"""Fair value gaps of minutes inside given stretches: how many of one direction still stand at the end."""

import numpy as np
from numba import njit

from pse.kernels.gaps import is_valid_width, three_bar_gap, width_in_atr
from pse.kernels.rows import ge


@njit(cache=True)
def standing_gaps(open_, high, low, close, atr, session, first, last, direction, tick, min_ticks, min_atr, max_atr, one_session):
    """For each stretch the number of valid gaps that formed in it and are not filled by its end, and the minute at which the newest of them formed.

    Prices and atr float64[m] of minutes (open and close tell the way of a minute and may be as traded), session int64[m]; first, last (minutes, both
    inside) and direction int64[k].  A gap is filled when a later minute of the stretch trades its far edge, however old it is by then.
    Returns (count, formed), int64[k] each; formed is -1 where the count is 0.
    """
    count, formed = np.zeros(first.size, np.int64), np.full(first.size, -1)
    for i in range(first.size):
        d, deepest = direction[i], np.inf
        for u in range(last[i], first[i] - 1, -1):
            if u >= 2 and not (one_session and session[u - 2] != session[u]):
                way, bottom, top = three_bar_gap(open_, high, low, close, u)
                width = top - bottom
                if way == d and is_valid_width(width, width_in_atr(width, atr[u - 1]), tick, min_ticks, min_atr, max_atr):
                    if not ge(d * (bottom if d > 0 else top), deepest):
                        count[i] += 1
                        formed[i] = max(formed[i], u)
            reach = low[u] if d > 0 else -high[u]
            if reach < deepest:
                deepest = reach
    return count, formed
