"""Fills of one bar from the table of fill rules, one sentence a branch.  A bar is (open, high, low, close, volume)."""

import math

from .targets import on_grid


def market(price, side, slip, tick):
    """A market fill: `slip` points against the side that trades, on the grid, rounded against it too."""
    return on_grid(price + side * slip, tick, up=side > 0)


def entry(kind, d, limit, stop, bar, tick, through, slip):
    """(kind of fill, price) of an entry order in this bar, or None.  `through` in points."""
    open_, high, low = bar[:3]
    if kind == "MARKET":
        return "MARKET", market(open_, d, slip, tick)
    if at_or_below(d * open_, d * stop):
        return "GAP", open_
    if at_or_below(d * open_, d * limit - through):
        return "OPEN", limit
    if at_or_below(d * (low if d > 0 else high), d * limit - through):
        return "LIMIT", limit
    return None


def at_or_below(a, b):
    return a <= b + 1e-9


def stopped(d, stop, bar):
    """Whether the bar trades at the stop."""
    return at_or_below(d * (bar[2] if d > 0 else bar[1]), d * stop)


def stop_price(d, stop, bar, tick, slip):
    worse = min(d * stop, d * bar[0]) * d
    return market(worse, -d, slip, tick)


def reached(d, target, price, through):
    """Whether a price stands at least `through` points beyond a target; no target is never reached."""
    return not math.isnan(target) and at_or_below(d * target + through, d * price)


def taken(rest, volume, share, lot):
    """How much of an entry a bar gives."""
    return rest if math.isnan(volume) else min(rest, max(lot, math.floor(share * volume / lot + 1e-9) * lot))
