"""Stretches of bars of a desk's only symbol in which nothing can happen: taken at once, and leaving behind what they would have left one by one.

Nothing can happen while no plan is live, or while the only one just holds: nothing of it works or is asked to go, no bar comes within a tick of its stop
or its target, reaches its breakeven or its flat time, and no trail follows each bar.  The first bar of a day, a roll, finer bars, a split and a bar at
whose close a decision falls are never in such a stretch.
"""

import numpy as np

from pse.kernels.book import basis, holds, is_live, rest_of_entry
from pse.kernels.compiled import inner
from pse.kernels.contract import NEVER, NO_BREAKEVEN, TRAIL_BARS, TRAIL_RANGE
from pse.kernels.plans import NEWEST, excursion, push_bar
from pse.kernels.state import BAR_FINE, BAR_ROLL, BAR_WHOLE
from pse.kernels.targets import EPS

LOUD = BAR_FINE | BAR_ROLL | BAR_WHOLE


@inner
def just_holds(plan, policy):
    """Whether a live plan holds its position and nothing else, and no trail follows each bar."""
    if not holds(plan) or rest_of_entry(plan) > EPS or plan.pending != 0 or plan.reduce > 0.0:
        return False
    if plan.target_done and (policy.trail_swing or not (plan.breakeven_done or plan.flags & NO_BREAKEVEN)):
        return False
    return policy.trail_best == 0 and plan.flags & (TRAIL_RANGE | TRAIL_BARS) == 0


@inner
def end_of_stretch(state, tape, world, until):
    """The first bar from the one at hand on that is not like the others for its moment: its day, its flags, what is due before its close."""
    account = state.account[0]
    last = min(until, world.row_ts[account.row] - 1 if account.row < world.row_ts.size else NEVER)
    if account.action < world.actions.size:
        last = min(last, world.actions[account.action].ts)
    t = account.bar
    while t < tape.ts.size and tape.ts_close[t] <= last and tape.day[t] == account.day and not tape.flags[t] & LOUD:
        t += 1
    return t


@inner
def hold_through(plan, tape, policy, first, end, tick):
    """The first bar before `end` that may do something to a held position; the ones before it are measured."""
    d, entry, target = plan.direction, basis(plan), plan.target2 if plan.target_done else plan.target
    stop_at, aimed = plan.stop_next, target == target
    most = policy.breakeven_r * plan.risk_points - EPS if not (plan.breakeven_done or plan.flags & NO_BREAKEVEN) else np.inf
    flat_at = plan.flat_at if policy.flat_session else NEVER
    t, high, low = first, -np.inf, np.inf
    while t < end and tape.ts[t] < flat_at:
        best, worst = (tape.high[t], tape.low[t]) if d > 0 else (tape.low[t], tape.high[t])
        opened = tape.open[t]
        if not (d * (worst - stop_at) > tick and d * (opened - stop_at) > tick and d * (best - entry) < most):
            break
        if aimed and not (d * (target - best) > tick and d * (target - opened) > tick):
            break
        high, low = max(high, tape.high[t]), min(low, tape.low[t])
        t += 1
    if t > first:
        favourable, adverse = excursion(d, entry, high, low, 0.0, False)
        plan.favourable, plan.adverse = max(plan.favourable, favourable), max(plan.adverse, adverse)
        plan.bars_held += t - first
        plan.stop, plan.filled_inside, plan.fires_inside = stop_at, 0, 0
    return t


@inner
def watch_bars(record, tape, first, end, side):
    """What bars leave behind one by one (`watch_bar`), looked up from their end: the window of swings, the last swings of both kinds, the last price."""
    alone = min(end, first + 2 * side + 1)
    for t in range(first, alone):
        push_bar(record, tape.high[t], tape.low[t], side)
    if end > alone:
        look_back(record, tape, alone, end, side)
        record.seen += end - alone
        for i in range(2 * side + 1):
            record.high[NEWEST - i], record.low[NEWEST - i] = tape.high[end - 1 - i], tape.low[end - 1 - i]
    record.last_close, record.last_ts = tape.close[end - 1], tape.ts_close[end - 1]


@inner
def look_back(record, tape, first, end, side):
    """The latest swing of each kind that a bar from `first` on confirms, whose window lies in the tape."""
    top, bottom = False, False
    for back in range(end - first):
        t = end - 1 - back
        middle = t - side
        if not top:
            top = True
            for i in range(t - 2 * side, t + 1):
                top = top and (tape.high[middle] > tape.high[i] if i < middle else tape.high[middle] >= tape.high[i])
            if top:
                record.swing_high = tape.high[middle]
        if not bottom:
            bottom = True
            for i in range(t - 2 * side, t + 1):
                bottom = bottom and (tape.low[middle] < tape.low[i] if i < middle else tape.low[middle] <= tape.low[i])
            if bottom:
                record.swing_low = tape.low[middle]
        if top and bottom:
            return


@inner
def pass_quiet_bars(state, tape, world, until):
    """Takes the bars from the one at hand on in which nothing can happen; returns whether there were any.  For a desk of one symbol, matched here."""
    account, policy, record = state.account[0], world.policy[0], state.symbols[0]
    live, first = 0, account.bar
    for slot in range(state.plans.size):
        live += is_live(state.plans[slot])
    if live > 0 and not (state.plans.size == 1 and just_holds(state.plans[0], policy)):
        return False
    end = end_of_stretch(state, tape, world, until)
    if live > 0:
        end = hold_through(state.plans[0], tape, policy, first, end, world.instruments[0].tick)
        account.market_minutes += end - first
    if end == first:
        return False
    watch_bars(record, tape, first, end, policy.swing_side)
    account.session_minutes += end - first
    account.bar, account.now = end, tape.ts_close[end - 1]
    return True
