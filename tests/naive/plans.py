"""How a position is run, from the table of plan rules."""

import math

from .targets import on_grid


def favourable(d, entry, bar, only_close):
    """Points in favour that a completed bar shows; in the bar of a resting fill only its close surely came later."""
    best = bar[3] if only_close else bar[1] if d > 0 else bar[2]
    return max(0.0, d * (best - entry))


def tighter(d, stop, other):
    return other if d * (other - stop) > 1e-9 else stop


def breakeven(d, entry, ticks, tick):
    return on_grid(entry + d * ticks * tick, tick, up=d < 0)


def behind_swing(d, swing, buffer, tick):
    return on_grid(swing - d * buffer, tick, up=d < 0)


def last_swing(bars, d, side=2):
    """The last confirmed swing low (for longs; high for shorts) of (high, low) bars, `side` bars before and after; NaN before the first."""
    price = [d * (low if d > 0 else high) for high, low in bars]
    for i in range(len(price) - 1 - side, side - 1, -1):
        if price[i] < min(price[i - side:i]) and price[i] <= min(price[i + 1:i + 1 + side]):
            return d * price[i]
    return math.nan


def first_target_quantity(quantity, fraction, lot):
    """Half of it, at least one lot; everything below two lots."""
    lots = round(quantity / lot)
    return quantity if lots < 2 else max(1, math.floor(lots * fraction + 1e-9)) * lot


def trailing_distance(best, ticks, percent, tick):
    """A trailing stop's distance: ticks where they are given, else a share of the price that it follows."""
    return ticks * tick if ticks else best * percent / 100
