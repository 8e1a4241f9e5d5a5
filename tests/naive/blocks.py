"""Order blocks, each searched and followed alone."""

NEVER = 2**62


def order_block(o, h, lo, c, t, d, pivot_idx, first_displacement, max_back):
    """(idx, top, bottom, invalid_at) of the block of one break."""
    last = max(pivot_idx, t - max_back, 0)
    bars = list(range(last, (first_displacement if first_displacement >= 0 else t))) or [last]
    opposing = [u for u in bars if d * (c[u] - o[u]) < 0]
    if opposing:
        idx = opposing[-1]
    else:
        extreme = min(lo[u] for u in bars) if d > 0 else max(h[u] for u in bars)
        idx = [u for u in bars if (lo[u] if d > 0 else h[u]) == extreme][-1]
    top, bottom = (max(o[idx], c[idx]), lo[idx]) if d > 0 else (h[idx], min(o[idx], c[idx]))
    through = [u for u in range(t + 1, len(c)) if (c[u] < bottom - 1e-9 if d > 0 else c[u] > top + 1e-9)]
    return idx, top, bottom, through[0] if through else NEVER
