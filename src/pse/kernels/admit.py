"""From a setup to an order: the gates before the verdict, sizing and the gates after it, and the check at activation.

A reduction only ever lowers a quantity; a failed gate ends the attempt; where a contract is too big its micro is tried once.
"""

import numpy as np

from pse.kernels.book import (
    NIL,
    NOBODY,
    ONE,
    conviction,
    emit,
    fee_of,
    is_live,
    list_live,
    lot_of,
    notional,
    open_risk,
    order_event,
    plan_event,
    point_value,
    rate_of,
    rest_of_entry,
    value_of,
)
from pse.kernels.codes import (
    ACTIVATION,
    AFTER,
    B_HALF_OPEN,
    BEFORE,
    E_GATES,
    FAM_SWING_REVERSION,
    FAM_SWING_TREND,
    FAM_ZONE,
    G_BLACKOUT,
    G_BRACKET,
    G_BREAKERS,
    G_CONFIDENCE,
    G_COOLDOWN,
    G_DAILY_LOSS,
    G_DATA,
    G_DIRECTIONAL,
    G_EXPECTED_VALUE,
    G_EXPOSURE,
    G_SESSION,
    G_SIZING,
    G_SPREAD,
    G_TAIL_RISK,
    LEG_ENTRY,
    MCS_TRANSITION,
    O_NEW,
    P_ARMED,
    R_BREAKER_HALF_OPEN,
    R_CONCURRENT_RISK,
    R_COOLDOWN,
    R_DAILY_LOSS,
    R_ES,
    R_EXPOSURE,
    R_INSUFFICIENT,
    R_LOSS_STREAK,
    R_OFF,
    R_OK,
    R_R_CAPPED,
    R_REDUCED,
    R_SIZE_ZERO,
    R_THROUGH_STOP,
    R_VAR,
    R_WAITING,
    R_ZERO_ATR,
    VOL_Q4,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import (
    C_ATR,
    C_BLACKOUT,
    C_CLOSE,
    C_DAILY_ATR,
    C_DAILY_ROW,
    C_LAST_BAR_AGE_NS,
    C_MACD_STATE,
    C_MCS,
    C_NEWS_AGE_NS,
    C_NEWS_FLAG,
    C_RATE,
    C_READY,
    C_RSI_STATE,
    C_SESSION_LEFT_NS,
    C_SPREAD_TICKS,
    C_TCC_CLASS,
    C_VOL_BUCKET,
    LIMIT,
    MARKET,
    NEVER,
    OVERNIGHT,
    WAITS_AFTER_STOP,
)
from pse.kernels.gates import (
    blackout_gate,
    bracket_gate,
    breakers_gate,
    confidence_gate,
    cooldown_gate,
    daily_loss_gate,
    data_gate,
    directional_gate,
    expected_value_gate,
    exposure_gate,
    news_check,
    session_gate,
    slippage_check,
    spread_gate,
    tail_gate,
    veto,
)
from pse.kernels.sizing import lots_down, size_futures, size_shares
from pse.kernels.state import BAR_BLACKOUT
from pse.kernels.targets import EPS

SECOND_NS = 1_000_000_000
ENDLESS_NS = 10**17              # a session this long has no end
TAIL_TRIES = 64                  # quantities of more lots than this are reduced in larger strides first


@inner
def gate_event(log, ts, symbol, setup, stage, gate, passed, measured, allowed, code, micro):
    emit(log, E_GATES, ts, symbol, setup, NOBODY, code, stage, gate, int(passed), measured, allowed, float(micro), 0.0, 0.0, 0.0)


@inner
def total_open_risk(state, world):
    risk = 0.0
    for a in range(state.account[0].live):
        s = state.live[a]
        if is_live(state.plans[s]):
            risk += open_risk(state.plans[s], value_of(state, world, s), state.symbols[s].last_close)
    return risk


@inner
def live_plans(state):
    n = 0
    for a in range(state.account[0].live):
        if is_live(state.plans[state.live[a]]):
            n += 1
    return n


@inner
def round_turn(instrument, micro, price):
    """Fees of one unit, in and out, in the instrument's currency."""
    return 2.0 * fee_of(instrument, micro, 1.0, price)


@inner
def on_side(row, price, direction):
    """A price of a setup on the side that was chosen: a setup of either direction gives the long side, its short side is the mirror at the entry."""
    return 2.0 * row.entry - price if row.direction == 0 and direction < 0 else price


@inner
def rests_away(order_type, limit, close, tick):
    """Whether a limit waits for a price away from the decision close: how far the market stands off is then no slippage."""
    return order_type == LIMIT and abs(limit - close) > 0.5 * tick


@inner
def stop_measures(row, context, instrument):
    """(range, largest stop distance) that the stop check measures by: daily plans by the daily range; the lines of a zone are its own measure.

    The distance is NaN where it follows from the range.  An instrument's cap in points is one of stops inside a session, so daily plans have none.
    """
    if row.family == FAM_SWING_TREND or row.family == FAM_SWING_REVERSION:
        return context[C_DAILY_ATR], np.nan
    if row.family == FAM_ZONE and instrument.stop_cap != instrument.stop_cap:
        return 0.0, np.inf
    return context[C_ATR], instrument.stop_cap


@inner
def rest_in_closes(record, side, policy):
    """Rest after a stop-out and after an entry where it is counted in decision closes.  Returns (passed, measured, allowed)."""
    since_stop, since_entry = float(record.closes - record.stop_closes[side]), float(record.closes - record.entry_closes[side])
    if since_stop < policy.cooldown_stop_closes:
        return False, since_stop, policy.cooldown_stop_closes
    if since_entry < policy.cooldown_entry_closes:
        return False, since_entry, policy.cooldown_entry_closes
    return True, 0.0, 0.0


@inner
def gates_on_proposal(state, world, log, now, setup, stage, direction, stop, target, quantity, micro, confidence):
    """Gates 1 to 11 on a proposal with this quantity.  All are evaluated and told; returns the first code that refuses, else R_OK."""
    row = world.setups[setup]
    symbol = row.symbol
    account, record, policy, instrument = state.account[0], state.symbols[symbol], world.policy[0], world.instruments[symbol]
    context = world.context[record.row]
    asked = row.direction if stage == BEFORE else direction           # of either direction: the gates of the market look at both sides
    rate = context[C_RATE]
    value = point_value(instrument, micro) * rate
    atr, stop_cap = stop_measures(row, context, instrument)
    need_ns = 0.0 if row.plan_flags & OVERNIGHT else float(policy.session_left_ns)
    risk = abs(row.entry - stop)
    slip_r = instrument.slippage_ticks * policy.slippage_factor * instrument.tick / risk if risk > 0.0 else np.inf
    charged = NIL if stage == BEFORE else micro                       # before sizing the costs are the large contract's
    fees_r = round_turn(instrument, charged, row.entry) / point_value(instrument, charged) / risk if risk > 0.0 else np.inf
    side = 1 if direction > 0 else 0
    tally = state.tallies[row.tactic, row.grade]
    reward = direction * (target - row.entry) / risk if risk > 0.0 else np.nan
    away = rests_away(row.order_type, row.entry, context[C_CLOSE], instrument.tick) and direction * (context[C_CLOSE] - stop) > EPS
    price_now = row.entry if away else context[C_CLOSE]
    first = R_OK
    for gate in range(G_DAILY_LOSS + 1):
        if gate == G_BREAKERS:
            passed, measured, allowed, code = breakers_gate(account.llm_state, account.data_state, account.equity_state)
            if passed and account.equity_state == B_HALF_OPEN and live_plans(state) > 0:
                passed, measured, allowed, code = False, float(live_plans(state)), 0.0, R_BREAKER_HALF_OPEN
        elif gate == G_DATA:
            passed, measured, allowed, code = data_gate(context[C_READY] if rate == rate else 0.0, context[C_LAST_BAR_AGE_NS], float(policy.max_age_ns))
        elif gate == G_SESSION:
            passed, measured, allowed, code = session_gate(instrument.tradable, is_live(state.plans[symbol]), asked, policy.allow_short,
                                                           context[C_SESSION_LEFT_NS], need_ns, row.family, context[C_MCS],
                                                           context[C_TCC_CLASS], row.quality, policy.market_state)
        elif gate == G_BLACKOUT:
            passed, measured, allowed, code = blackout_gate(context[C_BLACKOUT] > 0.5)
        elif gate == G_SPREAD:
            passed, measured, allowed, code = spread_gate(context[C_SPREAD_TICKS], policy.spread_base, policy.spread_tolerance)
        elif gate == G_DIRECTIONAL:
            passed, measured, allowed, code = directional_gate(row.directional_gate, asked, policy.allow_short, context[C_RSI_STATE],
                                                               context[C_MACD_STATE])
            if row.directional_gate and policy.news_required:
                sale = veto(-ONE, context[C_RSI_STATE], context[C_MACD_STATE])
                free, hours, most, why = news_check(asked, policy.allow_short, context[C_NEWS_AGE_NS], context[C_NEWS_FLAG], policy.news_max_age_ns, sale)
                if not free:
                    passed, measured, allowed, code = free, hours, most, why
        elif gate == G_CONFIDENCE:
            passed, measured, allowed, code = confidence_gate(confidence, policy.min_confidence)
        elif gate == G_BRACKET:
            passed, measured, allowed, code = bracket_gate(direction, row.entry, stop, target, price_now, instrument.tick, atr,
                                                           stop_cap, policy.min_reward_r, policy.max_slippage_r)
        elif gate == G_EXPECTED_VALUE:
            slip_in = slip_r if row.order_type == MARKET else 0.0
            passed, measured, allowed, code, _ = expected_value_gate(tally.wins, tally.trades, tally.win_r, reward, slip_in, slip_r, fees_r,
                                                                     policy.ev_prior_r, policy.ev_prior_n, policy.ev_min)
        elif gate == G_COOLDOWN:
            passed, measured, allowed, code = cooldown_gate(now, record.entry_ts[side], record.stop_ts[side], policy.cooldown_entry_ns, policy.cooldown_stop_ns,
                                                            account.losses_today, policy.max_losses)
            if passed:
                passed, measured, allowed = rest_in_closes(record, side, policy)
                code = R_OK if passed else R_COOLDOWN
            if record.waits and row.plan_flags & WAITS_AFTER_STOP and code != R_LOSS_STREAK:
                passed, measured, allowed, code = False, float(record.wait_closes), float(policy.wait_closes), R_WAITING
        else:
            new_risk = risk * quantity * value
            passed, measured, allowed, code, _, _ = daily_loss_gate(account.day_start_equity, account.equity, total_open_risk(state, world), new_risk,
                                                                    policy.max_daily_loss)
            if account.day_over and code != R_DAILY_LOSS:
                passed, code = False, R_DAILY_LOSS
        gate_event(log, now, symbol, setup, stage, gate, passed, measured, allowed, code, charged)
        if not passed and first == R_OK:
            first = code
    return first


@inner
def smallest_lot(instrument, policy):
    """Whether the micro is the smallest thing that may be traded, and its lot."""
    micro = ONE if instrument.has_micro and policy.allow_micro and not policy.shares else NIL
    return micro, lot_of(instrument, micro)


@inner
def days_known(state, world, symbol):
    """How many rows of daily returns this symbol has completed by its latest decision row."""
    row = state.symbols[symbol].row
    return int(world.context[row, C_DAILY_ROW]) if row >= 0 else 0


@inner
def scenario_losses(state, world, symbol, direction, price, risk, value, flat, base, unit):
    """Losses of one day by historical simulation: `base` of everything live, `unit` of one unit of the candidate.

    The last `tail_days` days on which all of them have a return that is known by now: where sessions close at different times a day may be over for
    one symbol only.  `flat`: the candidate goes at the session end, so no loss of it exceeds its stop by much.  Returns how many days those are.
    """
    policy = world.policy[0]
    day = days_known(state, world, symbol)
    n = 0
    while day > 0 and n < policy.tail_days:
        day -= 1
        change = world.returns[day, symbol]
        usable = change == change
        total = 0.0
        for a in range(state.account[0].live):
            s = state.live[a]
            plan = state.plans[s]
            if not is_live(plan):
                continue
            moved = world.returns[day, s] if day < days_known(state, world, s) else np.nan
            if moved != moved:
                usable = False
                break
            held_value = value_of(state, world, s)
            loss = -plan.direction * moved * notional(plan, held_value, state.symbols[s].last_close)
            if policy.flat_session and not plan.flags & OVERNIGHT:
                loss = min(loss, policy.tail_stop_factor * open_risk(plan, held_value, state.symbols[s].last_close))
            total += loss
        if usable:
            base[n] = total
            unit[n] = -direction * change * price * value
            if flat:
                unit[n] = min(unit[n], policy.tail_stop_factor * risk * value)
            n += 1
    return n


@inner
def tail_at(state, n, quantity, policy):
    """The tail-risk gate at one quantity of the candidate; losses[0] everything live, losses[1] one unit, losses[2] the largest."""
    base, unit, top = state.losses[0], state.losses[1], state.losses[2]
    most, kept = n // 20 + 2, 0
    for i in range(n):
        value = base[i] + quantity * unit[i]
        if kept == most and value <= top[kept - 1]:
            continue
        at = kept if kept < most else most - 1
        while at > 0 and top[at - 1] < value:
            top[at] = top[at - 1]
            at -= 1
        top[at] = value
        if kept < most:
            kept += 1
    return tail_gate(top, n, policy.tail_min_days, state.account[0].equity, policy.var95, policy.es975)


@inner
def within_tail(state, world, symbol, direction, price, risk, quantity, micro, flat):
    """The largest quantity inside VaR and ES.  Returns (quantity, measured, allowed, code); halved where too few days are known.

    With `tail_min_days` 0 nothing is asked.
    """
    policy, instrument = world.policy[0], world.instruments[symbol]
    lot = lot_of(instrument, micro)
    if policy.tail_min_days <= 0:
        return quantity, 0.0, 0.0, R_OFF
    n = scenario_losses(state, world, symbol, direction, price, risk, point_value(instrument, micro) * rate_of(state, world, symbol), flat, state.losses[0],
                        state.losses[1])
    passed, measured, allowed, code = tail_at(state, n, quantity, policy)
    if code == R_INSUFFICIENT:
        return lots_down(0.5 * quantity, lot), measured, allowed, code
    if passed:
        return quantity, measured, allowed, code
    lots = int(quantity / lot + EPS)                      # from above: beside a hedge fewer may fail where more pass
    stride = max(1, lots // TAIL_TRIES)
    lots -= stride
    while lots > 0 and not tail_at(state, n, lots * lot, policy)[0]:
        lots -= stride
    lots = max(lots, 0)
    while stride > 1:                                     # what the stride jumped over, by halves
        stride -= stride // 2
        if tail_at(state, n, (lots + stride) * lot, policy)[0]:
            lots += stride
    return lots * lot, measured, allowed, code


@inner
def regime_size(family, context, policy):
    """What the market's regime multiplies a size with: 1 or less."""
    size = policy.high_vol_size if context[C_VOL_BUCKET] == VOL_Q4 else 1.0
    if context[C_MCS] == MCS_TRANSITION and (family == FAM_SWING_TREND or family == FAM_SWING_REVERSION):
        size *= policy.transition_size
    return size


@inner
def cash_left(state, world):
    """The balance less what is held long and what live entries may still buy."""
    cash = state.account[0].balance
    for a in range(state.account[0].live):
        s = state.live[a]
        plan = state.plans[s]
        if is_live(plan) and plan.direction > 0:
            cash -= (plan.held * plan.entry + rest_of_entry(plan) * plan.limit) * value_of(state, world, s)
    return cash


@inner
def sized(state, world, symbol, row, risk, value, cost, multiple, confidence, lot):
    """(quantity, code of nothing at all, whether the cap of a trade cut it, whether another limit did) before the gates after."""
    account, policy = state.account[0], world.policy[0]
    if policy.shares:
        price = row.entry * value
        room = policy.max_symbol * account.equity - exposures(state, world, symbol)[1]
        cash = cash_left(state, world) if policy.cash_only else np.nan
        quantity, code, binding, _ = size_shares(account.equity, confidence, multiple, risk * value, price, policy.max_risk, policy.max_quantity, room, cash,
                                                 policy.min_confidence, lot)
        return quantity, code, confidence * multiple > 1.0 + EPS, binding > 0
    quantity, _, _, _, capped = size_futures(account.equity, multiple, risk, value, cost, policy.r_unit, policy.max_risk, lot)
    return min(quantity, lots_down(policy.max_quantity, lot)), R_SIZE_ZERO, capped, False


@inner
def worth_trading(quantity, code, unit_notional, instrument):
    """(quantity, code), or nothing and why where it is worth less than the venue takes.  unit_notional: in the instrument's currency."""
    if quantity > 0.0 and quantity * unit_notional < instrument.min_notional:
        return 0.0, R_SIZE_ZERO
    return quantity, code


@inner
def fitting_quantity(state, world, log, now, setup, direction, stop, target, multiple, micro, confidence):
    """Gates 12, 1-11, 13 and 14 for one contract size.  Returns (quantity, code): 0 and the reason, or what may be traded.

    Quantities rest on the setup's own stop, so that one that a judge draws nearer buys no more.
    """
    row = world.setups[setup]
    symbol = row.symbol
    account, policy, instrument = state.account[0], world.policy[0], world.instruments[symbol]
    context = world.context[state.symbols[symbol].row]
    rate = context[C_RATE]
    value, lot = point_value(instrument, micro) * rate, lot_of(instrument, micro)
    unit_notional = row.entry * point_value(instrument, micro)
    risk = max(abs(row.entry - stop), abs(row.entry - row.stop))
    cost = round_turn(instrument, micro, row.entry) * rate
    regime = regime_size(row.family, context, policy)
    quantity, code, capped, cut = sized(state, world, symbol, row, risk, value, cost, multiple * regime, confidence, lot)
    quantity, code = worth_trading(quantity, code, unit_notional, instrument)
    code = R_OK if quantity > 0.0 else code
    if not context[C_ATR] > 0.0:
        quantity, code = 0.0, R_ZERO_ATR
    told = code if code != R_OK else R_R_CAPPED if capped else R_REDUCED if cut or regime < 1.0 else R_OK
    gate_event(log, now, symbol, setup, AFTER, G_SIZING, quantity > 0.0, quantity, lot, told, micro)
    if quantity <= 0.0:
        return 0.0, code
    refused = gates_on_proposal(state, world, log, now, setup, AFTER, direction, stop, target, quantity, micro, confidence)
    if refused != R_OK:
        return 0.0, refused
    wanted = quantity
    gross, same, group, group_gross = exposures(state, world, symbol)
    quantity, measured, allowed, code = exposure_gate(wanted, lot, account.equity, total_open_risk(state, world), risk * value, policy.max_concurrent, gross,
                                                      same, row.entry * value, policy.max_gross, policy.max_symbol, group, policy.max_group, group_gross,
                                                      policy.max_group_notional)
    quantity, code = worth_trading(quantity, code, unit_notional, instrument)
    gate_event(log, now, symbol, setup, AFTER, G_EXPOSURE, quantity > 0.0, measured, allowed, R_REDUCED if 0.0 < quantity < wanted else code, micro)
    if quantity <= 0.0:
        return 0.0, code
    wanted = quantity
    quantity, measured, allowed, code = within_tail(state, world, symbol, direction, row.entry, risk, wanted, micro,
                                                    policy.flat_session and not row.plan_flags & OVERNIGHT)
    quantity, code = worth_trading(quantity, code, unit_notional, instrument)
    told = R_REDUCED if 0.0 < quantity < wanted and code != R_INSUFFICIENT else code
    gate_event(log, now, symbol, setup, AFTER, G_TAIL_RISK, quantity > 0.0, measured, allowed, told, micro)
    if quantity <= 0.0:
        return 0.0, R_SIZE_ZERO if code == R_INSUFFICIENT else code
    return quantity, R_OK


@inner
def exposures(state, world, symbol):
    """(gross notional, notional of this symbol, live plans of its group, their notional)."""
    gross, same, group, group_gross = 0.0, 0.0, 0, 0.0
    mine = world.instruments[symbol].group
    for a in range(state.account[0].live):
        s = state.live[a]
        plan = state.plans[s]
        if is_live(plan):
            held = notional(plan, value_of(state, world, s), state.symbols[s].last_close)
            gross += held
            same += held if s == symbol else 0.0
            if mine >= 0 and world.instruments[s].group == mine:
                group += 1
                group_gross += held
    return gross, same, group, group_gross


@inner
def too_big(code):
    """Whether a refusal speaks of size alone, so that a smaller contract may still fit."""
    return code == R_SIZE_ZERO or code == R_CONCURRENT_RISK or code == R_EXPOSURE or code == R_VAR or code == R_ES


@inner
def fitted(state, world, log, now, setup, direction, stop, target, size_factor, confidence):
    """What of an approved setup may be traded: (code, quantity, micro); a contract that is too big gives way to its micro."""
    row = world.setups[setup]
    symbol = row.symbol
    account, policy, instrument = state.account[0], world.policy[0], world.instruments[symbol]
    multiple = row.size_multiple * size_factor * (0.5 if account.equity_state == B_HALF_OPEN else 1.0)
    micro = NIL
    quantity, code = fitting_quantity(state, world, log, now, setup, direction, stop, target, multiple, NIL, confidence)
    if quantity <= 0.0 and instrument.has_micro and policy.allow_micro and not policy.shares and too_big(code):
        micro = ONE
        quantity, code = fitting_quantity(state, world, log, now, setup, direction, stop, target, multiple, ONE, confidence)
    return (code, 0.0, micro) if quantity <= 0.0 else (R_OK, quantity, micro)


@inner
def admit(state, world, log, now, setup, direction, stop, target, size_factor, latency_ns, confidence):
    """Sizes an approved setup and, if anything is left, places its entry order.  Returns (code, quantity)."""
    code, quantity, micro = fitted(state, world, log, now, setup, direction, stop, target, size_factor, confidence)
    if code == R_OK:
        arm(state, world, log, now, setup, direction, stop, target, quantity, micro, latency_ns)
    return code, quantity


@inner
def arm(state, world, log, now, setup, direction, stop, target, quantity, micro, latency_ns):
    """Writes the plan of an admitted setup and sends its entry order."""
    row = world.setups[setup]
    symbol = row.symbol
    account, policy, plan = state.account[0], world.policy[0], state.plans[symbol]
    context = world.context[state.symbols[symbol].row]
    left = context[C_SESSION_LEFT_NS]
    account.plans += 1
    plan.status, plan.number, plan.setup, plan.tactic, plan.grade = P_ARMED, account.plans, setup, row.tactic, row.grade
    plan.direction, plan.micro, plan.order_type, plan.limit = direction, micro, row.order_type, row.entry
    plan.quantity, plan.filled, plan.held, plan.exited = quantity, 0.0, 0.0, 0.0
    plan.entry, plan.stop, plan.stop_next, plan.stop_first, plan.target = 0.0, stop, stop, stop, target
    second = on_side(row, row.target2, direction)
    plan.target2 = second if direction * (second - target) > EPS else np.nan
    plan.planned_risk = abs(row.entry - stop)
    plan.reward_r = direction * (target - row.entry) / plan.planned_risk if target == target else 2.0
    plan.risk_points, plan.risk_usd, plan.buffer = plan.planned_risk, 0.0, row.trail_buffer
    plan.decided_at, plan.valid_until = now, row.valid_until
    plan.first_open = now if latency_ns <= SECOND_NS else now + latency_ns
    plan.flat_at = now + int(left) - policy.flat_before_ns if left < ENDLESS_NS and not row.plan_flags & OVERNIGHT else NEVER
    plan.activated = plan.entry_kind = plan.entry_ts = plan.bars_held = plan.decision_bars = 0
    plan.target_done = plan.breakeven_done = plan.stop_reason = plan.pending = plan.ambiguous = 0
    plan.favourable = plan.adverse = plan.gross = plan.fees = plan.slippage = plan.exit_value = 0.0
    plan.exits = plan.exit_reason = plan.stop_live = plan.cancelling = plan.leaves = 0
    plan.external = policy.match
    plan.version, plan.stop_version, plan.quality = 1, 1, row.quality
    plan.invalid_price, plan.invalid_flags = on_side(row, row.invalid_price, direction), row.invalid_flags
    plan.family, plan.flags, plan.group, plan.best = row.family, row.plan_flags, row.group, row.entry
    plan.conviction, plan.rate = conviction(context, direction), context[C_RATE]
    list_live(state, symbol)
    plan_event(log, now, symbol, plan, R_OK)
    order_event(log, now, symbol, plan, LEG_ENTRY, O_NEW, row.order_type, row.entry, quantity, ONE, R_OK)


@inner
def decision_row(state, world, symbol):
    """The context row on which the symbol's plan was decided; later decisions may lie between it and now."""
    r, decided_at = state.symbols[symbol].row, state.plans[symbol].decided_at
    while r > 0 and (world.row_ts[r] > decided_at or world.row_symbol[r] != symbol):
        r -= 1
    return r


@inner
def activate(state, world, log, symbol, bar):
    """Gates 4, 5 and 8 at the open of the first bar that may fill.  A limit that rests away from the decision close is only checked for its stop."""
    plan, policy, instrument = state.plans[symbol], world.policy[0], world.instruments[symbol]
    ts = bar.ts
    first = R_OK
    passed, measured, allowed, code = blackout_gate(bar.flags & BAR_BLACKOUT != 0)
    gate_event(log, ts, symbol, plan.setup, ACTIVATION, G_BLACKOUT, passed, measured, allowed, code, plan.micro)
    if not passed:
        first = code
    passed, measured, allowed, code = spread_gate(np.nan, policy.spread_base, policy.spread_tolerance)
    gate_event(log, ts, symbol, plan.setup, ACTIVATION, G_SPREAD, passed, measured, allowed, code, plan.micro)
    adverse, adverse_r, rr_now, passed, code = slippage_check(plan.direction, plan.limit, plan.stop, plan.target, bar.open, instrument.tick,
                                                              policy.max_slippage_r, policy.min_reward_r)
    decided_close = world.context[decision_row(state, world, symbol), C_CLOSE]
    if rests_away(plan.order_type, plan.limit, decided_close, instrument.tick) and code != R_THROUGH_STOP:
        passed, code = True, R_OK
    gate_event(log, ts, symbol, plan.setup, ACTIVATION, G_BRACKET, passed, adverse_r, policy.max_slippage_r, code, plan.micro)
    return code if first == R_OK else first
