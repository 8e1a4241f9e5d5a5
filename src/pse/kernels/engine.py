"""The engine: one compiled state machine that trades bar by bar and pauses where a judge must be asked.

An instant is the close of a base bar or of a decision bar.  At each: bars of all symbols in the desk's order, each with its cancels, fills and plan
step; then, where decision bars close, equity and breakers, what ends entries, and the setups of the instant over all symbols in rank order.
`advance(a..c)` equals `advance(a..b)` then `advance(b..c)`; rules inside equal the same rules asked one by one.
"""

import numpy as np
from numba import njit

from pse.kernels.admit import admit, gates_on_proposal, on_side, smallest_lot
from pse.kernels.book import (
    NIL,
    NOBODY,
    ONE,
    TWO,
    cancel_entry,
    emit,
    first_target_quantity,
    holds,
    is_live,
    mark,
    move_stop,
    order_event,
    plan_event,
    request_exit,
    rest_of_entry,
)
from pse.kernels.breakers import call_breaker, data_breaker, equity_breaker
from pse.kernels.codes import (
    APPROVE,
    ASK_OUTSIDE,
    B_CLOSED,
    B_FAIL,
    B_HALF_OPEN,
    B_OK,
    B_OPEN,
    B_TICK,
    BEFORE,
    CLOSE_LAST_BAR,
    DONE,
    E_ACK,
    E_ASK,
    E_BREAKER,
    E_CHARGE,
    E_DECISION,
    E_DELIBERATION,
    E_NOTE,
    E_PASSED_OVER,
    E_SESSION,
    E_SETUP,
    EXTERNAL,
    HOLD,
    I_ACK,
    I_BREAKER_ACK,
    I_CANCEL_ENTRIES,
    I_CANCELLED,
    I_CASH,
    I_FILL,
    I_FLATTEN,
    I_REJECT,
    LEG_TARGET1,
    MODIFY,
    O_REPLACE,
    PAUSE_ASK,
    PAUSE_FULL,
    R_AMEND,
    R_AUTHORITY,
    R_BROKER_REJECT,
    R_CANCELLED,
    R_CLOSE_BEYOND_LEVEL,
    R_CONFLICT,
    R_DAILY_LOSS,
    R_ENTRY_EDIT,
    R_EXIT_SIGNAL,
    R_EXPIRED,
    R_HOLD,
    R_OK,
    R_OPERATOR,
    R_OPPOSITE_MSS,
    R_OUT_OF_WINDOW,
    R_REJECTED,
    R_SAME_IDEA,
    R_SESSION_END,
    R_STALE,
    R_SUPERSEDED,
    R_TACTIC,
    R_TCC_AGAINST,
    REJECT,
)
from pse.kernels.compiled import allocating, inner
from pse.kernels.contract import (
    AMEND,
    C_CLOSE,
    C_DATA_SCORE,
    C_MSS_DIR,
    C_TCC_CLASS,
    C_TCC_DIR,
    C_TCC_SCORE_LONG,
    C_TCC_SCORE_SHORT,
    CANCEL,
    ENTER,
    EXIT,
    INVALID_CLOSE,
    INVALID_OPPOSITE_MSS,
    INVALID_TCC_AGAINST,
    LIMIT,
    NEVER,
    REFUSED,
)
from pse.kernels.plans import is_stale
from pse.kernels.select import KEPT, TWIN, select, setup_rank
from pse.kernels.simulate import market_exit, roll_over, step_bar, take_input_fill, watch_bar
from pse.kernels.state import BAR_ROLL, MAX_CANDIDATES
from pse.kernels.targets import EPS

EVENTS_AN_INSTANT = 1_600        # room that one symbol may need at one instant
TRADES_AN_INSTANT = 2
TCC_HIGH = 4.0


@inner
def session_event(state, log, ts):
    """The trading day that is over: equity, balance, minutes in the market and minutes present."""
    account = state.account[0]
    emit(log, E_SESSION, ts, NOBODY, NOBODY, NOBODY, R_OK, account.day, account.market_minutes, account.session_minutes, account.equity, account.balance,
         account.fees, account.charges, 0.0, 0.0)


@inner
def start_day(state, world, log, day):
    """A new trading day: the old one is told, daily counters start again, tallies fade."""
    account, policy = state.account[0], world.policy[0]
    account.equity = mark(state, world)
    if account.day > 0:
        session_event(state, log, account.now)
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
        if tape.flags[t] & BAR_ROLL and state.symbols[tape.symbol[t]].last_ts > 0:
            roll_over(state, world, log, tape.symbol[t])
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
    used = (account.day_start_equity - account.equity) / account.day_start_equity
    if used >= policy.max_daily_loss - EPS and not account.day_over:
        account.day_over = 1                               # entries end for the day; protective stops stay
        for s in range(state.plans.size):
            if rest_of_entry(state.plans[s]) > EPS:
                cancel_entry(log, now, s, state.plans[s], R_DAILY_LOSS)
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
def expire_entries(state, world, log, now):
    """Ends entries whose time is over at this decision, also where their symbol has no next bar to say so: a dead order blocks nothing."""
    for s in range(state.plans.size):
        plan = state.plans[s]
        if rest_of_entry(plan) <= EPS:
            continue
        if plan.valid_until <= now:
            cancel_entry(log, now, s, plan, R_EXPIRED)
        elif world.policy[0].flat_session and now >= plan.flat_at:
            cancel_entry(log, now, s, plan, R_SESSION_END)


@inner
def review_plan(state, world, log, now, symbol):
    """What a decision bar does to a live plan: staleness, and what ends an unfilled entry."""
    plan, policy = state.plans[symbol], world.policy[0]
    if not is_live(plan) or plan.decided_at >= now:
        return
    context = world.context[state.symbols[symbol].row]
    if holds(plan):
        plan.decision_bars += 1
        if is_stale(plan.decision_bars, plan.favourable, plan.risk_points, policy.stale_bars, policy.stale_mfe_r):
            request_exit(log, now, symbol, plan, R_STALE)
    if rest_of_entry(plan) <= EPS:
        return
    d = plan.direction
    if plan.invalid_flags & INVALID_OPPOSITE_MSS and context[C_MSS_DIR] == -d:
        cancel_entry(log, now, symbol, plan, R_OPPOSITE_MSS)
    elif plan.invalid_flags & INVALID_CLOSE and d * (context[C_CLOSE] - plan.invalid_price) < -EPS:
        cancel_entry(log, now, symbol, plan, R_CLOSE_BEYOND_LEVEL)
    elif plan.invalid_flags & INVALID_TCC_AGAINST and context[C_TCC_CLASS] == TCC_HIGH and context[C_TCC_DIR] == -d:
        cancel_entry(log, now, symbol, plan, R_TCC_AGAINST)


@inner
def rank_of(world, state, i):
    """Rank of setup row i among the setups of its instant."""
    row = world.setups[i]
    context = world.context[state.symbols[row.symbol].row]
    conviction = context[C_TCC_SCORE_LONG] if row.direction > 0 else context[C_TCC_SCORE_SHORT]
    risk = abs(row.entry - row.stop)
    d = row.direction if row.direction != 0 else ONE
    reward = d * (row.target - row.entry) / risk if risk > 0.0 else np.nan
    return setup_rank(row.quality, row.confidence, conviction, reward, row.rank_base, row.rank_bonus)


@inner
def best_rank(world, state, symbol):
    """Rank of the symbol's best setup of this instant that no better tactic has on the same idea: such twins are not tried."""
    record, best = state.symbols[symbol], -np.inf
    rows = range(record.first_setup, record.first_setup + record.n_setups)
    for i in rows:
        row, twin = world.setups[i], False
        for j in rows:
            other = world.setups[j]
            same = other.kind == ENTER and row.group >= 0 and other.group == row.group and other.direction == row.direction
            twin = twin or (same and other.precedence < row.precedence)
        if row.kind == ENTER and not twin:
            best = max(best, rank_of(world, state, i))
    return best


@inner
def passed_over(log, now, symbol, setup, code):
    emit(log, E_PASSED_OVER, now, symbol, setup, NOBODY, code, NIL, NIL, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@inner
def signal_setup(state, world, log, now, i):
    """A setup that asks nothing new of risk: EXIT, CANCEL, a tightening AMEND, or a find that its tactic refused."""
    row = world.setups[i]
    if row.kind == REFUSED:
        passed_over(log, now, row.symbol, i, R_TACTIC)
        return
    plan = state.plans[row.symbol]
    emit(log, E_SETUP, now, row.symbol, i, plan.number, R_OK, row.kind, NIL, NIL, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0)
    if not is_live(plan):
        return
    if row.kind == CANCEL and rest_of_entry(plan) > EPS:
        cancel_entry(log, now, row.symbol, plan, R_EXIT_SIGNAL)
    elif row.kind == EXIT:
        cancel_entry(log, now, row.symbol, plan, R_EXIT_SIGNAL)
        request_exit(log, now, row.symbol, plan, R_EXIT_SIGNAL)
    elif row.kind == AMEND and holds(plan):
        if plan.direction * (row.stop - plan.stop_next) > EPS:
            move_stop(log, now, row.symbol, plan, row.stop, R_AMEND)
        if plan.direction * (plan.target - row.target) > EPS and plan.direction * (row.target - plan.entry) > EPS:
            plan.target = row.target
            plan.version += 1
            plan_event(log, now, row.symbol, plan, R_AMEND)
            if not plan.target_done:
                quantity = first_target_quantity(plan, world.instruments[row.symbol], world.policy[0])
                order_event(log, now, row.symbol, plan, LEG_TARGET1, O_REPLACE, LIMIT, plan.target, quantity, plan.version, R_AMEND)


@inner
def gather(state, world, log, now):
    """Finds the rows and setups of this instant, reviews plans, and puts the symbols with entries into order of rank."""
    account = state.account[0]
    for s in range(state.symbols.size):
        state.symbols[s].n_setups = 0
    score, r = 1.0, account.row
    while r < world.row_ts.size and world.row_ts[r] == now:
        state.symbols[world.row_symbol[r]].row = r
        score = min(score, world.context[r, C_DATA_SCORE])
        r += 1
    check_breakers(state, world, log, now, score)
    expire_entries(state, world, log, now)
    for q in range(account.row, r):
        review_plan(state, world, log, now, world.row_symbol[q])
    account.row = r
    account.symbols_here = 0
    while account.setup < world.setups.size and world.setups[account.setup].ts <= now:
        i = account.setup
        account.setup += 1
        row = world.setups[i]
        record = state.symbols[row.symbol]
        if row.ts < now or record.row < 0 or world.row_ts[record.row] != now:
            continue                                       # a decision without its row cannot be weighed: the builder refuses such setups
        if row.kind != ENTER:
            signal_setup(state, world, log, now, i)
            continue
        if record.n_setups == 0:
            record.first_setup = i
            state.turn[account.symbols_here] = row.symbol
            account.symbols_here += 1
        record.n_setups = i - record.first_setup + 1
    for a in range(account.symbols_here):
        state.symbols[state.turn[a]].rank = best_rank(world, state, state.turn[a])
    for a in range(1, account.symbols_here):               # insertion sort: rank falling, then the desk's order
        symbol = state.turn[a]
        at = a
        while at > 0 and state.symbols[state.turn[at - 1]].rank < state.symbols[symbol].rank:
            state.turn[at] = state.turn[at - 1]
            at -= 1
        state.turn[at] = symbol
    account.symbol_at = 0
    account.answered = 0


@inner
def quiet(state, world, now):
    """Whether a decision instant changes nothing: no setup, no live plan, equity told, breakers closed and their measures good.

    True for the row at the cursor only; rows of other symbols at the same instant are asked in turn.
    """
    account = state.account[0]
    if account.setup < world.setups.size and world.setups[account.setup].ts <= now:
        return False
    if account.balance != account.equity or account.equity > account.high_water:
        return False
    if account.data_state != B_CLOSED or account.equity_state != B_CLOSED or account.llm_state != B_CLOSED:
        return False
    if not world.context[account.row, C_DATA_SCORE] >= world.policy[0].data_score_min:
        return False
    for s in range(state.plans.size):
        if is_live(state.plans[s]):
            return False
    return True


@allocating
def candidates(state, world, log, now, symbol):
    """Selection and the gates before, for one symbol.  Fills `asked` with the setups that pass, best first; returns how many."""
    record, policy = state.symbols[symbol], world.policy[0]
    n = min(record.n_setups, MAX_CANDIDATES)
    rank, direction, group = np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64)
    precedence, event, order, status = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    entries = 0
    rows = np.empty(n, np.int64)
    for i in range(record.first_setup, record.first_setup + record.n_setups):
        row = world.setups[i]
        if row.kind != ENTER:
            continue
        if entries == n:
            passed_over(log, now, symbol, i, R_SUPERSEDED)
            continue
        rows[entries], rank[entries] = i, rank_of(world, state, i)
        direction[entries], group[entries], precedence[entries], event[entries] = row.direction, row.group, row.precedence, row.event_bar
        entries += 1
    kept, conflict = select(entries, rank, direction, group, precedence, event, order, status)
    for k in range(entries):
        emit(log, E_SETUP, now, symbol, rows[k], NOBODY, R_OK, ENTER, status[k], NIL, rank[k], 0.0, 0.0, 0.0, 0.0, 0.0)
        if status[k] != KEPT:
            passed_over(log, now, symbol, rows[k], R_SAME_IDEA if status[k] == TWIN else R_CONFLICT)
    if conflict:
        return 0
    found = 0
    micro, lot = smallest_lot(world.instruments[symbol], policy)
    for k in range(kept):
        i = rows[order[k]]
        row = world.setups[i]
        if now < policy.entries_from or now >= policy.entries_until:
            passed_over(log, now, symbol, i, R_OUT_OF_WINDOW)
            continue
        d = row.direction if row.direction != 0 else ONE       # a setup of either direction is first tried as the long that its prices describe
        code = gates_on_proposal(state, world, log, now, i, BEFORE, d, row.stop, row.target, lot, micro)
        if code != R_OK:
            passed_over(log, now, symbol, i, code)
        else:
            state.asked[found] = i
            found += 1
    return found


@inner
def rules(state, n):
    """The verdict of plain rules: the best candidate that passed its gates, and no other."""
    for k in range(n):
        verdict = state.verdicts[k]
        verdict.code = APPROVE if k == 0 else REJECT
        verdict.direction = 0
        verdict.size_factor = 1.0
        verdict.entry = verdict.stop = verdict.target = np.nan
        verdict.latency_ns = 0
        verdict.cost_usd = 0.0
        verdict.reason = R_OK if k == 0 else R_SUPERSEDED
        verdict.failed = 0


@inner
def bounded(row, verdict):
    """What a verdict makes of a setup, or why it may not: edits only shrink.  Returns (code, direction, stop, target, size_factor)."""
    d = row.direction if row.direction != 0 else verdict.direction
    first_stop, first_target = on_side(row, row.stop, d), on_side(row, row.target, d)
    stop = verdict.stop if verdict.stop == verdict.stop else first_stop
    target = verdict.target if verdict.target == verdict.target else first_target
    if verdict.entry == verdict.entry and abs(verdict.entry - row.entry) > EPS:
        return R_ENTRY_EDIT, d, stop, target, 0.0
    wrong = d == 0 or (verdict.direction != 0 and verdict.direction != d)
    wrong = wrong or not 0.0 < verdict.size_factor <= 1.0
    wrong = wrong or d * (stop - first_stop) < -EPS or d * (first_target - target) < -EPS
    return R_AUTHORITY if wrong else R_OK, d, stop, target, verdict.size_factor


@inner
def apply_verdicts(state, world, log, now, symbol, n):
    """Verdicts in rank order, each through its bounds, sizing and the gates after."""
    policy, account = world.policy[0], state.account[0]
    cost, failed = 0.0, 0
    for k in range(n):
        cost += state.verdicts[k].cost_usd
        failed = max(failed, state.verdicts[k].failed)
    emit(log, E_DELIBERATION, now, symbol, state.asked[0], NOBODY, R_OK, n, failed, policy.decide, cost, 0.0, 0.0, 0.0, 0.0, 0.0)
    if policy.decide == ASK_OUTSIDE:                       # plain rules at the door never fail, so their success changes nothing
        call_event(state, world, log, now, B_FAIL if failed else B_OK)
    if cost > 0.0:
        charge(state, log, now, cost)
    for k in range(n):
        i, verdict = state.asked[k], state.verdicts[k]
        row = world.setups[i]
        code, quantity, d, stop, target, factor = verdict.reason, 0.0, row.direction, row.stop, row.target, 1.0
        outcome = verdict.code
        if outcome == APPROVE or outcome == MODIFY:
            code, d, stop, target, factor = bounded(row, verdict)
            if code == R_OK:
                latency = verdict.latency_ns if verdict.latency_ns > 0 else policy.latency_ns
                code, quantity = admit(state, world, log, now, i, d, stop, target, factor, latency)
            if code != R_OK:
                outcome = REJECT
        elif code == R_OK:
            code = R_HOLD if outcome == HOLD else R_REJECTED
        account.decisions += 1
        number = account.plans if quantity > 0.0 else NOBODY
        emit(log, E_DECISION, now, symbol, i, number, code, outcome, verdict.code, k, quantity, row.entry, stop, target, factor, float(d))
        if outcome != APPROVE and outcome != MODIFY:
            passed_over(log, now, symbol, i, code)


@inner
def charge(state, log, now, cost):
    """Takes the price of a deliberation from the account."""
    account = state.account[0]
    account.balance -= cost
    account.charges += cost
    emit(log, E_CHARGE, now, NOBODY, NOBODY, NOBODY, R_OK, NIL, NIL, NIL, cost, account.balance, 0.0, 0.0, 0.0, 0.0)


@allocating
def decide_instant(state, world, log):
    """The decisions of `account.instant`, symbol by symbol.  Returns DONE, or PAUSE_ASK with the question in `asked`."""
    account, policy = state.account[0], world.policy[0]
    now = account.instant
    while account.symbol_at < account.symbols_here:
        symbol = state.turn[account.symbol_at]
        if account.asked == 0:
            account.asked = candidates(state, world, log, now, symbol)
            account.answered = 0
            if account.asked > 0:
                for k in range(account.asked):
                    emit(log, E_ASK, now, symbol, state.asked[k], NOBODY, R_OK, account.asked, k, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
                if policy.decide == ASK_OUTSIDE:
                    return PAUSE_ASK
                rules(state, account.asked)
                account.answered = 1
        elif not account.answered:
            return PAUSE_ASK
        if account.asked > 0:
            apply_verdicts(state, world, log, now, symbol, account.asked)
        account.asked = 0
        account.answered = 0
        account.symbol_at += 1
    account.phase = 0
    return DONE


@inner
def take_inputs(state, world, log, inputs, until):
    """What the world did up to `until`, in order."""
    account = state.account[0]
    while account.input < inputs.size and inputs[account.input].ts < until:
        record = inputs[account.input]
        account.input += 1
        s = record.symbol
        if record.kind == I_FILL:
            if not take_input_fill(state, world, log, record):
                emit(log, E_NOTE, record.ts, s, NOBODY, record.plan, R_OPERATOR, record.kind, record.leg, NIL, record.price, record.quantity, 0.0, 0.0, 0.0,
                     0.0)
        elif record.kind == I_ACK:
            emit(log, E_ACK, record.ts, s, state.plans[s].setup, record.plan, R_OK, record.leg, NIL, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        elif record.kind == I_REJECT or record.kind == I_CANCELLED:
            reason = R_BROKER_REJECT if record.kind == I_REJECT else R_CANCELLED
            emit(log, E_ACK, record.ts, s, state.plans[s].setup, record.plan, reason, record.leg, NIL, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            if record.leg == 0 and is_live(state.plans[s]) and state.plans[s].number == record.plan:
                cancel_entry(log, record.ts, s, state.plans[s], reason)
        elif record.kind == I_CASH:
            charge(state, log, record.ts, record.amount)
        elif record.kind == I_BREAKER_ACK:
            acknowledge(state, log, record.ts)
        elif record.kind == I_CANCEL_ENTRIES or record.kind == I_FLATTEN:
            for p in range(state.plans.size):
                if is_live(state.plans[p]):
                    cancel_entry(log, record.ts, p, state.plans[p], R_OPERATOR)
                    if record.kind == I_FLATTEN:
                        request_exit(log, record.ts, p, state.plans[p], R_OPERATOR)


@inner
def finish(state, world, log):
    """The end of the window: with CLOSE_LAST_BAR nothing stays open; the last trading day is told."""
    account, policy = state.account[0], world.policy[0]
    if policy.on_end == CLOSE_LAST_BAR:
        for s in range(state.plans.size):
            plan, record = state.plans[s], state.symbols[s]
            if is_live(plan):
                cancel_entry(log, account.now, s, plan, policy.end_reason)
                if holds(plan) and policy.match != EXTERNAL:
                    market_exit(state, world, log, s, record.last_ts, record.last_close, policy.end_reason)
                elif holds(plan):
                    request_exit(log, account.now, s, plan, policy.end_reason)
    account.equity = mark(state, world)
    if account.day > 0:
        session_event(state, log, account.now)
    account.closed_last = 1


@njit(cache=True)
def advance(state, tape, world, log, inputs, until):
    """Runs every instant at or before `until`.

    Returns DONE; PAUSE_ASK, the open question being in the state (write `verdicts`, set `account.answered`, call again); or PAUSE_FULL: the log wants
    to be emptied.  `inputs` INPUT_DTYPE sorted by ts.  When `until` reaches `policy.end` the run is closed.
    """
    account, policy = state.account[0], world.policy[0]
    symbols = state.symbols.size
    log.brief[0] = policy.events
    room, trade_room = log.events.size - EVENTS_AN_INSTANT * symbols, log.trades.size - TRADES_AN_INSTANT * symbols
    while True:
        if log.used[0] > room or log.used[1] > trade_room:
            return PAUSE_FULL
        if account.phase == 1:
            if decide_instant(state, world, log) == PAUSE_ASK:
                return PAUSE_ASK
            continue
        next_bar = tape.ts_close[account.bar] if account.bar < tape.ts.size else NEVER
        next_row = world.row_ts[account.row] if account.row < world.row_ts.size else NEVER
        now = min(next_bar, next_row)
        if now == NEVER or now > until:
            break
        if next_bar == now:
            if tape.day[account.bar] > account.day:
                roll_before_day(state, tape, world, log)
                start_day(state, world, log, tape.day[account.bar])
            while account.bar < tape.ts.size and tape.ts_close[account.bar] == now:
                t = account.bar
                symbol = tape.symbol[t]
                if is_live(state.plans[symbol]) or tape.flags[t] & BAR_ROLL:
                    bar = state.bar[0]
                    bar.ts, bar.ts_close, bar.symbol, bar.flags = tape.ts[t], now, symbol, tape.flags[t]
                    bar.open, bar.high, bar.low, bar.close, bar.volume = tape.open[t], tape.high[t], tape.low[t], tape.close[t], tape.volume[t]
                    step_bar(state, world, log, bar)
                else:
                    watch_bar(state.symbols[symbol], tape.high[t], tape.low[t], tape.close[t], now)
                account.session_minutes += 1
                account.bar = t + 1
        if inputs.size:
            take_inputs(state, world, log, inputs, now)
        account.now = now
        if next_row == now:
            if quiet(state, world, now):
                state.symbols[world.row_symbol[account.row]].row = account.row
                account.row += 1
            else:
                account.phase, account.instant, account.asked = 1, now, 0
                gather(state, world, log, now)
    if inputs.size:
        take_inputs(state, world, log, inputs, until)
    if until >= policy.end and not account.closed_last:
        finish(state, world, log)
    return DONE
