"""The structure state, with the reference looked up afresh at every bar."""


def displaced(o, h, lo, c, a, d, rules):
    span = h - lo
    if not (span > 0 and a > 0) or d * (c - o) <= 0:
        return False
    position = (c - lo) / span if d > 0 else (h - c) / span
    return d * (c - o) >= rules["body"] * span - 1e-9 and span >= rules["range"] * a - 1e-9 and position >= rules["close"] - 1e-9


def structure(o, h, lo, c, a, pivots, rules):
    """(trend of each bar, events as dicts); pivots are (kind, idx, price, confirmed_at)."""
    trend, events, broken, state = [], [], set(), 0
    for t in range(len(c)):
        known = {kind: max((n for n, p in enumerate(pivots) if p[0] == kind and p[3] <= t), default=None) for kind in (1, -1)}
        refs = {kind: n for kind, n in known.items() if n is not None and n not in broken}
        up_price, down_price = (h[t], lo[t]) if rules["wick"] else (c[t], c[t])
        up = 1 in refs and up_price > pivots[refs[1]][2] + 1e-9
        down = -1 in refs and down_price < pivots[refs[-1]][2] - 1e-9
        if up and down:
            d = int(c[t] > o[t]) - int(c[t] < o[t]) if rules["wick"] else 1
        else:
            d = int(up) - int(down)
        if d:
            _, idx, level, _ = pivots[refs[d]]
            bars = [u for u in range(max(0, t - rules["window"] + 1), t + 1) if displaced(o[u], h[u], lo[u], c[u], a[u], d, rules)]
            turn = state == -d
            events.append({"t": t, "dir": d, "type": int(turn), "level": level, "pivot_idx": idx, "initial": state == 0, "displacement": bool(bars),
                           "first_displacement": bars[0] if bars else -1, "mss": turn and bool(bars) and t - idx <= rules["lookback"]})
            broken.add(refs[d])
            state = d
        trend.append(state)
    return trend, events
