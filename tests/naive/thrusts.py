"""TCEA-MTE written bar by bar from its table of rules; `view` as for the retests, its relative volume and coarser trend taken as they are."""

import numpy as np

from pse.features.volume import RelativeVolume
from pse.kernels.contract import SWEPT

from . import level_breaks, quality
from .retests import CONVICTION, price


def scan(view, tick, cap_points, min_rvol=1.5):
    """Setups as (t, direction, entry, stop, target, second target or None, score) and refusals as (t, direction, code)."""
    bars, columns = view.decision, view.columns
    low, high = bars.adjusted("low"), bars.adjusted("high")
    broken = {row[0]: row[1:] for row in breaks_of_levels(view)}
    good, bad, last = [], [], {1: -10**9, -1: -10**9}
    for t in range(len(bars)):
        for d in (1, -1):
            scores = [row["mqs"] for row in view.breaks if row["t"] == t and row["dir"] == d and row["mss"] and row["mqs"] >= 0.70 - 1e-9]
            if t in broken and broken[t][0] == d and is_thrust(view, t, d, min_rvol):
                scores.append(score(view, t, d, broken[t][1]))
            if not scores or np.isnan(columns["atr"][t]) or columns["tcc_dir"][t] != d:
                continue
            if CONVICTION[columns["tcc"][t]] != "High":
                bad.append((t, d, "CONTEXT"))
            elif max(scores) < 0.55 - 1e-9:
                bad.append((t, d, "GRADE"))
            elif t - last[d] < 5:
                bad.append((t, d, "MIN_BARS_BETWEEN"))
            else:
                trade = price(view, t, d, low[t] - tick if d > 0 else high[t] + tick, tick, cap_points, 2.5)
                if isinstance(trade, str):
                    bad.append((t, d, trade))
                else:
                    last[d] = t
                    good.append((t, d, *trade, max(scores)))
    return good, bad


def is_thrust(view, t, d, min_rvol):
    bars, span = view.decision, view.decision.high[t] - view.decision.low[t]
    rvol = view.known.of(RelativeVolume())["rvol"][t]
    body, end = d * (bars.close[t] - bars.open[t]), (bars.close[t] - bars.low[t] if d > 0 else bars.high[t] - bars.close[t])
    wide = t > 0 and span >= 1.5 * view.columns["atr"][t - 1] - 1e-9
    return bool(wide and span > 0 and body >= 0.6 * span - 1e-9 and end >= 0.75 * span - 1e-9 and not rvol < min_rvol - 1e-9)


def breaks_of_levels(view):
    """(t, direction, price) of the best level that each bar breaks: support and resistance, and pools of priority 0.6 or more."""
    levels = [(row["known_at"], 0, row["price"], row["priority"], row["ended_at"]) for row in view.levels]
    levels += [(row["known_at"], 1, row["level"], row["priority"], row["ended_at"]) for row in view.pools if row["priority"] >= 0.6 - 1e-9]
    levels.sort(key=lambda level: level[:2])
    before = np.concatenate([[np.nan], view.columns["atr"][:-1]])
    rows = [(price, priority, known_at, ended_at) for known_at, _, price, priority, ended_at in levels]
    return [(t, d, rows[row][0]) for t, d, row, _ in level_breaks.level_breaks(view.decision.adjusted("close"), before, rows, 0.10)]


def score(view, t, d, level):
    bars, before = view.decision, np.concatenate([[np.nan], view.columns["atr"][:-1]])
    event = {"t": t, "dir": d, "level": level, "pivot_idx": max(t - 20, 0)}
    prices = (bars.adjusted(name) for name in ("open", "high", "low", "close"))
    return quality.score(event, *prices, before, view.known.of(RelativeVolume())["rvol"], view.spec.quality.htf_trend(view.known), list(view.gaps),
                         [row for row in view.sweeps if row["result"] == SWEPT], 3, t)[0]
