"""What a setup must pass, one small question each.

Every gate returns (passed, measured, allowed, code): what was measured, what is allowed, and the reason when they do not agree (or why the
question could not be put).  Units stand in the names; the words of the codes stand in `codes`.
"""

import numpy as np

from pse.kernels.codes import (
    B_OPEN,
    MACD_BEAR_DIVERGENCE,
    MACD_BEAR_EXPANDING,
    MACD_BULL_DIVERGENCE,
    MACD_BULL_EXPANDING,
    MACD_STATES,
    MACD_UNKNOWN,
    MARKET_STATES,
    MCS_RANGE,
    MCS_TRANSITION,
    MCS_TREND_DOWN,
    MCS_TREND_UP,
    R_BAD_PRICE,
    R_BREAKER_DATA,
    R_BREAKER_EQUITY,
    R_BREAKER_LLM,
    R_BUSY,
    R_CLOCK,
    R_CONCURRENT_RISK,
    R_COOLDOWN,
    R_CORRELATED,
    R_DAILY_LOSS,
    R_DAILY_LOSS_PROJECTED,
    R_ES,
    R_EV,
    R_EXPOSURE,
    R_GROUP,
    R_INSUFFICIENT,
    R_LATENCY,
    R_LOSS_STREAK,
    R_MACD,
    R_MARGIN,
    R_MCS,
    R_MIN_CONFIDENCE,
    R_MIN_RISK,
    R_NEG_EXPECTANCY,
    R_NEWS,
    R_NEWS_BLACKOUT,
    R_NO_TARGET,
    R_NOT_READY,
    R_NOT_SHORTABLE,
    R_NOT_TRADABLE,
    R_OFF,
    R_OFF_TICK,
    R_OK,
    R_RR,
    R_RSI,
    R_SESSION_END,
    R_SHORT_NOT_ALLOWED,
    R_SL_CAP,
    R_SLIPPAGE,
    R_SPREAD,
    R_STALE_DATA,
    R_STOP_WRONG_SIDE,
    R_THROUGH_STOP,
    R_UNMEASURED,
    R_VAR,
    RSI_OVERBOUGHT,
    RSI_OVERSOLD,
    RSI_STATES,
    RSI_UNKNOWN,
    TCC_HIGH,
    TCC_LOW,
)
from pse.kernels.compiled import shared
from pse.kernels.sizing import lots_down
from pse.kernels.targets import EPS, OK, STOP_WRONG_SIDE, stop_check

MINUTE = 60e9
HOUR = 3600e9
SECOND = 1e9
MILLISECOND = 1e6
GRID_TOLERANCE = 1e-6            # steps that floats may leave a price or a quantity beside its grid

# Which market conditions let a family of setups in: rows as FAMILIES, columns WITH the trend's direction, AGAINST it, in a RANGE, in TRANSITION.
NO, YES, HIGH_ONLY, BELOW_HIGH, FROM_LOW, TOP_SCORE = np.arange(6)             # by conviction of the trend, or by the setup's own score
WITH, AGAINST, IN_RANGE, IN_TRANSITION = np.arange(4)
PERMISSIONS = np.array([
    (NO, NO, NO, NO),
    (YES, BELOW_HIGH, YES, YES),               # mss_fvg_retest
    (YES, YES, YES, YES),                      # sweep_reversal
    (YES, NO, NO, FROM_LOW),                   # missed_fvg_reversion
    (YES, NO, NO, NO),                         # pullback_micro_fvg
    (HIGH_ONLY, NO, NO, NO),                   # momentum_thrust
    (YES, TOP_SCORE, YES, YES),                # zone
    (YES, YES, NO, YES),                       # swing_trend
    (YES, NO, YES, YES),                       # swing_reversion
    (YES, NO, YES, YES),                       # open_call
    (YES, YES, YES, YES),                      # rule: one that asks for no condition beside a market that can be traded
])
N_MARKET_STATES, N_RSI_STATES, N_MACD_STATES = len(MARKET_STATES), len(RSI_STATES), len(MACD_STATES)
TOP = 8.0 / 9.0                                # score of a zone that may be traded against the trend


@shared
def breakers_gate(llm, data, equity):
    """No breaker is open.  measured: how many are, allowed: 0."""
    n_open = float((llm == B_OPEN) + (data == B_OPEN) + (equity == B_OPEN))
    code = R_BREAKER_LLM if llm == B_OPEN else R_BREAKER_DATA if data == B_OPEN else R_BREAKER_EQUITY if equity == B_OPEN else R_OK
    return code == R_OK, n_open, 0.0, code


@shared
def data_gate(ready, age_ns, max_age_ns, skew_ns=np.nan, max_skew_ns=2e9):
    """Features are past their warm-up, the last close is fresh and the clock agrees with the broker's.  measured, allowed: age in seconds, or the skew.

    skew_ns: broker's clock minus ours, NaN where nobody told it.
    """
    if not ready > 0.5:
        return False, age_ns / SECOND, max_age_ns / SECOND, R_NOT_READY
    if not age_ns <= max_age_ns:
        return False, age_ns / SECOND, max_age_ns / SECOND, R_STALE_DATA
    if abs(skew_ns) > max_skew_ns:                  # false for NaN
        return False, skew_ns / SECOND, max_skew_ns / SECOND, R_CLOCK
    return True, age_ns / SECOND, max_age_ns / SECOND, R_OK


@shared
def is_permitted(family, direction, market_state, tcc_class, score):
    """Whether a market condition lets a setup in.  family, market_state, tcc_class: codes; direction +1 or -1; score: the setup's own, 0..1."""
    if market_state == MCS_TREND_UP or market_state == MCS_TREND_DOWN:
        trend = 1 if market_state == MCS_TREND_UP else -1
        rule = PERMISSIONS[family, WITH if direction == trend else AGAINST]
    elif market_state == MCS_RANGE:
        rule = PERMISSIONS[family, IN_RANGE]
    elif market_state == MCS_TRANSITION:
        rule = PERMISSIONS[family, IN_TRANSITION]
    else:
        return False
    if rule == HIGH_ONLY:
        return tcc_class == TCC_HIGH
    if rule == BELOW_HIGH:
        return tcc_class < TCC_HIGH
    if rule == FROM_LOW:
        return tcc_class >= TCC_LOW
    if rule == TOP_SCORE:
        return score >= TOP - EPS
    return rule == YES


@shared
def permitted_states(family, direction, tcc_class, score):
    """The market conditions that let a setup in, as a sum of 2**code."""
    found = 0
    for state in range(N_MARKET_STATES):
        if is_permitted(family, direction, float(state), tcc_class, score):
            found += 1 << state
    return float(found)


@shared
def session_gate(tradable, busy, direction, allow_short, left_ns, need_ns, family, market_state, tcc_class, score, asks_market=1, shortable=1):
    """The symbol is free, its session long enough, its side allowed, its family let in by the market condition (where the desk asks for one).

    A setup of either direction (0) is asked about on the side of the trend, where that may be traded.
    measured, allowed: minutes to the session end; of an MCS the condition's code and the conditions that let it in as a sum of 2**code.
    """
    measured, allowed = left_ns / MINUTE, need_ns / MINUTE
    if not tradable:
        return False, measured, allowed, R_NOT_TRADABLE
    if busy:
        return False, measured, allowed, R_BUSY
    if not left_ns >= need_ns:
        return False, measured, allowed, R_SESSION_END
    if direction < 0 and not allow_short:
        return False, measured, allowed, R_SHORT_NOT_ALLOWED
    if direction < 0 and not shortable:
        return False, measured, allowed, R_NOT_SHORTABLE
    side = direction
    if side == 0:
        side = -1 if market_state == MCS_TREND_DOWN and allow_short and shortable else 1
    if asks_market and not is_permitted(family, side, market_state, tcc_class, score):
        return False, market_state, permitted_states(family, side, tcc_class, score), R_MCS
    return True, measured, allowed, R_OK


@shared
def blackout_gate(inside):
    """No news window is running.  measured: 1 inside one, allowed: 0."""
    return not inside, 1.0 if inside else 0.0, 0.0, R_NEWS_BLACKOUT if inside else R_OK


@shared
def spread_gate(spread_ticks, base_ticks, tolerance_ticks, required=0):
    """The quoted spread in ticks beyond a normal one.  A locked or crossed quote fails; no quote at all passes unmeasured, unless one is required."""
    if spread_ticks != spread_ticks:
        return not required, spread_ticks, tolerance_ticks, R_SPREAD if required else R_UNMEASURED
    excess = spread_ticks - base_ticks
    passed = spread_ticks > EPS and excess <= tolerance_ticks + EPS
    return passed, excess, tolerance_ticks, R_OK if passed else R_SPREAD


@shared
def normal_spread(is_share, price, tick, base_ticks, base_money, base_share):
    """The ordinary spread in ticks: of a share a cent or some basis points of its price, whichever is more, never less than that of the tick grid."""
    return max(base_ticks, base_money / tick, base_share * price / tick) if is_share else base_ticks


@shared
def latency_gate(median_ns, max_ns):
    """The round trip of orders, the median of the last ones.  measured, allowed: milliseconds; NaN where none was timed, which passes unmeasured."""
    if median_ns != median_ns:
        return True, median_ns, max_ns / MILLISECOND, R_UNMEASURED
    passed = median_ns <= max_ns
    return passed, median_ns / MILLISECOND, max_ns / MILLISECOND, R_OK if passed else R_LATENCY


@shared
def median_of(values, n):
    """Median of the first n values, NaN of none; nothing is moved, so that a ring stays one."""
    if n <= 0:
        return np.nan
    low, high = np.nan, np.nan
    for i in range(n):
        below, same = 0, 0
        for j in range(n):
            below += values[j] < values[i]
            same += values[j] == values[i]
        if below <= (n - 1) // 2 < below + same:
            low = values[i]
        if below <= n // 2 < below + same:
            high = values[i]
    return 0.5 * (low + high)


@shared
def veto(direction, rsi_state, macd_state):
    """What forbids a buy (+1) or a sale (-1), R_RSI or R_MACD, else R_OK.  An unknown state forbids; oversold alone never allows a buy."""
    bullish = macd_state == MACD_BULL_EXPANDING or macd_state == MACD_BULL_DIVERGENCE
    bearish = macd_state == MACD_BEAR_EXPANDING or macd_state == MACD_BEAR_DIVERGENCE
    against = bearish if direction > 0 else bullish
    extreme = rsi_state == (RSI_OVERBOUGHT if direction > 0 else RSI_OVERSOLD)
    if rsi_state == RSI_UNKNOWN or extreme:
        return R_RSI
    if macd_state == MACD_UNKNOWN or against:
        return R_MACD
    return R_RSI if direction > 0 and rsi_state == RSI_OVERSOLD and not bullish else R_OK


@shared
def directional_gate(applies, direction, allow_short, rsi_state, macd_state):
    """The RSI and MACD veto: off for rules that fire at extremes by design; a setup of either direction (0) needs one side that may be traded.

    measured, allowed: the code of the state that decided, and the states that would not forbid as a sum of 2**code.
    """
    if not applies:
        return True, 0.0, 0.0, R_OFF
    side = -1 if direction < 0 else 1
    code = veto(side, rsi_state, macd_state)
    if direction == 0 and code != R_OK and allow_short and veto(-side, rsi_state, macd_state) == R_OK:
        side, code = -side, R_OK
    by_macd = code == R_MACD
    allowed = 0
    for state in range(N_MACD_STATES if by_macd else N_RSI_STATES):
        other = float(state)
        found = veto(side, rsi_state, other) if by_macd else veto(side, other, macd_state)
        if found != (R_MACD if by_macd else R_RSI):
            allowed += 1 << state
    return code == R_OK, macd_state if by_macd else rsi_state, float(allowed), code


@shared
def news_check(direction, allow_short, age_ns, flag, max_age_ns, sale):
    """What the last headline says of a purchase: none, one too old, or a red flag forbids it; a sale (-1) is never forbidden.

    A setup of either direction passes where the sale is allowed, `sale` its code by the other states.  measured, allowed: 1 for a flag and 0, else
    hours, -1 where no headline is known.
    """
    known = age_ns == age_ns
    flagged = flag > 0.5
    measured = 1.0 if flagged else age_ns / HOUR if known else -1.0
    free = direction < 0 or (direction == 0 and allow_short and sale == R_OK)
    passed = free or (known and not flagged and age_ns <= max_age_ns)
    return passed, measured, 0.0 if flagged else max_age_ns / HOUR, R_OK if passed else R_NEWS


@shared
def confidence_gate(confidence, least, unearned=False):
    """Confidence is enough, and the strategy's own record does not say that its signals earn nothing."""
    if unearned:
        return False, confidence, least, R_NEG_EXPECTANCY
    passed = confidence >= least - EPS
    return passed, confidence, least, R_OK if passed else R_MIN_CONFIDENCE


@shared
def slippage_check(direction, decision, stop, target, price_now, tick, max_slip_r=0.15, min_rr=1.5):
    """Whether the market has moved too far against the decision, or so far that the reward is gone.

    Returns (adverse_points, adverse_r, rr_now, passed, code); rr_now 0 beyond the stop, NaN without a target.
    """
    risk = abs(decision - stop)
    adverse = direction * (price_now - decision)
    left = direction * (price_now - stop)
    if left <= EPS or not risk > EPS:
        return adverse, adverse / risk if risk > EPS else np.inf, 0.0, False, R_THROUGH_STOP
    rr_now = direction * (target - price_now) / left
    if adverse > max(max_slip_r * risk, tick) + EPS:
        return adverse, adverse / risk, rr_now, False, R_SLIPPAGE
    if rr_now < min_rr - EPS:
        return adverse, adverse / risk, rr_now, False, R_RR
    return adverse, adverse / risk, rr_now, True, R_OK


@shared
def beside_grid(value, step):
    """Whether a price or a quantity is no multiple of its step; none (NaN) is no price."""
    return value == value and not abs(value / step - np.rint(value / step)) <= GRID_TOLERANCE


@shared
def prices_fit(entry, stop, target, tick, entry_rests):
    """Every price of an order above nothing and on the tick grid; an entry that does not rest (`entry_rests` 0) is no order's price.

    target NaN: none.  Returns (passed, measured, allowed, code): the price in points and the nearest one of the grid, or 0 where it is none at all.
    """
    if not (entry > 0.0 and entry < np.inf):
        return False, entry, 0.0, R_BAD_PRICE
    if not (stop > 0.0 and stop < np.inf):
        return False, stop, 0.0, R_BAD_PRICE
    if target <= 0.0 or target == np.inf:
        return False, target, 0.0, R_BAD_PRICE
    if entry_rests and beside_grid(entry, tick):
        return False, entry, np.rint(entry / tick) * tick, R_OFF_TICK
    if beside_grid(stop, tick):
        return False, stop, np.rint(stop / tick) * tick, R_OFF_TICK
    if beside_grid(target, tick):
        return False, target, np.rint(target / tick) * tick, R_OFF_TICK
    return True, 0.0, 0.0, R_OK


@shared
def activation_figures(adverse_r, max_slip_r, rr_now, min_rr, code):
    """(measured, allowed) of the question that a slippage check answered with this code: what is left of the reward in R, or the adverse move."""
    return (rr_now, min_rr) if code == R_RR else (adverse_r, max_slip_r)


@shared
def bracket_gate(direction, entry, stop, target, price_now, tick, atr, cap_points, min_rr, max_slip_r, entry_rests=0):
    """Prices that an order may have, a stop inside its cap and outside the noise, a reward worth the risk, a price still near.

    measured, allowed: of the question that failed, else R.
    """
    fits, price, nearest, why_not = prices_fit(entry, stop, target, tick, entry_rests)
    if not fits:
        return False, price, nearest, why_not
    code, checked, risk, cap, widened = stop_check(entry, stop, direction, tick, atr, cap_points)
    if code == STOP_WRONG_SIDE:
        return False, risk, 0.0, R_STOP_WRONG_SIDE
    if code != OK:
        return False, risk, cap, R_SL_CAP
    if widened:                                     # the tactic has widened already; here only an edit can be too tight
        return False, abs(entry - stop), abs(entry - checked), R_MIN_RISK
    adverse, adverse_r, rr_now, passed, why = slippage_check(direction, entry, stop, target, price_now, tick, max_slip_r, min_rr)
    if not passed and why != R_RR:
        return False, adverse_r, max_slip_r, why
    if target != target:                            # nothing to weigh the risk against: held until the tactic says otherwise
        return True, adverse_r, max_slip_r, R_NO_TARGET
    rr = direction * (target - entry) / risk
    if rr < min_rr - EPS or why == R_RR:
        return False, min(rr, rr_now), min_rr, R_RR
    return True, rr_now, min_rr, R_OK


@shared
def hit_rate_and_reward(wins, trades, win_r, reward_r, prior_r, prior_n):
    """(share of winners shrunk to a prior that is the same small edge at every target, reward in R) of a tactic and grade.

    wins, trades, win_r: decayed tallies of closed trades; reward_r NaN: no target, the mean winner in R shrunk alike.
    """
    reward = reward_r
    if reward != reward:
        reward = (win_r + 2.0 * prior_n) / (wins + prior_n)
    prior = (1.0 + prior_r) / (1.0 + reward) if reward > 0.0 else 1.0         # a target beyond the entry, which an edit may ask for, earns nothing
    return (wins + prior * prior_n) / (trades + prior_n), reward


@shared
def expected_value_gate(wins, trades, win_r, reward_r, slip_in_r, slip_stop_r, fees_r, prior_r=0.25, prior_n=20.0, least=0.07):
    """Expected value in R after costs, by `hit_rate_and_reward` of the tactic and grade.  Costs in R.  Returns (passed, ev, least, code, hit_rate)."""
    hit_rate, reward = hit_rate_and_reward(wins, trades, win_r, reward_r, prior_r, prior_n)
    cost = slip_in_r + (1.0 - hit_rate) * slip_stop_r + fees_r
    value = hit_rate * reward - (1.0 - hit_rate) - cost
    passed = value >= least - EPS
    return passed, value, least, R_OK if passed else R_EV, hit_rate


@shared
def cooldown_gate(now, entry_ts, stop_ts, entry_rest_ns, stop_rest_ns, losses, max_losses):
    """Rest after an entry and after a stop-out of the same symbol and side, and after a run of losses.  measured, allowed: minutes, or losses."""
    if losses >= max_losses:
        return False, float(losses), float(max_losses), R_LOSS_STREAK
    if now - stop_ts < stop_rest_ns:
        return False, (now - stop_ts) / MINUTE, stop_rest_ns / MINUTE, R_COOLDOWN
    if now - entry_ts < entry_rest_ns:
        return False, (now - entry_ts) / MINUTE, entry_rest_ns / MINUTE, R_COOLDOWN
    return True, 0.0, 0.0, R_OK


@shared
def loss_used(day_start_equity, equity):
    """Loss of the trading day as a fraction of its first equity; all of it where there was none."""
    return (day_start_equity - equity) / day_start_equity if day_start_equity > 0.0 else 1.0


@shared
def share_of(money, equity):
    """Money as a fraction of equity; without bound where there is none."""
    return money / equity if equity > 0.0 else np.inf


@shared
def daily_loss_gate(day_start_equity, equity, open_risk, new_risk, limit):
    """Loss of the trading day as a fraction of its first equity, realised below the limit and projected at most at it.

    Returns (passed, measured, limit, code, loss_used, projected).
    """
    used = loss_used(day_start_equity, equity)
    projected = used + (open_risk + new_risk) / day_start_equity if day_start_equity > 0.0 else 1.0
    if not used < limit - EPS:                      # a loss that nobody can tell is one
        return False, used, limit, R_DAILY_LOSS, used, projected
    if not projected <= limit + EPS:
        return False, projected, limit, R_DAILY_LOSS_PROJECTED, used, projected
    return True, projected, limit, R_OK, used, projected


@shared
def exposure_gate(quantity, lot, equity, open_risk, unit_risk, risk_cap, gross, symbol_gross, unit_notional, gross_cap, symbol_cap, group, group_cap,
                  group_gross=0.0, group_notional_cap=1e9, correlated_risk=0.0, correlated_cap=1e9, margin=0.0, unit_margin=0.0):
    """The largest quantity, at most `quantity`, inside concurrent risk, the notional limits of all, of the symbol and of its group, the risk of positions
    that move together, and the equity that margin leaves free.

    Returns (quantity, measured, allowed, code): the binding limit's figures, as fractions of equity (positions for a group).
    """
    if group >= group_cap:
        return 0.0, float(group), float(group_cap), R_GROUP
    best, measured, allowed, code = quantity, share_of(open_risk + quantity * unit_risk, equity), risk_cap, R_OK
    for which in range(6):
        used, unit, cap, why = open_risk, unit_risk, risk_cap, R_CONCURRENT_RISK
        if which == 1:
            used, unit, cap, why = gross, unit_notional, gross_cap, R_EXPOSURE
        elif which == 2:
            used, unit, cap, why = symbol_gross, unit_notional, symbol_cap, R_EXPOSURE
        elif which == 3:
            used, unit, cap, why = group_gross, unit_notional, group_notional_cap, R_EXPOSURE
        elif which == 4:
            used, unit, cap, why = correlated_risk, unit_risk, correlated_cap, R_CORRELATED
        elif which == 5:
            used, unit, cap, why = margin, unit_margin, 1.0, R_MARGIN
        room = (cap * equity - used) / unit if unit > 0.0 else 1e15
        most = max(0.0, lots_down(room, lot))
        if most < best:
            best, measured, allowed, code = most, share_of(used + quantity * unit, equity), cap, why
    return best, measured, allowed, code


@shared
def var_es(losses_sorted, n, alpha):
    """Value at risk and expected shortfall of n losses sorted largest first.  Returns (k, var, es), gains negative."""
    share = (1.0 - alpha) * n
    k = int(share)
    if share - k > 1e-9:                            # (1 - alpha) n as decimals, not as floats: 0.1 * 20 is 2
        k += 1
    k = max(1, k)
    total = 0.0
    for i in range(k):
        total += losses_sorted[i]
    return k, losses_sorted[k - 1], total / k


@shared
def tail_gate(losses_sorted, n, min_n, equity, var_cap, es_cap):
    """One-day VaR 95 and ES 97.5 against their limits.  losses_sorted: the largest of n losses, largest first, at least a twentieth of them.

    Returns (passed, measured, allowed, code), fractions of equity.
    """
    if n < min_n:
        return True, float(n), float(min_n), R_INSUFFICIENT
    _, var, _ = var_es(losses_sorted, n, 0.95)
    _, _, shortfall = var_es(losses_sorted, n, 0.975)
    var, shortfall = share_of(var, equity), share_of(shortfall, equity)
    if not var <= var_cap + EPS:
        return False, var, var_cap, R_VAR
    if not shortfall <= es_cap + EPS:
        return False, shortfall, es_cap, R_ES
    return True, var, var_cap, R_OK
