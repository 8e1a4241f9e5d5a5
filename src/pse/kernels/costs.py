"""What a trade costs: fees of orders and slippage of market and stop fills, at a fill and, for the gates, as expected."""

import numpy as np

from pse.kernels.book import point_value
from pse.kernels.compiled import inner
from pse.kernels.contract import C_ATR, C_HOURS, C_SPREAD_TICKS
from pse.kernels.matching import bounded_fee, participation, side_fee, slippage
from pse.kernels.state import BAR_FIRST, BAR_OUTSIDE


@inner
def is_bounded(instrument, micro):
    """Whether an order has a least or a most fee."""
    if micro:
        return instrument.micro_fee_min > 0.0 or instrument.micro_fee_max > 0.0 or instrument.micro_fee_max_bps > 0.0
    return instrument.fee_min > 0.0 or instrument.fee_max > 0.0 or instrument.fee_max_bps > 0.0


@inner
def plain_fee(instrument, micro, quantity, price):
    """What a quantity costs by the unit and by its value, in the instrument's currency."""
    if micro:
        return side_fee(quantity, price, instrument.micro_point_value, instrument.micro_fee_unit, instrument.micro_fee_bps)
    return side_fee(quantity, price, instrument.point_value, instrument.fee_unit, instrument.fee_bps)


@inner
def fee_of(instrument, micro, quantity, price):
    """Fee of an order that fills at once, in the instrument's currency."""
    fee = plain_fee(instrument, micro, quantity, price)
    if not is_bounded(instrument, micro):
        return fee
    value = quantity * price * point_value(instrument, micro)
    if micro:
        return bounded_fee(fee, quantity, value, instrument.micro_fee_min, instrument.micro_fee_max, instrument.micro_fee_max_bps)
    return bounded_fee(fee, quantity, value, instrument.fee_min, instrument.fee_max, instrument.fee_max_bps)


@inner
def part_fee(instrument, micro, filled, entry, quantity, price):
    """Fee of a further fill of an order of which `filled` were filled at the mean price `entry`: what the whole costs more than before."""
    if filled <= 0.0 or not is_bounded(instrument, micro):
        return fee_of(instrument, micro, quantity, price)
    mean = (filled * entry + quantity * price) / (filled + quantity)
    return fee_of(instrument, micro, filled + quantity, mean) - fee_of(instrument, micro, filled, entry)


@inner
def round_turn(instrument, micro, quantity, price):
    """Fees of one unit of a quantity, in and out, in the instrument's currency."""
    if not is_bounded(instrument, micro) or not quantity > 0.0:
        return 2.0 * plain_fee(instrument, micro, 1.0, price)
    return 2.0 * fee_of(instrument, micro, quantity, price) / quantity


@inner
def hours_factor(policy, flags):
    """What the time of day multiplies slippage with: the larger factor where a bar is both outside regular hours and a first minute."""
    factor = 1.0
    if flags & BAR_FIRST:
        factor = max(factor, policy.first_minute_factor)
    if flags & BAR_OUTSIDE:
        factor = max(factor, policy.outside_hours_factor)
    return factor


@inner
def slip_points(instrument, policy, spread, atr, share, flags):
    """Points that a market or stop fill pays against us.  spread, atr: points known at the decision, NaN where unknown; share: of the bar's volume."""
    return slippage(instrument.slippage_ticks, instrument.tick, instrument.slip_spread, spread, instrument.slip_volatility, instrument.slip_impact, atr, share,
                    policy.slippage_factor * hours_factor(policy, flags))


@inner
def plan_slip(plan, instrument, policy, quantity, volume, flags):
    """Slippage of a fill of a plan in a bar of this volume and these flags."""
    share = participation(quantity, volume) if instrument.slip_impact > 0.0 else 0.0
    return slip_points(instrument, policy, plan.spread, plan.atr, share, flags)


@inner
def expected_slip(instrument, policy, context):
    """Slippage to reckon with at a decision: at its hours, of an order that takes the largest share of a bar which it may."""
    flags = np.int64(context[C_HOURS]) if context[C_HOURS] == context[C_HOURS] else 0
    return slip_points(instrument, policy, context[C_SPREAD_TICKS] * instrument.tick, context[C_ATR], policy.volume_share, flags)
