"""Liquidity pools with plain lists: every pool is looked at on every bar."""

import numpy as np

NEVER = 2**62
NAMES = ("ALIVE", "SWEPT", "BROKEN", "BROKEN_DEEP", "EXPIRED", "REPLACED", "PENDING")
BASE = {"PW": 1.0, "PD": 0.9, "ON": 0.75, "ASIA": 0.75, "LONDON": 0.75, "EQ": 0.7, "OR": 0.65, "MAJOR": 0.6, "SWING": 0.4}
FAMILIES = ("PW", "PD", "ON", "ASIA", "LONDON", "EQ", "OR", "MAJOR", "SWING")


def extremes(rows, h, lo, t, family):
    """The (t, family, side, level, priority, origin) of the high and the low of some bars."""
    if not len(rows):
        return []
    top, bottom = max(h[rows]), min(lo[rows])
    return [(t, family, 1, top, BASE[family], next(u for u in rows if h[u] == top)), (t, family, -1, bottom, BASE[family],
                                                                                     next(u for u in rows if lo[u] == bottom))]


def session_extremes(h, lo, ts_open, ts_close, session, week, begins, ends):
    """Candidates of days, weeks and windows; the order inside a bar is left open."""
    out, present = [], sorted(set(session))
    for before, s in zip(present, present[1:], strict=False):
        t = int(np.flatnonzero(session == s)[0])
        if s == before + 1:
            out += extremes(np.flatnonzero(session == before), h, lo, t, "PD")
        if week[s] == week[before] + 1:
            out += extremes(np.flatnonzero(week[session] == week[before]), h, lo, t, "PW")
    for w, family in enumerate(("ON", "ASIA", "LONDON", "OR")):
        for s in present:
            rows = np.flatnonzero((session == s) & (ts_open >= begins[s, w]) & (ts_open < ends[s, w]))
            after = np.flatnonzero((ts_close >= ends[s, w]) & (session >= s))
            if len(rows) and len(after) and session[after[0]] <= s + 1:
                out += extremes(rows, h, lo, int(after[0]), family)
    return out


def equal_levels(h, lo, pivots, tolerance, min_apart, side):
    """(level, member idxs, confirmed_at) at each second and further member; pivots are (kind, idx, price, confirmed_at)."""
    out, groups, judged = [], [], -1
    for kind, idx, price, t in pivots:
        if kind != side:
            continue
        between, judged = range(judged + 1, idx + 1), idx
        for group in groups:
            if any((h[u] - group["level"] if side > 0 else group["level"] - lo[u]) > tolerance[t] + 1e-9 for u in between):
                group["open"] = False
        near = [g for g in groups if g["open"] and abs(price - g["anchor"]) <= tolerance[t] + 1e-9 and idx - g["members"][-1] >= min_apart]
        if not near:
            groups.append({"anchor": price, "level": price, "members": [idx], "open": True, "origin": idx})
            continue
        group = min(near, key=lambda g: (abs(price - g["anchor"]), -side * g["anchor"], g["members"][0]))
        if side * price > side * group["level"] + 1e-9:
            group["level"], group["origin"] = price, idx
        group["members"].append(idx)
        out.append((group["level"], tuple(group["members"]), t, group["origin"]))
    return out


def settle(pool, t, h, lo, c, a, deep_atr, reclaim):
    """The outcome of a pierced pool after bar t, as a name."""
    s, level, p = pool["side"], pool["level"], pool["pierced_at"]
    pool["extreme"] = max(h[p:t + 1]) if s > 0 else min(lo[p:t + 1])
    if s * (level - c[t]) > 1e-9:
        return "SWEPT" if s * (pool["extreme"] - level) <= deep_atr * a[p] + 1e-9 else "BROKEN_DEEP"
    return "BROKEN" if t - p == reclaim else "PENDING"


def pools_and_sweeps(h, lo, c, a, rvol, session, candidates, tolerance, tick, max_age, deep_atr, reclaim):
    """(pools, sweeps) as lists of dicts; candidates are (t, family, side, level, priority, origin) in order."""
    pools, sweeps = [], []
    for t in range(len(c)):
        for pool in pools:
            if pool["end"] == "ALIVE" and pool["family"] in ("MAJOR", "SWING") and session[t] - session[pool["known_at"]] > max_age:
                pool["end"], pool["ended_at"] = "EXPIRED", t
        for pool in pools:
            reach = h[t] if pool["side"] > 0 else lo[t]
            if pool["end"] == "ALIVE" and pool["side"] * (reach - pool["level"]) >= tick - 1e-9:
                pool["end"], pool["pierced_at"] = "PENDING", t
        swept = {1: [], -1: []}
        for pool in pools:
            if pool["end"] == "PENDING" and (result := settle(pool, t, h, lo, c, a, deep_atr, reclaim)) != "PENDING":
                pool["end"], pool["ended_at"] = result, t
                beyond = h[t] - pool["level"] if pool["side"] > 0 else pool["level"] - lo[t]
                extra = 0.05 * (h[t] > lo[t] and beyond >= 0.5 * (h[t] - lo[t]) - 1e-9) + 0.05 * (rvol[pool["pierced_at"]] >= 1.5 - 1e-9)
                row = {"side": pool["side"], "result": result, "confirmed_at": t, "level": pool["level"], "pierced_at": pool["pierced_at"],
                       "extreme": pool["extreme"], "priority": min(1.0, pool["priority"] + extra)}
                (swept[pool["side"]] if result == "SWEPT" else sweeps).append(row)
        sweeps += [max(rows, key=lambda row: row["priority"]) for rows in swept.values() if rows]
        for candidate in [row for row in candidates if row[0] == t]:
            join(pools, candidate, t, tolerance[t])
    return pools, sweeps


def join(pools, candidate, t, tolerance):
    _, family, side, level, priority, origin = candidate
    near = [p for p in pools if p["end"] == "ALIVE" and p["side"] == side and abs(p["level"] - level) <= tolerance + 1e-9]
    if len(near) == 1 and near[0]["priority"] >= priority - 1e-9 and side * near[0]["level"] >= side * level - 1e-9:
        return
    best = max(near, key=lambda p: (p["priority"], side * p["level"]), default=None)
    far = max(near, key=lambda p: side * p["level"], default=None)
    new = {"family": family, "side": side, "level": level, "priority": priority, "origin": origin, "known_at": t, "end": "ALIVE", "ended_at": NEVER}
    if best and best["priority"] >= priority:
        new["family"], new["priority"] = best["family"], best["priority"]
    if far and side * far["level"] >= side * level - 1e-9:
        new["level"], new["origin"] = far["level"], far["origin"]
    for pool in near:
        pool["end"], pool["ended_at"] = "REPLACED", t
    pools.append(new)


def family(kind):
    """Name of a kind number of the pools."""
    return FAMILIES[kind // 2]


