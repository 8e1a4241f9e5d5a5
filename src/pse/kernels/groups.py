"""Positions that are one bet: of one direction, with daily returns that move together, and what they risk."""

import numpy as np

from pse.kernels.book import is_live, last_close, open_risk, value_of
from pse.kernels.compiled import inner, shared
from pse.kernels.tail_risk import days_known
from pse.kernels.targets import EPS

OUTSIDE, INSIDE, LOOKED_AT = 0.0, 1.0, 2.0       # of a plan, in `state.weighed`: not of the bet, of it, and its own neighbours are found
W_PLACE = 0


@shared
def correlation(returns, a, b, known, days):
    """Correlation of two columns over the last `days` rows before row `known` on which both have a number.

    returns: float64[rows, columns], NaN where there is none.  NaN where fewer rows are common or one of the two does not move.
    """
    n, sum_a, sum_b, sum_aa, sum_bb, sum_ab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    day = known
    while day > 0 and n < days:
        day -= 1
        x, y = returns[day, a], returns[day, b]
        if x == x and y == y:
            n += 1
            sum_a += x
            sum_b += y
            sum_aa += x * x
            sum_bb += y * y
            sum_ab += x * y
    if n < days:
        return np.nan
    var_a, var_b = sum_aa - sum_a * sum_a / n, sum_bb - sum_b * sum_b / n
    if not (var_a > EPS * sum_aa and var_b > EPS * sum_bb):          # what is left of a constant is rounding
        return np.nan
    return (sum_ab - sum_a * sum_b / n) / np.sqrt(var_a * var_b)


@inner
def together(state, world, symbol, other):
    """Whether two symbols count as one: they are the same, or their returns of the last common days move together."""
    if symbol == other:
        return True
    policy = world.policy[0]
    known = min(days_known(state, world, symbol), days_known(state, world, other))
    return correlation(world.returns, symbol, other, known, policy.correlation_days) >= policy.correlation - EPS


@inner
def correlated_risk(state, world, symbol, direction):
    """Open risk of everything live that is one bet with a new position: what moves together with it, and with that again.  Money; 0 where it is off."""
    live, place = state.account[0].live, state.weighed
    if world.policy[0].correlation_days <= 0:
        return 0.0
    for a in range(live):
        place[a, W_PLACE] = OUTSIDE
    risk, at = 0.0, np.int64(symbol)
    while at >= 0:
        for a in range(live):
            plan = state.plans[state.live[a]]
            if place[a, W_PLACE] == OUTSIDE and is_live(plan) and plan.direction == direction and together(state, world, at, plan.symbol):
                place[a, W_PLACE] = INSIDE
                risk += open_risk(plan, value_of(state, world, state.live[a]), last_close(state, state.live[a]))
        at = np.int64(-1)
        for a in range(live):
            if place[a, W_PLACE] == INSIDE and at < 0:
                place[a, W_PLACE] = LOOKED_AT
                at = np.int64(state.plans[state.live[a]].symbol)
    return risk
