"""Where a price stands in a range: premium, discount, and the band of a leg in which a pullback is a good entry."""

import numpy as np
from numba import njit

from pse.kernels.codes import ZONE_DISCOUNT, ZONE_EQUILIBRIUM, ZONE_PREMIUM, ZONE_UNKNOWN
from pse.kernels.compiled import shared
from pse.kernels.rows import gt


@shared
def range_position(close, lowest, highest):
    """Share of the way from the low to the high of a range, beyond 0..1 outside of it; NaN where the range is unknown or turned over."""
    return (close - lowest) / (highest - lowest) if gt(highest, lowest) else np.nan


@shared
def range_zone(position, discount_below, premium_above):
    """Code of RANGE_ZONES; a position on a bound is equilibrium."""
    if position != position:
        return ZONE_UNKNOWN
    if gt(position, premium_above):
        return ZONE_PREMIUM
    return ZONE_DISCOUNT if gt(discount_below, position) else ZONE_EQUILIBRIUM


@njit(cache=True)
def dealing_range(close, lowest, highest, discount_below, premium_above):
    """Position (float64[n], NaN unknown) and zone (int64[n]) of each close in the range of its bar; columns float64[n] in points."""
    n = close.size
    position, zone = np.empty(n), np.empty(n, np.int64)
    for t in range(n):
        position[t] = range_position(close[t], lowest[t], highest[t])
        zone[t] = range_zone(position[t], discount_below, premium_above)
    return position, zone
