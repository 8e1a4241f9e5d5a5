"""What a judge's words are worth: each verdict is bounded, sized and sent through the gates again; nothing it says adds risk."""

import numpy as np

from pse.kernels.admit import admit
from pse.kernels.book import NOBODY, emit, holds, passed_over, slots_of
from pse.kernels.codes import (
    APPROVE,
    ASK_OUTSIDE,
    B_FAIL,
    B_OK,
    E_DECISION,
    E_DELIBERATION,
    HOLD,
    MODIFY,
    R_AUTHORITY,
    R_BUSY,
    R_ENTRY_EDIT,
    R_EXIT_SIGNAL,
    R_HOLD,
    R_NO_OPINION,
    R_OK,
    R_REJECTED,
    R_SUPERSEDED,
    REJECT,
)
from pse.kernels.compiled import inner
from pse.kernels.gates import beside_grid
from pse.kernels.orders import cancel_entry, request_exit
from pse.kernels.proposal import on_side
from pse.kernels.repeats import note
from pse.kernels.targets import EPS
from pse.kernels.watch import call_event, charge


@inner
def rules(state, world, n):
    """The verdict of plain rules: the best candidate that passed its gates and has a direction, and no other; of the rest rules have no opinion."""
    taken = False
    for k in range(n):
        verdict = state.verdicts[k]
        if world.setups[state.asked[k]].direction == 0:
            verdict.code, verdict.reason = HOLD, R_NO_OPINION
        else:
            verdict.code, verdict.reason = (REJECT, R_SUPERSEDED) if taken else (APPROVE, R_OK)
            taken = True
        verdict.direction = 0
        verdict.size_factor = 1.0
        verdict.entry = verdict.stop = verdict.target = np.nan
        verdict.latency_ns = 0
        verdict.cost_usd = 0.0
        verdict.failed = 0
        verdict.confidence = np.nan


@inner
def bounded(row, verdict, tick):
    """What a verdict makes of a setup, or why it may not: edits only shrink and stand on the tick grid.

    Returns (code, direction, stop, target, size_factor).
    """
    d = row.direction if row.direction != 0 else verdict.direction
    first_stop, first_target = on_side(row, row.stop, d), on_side(row, row.target, d)
    stop = verdict.stop if verdict.stop == verdict.stop else first_stop
    target = verdict.target if verdict.target == verdict.target else first_target
    if verdict.entry == verdict.entry and abs(verdict.entry - row.entry) > EPS:
        return R_ENTRY_EDIT, d, stop, target, 0.0
    wrong = d == 0 or (verdict.direction != 0 and verdict.direction != d)
    wrong = wrong or not 0.0 < verdict.size_factor <= 1.0
    wrong = wrong or d * (stop - first_stop) < -EPS or d * (first_target - target) < -EPS
    wrong = wrong or beside_grid(verdict.stop, tick) or beside_grid(verdict.target, tick)
    wrong = wrong or verdict.confidence < 0.0 or verdict.confidence > 1.0
    return R_AUTHORITY if wrong else R_OK, d, stop, target, verdict.size_factor


@inner
def believed(row, verdict):
    """The confidence that counts: the setup's, lowered by a verdict that names a lower one; of an open call that of whoever gave it its direction."""
    if verdict.confidence != verdict.confidence:
        return row.confidence
    if row.direction == 0 or row.confidence != row.confidence:
        return verdict.confidence
    return min(row.confidence, verdict.confidence)


@inner
def is_own(plan, row):
    """Whether a plan is a position of the setup's tactic that is not on its way out."""
    return holds(plan) and plan.tactic == row.tactic and plan.pending == 0


@inner
def closes(state, row):
    """Whether a setup of either direction speaks to a position of its own tactic: all that it may still do is close it."""
    if row.direction == 0:
        for slot in slots_of(state, row.symbol):
            if is_own(state.plans[slot], row):
                return True
    return False


@inner
def close_call(state, log, now, row, verdict):
    """An open call while its position is held: the other direction closes it at the next open, nothing is reversed at once.  Returns the code."""
    if verdict.direction == 0:
        return R_AUTHORITY
    for slot in slots_of(state, row.symbol):
        plan = state.plans[slot]
        if not is_own(plan, row):
            continue
        if verdict.direction == plan.direction:
            return R_BUSY
        cancel_entry(log, now, plan, R_EXIT_SIGNAL)
        request_exit(log, now, plan, R_EXIT_SIGNAL)
    return R_EXIT_SIGNAL


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
        if (outcome == APPROVE or outcome == MODIFY) and closes(state, row):
            d = verdict.direction
            code = close_call(state, log, now, row, verdict)
            if code != R_EXIT_SIGNAL:
                outcome = REJECT
        elif outcome == APPROVE or outcome == MODIFY:
            code, d, stop, target, factor = bounded(row, verdict, world.instruments[symbol].tick)
            if code == R_OK:
                latency = verdict.latency_ns if verdict.latency_ns > 0 else policy.latency_ns
                code, quantity = admit(state, world, log, now, i, d, stop, target, factor, latency, believed(row, verdict))
            if code != R_OK:
                outcome = REJECT
        elif code == R_OK:
            code = R_HOLD if outcome == HOLD else R_REJECTED
        note(state, row, code if quantity <= 0.0 else R_OK)
        account.decisions += 1
        number = account.plans if quantity > 0.0 else NOBODY
        emit(log, E_DECISION, now, symbol, i, number, code, outcome, verdict.code, k, quantity, row.entry, stop, target, factor, float(d))
        if outcome != APPROVE and outcome != MODIFY:
            passed_over(log, now, symbol, i, code)
