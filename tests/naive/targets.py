"""Stops and targets from their definitions, on exact decimals where that is possible."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def on_grid(price, tick, up):
    """Nearest grid price on one side, by exact decimals of the shortest text of both numbers."""
    steps = Decimal(str(round(price, 10))) / Decimal(str(tick))
    return float(steps.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * Decimal(str(tick)))


def stop(entry, level, direction, tick, atr, cap_points, min_ticks=4.0, min_atr=0.25, cap_atr=3.0):
    cap = cap_atr * atr if math.isnan(cap_points) else cap_points
    if direction * (entry - level) <= 1e-9:
        return "STOP_WRONG_SIDE", level, False
    least = max(min_ticks * tick, min_atr * atr)
    widened = abs(entry - level) < least - 1e-9
    if widened:
        level = on_grid(entry - direction * least, tick, up=direction < 0)
    return ("OK" if abs(entry - level) <= cap + 1e-9 else "SL_CAP"), level, widened


def target(entry, level, direction, levels, tick, atr, rr_star=2.0, rr_min=1.5, rr_cap=3.0, block_r=1.0, block_priority=0.8, max_atr=6.0):
    """levels: (price, priority) pairs.  Returns (name, price, row); row -1 for the plain multiple of risk."""
    risk = abs(entry - level)
    beyond = [(direction * (price - entry), priority, row) for row, (price, priority) in enumerate(levels) if direction * (price - entry) > 1e-9]
    blocking = [(distance, row) for distance, priority, row in beyond if priority >= block_priority - 1e-9 and distance / risk < block_r - 1e-9]
    if blocking:
        return "TP_BLOCKED", None, min(blocking)[1]

    furthest = math.inf if math.isnan(atr) else max_atr * atr
    wanted = [(min(rr_star * risk, furthest), 0.3, -1)] + [(distance - tick, priority, row) for distance, priority, row in beyond]
    candidates = []
    for distance, priority, row in wanted:
        price = on_grid(entry + direction * distance, tick, up=direction < 0)
        rr = direction * (price - entry) / risk
        if rr_min - 1e-9 <= rr <= rr_cap + 1e-9 and rr * risk <= furthest + 1e-9:
            candidates.append((-priority * math.exp(-0.5 * ((rr - rr_star) / 0.75) ** 2), rr, row, price))
    if not candidates:
        return "NO_TP", None, -1
    _, _, row, price = min(candidates)
    return "OK", price, row
