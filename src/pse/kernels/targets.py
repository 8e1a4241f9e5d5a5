"""Where a trade's prices may stand: the tick grid, the stop check and the choice of a target among levels.

All prices here are as traded (raw points).  `direction` is +1 long, -1 short.  Codes index `CODES`.
"""

from math import exp, inf, isnan, nan

import numpy as np

from pse.kernels.compiled import shared

EPS = 1e-9                       # comparisons of decimals and ticks that floats cannot hold exactly

CODES = ("OK", "CONTEXT", "NO_TAG", "TOO_DEEP", "NO_REJECTION", "MIN_BARS_BETWEEN", "SL_CAP", "STOP_WRONG_SIDE", "TP_BLOCKED", "NO_TP", "RR", "GRADE",
         "MID_FILLED", "WEAK_REACTION", "NO_PULLBACK", "NO_BREAKOUT", "NO_MICRO_FVG", "NOT_CHOSEN", "SCORE", "TOO_FAR", "NESTED", "OTHER_ZONE")
(OK, CONTEXT, NO_TAG, TOO_DEEP, NO_REJECTION, MIN_BARS_BETWEEN, SL_CAP, STOP_WRONG_SIDE, TP_BLOCKED, NO_TP, RR, GRADE,
 MID_FILLED, WEAK_REACTION, NO_PULLBACK, NO_BREAKOUT, NO_MICRO_FVG, NOT_CHOSEN, SCORE, TOO_FAR, NESTED, OTHER_ZONE) = range(len(CODES))

NO_LEVEL = -1                    # the target is a plain multiple of the risk, no level stands behind it


@shared
def round_down(price, tick):
    """The grid price at or below `price`; a price within 1e-9 ticks under a grid price counts as on it.  NaN stays."""
    return np.floor(price / tick + EPS) * tick


@shared
def round_up(price, tick):
    """The grid price at or above `price`; a price within 1e-9 ticks over a grid price counts as on it.  NaN stays."""
    return np.ceil(price / tick - EPS) * tick


@shared
def round_stop(price, direction, tick):
    """A stop on the grid, away from the market: long down, short up."""
    return round_down(price, tick) if direction > 0 else round_up(price, tick)


@shared
def round_target(price, direction, tick):
    """A target on the grid, toward the entry: long down, short up."""
    return round_down(price, tick) if direction > 0 else round_up(price, tick)


@shared
def round_limit(price, direction, tick):
    """A limit entry on the grid, toward the market: long up, short down."""
    return round_up(price, tick) if direction > 0 else round_down(price, tick)


@shared
def stop_check(entry, stop, direction, tick, atr, cap_points, min_ticks=4.0, min_atr=0.25, cap_atr=3.0):
    """Checks a stop, widens one that stands inside noise, refuses one that is too far; never clips.

    entry, stop: grid prices; atr: points; cap_points: largest risk allowed, NaN for `cap_atr` times the atr.
    Returns (code, stop, risk_points, cap_points, widened); code OK, STOP_WRONG_SIDE or SL_CAP (cap inclusive).
    """
    cap = cap_atr * atr if isnan(cap_points) else cap_points
    risk = direction * (entry - stop)
    if not risk > EPS:
        return STOP_WRONG_SIDE, stop, risk, cap, False
    least = max(min_ticks * tick, min_atr * atr)
    widened = risk < least - EPS
    if widened:
        stop = round_stop(entry - direction * least, direction, tick)
        risk = direction * (entry - stop)
    code = OK if risk <= cap + EPS else SL_CAP         # an unknown cap refuses
    return code, stop, risk, cap, widened


@shared
def nearest_block(entry, risk, direction, levels, priorities, block_r, block_priority):
    """Row of the nearest level of priority >= `block_priority` closer than `block_r` times the risk, else -1."""
    found, nearest = -1, block_r - EPS
    for i in range(levels.size):
        distance_r = direction * (levels[i] - entry) / risk
        if priorities[i] >= block_priority - EPS and EPS < distance_r < nearest:
            found, nearest = i, distance_r
    return found


@shared
def kernel_tp1(entry, stop, direction, levels, priorities, tick, atr, rr_star=2.0, rr_min=1.5, rr_cap=3.0, block_r=1.0, block_priority=0.8,
               spread_r=0.75, base_priority=0.3, max_atr=6.0):
    """The target of a trade: the level, or the plain multiple of risk, of highest weight.

    levels, priorities: float64[k], un-swept prices on either side, any order; atr: points, NaN for no limit of distance.  A candidate stands one
    tick before its level; weight = priority * exp(-((rr - rr_star) / spread_r)^2 / 2), ties go to the nearer, then to the first row.
    `block_r` 0 switches the blocking rule off (second targets).
    Returns (code, price, rr, level row or NO_LEVEL, weight, blocking row or -1); code OK, TP_BLOCKED (rr is then the distance of the blocking
    level) or NO_TP (price NaN).
    """
    risk = direction * (entry - stop)
    blocker = nearest_block(entry, risk, direction, levels, priorities, block_r, block_priority)
    if blocker >= 0:
        return TP_BLOCKED, nan, direction * (levels[blocker] - entry) / risk, NO_LEVEL, 0.0, blocker

    reach = inf if isnan(atr) else max_atr * atr
    best_price, best_rr, best_row, best_weight = nan, nan, NO_LEVEL, -1.0
    for i in range(-1, levels.size):                   # the plain multiple of risk comes first, as row -1
        if i < 0:
            price, priority = entry + direction * min(rr_star, reach / risk) * risk, base_priority
        else:
            price, priority = levels[i] - direction * tick, priorities[i]
        price = round_target(price, direction, tick)
        rr = direction * (price - entry) / risk
        if rr_min - EPS <= rr <= rr_cap + EPS and rr * risk <= reach + EPS:
            weight = priority * exp(-0.5 * ((rr - rr_star) / spread_r) ** 2)
            if weight > best_weight or (weight == best_weight and rr < best_rr):
                best_price, best_rr, best_row, best_weight = price, rr, i, weight
    if best_weight < 0.0:
        return NO_TP, best_price, best_rr, NO_LEVEL, 0.0, -1
    return OK, best_price, best_rr, best_row, best_weight, -1
