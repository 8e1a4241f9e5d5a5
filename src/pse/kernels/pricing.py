"""What a find is worth as a trade: the checked stop and both targets over the levels known at its bar, in order of time.

A find says where it would enter and which price its stop stands behind; all else is the same for every tactic.  Prices of finds are as traded, levels
are forward adjusted and `offset` takes them back.  A row at bar t rests on bars <= t only.
"""

from math import nan

import numpy as np
from numba import njit

from pse.kernels.codes import TCC_HIGH, TCC_LOW, TCC_MEDIUM
from pse.kernels.compiled import shared
from pse.kernels.contract import NEVER
from pse.kernels.targets import EPS, MIN_BARS_BETWEEN, NO_LEVEL, OK, kernel_tp1, round_limit, round_stop, stop_check

# What the pricing is told, one record; a new value never compiles anything again.
PRICING_DTYPE = np.dtype([
    ("tick", "f8"), ("cap_points", "f8"),                                                    # cap NaN: cap_atr times the atr
    ("min_bars_between", "i8"), ("min_stop_ticks", "f8"), ("min_stop_atr", "f8"), ("cap_atr", "f8"),
    ("rr_star_none", "f8"), ("rr_star_low", "f8"), ("rr_star_medium", "f8"), ("rr_star_high", "f8"),
    ("rr_min", "f8"), ("rr_cap", "f8"), ("rr_block", "f8"), ("block_priority", "f8"), ("rr_spread", "f8"), ("base_priority", "f8"),
    ("target_max_atr", "f8"), ("second_min_step", "f8"), ("second_star_step", "f8"), ("second_cap", "f8"),
])

# A bar that met the conditions of its tactic; `code` other than OK: the tactic turned it down already.
FIND_DTYPE = np.dtype([("t", "i8"), ("dir", "i8"), ("code", "i8"), ("entry", "f8"), ("edge", "f8"), ("buffer", "f8")])

# The same bar as a trade, or with the code that refused it; prices as traded, on the grid.
BRACKET_DTYPE = np.dtype([
    ("code", "i8"), ("entry", "f8"), ("stop", "f8"), ("risk", "f8"), ("cap", "f8"), ("widened", "?"),
    ("target", "f8"), ("rr", "f8"), ("level", "i8"), ("weight", "f8"), ("blocker", "i8"), ("target2", "f8"), ("rr2", "f8"), ("level2", "i8"),
    ("rr_star", "f8"),
])

# Prices a target may stand before: rows in order of `known_at`, alive while known_at <= t < ended_at; side 0 for both directions.
TARGET_LEVEL_DTYPE = np.dtype([("price", "f8"), ("priority", "f8"), ("known_at", "i8"), ("ended_at", "i8"), ("side", "i8")])


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
def bracket(row_out, d, edge, buffer, atr, rules, price, priority, row):
    """Fills one bracket whose entry stands: checked stop behind `edge`, both targets over the given levels; leaves the code."""
    tick = rules.tick
    row_out.code, row_out.stop, row_out.risk, row_out.cap, row_out.widened = stop_check(
        row_out.entry, round_stop(edge - d * buffer, d, tick), d, tick, atr, rules.cap_points, rules.min_stop_ticks, rules.min_stop_atr, rules.cap_atr)
    if row_out.code != OK:
        return
    row_out.code, row_out.target, row_out.rr, at, row_out.weight, blocker = kernel_tp1(
        row_out.entry, row_out.stop, d, price, priority, tick, atr, row_out.rr_star, rules.rr_min, rules.rr_cap, rules.rr_block, rules.block_priority,
        rules.rr_spread, rules.base_priority, rules.target_max_atr)
    row_out.level = row[at] if at >= 0 else NO_LEVEL
    row_out.blocker = row[blocker] if blocker >= 0 else -1
    if row_out.code != OK:
        return
    _, row_out.target2, row_out.rr2, at, _, _ = kernel_tp1(
        row_out.entry, row_out.stop, d, price, priority, tick, atr, row_out.rr + rules.second_star_step, row_out.rr + rules.second_min_step,
        rules.second_cap, 0.0, rules.block_priority, rules.rr_spread, rules.base_priority, rules.target_max_atr)
    row_out.level2 = row[at] if at >= 0 else NO_LEVEL


@njit(cache=True)
def price_finds(finds, levels, offset, atr, tcc, tcc_dir, rules, brackets):
    """Turns finds into trades or refusals, in order of time.

    finds: FIND_DTYPE sorted by t, best first inside a bar; levels: TARGET_LEVEL_DTYPE; offset, atr: float64[n]; tcc (code), tcc_dir: int64[n];
    rules: PRICING_DTYPE record; brackets: BRACKET_DTYPE[finds.size], written.  A find whose code is not OK keeps it.  A find of one direction within
    `min_bars_between` bars of the last OK one of that direction is refused as MIN_BARS_BETWEEN.
    """
    active, row = np.empty(levels.size, np.int64), np.empty(levels.size, np.int64)
    price, priority = np.empty(levels.size), np.empty(levels.size)
    count, head, last_long, last_short = 0, 0, -NEVER, -NEVER
    for i in range(finds.size):
        find, out = finds[i], brackets[i]
        t, d = find.t, find.dir
        out.entry = round_limit(find.entry, d, rules.tick)
        out.stop, out.risk, out.cap, out.target, out.rr, out.target2, out.rr2 = nan, nan, nan, nan, nan, nan, nan
        out.level, out.level2, out.blocker, out.weight, out.widened = NO_LEVEL, NO_LEVEL, -1, 0.0, False
        out.rr_star = favoured_reward(tcc[t], tcc_dir[t], d, rules)
        out.code = find.code
        if out.code != OK:
            continue
        if t - (last_long if d > 0 else last_short) < rules.min_bars_between:
            out.code = MIN_BARS_BETWEEN
            continue
        count, head = levels_alive(levels, active, count, head, t)
        k = levels_beyond(levels, active, count, out.entry, d, offset[t], price, priority, row)
        bracket(out, d, find.edge, find.buffer, atr[t], rules, price[:k], priority[:k], row[:k])
        if out.code == OK and d > 0:
            last_long = t
        elif out.code == OK:
            last_short = t
