"""How an open position is run, one completed base bar at a time.  Prices as traded; whatever moves a stop acts from the next bar."""

from math import floor

import numpy as np

from pse.kernels.compiled import shared
from pse.kernels.targets import EPS, round_stop

PIVOT_SIDE = 2                   # bars on each side of a one-minute swing
LAST_BARS = 3                    # completed base bars that a close trail stands behind


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
def extended(direction, best, high, low, close, entered_inside):
    """The best price since entry after a bar; of a bar in which the entry filled after the open only the close is known to come later."""
    reach = close if entered_inside else high if direction > 0 else low
    return reach if direction * (reach - best) > 0.0 else best


@shared
def last_extreme(direction, symbol):
    """The lowest low (for longs; highest high for shorts) of the last three base bars of the contract, NaN before there are three."""
    if symbol.seen < LAST_BARS:
        return np.nan
    n = 2 * PIVOT_SIDE + 1
    found = symbol.low[n - 1] if direction > 0 else symbol.high[n - 1]
    for i in range(n - LAST_BARS, n - 1):
        found = min(found, symbol.low[i]) if direction > 0 else max(found, symbol.high[i])
    return found


@shared
def partial_quantity(quantity, fraction, lot):
    """What comes off at the first target: all of a single lot, else the floored share, at least one lot."""
    if quantity < 2.0 * lot - EPS:
        return quantity
    return max(lot, floor(quantity * fraction / lot + EPS) * lot)


@shared
def is_stale(decision_bars, favourable, risk_points, after_bars, least_r):
    """Whether a position has had its time without going anywhere."""
    return decision_bars >= after_bars and favourable < least_r * risk_points - EPS


@shared
def push_bar(symbol, high, low):
    """Takes a base bar into the symbol's window of five and keeps the swings (two bars on each side) that it confirms."""
    last = 2 * PIVOT_SIDE
    for i in range(last):
        symbol.high[i] = symbol.high[i + 1]
        symbol.low[i] = symbol.low[i + 1]
    symbol.high[last] = high
    symbol.low[last] = low
    symbol.seen += 1
    if symbol.seen <= last:
        return
    middle_high, middle_low = symbol.high[PIVOT_SIDE], symbol.low[PIVOT_SIDE]
    top = middle_high > max(symbol.high[0], symbol.high[1]) and middle_high >= max(symbol.high[3], symbol.high[4])
    bottom = middle_low < min(symbol.low[0], symbol.low[1]) and middle_low <= min(symbol.low[3], symbol.low[4])
    if top:
        symbol.swing_high = middle_high
    if bottom:
        symbol.swing_low = middle_low


@shared
def forget_bars(symbol):
    """Starts the window again: the bars of another contract are another price scale."""
    symbol.seen = 0
    symbol.swing_high = np.nan
    symbol.swing_low = np.nan
