"""How an open position is run, one completed base bar at a time.  Prices as traded; whatever moves a stop acts from the next bar."""

import numpy as np

from pse.kernels.compiled import shared
from pse.kernels.contract import REFUSED
from pse.kernels.sizing import lots_down
from pse.kernels.targets import EPS, GRADE, SCORE, round_stop

MOST_SIDE = 5                    # bars on each side of a swing, at most: 2 of minutes, 5 of days
NEWEST = 2 * MOST_SIDE           # place of the newest bar in a symbol's window
LAST_BARS = 3                    # completed base bars that a close trail stands behind
TRAIL_CHANDELIER, TRAIL_FIXED = 1, 2
WORST_GRADE = 1                  # C: not traded; 0 has no grade


@shared
def excursion(direction, entry, high, low, close, entered_inside):
    """(favourable, adverse) points of one bar, each at least 0.

    entered_inside: the entry filled after the bar's open, so of the favourable side only the close is known to come later.
    """
    best, worst = (high, low) if direction > 0 else (low, high)
    if entered_inside:
        best = close
    return max(0.0, direction * (best - entry)), max(0.0, direction * (entry - worst))


@shared
def breakeven_stop(direction, entry, stop, risk_points, favourable, at_r, plus_ticks, tick):
    """The stop after a bar with this favourable excursion: entry plus ticks once `at_r` is reached, never looser than `stop`."""
    if favourable < at_r * risk_points - EPS:
        return stop
    moved = round_stop(entry + direction * plus_ticks * tick, direction, tick)
    return moved if direction * (moved - stop) > EPS else stop


@shared
def trail_stop(direction, stop, swing, buffer, tick):
    """The stop `buffer` points behind a price, a swing or an extreme (NaN: none yet), never looser than `stop`."""
    if swing != swing or buffer != buffer:
        return stop
    moved = round_stop(swing - direction * buffer, direction, tick)
    return moved if direction * (moved - stop) > EPS else stop


@shared
def fixed_distance(best, ticks, percent, tick):
    """Points that a trailing stop keeps behind the best price: so many ticks, or where those are none a share of the price."""
    return ticks * tick if ticks > 0.0 else 0.01 * percent * best


@shared
def extended(direction, best, high, low, close, entered_inside):
    """The best price since entry after a bar; of a bar in which the entry filled after the open only the close is known to come later."""
    reach = close if entered_inside else high if direction > 0 else low
    return reach if direction * (reach - best) > 0.0 else best


@shared
def last_extreme(direction, symbol):
    """The lowest low (for longs; highest high for shorts) of the last three base bars of the contract, NaN before there are three."""
    if symbol.seen < LAST_BARS:
        return np.nan
    found = symbol.low[NEWEST] if direction > 0 else symbol.high[NEWEST]
    for i in range(NEWEST + 1 - LAST_BARS, NEWEST):
        found = min(found, symbol.low[i]) if direction > 0 else max(found, symbol.high[i])
    return found


@shared
def partial_quantity(quantity, fraction, lot):
    """What comes off at the first target: all of a single lot, else the floored share, at least one lot."""
    if quantity < 2.0 * lot - EPS:
        return quantity
    return max(lot, lots_down(quantity * fraction, lot))


@shared
def is_same_idea(tactic, direction, group, event_bar, row):
    """Whether a later find of a tactic is the idea of a plan again: of its group, or where that is none of the same event."""
    if row.tactic != tactic or row.direction != direction:
        return False
    return row.group == group if group >= 0 else row.group == group and row.event_bar == event_bar and event_bar > 0


@shared
def falls_short(row, min_confidence):
    """Whether a find would not be traded for its score: confidence under the least, grade under B, or its tactic refused it for one of them."""
    return row.confidence < min_confidence or row.grade == WORST_GRADE or (row.kind == REFUSED and (row.refusal == GRADE or row.refusal == SCORE))


@shared
def is_stale(decision_bars, favourable, risk_points, after_bars, least_r):
    """Whether a position has had its time without going anywhere."""
    return decision_bars >= after_bars and favourable < least_r * risk_points - EPS


@shared
def push_bar(symbol, high, low, side):
    """Takes a base bar into the symbol's window and keeps the swings (`side` bars before and after, 1 to MOST_SIDE) that it confirms.

    The newest bar stands at the end; of the window only the last 2 * side + 1 places are used.  Of equal prices the first is the swing.
    """
    first, middle = NEWEST - 2 * side, NEWEST - side
    for i in range(first, NEWEST):
        symbol.high[i] = symbol.high[i + 1]
        symbol.low[i] = symbol.low[i + 1]
    symbol.high[NEWEST] = high
    symbol.low[NEWEST] = low
    symbol.seen += 1
    if symbol.seen <= 2 * side:
        return
    top_price, bottom_price = symbol.high[middle], symbol.low[middle]
    top, bottom = True, True
    for i in range(first, middle):
        top = top and top_price > symbol.high[i]
        bottom = bottom and bottom_price < symbol.low[i]
    for i in range(middle + 1, NEWEST + 1):
        top = top and top_price >= symbol.high[i]
        bottom = bottom and bottom_price <= symbol.low[i]
    if top:
        symbol.swing_high = top_price
    if bottom:
        symbol.swing_low = bottom_price


@shared
def forget_bars(symbol):
    """Starts the window again: the bars of another contract are another price scale."""
    symbol.seen = 0
    symbol.swing_high = np.nan
    symbol.swing_low = np.nan
