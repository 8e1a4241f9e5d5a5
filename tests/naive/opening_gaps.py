"""Opening gaps from the definition, each by itself."""

import math

KINDS = ("UNKNOWN", "NONE", "FULL_UP", "FULL_DOWN", "PARTIAL_UP", "PARTIAL_DOWN")
DUST = 1e-9


def kind_of(open_, before, highs, lows):
    if open_ > max(highs, default=-math.inf) + DUST:
        return "FULL_UP"
    if open_ < min(lows, default=math.inf) - DUST:
        return "FULL_DOWN"
    return "PARTIAL_UP" if open_ > before + DUST else "PARTIAL_DOWN" if open_ < before - DUST else "NONE"


def opening_gaps(open_, high, low, close, session, roll):
    """(first bar, points, kind, bar that fills it or None) of each session."""
    n, out = len(open_), []
    for t in range(n):
        if t > 0 and session[t] == session[t - 1]:
            continue
        if t == 0 or roll[t] or session[t] != session[t - 1] + 1:
            out.append((t, math.nan, "NONE", None))
            continue
        before, points = close[t - 1], open_[t] - close[t - 1]
        if math.isnan(points):
            out.append((t, math.nan, "UNKNOWN", None))
            continue
        last = [u for u in range(t) if session[u] == session[t - 1]]
        kind = kind_of(open_[t], before, [high[u] for u in last if not math.isnan(high[u])], [low[u] for u in last if not math.isnan(low[u])])
        back = [u for u in range(t, n) if (low[u] <= before + DUST if points >= 0 else high[u] >= before - DUST)]
        out.append((t, points, kind, back[0] if back else None))
    return out
