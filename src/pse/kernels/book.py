"""The book: plans, their fills and exits, money, and the events that tell of them.

The state's records are arguments that these functions change; `World` is what they only read.
"""

from typing import NamedTuple

import numpy as np

from pse.kernels.codes import (
    ACTOR_OPERATOR,
    ACTOR_RULE,
    E_BREAKER,
    E_CHARGE,
    E_EXIT,
    E_FILL,
    E_ORDER,
    E_PASSED_OVER,
    E_PLAN,
    E_SESSION,
    EXTERNAL,
    F_LIMIT,
    LEG_ENTRY,
    LEG_EXIT,
    LEG_STOP,
    LEG_TARGET1,
    LEG_TARGET2,
    O_CANCEL,
    O_NEW,
    O_REPLACE,
    P_ARMED,
    P_CLOSED,
    P_NONE,
    P_OPEN,
    P_PARTIAL,
    R_BE,
    R_ENTRY_FILL,
    R_OK,
    R_OPERATOR,
    R_PARTIAL,
    R_SL,
    R_TRAIL,
    TCC_NONE,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import C_DAILY_ROW, C_RATE, C_TCC_CLASS, C_TCC_DIR, LIMIT, MARKET, NO_PARTIAL, STOP, WAITS_AFTER_STOP
from pse.kernels.plans import partial_quantity
from pse.kernels.state import ACTION_DTYPE
from pse.kernels.targets import EPS

LONG_SIDE = 1                    # index of the long side in pairs [short, long]
NOBODY, NIL, ONE, TWO = np.arange(-1, 3)         # fillers of events, typed as codes are
NO, YES = np.array([False, True])
NO_ACTIONS = np.zeros(0, ACTION_DTYPE)


class Tape(NamedTuple):
    """Base bars of all symbols on one time line, at one instant in the desk's order; arrays of one length."""

    ts: np.ndarray               # int64 open of the bar
    ts_close: np.ndarray         # int64 its close, never falling
    symbol: np.ndarray           # int16
    open: np.ndarray             # float64, as traded
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    day: np.ndarray              # int32 trading day yyyymmdd
    flags: np.ndarray            # int16 BAR_ROLL, BAR_BLACKOUT, BAR_FINE, BAR_WHOLE


class World(NamedTuple):
    """What else the engine reads: decision rows, setups, daily returns, instruments, policy."""

    row_ts: np.ndarray           # int64[rows] decision time
    row_symbol: np.ndarray       # int64[rows]
    context: np.ndarray          # float64[rows, columns]
    setups: np.ndarray           # SETUP_DTYPE
    returns: np.ndarray          # float64[days, symbols], NaN where a symbol has none
    instruments: np.ndarray      # INSTRUMENT_DTYPE[symbols]
    policy: np.ndarray           # POLICY_DTYPE[1]
    actions: np.ndarray = NO_ACTIONS       # ACTION_DTYPE splits and dividends of the window, in order of time


class State(NamedTuple):
    """What the engine owns.  Views of one block of bytes."""

    account: np.ndarray          # ACCOUNT_DTYPE[1]
    symbols: np.ndarray          # SYMBOL_DTYPE[symbols]
    plans: np.ndarray            # PLAN_DTYPE[symbols * plans a symbol], those of one symbol side by side: slots
    tallies: np.ndarray          # TALLY_DTYPE[tactics, grades]
    told: np.ndarray             # HEARD_DTYPE[symbols, tactics]
    verdicts: np.ndarray         # VERDICT_DTYPE[MAX_CANDIDATES]
    asked: np.ndarray            # int64[MAX_CANDIDATES] setup rows of the open question
    turn: np.ndarray             # int64[symbols] symbols of the instant in order of rank
    live: np.ndarray             # int64[slots] in the desk's order, all whose plan is live among them; the first account.live count
    bar: np.ndarray              # BAR_DTYPE[1] the bar at hand
    losses: np.ndarray           # float64[3, days] scratch of the tail-risk gate
    weighed: np.ndarray          # float64[slots, 4] scratch of tail risk and of what moves together: everything live
    ranks: np.ndarray            # float64[MAX_CANDIDATES] scratch of the choice among the setups of a symbol and instant
    chosen: np.ndarray           # int64[8, MAX_CANDIDATES] scratch of the same


class Log(NamedTuple):
    """Where events and trades go.  `used` int64[2] counts both; `brief` int64[1] is 1 where sessions, exits, breakers and charges are enough."""

    events: np.ndarray           # EVENT_DTYPE
    trades: np.ndarray           # TRADE_DTYPE
    used: np.ndarray
    brief: np.ndarray


@inner
def emit(log, kind, ts, symbol, setup, plan, code, i, j, k, a, b, c, d, e, f):
    """Writes one event; whoever calls the engine has made sure of the room."""
    if log.brief[0] and kind != E_SESSION and kind != E_EXIT and kind != E_BREAKER and kind != E_CHARGE:
        return
    at = log.used[0]
    if at >= log.events.size:                                          # whoever emptied the log too rarely is told by a full one
        return
    event = log.events[at]
    event.kind = kind
    event.ts = ts
    event.symbol = symbol
    event.setup = setup
    event.plan = plan
    event.code = code
    event.i = i
    event.j = j
    event.k = k
    event.a = a
    event.b = b
    event.c = c
    event.d = d
    event.e = e
    event.f = f
    event.g = 0.0
    log.used[0] = at + 1


@inner
def fill_event(state, world, log, slot, ts, reason, leg, kind, price, quantity, fee, slip):
    """A fill as it changed the plan and the balance, with the rate that made it money of the account."""
    plan, at = state.plans[slot], log.used[0]
    emit(log, E_FILL, ts, plan.symbol, plan.setup, plan.number, reason, leg, kind, plan.micro, price, quantity, fee, slip, plan.held,
         state.account[0].balance)
    if log.used[0] > at:
        log.events[at].g = rate_of(state, world, slot)


@inner
def passed_over(log, now, symbol, setup, code):
    emit(log, E_PASSED_OVER, now, symbol, setup, NOBODY, code, NIL, NIL, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@inner
def point_value(instrument, micro):
    return instrument.micro_point_value if micro else instrument.point_value


@inner
def rate_of(state, world, slot):
    """Money of the account for one of a plan's currency, by its symbol's latest decision row; the rate of the plan's decision where that has none."""
    plan = state.plans[slot]
    r = state.symbols[plan.symbol].row
    rate = world.context[r, C_RATE] if r >= 0 else np.nan
    return rate if rate == rate else plan.rate


@inner
def value_of(state, world, slot):
    """Money of the account for one point of one unit of what a plan trades."""
    plan = state.plans[slot]
    return point_value(world.instruments[plan.symbol], plan.micro) * rate_of(state, world, slot)


@inner
def conviction(context, direction):
    """The class of trend conviction in a direction: none where it speaks for the other or is unknown."""
    found = context[C_TCC_CLASS]
    return np.int64(found) if found > TCC_NONE and context[C_TCC_DIR] == direction else TCC_NONE


@inner
def lot_of(instrument, micro):
    return instrument.micro_lot if micro else instrument.lot


@inner
def order_event(log, ts, plan, leg, action, order_type, price, quantity, version, reason):
    if leg == LEG_TARGET1 and action != O_CANCEL:
        plan.target_left = quantity
    emit(log, E_ORDER, ts, plan.symbol, plan.setup, plan.number, reason, leg, action, order_type, price, quantity, float(version), plan.stop, plan.target,
         float(plan.micro))


@inner
def plan_event(log, ts, plan, reason, actor):
    """A version of a plan: what it holds now, why it changed and who changed it (k: micro + 2 x actor)."""
    emit(log, E_PLAN, ts, plan.symbol, plan.setup, plan.number, reason, plan.version, plan.status, plan.micro + 2 * actor, plan.stop_next, plan.target,
         plan.target2, plan.held, plan.quantity, plan.entry)


@inner
def new_version(log, ts, plan, reason):
    """The next version of a plan, made by a rule or by a command of the operator."""
    plan.version += 1
    plan_event(log, ts, plan, reason, ACTOR_OPERATOR if reason == R_OPERATOR else ACTOR_RULE)


@inner
def is_live(plan):
    return plan.status == P_ARMED or plan.status == P_OPEN or plan.status == P_PARTIAL


@inner
def holds(plan):
    return plan.held > 0.0


@inner
def rest_of_entry(plan):
    """What of the entry order still works."""
    return plan.quantity - plan.filled if plan.valid_until > 0 else 0.0


@inner
def open_risk(plan, value, price_now):
    """Money lost if what is held goes from here to the stop of the next bar, and what works on goes from its limit to the first stop.

    value: money of the account a point and unit.
    """
    risk = max(0.0, plan.direction * (price_now - plan.stop_next)) * plan.held * value
    return risk + rest_of_entry(plan) * plan.planned_risk * value


@inner
def notional(plan, value, price_now):
    return plan.held * price_now * value + rest_of_entry(plan) * plan.limit * value


@inner
def unrealised(plan, value, price_now):
    return plan.direction * (price_now - plan.entry) * plan.held * value if plan.held > 0.0 else 0.0


@inner
def last_close(state, slot):
    """Last price known of what a plan trades."""
    return state.symbols[state.plans[slot].symbol].last_close


@inner
def plans_a_symbol(state):
    """How many plans a symbol has room for; those of symbol s stand in slots s * n to s * n + n - 1."""
    return state.plans.size // state.symbols.size


@inner
def slots_of(state, symbol):
    """The slots of a symbol's plans."""
    each = plans_a_symbol(state)
    return range(symbol * each, symbol * each + each)


@inner
def slot_of(state, symbol, number):
    """The slot of the symbol's plan with this number; its first where there is none."""
    for slot in slots_of(state, symbol):
        if state.plans[slot].number == number:
            return slot
    return symbol * plans_a_symbol(state)


@inner
def is_taken(state, symbol, direction):
    """Whether nothing new may be entered: no slot is free, or what is live there works, leaves or stands on the other side."""
    free = False
    for slot in slots_of(state, symbol):
        plan = state.plans[slot]
        if not is_live(plan):
            free = True
        elif plan.held <= 0.0 or rest_of_entry(plan) > EPS or plan.pending or plan.cancelling or plan.direction != direction:
            return True
    return not free


@inner
def mark(state, world):
    """Equity: the balance and every position at its symbol's last close."""
    equity = state.account[0].balance
    for a in range(state.account[0].live):
        slot = state.live[a]
        equity += unrealised(state.plans[slot], value_of(state, world, slot), last_close(state, slot))
    return equity


@inner
def list_live(state, slot):
    """Takes a new plan into the list of live ones, in the desk's order."""
    account, plan = state.account[0], state.plans[slot]
    if plan.listed:
        return
    plan.listed = 1
    at = account.live
    while at > 0 and state.live[at - 1] > slot:
        state.live[at] = state.live[at - 1]
        at -= 1
    state.live[at] = slot
    account.live += 1


@inner
def settle_live(state):
    """Drops from the list what is live no more."""
    account, kept = state.account[0], 0
    for a in range(account.live):
        slot = state.live[a]
        if is_live(state.plans[slot]):
            state.live[kept] = slot
            kept += 1
        else:
            state.plans[slot].listed = 0
    account.live = kept


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
        side = LONG_SIDE if plan.direction > 0 else 0
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
def basis(plan):
    """The price at which the trade stands even: its entry, on the scale of the contract that is held."""
    return plan.entry - plan.direction * plan.carried


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
        side = LONG_SIDE if plan.direction > 0 else 0
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
def entered_inside(plan, bar):
    """Whether the entry of this plan filled in this bar, after its open."""
    return bar.ts <= plan.entry_ts < bar.ts_close and (plan.entry_kind == F_LIMIT or plan.entry_ts > bar.ts)


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
