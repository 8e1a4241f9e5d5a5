"""How many units a plan may hold.  Money in the account's currency, risk in points."""

from math import floor

from pse.kernels.compiled import shared
from pse.kernels.targets import EPS


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
