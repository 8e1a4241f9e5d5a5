"""How much of an approved setup may be traded: sizing, the gates after it, exposure and tail risk; a reduction only ever lowers a quantity."""

import numpy as np

from pse.kernels.book import NIL, ONE, is_live, last_close, lot_of, notional, point_value, rest_of_entry, slots_of, value_of
from pse.kernels.codes import (
    AFTER,
    B_HALF_OPEN,
    FAM_SWING_REVERSION,
    FAM_SWING_TREND,
    G_EXPOSURE,
    G_SIZING,
    G_TAIL_RISK,
    MCS_TRANSITION,
    R_CONCURRENT_RISK,
    R_CORRELATED,
    R_ES,
    R_EXPOSURE,
    R_INSUFFICIENT,
    R_KELLY,
    R_MARGIN,
    R_OK,
    R_R_CAPPED,
    R_REDUCED,
    R_SIZE_ZERO,
    R_VAR,
    R_ZERO_ATR,
    VOL_Q4,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import C_ATR, C_MCS, C_RATE, C_VOL_BUCKET, C_VOL_RATIO, OVERNIGHT
from pse.kernels.costs import plain_fee
from pse.kernels.gates import exposure_gate, hit_rate_and_reward
from pse.kernels.groups import correlated_risk
from pse.kernels.margin import initial_margin, unit_margin
from pse.kernels.proposal import costs_in_r, gate_event, gates_on_proposal, on_side, total_open_risk
from pse.kernels.sizing import kelly_fraction, lots_down, reward_after_costs, size_futures, size_shares, volatility_multiple
from pse.kernels.tail_risk import within_tail
from pse.kernels.targets import EPS

NO_CAP = 1e9


@inner
def regime_size(family, context, policy):
    """What the market's regime multiplies a size with: volatility against what is usual, its highest quarter, and a state that is none."""
    size = policy.high_vol_size if context[C_VOL_BUCKET] == VOL_Q4 else 1.0
    if context[C_MCS] == MCS_TRANSITION and (family == FAM_SWING_TREND or family == FAM_SWING_REVERSION):
        size *= policy.transition_size
    return size * volatility_multiple(context[C_VOL_RATIO], policy.vol_size_least, policy.vol_size_most)


@inner
def kelly_limit(state, world, row, direction, stop, target, micro):
    """(full fraction, the part of it that may be risked) by the closed trades of the tactic and grade; infinite where it is off or they are too few.

    Of an edited proposal the lesser of its own and the setup's: a stop drawn nearer, or a target where there was none, buys no more.
    """
    full, part = kelly_at(state, world, row, direction, stop, target, micro)
    first_stop, first_target = on_side(row, row.stop, direction), on_side(row, row.target, direction)
    if stop == first_stop and (target == first_target or target != target):
        return full, part
    first_full, first_part = kelly_at(state, world, row, direction, first_stop, first_target, micro)
    return min(full, first_full), min(part, first_part)


@inner
def kelly_at(state, world, row, direction, stop, target, micro):
    """Kelly's fractions at one stop and target."""
    policy, instrument, tally = world.policy[0], world.instruments[row.symbol], state.tallies[row.tactic, row.grade]
    risk = abs(row.entry - stop)
    if not policy.kelly_share > 0.0 or tally.closed < policy.kelly_min_trades - EPS or not risk > 0.0:
        return np.inf, np.inf
    hit_rate, reward = hit_rate_and_reward(tally.wins, tally.trades, tally.win_r, direction * (target - row.entry) / risk, policy.ev_prior_r,
                                           policy.ev_prior_n)
    slip_in, slip_stop, fees = costs_in_r(row, instrument, policy, world.context[state.symbols[row.symbol].row], risk, micro, policy.max_quantity)
    return kelly_fraction(hit_rate, reward_after_costs(reward, slip_in, slip_stop, fees), policy.kelly_share, policy.kelly_cap)


@inner
def cash_left(state, world):
    """The balance less what is held long and what live entries may still buy."""
    cash = state.account[0].balance
    for a in range(state.account[0].live):
        slot = state.live[a]
        plan = state.plans[slot]
        if is_live(plan) and plan.direction > 0:
            cash -= (plan.held * plan.entry + rest_of_entry(plan) * plan.limit) * value_of(state, world, slot)
    return cash


@inner
def quantity_left(state, world, symbol):
    """What the largest quantity leaves beside the symbol's live plans."""
    left = world.policy[0].max_quantity
    for slot in slots_of(state, symbol):
        if is_live(state.plans[slot]):
            left -= state.plans[slot].held + rest_of_entry(state.plans[slot])
    return max(left, 0.0)


@inner
def sized(state, world, symbol, row, risk, value, cost, least_cost, multiple, confidence, lot, most_risk):
    """(quantity, code of nothing at all, which limit bound it) before the gates after.  most_risk: fraction of equity, infinite for no limit."""
    account, policy = state.account[0], world.policy[0]
    most = quantity_left(state, world, symbol)
    if policy.shares:
        price = row.entry * value
        room = policy.max_symbol * account.equity - exposures(state, world, symbol)[1]
        cash = cash_left(state, world) if policy.cash_only else np.nan
        quantity, code, binding, _ = size_shares(account.equity, confidence, multiple, risk * value, price, policy.max_risk, most, room, cash,
                                                 policy.min_confidence, lot, most_risk)
        bound = R_R_CAPPED if confidence * multiple > 1.0 + EPS else R_REDUCED if binding > 0 else R_OK
        if binding == 0 and most_risk < policy.max_risk * min(confidence * multiple, 1.0):
            bound = R_KELLY
        return quantity, code, bound
    quantity, _, _, _, capped = size_futures(account.equity, multiple, risk, value, cost, policy.r_unit, min(policy.max_risk, most_risk), lot,
                                          least_cost)
    bound = R_OK if not capped else R_KELLY if most_risk < policy.max_risk else R_R_CAPPED
    return min(quantity, lots_down(most, lot)), R_SIZE_ZERO, bound


@inner
def unit_figures(row, instrument, micro, stop, rate):
    """(money of a point, lot, stop distance in points, round-turn fees of a unit, least fees of an order in and out); money of the account.

    rate: money of the account for one of the instrument's currency.  The distance is at least the setup's own: a stop that a judge draws nearer buys no more.
    """
    cost = 2.0 * plain_fee(instrument, micro, 1.0, row.entry) * rate
    least_cost = 2.0 * (instrument.micro_fee_min if micro else instrument.fee_min) * rate
    return point_value(instrument, micro) * rate, lot_of(instrument, micro), max(abs(row.entry - stop), abs(row.entry - row.stop)), cost, least_cost


@inner
def worth_trading(quantity, code, unit_notional, instrument):
    """(quantity, code), or nothing and why where it is worth less than the venue takes.  unit_notional: in the instrument's currency."""
    if quantity > 0.0 and quantity * unit_notional < instrument.min_notional:
        return 0.0, R_SIZE_ZERO
    return quantity, code


@inner
def fitting_quantity(state, world, log, now, setup, direction, stop, target, multiple, micro, confidence):
    """Gates 1 to 14 for one contract size, all told.  Returns (quantity, code): 0 and the first reason, or what may be traded."""
    row = world.setups[setup]
    symbol = row.symbol
    account, policy, instrument = state.account[0], world.policy[0], world.instruments[symbol]
    context = world.context[state.symbols[symbol].row]
    rate = context[C_RATE]
    value, lot, risk, cost, least_cost = unit_figures(row, instrument, micro, stop, rate)
    unit_notional = row.entry * point_value(instrument, micro)
    regime = regime_size(row.family, context, policy)
    kelly, most_risk = kelly_limit(state, world, row, direction, stop, target, micro)
    quantity, code, bound = sized(state, world, symbol, row, risk, value, cost, least_cost, multiple * regime, confidence, lot, most_risk)
    quantity, code = worth_trading(quantity, code, unit_notional, instrument)
    code = R_OK if quantity > 0.0 else code
    if not context[C_ATR] > 0.0:
        quantity, code = 0.0, R_ZERO_ATR
    elif kelly <= 0.0:
        quantity, code = 0.0, R_KELLY
    told = code if code != R_OK else bound if bound != R_OK else R_REDUCED if regime < 1.0 else R_OK
    figures = (kelly, 0.0) if code == R_KELLY else (quantity, lot)
    refused = gates_on_proposal(state, world, log, now, setup, AFTER, direction, stop, target, quantity, micro, confidence)
    gate_event(log, now, symbol, setup, AFTER, G_SIZING, quantity > 0.0, figures[0], figures[1], told, micro)
    sizing, asked = code, max(quantity, lot)               # of what is nothing already the later gates are asked about one lot
    gross, same, group, group_gross = exposures(state, world, symbol)
    wanted = asked
    fits, measured, allowed, code = exposure_gate(
        wanted, lot, account.equity, total_open_risk(state, world), risk * value, policy.max_concurrent, gross, same, row.entry * value, policy.max_gross,
        policy.max_symbol, group, policy.max_group, group_gross, policy.max_group_notional, correlated_risk(state, world, symbol, direction),
        policy.max_correlated if policy.correlation_days > 0 else NO_CAP, initial_margin(state, world),
        unit_margin(instrument, micro, direction, row.entry, rate, False) if policy.margin else 0.0)
    fits, code = worth_trading(fits, code, unit_notional, instrument)
    gate_event(log, now, symbol, setup, AFTER, G_EXPOSURE, fits > 0.0, measured, allowed, R_REDUCED if 0.0 < fits < wanted else code, micro)
    exposure = R_OK if fits > 0.0 else code
    wanted = fits if fits > 0.0 else asked
    fits, measured, allowed, code = within_tail(state, world, symbol, direction, row.entry, risk, value, wanted, lot,
                                                policy.flat_session and not row.plan_flags & OVERNIGHT)
    fits, code = worth_trading(fits, code, unit_notional, instrument)
    told = R_REDUCED if 0.0 < fits < wanted and code != R_INSUFFICIENT else code
    gate_event(log, now, symbol, setup, AFTER, G_TAIL_RISK, fits > 0.0, measured, allowed, told, micro)
    if refused != R_OK:
        return 0.0, refused
    if sizing != R_OK:
        return 0.0, sizing
    if exposure != R_OK:
        return 0.0, exposure
    if fits <= 0.0:
        return 0.0, R_SIZE_ZERO if code == R_INSUFFICIENT else code
    return fits, R_OK


@inner
def exposures(state, world, symbol):
    """(gross notional, notional of this symbol, live plans of its group, their notional)."""
    gross, same, group, group_gross = 0.0, 0.0, 0, 0.0
    mine = world.instruments[symbol].group
    for a in range(state.account[0].live):
        slot = state.live[a]
        plan = state.plans[slot]
        if is_live(plan):
            held = notional(plan, value_of(state, world, slot), last_close(state, slot))
            gross += held
            same += held if plan.symbol == symbol else 0.0
            if mine >= 0 and world.instruments[plan.symbol].group == mine:
                group += 1
                group_gross += held
    return gross, same, group, group_gross


@inner
def too_big(code):
    """Whether a refusal speaks of size alone, so that a smaller contract may still fit."""
    return code == R_SIZE_ZERO or code == R_CONCURRENT_RISK or code == R_EXPOSURE or code == R_VAR or code == R_ES or code == R_CORRELATED or code == R_MARGIN


@inner
def fitted(state, world, log, now, setup, direction, stop, target, size_factor, confidence):
    """What of an approved setup may be traded: (code, quantity, micro); a contract that is too big gives way to its micro."""
    row = world.setups[setup]
    symbol = row.symbol
    account, policy, instrument = state.account[0], world.policy[0], world.instruments[symbol]
    multiple = row.size_multiple * size_factor * (0.5 if account.equity_state == B_HALF_OPEN else 1.0)
    micro = NIL
    quantity, code = fitting_quantity(state, world, log, now, setup, direction, stop, target, multiple, NIL, confidence)
    if quantity <= 0.0 and instrument.has_micro and policy.allow_micro and not policy.shares and too_big(code):
        micro = ONE
        quantity, code = fitting_quantity(state, world, log, now, setup, direction, stop, target, multiple, ONE, confidence)
    return (code, 0.0, micro) if quantity <= 0.0 else (R_OK, quantity, micro)
