"""How many units a plan may hold.  Money in the account's currency, risk in points."""

from math import inf

import numpy as np

from pse.kernels.codes import R_CASH, R_MAX_QUANTITY, R_MIN_CONFIDENCE, R_OK, R_SIZE_ZERO, R_ZERO_ATR
from pse.kernels.compiled import shared
from pse.kernels.targets import EPS

BINDINGS = ("risk", "max_shares", "notional", "cash")          # what a size in shares was held down by


@shared
def lots_down(quantity, lot):
    """The quantity floored to whole lots."""
    return np.floor(quantity / lot + EPS) * lot


@shared
def size_futures(equity, multiple, risk_points, point_value, cost, r_unit, max_risk, lot=1.0, least_cost=0.0):
    """Units whose loss at the stop, round-turn cost included, stays inside the risk budget.

    multiple: size in R; the fraction risked is min(r_unit * multiple, max_risk).  cost: round-turn money a unit;
    least_cost: round-turn money that an order pays at least.
    Returns (quantity, risk_fraction, risk_budget, risk_per_unit, capped); 0 when the budget does not reach one lot or an input is unusable.
    """
    wanted = r_unit * multiple
    fraction = min(wanted, max_risk)
    budget = equity * fraction
    per_unit = risk_points * point_value + cost
    if not (per_unit > 0.0 and budget > 0.0):
        return 0.0, fraction, budget, per_unit, False
    most = budget / per_unit
    if least_cost > 0.0 and risk_points * point_value > 0.0:
        most = max(min(most, (budget - least_cost) / (risk_points * point_value)), 0.0)
    return lots_down(most, lot), fraction, budget, per_unit, wanted > max_risk + EPS


@shared
def kelly_fraction(hit_rate, reward_r, share=0.25, cap=0.02):
    """(full, share of it inside 0..cap): the part of the equity to risk on a bet that wins `reward_r` times its stake with `hit_rate`.

    A full one of 0 or less is no bet; -inf where a win pays nothing.  Kelly (1956), Bell System Technical Journal 35; Thorp (1969), for fractions of it.
    """
    full = hit_rate - (1.0 - hit_rate) / reward_r if reward_r > 0.0 else -inf
    return full, min(max(share * full, 0.0), cap)


@shared
def reward_after_costs(reward_r, slip_in_r, slip_stop_r, fees_r):
    """What a win pays for each unit that a loss takes, both after costs in R; a target costs no slippage."""
    return (reward_r - slip_in_r - fees_r) / (1.0 + slip_in_r + slip_stop_r + fees_r)


@shared
def volatility_multiple(ratio, least=0.5, most=1.25):
    """What a size is multiplied with so that it moves the account alike: usual volatility over that of now, inside bounds; 1 where it is unknown (NaN)."""
    return min(max(ratio, least), most) if ratio == ratio else 1.0


@shared
def size_shares(equity, confidence, multiple, stop_distance, price, max_risk, max_quantity, room, cash, min_confidence, lot, most_risk=inf):
    """Units of shares or spot: the least of what the risk, the largest quantity, the notional left for the symbol and the cash allow.

    stop_distance, price: money a unit; room, cash: money, NaN for no limit.  The fraction risked is min(max_risk * confidence * multiple, max_risk), at most
    `most_risk`.  Returns (quantity, code, row of BINDINGS, risk_amount).
    """
    risk_amount = equity * min(max_risk * min(confidence * multiple, 1.0), most_risk)
    if not confidence >= min_confidence - EPS:
        return 0.0, R_MIN_CONFIDENCE, 0, risk_amount
    if not stop_distance > 0.0:
        return 0.0, R_ZERO_ATR, 0, risk_amount
    most, binding = risk_amount / stop_distance, 0
    if max_quantity < most:
        most, binding = max_quantity, 1
    if room / price < most:                            # false for NaN
        most, binding = room / price, 2
    if cash / price < most:
        most, binding = cash / price, 3
    quantity = lots_down(max(most, 0.0), lot)
    if quantity > 0.0:
        return quantity, R_OK, binding, risk_amount
    return 0.0, R_CASH if binding == 3 else R_MAX_QUANTITY if binding == 1 else R_SIZE_ZERO, binding, risk_amount
