"""The orders of a plan, sent, moved and cancelled, and what a fill does: to the plan, to its other orders, to the money of the account."""

from pse.kernels.book import basis, emit, fill_event, holds, lot_of, mark, new_version, order_event, rate_of, rest_of_entry, side_of, value_of
from pse.kernels.codes import (
    E_EXIT,
    EXTERNAL,
    LEG_ENTRY,
    LEG_EXIT,
    LEG_STOP,
    LEG_TARGET1,
    LEG_TARGET2,
    O_CANCEL,
    O_NEW,
    O_REPLACE,
    P_CLOSED,
    P_NONE,
    P_OPEN,
    P_PARTIAL,
    R_BE,
    R_ENTRY_FILL,
    R_OK,
    R_PARTIAL,
    R_SL,
    R_TRAIL,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import C_DAILY_ROW, LIMIT, MARKET, NO_PARTIAL, STOP, WAITS_AFTER_STOP
from pse.kernels.plans import partial_quantity
from pse.kernels.targets import EPS


@inner
def first_target_quantity(plan, instrument, policy):
    """What comes off at the first target: everything where no second part would be run."""
    if policy.partial <= 0.0 or plan.target_done or plan.flags & NO_PARTIAL:
        return plan.held
    return min(plan.held, partial_quantity(plan.filled, policy.partial, lot_of(instrument, plan.micro)))


@inner
def send_stop(log, ts, plan, reason):
    """The protective stop for what is held, at its latest price: a new order, or one in its place under a reference of its own."""
    if plan.stop_live:
        plan.stop_version += 1
    action = O_REPLACE if plan.stop_live else O_NEW
    order_event(log, ts, plan, LEG_STOP, action, STOP, plan.stop_next, plan.held, plan.stop_version, reason)
    plan.stop_live = 1


@inner
def send_bracket(log, ts, plan, instrument, policy):
    """The protective orders for what is held: new ones after the first fill, others in their place when there is more of it or less."""
    action = O_REPLACE if plan.stop_live else O_NEW
    send_stop(log, ts, plan, R_OK)
    send_target(log, ts, plan, instrument, policy, action, R_OK)


@inner
def send_target(log, ts, plan, instrument, policy, action, reason):
    """The order at the target that works now, if there is one."""
    if not plan.target_done and plan.target == plan.target:
        order_event(log, ts, plan, LEG_TARGET1, action, LIMIT, plan.target, first_target_quantity(plan, instrument, policy), plan.version, reason)
    elif plan.target_done and plan.target2 == plan.target2:
        order_event(log, ts, plan, LEG_TARGET2, action, LIMIT, plan.target2, plan.held, plan.version, reason)


@inner
def cancel_entry(log, ts, plan, reason):
    """Ends what still works of an entry, which makes a version; a plan that holds nothing is over."""
    works = rest_of_entry(plan) > EPS
    stop_entry(log, ts, plan, reason)
    if works:
        new_version(log, ts, plan, reason)


@inner
def stop_entry(log, ts, plan, reason):
    """The cancel of what still works of an entry."""
    if rest_of_entry(plan) > EPS:
        order_event(log, ts, plan, LEG_ENTRY, O_CANCEL, plan.order_type, plan.limit, rest_of_entry(plan), plan.entry_version, reason)
        plan.cancelling = plan.external                                # a broker outside may fill until it has said that it cancelled
    end_entry(plan)


@inner
def end_entry(plan):
    """Nothing of the entry works any more; a plan that holds nothing and waits for no word of a broker is over."""
    plan.valid_until = 0
    if plan.held <= 0.0 and not plan.cancelling:
        plan.status = P_NONE if plan.filled <= 0.0 else P_CLOSED


@inner
def take_entry(state, world, log, slot, ts, kind, price, quantity, fee, slip):
    """An entry fill: money, average price, the first stop's distance, and the bracket.  `fee` in money of the account."""
    plan = state.plans[slot]
    instrument, account, policy = world.instruments[plan.symbol], state.account[0], world.policy[0]
    value = value_of(state, world, slot)
    first = plan.filled <= 0.0
    plan.entry = (plan.entry * plan.held + price * quantity) / (plan.held + quantity) if holds(plan) else price       # of what is held: what left is paid
    plan.filled += quantity
    plan.held += quantity
    plan.fees += fee
    plan.slippage += slip * quantity * value
    account.balance -= fee
    account.fees += fee
    plan.risk_points = plan.direction * (plan.entry - plan.stop_first)
    if not plan.risk_points > EPS:
        plan.risk_points = plan.planned_risk
    plan.risk_usd = plan.risk_points * plan.filled * value
    plan.breakeven_done = 0                                            # another average entry has another breakeven
    if first:
        plan.entry_ts, plan.entry_kind, plan.status, plan.best = ts, kind, P_OPEN, price
        side = side_of(plan.direction)
        state.symbols[plan.symbol].entry_ts[side] = ts
        state.symbols[plan.symbol].entry_closes[side] = state.symbols[plan.symbol].closes
    if rest_of_entry(plan) <= EPS:
        plan.valid_until = 0
    fill_event(state, world, log, slot, ts, R_OK, LEG_ENTRY, kind, price, quantity, fee, slip)
    new_version(log, ts, plan, R_ENTRY_FILL)
    send_bracket(log, ts, plan, instrument, policy)


@inner
def stop_name(plan):
    """What a stop fill is called: the first stop, breakeven or a trailed one."""
    return plan.stop_reason if plan.stop_reason == R_BE or plan.stop_reason == R_TRAIL else R_SL


@inner
def take_exit(state, world, log, slot, ts, leg, kind, price, quantity, fee, slip, reason):
    """An exit fill of any leg; the last one closes the trade.  `fee` in money of the account."""
    plan = state.plans[slot]
    instrument, account = world.instruments[plan.symbol], state.account[0]
    value = value_of(state, world, slot)
    gain = plan.direction * (price - plan.entry) * quantity * value
    plan.gross += gain
    plan.fees += fee
    plan.slippage += slip * quantity * value
    plan.exit_value += price * quantity
    plan.exited += quantity
    plan.exits += 1
    plan.held -= quantity
    if plan.held < EPS * lot_of(instrument, plan.micro):
        plan.held = 0.0
    account.balance += gain - fee
    account.fees += fee
    fill_event(state, world, log, slot, ts, reason, leg, kind, price, quantity, fee, slip)
    if plan.held <= 0.0:
        close_trade(state, world, log, slot, ts, leg, reason)


@inner
def tally(state, world, plan, r):
    """Counts a closed trade for the expected-value gate; a scratch counts as much of a win as leaves the expectation at nothing."""
    policy = world.policy[0]
    record = state.tallies[plan.tactic, plan.grade]
    record.trades += 1.0
    record.closed += 1
    if abs(r) <= policy.ev_scratch + EPS:
        record.wins += 1.0 / (1.0 + plan.reward_r)
    elif r > 0.0:
        record.wins += 1.0
        record.win_r += r


@inner
def begin_wait(state, world, slot):
    """After a stop-out the symbol waits for a close without the same signal."""
    plan = state.plans[slot]
    record = state.symbols[plan.symbol]
    record.waits, record.wait_tactic, record.wait_direction = 1, plan.tactic, plan.direction
    record.wait_closes, record.wait_heard = 0, 0
    record.wait_day = world.context[record.row, C_DAILY_ROW]


@inner
def close_trade(state, world, log, slot, ts, leg, reason):
    """The end of a round trip: the trade's row, the tallies, the rest periods."""
    plan, account = state.plans[slot], state.account[0]
    stop_entry(log, ts, plan, reason)
    if world.policy[0].match == EXTERNAL:
        cancel_bracket(log, ts, plan, leg, reason)
    plan.status, plan.exit_reason, plan.pending, plan.reduce = P_CLOSED, reason, 0, 0.0
    new_version(log, ts, plan, reason)
    net = plan.gross - plan.fees
    r = net / plan.risk_usd if plan.risk_usd > 0.0 else 0.0
    account.trades += 1
    if account.losses_today < world.policy[0].max_losses:             # a run of losses that was long enough rests the whole day
        account.losses_today = account.losses_today + 1 if net < 0.0 else 0
    if leg == LEG_STOP:
        side = side_of(plan.direction)
        state.symbols[plan.symbol].stop_ts[side] = ts
        state.symbols[plan.symbol].stop_closes[side] = state.symbols[plan.symbol].closes
        if plan.flags & WAITS_AFTER_STOP:
            begin_wait(state, world, slot)
    tally(state, world, plan, r)
    trade = log.trades[log.used[1]]
    log.used[1] += 1
    trade.number, trade.setup, trade.symbol, trade.tactic, trade.grade, trade.direction, trade.micro = (
        plan.number, plan.setup, plan.symbol, plan.tactic, plan.grade, plan.direction, plan.micro)
    trade.quantity, trade.decided_at, trade.entry_ts, trade.exit_ts, trade.day = plan.filled, plan.decided_at, plan.entry_ts, ts, account.day
    trade.entry_kind, trade.entry, trade.exit, trade.stop = plan.entry_kind, basis(plan), plan.exit_value / plan.exited, plan.stop_first
    trade.target, trade.target2, trade.risk_points, trade.risk_usd = plan.target, plan.target2, plan.risk_points, plan.risk_usd
    trade.gross, trade.fees, trade.slippage, trade.net, trade.r = plan.gross, plan.fees, plan.slippage, net, r
    trade.mae_r, trade.mfe_r = plan.adverse / plan.risk_points, plan.favourable / plan.risk_points
    trade.bars_held, trade.reason, trade.exits, trade.quality, trade.ambiguous = plan.bars_held, reason, plan.exits, plan.quality, plan.ambiguous
    trade.balance, trade.rate, trade.dividends = account.balance, rate_of(state, world, slot), plan.dividends
    trade.equity = mark(state, world)
    emit(log, E_EXIT, ts, plan.symbol, plan.setup, plan.number, reason, plan.exits, plan.ambiguous, plan.micro, net, r, plan.gross, plan.fees,
         plan.favourable / plan.risk_points, trade.equity)


@inner
def cancel_bracket(log, ts, plan, filled_leg, reason):
    """With a broker outside: what is left of the bracket must go when the position is gone."""
    if plan.stop_live and filled_leg != LEG_STOP:
        order_event(log, ts, plan, LEG_STOP, O_CANCEL, STOP, plan.stop, 0.0, plan.stop_version, reason)
    open_target = plan.target2 if plan.target_done else plan.target
    target_leg = LEG_TARGET2 if plan.target_done else LEG_TARGET1
    if open_target == open_target and filled_leg != target_leg:
        order_event(log, ts, plan, target_leg, O_CANCEL, LIMIT, open_target, 0.0, plan.version, reason)
    if (plan.pending or plan.reduce > 0.0) and filled_leg != LEG_EXIT:
        order_event(log, ts, plan, LEG_EXIT, O_CANCEL, MARKET, 0.0, 0.0, plan.version, reason)
    plan.stop_live = 0


@inner
def request_exit(log, ts, plan, reason):
    """Asks for the position to be closed at the next open; the first reason stays."""
    if plan.pending == 0 and plan.held > 0.0:
        plan.pending = reason
        new_version(log, ts, plan, reason)
        order_event(log, ts, plan, LEG_EXIT, O_REPLACE if plan.reduce > 0.0 else O_NEW, MARKET, 0.0, plan.held, plan.version, reason)
        plan.reduce = 0.0


@inner
def request_part(log, ts, plan, quantity, reason):
    """Asks for a part of the position to leave at the next open, by this version of the plan; the order says all that leaves then."""
    action = O_REPLACE if plan.reduce > 0.0 else O_NEW
    plan.reduce += quantity
    order_event(log, ts, plan, LEG_EXIT, action, MARKET, 0.0, plan.reduce, plan.version, reason)


@inner
def after_part(log, ts, plan, instrument, policy, reason):
    """A part of the position has left: the protective orders cover what is still held."""
    new_version(log, ts, plan, reason)
    send_bracket(log, ts, plan, instrument, policy)


@inner
def move_stop(log, ts, plan, stop, reason):
    """A tighter stop, active from the next bar."""
    plan.stop_next = stop
    plan.stop_reason = reason
    new_version(log, ts, plan, reason)
    send_stop(log, ts, plan, reason)


@inner
def after_first_target(log, ts, plan):
    """What is left after the first target runs on: to the second one if there is one, else behind its stop."""
    plan.target_done = 1
    plan.breakeven_done = 0
    plan.status = P_PARTIAL
    new_version(log, ts, plan, R_PARTIAL)
    send_stop(log, ts, plan, R_PARTIAL)                        # for what is left, so that the old one cannot sell too much
    if plan.target2 == plan.target2:
        order_event(log, ts, plan, LEG_TARGET2, O_NEW, LIMIT, plan.target2, plan.held, plan.version, R_PARTIAL)
