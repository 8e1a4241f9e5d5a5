"""Splits and dividends: what the first moment of an ex-date does to what is held, to working orders and to remembered prices.

Equity is the same before and after.  A split of ratio r makes r shares of one: quantities times r, prices over r, a fraction below a lot is paid out at
the last price.  Working orders are adjusted alike, as exchanges do with orders that stay; their prices round as new ones would.  A dividend is paid to who
holds a share, and by who is short of one; the last price known falls by it, order prices stay (orders marked "do not reduce").
With a broker outside its account tells of cash and fractions; here only prices and quantities of a split follow.
"""

from pse.kernels.book import NIL, emit, holds, is_live, lot_of, new_version, rest_of_entry, slots_of, value_of
from pse.kernels.codes import E_CHARGE, EXTERNAL, F_MARKET, LEG_EXIT, R_DIVIDEND, R_SPLIT
from pse.kernels.compiled import inner
from pse.kernels.contract import MARKET
from pse.kernels.orders import cancel_entry, take_exit
from pse.kernels.sizing import lots_down
from pse.kernels.state import A_DIVIDEND, A_SPLIT
from pse.kernels.targets import EPS, round_limit, round_stop, round_target


@inner
def action_event(state, log, ts, plan, code, paid, measure, before):
    """What an event did to a plan: money paid to it, ratio or cash a share, and what it held before and holds now."""
    emit(log, E_CHARGE, ts, plan.symbol, plan.setup, plan.number, code, NIL, NIL, NIL, -paid, state.account[0].balance, measure, before, plan.held, 0.0)


@inner
def credit(state, log, slot, ts, paid, measure):
    """Cash of a dividend: the account's and the trade's."""
    plan, account = state.plans[slot], state.account[0]
    plan.gross += paid
    plan.dividends += paid
    account.balance += paid
    action_event(state, log, ts, plan, R_DIVIDEND, paid, measure, plan.held)


@inner
def pay_dividend(state, world, log, symbol, ts, cash):
    """Cash a share of what is held over the first moment of the ex-date."""
    if world.policy[0].match == EXTERNAL:
        return
    for slot in slots_of(state, symbol):
        plan = state.plans[slot]
        if is_live(plan) and holds(plan):
            credit(state, log, slot, ts, plan.direction * plan.held * cash * value_of(state, world, slot), cash)
    state.symbols[symbol].last_close -= cash


@inner
def split_orders(state, world, log, slot, ts, ratio):
    """The entry order and the prices of a plan in new shares; what is less than a lot of the order is given up."""
    plan = state.plans[slot]
    instrument = world.instruments[plan.symbol]
    d, tick, lot = plan.direction, instrument.tick, lot_of(instrument, plan.micro)
    works = rest_of_entry(plan) > EPS
    rest = lots_down(rest_of_entry(plan) * ratio, lot) if works else 0.0
    if works and rest <= 0.0:
        cancel_entry(log, ts, plan, R_SPLIT)
    plan.filled *= ratio
    plan.exited *= ratio
    plan.held *= ratio
    plan.target_left *= ratio
    plan.reduce = lots_down(plan.reduce * ratio, lot)
    plan.quantity = plan.filled + rest if works and rest > 0.0 else plan.quantity * ratio
    plan.limit = plan.limit / ratio if plan.order_type == MARKET else round_limit(plan.limit / ratio, d, tick)
    plan.stop, plan.stop_next = round_stop(plan.stop / ratio, d, tick), round_stop(plan.stop_next / ratio, d, tick)
    plan.target, plan.target2 = round_target(plan.target / ratio, d, tick), round_target(plan.target2 / ratio, d, tick)
    plan.entry, plan.stop_first, plan.best, plan.invalid_price = plan.entry / ratio, plan.stop_first / ratio, plan.best / ratio, plan.invalid_price / ratio
    plan.planned_risk, plan.risk_points, plan.buffer = plan.planned_risk / ratio, plan.risk_points / ratio, plan.buffer / ratio
    plan.limit_price = round_limit(plan.limit_price / ratio, d, tick)
    plan.spread, plan.atr, plan.carried = plan.spread / ratio, plan.atr / ratio, plan.carried / ratio
    plan.favourable, plan.adverse = plan.favourable / ratio, plan.adverse / ratio
    plan.splits *= ratio


@inner
def split(state, world, log, symbol, ts, ratio):
    """New shares for old: remembered prices first, so that a fraction is paid out at the last of them."""
    record = state.symbols[symbol]
    for i in range(record.high.size):
        record.high[i] /= ratio
        record.low[i] /= ratio
    record.swing_high /= ratio
    record.swing_low /= ratio
    record.last_close /= ratio
    record.row_splits *= ratio
    for slot in slots_of(state, symbol):
        plan = state.plans[slot]
        if not is_live(plan):
            continue
        before = plan.held
        split_orders(state, world, log, slot, ts, ratio)
        if not is_live(plan):
            continue
        fraction = plan.held - lots_down(plan.held, lot_of(world.instruments[symbol], plan.micro))
        if world.policy[0].match == EXTERNAL or fraction <= EPS * lot_of(world.instruments[symbol], plan.micro):
            fraction = 0.0
        action_event(state, log, ts, plan, R_SPLIT, 0.0, ratio, before)
        if fraction > 0.0 and record.last_ts > 0:
            take_exit(state, world, log, slot, ts, LEG_EXIT, F_MARKET, record.last_close, fraction, 0.0, 0.0, R_SPLIT)
        if is_live(plan):
            new_version(log, ts, plan, R_SPLIT)


@inner
def take_actions(state, world, log, now):
    """Every split and dividend whose day began before this instant, in order."""
    account = state.account[0]
    while account.action < world.actions.size and world.actions[account.action].ts < now:
        row = world.actions[account.action]
        account.action += 1
        if row.kind == A_DIVIDEND:
            pay_dividend(state, world, log, row.symbol, row.ts, row.amount)
        elif row.kind == A_SPLIT:                          # a roll is looked up where it happens
            split(state, world, log, row.symbol, row.ts, row.amount)
