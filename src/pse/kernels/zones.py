"""Supply and demand zones: the base between two strong bars, what becomes of it, its plan and its score out of nine.

Bars and zones are forward adjusted; a plan is in prices as traded, so it takes the offset of its bar.  What stands at bar t rests on bars <= t only.
"""

from math import isnan, nan
from typing import NamedTuple

import numpy as np
from numba import njit

from pse.kernels.codes import ZONE_DBD, ZONE_DBR, ZONE_RBD, ZONE_RBR
from pse.kernels.compiled import hot, inner, shared
from pse.kernels.contract import NEVER
from pse.kernels.rows import EPS, LONG, NONE, SHORT, ZERO, ge, gt
from pse.kernels.targets import OK, round_limit, round_stop, round_target, stop_check
from pse.kernels.wilder import is_valid_bar

# One row a zone in order of confirmed_at; the last five fields are bars of its later life.
ZONE_DTYPE = np.dtype([
    ("pattern", "i8"), ("dir", "i8"), ("leg_in", "i8"), ("base_first", "i8"), ("base_last", "i8"), ("confirmed_at", "i8"),
    ("proximal", "f8"), ("distal", "f8"), ("height", "f8"), ("atr", "f8"), ("gap", "?"), ("score", "f8"),      # atr of the last base bar; score at confirmation
    ("touched_at", "i8"), ("stale_at", "i8"), ("violated_at", "i8"), ("expired_at", "i8"), ("nested_at", "i8"),
])
# What is known of a standing zone by the bar at hand: the farthest price since the leg-out began, the same inside its window, touches and how deep they went.
ZONE_STATE_DTYPE = np.dtype([("best", "f8"), ("reach", "f8"), ("touches", "i8"), ("penetration", "f8"), ("touching", "?")])
# What the search is told, one record; a new value never compiles anything again.
ZONE_RULES_DTYPE = np.dtype([
    ("base_bars", "i8"), ("legout_bars", "i8"), ("legout_heights", "f8"), ("legout_atr", "f8"), ("min_height_ticks", "f8"), ("max_height_atr", "f8"),
    ("body", "f8"), ("range_atr", "f8"), ("max_age", "i8"), ("overlap", "f8"), ("stop_heights", "f8"), ("stop_ticks", "f8"), ("target_ticks", "f8"),
    ("tick", "f8"), ("cap_points", "f8"),                                                    # cap NaN: the stop is not checked
])



class ZoneBars(NamedTuple):
    """What the search reads of the bars: prices forward adjusted; arrays of one length."""

    open: np.ndarray             # float64, points
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    atr: np.ndarray
    atr_before: np.ndarray
    offset: np.ndarray           # from adjusted prices to those as traded
    trend: np.ndarray            # int64 +1, 0, -1


class Book(NamedTuple):
    """Zones with what is known of each, aligned; the first places of `active` hold the rows of those that stand, in their order."""

    rows: np.ndarray             # ZONE_DTYPE
    states: np.ndarray           # ZONE_STATE_DTYPE
    active: np.ndarray           # int64


WORST, MIDDLE, BEST = np.arange(1, 4)            # a factor's code less one is its points, of the time half of them
POINTS = 9.0


# --- the score -------------------------------------------------------------------------------------------------------------------------------


@shared
def strength_of(rho, gap):
    """Factor of the leg-out: Strong from three heights or with a gap, Good from two."""
    return BEST if gap or ge(rho, 3.0) else MIDDLE if ge(rho, 2.0) else WORST


@shared
def time_of(bars):
    """Factor of the base's length: Strong up to three bars, Good up to six."""
    return BEST if bars <= 3 else MIDDLE if bars <= 6 else WORST


@shared
def freshness_of(touches, penetration):
    """Factor of the way back: Fresh without a touch, Tested after one that went no deeper than half the height."""
    return BEST if touches == 0 else MIDDLE if touches == 1 and ge(0.5, penetration) else WORST


@shared
def alignment_of(trend, direction):
    """Factor of the trend: With, Neutral, Against."""
    return MIDDLE if trend == 0 else BEST if trend == direction else WORST


@shared
def odds_points(strength, time, freshness, alignment, reward_r):
    """Points out of nine: 2/1/0 for strength, freshness, trend and a reward of 5 or 3 times the risk; 1/0.5/0 for time."""
    risk = BEST if ge(reward_r, 5.0) else MIDDLE if ge(reward_r, 3.0) else WORST
    return float(strength + freshness + alignment + risk - 4) + 0.5 * (time - 1)


@shared
def zone_bracket(zone, best, opposing, entry, atr, offset, rules):
    """Stop and target of a trade from `entry`, in prices as traded: (code, stop, target, reward in R).

    opposing: proximal line of the nearest zone that stands in the way, as traded, NaN for none: then the target is `best`, the farthest price since the
    leg-out began.  code: OK, or that of the stop check where the instrument caps stops.
    """
    d, tick, code = zone.dir, rules.tick, OK
    stop = round_stop(zone.distal + offset - d * max(rules.stop_ticks * tick, rules.stop_heights * zone.height), d, tick)
    if not isnan(rules.cap_points):
        code, stop, _, _, _ = stop_check(entry, stop, d, tick, atr, rules.cap_points)
    target = round_target(best + offset if isnan(opposing) else opposing - d * rules.target_ticks * tick, d, tick)
    risk = d * (entry - stop)
    return code, stop, target, d * (target - entry) / risk if risk > EPS else nan


@hot
def opposing_line(book, count, direction, entry, offset):
    """Proximal line as traded of the nearest standing zone of the other direction beyond `entry`, NaN for none."""
    found, nearest = nan, np.inf
    for k in range(count):
        zone = book.rows[book.active[k]]
        distance = direction * (zone.proximal + offset - entry)
        if zone.dir != direction and distance > EPS and distance < nearest:
            found, nearest = zone.proximal + offset, distance
    return found


@shared
def resting_entry(zone, offset, tick):
    """Where an order rests at the zone: its proximal line, on the grid toward the market, as traded."""
    return round_limit(zone.proximal + offset, zone.dir, tick)


@shared
def rho_of(zone, state):
    """How far the leg-out went from the proximal line, in heights of the zone."""
    return zone.dir * (state.reach - zone.proximal) / zone.height


@inner
def points_at(book, count, at, bars, t, rules):
    """Points of zone `at` at the close of bar t."""
    zone, state = book.rows[at], book.states[at]
    entry = resting_entry(zone, bars.offset[t], rules.tick)
    opposing = opposing_line(book, count, zone.dir, entry, bars.offset[t])
    _, _, _, reward_r = zone_bracket(zone, state.best, opposing, entry, bars.atr[t], bars.offset[t], rules)
    return odds_points(strength_of(rho_of(zone, state), zone.gap), time_of(zone.base_last - zone.base_first + 1),
                       freshness_of(state.touches, state.penetration), alignment_of(bars.trend[t], zone.dir), reward_r)


# --- the base and its zone -------------------------------------------------------------------------------------------------------------------


@hot
def is_whole(bars, t):
    """Whether all four prices of a bar are there and in order."""
    return is_valid_bar(bars.high[t], bars.low[t], bars.close[t]) and bars.low[t] <= bars.open[t] <= bars.high[t]


@shared
def candle_class(open_, high, low, close, atr_before, min_body, min_range_atr):
    """+1 a strong bar up, -1 one down, 0 everything else: body over the share of the range, range against the one known before."""
    span, body = high - low, close - open_
    strong = span > 0.0 and atr_before > 0.0 and gt(abs(body), min_body * span) and ge(span, min_range_atr * atr_before)
    return (LONG if body > 0.0 else SHORT) if strong else ZERO


@inner
def put_base(new, bars, leg, first, t):
    """Writes the zone of the base first..t-1 between a leg-in of direction `leg` and the leg-out bar t."""
    last = t - 1
    d = LONG if bars.close[t] > bars.open[t] else SHORT
    new.pattern = (ZONE_RBR if leg > 0 else ZONE_DBR) if d > 0 else (ZONE_RBD if leg > 0 else ZONE_DBD)
    new.dir, new.leg_in, new.base_first, new.base_last, new.confirmed_at = d, first - 1, first, last, NEVER
    proximal, distal = -np.inf, np.inf                       # of d times the price
    for u in range(first - 1 if leg != d else first, t + 1):               # a reversal's far line takes the leg-in too
        distal = min(distal, bars.low[u] if d > 0 else -bars.high[u])
    for u in range(first, t):
        proximal = max(proximal, d * bars.open[u], d * bars.close[u])
    new.proximal, new.distal, new.height, new.atr = d * proximal, d * distal, proximal - distal, bars.atr[last]
    new.gap = gt(bars.low[t], bars.high[last]) if d > 0 else gt(bars.low[last], bars.high[t])
    new.score = nan
    new.touched_at, new.stale_at, new.violated_at, new.expired_at, new.nested_at = NEVER, NEVER, NEVER, NEVER, NEVER


@shared
def has_left(zone, close, t, rules):
    """Whether the close of a bar of the leg-out is far enough from the zone to confirm it."""
    gone = zone.dir * (close - zone.proximal)
    return t <= zone.base_last + rules.legout_bars and ge(gone, rules.legout_heights * zone.height) and ge(gone, rules.legout_atr * zone.atr)


@shared
def start_state(state, zone, high, low, t):
    """What is known of a zone at the bar that confirms it; high, low float64[n]."""
    state.touches, state.penetration, state.touching = ZERO, 0.0, False
    best = -np.inf                                           # of d times the price
    for u in range(zone.base_last + 1, t + 1):
        far = high[u] if zone.dir > 0 else -low[u]
        if far > best:
            best = far
    state.best = state.reach = zone.dir * best


# --- its life --------------------------------------------------------------------------------------------------------------------------------


@shared
def reaches(zone, high, low):
    """Whether a bar trades at the proximal line or beyond it."""
    return ge(zone.dir * zone.proximal, low if zone.dir > 0 else -high)


@shared
def follow_zone(zone, state, high, low, close, t, rules):
    """What a whole bar after the confirmation does to a standing zone."""
    d = zone.dir
    if t - zone.confirmed_at > rules.max_age:
        zone.expired_at = t
        return
    far, near = (high, low) if d > 0 else (-low, -high)
    if far > d * state.best:
        state.best = d * far
    if t <= zone.base_last + rules.legout_bars and far > d * state.reach:
        state.reach = d * far
    touching = reaches(zone, high, low)
    if touching:
        if state.touches == 0:
            zone.touched_at = t
        state.touches += 0 if state.touching else 1
        state.penetration = max(state.penetration, (d * zone.proximal - near) / zone.height)
        if zone.stale_at == NEVER and freshness_of(state.touches, state.penetration) == WORST:
            zone.stale_at = t
    state.touching = touching
    if gt(d * zone.distal, d * close):
        zone.violated_at = t


@shared
def is_over(zone, t):
    """Whether the zone's life has ended by bar t."""
    return min(zone.violated_at, zone.expired_at, zone.nested_at) <= t


@hot
def follow_all(book, count, bars, t, rules):
    """Takes the standing zones through a whole bar; returns how many still stand."""
    kept, high, low, close = 0, bars.high[t], bars.low[t], bars.close[t]
    for k in range(count):
        at = book.active[k]
        follow_zone(book.rows[at], book.states[at], high, low, close, t, rules)
        if not is_over(book.rows[at], t):
            book.active[kept] = at
            kept += 1
    return kept


@shared
def overlaps(one, other, share):
    """Whether two zones of a side share more than `share` of the smaller height."""
    if one.dir != other.dir:
        return False
    top = min(max(one.proximal, one.distal), max(other.proximal, other.distal))
    bottom = max(min(one.proximal, one.distal), min(other.proximal, other.distal))
    return gt(top - bottom, share * min(one.height, other.height))


@inner
def settle(book, count, at, bars, t, rules):
    """Takes the newly confirmed zone `at` among the standing ones, in the place of those it overlaps; or marks it as nested.  Returns how many stand."""
    rows, active, new = book.rows, book.active, book.rows[at]
    mine, theirs = points_at(book, count, at, bars, t, rules), -1.0
    new.score = mine / POINTS
    for k in range(count):
        if overlaps(new, rows[active[k]], rules.overlap):
            theirs = max(theirs, points_at(book, count, active[k], bars, t, rules))
    if theirs >= 0.0 and not gt(mine, theirs):
        new.nested_at = t
        return count
    kept = 0
    for k in range(count):
        if overlaps(new, rows[active[k]], rules.overlap):
            rows[active[k]].nested_at = t
        else:
            active[kept] = active[k]
            kept += 1
    active[kept] = at
    return kept + 1


@hot
def nearest_zone(book, count, direction, close):
    """Row of the standing zone of a direction whose proximal line is nearest to the close, of several the newest; -1 for none."""
    found, nearest = NONE, np.inf
    for k in range(count):
        zone = book.rows[book.active[k]]
        distance = abs(close - zone.proximal)
        if zone.dir == direction and distance <= nearest:
            found, nearest = book.active[k], distance
    return found


@njit(cache=True)
def find_zones(bars, rules):
    """Every zone with its life as far as the bars go, and the nearest standing one of each side at each close.

    bars: ZoneBars of length n; rules: ZONE_RULES_DTYPE record.  A base of one to `base_bars` bars lies between two strong ones; an invalid bar ends it.
    Its zone is confirmed by the first close of the `legout_bars` bars after it that has left far enough.  At a bar lives go on first, then zones are
    confirmed, the earlier base first; a new one that overlaps standing ones of its side takes their place if it scores higher than each, else it is nested
    from the start.
    Returns (rows of ZONE_DTYPE in order of confirmed_at; row of the nearest zone at each close int64[2, n], demand and supply, -1 for none; its points
    float64[2, n]).
    """
    n = bars.close.size
    room = n // 2 + 1                                        # a zone has a bar of base and a leg-out of its own
    book = Book(np.empty(room, ZONE_DTYPE), np.empty(room, ZONE_STATE_DTYPE), np.empty(room, np.int64))
    pending = np.empty(rules.legout_bars + 1, ZONE_DTYPE)
    near, points = np.full((2, n), NONE), np.full((2, n), nan)
    count, standing, waiting, leg, since = 0, 0, 0, ZERO, 0
    for t in range(n):
        if not is_whole(bars, t):
            leg = ZERO
            continue
        standing = follow_all(book, standing, bars, t, rules)
        here = candle_class(bars.open[t], bars.high[t], bars.low[t], bars.close[t], bars.atr_before[t], rules.body, rules.range_atr)
        if here == 0:
            since += 1
        else:
            if leg != 0 and 1 <= since <= rules.base_bars:
                new = pending[waiting]
                put_base(new, bars, leg, t - since, t)
                if ge(new.height, rules.min_height_ticks * rules.tick) and ge(rules.max_height_atr * new.atr, new.height):
                    waiting += 1
            leg, since = here, 0
        left = 0
        for k in range(waiting):
            if has_left(pending[k], bars.close[t], t, rules):
                book.rows[count] = pending[k]
                book.rows[count].confirmed_at = t
                start_state(book.states[count], book.rows[count], bars.high, bars.low, t)
                standing = settle(book, standing, count, bars, t, rules)
                count += 1
            elif t < pending[k].base_last + rules.legout_bars:
                pending[left] = pending[k]
                left += 1
        waiting = left
        for side in range(2):
            at = nearest_zone(book, standing, LONG if side == 0 else SHORT, bars.close[t])
            near[side, t] = at
            if at >= 0:
                points[side, t] = points_at(book, standing, at, bars, t, rules)
    return book.rows[:count].copy(), near, points
