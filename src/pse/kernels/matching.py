"""When an order fills and at what price, one bar at a time.  The rules are numbers of the policy, so that another rule compiles nothing.

Prices float64 points as traded; `direction` +1 long, -1 short; `slip` is points against us, half spread included; `rules` a record with the fields of
`RULES`.  By the conservative rules a limit or target needs a trade some ticks beyond it and is filled at its own price, never better, and a stop fills at
the worse of its price and the open.  A bar tells no order of its prices but what follows from them: a limit below the open is passed before anything
below it, a trigger above the open before anything above it.
"""

from math import sqrt

import numpy as np

from pse.kernels.codes import F_GAP, F_LIMIT, F_MARKET, F_OPEN, F_STOP, LEG_STOP, LEG_TARGET1
from pse.kernels.compiled import shared
from pse.kernels.contract import LIMIT, MARKET, STOP, STOP_LIMIT
from pse.kernels.sizing import lots_down
from pse.kernels.targets import EPS, round_down, round_up

NO_FILL = 0
NO_LEG = -1

# What a policy says of fills; each is a number.
RULES = (
    "through_ticks",              # ticks that a bar must trade beyond an entry limit
    "target_through_ticks",       # and beyond a target
    "improves",                   # 1: a limit or target that the open has passed fills at the open, 0: at its own price
    "gap_at_limit",               # of a limit whose bar opens at or beyond its stop: 1 filled at the limit, 0 at that open
    "target_first",               # of a bar that reaches both legs: 1 the target, 0 the stop
    "entry_bar_target",           # in the bar of its entry a target counts: 0 never, 1 where it must have come after, 2 wherever the bar reaches it
    "entry_bar_stop",             # in the bar of its entry a stop counts: 1 wherever the bar reaches it, 0 where it must have come after
)
NEVER_COUNTS, AFTER_COUNTS, REACH_COUNTS = np.arange(3)


@shared
def against(price, side, slip, tick):
    """The price of a market fill on the grid: `slip` points against `side` (+1 buys, -1 sells) and rounded against it."""
    return round_up(price + slip, tick) if side > 0 else round_down(price - slip, tick)


@shared
def passed_by(price, limit, direction, through):
    """Whether a price stands `through` points beyond a limit, on the side where its owner pays less."""
    return direction * (price - limit) <= -through + EPS


@shared
def fired_by(price, trigger, direction):
    """Whether a price stands at or beyond the trigger of a stop entry."""
    return direction * (price - trigger) >= -EPS


@shared
def resting_fill(direction, limit, stop, open_, reach, through, rules):
    """A limit entry that rests in the book: (kind, price).  `reach`: the bar's best price for it."""
    if direction * (open_ - stop) <= EPS:
        return F_GAP, limit if rules.gap_at_limit else open_
    if passed_by(open_, limit, direction, through):
        return F_OPEN, open_ if rules.improves else limit
    if passed_by(reach, limit, direction, through):
        return F_LIMIT, limit
    return NO_FILL, limit


@shared
def entry_fill(order_type, direction, price, limit, stop, open_, high, low, tick, rules, slip):
    """Whether an entry order fills in this bar.

    price: of a LIMIT its limit, of a STOP and of a STOP_LIMIT that has not fired its trigger.  limit: of a STOP_LIMIT, the worst price that it takes.
    stop: the protective stop; a bar that opens at or beyond it fills a resting limit as GAP, which is stopped out at that open.
    Returns (kind, price): NO_FILL; MARKET and OPEN (at the open); LIMIT (a resting limit, later in the bar); STOP (at its firing, later in the bar); GAP.
    """
    if order_type == MARKET:
        return F_MARKET, against(open_, direction, slip, tick)
    through = rules.through_ticks * tick
    below, above = (low, high) if direction > 0 else (high, low)
    if order_type == LIMIT:
        return resting_fill(direction, price, stop, open_, below, through, rules)
    at_open = fired_by(open_, price, direction)
    if not at_open and not fired_by(above, price, direction):
        return NO_FILL, price
    fires = open_ if at_open else price
    paid = against(fires, direction, slip, tick)
    if order_type == STOP:
        return F_OPEN if at_open else F_STOP, paid
    if direction * (limit - fires) >= -EPS:                           # what fires at or inside its limit is bought there, at the limit at worst
        return F_OPEN if at_open else F_STOP, min(paid, limit) if direction > 0 else max(paid, limit)
    return F_LIMIT if passed_by(below, limit, direction, through) else NO_FILL, limit          # the open jumped over it: it rests


@shared
def stop_price(direction, stop, open_, tick, slip):
    """Where a triggered stop fills: the worse of stop and open, then slippage, on the grid."""
    worse = min(stop, open_) if direction > 0 else max(stop, open_)
    return against(worse, -direction, slip, tick)


@shared
def target_counts(kind, rules):
    """Whether a target counts in a bar with an entry fill of this kind (NO_FILL: without one): a limit may be passed after the target was reached."""
    if kind == NO_FILL:
        return True
    if rules.entry_bar_target == AFTER_COUNTS:
        return kind != F_LIMIT
    return rules.entry_bar_target == REACH_COUNTS


@shared
def fires_inside(order_type, fired, direction, trigger, open_):
    """Whether a stop entry that fills in this bar fires after its open.  fired: in an earlier bar."""
    return (order_type == STOP or order_type == STOP_LIMIT) and not fired and not fired_by(open_, trigger, direction)


@shared
def adverse_reach(direction, high, low, close, inside, rules):
    """The worst price that a stop is held against; inside: in a bar in which a stop entry fires after the open, whose worst price may lie before that."""
    if inside and not rules.entry_bar_stop:
        return close
    return low if direction > 0 else high


@shared
def exit_fill(direction, stop, target, open_, favourable, adverse, tick, rules, slip, open_decides):
    """Which leg of a bracket fills in this bar: what the open decides, then the leg that the rules put first.

    target: NaN for none.  favourable, adverse: the bar's best and worst price that count; NaN for none.  open_decides: False in the bar of the entry.
    Returns (leg, price, ambiguous): NO_LEG, LEG_STOP or LEG_TARGET1; ambiguous when the bar reaches both and the open decides nothing.
    """
    through = rules.target_through_ticks * tick
    if open_decides:
        if direction * (open_ - stop) <= EPS:
            return LEG_STOP, against(open_, -direction, slip, tick), False
        if passed_by(open_, target, -direction, through):             # false for NaN
            return LEG_TARGET1, open_ if rules.improves else target, False
    at_target = passed_by(favourable, target, -direction, through)
    at_stop = direction * (adverse - stop) <= EPS
    if at_stop and not (at_target and rules.target_first):
        return LEG_STOP, stop_price(direction, stop, open_, tick, slip), at_target
    if at_target:
        return LEG_TARGET1, target, at_stop
    return NO_LEG, target, False


@shared
def fillable(wanted, volume, share, lot):
    """How much of an entry a bar's volume allows: at least one lot, all of it where the volume is unknown."""
    if volume != volume:
        return wanted
    most = max(lot, lots_down(share * volume, lot))
    return min(wanted, most)


@shared
def participation(quantity, volume):
    """Share of a bar's volume that a fill is, at most 1; 1 where the volume is unknown or nothing was traded."""
    return quantity / max(volume, quantity) if volume == volume else 1.0


@shared
def slippage(ticks, tick, spread_share, spread, volatility_share, impact, atr, share, factor):
    """Points that a market or stop fill pays against us, half the spread included.

    A fixed part: `ticks`, or where `spread_share` is above 0 and a `spread` (points) was quoted that share of it.  To it `volatility_share` of the range
    `atr` (points) and the price of size, impact * atr * sqrt(share): the square-root law (Torre, BARRA Market Impact Model Handbook, 1997; Almgren, Thum,
    Hauptmann and Li, Direct Estimation of Equity Market Impact, 2005, who find an exponent of 0.6), `share` being the fill's part of the bar's volume.
    Unknown ranges count nothing.  `factor` multiplies all of it.
    """
    points = ticks * factor * tick
    if spread_share > 0.0 and spread > 0.0:
        points = spread_share * spread * factor
    if atr > 0.0:
        points += (volatility_share + impact * sqrt(share)) * atr * factor
    return points


@shared
def side_fee(quantity, price, point_value, per_unit, basis_points):
    """What a quantity costs by the unit and by its value, before the least and the most of an order; in the quote currency."""
    return quantity * per_unit + basis_points * 1e-4 * price * quantity * point_value


@shared
def bounded_fee(fee, quantity, value, least, most, most_points):
    """A fee between what an order of `quantity` worth `value` costs at least and at most; `most` and `most_points` 0: no limit.

    least, most: money an order.  most_points: largest fee in 1/10000 of the order's value, which goes before the least.  Nothing for nothing.
    """
    if not quantity > 0.0:
        return 0.0
    fee = max(fee, least)
    if most > 0.0:
        fee = min(fee, most)
    return min(fee, most_points * 1e-4 * value) if most_points > 0.0 else fee
