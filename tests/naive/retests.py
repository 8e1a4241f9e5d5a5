"""DAS 2.1 and 2.2 written bar by bar from its table of rules: at every bar every pair is judged afresh, looking at bars up to that bar only.

Prices are forward adjusted, as in the object tables; `view` is anything with the fields of Features.
"""

import math

import numpy as np

from pse.kernels.contract import SWEPT

from . import targets

CONVICTION = ("UNKNOWN", "None", "Low", "Medium", "High")
FAVOURED = {"UNKNOWN": 1.75, "None": 1.75, "Low": 2.0, "Medium": 2.0, "High": 2.5}       # first target in R


def scan(view, tick, cap_points, stop_line=None):
    """Setups as (t, direction, gap row, entry, stop, target or None, second target or None) and refusals as (t, direction, gap row, code).

    stop_line(view, tag, t, tick): forward adjusted price of the stop before it is put on the grid, None where the tag is not traded at all.
    """
    stop_line = stop_line or behind_the_gap
    good, bad, last = [], [], {1: -10**9, -1: -10**9}
    for t in range(len(view.decision)):
        tags = [(tag, stop_line(view, tag, t, tick)) for tag in sorted(tags_at(view, t), key=lambda tag: (-tag["mqs"], tag["t0"], tag["gap"]))]
        for tag, line in [one for one in tags if one[1] is not None]:
            d, gap = tag["dir"], tag["gap"]
            tcc, tcc_dir = CONVICTION[view.columns["tcc"][t]], view.columns["tcc_dir"][t]
            if tcc == "High" and tcc_dir == -d:
                bad.append((t, d, gap, "CONTEXT"))
                continue
            if t - last[d] < 5:
                bad.append((t, d, gap, "MIN_BARS_BETWEEN"))
                continue
            trade = price(view, t, d, line, tick, cap_points, FAVOURED[tcc if tcc_dir == d else "None"])
            if isinstance(trade, str):
                bad.append((t, d, gap, trade))
            else:
                last[d] = t
                good.append((t, d, gap, *trade))
    return good, bad


def behind_the_gap(view, tag, t, tick):
    gap, buffer = view.gaps[tag["gap"]], max(tick, 0.10 * view.columns["atr"][t])
    return gap["bottom"] - buffer if tag["dir"] > 0 else gap["top"] + buffer


def sweep_before(view, tag):
    """The sweep that tag's gap came after: of the setup's direction, of medium priority, at most 12 bars before the shift, not after the gap."""
    sweeps, t0, formed = view.sweeps, tag["t0"], view.gaps[tag["gap"]]["formed_at"]
    fitting = (sweeps["result"] == SWEPT) & (sweeps["dir"] == tag["dir"]) & (sweeps["priority"] >= 0.5)
    fitting &= (sweeps["confirmed_at"] >= t0 - 12) & (sweeps["confirmed_at"] <= t0) & (sweeps["confirmed_at"] <= formed)
    rows = sweeps[fitting]
    return max(rows, key=lambda row: row["priority"]) if rows.size else None


def behind_the_sweep(view, tag, t, tick):
    """As DAS 2.1, but a tick beyond the sweep's extreme where that lies between that stop and half an ATR beyond the gap; None without a sweep."""
    sweep, plain, gap, d = sweep_before(view, tag), behind_the_gap(view, tag, t, tick), view.gaps[tag["gap"]], tag["dir"]
    if sweep is None:
        return None
    deepest = gap["bottom"] - 0.5 * view.columns["atr"][t] if d > 0 else gap["top"] + 0.5 * view.columns["atr"][t]
    between = min(plain, deepest) - 1e-9 <= sweep["extreme"] <= max(plain, deepest) + 1e-9 and d * (plain - deepest) >= -1e-9
    return sweep["extreme"] - d * tick if between else plain


def tags_at(view, t):
    """Pairs of a shift and a gap that trigger at bar t."""
    breaks, gaps = view.breaks, view.gaps
    for i in np.flatnonzero(breaks["mss"] & (breaks["t"] < t) & (breaks["mqs_next"] >= 0.55 - 1e-9) & (breaks["t"] >= t - 22)):
        d, t0 = breaks["dir"][i], breaks["t"][i]
        beside = (abs(gaps["formed_at"] - t0) <= 2) & (gaps["formed_at"] < t) & (t <= gaps["formed_at"] + 20)
        for j in np.flatnonzero(beside & gaps["valid"] & ~gaps["inverse"] & (gaps["dir"] == d)):
            if triggers(view, i, j, t):
                yield {"dir": int(d), "gap": int(j), "t0": int(t0), "mqs": float(breaks["mqs_next"][i])}


def triggers(view, i, j, t):
    bars, gap, d = view.decision, view.gaps[j], view.gaps[j]["dir"]
    low, high, close = bars.adjusted("low"), bars.adjusted("high"), bars.adjusted("close")
    width = gap["top"] - gap["bottom"]
    span = slice(gap["formed_at"] + 1, t + 1)
    fill = (gap["top"] - low[span].min()) / width if d > 0 else (high[span].max() - gap["bottom"]) / width
    inverted = (close[span] < gap["bottom"] - 1e-9).any() if d > 0 else (close[span] > gap["top"] + 1e-9).any()
    if fill > 0.85 + 1e-9 or inverted or not tagged(view, i, j, t)[0]:
        return False
    first = max(gap["formed_at"], view.breaks[i]["t"]) + 1
    marks = [tagged(view, i, j, u)[0] for u in range(first, t + 1)]
    episodes = sum(mark and (k == 0 or not marks[k - 1]) for k, mark in enumerate(marks))
    far = tagged(view, i, j, t)[1]
    return episodes <= 2 and (close[t] > far + 1e-9 if d > 0 else close[t] < far - 1e-9)


def tagged(view, i, j, t):
    """(whether bar t touches the point of interest within the tolerance, its far edge)."""
    bars, gap = view.decision, view.gaps[j]
    near, far = interest(view, i, gap, t)
    tol = min(0.002 * bars.close[t], 0.10 * view.columns["atr"][t]) if not math.isnan(view.columns["atr"][t]) else math.nan
    reach = bars.adjusted("low")[t] - near if gap["dir"] > 0 else near - bars.adjusted("high")[t]
    return reach <= tol + 1e-9, far


def interest(view, i, gap, t):
    low, high = (gap["top"] + gap["bottom"]) / 2, gap["top"]
    if gap["dir"] < 0:
        low, high = gap["bottom"], low
    for block in view.blocks[view.blocks["break_row"] == i]:
        if block["invalid_at"] >= t:
            bottom, top = max(gap["bottom"], block["bottom"]), min(gap["top"], block["top"])
            if top > bottom and top - bottom >= 0.25 * (gap["top"] - gap["bottom"]) - 1e-9:
                low, high = bottom, top
    return (high, low) if gap["dir"] > 0 else (low, high)


def levels_at(view, t, d):
    """(price as traded, priority) of everything that may hold a target at bar t, by the bar that made it known."""
    pools, clusters, gaps, off = view.pools, view.levels, view.gaps, view.decision.offset[t]
    found = [(row["known_at"], 0, row["level"], row["priority"]) for row in pools[(pools["known_at"] <= t) & (t < pools["ended_at"])]]
    before = (clusters["known_at"] <= t - 1) & (t - 1 < clusters["ended_at"]) & (clusters["touches"] >= 2)
    found += [(row["known_at"] + 1, 1, row["price"], row["priority"]) for row in clusters[before]]
    opposing = (gaps["dir"] == -d) & gaps["valid"] & ~gaps["inverse"] & (gaps["formed_at"] <= t)
    for row in gaps[opposing & (t < gaps["inverted_at"]) & (t < gaps["stale_at"])]:
        found.append((row["formed_at"], 2, row["bottom"] if d > 0 else row["top"], 0.5))
    return [(float(price + off), float(priority)) for _, _, price, priority in sorted(found, key=lambda level: level[:2])]


def price(view, t, d, line, tick, cap_points, favoured):
    """(entry, stop, target, second target or None), or the name of what refused it; line: forward adjusted price of the stop, not yet on the grid."""
    bars, atr = view.decision, view.columns["atr"][t]
    entry = targets.on_grid(bars.close[t], tick, up=d > 0)
    name, stop, _ = targets.stop(entry, targets.on_grid(line + bars.offset[t], tick, up=d < 0), d, tick, atr, cap_points)
    if name != "OK":
        return name
    levels = levels_at(view, t, d)
    name, first, _ = targets.target(entry, stop, d, levels, tick, atr, rr_star=favoured)
    if name != "OK":
        return name
    rr = abs(first - entry) / abs(entry - stop)
    _, second, _ = targets.target(entry, stop, d, levels, tick, atr, rr_star=rr + 1.5, rr_min=rr + 0.5, rr_cap=6.0, block_r=0.0)
    return entry, stop, first, second
