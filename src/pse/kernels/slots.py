"""Values against what is usual at the same time of the session."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared


@shared
def take_out(ordered, size, value):
    """Takes one `value` out of the first `size` places of a rising array."""
    i = 0
    while i < size - 1 and ordered[i] < value:
        i += 1
    while i < size - 1:
        ordered[i] = ordered[i + 1]
        i += 1


@shared
def put_in(ordered, size, value):
    """Puts `value` into a rising array that holds `size` others and has room."""
    i = size
    while i > 0 and ordered[i - 1] > value:
        ordered[i] = ordered[i - 1]
        i -= 1
    ordered[i] = value


@njit(cache=True)
def slot_relative(values, session, slot, slots, sessions, at_least):
    """Each value over the median of the values in the same slot of the `sessions` sessions before its own, float64[n].

    values: float64[n], not negative, oldest first; session: int64[n], never falling; slot: int64[n] in [0, slots), place of the bar in its session,
    no place twice in one.
    Sessions that have bars are counted.  A session without a bar in the slot, or with NaN there, has no value; NaN with fewer than `at_least` values
    and where the median is zero.
    """
    out = np.full(values.size, np.nan)
    room = sessions + 1                                                                     # the bar's own value joins before the oldest leaves
    kept, kept_in, ordered = np.empty((slots, room)), np.empty((slots, room), np.int64), np.empty((slots, room))     # rings from `first` on; values rising
    first, size = np.zeros(slots, np.int64), np.zeros(slots, np.int64)
    now = np.int64(0)
    for t in range(values.size):
        if t > 0 and session[t] != session[t - 1]:
            now += 1
        s, x = slot[t], values[t]
        while size[s] > 0 and (kept_in[s, first[s]] < now - sessions or size[s] == room):
            take_out(ordered[s], size[s], kept[s, first[s]])
            first[s] = (first[s] + 1) % room
            size[s] -= 1
        k = size[s]
        if k >= at_least:
            median = 0.5 * (ordered[s, (k - 1) // 2] + ordered[s, k // 2])
            if median > 0.0:
                out[t] = x / median
        if x >= 0.0:
            at = (first[s] + k) % room
            kept[s, at], kept_in[s, at] = x, now
            put_in(ordered[s], k, x)
            size[s] = k + 1
    return out
