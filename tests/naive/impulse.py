"""Impulse legs and pullbacks, every bar looked at whole."""

import numpy as np

from tests.naive.structure import displaced

NEVER = 2**62


def window(t, back, session, one_session):
    return [u for u in range(max(0, t - back), t + 1) if not one_session or session[u] == session[t]]


def leg_at(o, h, lo, c, atr, a, session, gaps, t, d, rules, one_session):
    """(s, e, start, end, length, length_atr, er, displaced, gapped) of the valid leg that stands at bar t, or None; gaps are (dir, formed_at), valid ones."""
    front, back = (h, -lo) if d > 0 else (-lo, h)
    bars = window(t, rules["max_bars"], session, one_session)
    if any(np.isnan(c[u]) for u in bars):
        return None
    e = next(u for u in bars if front[u] >= max(front[v] for v in bars) - 1e-9)
    bars = window(e, rules["max_bars"], session, one_session)
    if any(np.isnan(c[u]) for u in bars):
        return None
    s = [u for u in bars if back[u] >= max(back[v] for v in bars) - 1e-9][-1]
    start, end = (lo[s], h[e]) if d > 0 else (h[s], lo[e])
    way = sum(abs(c[u] - c[u - 1]) for u in range(s + 1, e + 1))
    er = abs(c[e] - c[s]) / way if way > 0 else 0.0
    length = abs(end - start)
    length_atr = length / atr[e] if atr[e] > 0 else float("nan")
    inside = any(displaced(o[u], h[u], lo[u], c[u], a[u], d, rules["disp"]) for u in range(s, e + 1))
    gap = any(g == d and formed - 2 >= s and formed <= e for g, formed in gaps)
    good = e - s >= rules["min_bars"] and length_atr >= rules["min_atr"] - 1e-9 and er >= rules["min_er"] - 1e-9 and (inside or gap)
    return (s, e, start, end, length, length_atr, er, inside, gap) if good else None


def pullback_at(o, h, lo, c, atr, a, leg, t, d, rules):
    """(bars, depth, mono, max_range, line, extreme, set of failed conditions) of the pullback from a leg at bar t; leg is (e, end, length)."""
    e, end, length = leg
    bars = list(range(e + 1, t))
    extreme = min(lo[e + 1:t + 1]) if d > 0 else max(h[e + 1:t + 1])
    depth = d * (end - extreme) / length
    calm = [h[u] <= h[u - 1] + 1e-9 if d > 0 else lo[u] >= lo[u - 1] - 1e-9 for u in bars]
    mono = sum(calm) / len(calm) if bars else 0.0
    widest = max((h[u] - lo[u] for u in bars), default=0.0)
    last = [u for u in bars if u >= t - rules["break_bars"]]
    line = (max(h[u] for u in last) if d > 0 else min(lo[u] for u in last)) if last else (-np.inf if d > 0 else np.inf)
    failed = set()
    if not rules["n"][0] <= len(bars) <= rules["n"][1]:
        failed.add("n")
    if not rules["depth"][0] - 1e-9 <= depth <= rules["depth"][1] + 1e-9:
        failed.add("depth")
    if mono < rules["mono"] - 1e-9:
        failed.add("mono")
    if not widest <= rules["max_range_atr"] * atr[t] + 1e-9:
        failed.add("rng")
    if not d * (c[t] - line) > 1e-9:
        failed.add("brk")
    if any(displaced(o[u], h[u], lo[u], c[u], a[u], -d, rules["disp"]) for u in bars):
        failed.add("no_counter")
    return len(bars), depth, mono, widest, line, extreme, failed


def last_leg(legs, h, lo, t):
    """(dir, start) of the last leg at bar t, or None; legs are (dir, known_at, e, length_atr, start)."""
    known = [leg for leg in legs if leg[1] <= t]
    if not known:
        return None
    latest = max(leg[1] for leg in known)
    d, _, e, _, start = max((leg for leg in known if leg[1] == latest), key=lambda leg: (leg[2], leg[3], leg[0]))
    undone = any((lo[u] < start - 1e-9) if d > 0 else (h[u] > start + 1e-9) for u in range(e, t + 1))
    return None if undone else (d, start)
