"""When an order fills and at what price, one bar at a time: the conservative rules.

Prices float64 points as traded; `direction` +1 long, -1 short; `slip` is points against us, half spread included.  A limit or target needs a trade
`through` points beyond it and is filled at its own price, never better; a stop fills at the worse of its price and the open.
"""

from math import floor

from pse.kernels.codes import F_GAP, F_LIMIT, F_MARKET, F_OPEN, LEG_STOP, LEG_TARGET1
from pse.kernels.compiled import shared
from pse.kernels.contract import LIMIT, MARKET
from pse.kernels.targets import EPS, round_down, round_up

NO_FILL = 0
NO_LEG = -1


@shared
def against(price, side, slip, tick):
    """The price of a market fill on the grid: `slip` points against `side` (+1 buys, -1 sells) and rounded against it."""
    return round_up(price + slip, tick) if side > 0 else round_down(price - slip, tick)


@shared
def entry_fill(order_type, direction, limit, stop, open_, high, low, tick, through, slip):
    """Whether an entry order fills in this bar.

    limit: limit price, or trigger price of a stop entry.  stop: the protective stop; a bar that opens at or beyond it fills at that open (GAP).
    Returns (kind, price): NO_FILL, MARKET and OPEN (at the open), LIMIT (later in the bar) or GAP.
    """
    if order_type == MARKET:
        return F_MARKET, against(open_, direction, slip, tick)
    if order_type == LIMIT:
        if direction * (open_ - stop) <= EPS:
            return F_GAP, open_
        if direction * (open_ - limit) <= -through + EPS:
            return F_OPEN, limit
        reach = low if direction > 0 else high
        if direction * (reach - limit) <= -through + EPS:
            return F_LIMIT, limit
        return NO_FILL, limit
    if direction * (open_ - limit) >= -EPS:                       # a stop entry that the open has passed
        return F_OPEN, against(open_, direction, slip, tick)
    reach = high if direction > 0 else low
    if direction * (reach - limit) >= -EPS:
        return F_LIMIT, against(limit, direction, slip, tick)
    return NO_FILL, limit


@shared
def stop_price(direction, stop, open_, tick, slip):
    """Where a triggered stop fills: the worse of stop and open, then slippage, on the grid."""
    worse = min(stop, open_) if direction > 0 else max(stop, open_)
    return against(worse, -direction, slip, tick)


@shared
def exit_fill(direction, stop, target, open_, high, low, tick, through, slip, open_decides, target_counts):
    """Which leg of a bracket fills in this bar: what the open decides, then the stop, then the target.

    target: NaN for none.  open_decides: False in the bar of the entry.  target_counts: False in the bar of an entry that filled after its open.
    Returns (leg, price, ambiguous): NO_LEG, LEG_STOP or LEG_TARGET1; ambiguous when the bar reaches both and the open decides nothing.
    """
    if open_decides:
        if direction * (open_ - stop) <= EPS:
            return LEG_STOP, against(open_, -direction, slip, tick), False
        if direction * (open_ - target) >= through - EPS:         # false for NaN
            return LEG_TARGET1, target, False
    favourable, adverse = (high, low) if direction > 0 else (low, high)
    at_target = target_counts and direction * (favourable - target) >= through - EPS
    if direction * (adverse - stop) <= EPS:
        return LEG_STOP, stop_price(direction, stop, open_, tick, slip), at_target
    if at_target:
        return LEG_TARGET1, target, False
    return NO_LEG, target, False


@shared
def fillable(wanted, volume, share, lot):
    """How much of an entry a bar's volume allows: at least one lot, all of it where the volume is unknown."""
    if volume != volume:
        return wanted
    most = max(lot, floor(share * volume / lot + EPS) * lot)
    return min(wanted, most)


@shared
def side_fee(quantity, price, point_value, per_unit, basis_points):
    """Fee of one fill in the quote currency."""
    return quantity * per_unit + basis_points * 1e-4 * price * quantity * point_value
