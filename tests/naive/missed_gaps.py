"""TCEA-FVG-MR written bar by bar from its table of rules: at every bar every gap is judged afresh, looking at bars and closed minutes up to that bar only.

A short is a long upside down: prices are turned over first.  Prices are forward adjusted.
"""

import math

import numpy as np

from . import retests, targets

EPS = 1e-9
CLASSES = ("UNKNOWN", "None", "Low", "Medium", "High")


def turned(d, bars):
    """(high, low, close) as a long sees them."""
    high, low, close = bars
    return (high, low, close) if d > 0 else (-low, -high, -close)


def reaction_at(high, low, first, t, unit):
    """(reaction, lowest low, highest high after it, bar of that high) over bars first..t; the last bar of equal lows; None where no bar follows the low."""
    known = [u for u in range(first, t + 1) if not math.isnan(low[u])]
    lowest = min(low[u] for u in known)
    at = max(u for u in known if low[u] <= lowest + EPS)
    after = [u for u in known if u > at]
    if not after:
        return None
    highest = max(high[u] for u in after)
    return (highest - low[at]) / unit, low[at], highest, min(u for u in after if high[u] >= highest - EPS)


def missed_at(bars, atr, atr_before, gap, t, tick, near_atr=0.25, window=12, react_min=1.0):
    """What the gap's story is at bar t: None when it is none (not near yet, middle traded, no reaction in time), else a dict."""
    d, formed = gap["dir"], gap["formed_at"]
    high, low, _ = turned(d, (*bars, bars[0]))
    top, middle = (gap["top"] if d > 0 else -gap["bottom"]), d * (gap["top"] + gap["bottom"]) / 2
    since = range(formed + 1, t + 1)
    if any(low[u] <= middle + EPS for u in since):
        return None
    touches = [u for u in since if low[u] <= top + near_atr * atr_before[u] + EPS]
    if not touches:
        return None
    first, unit = touches[0], gap["top"] - gap["bottom"] + max(tick, 0.10 * atr[formed])
    reacted = [u for u in range(first + 1, min(t, first + window) + 1) if (r := reaction_at(high, low, first, u, unit)) and r[0] >= react_min - EPS]
    now = reaction_at(high, low, first, t, unit)
    if now is None or (not reacted and t > first + window):
        return None
    return {"code": "OK" if reacted and now[0] >= react_min - EPS else "WEAK_REACTION", "touched_at": first, "reacted_at": reacted[0] if reacted else None,
            "reaction": now[0], "unit": unit, "ref": d * now[1], "extreme": d * now[2], "extreme_at": now[3]}


def breakout_at(minutes, session, d, story, middle, first, last, fresh, one_session):
    """The pullback among minutes first..last after the extreme and its breakout, as a dict; None without one."""
    high, low, close = turned(d, minutes)
    extreme, ref = d * story["extreme"], d * story["ref"]
    top = next((u for u in range(first, last + 1) if high[u] >= extreme - EPS), None)
    if top is None:
        return None
    swings = [k for k in range(max(top + 1, 2), last - 1) if low[k] < min(low[k - 2:k]) - EPS and low[k] <= min(low[k + 1:k + 3]) + EPS
              and not np.isnan(low[k - 2:k + 3]).any() and not (one_session and session[k - 2] != session[k + 2])]
    if not swings:
        return None
    k = swings[-1]
    depth = (extreme - low[k]) / (extreme - ref)
    if not (0.20 - EPS <= depth <= 0.618 + EPS and low[k] > d * middle + EPS):
        return None
    line = np.nanmax(high[max(k - 2, 0):k + 1])
    over = [u for u in range(k + 1, last + 1) if close[u] > line + EPS]
    if not over or over[0] <= last - fresh or not close[last] > line + EPS:
        return None
    return {"pivot": k, "pullback": d * low[k], "depth": depth, "line": d * line, "broke_at": over[0]}


def finds(bars, atr, atr_before, gaps, minutes, session, last_minute, tick, fresh=5, max_age=20, one_session=False, react_min=1.0, window=12):
    """(gap row, bar, story, breakout) of every breakout, gap by gap."""
    for i, gap in enumerate(gaps):
        if not gap["valid"] or gap["inverse"]:
            continue
        for t in range(gap["formed_at"] + 1, min(gap["formed_at"] + max_age + 1, len(atr))):
            story = missed_at(bars, atr, atr_before, gap, t, tick, window=window, react_min=react_min) if t < gap["stale_at"] else None
            if story is None:
                continue
            first = last_minute[story["extreme_at"] - 1] + 1
            found = breakout_at(minutes, session, gap["dir"], story, (gap["top"] + gap["bottom"]) / 2, first, last_minute[t], fresh, one_session)
            if found:
                yield i, t, story, found


def last_break(view, d, first, last):
    rows = [i for i, row in enumerate(view.breaks) if row["dir"] == d and first <= row["t"] <= last and (row["mss"] or row["type"] == 0)]
    return rows[-1] if rows else None


def price(view, t, d, entry, edge, tick, cap_points):
    """(stop, target) behind a forward-adjusted edge, or the word that refuses."""
    atr, offset = view.columns["atr"][t], view.decision.offset[t]
    tcc = CLASSES[view.columns["tcc"][t]] if view.columns["tcc_dir"][t] == d else "None"
    beyond = edge + offset - d * max(tick, 0.10 * atr)
    name, stop, _ = targets.stop(entry, targets.on_grid(beyond, tick, up=d < 0), d, tick, atr, cap_points)
    if name != "OK":
        return name
    name, target, _ = targets.target(entry, stop, d, retests.levels_at(view, t, d), tick, atr, rr_star=retests.FAVOURED[tcc])
    return name if name != "OK" else (stop, target)


def scan(view, minutes, last_minute, tick, cap_points):
    """Setups as (t, direction, gap row, entry, stop, target, size) and refusals as (t, direction, gap row, word)."""
    bars, good, bad, last = view.decision, [], [], {1: -10**9, -1: -10**9}
    columns, adjusted = view.columns, [minutes.adjusted(name) for name in ("high", "low", "close")]
    by_bar = {}
    for i, t, story, found in finds((bars.adjusted("high"), bars.adjusted("low")), columns["atr"], columns["atr_before"], view.gaps, adjusted,
                                    minutes.session, last_minute, tick):
        d, formed = int(view.gaps[i]["dir"]), view.gaps[i]["formed_at"]
        row = last_break(view, d, formed - 5, min(formed + 2, t))
        if row is not None:
            mqs = view.breaks[row]["mqs_next" if view.breaks[row]["t"] < t else "mqs"]
            by_bar.setdefault(t, []).append((-mqs, i, d, story, found))
    for t in sorted(by_bar):
        for worse, i, d, story, found in sorted(by_bar[t], key=lambda one: one[:2]):
            word = price_or_word(view, t, d, -worse, story, found, last[d], tick, cap_points)
            if isinstance(word, str):
                bad.append((t, d, i, word))
            else:
                last[d] = t
                good.append((t, d, i, *word, 1.0 if story["reaction"] >= 1.5 - EPS and -worse >= 0.85 - EPS else 0.75))
    return good, bad


def price_or_word(view, t, d, mqs, story, found, last, tick, cap_points):
    if view.columns["tcc_dir"][t] != d or CLASSES[view.columns["tcc"][t]] in ("UNKNOWN", "None"):
        return "CONTEXT"
    if mqs < 0.55 - EPS:
        return "GRADE"
    if story["code"] != "OK":
        return story["code"]
    if t - last < 5:
        return "MIN_BARS_BETWEEN"
    entry = targets.on_grid(view.decision.close[t], tick, up=d > 0)
    made = price(view, t, d, entry, found["pullback"], tick, cap_points)
    return made if isinstance(made, str) else (entry, *made)
