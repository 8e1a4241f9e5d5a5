"""Order blocks: the last opposing bar before a break, and what becomes of them: touched, half filled, filled, stale, closed through."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import BLOCK_DTYPE, NEVER
from pse.kernels.gaps import reach_into
from pse.kernels.rows import ZERO, gt, heap_pop, heap_push


@shared
def find_block(open_, high, low, close, t, direction, pivot_idx, first_displacement, max_back):
    """Bar, top and bottom of the order block of a break at t.

    Searched back from the bar before the first displacement bar (before t if -1) to max(pivot_idx, t - max_back) for the last bar that closed against
    the direction: zone low..open for a long, open..high for a short.  None: the bar of the extreme low (high), latest on ties, zone from the
    extreme to the farther edge of its body.  NaN bars are passed over; with nothing else the zone is NaN.
    """
    last = max(pivot_idx, t - max_back, 0)
    start = max((first_displacement if first_displacement >= 0 else t) - 1, last)
    found = start
    for u in range(start, last - 1, -1):
        if direction * (close[u] - open_[u]) < 0.0:
            found = u
            break
        unknown = close[found] != close[found]
        if unknown or (direction > 0 and low[u] < low[found]) or (direction < 0 and high[u] > high[found]):
            found = u
    if direction > 0:
        return found, max(open_[found], close[found]), low[found]
    return found, high[found], min(open_[found], close[found])


@shared
def put_block(new, row, direction, idx, t, top, bottom):
    """Writes a newly known block."""
    new.break_row, new.dir, new.idx, new.known_at, new.top, new.bottom = row, direction, idx, t, top, bottom
    new.invalid_at, new.touched_at, new.mid_filled_at, new.filled_at, new.stale_at, new.max_fill = NEVER, NEVER, NEVER, NEVER, NEVER, 0.0


@njit(cache=True)
def order_blocks(open_, high, low, close, breaks, max_back, max_age):
    """One row of BLOCK_DTYPE a break, in the order of the breaks; prices float64[n] in points.

    `known_at` is the break's bar.  From the next bar on the first bar of each event is written, as for a gap: touched, half filled, filled, until the age
    exceeds `max_age` bars (`stale_at`) or a close passes the far edge (`invalid_at`, also of a stale block).
    """
    blocks = np.empty(breaks.size, BLOCK_DTYPE)
    keys, rows = np.empty((2, breaks.size)), np.empty((2, breaks.size), np.int64)     # standing blocks by far edge, longs first
    sizes, row, young = np.zeros(2, np.int64), ZERO, ZERO                             # young: the first block that is not stale
    for t in range(close.size):
        while young < row and t - blocks[young].known_at > max_age:
            if blocks[young].invalid_at == NEVER:
                blocks[young].stale_at = t
            young += 1
        for i in range(young, row):
            if blocks[i].invalid_at == NEVER:
                reach_into(blocks[i], low[t] if blocks[i].dir > 0 else high[t], t)
        for side in range(2):
            toward = -close[t] if side == 0 else close[t]
            while sizes[side] > 0 and gt(toward, keys[side, 0]):
                blocks[rows[side, 0]].invalid_at = t
                sizes[side] = heap_pop(keys[side], rows[side], sizes[side])
        while row < breaks.size and breaks[row].t == t:
            d = breaks[row].dir
            idx, top, bottom = find_block(open_, high, low, close, t, d, breaks[row].pivot_idx, breaks[row].first_displacement, max_back)
            put_block(blocks[row], row, d, idx, t, top, bottom)
            side, key = (0, -bottom) if d > 0 else (1, top)
            if key == key:
                sizes[side] = heap_push(keys[side], rows[side], sizes[side], key, row)
            row += 1
    return blocks
