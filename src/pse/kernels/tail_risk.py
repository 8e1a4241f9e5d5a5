"""Value at risk and expected shortfall of everything live with a candidate, and the largest quantity inside them."""

import numpy as np

from pse.kernels.book import is_live, last_close, notional, open_risk, value_of
from pse.kernels.codes import R_INSUFFICIENT, R_OFF
from pse.kernels.compiled import inner
from pse.kernels.contract import C_DAILY_ROW, OVERNIGHT
from pse.kernels.gates import tail_gate
from pse.kernels.sizing import lots_down
from pse.kernels.targets import EPS

TAIL_TRIES = 64                  # quantities of more lots than this are reduced in larger strides first
W_SYMBOL, W_DAYS, W_NOTIONAL, W_MOST = range(4)                # columns of `State.weighed`


@inner
def days_known(state, world, symbol):
    """How many rows of daily returns this symbol has completed by its latest decision row."""
    row = state.symbols[symbol].row
    return int(world.context[row, C_DAILY_ROW]) if row >= 0 else 0


@inner
def weigh_live(state, world):
    """Writes symbol, days known, signed notional and largest scenario loss of everything live into `state.weighed`; returns how many rows those are."""
    policy, n = world.policy[0], 0
    for a in range(state.account[0].live):
        slot = state.live[a]
        plan = state.plans[slot]
        if not is_live(plan):
            continue
        value, price = value_of(state, world, slot), last_close(state, slot)
        row = state.weighed[n]
        row[W_SYMBOL], row[W_DAYS] = float(plan.symbol), float(days_known(state, world, plan.symbol))
        row[W_NOTIONAL], row[W_MOST] = plan.direction * notional(plan, value, price), np.inf
        if policy.flat_session and not plan.flags & OVERNIGHT:
            row[W_MOST] = policy.tail_stop_factor * open_risk(plan, value, price)
        n += 1
    return n


@inner
def scenario_losses(state, world, symbol, direction, price, risk, value, flat, base, unit):
    """Losses of one day by historical simulation: `base` of everything live, `unit` of one unit of the candidate.

    The last `tail_days` days on which all of them have a return that is known by now: where sessions close at different times a day may be over for
    one symbol only.  `flat`: the candidate goes at the session end, so no loss of it exceeds its stop by much.  Returns how many days those are.
    """
    policy, live = world.policy[0], weigh_live(state, world)
    day = days_known(state, world, symbol)
    n = 0
    while day > 0 and n < policy.tail_days:
        day -= 1
        change = world.returns[day, symbol]
        usable = change == change
        total = 0.0
        for a in range(live):
            s = np.int64(state.weighed[a, W_SYMBOL])
            moved = world.returns[day, s] if day < state.weighed[a, W_DAYS] else np.nan
            if moved != moved:
                usable = False
                break
            total += min(-moved * state.weighed[a, W_NOTIONAL], state.weighed[a, W_MOST])
        if usable:
            base[n] = total
            unit[n] = -direction * change * price * value
            if flat:
                unit[n] = min(unit[n], policy.tail_stop_factor * risk * value)
            n += 1
    return n


@inner
def tail_at(state, n, quantity, policy):
    """The tail-risk gate at one quantity of the candidate; losses[0] everything live, losses[1] one unit, losses[2] the largest."""
    base, unit, top = state.losses[0], state.losses[1], state.losses[2]
    most, kept = n // 20 + 2, 0
    for i in range(n):
        value = base[i] + quantity * unit[i]
        if kept == most and value <= top[kept - 1]:
            continue
        at = kept if kept < most else most - 1
        while at > 0 and top[at - 1] < value:
            top[at] = top[at - 1]
            at -= 1
        top[at] = value
        if kept < most:
            kept += 1
    return tail_gate(top, n, policy.tail_min_days, state.account[0].equity, policy.var95, policy.es975)


@inner
def within_tail(state, world, symbol, direction, price, risk, value, quantity, lot, flat):
    """The largest quantity inside VaR and ES; `value`: money of a point and unit.

    Returns (quantity, measured, allowed, code); halved where too few days are known.  With `tail_min_days` 0 nothing is asked.
    """
    policy = world.policy[0]
    if policy.tail_min_days <= 0:
        return quantity, 0.0, 0.0, R_OFF
    n = scenario_losses(state, world, symbol, direction, price, risk, value, flat, state.losses[0], state.losses[1])
    passed, measured, allowed, code = tail_at(state, n, quantity, policy)
    if code == R_INSUFFICIENT:
        return lots_down(0.5 * quantity, lot), measured, allowed, code
    if passed:
        return quantity, measured, allowed, code
    lots = int(quantity / lot + EPS)                      # from above: beside a hedge fewer may fail where more pass
    stride = max(1, lots // TAIL_TRIES)
    lots -= stride
    while lots > 0 and not tail_at(state, n, lots * lot, policy)[0]:
        lots -= stride
    lots = max(lots, 0)
    while stride > 1:                                     # what the stride jumped over, by halves
        stride -= stride // 2
        if tail_at(state, n, (lots + stride) * lot, policy)[0]:
            lots += stride
    return lots * lot, measured, allowed, code
