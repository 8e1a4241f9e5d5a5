"""How many contracts: the largest whole number whose loss at the stop and whose fees stay inside the budget, found by counting."""


def futures(equity, multiple, risk_points, point_value, round_turn, r_unit, max_risk, lot=1.0, most=10_000):
    budget = equity * min(r_unit * multiple, max_risk)
    lots = 0
    while lots < most and (lots + 1) * lot * (risk_points * point_value + round_turn) <= budget + 1e-9 * (risk_points * point_value + round_turn):
        lots += 1
    return lots * lot
