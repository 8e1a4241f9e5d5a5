"""From an approved setup to its order, and the check of that order at the open of the first bar that may fill it."""

import numpy as np

from pse.kernels.book import ONE, conviction, is_live, list_live, order_event, plan_event, plans_a_symbol, slots_of
from pse.kernels.codes import ACTIVATION, ACTOR_RULE, G_BLACKOUT, G_BRACKET, G_SPREAD, LEG_ENTRY, O_NEW, P_ARMED, R_OK, R_THROUGH_STOP
from pse.kernels.compiled import inner
from pse.kernels.contract import C_ATR, C_CLOSE, C_RATE, C_SESSION_LEFT_NS, C_SPREAD_TICKS, DAY, GTC, NEVER, OVERNIGHT
from pse.kernels.fitting import fitted
from pse.kernels.gates import SECOND, activation_figures, blackout_gate, hit_rate_and_reward, slippage_check
from pse.kernels.proposal import gate_event, on_side, quote_and_trips, rests_away
from pse.kernels.state import BAR_BLACKOUT
from pse.kernels.targets import EPS

ENDLESS_NS = 10**17              # a session this long has no end


@inner
def admit(state, world, log, now, setup, direction, stop, target, size_factor, latency_ns, confidence):
    """Sizes an approved setup and, if anything is left, places its entry order.  Returns (code, quantity)."""
    code, quantity, micro = fitted(state, world, log, now, setup, direction, stop, target, size_factor, confidence)
    if code == R_OK:
        arm(state, world, log, now, setup, direction, stop, target, quantity, micro, latency_ns)
    return code, quantity


@inner
def free_slot(state, symbol):
    """The first slot of a symbol in which no plan lives; the gates have seen that there is one."""
    for slot in slots_of(state, symbol):
        if not is_live(state.plans[slot]):
            return slot
    return symbol * plans_a_symbol(state)


@inner
def lives_until(row, now, left_ns):
    """When an entry order ends by itself; one for the day with the session, where that has an end and is not over yet."""
    if row.time_in_force == GTC:
        return NEVER
    return min(row.valid_until, now + int(left_ns)) if row.time_in_force == DAY and 0.0 < left_ns < ENDLESS_NS else row.valid_until


@inner
def expected_reward(state, world, row, reward_r):
    """What a win is taken to bring, in R: to the target, or without one the mean of the tactic's and grade's winners as the gates reckon with it."""
    policy, tally = world.policy[0], state.tallies[row.tactic, row.grade]
    return hit_rate_and_reward(tally.wins, tally.trades, tally.win_r, reward_r, policy.ev_prior_r, policy.ev_prior_n)[1]


@inner
def arm(state, world, log, now, setup, direction, stop, target, quantity, micro, latency_ns):
    """Writes the plan of an admitted setup and sends its entry order."""
    row = world.setups[setup]
    symbol = row.symbol
    slot = free_slot(state, symbol)
    account, policy, plan = state.account[0], world.policy[0], state.plans[slot]
    context = world.context[state.symbols[symbol].row]
    left = context[C_SESSION_LEFT_NS]
    account.plans += 1
    plan.status, plan.number, plan.setup, plan.tactic, plan.grade = P_ARMED, account.plans, setup, row.tactic, row.grade
    plan.direction, plan.micro, plan.order_type, plan.limit = direction, micro, row.order_type, row.entry
    plan.quantity, plan.filled, plan.held, plan.exited = quantity, 0.0, 0.0, 0.0
    plan.entry, plan.stop, plan.stop_next, plan.stop_first, plan.target = 0.0, stop, stop, stop, target
    second = on_side(row, row.target2, direction)
    plan.target2 = second if direction * (second - target) > EPS else np.nan
    plan.planned_risk = abs(row.entry - stop)
    plan.reward_r = expected_reward(state, world, row, direction * (target - row.entry) / plan.planned_risk)
    plan.risk_points, plan.risk_usd, plan.buffer = plan.planned_risk, 0.0, row.trail_buffer
    plan.decided_at, plan.valid_until = now, lives_until(row, now, left)
    plan.first_open = now if latency_ns <= SECOND else now + latency_ns
    plan.flat_at = now + int(left) - policy.flat_before_ns if left < ENDLESS_NS and not row.plan_flags & OVERNIGHT else NEVER
    plan.activated = plan.entry_kind = plan.entry_ts = plan.bars_held = plan.decision_bars = 0
    plan.target_done = plan.breakeven_done = plan.stop_reason = plan.pending = plan.ambiguous = 0
    plan.favourable = plan.adverse = plan.gross = plan.fees = plan.slippage = plan.exit_value = 0.0
    plan.exits = plan.exit_reason = plan.stop_live = plan.cancelling = plan.leaves = plan.filled_inside = plan.acked = 0
    plan.external, plan.event_bar, plan.reduce = policy.match, row.event_bar, 0.0
    plan.version, plan.stop_version, plan.entry_version, plan.quality, plan.replans = 1, 1, 1, row.quality, 0
    plan.invalid_price, plan.invalid_flags = on_side(row, row.invalid_price, direction), row.invalid_flags
    plan.family, plan.flags, plan.group, plan.best = row.family, row.plan_flags, row.group, row.entry
    plan.conviction, plan.rate = conviction(context, direction), context[C_RATE]
    plan.splits, plan.dividends = 1.0, 0.0
    plan.carried = 0.0
    plan.limit_price, plan.fired, plan.fires_inside = on_side(row, row.limit_price, direction), 0, 0
    plan.spread, plan.atr = context[C_SPREAD_TICKS] * world.instruments[symbol].tick, context[C_ATR]
    list_live(state, slot)
    plan_event(log, now, plan, R_OK, ACTOR_RULE)
    order_event(log, now, plan, LEG_ENTRY, O_NEW, row.order_type, row.entry, quantity, ONE, R_OK)


@inner
def decision_row(state, world, slot):
    """The context row on which a plan was decided; later decisions may lie between it and now."""
    symbol, decided_at = state.plans[slot].symbol, state.plans[slot].decided_at
    r = state.symbols[symbol].row
    while r > 0 and (world.row_ts[r] > decided_at or world.row_symbol[r] != symbol):
        r -= 1
    return r


@inner
def activate(state, world, log, slot, bar):
    """Gates 4, 5 and 8 at the open of the first bar that may fill.  A limit that rests away from the decision close is only checked for its stop."""
    plan, policy = state.plans[slot], world.policy[0]
    symbol, ts, instrument = plan.symbol, bar.ts, world.instruments[plan.symbol]
    first = R_OK
    passed, measured, allowed, code = blackout_gate(bar.flags & BAR_BLACKOUT != 0)
    gate_event(log, ts, symbol, plan.setup, ACTIVATION, G_BLACKOUT, passed, measured, allowed, code, plan.micro)
    if not passed:
        first = code
    seen = state.symbols[symbol].row                                   # the last quote known before this open is that of the latest decision
    quote = world.context[seen, C_SPREAD_TICKS] if seen >= 0 else np.nan
    passed, measured, allowed, code = quote_and_trips(state.account[0], policy, instrument, quote, bar.open)
    if not passed and first == R_OK:
        first = code
    gate_event(log, ts, symbol, plan.setup, ACTIVATION, G_SPREAD, passed, measured, allowed, code, plan.micro)
    adverse, adverse_r, rr_now, passed, code = slippage_check(plan.direction, plan.limit, plan.stop, plan.target, bar.open, instrument.tick,
                                                              policy.max_slippage_r, policy.min_reward_r)
    decided_close = world.context[decision_row(state, world, slot), C_CLOSE] / plan.splits
    if rests_away(plan.order_type, plan.limit, decided_close, instrument.tick) and code != R_THROUGH_STOP:
        passed, code = True, R_OK
    measured, allowed = activation_figures(adverse_r, policy.max_slippage_r, rr_now, policy.min_reward_r, code)
    gate_event(log, ts, symbol, plan.setup, ACTIVATION, G_BRACKET, passed, measured, allowed, code, plan.micro)
    return code if first == R_OK else first
