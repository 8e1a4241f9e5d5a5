"""What the engine knows of everything live at a moment, laid out for a reader: the same functions that gates and sizing call, asked once more."""

import numpy as np
from numba import njit

from pse.kernels.book import is_live, last_close, mark, notional, open_risk, unrealised, value_of
from pse.kernels.contract import C_RATE, C_VOL_RATIO
from pse.kernels.fitting import cash_left, exposures, kelly_limit, regime_size, unit_figures
from pse.kernels.groups import correlated_risk
from pse.kernels.margin import initial_margin
from pse.kernels.proposal import live_plans, total_open_risk
from pse.kernels.sizing import volatility_multiple
from pse.kernels.tail_risk import scenario_losses

# Money of a point and unit, last price, then money: open result, risk, notional, risk of all that moves together with it (0 where that is off).
P_VALUE, P_PRICE, P_UNREALISED, P_RISK, P_NOTIONAL, P_TOGETHER, P_COLUMNS = range(7)
WHOLE = ("open_risk", "live", "cash_left", "gross", "symbol_gross", "group", "group_gross", "days", "margin")
SIZING = ("value", "lot", "risk", "cost", "regime", "volatility", "kelly", "most_risk", "least_cost")


@njit(cache=True)
def portfolio(state, world, symbol, plans, whole):
    """Writes `plans` float64[slots, P_COLUMNS] of what is live (NaN elsewhere) and `whole` float64[WHOLE] with the exposures of `symbol`.

    The losses of one day of everything live, one a day of history, stand in state.losses[0] afterwards, the last `days` first.
    """
    for slot in range(state.plans.size):
        plan = state.plans[slot]
        for column in range(plans.shape[1]):
            plans[slot, column] = np.nan
        if is_live(plan):
            value, price = value_of(state, world, slot), last_close(state, slot)
            plans[slot, P_VALUE], plans[slot, P_PRICE], plans[slot, P_UNREALISED] = value, price, unrealised(plan, value, price)
            plans[slot, P_RISK], plans[slot, P_NOTIONAL] = open_risk(plan, value, price), notional(plan, value, price)
            plans[slot, P_TOGETHER] = correlated_risk(state, world, plan.symbol, plan.direction)
    whole[0], whole[1], whole[2] = total_open_risk(state, world), float(live_plans(state)), cash_left(state, world)
    gross, same, group, group_gross = exposures(state, world, symbol)
    whole[3], whole[4], whole[5], whole[6] = gross, same, float(group), group_gross
    whole[7] = float(scenario_losses(state, world, symbol, 1, 0.0, 0.0, 0.0, False, state.losses[0], state.losses[1]))
    whole[8] = initial_margin(state, world)


@njit(cache=True)
def riskiest_close(state, world, tape, first, last, row):
    """The close among tape rows [first, last) at which open risk is the largest share of equity while the plans stay what they are, and that share.

    row: the first of the world's rows after the state.  -1 and 0 where nothing is at risk.  Prices and rates of state.symbols are those of the last close
    afterwards.  Of equal ones the first.
    """
    best, share = np.int64(-1), 0.0
    for i in range(first, last):
        now = tape.ts_close[i]
        state.symbols[tape.symbol[i]].last_close = tape.close[i]
        while row < world.row_ts.size and world.row_ts[row] <= now:
            state.symbols[world.row_symbol[row]].row = row
            row += 1
        if i + 1 < last and tape.ts_close[i + 1] == now:
            continue
        equity = mark(state, world)
        found = total_open_risk(state, world) / equity if equity > 0.0 else 0.0
        if found > share:
            best, share = np.int64(i), found
    return best, share


@njit(cache=True)
def sizing_inputs(state, world, setup, direction, stop, target, micro, out):
    """Writes `out` float64[SIZING]: what the sizing of a setup rests on, for one contract.

    Money of a point and unit, lot, stop distance in points, round-turn fees of a unit in money, what the market's regime multiplies the size with, the
    volatility's part of that, Kelly's full fraction and the fraction of equity that it lets be risked (infinite where it is not asked), least fees of an order.
    """
    row = world.setups[setup]
    policy, instrument, context = world.policy[0], world.instruments[row.symbol], world.context[state.symbols[row.symbol].row]
    out[0], out[1], out[2], out[3], out[8] = unit_figures(row, instrument, micro, stop, context[C_RATE])
    out[4] = regime_size(row.family, context, policy)
    out[5] = volatility_multiple(context[C_VOL_RATIO], policy.vol_size_least, policy.vol_size_most)
    out[6], out[7] = kelly_limit(state, world, row, direction, stop, target, micro)
