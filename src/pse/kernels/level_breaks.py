"""Closes that break a level of support or resistance."""

import numpy as np
from numba import njit

from pse.kernels.rows import ZERO, ge, with_room

LEVEL_BREAK_DTYPE = np.dtype([("t", "i8"), ("dir", "i8"), ("level", "i8"), ("price", "f8"), ("priority", "f8"), ("broken", "i8")])


@njit(cache=True)
def level_breaks(close, atr_before, price, priority, known_at, ended_at, beyond_atr):
    """One row of LEVEL_BREAK_DTYPE a bar that breaks levels, in order of t: the one of highest priority, the nearest to the close on ties, then the first.

    Columns float64[n] in points.  Levels as four columns in order of known_at; a bar is tested against those as of the bar before (known_at < t <=
    ended_at).  Up: the last close at or below the level, this one at least `beyond_atr` ranges above it; down mirrored.  `broken`: how many at once.
    """
    rows, count = np.empty(128, LEVEL_BREAK_DTYPE), ZERO
    standing, size, row = np.empty(price.size, np.int64), 0, 0
    for t in range(1, close.size):
        while row < price.size and known_at[row] < t:
            standing[size] = row
            size, row = size + 1, row + 1
        move, least = close[t] - close[t - 1], beyond_atr * atr_before[t]
        if not (atr_before[t] > 0.0 and move != 0.0 and ge(abs(move), least)):
            continue
        d, kept, best, broken = 1 if move > 0.0 else -1, 0, -1, 0
        for k in range(size):
            i = standing[k]
            if ended_at[i] < t:
                continue
            standing[kept] = i
            kept += 1
            if not (ge(d * price[i], d * close[t - 1]) and ge(d * close[t], d * price[i] + least)):
                continue
            broken += 1
            if best < 0 or priority[i] > priority[best] or (priority[i] == priority[best] and abs(close[t] - price[i]) < abs(close[t] - price[best])):
                best = i
        size = kept
        if best >= 0:
            rows = with_room(rows, count)
            new = rows[count]
            new.t, new.dir, new.level, new.price, new.priority, new.broken = t, d, best, price[best], priority[best], broken
            count += 1
    return rows[:count].copy()
