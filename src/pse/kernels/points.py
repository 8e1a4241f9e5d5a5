"""Points of interest: the part of each valid gap whose retest counts, as it is known from bar to bar."""

from math import nan

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import NEVER
from pse.kernels.retests import FVG_OB, point_of_interest
from pse.kernels.rows import ZERO, with_room

POINT_DTYPE = np.dtype([
    ("gap", "i8"), ("block", "i8"), ("dir", "i8"), ("kind", "i8"), ("near", "f8"), ("far", "f8"), ("mid_bar", "i8"), ("known_at", "i8"), ("ended_at", "i8"),
])                                                                # block -1: the half of the gap alone


@shared
def joins(gap, block, end, min_overlap):
    """Bar from which a block counts for a gap, NEVER if it does not: both are known, and the block neither stale nor closed through by then."""
    t = max(gap.formed_at, block.known_at)
    if block.dir != gap.dir or t >= end or block.invalid_at <= t or block.stale_at <= t:
        return NEVER
    _, _, kind = point_of_interest(gap.top, gap.bottom, gap.dir, block.top, block.bottom, min_overlap)
    return t if kind == FVG_OB else NEVER


@njit(cache=True)
def points_of_interest(gaps, blocks, bars, block_age, min_overlap, inverse):
    """Rows of POINT_DTYPE gap by gap, inside a gap in order of known_at; a point stands while known_at <= t < ended_at.

    gaps and blocks in order of the bar that made them known, over `bars` bars; blocks older than `block_age` bars are stale.  The newest block that
    overlaps enough makes the point until it is closed through; then an older one, or the near half of the gap.  `inverse`: also of inverse gaps.
    """
    rows, count, first = np.empty(256, POINT_DTYPE), ZERO, ZERO
    for g in range(gaps.size):
        gap = gaps[g]
        if not gap.valid or (gap.inverse and not inverse):
            continue
        end = min(gap.inverted_at, gap.stale_at)
        while first < blocks.size and blocks[first].known_at < gap.formed_at - block_age:
            first += 1
        t = gap.formed_at
        while t < end and t < bars:
            best, following, b = np.int64(-1), end, first
            while b < blocks.size and blocks[b].known_at < end:
                joined = joins(gap, blocks[b], end, min_overlap)
                if joined <= t and blocks[b].invalid_at > t:
                    best = b
                elif t < joined:
                    following = min(following, joined)
                b += 1
            if best >= 0:
                following = min(following, blocks[best].invalid_at)
            rows = with_room(rows, count)
            new = rows[count]
            top, bottom = (blocks[best].top, blocks[best].bottom) if best >= 0 else (nan, nan)
            new.near, new.far, new.kind = point_of_interest(gap.top, gap.bottom, gap.dir, top, bottom, min_overlap)
            new.gap, new.block, new.dir, new.mid_bar, new.known_at, new.ended_at = g, best, gap.dir, gap.mid_bar, t, following
            count += 1
            t = following
    return rows[:count].copy()
