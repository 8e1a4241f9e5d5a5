"""TCEA-SPMF written bar by bar from its table of rules, on the naive legs and pullbacks."""

import numpy as np

from . import impulse, targets
from .missed_gaps import CLASSES, EPS, last_break, price

RULES = {"max_bars": 20, "min_bars": 2, "min_atr": 3.0, "min_er": 0.40, "disp": {"range": 1.2, "body": 0.60, "close": 0.70}, "n": (2, 10),
         "depth": (0.25, 0.618), "mono": 0.60, "max_range_atr": 1.5, "break_bars": 2}
WORTH = {"A+": 1.0, "A": 0.75, "B": 0.5}


def gaps_between(open_, high, low, close, atr, session, first, last, d, tick, one_session=False):
    """Minutes first..last at which a valid gap of direction d formed that no later minute up to `last` traded through."""
    found = []
    for u in range(max(first, 2), last + 1):
        bottom, top = (high[u - 2], low[u]) if d > 0 else (high[u], low[u - 2])
        later = low[u + 1:last + 1] <= bottom + EPS if d > 0 else high[u + 1:last + 1] >= top - EPS
        wide = top - bottom >= tick - EPS and 0.10 * atr[u - 1] - EPS <= top - bottom <= 2.0 * atr[u - 1] + EPS
        body = close[u - 1] > open_[u - 1] if d > 0 else close[u - 1] < open_[u - 1]
        if top > bottom + EPS and body and wide and not later.any() and not (one_session and session[u - 2] != session[u]):
            found.append(u)
    return found


def scan(view, minutes, minute_atr, last_minute, tick, cap_points):
    """Setups as (t, direction, entry, stop, target, size, bonus) and refusals as (t, direction, word), prices as traded."""
    bars, good, bad, last = view.decision, [], [], {1: -10**9, -1: -10**9}
    columns = view.columns
    prices = [bars.adjusted(name) for name in ("open", "high", "low", "close")]
    fine = [minutes.adjusted(name) for name in ("open", "high", "low", "close")]
    ranges = (columns["atr"], columns["atr_before"])
    gaps = [(gap["dir"], gap["formed_at"]) for gap in view.gaps if gap["valid"] and not gap["inverse"]]
    for t in range(len(bars)):
        near = [gap for gap in gaps if t - 45 <= gap[1] <= t]
        for d in (1, -1):
            leg = impulse.leg_at(*prices, *ranges, bars.session, near, t, d, RULES, False)
            if leg is None or leg[1] + 3 > t:
                continue
            s, e, start, end, length = leg[:5]
            _, depth, _, _, _, extreme, failed = impulse.pullback_at(*prices, *ranges, (e, end, length), t, d, RULES)
            if failed:
                continue
            row = last_break(view, d, s, e)
            mqs = view.breaks[row]["mqs_next"] if row is not None else np.nan
            micro = gaps_between(*fine, minute_atr, minutes.session, last_minute[e] + 1, last_minute[t], d, tick)
            entry = targets.on_grid(bars.close[t], tick, up=d > 0)
            word = None
            if columns["tcc_dir"][t] != d or CLASSES[columns["tcc"][t]] not in ("Medium", "High"):
                word = "CONTEXT"
            elif not micro:
                word = "NO_MICRO_FVG"
            elif not mqs >= 0.55 - EPS:
                word = "GRADE"
            elif t - last[d] < 5:
                word = "MIN_BARS_BETWEEN"
            made = word or price(view, t, d, entry, extreme, tick, cap_points)
            if isinstance(made, str):
                bad.append((t, d, made))
                continue
            last[d] = t
            grade = "A+" if mqs >= 0.85 - EPS else "A" if mqs >= 0.70 - EPS else "B"
            of_depth, of_mqs = max(0.0, 1 - abs(depth - 0.382) / 0.236), min(max((mqs - 0.55) / 0.30, 0.0), 1.0)
            good.append((t, d, entry, *made, WORTH[grade] * (0.75 + 0.25 * of_depth * of_mqs), 0.10 if grade == "A+" else 0.0))
    return good, bad
