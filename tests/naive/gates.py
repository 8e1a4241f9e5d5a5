"""Gates as questions in words; the answer is OK or the reason of the refusal."""

import math

from . import targets

# Which market conditions let a family in: with the trend's direction, against it, in a range, in transition.
MATRIX = {
    "mss_fvg_retest": ("yes", "TCC < High", "yes", "yes"),
    "sweep_reversal": ("yes", "yes", "yes", "yes"),
    "missed_fvg_reversion": ("yes", "no", "no", "TCC >= Low"),
    "pullback_micro_fvg": ("yes", "no", "no", "no"),
    "momentum_thrust": ("TCC High", "no", "no", "no"),
    "zone": ("yes", "score >= 8/9", "yes", "yes"),
    "swing_trend": ("yes", "yes", "no", "yes"),
    "swing_reversion": ("yes", "no", "yes", "yes"),
    "open_call": ("yes", "no", "yes", "yes"),
    "rule": ("yes", "yes", "yes", "yes"),
}


def let_in(family, d, mcs, tcc, score):
    """Whether a market condition permits a setup; all but the direction and the score in words."""
    column = {("TREND_UP", 1): 0, ("TREND_DOWN", -1): 0, ("TREND_UP", -1): 1, ("TREND_DOWN", 1): 1, ("RANGE", d): 2, ("TRANSITION", d): 3}.get((mcs, d))
    if family not in MATRIX or column is None:
        return False
    return {"yes": True, "no": False, "TCC < High": tcc != "High", "TCC >= Low": tcc in ("Low", "Medium", "High"), "TCC High": tcc == "High",
            "score >= 8/9": round(9 * score, 6) >= 8}[MATRIX[family][column]]


def directional(d, rsi, macd):
    """The veto of RSI and MACD on a buy or a sale."""
    extreme, against = ("OVERBOUGHT", "BEARISH") if d > 0 else ("OVERSOLD", "BULLISH")
    if rsi in ("UNKNOWN", extreme):
        return "RSI"
    if macd == "UNKNOWN" or macd.startswith(against):
        return "MACD"
    return "RSI" if d > 0 and rsi == "OVERSOLD" and not macd.startswith("BULLISH") else "OK"


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


def chance(wins, trades, win_r, b, prior_r, prior_n):
    """(hit rate, reward in R): the mean winner, shrunk to two, where there is no target."""
    if math.isnan(b):
        b = (win_r + 2.0 * prior_n) / (wins + prior_n)
    return (wins + (1 + prior_r) / (1 + b) * prior_n) / (trades + prior_n), b


def expected_value(wins, trades, win_r, b, slip_in, slip_stop, fees, prior_r, prior_n):
    """Expected value in R; costs in R."""
    p, b = chance(wins, trades, win_r, b, prior_r, prior_n)
    return p * b - (1 - p) - (slip_in + (1 - p) * slip_stop + fees)


def var_es(losses, alpha):
    worst = sorted(losses, reverse=True)
    k = max(1, math.ceil(round((1 - alpha) * len(worst), 9)))
    return worst[k - 1], sum(worst[:k]) / k
