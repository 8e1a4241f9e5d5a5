"""How many units a plan may hold.  Money in the account's currency, risk in points."""

from math import floor

from pse.kernels.codes import R_CASH, R_MAX_QUANTITY, R_MIN_CONFIDENCE, R_OK, R_SIZE_ZERO, R_ZERO_ATR
from pse.kernels.compiled import shared
from pse.kernels.targets import EPS

BINDINGS = ("risk", "max_shares", "notional", "cash")          # what a size in shares was held down by


@shared
def lots_down(quantity, lot):
    """The quantity floored to whole lots."""
    return floor(quantity / lot + EPS) * lot


@shared
def size_futures(equity, multiple, risk_points, point_value, cost, r_unit, max_risk, lot=1.0):
    """Units whose loss at the stop, round-turn cost included, stays inside the risk budget.

    multiple: size in R; the fraction risked is min(r_unit * multiple, max_risk).  cost: round-turn money a unit.
    Returns (quantity, risk_fraction, risk_budget, risk_per_unit, capped); 0 when the budget does not reach one lot or an input is unusable.
    """
    wanted = r_unit * multiple
    fraction = min(wanted, max_risk)
    budget = equity * fraction
    per_unit = risk_points * point_value + cost
    if not (per_unit > 0.0 and budget > 0.0):
        return 0.0, fraction, budget, per_unit, False
    return lots_down(budget / per_unit, lot), fraction, budget, per_unit, wanted > max_risk + EPS


@shared
def size_shares(equity, confidence, multiple, stop_distance, price, max_risk, max_quantity, room, cash, min_confidence, lot):
    """Units of shares or spot: the least of what the risk, the largest quantity, the notional left for the symbol and the cash allow.

    stop_distance, price: money a unit; room, cash: money, NaN for no limit.  The fraction risked is min(max_risk * confidence * multiple, max_risk).
    Returns (quantity, code, row of BINDINGS, risk_amount).
    """
    risk_amount = equity * max_risk * min(confidence * multiple, 1.0)
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
