"""How many contracts: the largest whole number whose loss at the stop and whose fees stay inside the budget, found by counting.

Shares: the least of four bounds.
"""

import math


def futures(equity, multiple, risk_points, point_value, round_turn, r_unit, max_risk, lot=1.0, most=10_000, least=0.0):
    budget = equity * min(r_unit * multiple, max_risk)
    lots = 0
    unit = risk_points * point_value
    while lots < most and (lots + 1) * lot * unit + max((lots + 1) * lot * round_turn, least) <= budget + 1e-9 * (unit + round_turn):
        lots += 1
    return lots * lot


def shares(equity, confidence, multiple, stop_distance, price, max_risk, max_quantity, room, cash, min_confidence, lot=1.0, most_risk=math.inf):
    """(quantity, reason, what bound it); room and cash None for no limit."""
    if confidence < min_confidence - 1e-9:
        return 0.0, "MIN_CONFIDENCE", "risk"
    if not stop_distance > 0:
        return 0.0, "ZERO_ATR", "risk"
    bounds = {"risk": equity * min(max_risk * min(1.0, confidence * multiple), most_risk) / stop_distance, "max_shares": max_quantity}
    bounds |= {name: money / price for name, money in (("notional", room), ("cash", cash)) if money is not None}
    binding = min(bounds, key=bounds.get)
    lots = max(0, math.floor(bounds[binding] / lot + 1e-9))
    return lots * lot, "OK" if lots else {"cash": "CASH", "max_shares": "MAX_QUANTITY"}.get(binding, "SIZE_ZERO"), binding


def growth(p, b, f):
    """Expected logarithm of the money after one bet of the share f that wins b times it with p."""
    return p * math.log1p(b * f) + (1 - p) * math.log1p(-f)
