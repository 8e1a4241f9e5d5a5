"""Orders at supply and demand zones: when a zone is proposed, at what prices and score, and when a resting order has lost its reason.

Zones are those of `zones.find_zones` on the same bars; their lives are followed again, so that a row at bar t rests on bars <= t only.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from pse.kernels.compiled import hot, inner
from pse.kernels.contract import CANCEL, ENTER, REFUSED
from pse.kernels.rows import NONE, ZERO, ge, gt, with_room
from pse.kernels.targets import NESTED, NO_REJECTION, OK, RR, SCORE, TOO_FAR, round_limit
from pse.kernels.zones import (
    POINTS,
    ZONE_STATE_DTYPE,
    Book,
    alignment_of,
    follow_all,
    freshness_of,
    is_over,
    is_whole,
    odds_points,
    opposing_line,
    reaches,
    resting_entry,
    rho_of,
    start_state,
    strength_of,
    time_of,
    zone_bracket,
)

# Something to tell of a zone at bar t; the factors, points and what they were measured by are those of the close of bar `scored_at`.
OFFER_DTYPE = np.dtype([
    ("t", "i8"), ("zone", "i8"), ("kind", "i8"), ("code", "i8"), ("confirming", "?"), ("touch", "i8"), ("scored_at", "i8"),        # touch -1: none waited for
    ("entry", "f8"), ("stop", "f8"), ("target", "f8"), ("reward_r", "f8"), ("distance", "f8"), ("until", "i8"),
    ("strength", "i8"), ("time", "i8"), ("freshness", "i8"), ("alignment", "i8"), ("points", "f8"), ("rho", "f8"), ("touches", "i8"), ("penetration", "f8"),
])
# What the tactic asks for, one record.
OFFER_RULES_DTYPE = np.dtype([("rest_score", "f8"), ("confirm_score", "f8"), ("confirm_bars", "i8"), ("min_reward_r", "f8"), ("reach_atr", "f8")])
# What was told of a zone: the session of its last look, the code that was told, when its resting order ends, the first bar of a touch that waits for a close.
TOLD_DTYPE = np.dtype([("session", "i8"), ("code", "i8"), ("until", "i8"), ("touch", "i8")])


class Calendar(NamedTuple):
    """When the closes of the bars are decided on, and how long orders of them last; arrays of one length."""

    session: np.ndarray          # int64
    speaks: np.ndarray           # bool: the close can be decided on
    decided_at: np.ndarray       # int64 ns: when
    day_end: np.ndarray          # int64 ns: an order that rests ends here
    next_close: np.ndarray       # int64 ns: one that confirms


@inner
def look_at(row, book, count, at, bars, t, rules):
    """Fills in a zone's resting order and score by what is known at the close of bar t; returns the code of its bracket."""
    zone, state, offset = book.rows[at], book.states[at], bars.offset[t]
    row.t, row.zone, row.scored_at, row.confirming, row.touch = t, at, t, False, NONE
    row.entry = resting_entry(zone, offset, rules.tick)
    opposing = opposing_line(book, count, zone.dir, row.entry, offset)
    code, row.stop, row.target, row.reward_r = zone_bracket(zone, state.best, opposing, row.entry, bars.atr[t], offset, rules)
    row.rho, row.touches, row.penetration = rho_of(zone, state), state.touches, state.penetration
    row.strength, row.time = strength_of(row.rho, zone.gap), time_of(zone.base_last - zone.base_first + 1)
    row.freshness, row.alignment = freshness_of(state.touches, state.penetration), alignment_of(bars.trend[t], zone.dir)
    row.points = odds_points(row.strength, row.time, row.freshness, row.alignment, row.reward_r)
    row.distance = abs(bars.close[t] + offset - row.entry)
    return code


@inner
def resting_code(row, zone, close, atr, code, asked):
    """Whether a zone may have a resting order: OK, why not, or -1 where price has not left it or a touch may still confirm it."""
    score = row.points / POINTS
    if not ge(score, asked.rest_score):
        return -1 if ge(score, asked.confirm_score) else SCORE
    if not gt(zone.dir * (close - zone.proximal), 0.0):
        return -1
    if not ge(asked.reach_atr * atr, row.distance):
        return TOO_FAR
    return code if code != OK else OK if ge(row.reward_r, asked.min_reward_r) else RR


@inner
def confirming_code(row, seen, book, count, at, bars, t, rules, asked):
    """What the close of bar t says of a touch that waits for it: OK or why not with the row filled in, -1 as long as it waits.

    The entry stands at the close that came back out of the zone, with the score of the close before the touch.
    """
    zone, state, offset = book.rows[at], book.states[at], bars.offset[t]
    out = gt(zone.dir * (bars.close[t] - zone.proximal), 0.0)
    if not out and t - seen.touch < asked.confirm_bars:
        return -1
    row.zone, row.scored_at, row.touch = seen.zone, seen.scored_at, seen.touch
    row.strength, row.time, row.freshness, row.alignment, row.points = seen.strength, seen.time, seen.freshness, seen.alignment, seen.points
    row.rho, row.touches, row.penetration = seen.rho, seen.touches, seen.penetration
    row.t, row.confirming, row.distance = t, True, 0.0
    row.entry = round_limit(bars.close[t] + offset, zone.dir, rules.tick)
    opposing = opposing_line(book, count, zone.dir, row.entry, offset)
    code, row.stop, row.target, row.reward_r = zone_bracket(zone, state.best, opposing, row.entry, bars.atr[t], offset, rules)
    if not out:
        return NO_REJECTION
    return code if code != OK else OK if ge(row.reward_r, asked.min_reward_r) else RR


@hot
def note_touches(book, count, told, seen, bars, t, last, rules, asked):
    """Keeps the score of the close before of the zones that bar t is the first to touch, and whether a close out of them will count."""
    high, low = bars.high[t], bars.low[t]
    for k in range(count):
        at = book.active[k]
        if not book.states[at].touching and reaches(book.rows[at], high, low):
            look_at(seen[at], book, count, at, bars, last, rules)
            score = seen[at].points / POINTS
            seen[at].touch = t
            told[at].touch = t if ge(score, asked.confirm_score) and not ge(score, asked.rest_score) else NONE


@inner
def take_back(out, wrote, orders, live, told, book, count, bars, calendar, t, rules, asked):
    """Tells the resting orders that have lost their reason at the close of bar t; returns (rows written, orders left)."""
    kept = 0
    for k in range(live):
        at = orders[k]
        if told[at].until <= calendar.decided_at[t]:
            continue
        row = out[wrote]
        look_at(row, book, count, at, bars, t, rules)
        over = is_over(book.rows[at], t)
        if over or not ge(row.points / POINTS, asked.rest_score):
            row.kind, row.code, row.until = CANCEL, OK if over else SCORE, 0
            told[at].code, told[at].until = row.code, 0
            wrote += 1
        else:
            orders[kept] = at
            kept += 1
    return wrote, kept


@njit(cache=True)
def offer_zones(bars, calendar, zones, rules, asked):
    """What there is to tell of the zones, rows of OFFER_DTYPE in order of t: orders, those refused, and resting orders that have lost their reason.

    bars: ZoneBars, calendar: Calendar, of one length; zones: rows of ZONE_DTYPE found on these bars, their lives are written again; rules: ZONE_RULES_DTYPE,
    asked: OFFER_RULES_DTYPE records.

    A zone is looked at on the bar that confirms it and on the first close of each later session: with `rest_score` it is proposed as an order at its
    proximal line.  A touch of a zone that scored less, but `confirm_score`, at the close before, and the first close out of it within `confirm_bars` bars
    after the touch, is proposed as an order at that close.  A refusal is told again only after something else was told of the zone.
    """
    out, wrote = np.empty(64, OFFER_DTYPE), 0
    book = Book(zones, np.empty(zones.size, ZONE_STATE_DTYPE), np.empty(zones.size, np.int64))
    told, seen, orders = np.empty(zones.size, TOLD_DTYPE), np.empty(zones.size, OFFER_DTYPE), np.empty(zones.size, np.int64)
    standing, live, head, last = 0, 0, 0, 0
    for t in range(bars.close.size):
        if not is_whole(bars, t):
            continue
        note_touches(book, standing, told, seen, bars, t, last, rules, asked)
        standing = follow_all(book, standing, bars, t, rules)
        first_new = head
        while head < zones.size and zones[head].confirmed_at == t:
            start_state(book.states[head], zones[head], bars.high, bars.low, t)
            told[head].session, told[head].code, told[head].until, told[head].touch = NONE, NONE, ZERO, NONE
            if not is_over(zones[head], t):
                book.active[standing] = head
                standing += 1
            head += 1
        last, speaks = t, calendar.speaks[t]
        while out.size < wrote + live + standing + head - first_new:
            out = with_room(out, out.size)
        if speaks:
            wrote, live = take_back(out, wrote, orders, live, told, book, standing, bars, calendar, t, rules, asked)
            for at in range(first_new, head):
                if zones[at].nested_at == t:
                    look_at(out[wrote], book, standing, at, bars, t, rules)
                    out[wrote].kind, out[wrote].code, out[wrote].until = REFUSED, NESTED, 0
                    wrote += 1
        for k in range(standing):
            at = book.active[k]
            row, say, code = out[wrote], told[at], -1
            if say.touch != NONE:
                code = confirming_code(row, seen[at], book, standing, at, bars, t, rules, asked)
                if code != -1:
                    say.touch = NONE
            if not speaks:
                continue
            if code != -1:                                   # one row a zone and bar
                say.session, say.code = calendar.session[t], code
                row.kind, row.code, row.until = ENTER if code == OK else REFUSED, code, calendar.next_close[t]
                wrote += 1
            elif say.session != calendar.session[t]:
                say.session = calendar.session[t]
                code = look_at(row, book, standing, at, bars, t, rules)
                code = resting_code(row, zones[at], bars.close[t], bars.atr[t], code, asked)
                late = calendar.day_end[t] <= calendar.decided_at[t]                 # an order of which nothing would be left
                if code == -1 or (code == OK and late) or (code != OK and code == say.code):
                    continue
                say.code = code
                row.kind, row.code, row.until = ENTER if code == OK else REFUSED, code, calendar.day_end[t]
                wrote += 1
                if code == OK:
                    if say.until <= calendar.decided_at[t]:
                        orders[live] = at
                        live += 1
                    say.until = calendar.day_end[t]
    return out[:wrote].copy()
