"""Retests of a fair value gap beside a market structure shift: who tags it, on which bars, and what the trade would be.

Two passes.  `tag_retests` walks every pair of a shift and a gap over the few bars of its life; `price_retests` goes through what was found in
order of time, with the levels known at each bar.  Objects and bars are forward adjusted, `offset` takes a price back to what was traded.
A row at bar t rests on bars <= t only: fields of later life (ended, inverted, stale) are read by comparing them with t.
"""

from math import isnan, nan

import numpy as np
from numba import njit

from pse.kernels.codes import TCC_HIGH, TCC_LOW, TCC_MEDIUM
from pse.kernels.compiled import shared
from pse.kernels.contract import NEVER
from pse.kernels.targets import (
    CONTEXT,
    EPS,
    MIN_BARS_BETWEEN,
    NO_LEVEL,
    NO_REJECTION,
    NO_TAG,
    OK,
    TOO_DEEP,
    kernel_tp1,
    round_limit,
    round_stop,
    stop_check,
)

POI_KINDS = ("FVG_HALF", "FVG_OB")
FVG_HALF, FVG_OB = 0, 1

# What the scan is told, one record; a new value never compiles anything again.
RULES_DTYPE = np.dtype([
    ("tick", "f8"), ("cap_points", "f8"),                                                    # cap NaN: cap_atr times the atr
    ("mqs_min", "f8"), ("pair_window", "i8"), ("max_age", "i8"), ("inverse", "?"),
    ("tol_fraction", "f8"), ("tol_atr", "f8"), ("max_fill", "f8"), ("min_overlap", "f8"), ("max_episodes", "i8"), ("min_bars_between", "i8"),
    ("buffer_ticks", "f8"), ("buffer_atr", "f8"), ("min_stop_ticks", "f8"), ("min_stop_atr", "f8"), ("cap_atr", "f8"),
    ("rr_star_none", "f8"), ("rr_star_low", "f8"), ("rr_star_medium", "f8"), ("rr_star_high", "f8"),
    ("rr_min", "f8"), ("rr_cap", "f8"), ("rr_block", "f8"), ("block_priority", "f8"), ("rr_spread", "f8"), ("base_priority", "f8"),
    ("target_max_atr", "f8"), ("second_min_step", "f8"), ("second_star_step", "f8"), ("second_cap", "f8"),
])

# A tagged bar that met every condition of the pair.
TAG_DTYPE = np.dtype([
    ("t", "i8"), ("dir", "i8"), ("shift", "i8"), ("gap", "i8"), ("block", "i8"), ("episode", "i8"), ("poi_kind", "i8"),     # block -1: none used
    ("near", "f8"), ("far", "f8"), ("tol", "f8"), ("fill", "f8"), ("mqs", "f8"),
])

# The same bar as a trade, or with the code that refused it; prices as traded.
FIND_DTYPE = np.dtype([
    ("tag", "i8"), ("code", "i8"), ("buffer", "f8"), ("entry", "f8"), ("stop", "f8"), ("risk", "f8"), ("cap", "f8"), ("widened", "?"),
    ("target", "f8"), ("rr", "f8"), ("level", "i8"), ("weight", "f8"), ("blocker", "i8"), ("target2", "f8"), ("rr2", "f8"), ("level2", "i8"),
    ("rr_star", "f8"),
])

# Prices a target may stand before: rows in order of `known_at`, alive while known_at <= t < ended_at; side 0 for both directions.
TARGET_LEVEL_DTYPE = np.dtype([("price", "f8"), ("priority", "f8"), ("known_at", "i8"), ("ended_at", "i8"), ("side", "i8")])


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


@njit(cache=True)
def block_rows(n_breaks, blocks):
    """Row of the order block of each break, -1 where there is none, int64[n_breaks]."""
    rows = np.full(n_breaks, -1, np.int64)
    for i in range(blocks.size):
        rows[blocks[i].break_row] = i
    return rows


@shared
def tag_pair(high, low, close, close_raw, atr, mss, gap, block, start, rules, shift_row, gap_row, block_row, tags, found):
    """Writes the tags of one shift and one gap from `found` on (an empty `tags` only counts); returns how many are found then."""
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
            if tags.size:
                row = tags[found]
                row.t, row.dir, row.shift, row.gap, row.block, row.episode = t, d, shift_row, gap_row, block_row if kind == FVG_OB else -1, episode
                row.poi_kind, row.near, row.far, row.tol, row.fill, row.mqs = kind, near, far, tol, deepest, mss.mqs_next
            found += 1
    return found


@njit(cache=True)
def tag_retests(high, low, close, close_raw, atr, breaks, gaps, blocks, block_row, rules, tags):
    """All tags of all pairs of a shift and a valid gap of its direction at most `pair_window` bars apart, pair by pair.

    high, low, close: float64[n] forward adjusted; close_raw: as traded; atr: points.  breaks, gaps: ordered by bar.  blocks: at least one row (any
    row stands in for none).  rules: RULES_DTYPE record.  tags: TAG_DTYPE[m]; with m = 0 nothing is written.  Returns how many tags there are.
    """
    found, first = 0, 0
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
                found = tag_pair(high, low, close, close_raw, atr, mss, gap, blocks[max(b, 0)], start, rules, i, j, b, tags, found)
            j += 1
    return found


@shared
def levels_alive(levels, active, count, head, t):
    """Keeps `active[:count]` the rows of `levels` alive at t, in row order; returns (count, head); head: first row not yet looked at."""
    kept = 0
    for i in range(count):
        if levels[active[i]].ended_at > t:
            active[kept] = active[i]
            kept += 1
    while head < levels.size and levels[head].known_at <= t:
        if levels[head].ended_at > t:
            active[kept] = head
            kept += 1
        head += 1
    return kept, head


@shared
def levels_beyond(levels, active, count, entry, direction, offset, price, priority, row):
    """Copies what lies beyond `entry` in `direction` into price, priority and row; prices as traded.  Returns how many."""
    k = 0
    for i in range(count):
        level = levels[active[i]]
        traded = level.price + offset
        if direction * (traded - entry) > EPS and level.side * direction >= 0:
            price[k], priority[k], row[k] = traded, level.priority, active[i]
            k += 1
    return k


@shared
def favoured_reward(tcc, tcc_dir, direction, rules):
    """The first target in R that trend conviction favours; a conviction of the other direction, or an unknown one, counts as none."""
    if tcc_dir != direction:
        return rules.rr_star_none
    if tcc == TCC_HIGH:
        return rules.rr_star_high
    if tcc == TCC_MEDIUM:
        return rules.rr_star_medium
    return rules.rr_star_low if tcc == TCC_LOW else rules.rr_star_none


@shared
def price_retest(find, d, gap_edge, atr, rules, price, priority, row):
    """Fills one find: entry, checked stop, both targets over the given levels; leaves the code."""
    tick = rules.tick
    find.code, find.stop, find.risk, find.cap, find.widened = stop_check(
        find.entry, round_stop(gap_edge - d * find.buffer, d, tick), d, tick, atr, rules.cap_points, rules.min_stop_ticks, rules.min_stop_atr,
        rules.cap_atr)
    if find.code != OK:
        return
    find.code, find.target, find.rr, at, find.weight, blocker = kernel_tp1(
        find.entry, find.stop, d, price, priority, tick, atr, find.rr_star, rules.rr_min, rules.rr_cap, rules.rr_block, rules.block_priority,
        rules.rr_spread, rules.base_priority, rules.target_max_atr)
    find.level = row[at] if at >= 0 else NO_LEVEL
    find.blocker = row[blocker] if blocker >= 0 else -1
    if find.code != OK:
        return
    _, find.target2, find.rr2, at, _, _ = kernel_tp1(
        find.entry, find.stop, d, price, priority, tick, atr, find.rr + rules.second_star_step, find.rr + rules.second_min_step, rules.second_cap,
        0.0, rules.block_priority, rules.rr_spread, rules.base_priority, rules.target_max_atr)
    find.level2 = row[at] if at >= 0 else NO_LEVEL


@njit(cache=True)
def price_retests(tags, gaps, levels, offset, close_raw, atr, tcc, tcc_dir, rules, finds):
    """Turns tags into trades or refusals, in order of time.

    tags: sorted by t, best first inside a bar; levels: TARGET_LEVEL_DTYPE; offset, close_raw, atr: float64[n]; tcc (code), tcc_dir:
    int64[n].  finds: FIND_DTYPE[tags.size], written.  A find against a trend of high conviction is refused as CONTEXT.
    A find of one direction within `min_bars_between` bars of the last OK one of that direction is refused as MIN_BARS_BETWEEN.
    """
    active, row = np.empty(levels.size, np.int64), np.empty(levels.size, np.int64)
    price, priority = np.empty(levels.size), np.empty(levels.size)
    count, head, last_long, last_short = 0, 0, -NEVER, -NEVER
    for i in range(tags.size):
        tag, find = tags[i], finds[i]
        t, d = tag.t, tag.dir
        gap = gaps[tag.gap]
        find.tag, find.entry = i, round_limit(close_raw[t], d, rules.tick)
        find.buffer = max(rules.buffer_ticks * rules.tick, rules.buffer_atr * atr[t])
        find.stop, find.risk, find.cap, find.target, find.rr, find.target2, find.rr2 = nan, nan, nan, nan, nan, nan, nan
        find.level, find.level2, find.blocker, find.weight, find.widened = NO_LEVEL, NO_LEVEL, -1, 0.0, False
        find.rr_star = favoured_reward(tcc[t], tcc_dir[t], d, rules)
        if tcc[t] == TCC_HIGH and tcc_dir[t] == -d:
            find.code = CONTEXT
            continue
        if t - (last_long if d > 0 else last_short) < rules.min_bars_between:
            find.code = MIN_BARS_BETWEEN
            continue
        count, head = levels_alive(levels, active, count, head, t)
        k = levels_beyond(levels, active, count, find.entry, d, offset[t], price, priority, row)
        edge = (gap.bottom if d > 0 else gap.top) + offset[t]
        price_retest(find, d, edge, atr[t], rules, price[:k], priority[:k], row[:k])
        if find.code == OK and d > 0:
            last_long = t
        elif find.code == OK:
            last_short = t
