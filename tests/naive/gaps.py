"""Fair value gaps, each followed alone from its birth to its end."""

NEVER = 2**62


def life(gap, h, lo, c, max_age):
    """Fills in what happens to a gap from the bar after it formed."""
    d, top, bottom = gap["dir"], gap["top"], gap["bottom"]
    for t in range(gap["formed_at"] + 1, len(c)):
        if t - gap["formed_at"] > max_age:
            gap["stale_at"] = t
            return gap
        depth = top - lo[t] if d > 0 else h[t] - bottom
        for name, needed in (("touched_at", 0), ("mid_filled_at", (top - bottom) / 2), ("filled_at", top - bottom)):
            if depth >= needed - 1e-9 and gap[name] == NEVER:
                gap[name] = t
        if depth >= 0:
            gap["max_fill"] = max(gap["max_fill"], min(1.0, depth / (top - bottom)))
        if (c[t] < bottom - 1e-9) if d > 0 else (c[t] > top + 1e-9):
            gap["inverted_at"] = t
            return gap
    return gap


def fair_value_gaps(o, h, lo, c, a, session, tick, min_ticks, min_atr, max_atr, max_age, one_session):
    """Dicts with the fields of a gap row, in order of birth."""
    found = []
    for t in range(2, len(c)):
        if one_session and len({*session[t - 2:t + 1]}) > 1:
            continue
        if lo[t] > h[t - 2] + 1e-9 and c[t - 1] > o[t - 1]:
            d, bottom, top = 1, h[t - 2], lo[t]
        elif h[t] < lo[t - 2] - 1e-9 and c[t - 1] < o[t - 1]:
            d, bottom, top = -1, h[t], lo[t - 2]
        else:
            continue
        width = top - bottom
        relative = width / a[t] if a[t] > 0 else float("nan")
        ok = min_atr - 1e-9 <= relative <= max_atr + 1e-9 and width >= min_ticks * tick - 1e-9
        never = dict.fromkeys(("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), NEVER)
        gap = {"dir": d, "formed_at": t, "mid_bar": t - 1, "top": top, "bottom": bottom, "width_atr": relative, "valid": ok, "inverse": False,
               "max_fill": 0.0, **never}
        found.append(life(gap, h, lo, c, max_age))
        if gap["inverted_at"] != NEVER:
            found.append(life({**gap, **never, "dir": -d, "formed_at": gap["inverted_at"], "inverse": True, "max_fill": 0.0}, h, lo, c, max_age))
    return sorted(found, key=lambda gap: (gap["formed_at"], not gap["inverse"], gap["mid_bar"]))
