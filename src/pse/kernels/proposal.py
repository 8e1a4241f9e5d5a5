"""What a setup must pass before and after it was judged: gates 1 to 11 on a proposal of one quantity."""

import numpy as np

from pse.kernels.book import NIL, NOBODY, ONE, emit, is_live, is_taken, last_close, lot_of, open_risk, point_value, side_of, value_of
from pse.kernels.codes import (
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
    G_SESSION,
    G_SPREAD,
    R_BREAKER_HALF_OPEN,
    R_COOLDOWN,
    R_DAILY_LOSS,
    R_LOSS_STREAK,
    R_OK,
    R_WAITING,
)
from pse.kernels.compiled import inner
from pse.kernels.contract import (
    C_ATR,
    C_BLACKOUT,
    C_CLOSE,
    C_DAILY_ATR,
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
    LIMIT,
    MARKET,
    OVERNIGHT,
    WAITS_AFTER_STOP,
)
from pse.kernels.costs import expected_slip, round_turn
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
    latency_gate,
    median_of,
    news_check,
    normal_spread,
    session_gate,
    spread_gate,
    veto,
)
from pse.kernels.state import TIMED_ORDERS
from pse.kernels.targets import EPS


@inner
def gate_event(log, ts, symbol, setup, stage, gate, passed, measured, allowed, code, micro):
    emit(log, E_GATES, ts, symbol, setup, NOBODY, code, stage, gate, int(passed), measured, allowed, float(micro), 0.0, 0.0, 0.0)


@inner
def total_open_risk(state, world):
    risk = 0.0
    for a in range(state.account[0].live):
        slot = state.live[a]
        if is_live(state.plans[slot]):
            risk += open_risk(state.plans[slot], value_of(state, world, slot), last_close(state, slot))
    return risk


@inner
def live_plans(state):
    n = 0
    for a in range(state.account[0].live):
        if is_live(state.plans[state.live[a]]):
            n += 1
    return n


@inner
def costs_in_r(row, instrument, policy, context, risk, micro, quantity):
    """(slippage of the entry, slippage of a stop, fees of both sides of a quantity) for each point risked; infinite without a risk."""
    if not risk > 0.0:
        return np.inf, np.inf, np.inf
    slip = expected_slip(instrument, policy, context) / risk
    return 0.0 if row.order_type == LIMIT else slip, slip, round_turn(instrument, micro, quantity, row.entry) / point_value(instrument, micro) / risk


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
def quote_and_trips(account, policy, instrument, spread_ticks, price):
    """The spread of the last quote known, then the round trip of orders.  What fails is told, else the spread; UNMEASURED where either is."""
    base = normal_spread(instrument.is_share, price, instrument.tick, policy.spread_base, policy.spread_money, policy.spread_share)
    passed, measured, allowed, code = spread_gate(spread_ticks, base, policy.spread_tolerance, policy.quotes_required)
    if not passed:
        return passed, measured, allowed, code
    quick, median, most, why = latency_gate(median_of(account.trips_ns, min(account.timed, TIMED_ORDERS)), policy.max_latency_ns)
    if not quick:
        return quick, median, most, why
    return passed, measured, allowed, why if code == R_OK else code


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
    charged = NIL if stage == BEFORE else micro                       # before sizing the costs are the large contract's, of the largest quantity
    charged_for = quantity if stage != BEFORE and quantity > 0.0 else policy.max_quantity
    side = side_of(direction)
    tally = state.tallies[row.tactic, row.grade]
    reward = direction * (target - row.entry) / risk if risk > 0.0 else np.nan
    away = rests_away(row.order_type, row.entry, context[C_CLOSE], instrument.tick) and direction * (context[C_CLOSE] - stop) > EPS
    price_now = row.entry if away else context[C_CLOSE]
    may_short = policy.allow_short and instrument.shortable
    first = R_OK
    for gate in range(G_DAILY_LOSS + 1):
        if gate == G_BREAKERS:
            passed, measured, allowed, code = breakers_gate(account.llm_state, account.data_state, account.equity_state)
            if passed and account.equity_state == B_HALF_OPEN and live_plans(state) > 0:
                passed, measured, allowed, code = False, float(live_plans(state)), 0.0, R_BREAKER_HALF_OPEN
        elif gate == G_DATA:
            passed, measured, allowed, code = data_gate(context[C_READY] if rate == rate else 0.0, context[C_LAST_BAR_AGE_NS], float(policy.max_age_ns),
                                                        account.skew_ns, policy.max_skew_ns)
        elif gate == G_SESSION:
            passed, measured, allowed, code = session_gate(instrument.tradable, is_taken(state, symbol, asked), asked, policy.allow_short,
                                                           context[C_SESSION_LEFT_NS], need_ns, row.family, context[C_MCS],
                                                           context[C_TCC_CLASS], row.quality, policy.market_state, instrument.shortable)
        elif gate == G_BLACKOUT:
            passed, measured, allowed, code = blackout_gate(context[C_BLACKOUT] > 0.5)
        elif gate == G_SPREAD:
            passed, measured, allowed, code = quote_and_trips(account, policy, instrument, context[C_SPREAD_TICKS], price_now)
        elif gate == G_DIRECTIONAL:
            passed, measured, allowed, code = directional_gate(row.directional_gate, asked, may_short, context[C_RSI_STATE],
                                                               context[C_MACD_STATE])
            if row.directional_gate and policy.news_required:
                sale = veto(-ONE, context[C_RSI_STATE], context[C_MACD_STATE])
                free, hours, most, why = news_check(asked, may_short, context[C_NEWS_AGE_NS], context[C_NEWS_FLAG], policy.news_max_age_ns, sale)
                if not free:
                    passed, measured, allowed, code = free, hours, most, why
        elif gate == G_CONFIDENCE:
            passed, measured, allowed, code = confidence_gate(confidence, policy.min_confidence, row.unearned)
        elif gate == G_BRACKET:
            passed, measured, allowed, code = bracket_gate(direction, row.entry, stop, target, price_now, instrument.tick, atr,
                                                           stop_cap, policy.min_reward_r, policy.max_slippage_r, int(row.order_type != MARKET))
        elif gate == G_EXPECTED_VALUE:
            slip_in, slip_r, fees_r = costs_in_r(row, instrument, policy, context, risk, charged, charged_for)
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
            new_risk = max(risk, abs(row.entry - row.stop)) * quantity * value           # a stop drawn nearer buys no more
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
