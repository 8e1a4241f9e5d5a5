"""Supply and demand zones, each looked at from its definition at every bar anew; and the orders that are proposed at them.

Bars are dicts of lists (open, high, low, close, atr, before, offset, trend); rules and asks are objects with the parameters' names, rules with an empty
dict `memo`.  Moments that never came are None.
"""

import math

from tests.naive.targets import on_grid, stop

E = 1e-9
PATTERNS = {(-1, 1): "DBR", (1, 1): "RBR", (1, -1): "RBD", (-1, -1): "DBD"}


def whole(bars, t):
    o, h, lo, c = (bars[name][t] for name in ("open", "high", "low", "close"))
    return all(map(math.isfinite, (o, h, lo, c))) and lo <= min(o, c) and max(o, c) <= h


def strong(bars, t, rules):
    """1 a rally bar, -1 a drop bar, 0 a bar of a base, None for no bar at all."""
    if not whole(bars, t):
        return None
    o, h, lo, c, a = (bars[name][t] for name in ("open", "high", "low", "close", "before"))
    if not a > 0 or abs(c - o) <= rules.body * (h - lo) + E or h - lo < rules.range_atr * a - E:
        return 0
    return 1 if c > o else -1


def bases(bars, rules):
    """(leg-in, first, last, pattern, direction) of every base between two strong bars."""
    kind = [strong(bars, t, rules) for t in range(len(bars["close"]))]
    for begin, leg_in in enumerate(kind):
        if leg_in not in (1, -1):
            continue
        past = begin + 1
        while past < len(kind) and kind[past] == 0:
            past += 1
        if 1 <= past - begin - 1 <= rules.base_bars and past < len(kind) and kind[past] is not None:
            yield begin, begin + 1, past - 1, PATTERNS[leg_in, kind[past]], kind[past]


def lines(bars, base):
    """Proximal and distal line."""
    begin, first, last, pattern, d = base
    bodies = [price for u in range(first, last + 1) for price in (bars["open"][u], bars["close"][u])]
    wicks = range(begin if pattern in ("DBR", "RBD") else first, last + 2)
    if d > 0:
        return max(bodies), min(bars["low"][u] for u in wicks)
    return min(bodies), max(bars["high"][u] for u in wicks)


def candidates(bars, rules):
    """Confirmed zones in order of the confirming bar, then of the base."""
    found = []
    for base in bases(bars, rules):
        begin, first, last, pattern, d = base
        proximal, distal = lines(bars, base)
        height, atr = abs(proximal - distal), bars["atr"][last]
        if not (rules.min_height_ticks * rules.tick - E <= height <= rules.max_height_atr * atr + E):
            continue
        for t in range(last + 1, min(last + 1 + rules.legout_bars, len(bars["close"]))):
            gone = d * (bars["close"][t] - proximal)
            if whole(bars, t) and gone >= rules.legout_heights * height - E and gone >= rules.legout_atr * atr - E:
                gap = bars["low"][last + 1] > bars["high"][last] + E if d > 0 else bars["high"][last + 1] < bars["low"][last] - E
                found.append({"pattern": pattern, "dir": d, "leg_in": begin, "base_first": first, "base_last": last, "confirmed_at": t,
                              "proximal": proximal, "distal": distal, "height": height, "atr": atr, "gap": gap, "nested_at": None})
                break
    return sorted(found, key=lambda zone: (zone["confirmed_at"], zone["base_first"]))


def state(bars, zone, t, rules):
    """All that bars up to t tell of a zone; looked up where it was asked before."""
    key = (zone["base_first"], zone["nested_at"], t)
    if key not in rules.memo:
        rules.memo[key] = state_anew(bars, zone, t, rules)
    return rules.memo[key]


def state_anew(bars, zone, t, rules):
    d, after = zone["dir"], [u for u in range(zone["confirmed_at"] + 1, t + 1) if whole(bars, u)]
    touch = [d * (zone["proximal"] - bars["low" if d > 0 else "high"][u]) for u in after]
    young = [u - zone["confirmed_at"] <= rules.max_age for u in after]
    through = [u for u, ok in zip(after, young, strict=True) if ok and d * (bars["close"][u] - zone["distal"]) < -E]
    old = [u for u, ok in zip(after, young, strict=True) if not ok]
    told = {"violated_at": through[0] if through else None}
    told["expired_at"] = old[0] if old and not through else None
    ends = [u for u in (*told.values(), zone["nested_at"]) if u is not None and u <= t]
    lived = [(u, depth) for u, depth, ok in zip(after, touch, young, strict=True) if ok and (not ends or u <= min(ends))]
    episodes, inside, first, stale, deepest = 0, False, None, None, 0.0
    for u, depth in lived:
        if depth >= -E:
            episodes += not inside
            first = u if first is None else first
            deepest = max(deepest, depth / zone["height"])
            if stale is None and (episodes > 1 or deepest > 0.5 + E):
                stale = u
        inside = depth >= -E
    out = [u for u in range(zone["base_last"] + 1, t + 1) if whole(bars, u)]
    far = [d * bars["high" if d > 0 else "low"][u] for u in out]
    window = [price for u, price in zip(out, far, strict=True) if u <= zone["base_last"] + rules.legout_bars]
    return {**told, "over": bool(ends), "touches": episodes, "penetration": deepest, "touched_at": first, "stale_at": stale, "touching": inside,
            "best": d * max(far), "rho": (max(window) - d * zone["proximal"]) / zone["height"]}


def standing(bars, zones, t, rules):
    return [zone for zone in zones if zone["confirmed_at"] <= t and not state(bars, zone, t, rules)["over"]]


def plan(bars, zone, others, t, rules, entry=None):
    """Entry, stop, target, reward in R and the word of the stop check."""
    d, off, tick = zone["dir"], bars["offset"][t], rules.tick
    entry = on_grid(zone["proximal"] + off if entry is None else entry, tick, d > 0)
    level = on_grid(zone["distal"] + off - d * max(rules.stop_ticks * tick, rules.stop_heights * zone["height"]), tick, d < 0)
    word = "OK"
    if not math.isnan(rules.cap_points):
        word, level, _ = stop(entry, level, d, tick, bars["atr"][t], rules.cap_points)
    beyond = [d * (other["proximal"] + off - entry) for other in others if other["dir"] == -d]
    beyond = [distance for distance in beyond if distance > E]
    aim = entry + d * min(beyond) - d * rules.target_ticks * tick if beyond else state(bars, zone, t, rules)["best"] + off
    aim = on_grid(aim, tick, d < 0)
    return entry, level, aim, d * (aim - entry) / abs(entry - level), word


def score(bars, zone, others, t, rules):
    """The factors by their words, and the points."""
    now, bars_of_base = state(bars, zone, t, rules), zone["base_last"] - zone["base_first"] + 1
    rr, trend = plan(bars, zone, others, t, rules)[3], bars["trend"][t]
    strength = "Strong" if zone["gap"] or now["rho"] >= 3 - E else "Good" if now["rho"] >= 2 - E else "Weak"
    time = "Strong" if bars_of_base <= 3 else "Good" if bars_of_base <= 6 else "Weak"
    freshness = "Fresh" if now["touches"] == 0 else "Tested" if now["touches"] == 1 and now["penetration"] <= 0.5 + E else "Stale"
    alignment = "Neutral" if trend == 0 else "With" if trend == zone["dir"] else "Against"
    points = {"Strong": 2, "Good": 1, "Weak": 0}[strength] + {"Strong": 1, "Good": 0.5, "Weak": 0}[time]
    points += {"Fresh": 2, "Tested": 1, "Stale": 0}[freshness] + {"With": 2, "Neutral": 1, "Against": 0}[alignment]
    points += 2 if rr >= 5 - E else 1 if rr >= 3 - E else 0
    return {"strength": strength, "time": time, "freshness": freshness, "alignment": alignment, "points": points, "rho": now["rho"],
            "touches": now["touches"], "penetration": now["penetration"]}


def overlapping(one, other, rules):
    a, b = (sorted((zone["proximal"], zone["distal"])) for zone in (one, other))
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return one["dir"] == other["dir"] and shared > rules.overlap * min(one["height"], other["height"]) + E


def find(bars, rules):
    """All zones with their lives, as dicts with the fields of a row."""
    zones = []
    for new in candidates(bars, rules):
        t = new["confirmed_at"]
        others = standing(bars, zones, t, rules)
        new["score"] = score(bars, new, others, t, rules)["points"] / 9
        rivals = [zone for zone in others if overlapping(new, zone, rules)]
        if any(score(bars, zone, others, t, rules)["points"] >= 9 * new["score"] - E for zone in rivals):
            new["nested_at"] = t
        else:
            for zone in rivals:
                zone["nested_at"] = t
        zones.append(new)
    last = len(bars["close"]) - 1
    for zone in zones:
        told = state(bars, zone, last, rules)
        ends = [t for t in (zone["nested_at"], told["violated_at"], told["expired_at"]) if t is not None]
        end = min(ends, default=None)
        for name in ("touched_at", "stale_at"):
            zone[name] = told[name]
        for name in ("violated_at", "expired_at"):           # one that was nested before has no later end
            zone[name] = told[name] if told[name] == end and zone["nested_at"] is None else None
    return zones


def nearest(bars, zones, direction, t, rules):
    """The zone of a side that is nearest to the close, of two the newer; None without."""
    there = [(abs(bars["close"][t] - zone["proximal"]), -row, row) for row, zone in enumerate(zones)
             if zone["dir"] == direction and zone in standing(bars, zones, t, rules)]
    return min(there)[2] if there and whole(bars, t) else None


# --- orders ----------------------------------------------------------------------------------------------------------------------------------


def reward_word(rr, word, asked):
    return word if word != "OK" else "OK" if rr >= asked.min_reward_r - E else "RR"


def offers(bars, calendar, zones, rules, asked):
    """What there is to tell, as dicts in order of the bar: orders taken back, zones dropped at birth, then the standing zones."""
    told, days = [], [t for t in range(len(bars["close"])) if whole(bars, t)]
    lives, looked, said, waits, seen = {}, {}, {}, {}, {}
    for place, t in enumerate(days):
        before = days[place - 1] if place else None
        if before is not None:
            earlier = standing(bars, zones, before, rules)
            for zone in earlier:
                row, d = zones.index(zone), zone["dir"]
                reached = d * (zone["proximal"] - bars["low" if d > 0 else "high"][t]) >= -E
                if reached and not state(bars, zone, before, rules)["touching"]:
                    seen[row] = score(bars, zone, earlier, before, rules)
                    waits.pop(row, None)
                    if asked.confirm_score - E <= seen[row]["points"] / 9 < asked.rest_score - E:
                        waits[row] = (t, before)
        now, speaks, decided = standing(bars, zones, t, rules), calendar["speaks"][t], calendar["decided_at"][t]
        if speaks:
            for row in [row for row, until in lives.items() if until <= decided]:
                del lives[row]
            for row in list(lives):
                over, found = zones[row] not in now, score(bars, zones[row], now, t, rules)
                if over or found["points"] / 9 < asked.rest_score - E:
                    told.append({"t": t, "zone": row, "kind": "CANCEL", "code": "OK" if over else "SCORE", **found})
                    said[row] = told[-1]["code"]
                    del lives[row]
            told += [{"t": t, "zone": row, "kind": "REFUSED", "code": "NESTED", **score(bars, zone, now, t, rules)} for row, zone in enumerate(zones)
                     if zone["confirmed_at"] == zone["nested_at"] == t]
        for zone in now:
            row, d, off = zones.index(zone), zone["dir"], bars["offset"][t]
            word, out = None, d * (bars["close"][t] - zone["proximal"]) > E
            if row in waits and (out or t - waits[row][0] >= asked.confirm_bars):
                entry, level, aim, rr, word = plan(bars, zone, now, t, rules, bars["close"][t] + off)
                word = reward_word(rr, word, asked) if out else "NO_REJECTION"
                touch, scored = waits.pop(row)
                body = {**seen[row], "entry": entry, "stop": level, "target": aim, "reward_r": rr, "confirming": True, "touch": touch, "scored_at": scored,
                        "until": calendar["next_close"][t]}
            if not speaks or (word is None and looked.get(row) == calendar["session"][t]):
                continue
            looked[row] = calendar["session"][t]
            if word is None:
                found = score(bars, zone, now, t, rules)
                entry, level, aim, rr, checked = plan(bars, zone, now, t, rules)
                body = {**found, "entry": entry, "stop": level, "target": aim, "reward_r": rr, "confirming": False, "scored_at": t, "touch": -1,
                        "until": calendar["day_end"][t]}
                if found["points"] / 9 < asked.rest_score - E:
                    word = None if found["points"] / 9 >= asked.confirm_score - E else "SCORE"
                elif out:
                    far = abs(bars["close"][t] + off - entry) > asked.reach_atr * bars["atr"][t] + E
                    word = "TOO_FAR" if far else reward_word(rr, checked, asked)
                if word is None or (word != "OK" and word == said.get(row)) or (word == "OK" and calendar["day_end"][t] <= decided):
                    continue
                if word == "OK":
                    lives[row] = calendar["day_end"][t]
            said[row] = word
            told.append({"t": t, "zone": row, "kind": "ENTER" if word == "OK" else "REFUSED", "code": word, **body})
    return told
