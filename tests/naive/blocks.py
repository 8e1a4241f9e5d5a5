"""Order blocks, each searched and followed alone."""

NEVER = 2**62


def order_block(o, h, lo, c, t, d, pivot_idx, first_displacement, max_back):
    """(idx, top, bottom, invalid_at) of the block of one break."""
    last = max(pivot_idx, t - max_back, 0)
    bars = list(range(last, (first_displacement if first_displacement >= 0 else t))) or [last]
    bars = [u for u in bars if c[u] == c[u]] or bars[:1]
    opposing = [u for u in bars if d * (c[u] - o[u]) < 0]
    if opposing:
        idx = opposing[-1]
    else:
        extreme = min(lo[u] for u in bars) if d > 0 else max(h[u] for u in bars)
        idx = ([u for u in bars if (lo[u] if d > 0 else h[u]) == extreme] or bars)[-1]
    top, bottom = (max(o[idx], c[idx]), lo[idx]) if d > 0 else (h[idx], min(o[idx], c[idx]))
    through = [u for u in range(t + 1, len(c)) if (c[u] < bottom - 1e-9 if d > 0 else c[u] > top + 1e-9)]
    return idx, top, bottom, through[0] if through else NEVER


def block_life(h, lo, c, t, d, top, bottom, max_age):
    """Dict of what becomes of a block known at bar t: touched, half filled, filled, stale, deepest fill."""
    life = dict.fromkeys(("touched_at", "mid_filled_at", "filled_at", "stale_at"), NEVER) | {"max_fill": 0.0}
    for u in range(t + 1, len(c)):
        if u - t > max_age:
            life["stale_at"] = u
            break
        depth = top - lo[u] if d > 0 else h[u] - bottom
        for name, needed in (("touched_at", 0), ("mid_filled_at", (top - bottom) / 2), ("filled_at", top - bottom)):
            if depth >= needed - 1e-9 and life[name] == NEVER:
                life[name] = u
        if depth >= -1e-9:
            life["max_fill"] = max(life["max_fill"], min(1.0, depth / (top - bottom)) if top > bottom else 1.0)
        if (c[u] < bottom - 1e-9) if d > 0 else (c[u] > top + 1e-9):
            break
    return life
