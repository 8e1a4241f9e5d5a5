"""Points of interest, made afresh for every gap on every bar."""

NEVER = 2**62


def point(gap, blocks, t, least):
    """(kind, near, far, block row or -1) of a gap at bar t."""
    top, bottom, d = gap["top"], gap["bottom"], gap["dir"]
    near_first = (lambda low, high: (high, low)) if d > 0 else (lambda low, high: (low, high))
    for row in range(len(blocks) - 1, -1, -1):
        block = blocks[row]
        met = max(gap["formed_at"], block["known_at"])
        if block["dir"] != d or met > t or block["invalid_at"] <= t or block["stale_at"] <= met:
            continue
        low, high = max(bottom, block["bottom"]), min(top, block["top"])
        if high > low and high - low >= least * (top - bottom) - 1e-9:
            return "FVG_OB", *near_first(low, high), row
    middle = (top + bottom) / 2
    return "FVG_HALF", *(near_first(middle, top) if d > 0 else near_first(bottom, middle)), -1


def points_of_interest(gaps, blocks, bars, least, inverse):
    """(gap row, bar, kind, near, far, block row) at the bars on which a gap gets a point or another one."""
    out = []
    for g, gap in enumerate(gaps):
        if not gap["valid"] or (gap["inverse"] and not inverse):
            continue
        before = None
        for t in range(gap["formed_at"], min(bars, gap["inverted_at"], gap["stale_at"])):
            here = point(gap, blocks, t, least)
            if here != before:
                out.append((g, t, *here))
            before = here
    return out
