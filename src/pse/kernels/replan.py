"""A new version of a plan that somebody asks for: what may be asked, and what becomes of it.

A plan may be tightened, its target brought nearer, its quantity lowered, its time cut short; nothing that is asked here adds risk.  A request is taken whole
or refused whole, with the number that it gave and the one that was allowed.
"""

import numpy as np

from pse.kernels.book import NOBODY, emit, holds, is_live, last_close, lot_of, order_event, plan_event, rest_of_entry
from pse.kernels.codes import (
    ACTOR_LLM,
    E_REPLAN,
    LEG_ENTRY,
    O_NEW,
    O_REPLACE,
    R_ADD_QTY,
    R_LONGER_VALIDITY,
    R_OFF_LOT,
    R_OFF_TICK,
    R_OK,
    R_POSITION_CLOSED,
    R_REPLAN,
    R_REPLAN_LIMIT,
    R_REPLAN_RR,
    R_REPLAN_TOO_SOON,
    R_STOP_WRONG_SIDE,
    R_TARGET_FARTHER,
    R_TARGET_WRONG_SIDE,
    R_UNCHANGED,
    R_VERSION_CONFLICT,
    R_WIDEN_STOP,
)
from pse.kernels.compiled import inner, shared
from pse.kernels.gates import beside_grid
from pse.kernels.orders import cancel_entry, request_exit, request_part, send_stop, send_target
from pse.kernels.sizing import lots_down
from pse.kernels.targets import EPS


@shared
def reward_left(direction, price, stop, target):
    """Reward of the remaining trade in its own risk: from `price` to the target over from `price` to the stop; 0 where the stop is not behind the price."""
    risk = direction * (price - stop)
    return direction * (target - price) / risk if risk > EPS else 0.0


@shared
def may_replan(version, expected, asked_before, closes_since, most, apart):
    """Whether a plan may be changed at this moment at all.  Returns (code, measured, allowed).

    expected: the version that whoever asks has seen.  asked_before: new versions that were asked for and made.  closes_since: decisions since the last one.
    """
    if expected != version:
        return R_VERSION_CONFLICT, float(expected), float(version)
    if asked_before >= most:
        return R_REPLAN_LIMIT, float(asked_before + 1), float(most)
    if asked_before > 0 and closes_since < apart:
        return R_REPLAN_TOO_SOON, float(closes_since), float(apart)
    return R_OK, 0.0, 0.0


@shared
def judge_prices(direction, price, stop, target, new_stop, new_target, may_go_farther, least_reward, tick):
    """Whether a stop and a target may be moved so.  Returns (code, measured, allowed).

    price: the last close, of an order that has not filled its limit.  new_stop, new_target: NaN leaves them as they are; target NaN: there is none.
    may_go_farther: whoever asks may move the target away too.
    """
    if beside_grid(new_stop, tick):
        return R_OFF_TICK, new_stop, np.rint(new_stop / tick) * tick
    if beside_grid(new_target, tick):
        return R_OFF_TICK, new_target, np.rint(new_target / tick) * tick
    if direction * (new_stop - stop) < -EPS:
        return R_WIDEN_STOP, new_stop, stop
    moved = direction * (new_stop - stop) > EPS
    if moved and not direction * (price - new_stop) > EPS:
        return R_STOP_WRONG_SIDE, new_stop, price
    if new_target != new_target or abs(new_target - target) <= EPS:
        return R_OK, 0.0, 0.0
    if not direction * (new_target - price) > EPS:
        return R_TARGET_WRONG_SIDE, new_target, price
    if direction * (new_target - target) > EPS:
        return (R_OK, 0.0, 0.0) if may_go_farther else (R_TARGET_FARTHER, new_target, target)
    reward = reward_left(direction, price, new_stop if moved else stop, new_target)
    return (R_OK, 0.0, 0.0) if reward >= least_reward - EPS else (R_REPLAN_RR, reward, least_reward)


@shared
def judge_size(held, rest, new_size, lot):
    """Whether a plan may be cut to `new_size`, held and still to be bought together; NaN leaves it as it is.  Returns (code, measured, allowed)."""
    if new_size != new_size:
        return R_OK, 0.0, 0.0
    if new_size > held + rest + EPS:
        return R_ADD_QTY, new_size, held + rest
    if new_size < 0.0 or beside_grid(new_size, lot):
        return R_OFF_LOT, new_size, max(0.0, lots_down(new_size, lot))
    return R_OK, 0.0, 0.0


@shared
def judge_validity(rest, valid_until, new_until):
    """Whether an entry may end at `new_until`, 0 leaves it; one that works no more has nothing to cut.  Returns (code, measured, allowed)."""
    if new_until == 0 or (rest > EPS and 0 < new_until <= valid_until):
        return R_OK, 0.0, 0.0
    return R_LONGER_VALIDITY, float(new_until), float(valid_until)


@shared
def changes(stop, target, size, valid_until, new_stop, new_target, new_size, new_until):
    """Whether a request asks for anything that is not so already."""
    stops = abs(new_stop - stop) > EPS
    targets = new_target == new_target and not abs(new_target - target) <= EPS
    return stops or targets or new_size < size - EPS or 0 < new_until < valid_until


@shared
def judge_request(direction, version, asked_before, closes_since, price, stop, target, held, rest, valid_until, expected, may_go_farther, new_stop, new_target,
                  new_size, new_until, most, apart, least_reward, tick, lot):
    """What is wrong with a request to change a plan, the first of it all.  Returns (code, measured, allowed); R_OK: it may be made as it stands."""
    code, measured, allowed = may_replan(version, expected, asked_before, closes_since, most, apart)
    if code == R_OK:
        code, measured, allowed = judge_prices(direction, price, stop, target, new_stop, new_target, may_go_farther, least_reward, tick)
    if code == R_OK:
        code, measured, allowed = judge_size(held, rest, new_size, lot)
    if code == R_OK:
        code, measured, allowed = judge_validity(rest, valid_until, new_until)
    if code == R_OK and not changes(stop, target, held + rest, valid_until, new_stop, new_target, new_size, new_until):
        return R_UNCHANGED, 0.0, 0.0
    return code, measured, allowed


@shared
def shares_of_cut(held, rest, new_size):
    """(what still may be bought, what of the position leaves) after a cut to `new_size`: the order gives way first."""
    left = min(rest, max(0.0, new_size - held))
    return left, max(0.0, held - new_size)


@inner
def working_target(plan):
    """The target that works now: the second one after the first is done; NaN for none."""
    return plan.target2 if plan.target_done else plan.target


@inner
def amend(state, world, log, ts, slot, number, setup, version, actor, stop, target, size, until):
    """A request for a new version of plan `number`, told with its answer and made where nothing speaks against it.  Returns its code.

    setup: row of the setup that asks, NOBODY for a request from outside.  stop, target, size: NaN as they are; until: 0 as it is.
    """
    plan, policy = state.plans[slot], world.policy[0]
    code, measured, allowed, own = R_POSITION_CLOSED, 0.0, 0.0, NOBODY
    if plan.number == number and is_live(plan):
        own = plan.version
        setup = setup if setup >= 0 else plan.setup
        if plan.pending == 0:
            record, instrument = state.symbols[plan.symbol], world.instruments[plan.symbol]
            price = last_close(state, slot) if holds(plan) else plan.limit
            code, measured, allowed = judge_request(
                plan.direction, own, plan.replans, record.closes - plan.replan_closes, price, plan.stop_next, working_target(plan), plan.held - plan.reduce,
                rest_of_entry(plan), plan.valid_until, version, actor != ACTOR_LLM, stop, target, size, until, policy.max_replans, policy.replan_apart,
                policy.replan_min_reward, instrument.tick, lot_of(instrument, plan.micro))
    emit(log, E_REPLAN, ts, plan.symbol, setup, number, code, version, own, actor, stop, target, size, float(until), measured, allowed)
    if code == R_OK:
        make_version(state, world, log, ts, slot, actor, stop, target, size, until)
    return code


@inner
def make_version(state, world, log, ts, slot, actor, stop, target, size, until):
    """Makes the version that was asked for: the plan first, then the orders that take the place of others."""
    plan, policy = state.plans[slot], world.policy[0]
    instrument, d = world.instruments[plan.symbol], plan.direction
    rest, before = rest_of_entry(plan), working_target(plan)
    left, leaves = rest, 0.0
    if size == size:
        left, leaves = shares_of_cut(plan.held - plan.reduce, rest, size)
    tightened, moved = d * (stop - plan.stop_next) > EPS, target == target and not abs(target - before) <= EPS
    if tightened:
        plan.stop_next, plan.stop_reason = stop, R_REPLAN
    if moved and plan.target_done:
        plan.target2 = target
    elif moved:
        plan.target = target
        plan.target2 = plan.target2 if d * (plan.target2 - target) > EPS else np.nan
    if 0 < until < plan.valid_until:
        plan.valid_until = until
    if EPS < left < rest - EPS:
        plan.quantity = plan.filled + left
    plan.version += 1
    plan.replans += 1
    plan.replan_closes = state.symbols[plan.symbol].closes
    plan_event(log, ts, plan, R_REPLAN, actor)
    if EPS < left < rest - EPS:
        plan.entry_version += 1
        order_event(log, ts, plan, LEG_ENTRY, O_REPLACE, plan.order_type, plan.limit, left, plan.entry_version, R_REPLAN)
    elif left <= EPS < rest:
        cancel_entry(log, ts, plan, R_REPLAN)
    if tightened and plan.stop_live:
        send_stop(log, ts, plan, R_REPLAN)
    if moved and holds(plan):
        send_target(log, ts, plan, instrument, policy, O_REPLACE if before == before else O_NEW, R_REPLAN)
    if leaves >= plan.held - plan.reduce - EPS and leaves > EPS:
        request_exit(log, ts, plan, R_REPLAN)
    elif leaves > EPS:
        request_part(log, ts, plan, leaves, R_REPLAN)
