"""Retests of a fair value gap beside a market structure shift: who tags it, and on which bars.

`tag_retests` walks every pair of a shift and a gap over the few bars of its life.  Objects and bars are forward adjusted.
A row at bar t rests on bars <= t only: fields of later life (ended, inverted, stale) are read by comparing them with t.
"""

from math import isnan, nan

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.quality import best_sweep
from pse.kernels.rows import ZERO, with_room
from pse.kernels.targets import EPS, NO_REJECTION, NO_TAG, OK, TOO_DEEP

POI_KINDS = ("FVG_HALF", "FVG_OB")
FVG_HALF, FVG_OB = 0, 1

# What the scan is told, one record; a new value never compiles anything again.
RETEST_DTYPE = np.dtype([
    ("mqs_min", "f8"), ("pair_window", "i8"), ("max_age", "i8"), ("inverse", "?"),
    ("tol_fraction", "f8"), ("tol_atr", "f8"), ("max_fill", "f8"), ("min_overlap", "f8"), ("max_episodes", "i8"),
])

# A tagged bar that met every condition of the pair.
TAG_DTYPE = np.dtype([
    ("t", "i8"), ("dir", "i8"), ("shift", "i8"), ("gap", "i8"), ("block", "i8"), ("episode", "i8"), ("poi_kind", "i8"),     # block -1: none used
    ("near", "f8"), ("far", "f8"), ("tol", "f8"), ("fill", "f8"), ("mqs", "f8"),
])

@shared
def point_of_interest(top, bottom, direction, block_top, block_bottom, min_overlap):
    """The part of a gap whose retest counts: (near, far, kind); near is the edge that a pullback reaches first.

    The overlap with the order block when it is at least `min_overlap` of the gap's width, else the half on the near side.  Block NaN: none.
    """
    upper, lower, kind = bottom, top, FVG_OB                       # no overlap
    if not isnan(block_top):
        upper, lower = min(top, block_top), max(bottom, block_bottom)
    if not (upper > lower and upper - lower >= min_overlap * (top - bottom) - EPS):
        middle = 0.5 * (top + bottom)
        upper, lower = (top, middle) if direction > 0 else (middle, bottom)
        kind = FVG_HALF
    return (upper, lower, kind) if direction > 0 else (lower, upper, kind)


@shared
def retest_code(direction, reach, close, near, far, tol, fill, max_fill):
    """OK when a bar tags the point of interest, is shallow and closes back beyond its far edge; else the first reason why not.

    reach: the bar's low for a long, its high for a short; fill: deepest share of the gap traded since it formed, negative when not reached.
    """
    if not direction * reach <= direction * near + tol + EPS:      # an unknown tolerance tags nothing
        return NO_TAG
    if fill > max_fill + EPS:
        return TOO_DEEP
    if not direction * (close - far) > EPS:
        return NO_REJECTION
    return OK


@shared
def tag_pair(high, low, close, close_raw, atr, mss, gap, block, start, rules, shift_row, gap_row, block_row, tags, found):
    """Appends the tags of one shift and one gap; returns (tags, how many are found then)."""
    d = gap.dir
    front, width = (gap.top if d > 0 else gap.bottom), gap.top - gap.bottom
    last = min(gap.formed_at + rules.max_age, close.size - 1)
    deepest, episode, tagging = -1e300, 0, False
    for t in range(gap.formed_at + 1, last + 1):
        reach = low[t] if d > 0 else high[t]
        deepest = max(deepest, d * (front - reach) / width)
        if gap.inverted_at <= t or gap.stale_at <= t or deepest > rules.max_fill + EPS:
            break                                                  # none of them heals
        if t < start:
            continue
        usable = block_row >= 0 and block.invalid_at >= t
        near, far, kind = point_of_interest(gap.top, gap.bottom, d, block.top if usable else nan, block.bottom if usable else nan,
                                            rules.min_overlap)
        tol = min(rules.tol_fraction * close_raw[t], rules.tol_atr * atr[t]) if not isnan(atr[t]) else nan
        code = retest_code(d, reach, close[t], near, far, tol, deepest, rules.max_fill)
        if code != NO_TAG and not tagging:
            episode += 1
        tagging = code != NO_TAG
        if episode > rules.max_episodes:
            break
        if code == OK:
            tags = with_room(tags, found)
            row = tags[found]
            row.t, row.dir, row.shift, row.gap, row.block, row.episode = t, d, shift_row, gap_row, block_row if kind == FVG_OB else -1, episode
            row.poi_kind, row.near, row.far, row.tol, row.fill, row.mqs = kind, near, far, tol, deepest, mss.mqs_next
            found += 1
    return tags, found


@njit(cache=True)
def tag_retests(high, low, close, close_raw, atr, breaks, gaps, blocks, block_row, rules):
    """All tags of all pairs of a shift and a valid gap of its direction at most `pair_window` bars apart, pair by pair.

    high, low, close: float64[n] forward adjusted; close_raw: as traded; atr: points.  breaks, gaps: ordered by bar.  blocks: at least one row (any
    row stands in for none).  rules: RETEST_DTYPE record.  Returns rows of TAG_DTYPE.
    """
    tags, found, first = np.empty(128, TAG_DTYPE), ZERO, 0
    for i in range(breaks.size):
        mss = breaks[i]
        while first < gaps.size and gaps[first].formed_at < mss.t - rules.pair_window:
            first += 1
        if not (mss.mss and mss.mqs_next >= rules.mqs_min - EPS):  # its score from the bar after it on, which is where a retest begins
            continue
        j = first
        while j < gaps.size and gaps[j].formed_at <= mss.t + rules.pair_window:
            gap = gaps[j]
            if gap.dir == mss.dir and gap.valid and (rules.inverse or not gap.inverse):
                b = block_row[i]
                start = max(gap.formed_at, mss.t) + 1              # a gap may precede its shift, a retest may not
                tags, found = tag_pair(high, low, close, close_raw, atr, mss, gap, blocks[max(b, 0)], start, rules, i, j, b, tags, found)
            j += 1
    return tags[:found].copy()


@njit(cache=True)
def sweeps_before(tags, breaks, gaps, sweeps, window):
    """Row of the sweep that each tag's gap came after, int64[tags.size], -1 for none.

    The best one of the tag's direction confirmed in the `window` bars up to the shift and not after the gap; first on ties.  sweeps: by confirmation.
    """
    rows = np.empty(tags.size, np.int64)
    for i in range(tags.size):
        t = breaks[tags[i].shift].t
        last = min(t, gaps[tags[i].gap].formed_at)
        past, end = ZERO, np.int64(sweeps.size)
        while past < end:                                          # how many were confirmed by then
            middle = (past + end) // 2
            if sweeps[middle].confirmed_at <= last:
                past = middle + 1
            else:
                end = middle
        rows[i] = best_sweep(sweeps, past, t, tags[i].dir, window)
    return rows
