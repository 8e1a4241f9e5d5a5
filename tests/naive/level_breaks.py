"""Breaks of levels, each bar against every level."""


def level_breaks(c, a, levels, beyond):
    """(t, dir, row, how many) of each bar that breaks levels; levels are (price, priority, known_at, ended_at)."""
    out = []
    for t in range(1, len(c)):
        if not a[t] > 0:
            continue
        broken = []
        for row, (price, priority, known_at, ended_at) in enumerate(levels):
            if not known_at <= t - 1 < ended_at:
                continue
            up = c[t - 1] <= price + 1e-9 and c[t] >= price + beyond * a[t] - 1e-9
            down = c[t - 1] >= price - 1e-9 and c[t] <= price - beyond * a[t] + 1e-9
            if (up or down) and c[t] != c[t - 1]:
                broken.append((-priority, abs(c[t] - price), row, 1 if c[t] > c[t - 1] else -1))
        if broken:
            best = min(broken)
            out.append((t, best[3], best[2], len(broken)))
    return out
