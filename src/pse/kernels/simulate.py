"""One base bar for one symbol: cancels, fills, the plan's step and what ends an unfilled entry.  The order is the order of events."""

import numpy as np

from pse.kernels.admit import activate
from pse.kernels.book import (
    NO,
    YES,
    basis,
    entered_inside,
    fill_event,
    holds,
    is_live,
    lot_of,
    new_version,
    rate_of,
    rest_of_entry,
    slot_of,
    slots_of,
    value_of,
)
from pse.kernels.codes import (
    EXTERNAL,
    F_GAP,
    F_LIMIT,
    F_MARKET,
    F_STOP,
    F_TARGET,
    LEG_ENTRY,
    LEG_EXIT,
    LEG_STOP,
    LEG_TARGET1,
    LEG_TARGET2,
    R_BE,
    R_CLOSE_BEYOND_STOP,
    R_EXPIRED,
    R_LEVEL_TRADED,
    R_MISSED,
    R_NEWS_BLACKOUT,
    R_OK,
    R_REPLAN,
    R_ROLL,
    R_SESSION_END,
    R_TP1,
    R_TP2,
    R_TRAIL,
)
from pse.kernels.compiled import hot, inner
from pse.kernels.contract import (
    C_ATR,
    C_DAILY_ATR,
    INVALID_TARGET_SEEN,
    INVALID_TOUCH,
    LIMIT,
    MARKET,
    NO_BREAKEVEN,
    STOP,
    STOP_LIMIT,
    TRAIL_BARS,
    TRAIL_RANGE,
)
from pse.kernels.costs import fee_of, part_fee, plan_slip, slip_points
from pse.kernels.matching import NO_FILL, NO_LEG, adverse_reach, against, entry_fill, exit_fill, fillable, fired_by, fires_inside, target_counts
from pse.kernels.orders import (
    after_first_target,
    after_part,
    cancel_entry,
    first_target_quantity,
    move_stop,
    request_exit,
    request_part,
    send_stop,
    stop_name,
    take_entry,
    take_exit,
)
from pse.kernels.plans import (
    TRAIL_CHANDELIER,
    TRAIL_FIXED,
    breakeven_stop,
    excursion,
    extended,
    fixed_distance,
    forget_bars,
    last_extreme,
    push_bar,
    trail_stop,
)
from pse.kernels.state import A_ROLL, BAR_BLACKOUT, BAR_FINE, BAR_ROLL, BAR_WHOLE
from pse.kernels.targets import EPS

TRAIL_BARS_FROM_R = 1.0


@inner
def side_cost(state, world, slot, quantity, price):
    """Fee of an order of a plan that fills at once, money of the account."""
    plan = state.plans[slot]
    return fee_of(world.instruments[plan.symbol], plan.micro, quantity, price) * rate_of(state, world, slot)


@inner
def market_exit(state, world, log, slot, ts, price, reason):
    """Closes what is held at a last price: no bar says how much was traded there, so it counts as the largest share of one."""
    plan, policy = state.plans[slot], world.policy[0]
    leave_at(state, world, log, slot, ts, price, reason, slip_points(world.instruments[plan.symbol], policy, plan.spread, plan.atr, policy.volume_share, 0))


@inner
def leave_at(state, world, log, slot, ts, price, reason, slip):
    """Closes what is held at a price that is already known, `slip` points against us."""
    plan = state.plans[slot]
    instrument = world.instruments[plan.symbol]
    fill = against(price, -plan.direction, slip, instrument.tick)
    fee = side_cost(state, world, slot, plan.held, fill)
    take_exit(state, world, log, slot, ts, LEG_EXIT, F_MARKET, fill, plan.held, fee, slip, reason)


@inner
def part_exit(state, world, log, slot, ts, price, slip):
    """The part of a position that was asked to leave, at a price that is already known, `slip` points against us."""
    plan = state.plans[slot]
    instrument, policy = world.instruments[plan.symbol], world.policy[0]
    quantity = min(plan.reduce, plan.held)
    fill = against(price, -plan.direction, slip, instrument.tick)
    fee = side_cost(state, world, slot, quantity, fill)
    plan.reduce = 0.0
    take_exit(state, world, log, slot, ts, LEG_EXIT, F_MARKET, fill, quantity, fee, slip, R_REPLAN)
    if holds(plan):
        after_part(log, ts, plan, instrument, policy, R_REPLAN)


@inner
def roll_over(state, world, log, symbol):
    """A new contract begins: the plans of the old one ended at its last price, or go on from there on the new one."""
    record, policy = state.symbols[symbol], world.policy[0]
    if record.rolled_at == record.last_ts:
        return
    record.rolled_at = record.last_ts
    gap = roll_gap(world, symbol, record.last_ts) if policy.roll_carry else np.nan
    for slot in slots_of(state, symbol):
        plan = state.plans[slot]
        if not is_live(plan):
            continue
        cancel_entry(log, record.last_ts, plan, R_ROLL)
        if holds(plan):
            if policy.match == EXTERNAL:
                request_exit(log, record.last_ts, plan, R_ROLL)
            elif gap == gap and plan.pending == 0:
                carry_over(state, world, log, slot, record.last_ts, record.last_close, gap)
            else:
                market_exit(state, world, log, slot, record.last_ts, record.last_close, R_ROLL)
    if gap == gap:
        record.last_close += gap
    forget_bars(record)


@inner
def roll_gap(world, symbol, since):
    """Points that the next contract of a symbol stands above the one that ends, NaN where nobody knows."""
    for i in range(world.actions.size):
        row = world.actions[i]
        if row.kind == A_ROLL and row.symbol == symbol and row.ts >= since:
            return row.amount
    return np.nan


@inner
def carry_over(state, world, log, slot, ts, price, gap):
    """Closes what is held on the old contract at its last price and opens it on the new one, both with slippage and fees.

    The plan's prices move by the gap between the contracts; what is gained or lost is that of the fills, the gap itself is neither.
    """
    plan, account, policy = state.plans[slot], state.account[0], world.policy[0]
    instrument, value, held = world.instruments[plan.symbol], value_of(state, world, slot), plan.held
    slip = slip_points(instrument, policy, plan.spread, plan.atr, policy.volume_share, 0)
    sold, bought = against(price, -plan.direction, slip, instrument.tick), against(price + gap, plan.direction, slip, instrument.tick)
    gain = plan.direction * (sold - plan.entry)
    fee = side_cost(state, world, slot, held, sold)
    plan.gross += gain * held * value
    account.balance += gain * held * value - fee
    plan.held = 0.0
    fill_event(state, world, log, slot, ts, R_ROLL, LEG_EXIT, F_MARKET, sold, held, fee, slip)
    again = side_cost(state, world, slot, held, bought)
    account.balance -= again
    account.fees += fee + again
    plan.fees += fee + again
    plan.slippage += 2.0 * slip * held * value
    plan.held, plan.entry, plan.carried = held, bought, plan.carried + gain
    fill_event(state, world, log, slot, ts, R_ROLL, LEG_ENTRY, F_MARKET, bought, held, again, slip)
    plan.limit, plan.limit_price, plan.stop, plan.stop_next = plan.limit + gap, plan.limit_price + gap, plan.stop + gap, plan.stop_next + gap
    plan.stop_first, plan.target, plan.target2, plan.best = plan.stop_first + gap, plan.target + gap, plan.target2 + gap, plan.best + gap
    plan.invalid_price += gap
    plan.exit_value += gap * plan.exited
    after_part(log, ts, plan, instrument, policy, R_ROLL)


@hot
def due_cancels(state, world, log, slot, bar):
    """Validity, news window and session end, before the bar trades."""
    plan, policy, ts = state.plans[slot], world.policy[0], bar.ts
    if rest_of_entry(plan) <= EPS:
        return
    if plan.valid_until <= ts:
        cancel_entry(log, ts, plan, R_EXPIRED)
    elif bar.flags & BAR_BLACKOUT and plan.activated:
        cancel_entry(log, ts, plan, R_NEWS_BLACKOUT)
    elif policy.flat_session and ts >= plan.flat_at:
        cancel_entry(log, ts, plan, R_SESSION_END)


@hot
def bracket_exits(state, world, log, slot, bar, favourable, adverse, open_decides):
    """Stop and targets of what is held, in the bar's order; at most the first target, the second and a stop.

    favourable, adverse: the best and the worst price of the bar that count; both the open while only the open decides.
    """
    plan = state.plans[slot]
    instrument, policy = world.instruments[plan.symbol], world.policy[0]
    open_ = bar.open
    while holds(plan):
        slip = plan_slip(plan, instrument, policy, plan.held, bar.volume, bar.flags)
        target = plan.target2 if plan.target_done else plan.target
        leg, price, ambiguous = exit_fill(plan.direction, plan.stop, target, open_, favourable, adverse, instrument.tick, policy, slip, open_decides)
        if leg == NO_LEG:
            return
        if ambiguous:
            plan.ambiguous = 1
        if leg == LEG_STOP:
            gapped = plan.direction * (open_ - plan.stop) < -EPS
            plan.adverse = max(plan.adverse, plan.direction * (basis(plan) - price))
            fee = side_cost(state, world, slot, plan.held, price)
            take_exit(state, world, log, slot, bar.ts, LEG_STOP, F_GAP if gapped else F_STOP, price, plan.held, fee, slip, stop_name(plan))
            return
        plan.favourable = max(plan.favourable, plan.direction * (price - basis(plan)))
        plan.adverse = max(plan.adverse, plan.direction * (basis(plan) - adverse))
        if plan.target_done:
            fee = side_cost(state, world, slot, plan.held, price)
            take_exit(state, world, log, slot, bar.ts, LEG_TARGET2, F_TARGET, price, plan.held, fee, 0.0, R_TP2)
            return
        quantity = first_target_quantity(plan, instrument, policy)
        fee = side_cost(state, world, slot, quantity, price)
        take_exit(state, world, log, slot, bar.ts, LEG_TARGET1, F_TARGET, price, quantity, fee, 0.0, R_TP1)
        if holds(plan):
            cancel_entry(log, bar.ts, plan, R_TP1)
            after_first_target(log, bar.ts, plan)


@hot
def leaves_at_open(state, world, log, slot, bar):
    """A position that was asked to go, or whose session ends, goes at this open."""
    plan, policy, ts = state.plans[slot], world.policy[0], bar.ts
    if policy.flat_session and ts >= plan.flat_at and plan.pending == 0:
        request_exit(log, ts, plan, R_SESSION_END)
    if policy.match == EXTERNAL:
        return
    slip = plan_slip(plan, world.instruments[plan.symbol], policy, plan.held, bar.volume, bar.flags)
    if plan.pending:
        leave_at(state, world, log, slot, ts, bar.open, plan.pending, slip)
    elif plan.reduce > 0.0:
        part_exit(state, world, log, slot, ts, bar.open, slip)


@hot
def work_entry(state, world, log, slot, bar):
    """The entry order against this bar, after its activation check at the first open that may fill it.  Returns the kind of its fill, or NO_FILL."""
    plan = state.plans[slot]
    instrument, policy, ts = world.instruments[plan.symbol], world.policy[0], bar.ts
    if ts < plan.first_open or rest_of_entry(plan) <= EPS:
        return NO_FILL
    if not plan.activated:
        plan.activated = 1
        reason = activate(state, world, log, slot, bar)
        if reason != R_OK:
            cancel_entry(log, ts, plan, reason)
            return NO_FILL
    if policy.match == EXTERNAL:
        return NO_FILL
    quantity = fillable(rest_of_entry(plan), bar.volume, policy.volume_share, lot_of(instrument, plan.micro))
    slip = plan_slip(plan, instrument, policy, quantity, bar.volume, bar.flags)
    order_type, asked = np.int64(plan.order_type), plan.limit
    if plan.fired and order_type == STOP:                             # what is left of it is bought in the market, or rests at its limit
        order_type = MARKET
    elif plan.fired and order_type == STOP_LIMIT:
        order_type, asked = LIMIT, plan.limit_price
    kind, price = entry_fill(order_type, plan.direction, asked, plan.limit_price, plan.stop, bar.open, bar.high, bar.low, instrument.tick, policy, slip)
    plan.fires_inside = kind != NO_FILL and fires_inside(order_type, plan.fired != 0, plan.direction, plan.limit, bar.open)
    if plan.fired == 0 and fired_by(bar.high if plan.direction > 0 else bar.low, plan.limit, plan.direction):
        plan.fired = 1
    if kind == NO_FILL:
        return NO_FILL
    paid = 0.0 if order_type == LIMIT or kind == F_LIMIT else slip
    if order_type == STOP_LIMIT and kind != F_LIMIT:                  # bought at its limit it pays no more than the way there
        paid = min(slip, plan.direction * (price - (plan.limit if kind == F_STOP else bar.open)))
    fee = part_fee(instrument, plan.micro, plan.filled, plan.entry, quantity, price) * rate_of(state, world, slot)
    take_entry(state, world, log, slot, ts, kind, price, quantity, fee, paid)
    if kind == F_GAP:
        slip = plan_slip(plan, instrument, policy, plan.held, bar.volume, bar.flags)
        out = against(bar.open, -plan.direction, slip, instrument.tick)
        plan.adverse = max(plan.adverse, plan.direction * (plan.entry - out))
        fee = side_cost(state, world, slot, plan.held, out)
        take_exit(state, world, log, slot, ts, LEG_STOP, F_GAP, out, plan.held, fee, slip, stop_name(plan))
    return kind


@hot
def step_plan(state, world, log, slot, bar):
    """At the bar's close: excursions, breakeven, trail; what they move acts from the next bar."""
    plan = state.plans[slot]
    instrument, policy, record = world.instruments[plan.symbol], world.policy[0], state.symbols[plan.symbol]
    close_ts = bar.ts_close
    plan.bars_held += 1
    favourable, adverse = excursion(plan.direction, basis(plan), bar.high, bar.low, bar.close, plan.filled_inside != 0)
    plan.favourable = max(plan.favourable, favourable)
    plan.adverse = max(plan.adverse, adverse)
    if not plan.breakeven_done and not plan.flags & NO_BREAKEVEN:
        reach = np.inf if plan.target_done else favourable
        moved = breakeven_stop(plan.direction, basis(plan), plan.stop_next, plan.risk_points, reach, policy.breakeven_r, policy.breakeven_ticks,
                               instrument.tick)
        if reach >= policy.breakeven_r * plan.risk_points - EPS:
            plan.breakeven_done = 1
        if moved != plan.stop_next:
            move_stop(log, close_ts, plan, moved, R_BE)
    if policy.trail_swing and plan.target_done:
        swing = record.swing_low if plan.direction > 0 else record.swing_high
        moved = trail_stop(plan.direction, plan.stop_next, swing, plan.buffer, instrument.tick)
        if moved != plan.stop_next:
            move_stop(log, close_ts, plan, moved, R_TRAIL)
    if policy.trail_best or plan.flags & (TRAIL_RANGE | TRAIL_BARS):
        trail_close(state, world, log, slot, bar)


@inner
def known_range(state, world, symbol, ts, column):
    """The range in a context column that is known at a bar's close: of the decision at this moment, whose row is still ahead, else of the latest."""
    r = state.account[0].row
    while r < world.row_ts.size and world.row_ts[r] == ts:
        if world.row_symbol[r] == symbol:
            return world.context[r, column]
        r += 1
    return world.context[state.symbols[symbol].row, column] / state.symbols[symbol].row_splits       # points of the shares before a split


@inner
def trail_close(state, world, log, slot, bar):
    """The stop behind the best price since entry, by a multiple of a range or a fixed distance, or one tick beyond the last bars from 1R on."""
    plan = state.plans[slot]
    policy, record, tick = world.policy[0], state.symbols[plan.symbol], world.instruments[plan.symbol].tick
    stop = plan.stop_next
    plan.best = extended(plan.direction, plan.best, bar.high, bar.low, bar.close, entered_inside(plan, bar))
    if plan.flags & TRAIL_RANGE:
        stop = trail_stop(plan.direction, stop, plan.best, policy.trail_range_atr * known_range(state, world, plan.symbol, bar.ts_close, C_DAILY_ATR), tick)
    if policy.trail_best == TRAIL_CHANDELIER:
        stop = trail_stop(plan.direction, stop, plan.best, policy.trail_range_atr * known_range(state, world, plan.symbol, bar.ts_close, C_ATR), tick)
    elif policy.trail_best == TRAIL_FIXED:
        stop = trail_stop(plan.direction, stop, plan.best, fixed_distance(plan.best, policy.trail_ticks, policy.trail_percent, tick), tick)
    if plan.flags & TRAIL_BARS and plan.favourable >= TRAIL_BARS_FROM_R * plan.risk_points - EPS:
        stop = trail_stop(plan.direction, stop, last_extreme(plan.direction, record), tick, tick)
    if stop != plan.stop_next:
        move_stop(log, bar.ts_close, plan, stop, R_TRAIL)


@hot
def invalidate_entry(log, plan, bar):
    """An unfilled entry is over when a bar closes beyond its stop, trades at its invalid price, or traded at its target without it."""
    d, close_ts = plan.direction, bar.ts_close
    if d * (bar.close - plan.stop) < -EPS:
        cancel_entry(log, close_ts, plan, R_CLOSE_BEYOND_STOP)
        return
    reach, against_it = (bar.high, bar.low) if d > 0 else (bar.low, bar.high)
    if plan.invalid_flags & INVALID_TOUCH and d * (against_it - plan.invalid_price) <= EPS:
        cancel_entry(log, close_ts, plan, R_LEVEL_TRADED)
    elif plan.held <= 0.0 and plan.invalid_flags & INVALID_TARGET_SEEN and d * (reach - plan.target) >= -EPS:
        cancel_entry(log, close_ts, plan, R_MISSED)


@hot
def watch_bar(record, high, low, close, close_ts, swing_side):
    """What every bar leaves behind, held or not: the window of swings and the last price."""
    push_bar(record, high, low, swing_side)
    record.last_close = close
    record.last_ts = close_ts


@hot
def trade_bar(state, world, log, slot, bar):
    """One base bar against a live plan.

    What the open decides comes first, then the entry, then stop and targets of all that is held: an entry that fills in parts can lose each part in
    the bar that fills it.  The rules say whether the target counts in a bar with a fill.
    """
    plan, simulated = state.plans[slot], world.policy[0].match != EXTERNAL
    plan.stop, plan.filled_inside, plan.fires_inside = plan.stop_next, 0, 0
    filled = NO_FILL
    due_cancels(state, world, log, slot, bar)
    if holds(plan):
        leaves_at_open(state, world, log, slot, bar)
    if simulated and holds(plan):
        bracket_exits(state, world, log, slot, bar, bar.open, bar.open, YES)
    if is_live(plan):
        filled = work_entry(state, world, log, slot, bar)
        plan.filled_inside = filled == F_LIMIT if simulated else entered_inside(plan, bar)
    if simulated and holds(plan):
        policy = world.policy[0]
        best = bar.high if plan.direction > 0 else bar.low
        worst = adverse_reach(plan.direction, bar.high, bar.low, bar.close, plan.fires_inside != 0, policy)
        bracket_exits(state, world, log, slot, bar, best if target_counts(filled, policy) else np.nan, worst, NO)


@hot
def step_bar(state, world, log, bar):
    """Everything that one base bar does to the live plans of its symbol, or to a rolling one.

    Where the desk's bar is looked into, its finer bars fill and it does the rest itself, at its close: what is done with a plan never hangs on how fine
    the bars are that fill.
    """
    record, held, whole = state.symbols[bar.symbol], 0, bar.flags & BAR_WHOLE
    if bar.flags & BAR_ROLL and record.last_ts > 0:
        roll_over(state, world, log, bar.symbol)
    for slot in slots_of(state, bar.symbol):
        if not whole and is_live(state.plans[slot]):
            trade_bar(state, world, log, slot, bar)
    if bar.flags & BAR_FINE:
        record.last_close = bar.close
        record.last_ts = bar.ts_close
        return
    watch_bar(record, bar.high, bar.low, bar.close, bar.ts_close, world.policy[0].swing_side)
    for slot in slots_of(state, bar.symbol):
        plan = state.plans[slot]
        if is_live(plan):
            if holds(plan):
                held = 1
                if whole:
                    plan.filled_inside = entered_inside(plan, bar)
                step_plan(state, world, log, slot, bar)
            if rest_of_entry(plan) > EPS:
                invalidate_entry(log, plan, bar)
    state.account[0].market_minutes += held


@inner
def is_a_fill(record):
    """Whether a broker's report can be a fill: a price and a quantity above nothing, a fee that is a number, a leg that there is."""
    numbers = 0.0 < record.price < np.inf and 0.0 < record.quantity < np.inf and abs(record.fee) < np.inf
    return numbers and 0 <= record.leg <= LEG_EXIT


@inner
def take_input_fill(state, world, log, record):
    """A fill that a broker outside reports."""
    slot = slot_of(state, record.symbol, record.plan)
    plan = state.plans[slot]
    if not is_live(plan) or plan.number != record.plan or not is_a_fill(record):
        return False
    if record.leg == LEG_ENTRY:
        take_entry(state, world, log, slot, record.ts, F_MARKET if plan.order_type == MARKET else F_LIMIT, record.price, record.quantity, record.fee, 0.0)
        if plan.leaves:
            request_exit(log, record.ts, plan, plan.leaves)
        elif plan.filled > plan.quantity + EPS and not plan.pending:       # what the broker filled before the order was cut leaves again
            new_version(log, record.ts, plan, R_REPLAN)
            request_part(log, record.ts, plan, min(plan.held, record.quantity, plan.filled - plan.quantity), R_REPLAN)
        return True
    if record.quantity > plan.held + EPS:
        return False
    if record.leg == LEG_STOP:
        take_exit(state, world, log, slot, record.ts, LEG_STOP, F_STOP, record.price, record.quantity, record.fee, 0.0, stop_name(plan))
    elif record.leg == LEG_TARGET1:
        take_exit(state, world, log, slot, record.ts, LEG_TARGET1, F_TARGET, record.price, record.quantity, record.fee, 0.0, R_TP1)
        plan.target_left -= record.quantity
        if holds(plan) and not plan.target_done:
            cancel_entry(log, record.ts, plan, R_TP1)
            if plan.target_left > EPS:
                send_stop(log, record.ts, plan, R_TP1)                 # the rest of the target works on; the stop is for what is left
            else:
                after_first_target(log, record.ts, plan)
    elif record.leg == LEG_TARGET2:
        take_exit(state, world, log, slot, record.ts, LEG_TARGET2, F_TARGET, record.price, record.quantity, record.fee, 0.0, R_TP2)
    else:
        plan.reduce = max(0.0, plan.reduce - record.quantity)
        reason = plan.pending if plan.pending else R_REPLAN
        take_exit(state, world, log, slot, record.ts, LEG_EXIT, F_MARKET, record.price, record.quantity, record.fee, 0.0, reason)
        if holds(plan) and not plan.pending:
            after_part(log, record.ts, plan, world.instruments[plan.symbol], world.policy[0], R_REPLAN)
    return True
