"""Liquidity tests and the state of the market, sentence by sentence."""

import math

TOLERANCE = 1e-9


def zero_shares(volume, window):
    out = [math.nan] * len(volume)
    for t in range(window - 1, len(volume)):
        last = list(volume[t - window + 1:t + 1])
        if not any(map(math.isnan, last)):
            out[t] = sum(v == 0 for v in last) / window
    return out


def present_shares(valid, place, group, halts, window):
    """halts[g]: the set of places of the group at which no bar is expected."""
    out = []
    for t in range(len(place)):
        wanted = [p for p in range(max(place[t] - window + 1, 0), place[t] + 1) if p not in halts[group[t]]]
        there = {place[u] for u in range(t + 1) if group[u] == group[t] and valid[u]}
        out.append(len([p for p in range(max(place[t] - window + 1, 0), place[t] + 1) if p in there]) / len(wanted) if valid[t] else math.nan)
    return out


def failed(rvol, spread_rank, zero_share, coverage, depth_rank):
    found = []
    if rvol < 0.30 - TOLERANCE:
        found.append("LOW_RVOL")
    if spread_rank > 0.90 + TOLERANCE:
        found.append("WIDE_SPREAD")
    if zero_share > 0.20 + TOLERANCE:
        found.append("ZERO_VOLUME")
    if coverage < 0.80 - TOLERANCE:
        found.append("GAPS")
    if depth_rank < 0.10 - TOLERANCE:
        found.append("DEPTH")
    return found


def condition(ready, session_open, liquid, bucket, spike, tcc, tcc_dir, er, adx):
    rows = (
        ("UNKNOWN", not ready),
        ("CLOSED", not session_open),
        ("ILLIQUID", not liquid),
        ("VOLATILE", bucket == "HiVol-Q4" and spike and tcc in ("None", "Low")),
        ("TREND_UP", tcc in ("Medium", "High") and tcc_dir == 1),
        ("TREND_DOWN", tcc in ("Medium", "High") and tcc_dir == -1),
        ("RANGE", er < 0.25 - TOLERANCE and adx < 20 - TOLERANCE),
        ("TRANSITION", True),
    )
    return next(name for name, holds in rows if holds)
