"""Gates as questions in words; the answer is OK or the reason of the refusal."""

import math

from . import targets


def bracket(d, entry, stop, target, now, tick, atr, cap, min_rr, max_slip_r):
    """Stop check, distance of the market, reward: gate 8 of the table."""
    name, _, widened = targets.stop(entry, stop, d, tick, atr, cap)
    if name != "OK":
        return name
    if widened:
        return "MIN_RISK"
    return market_moved(d, entry, stop, target, now, tick, min_rr, max_slip_r)


def market_moved(d, entry, stop, target, now, tick, min_rr, max_slip_r):
    risk, left = abs(entry - stop), d * (now - stop)
    if left <= 1e-9:
        return "THROUGH_STOP"
    if d * (now - entry) > max(max_slip_r * risk, tick) + 1e-9:
        return "SLIPPAGE"
    if not math.isnan(target) and min(d * (target - entry) / risk, d * (target - now) / left) < min_rr - 1e-9:
        return "RR"
    return "OK"


def expected_value(wins, trades, win_r, b, slip_in, slip_stop, fees, prior_r, prior_n):
    """Expected value in R; costs in R."""
    if math.isnan(b):
        b = (win_r + 2.0 * prior_n) / (wins + prior_n)
    p = (wins + (1 + prior_r) / (1 + b) * prior_n) / (trades + prior_n)
    return p * b - (1 - p) - (slip_in + (1 - p) * slip_stop + fees)


def var_es(losses, alpha):
    worst = sorted(losses, reverse=True)
    k = max(1, math.ceil(round((1 - alpha) * len(worst), 9)))
    return worst[k - 1], sum(worst[:k]) / k
