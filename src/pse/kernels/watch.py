"""What is watched: trading days, breakers, the age of orders and plans, and the price of deliberation."""


import numpy as np

from pse.kernels.book import NIL, NOBODY, ONE, TWO, basis, conviction, emit, holds, is_live, last_close, mark, rest_of_entry, slots_of, value_of
from pse.kernels.breakers import call_breaker, data_breaker, equity_breaker
from pse.kernels.codes import (
    B_CLOSED,
    B_HALF_OPEN,
    B_OPEN,
    B_TICK,
    E_BREAKER,
    E_CHARGE,
    E_SESSION,
    EXTERNAL,
    R_BE,
    R_BORROW,
    R_CLOSE_BEYOND_LEVEL,
    R_DAILY_LOSS,
    R_EXPIRED,
    R_MCS,
    R_OK,
    R_OPPOSITE_MSS,
    R_RESCORED,
    R_SESSION_END,
    R_STALE,
    R_TCC_AGAINST,
    R_TCC_LOWER,
    TCC_HIGH,
    TCC_MEDIUM,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import (
    C_CLOSE,
    C_DAILY_ROW,
    C_MCS,
    C_MSS_DIR,
    C_TCC_CLASS,
    C_TCC_DIR,
    ENTER,
    INVALID_CLOSE,
    INVALID_MCS,
    INVALID_OPPOSITE_MSS,
    INVALID_TCC_AGAINST,
    INVALID_TCC_LOW,
    INVALID_TCC_LOWER,
    LEAVES_ON_RESCORE,
    LEAVES_ON_TCC_LOWER,
    NO_STALE,
    REFUSED,
)
from pse.kernels.gates import is_permitted, loss_used
from pse.kernels.margin import call_margin
from pse.kernels.orders import cancel_entry, move_stop, request_exit
from pse.kernels.plans import falls_short, is_same_idea, is_stale, trail_stop
from pse.kernels.simulate import roll_over
from pse.kernels.state import BAR_ROLL
from pse.kernels.targets import EPS

DAYS_A_YEAR = 365.0
LEAVES_BELOW_R = 0.5             # a position that conviction leaves is kept, behind breakeven, from this favourable distance on


@inner
def session_event(state, log, ts):
    """The trading day that is over: equity, balance, minutes in the market and minutes present."""
    account = state.account[0]
    emit(log, E_SESSION, ts, NOBODY, NOBODY, NOBODY, R_OK, account.day, account.market_minutes, account.session_minutes, account.equity, account.balance,
         account.fees, account.charges, 0.0, 0.0)


@inner
def nights(first, last):
    """Calendar days from one date yyyymmdd to another, by the Gregorian calendar (days from civil, Hinnant 2013)."""
    return civil_day(last) - civil_day(first)


@inner
def civil_day(date):
    """Days of a date yyyymmdd since a fixed one."""
    month = date // 100 % 100
    year = date // 10_000 - (1 if month <= 2 else 0)
    since_march = (month + 9) % 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * since_march + 2) // 5 + date % 100


@inner
def charge_borrowing(state, world, log, days):
    """What was sold short and is held over night costs the rate of whoever lends it: of its value at the last price, for each night of a year of 365."""
    account = state.account[0]
    if world.policy[0].match == EXTERNAL:                              # its account tells of cash
        return
    for a in range(account.live):
        slot = state.live[a]
        plan = state.plans[slot]
        rate = world.instruments[plan.symbol].borrow_rate
        if rate > 0.0 and plan.direction < 0 and plan.held > 0.0:
            cost = plan.held * last_close(state, slot) * value_of(state, world, slot) * rate * days / DAYS_A_YEAR
            account.balance -= cost
            account.charges += cost
            emit(log, E_CHARGE, account.now, plan.symbol, plan.setup, plan.number, R_BORROW, NIL, NIL, NIL, cost, account.balance, plan.held, rate, float(days),
                 0.0)


@inner
def reset_mark(state, log, ts):
    """The operator counts the drawdown from here: the high-water mark is the equity at hand, and a tripped equity breaker closes."""
    account = state.account[0]
    breaker_event(log, ts, TWO, account.equity_state, B_CLOSED, account.equity, account.high_water)
    account.high_water, account.equity_state = account.equity, B_CLOSED


@inner
def start_day(state, world, log, day):
    """A new trading day: the old one is told, daily counters start again, tallies fade."""
    account, policy = state.account[0], world.policy[0]
    account.equity = mark(state, world)
    if account.day > 0:
        session_event(state, log, account.now)
        charge_borrowing(state, world, log, nights(account.day, day))
        account.equity = mark(state, world)
    account.day = day
    account.days += 1
    account.day_start_equity = account.equity
    account.losses_today = 0
    account.day_over = 0
    account.session_minutes = 0
    account.market_minutes = 0
    for tactic in range(state.tallies.shape[0]):
        for grade in range(state.tallies.shape[1]):
            record = state.tallies[tactic, grade]
            record.wins *= policy.ev_decay
            record.trades *= policy.ev_decay
            record.win_r *= policy.ev_decay
    if account.equity_state == B_OPEN and policy.auto_ack_days > 0 and account.days - account.equity_tripped_day >= policy.auto_ack_days:
        acknowledge(state, log, account.now)


@inner
def roll_before_day(state, tape, world, log):
    """Old contracts end at their last price before the new day counts its first equity; a later symbol's roll is found at its own bar."""
    t = state.account[0].bar
    now = tape.ts_close[t]
    while t < tape.ts.size and tape.ts_close[t] == now:
        symbol = np.int64(tape.symbol[t])
        if tape.flags[t] & BAR_ROLL and state.symbols[symbol].last_ts > 0:
            roll_over(state, world, log, symbol)
        t += 1


@inner
def breaker_event(log, ts, which, old, new, measured, allowed):
    if old != new:
        emit(log, E_BREAKER, ts, NOBODY, NOBODY, NOBODY, R_OK, which, old, new, measured, allowed, 0.0, 0.0, 0.0, 0.0)


@inner
def acknowledge(state, log, ts):
    """The operator has seen a tripped equity breaker: entries may start again at half size."""
    account = state.account[0]
    if account.equity_state == B_OPEN:
        breaker_event(log, ts, TWO, B_OPEN, B_HALF_OPEN, account.equity, account.high_water)
        account.equity_state, account.equity_ack = B_HALF_OPEN, account.equity


@inner
def check_breakers(state, world, log, now, score):
    """Equity and data-quality breakers at a decision instant."""
    account, policy = state.account[0], world.policy[0]
    old = account.data_state
    account.data_state, account.data_good = data_breaker(old, account.data_good, score, policy.data_score_min, policy.data_recovery)
    breaker_event(log, now, ONE, old, account.data_state, score, policy.data_score_min)
    account.equity = mark(state, world)
    account.high_water = max(account.high_water, account.equity)
    if not loss_used(account.day_start_equity, account.equity) < policy.max_daily_loss - EPS and not account.day_over:
        account.day_over = 1                               # entries end for the day; protective stops stay
        for a in range(account.live):
            plan = state.plans[state.live[a]]
            if rest_of_entry(plan) > EPS:
                cancel_entry(log, now, plan, R_DAILY_LOSS)
            if policy.flatten_on_limit and is_live(plan):
                request_exit(log, now, plan, R_DAILY_LOSS)
    call_margin(state, world, log, now)
    old = account.equity_state
    account.equity_state = equity_breaker(old, account.equity, account.high_water, account.equity_ack, policy.equity_drawdown, policy.equity_recovered,
                                          policy.equity_retrip)
    if account.equity_state == B_OPEN and old != B_OPEN:
        account.equity_tripped_day = account.days
    breaker_event(log, now, TWO, old, account.equity_state, account.equity, account.high_water)
    call_event(state, world, log, now, B_TICK)


@inner
def call_event(state, world, log, now, event):
    """Tells the breaker of the language model what happened."""
    account, policy = state.account[0], world.policy[0]
    old = account.llm_state
    account.llm_state, account.llm_failures, account.llm_successes, account.llm_until, account.llm_timeout_ns = call_breaker(
        old, account.llm_failures, account.llm_successes, account.llm_until, account.llm_timeout_ns, event, now, policy.llm_failures, policy.llm_timeout_ns,
        policy.llm_timeout_cap_ns, policy.llm_successes)
    breaker_event(log, now, NIL, old, account.llm_state, float(account.llm_failures), float(policy.llm_failures))


@inner
def charge(state, log, now, cost):
    """Takes the price of a deliberation from the account."""
    account = state.account[0]
    account.balance -= cost
    account.equity -= cost                                 # what is decided later at this instant rests on what is left
    account.charges += cost
    emit(log, E_CHARGE, now, NOBODY, NOBODY, NOBODY, R_OK, NIL, NIL, NIL, cost, account.balance, 0.0, 0.0, 0.0, 0.0)


@inner
def expire_entries(state, world, log, now):
    """Ends entries whose time is over at this decision, also where their symbol has no next bar to say so: a dead order blocks nothing."""
    for a in range(state.account[0].live):
        plan = state.plans[state.live[a]]
        if rest_of_entry(plan) <= EPS:
            continue
        if plan.valid_until <= now:
            cancel_entry(log, now, plan, R_EXPIRED)
        elif world.policy[0].flat_session and now >= plan.flat_at:
            cancel_entry(log, now, plan, R_SESSION_END)


@inner
def leave_on_lower(world, log, now, plan, context):
    """A position whose trend has lost conviction: behind breakeven where it is half an R ahead, out at the next open where not."""
    tick, policy = world.instruments[plan.symbol].tick, world.policy[0]
    if plan.direction * (context[C_CLOSE] - basis(plan)) < LEAVES_BELOW_R * plan.risk_points - EPS:
        request_exit(log, now, plan, R_TCC_LOWER)
        return
    moved = trail_stop(plan.direction, plan.stop_next, basis(plan) + plan.direction * policy.breakeven_ticks * tick, 0.0, tick)
    if moved != plan.stop_next:
        move_stop(log, now, plan, moved, R_TCC_LOWER)
        plan.stop_reason = R_BE


@inner
def hear_setup(record, row):
    """Notes what a setup says to a symbol that waits: that the stopped tactic speaks (1), and that it gives the same signal (3)."""
    if row.tactic != record.wait_tactic:
        return
    same = row.direction == record.wait_direction and (row.kind == ENTER or row.kind == REFUSED)
    record.wait_heard |= 3 if same else 1


@inner
def end_wait(state, world, symbol):
    """Counts a close that the stopped tactic answers, by a setup or, a day on, by none; over at one without its signal, or when enough have passed."""
    record = state.symbols[symbol]
    day = world.context[record.row, C_DAILY_ROW]
    if record.wait_heard or day != record.wait_day:
        record.wait_closes += 1
        record.wait_day = day
        if record.wait_heard < 3 or record.wait_closes >= world.policy[0].wait_closes:
            record.waits = 0
    record.wait_heard = 0


@inner
def rescore_plans(state, world, log, now, row):
    """A find of an idea whose order still works scores it again: one that would not be traded ends the order, and a position that says so."""
    if (row.kind != ENTER and row.kind != REFUSED) or not falls_short(row, world.policy[0].min_confidence):
        return
    for slot in slots_of(state, row.symbol):
        plan = state.plans[slot]
        if not is_live(plan) or plan.decided_at >= now or not is_same_idea(plan.tactic, plan.direction, plan.group, plan.event_bar, row):
            continue
        if rest_of_entry(plan) > EPS:
            cancel_entry(log, now, plan, R_RESCORED)
        if holds(plan) and plan.flags & LEAVES_ON_RESCORE:
            request_exit(log, now, plan, R_RESCORED)


@inner
def review_plans(state, world, log, now, symbol):
    """What a decision bar does to the live plans of its symbol."""
    for slot in slots_of(state, symbol):
        if is_live(state.plans[slot]) and state.plans[slot].decided_at < now:
            review_plan(state, world, log, now, slot)


@inner
def review_plan(state, world, log, now, slot):
    """What a decision bar does to a live plan: staleness, and what ends an unfilled entry."""
    plan, policy = state.plans[slot], world.policy[0]
    context = world.context[state.symbols[plan.symbol].row]
    felt = conviction(context, plan.direction)
    lower = felt < plan.conviction
    if holds(plan):
        plan.decision_bars += 1
        if plan.flags & LEAVES_ON_TCC_LOWER and lower:
            leave_on_lower(world, log, now, plan, context)
            plan.conviction = felt                             # once for each fall
        if not plan.flags & NO_STALE and is_stale(plan.decision_bars, plan.favourable, plan.risk_points, policy.stale_bars, policy.stale_mfe_r):
            request_exit(log, now, plan, R_STALE)
    if rest_of_entry(plan) <= EPS:
        return
    d = plan.direction
    if plan.invalid_flags & INVALID_OPPOSITE_MSS and context[C_MSS_DIR] == -d:
        cancel_entry(log, now, plan, R_OPPOSITE_MSS)
    elif plan.invalid_flags & INVALID_CLOSE and d * (context[C_CLOSE] - plan.invalid_price) < -EPS:
        cancel_entry(log, now, plan, R_CLOSE_BEYOND_LEVEL)
    elif plan.invalid_flags & INVALID_TCC_AGAINST and context[C_TCC_CLASS] == TCC_HIGH and context[C_TCC_DIR] == -d:
        cancel_entry(log, now, plan, R_TCC_AGAINST)
    elif (plan.invalid_flags & INVALID_TCC_LOWER and lower) or (plan.invalid_flags & INVALID_TCC_LOW and felt < TCC_MEDIUM):
        cancel_entry(log, now, plan, R_TCC_LOWER)
    elif policy.market_state and plan.invalid_flags & INVALID_MCS and not is_permitted(plan.family, d, context[C_MCS], context[C_TCC_CLASS], plan.quality):
        cancel_entry(log, now, plan, R_MCS)
