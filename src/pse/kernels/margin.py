"""Equity that positions tie up: initial margin to open, maintenance margin to keep, and who goes first when it is not there."""

import numpy as np

from pse.kernels.book import holds, is_live, last_close, point_value, rate_of, rest_of_entry, side_of, unrealised, value_of
from pse.kernels.codes import R_MARGIN_CALL
from pse.kernels.compiled import inner
from pse.kernels.orders import cancel_entry, request_exit
from pse.kernels.targets import EPS


@inner
def unit_margin(instrument, micro, direction, price, rate, keeps):
    """Margin of one unit, money of the account; `keeps`: what is asked to keep it, else to open it.  rate: money of the account for one of its currency."""
    side = side_of(direction)
    if instrument.margin_is_money:
        asked = instrument.micro_margin if micro else instrument.margin
        return asked[1 if keeps else 0] * rate
    share = instrument.margin_keep[side] if keeps else instrument.margin_open[side]
    return share * price * point_value(instrument, micro) * rate


@inner
def initial_margin(state, world):
    """What everything live ties up, entry orders as if they had filled."""
    total = 0.0
    if not world.policy[0].margin:
        return total
    for a in range(state.account[0].live):
        slot = state.live[a]
        plan = state.plans[slot]
        if is_live(plan):
            instrument, rate = world.instruments[plan.symbol], rate_of(state, world, slot)
            total += plan.held * unit_margin(instrument, plan.micro, plan.direction, last_close(state, slot), rate, False)
            total += rest_of_entry(plan) * unit_margin(instrument, plan.micro, plan.direction, plan.limit, rate, False)
    return total


@inner
def kept_margin(state, world, slot):
    """Maintenance margin of what a plan holds; of one that is asked to go nothing."""
    plan = state.plans[slot]
    if not is_live(plan) or not holds(plan) or plan.pending:
        return 0.0
    unit = unit_margin(world.instruments[plan.symbol], plan.micro, plan.direction, last_close(state, slot), rate_of(state, world, slot), True)
    return plan.held * unit


@inner
def call_margin(state, world, log, now):
    """Where equity is under the maintenance margin entries are cancelled and positions go at the next open, the worst first, until it is not."""
    account = state.account[0]
    if not world.policy[0].margin:
        return
    need = 0.0
    for a in range(account.live):
        need += kept_margin(state, world, state.live[a])
    if not need > account.equity + EPS:
        return
    for a in range(account.live):
        if rest_of_entry(state.plans[state.live[a]]) > EPS:
            cancel_entry(log, now, state.plans[state.live[a]], R_MARGIN_CALL)
    while need > account.equity + EPS:
        worst, least = np.int64(-1), np.inf
        for a in range(account.live):
            slot = state.live[a]
            if kept_margin(state, world, slot) > 0.0:
                gain = unrealised(state.plans[slot], value_of(state, world, slot), last_close(state, slot))
                if gain < least:
                    worst, least = slot, gain
        if worst < 0:
            return
        need -= kept_margin(state, world, worst)
        request_exit(log, now, state.plans[worst], R_MARGIN_CALL)
