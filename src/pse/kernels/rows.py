"""Small pieces that every object kernel shares: comparisons with the price tolerance, rows that grow, a heap of pending lines."""

import numpy as np

from pse.kernels.compiled import shared

ZERO, NONE, LONG, SHORT = np.int64(0), np.int64(-1), np.int64(1), np.int64(-1)      # typed, so that numba compiles what they are passed to only once
EPS = 1e-9                                        # forward-adjusted prices are sums: equal levels may differ in the last bits


@shared
def ge(a, b):
    """a >= b, the boundary taken in; false with NaN."""
    return a >= b - EPS


@shared
def gt(a, b):
    """a > b by more than the tolerance; false with NaN."""
    return a > b + EPS


@shared
def with_room(rows, count):
    """`rows` while it has a free place at `count`, else a copy with twice the room."""
    if count < rows.size:
        return rows
    wider = np.empty(2 * rows.size, rows.dtype)
    for i in range(count):
        wider[i] = rows[i]
    return wider


@shared
def heap_push(keys, rows, size, key, row):
    """Puts (key, row) into a min-heap that occupies the first `size` places of both arrays; returns the new size."""
    i = size
    while i > 0:
        parent = (i - 1) // 2
        if keys[parent] <= key:
            break
        keys[i], rows[i] = keys[parent], rows[parent]
        i = parent
    keys[i], rows[i] = key, row
    return size + 1


@shared
def heap_pop(keys, rows, size):
    """Takes the least entry out of the heap (the caller has read place 0); returns the new size."""
    size -= 1
    key, row = keys[size], rows[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if key <= keys[child]:
            break
        keys[i], rows[i] = keys[child], rows[child]
        i = child
    keys[i], rows[i] = key, row
    return size
