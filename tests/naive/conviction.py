"""Trend conviction as a table of sentences, one bar at a time."""

import math

TOLERANCE = 1e-9
WEIGHTS = {"adx": 0.25, "er": 0.15, "ema": 0.20, "struct": 0.20, "vwap": 0.10, "htf": 0.10}
LADDER = (("High", 0.75), ("Medium", 0.55), ("Low", 0.35))
ORDER = ("None", "Low", "Medium", "High")


def sign(x):
    return 0 if math.isnan(x) or abs(x) <= TOLERANCE else 1 if x > 0 else -1


def at_least(x, limit):
    return not math.isnan(x) and x >= limit - TOLERANCE


def components(bar, d):
    adx = er = 0.0
    if sign(bar["plus_di"] - bar["minus_di"]) == d:
        adx = 1.0 if at_least(bar["adx"], 25) else 0.5 if at_least(bar["adx"], 20) else 0.0
    if sign(bar["change"]) == d:
        er = 1.0 if at_least(bar["er"], 0.45) else 0.5 if at_least(bar["er"], 0.30) else 0.0
    facts = [sign(bar["ema_fast"] - bar["ema_slow"]) == d, at_least(d * bar["slope"], 0.10)]
    vwap = 0.0
    if sign(bar["vwap_side"]) == d:
        vwap = 1.0 if sign(bar["vwap_slope"]) == d else 0.5
    return {"adx": adx, "er": er, "ema": sum(facts) / 2, "struct": float(bar["trend"] == d), "vwap": vwap, "htf": float(sign(bar["htf"]) == d)}


def score(parts, used):
    return sum(WEIGHTS[name] * parts[name] for name in used) / sum(WEIGHTS[name] for name in used)


def classify(value):
    return next((name for name, limit in LADDER if at_least(value, limit)), "None")


def convictions(bars, intraday, hysteresis=0.05):
    """[(class, direction, long, short)] of dicts; an unready bar is UNKNOWN and changes nothing."""
    used = list(WEIGHTS) if intraday else ["adx", "er", "ema", "struct"]
    out, held, held_dir = [], "None", 0
    for bar in bars:
        if not all(math.isfinite(bar[name]) for name in ("adx", "er", "ema_fast", "ema_slow")):
            out.append(("UNKNOWN", 0, math.nan, math.nan))
            continue
        long, short = score(components(bar, 1), used), score(components(bar, -1), used)
        d = sign(long - short)
        best, name = max(long, short), "None"
        if d:
            name = classify(best)
            if d == held_dir and ORDER.index(held) > ORDER.index(name) and at_least(best, dict(LADDER)[held] - hysteresis):
                name = held
            if not at_least(bar["adx"], 15) and name in ("Medium", "High"):
                name = "Low"
            if bar["spike"] and name == "High":
                name = "Medium"
        held, held_dir = name, 0 if name == "None" else d
        out.append((held, held_dir, long, short))
    return out
