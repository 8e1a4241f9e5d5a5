"""The engine: one compiled state machine that trades bar by bar and pauses where a judge must be asked.

An instant is the close of a base bar or of a decision bar.  At each: bars of all symbols in the desk's order, each with its cancels, fills and plan
step; then, where decision bars close, equity and breakers, what ends entries, and the setups of the instant over all symbols in rank order.
`advance(a..c)` equals `advance(a..b)` then `advance(b..c)`; rules inside equal the same rules asked one by one.
"""

import numpy as np
from numba import njit

from pse.kernels.actions import take_actions
from pse.kernels.book import NIL, NOBODY, emit, holds, is_live, mark, passed_over, plans_a_symbol, rest_of_entry, settle_live, slots_of
from pse.kernels.candidates import best_rank, candidates
from pse.kernels.codes import (
    ACTOR_RULE,
    ASK_OUTSIDE,
    B_CLOSED,
    B_HALF_OPEN,
    CLOSE_LAST_BAR,
    DONE,
    E_ASK,
    E_SETUP,
    EXTERNAL,
    PAUSE_ASK,
    PAUSE_FULL,
    R_EXIT_SIGNAL,
    R_OK,
    R_TACTIC,
)
from pse.kernels.compiled import hot, inner
from pse.kernels.contract import AMEND, C_DATA_SCORE, CANCEL, ENTER, EXIT, NEVER, REFUSED
from pse.kernels.inputs import take_inputs
from pse.kernels.orders import cancel_entry, request_exit
from pse.kernels.quiet import pass_quiet_bars
from pse.kernels.repeats import note, refused_find, unheard
from pse.kernels.replan import amend
from pse.kernels.simulate import market_exit, step_bar, watch_bar
from pse.kernels.state import BAR_FINE, BAR_ROLL, MAX_CANDIDATES
from pse.kernels.targets import EPS
from pse.kernels.verdicts import apply_verdicts, rules
from pse.kernels.watch import check_breakers, end_wait, expire_entries, hear_setup, rescore_plans, review_plans, roll_before_day, session_event, start_day

EVENTS_A_QUESTION = 1_800        # room for the setups of one symbol and instant: gates before and after for two contract sizes, the order that follows
EVENTS_A_SYMBOL = 128            # and for what one symbol may tell besides: fills, protective orders, setups that ask for nothing
EVENTS_A_PLAN, EVENTS_A_SIGNAL, EVENTS_A_SETUP, EVENTS_AN_INPUT = 64, 10, 50, 12
MANY_INPUTS = 200                # more than arrive between two bars
TRADES_AN_INSTANT = 2


@inner
def room_wanted(state, world, now):
    """Events that this instant may need before its first question."""
    i, wanted = state.account[0].setup, 0
    while i < world.setups.size and world.setups[i].ts <= now:
        wanted += EVENTS_A_SIGNAL * plans_a_symbol(state) if world.setups[i].kind != ENTER else 0
        i += 1
    return wanted + room_for_plans(state)


@inner
def room_for_plans(state):
    """Events that a bar or a decision of everything live may need."""
    return EVENTS_A_SYMBOL + EVENTS_A_PLAN * state.account[0].live


@inner
def is_full(state, log, inputs):
    """Whether what is told already leaves too little room for a bar or a decision of everything live, and for what comes in between."""
    return log.used[0] + room_for_plans(state) + EVENTS_AN_INPUT * min(inputs.size - state.account[0].input, MANY_INPUTS) > log.events.size


@inner
def room_for_questions(n):
    """Events that the setups of one symbol and instant may need; of those beyond the candidates only a line is told."""
    return EVENTS_A_SYMBOL + EVENTS_A_SETUP * min(n, MAX_CANDIDATES) + max(0, n - MAX_CANDIDATES)


@inner
def does_something(plan, row):
    """Whether an EXIT, a CANCEL or an AMEND meets what it speaks of: a position or an order of its tactic and direction (and group), not on its way out."""
    mine = is_live(plan) and plan.tactic == row.tactic
    if row.kind == AMEND:
        return mine and plan.pending == 0 and (row.direction == 0 or plan.direction == row.direction) and (row.group < 0 or plan.group == row.group)
    mine = mine and plan.direction == row.direction
    works = rest_of_entry(plan) > EPS
    if row.kind == EXIT:
        return mine and (works or (holds(plan) and plan.pending == 0))
    return mine and works and (row.group < 0 or plan.group == row.group)


@inner
def signal_setup(state, world, log, now, i):
    """A setup that asks nothing new of risk: EXIT, CANCEL, a tightening AMEND, or a find that its tactic refused."""
    row = world.setups[i]
    if row.kind == REFUSED:
        if not unheard(state, row):
            passed_over(log, now, row.symbol, i, R_TACTIC)
            note(state, row, refused_find(row))
        return
    for slot in slots_of(state, row.symbol):
        if does_something(state.plans[slot], row):
            signal_plan(state, world, log, now, i, slot)


@inner
def signal_plan(state, world, log, now, i, slot):
    """What an EXIT, a CANCEL or an AMEND does to one plan."""
    row, plan = world.setups[i], state.plans[slot]
    emit(log, E_SETUP, now, row.symbol, i, plan.number, R_OK, row.kind, NIL, NIL, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0)
    if row.kind == CANCEL:
        cancel_entry(log, now, plan, R_EXIT_SIGNAL)
    elif row.kind == EXIT:
        cancel_entry(log, now, plan, R_EXIT_SIGNAL)
        request_exit(log, now, plan, R_EXIT_SIGNAL)
        plan.leaves = R_EXIT_SIGNAL if plan.cancelling else 0
    else:
        amend(state, world, log, now, slot, plan.number, i, plan.version, ACTOR_RULE, row.stop, row.target, np.nan, NIL)


@inner
def goes_after(state, symbol, other):
    """Whether a symbol's setups are tried after another's: rank falling, then the desk's order."""
    rank, than = state.symbols[symbol].rank, state.symbols[other].rank
    return rank < than or (rank == than and symbol > other)


@inner
def into_turn(state):
    """Sorts the symbols of the instant in place, as a heap whose top is the last of them."""
    turn, n = state.turn, state.account[0].symbols_here
    for step in range(n // 2 + n):
        if step < n // 2:
            at, end = n // 2 - 1 - step, n
        else:
            at, end = 0, n - 1 - (step - n // 2)
            turn[0], turn[end] = turn[end], turn[0]
        while 2 * at + 1 < end:
            child = 2 * at + 1
            if child + 1 < end and goes_after(state, turn[child + 1], turn[child]):
                child += 1
            if not goes_after(state, turn[child], turn[at]):
                break
            turn[at], turn[child] = turn[child], turn[at]
            at = child


@inner
def gather(state, world, log, now):
    """Finds the rows and setups of this instant, reviews plans, and puts the symbols with entries into order of rank."""
    account = state.account[0]
    settle_live(state)
    score, r, first = 1.0, account.row, account.row
    while r < world.row_ts.size and world.row_ts[r] == now:
        record = state.symbols[world.row_symbol[r]]
        record.row, record.n_setups, record.row_splits = r, 0, 1.0
        record.closes += 1
        if not world.context[r, C_DATA_SCORE] >= score:        # one that is no number is the worst
            score = world.context[r, C_DATA_SCORE]
        r += 1
    check_breakers(state, world, log, now, score)
    expire_entries(state, world, log, now)
    for q in range(account.row, r):
        review_plans(state, world, log, now, world.row_symbol[q])
    account.row = r
    account.symbols_here = 0
    while account.setup < world.setups.size and world.setups[account.setup].ts <= now:
        i = account.setup
        account.setup += 1
        row = world.setups[i]
        record = state.symbols[row.symbol]
        if row.ts < now or record.row < 0 or world.row_ts[record.row] != now:
            continue                                       # a decision without its row cannot be weighed: the builder refuses such setups
        if record.waits:
            hear_setup(record, row)
        if account.live > 0:
            rescore_plans(state, world, log, now, row)
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
    into_turn(state)
    for q in range(first, r):
        if state.symbols[world.row_symbol[q]].waits:
            end_wait(state, world, np.int64(world.row_symbol[q]))
    account.symbol_at = 0
    account.answered = 0


@hot
def quiet(state, world, now):
    """Whether a decision instant changes nothing: no setup, no live plan, no symbol that waits, equity told, breakers closed, their measures good.

    True for the row at the cursor only; rows of other symbols at the same instant are asked in turn.
    """
    account = state.account[0]
    if account.setup < world.setups.size and world.setups[account.setup].ts <= now:
        return False
    if account.balance != account.equity or account.equity > account.high_water:
        return False
    if account.data_state != B_CLOSED or account.equity_state == B_HALF_OPEN or account.llm_state != B_CLOSED:
        return False
    if not world.context[account.row, C_DATA_SCORE] >= world.policy[0].data_score_min:
        return False
    return account.live == 0 and not state.symbols[world.row_symbol[account.row]].waits


@inner
def decide_instant(state, world, log):
    """The decisions of `account.instant`, symbol by symbol.  Returns DONE, PAUSE_ASK with the question in `asked`, or PAUSE_FULL before the next one."""
    account, policy = state.account[0], world.policy[0]
    now = account.instant
    while account.symbol_at < account.symbols_here:
        symbol = state.turn[account.symbol_at]
        if account.asked == 0:
            if log.used[0] > 0 and log.used[0] + room_for_questions(state.symbols[symbol].n_setups) > log.events.size:
                return PAUSE_FULL
            account.asked = candidates(state, world, log, now, symbol)
            account.answered = 0
            if account.asked > 0:
                for k in range(account.asked):
                    emit(log, E_ASK, now, symbol, state.asked[k], NOBODY, R_OK, account.asked, k, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
                if policy.decide == ASK_OUTSIDE:
                    return PAUSE_ASK
                rules(state, world, account.asked)
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
def finish(state, world, log):
    """The end of the window: with CLOSE_LAST_BAR nothing stays open; the last trading day is told."""
    account, policy = state.account[0], world.policy[0]
    if policy.on_end == CLOSE_LAST_BAR:
        for a in range(account.live):
            slot = state.live[a]
            plan = state.plans[slot]
            record = state.symbols[plan.symbol]
            if is_live(plan):
                cancel_entry(log, account.now, plan, policy.end_reason)
                if holds(plan) and policy.match != EXTERNAL:
                    market_exit(state, world, log, slot, record.last_ts, record.last_close, policy.end_reason)
                elif holds(plan):
                    request_exit(log, account.now, plan, policy.end_reason)
    account.equity = mark(state, world)
    if account.day > 0:
        session_event(state, log, account.now)
    account.closed_last = 1


@inner
def latest_day(tape, t):
    """The latest trading day among the bars that close with bar t: where calendars differ a day begins with whoever begins it first."""
    day, now = tape.day[t], tape.ts_close[t]
    while t < tape.ts.size and tape.ts_close[t] == now:
        day = max(day, tape.day[t])
        t += 1
    return day


@hot
def has_live(state, first, each):
    """Whether any of `each` plans from slot `first` on is live."""
    for slot in range(first, first + each):
        if is_live(state.plans[slot]):
            return True
    return False


@njit(cache=True)
def advance(state, tape, world, log, inputs, until):
    """Runs every instant at or before `until`.

    Returns DONE; PAUSE_ASK, the open question being in the state (write `verdicts`, set `account.answered`, call again); or PAUSE_FULL: the log wants
    to be emptied.  `inputs` INPUT_DTYPE sorted by ts.  When `until` reaches `policy.end` the run is closed.
    """
    account, policy = state.account[0], world.policy[0]
    symbols, slots = state.symbols.size, state.plans.size
    each, swing_side = slots // symbols, policy.swing_side
    external = policy.match == EXTERNAL
    alone = symbols == 1 and inputs.size == 0 and not external
    log.brief[0] = policy.events
    trade_room = log.trades.size - TRADES_AN_INSTANT * slots
    easy = log.events.size - EVENTS_A_SYMBOL * (1 + slots) - EVENTS_AN_INPUT * min(inputs.size, MANY_INPUTS)    # enough where every plan is live
    while True:
        if account.phase == 1:
            pause = decide_instant(state, world, log)
            if pause != DONE:
                return pause
            continue
        if (log.used[0] > easy and log.used[0] > 0 and is_full(state, log, inputs)) or log.used[1] > trade_room:
            return PAUSE_FULL
        if alone and account.bar < tape.ts.size and pass_quiet_bars(state, tape, world, until):
            continue
        next_bar = tape.ts_close[account.bar] if account.bar < tape.ts.size else NEVER
        next_row = world.row_ts[account.row] if account.row < world.row_ts.size else NEVER
        now = min(next_bar, next_row)
        if now == NEVER or now > until:
            break
        if next_bar == now:
            if inputs.size:                                # what came before the bar comes before its day
                take_inputs(state, world, log, inputs, tape.ts[account.bar] + 1)
            day = tape.day[account.bar]
            if symbols > 1:
                day = latest_day(tape, account.bar)
            if day > account.day:
                roll_before_day(state, tape, world, log)
                start_day(state, world, log, day)
            if account.action < world.actions.size:
                take_actions(state, world, log, now)
        if inputs.size and (external or next_bar > now):   # a report of inside the bar comes before its close is looked at; what is matched here has no inside
            take_inputs(state, world, log, inputs, now)
        if next_bar == now:
            while account.bar < tape.ts.size and tape.ts_close[account.bar] == now:
                t = account.bar
                symbol = np.int64(tape.symbol[t])             # one type of symbol: another would compile every function that takes it once more
                if has_live(state, symbol * each, each) or tape.flags[t] & BAR_ROLL:
                    bar = state.bar[0]
                    bar.ts, bar.ts_close, bar.symbol, bar.flags = tape.ts[t], now, symbol, tape.flags[t]
                    bar.open, bar.high, bar.low, bar.close, bar.volume = tape.open[t], tape.high[t], tape.low[t], tape.close[t], tape.volume[t]
                    step_bar(state, world, log, bar)
                elif tape.flags[t] & BAR_FINE:
                    state.symbols[symbol].last_close = tape.close[t]
                    state.symbols[symbol].last_ts = now
                else:
                    watch_bar(state.symbols[symbol], tape.high[t], tape.low[t], tape.close[t], now, swing_side)
                account.session_minutes += not tape.flags[t] & BAR_FINE
                account.bar = t + 1
        account.now = now
        if inputs.size and not external:
            take_inputs(state, world, log, inputs, now)
        if next_row == now:
            if quiet(state, world, now):
                record = state.symbols[world.row_symbol[account.row]]
                record.row, record.row_splits = account.row, 1.0
                record.closes += 1
                account.row += 1
            elif log.used[0] > 0 and log.used[0] + room_wanted(state, world, now) > log.events.size:
                return PAUSE_FULL
            else:
                account.phase, account.instant, account.asked = 1, now, 0
                gather(state, world, log, now)
    if inputs.size and (external or until >= policy.end):
        take_inputs(state, world, log, inputs, until)
    if until >= policy.end and not account.closed_last:
        finish(state, world, log)
    return DONE
