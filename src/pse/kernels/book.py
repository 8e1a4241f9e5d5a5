"""The book: what the engine owns and reads, what a plan is worth, and the events that tell of it.

The state's records are arguments that the functions of the engine change; `World` is what they only read.
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
    F_LIMIT,
    LEG_TARGET1,
    O_CANCEL,
    P_ARMED,
    P_OPEN,
    P_PARTIAL,
    R_OPERATOR,
    TCC_NONE,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import C_RATE, C_TCC_CLASS, C_TCC_DIR
from pse.kernels.state import ACTION_DTYPE
from pse.kernels.targets import EPS

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
def side_of(direction):
    """The place of a direction in pairs [short, long]."""
    return 1 if direction > 0 else 0


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
def basis(plan):
    """The price at which the trade stands even: its entry, on the scale of the contract that is held."""
    return plan.entry - plan.direction * plan.carried


@inner
def entered_inside(plan, bar):
    """Whether the entry of this plan filled in this bar, after its open."""
    return bar.ts <= plan.entry_ts < bar.ts_close and (plan.entry_kind == F_LIMIT or plan.entry_ts > bar.ts)


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
