"""Fills of one bar from the table of fill rules, one sentence a branch.  A bar is (open, high, low, close, volume); rules are a dict of the policy's words."""

import math

from .targets import on_grid

CONSERVATIVE = {"through_ticks": 1, "target_through_ticks": 1, "improves": 0, "gap_at_limit": 0, "target_first": 0, "entry_bar_target": 1, "entry_bar_stop": 1}


def market(price, side, slip, tick):
    """A market fill: `slip` points against the side that trades, on the grid, rounded against it too."""
    return on_grid(price + side * slip, tick, up=side > 0)


def beyond(d, price, limit, through):
    """Whether a price lies that far on the paying side of a limit: below a buyer's, above a seller's."""
    return at_or_below(d * price, d * limit - through)


def resting(d, limit, stop, bar, through, rules):
    """A limit in the book against a bar."""
    open_, high, low = bar[:3]
    if at_or_below(d * open_, d * stop):
        return "GAP", limit if rules["gap_at_limit"] else open_
    if beyond(d, open_, limit, through):
        return "OPEN", open_ if rules["improves"] else limit
    return ("LIMIT", limit) if beyond(d, low if d > 0 else high, limit, through) else None


def entry(kind, d, price, limit, stop, bar, tick, rules, slip):
    """(kind of fill, price) of an entry order in this bar, or None."""
    open_, high, low = bar[:3]
    through = rules["through_ticks"] * tick
    if kind == "MARKET":
        return "MARKET", market(open_, d, slip, tick)
    if kind == "LIMIT":
        return resting(d, price, stop, bar, through, rules)
    best_first = [open_, high if d > 0 else low]                     # a trigger is reached at the open or on the way to the far end
    if not any(at_or_below(d * price, d * seen) for seen in best_first):
        return None
    at_open = at_or_below(d * price, d * open_)
    fires = open_ if at_open else price
    paid, how = market(fires, d, slip, tick), "OPEN" if at_open else "STOP"
    if kind == "STOP":
        return how, paid
    if at_or_below(d * fires, d * limit):                            # a limit order that the market takes at once
        return how, d * min(d * paid, d * limit)
    return ("LIMIT", limit) if beyond(d, low if d > 0 else high, limit, through) else None


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


def leave(d, stop, target, bar, tick, rules, slip, fresh="", inside=False):
    """(leg, price) of a bracket in this bar, or None.

    fresh: kind of the entry fill in this bar, then the open decides nothing; inside: that a stop entry fired after the open.
    """
    open_, high, low, close = bar[:4]
    through = rules["target_through_ticks"] * tick
    if not fresh and at_or_below(d * open_, d * stop):
        return "STOP", market(open_, -d, slip, tick)
    if not fresh and reached(d, target, open_, through):
        return "TARGET", open_ if rules["improves"] else target
    hit = reached(d, target, high if d > 0 else low, through) and target_counts(fresh, rules)
    worst = close if inside and not rules["entry_bar_stop"] else low if d > 0 else high
    lost = at_or_below(d * worst, d * stop)
    if hit and lost:
        hit, lost = rules["target_first"], not rules["target_first"]
    return ("STOP", stop_price(d, stop, bar, tick, slip)) if lost else ("TARGET", target) if hit else None


def target_counts(fresh, rules):
    return not fresh or rules["entry_bar_target"] == 2 or (rules["entry_bar_target"] == 1 and fresh != "LIMIT")


def taken(rest, volume, share, lot):
    """How much of an entry a bar gives."""
    return rest if math.isnan(volume) else min(rest, max(lot, math.floor(share * volume / lot + 1e-9) * lot))


def slippage(model, tick, spread, atr, quantity, volume, factor):
    """Points against a market or stop fill.  model: ticks, spread_share, volatility_share, impact."""
    size = 1.0 if math.isnan(volume) or volume < quantity else quantity / volume
    fixed = model["spread_share"] * spread if model["spread_share"] and spread > 0 else model["ticks"] * tick
    moved = 0.0 if math.isnan(atr) else model["volatility_share"] * atr + model["impact"] * atr * math.sqrt(size)
    return (fixed + moved) * factor


def fee(fills, point_value, rates):
    """Fee of an order of (quantity, price) fills.  rates: unit, points, least, most (0 none), most_points (0 none)."""
    value = sum(quantity * price * point_value for quantity, price in fills)
    cost = max(sum(quantity for quantity, _ in fills) * rates["unit"] + rates["points"] / 10_000 * value, rates["least"])
    for most in (rates["most"], rates["most_points"] / 10_000 * value):
        cost = min(cost, most) if most else cost
    return cost
