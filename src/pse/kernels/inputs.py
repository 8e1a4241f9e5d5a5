"""What the world did: fills, acknowledgements and rejections of a broker outside, the operator's commands, requests for new versions of plans."""


import numpy as np

from pse.kernels.actions import credit
from pse.kernels.book import NIL, NOBODY, emit, holds, is_live, new_version, slot_of
from pse.kernels.codes import (
    E_ACK,
    E_NOTE,
    I_ACK,
    I_AMEND,
    I_BREAKER_ACK,
    I_CANCEL_ENTRIES,
    I_CANCELLED,
    I_CASH,
    I_CLOCK,
    I_DIVIDEND,
    I_FILL,
    I_FLATTEN,
    I_REJECT,
    I_RESET_MARK,
    LEG_ENTRY,
    LEG_EXIT,
    LEG_STOP,
    R_BROKER_REJECT,
    R_CANCELLED,
    R_LATENCY,
    R_OK,
    R_OPERATOR,
)
from pse.kernels.compiled import inner
from pse.kernels.gates import SECOND
from pse.kernels.orders import cancel_entry, end_entry, request_exit
from pse.kernels.replan import amend
from pse.kernels.simulate import take_input_fill
from pse.kernels.state import TIMED_ORDERS
from pse.kernels.watch import acknowledge, charge, reset_mark


@inner
def time_order(account, policy, log, plan, record):
    """The round trip of an entry order, from when it could leave to its acknowledgement, or what whoever sent it has measured (`amount`, seconds).

    It joins the ring of the last ones; an order that took too long is cancelled.
    """
    plan.acked = 1
    trip = record.amount * SECOND if record.amount > 0.0 else float(max(0, record.ts - plan.first_open))
    account.trips_ns[account.timed % TIMED_ORDERS] = trip
    account.timed += 1
    if trip > policy.max_latency_ns:
        cancel_entry(log, record.ts, plan, R_LATENCY)


@inner
def take_inputs(state, world, log, inputs, until):
    """What the world did up to `until`, in order."""
    account = state.account[0]
    while account.input < inputs.size and inputs[account.input].ts < until:
        record = inputs[account.input]
        account.input += 1
        s = record.symbol
        spoken = I_FILL <= record.kind <= I_CANCELLED or record.kind == I_AMEND or record.kind == I_DIVIDEND
        if spoken and not (0 <= s < state.symbols.size and 0 <= record.leg <= LEG_EXIT):
            emit(log, E_NOTE, record.ts, NOBODY, NOBODY, record.plan, R_OPERATOR, record.kind, record.leg, NIL, record.price, record.quantity, 0.0, 0.0,
                 0.0, 0.0)
            continue
        slot = slot_of(state, s if spoken else np.int64(0), record.plan)
        plan = state.plans[slot]
        if record.kind == I_FILL:
            if not take_input_fill(state, world, log, record):
                emit(log, E_NOTE, record.ts, s, NOBODY, record.plan, R_OPERATOR, record.kind, record.leg, NIL, record.price, record.quantity, 0.0, 0.0, 0.0,
                     0.0)
        elif record.kind == I_ACK:
            emit(log, E_ACK, record.ts, s, plan.setup, record.plan, R_OK, record.leg, NIL, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            if record.leg == LEG_ENTRY and is_live(plan) and plan.number == record.plan and not plan.acked:
                time_order(account, world.policy[0], log, plan, record)
        elif record.kind == I_REJECT or record.kind == I_CANCELLED:
            reason = R_BROKER_REJECT if record.kind == I_REJECT else R_CANCELLED
            emit(log, E_ACK, record.ts, s, plan.setup, record.plan, reason, record.leg, NIL, NIL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            if record.leg == LEG_ENTRY and is_live(plan) and plan.number == record.plan:
                plan.cancelling = 0
                end_entry(plan)
                new_version(log, record.ts, plan, reason)
            elif record.kind == I_REJECT and record.leg == LEG_STOP and plan.number == record.plan and holds(plan):
                request_exit(log, record.ts, plan, reason)             # nothing protects it
        elif record.kind == I_AMEND:
            amend(state, world, log, record.ts, slot, record.plan, NOBODY, record.version, record.actor, record.stop, record.target,
                  record.quantity, record.valid_until)
        elif record.kind == I_CASH:
            charge(state, log, record.ts, record.amount)
        elif record.kind == I_DIVIDEND and holds(plan) and plan.number == record.plan:
            credit(state, log, slot, record.ts, record.amount, record.price)
        elif record.kind == I_BREAKER_ACK:
            acknowledge(state, log, record.ts)
        elif record.kind == I_RESET_MARK:
            reset_mark(state, log, record.ts)
        elif record.kind == I_CLOCK:
            account.skew_ns = record.amount * SECOND
        elif record.kind == I_CANCEL_ENTRIES or record.kind == I_FLATTEN:
            for a in range(account.live):
                live = state.plans[state.live[a]]
                if is_live(live):
                    cancel_entry(log, record.ts, live, R_OPERATOR)
                    if record.kind == I_FLATTEN:
                        request_exit(log, record.ts, live, R_OPERATOR)
