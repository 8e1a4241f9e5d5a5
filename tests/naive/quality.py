"""The structure score of one break and the data score of one bar, from their definitions."""

import math


def clip(x):
    return x if math.isnan(x) else min(1.0, max(0.0, x))


def score(event, o, h, lo, c, a, rvol, htf, gaps, sweeps, window, last_bar):
    """(mqs as of `last_bar`, row of the best sweep) of a break; gaps and sweeps are dicts, sweeps hold only those that were SWEPT."""
    t, d = event["t"], event["dir"]
    unit = a[t] if a[t] > 0 else math.nan
    body = max(max(d * (c[u] - o[u]), 0) for u in range(max(0, t - window + 1), t + 1))
    span = range(event["pivot_idx"], t + 1)
    depth = event["level"] - min(lo[u] for u in span) if d > 0 else max(h[u] for u in span) - event["level"]
    near = [g for g in gaps if g["valid"] and not g["inverse"] and g["dir"] == d and t - 2 <= g["mid_bar"] <= t and g["formed_at"] <= last_bar]
    swept = [s for s in sweeps if s["dir"] == d and t - 12 <= s["confirmed_at"] <= t]
    best = max(swept, key=lambda s: s["priority"], default=None)
    parts = [
        (0.30, clip((body / unit - 0.5) / 1.5)), (0.15, clip(d * (c[t] - event["level"]) / (0.5 * unit))), (0.15, float(bool(near))),
        (0.15, best["priority"] if best else 0.0), (0.10, 0.5 if math.isnan(rvol[t]) else clip(rvol[t] - 1)), (0.10, clip(max(depth, 0) / (2 * unit))),
        (0.05, 0.5 if math.isnan(htf[t]) else {1: 1.0, 0: 0.5, -1: 0.0}[int(d * htf[t])]),
    ]
    return sum(weight * value for weight, value in parts), best


def data_score(t, bars, a, session, n_src, elapsed, age, intervals, length, source, jump_atr):
    """bars: (open, high, low, close, volume) columns."""
    o, h, lo, c, v = bars
    window = [u for u in range(t + 1) if elapsed[u] > elapsed[t] - intervals * length]
    sound = [u for u in window if all(map(math.isfinite, (o[u], h[u], lo[u], c[u]))) and h[u] >= max(o[u], c[u]) and lo[u] <= min(o[u], c[u])
             and not v[u] < 0]
    jumps = [u for u in window if u > 0 and session[u] == session[u - 1] and abs(c[u] - c[u - 1]) > jump_atr * a[u]]
    expected = min(intervals * length, elapsed[t] - elapsed[0] + length) / source
    fresh = 1.0 if age[t] <= 2 * length else max(0.0, (4 * length - age[t]) / (2 * length))
    return (0.4 * min(1.0, sum(n_src[u] for u in window) / expected) + 0.2 * fresh + 0.3 * len(sound) / len(window)
            + 0.1 * (1 - len(jumps) / len(window)))
