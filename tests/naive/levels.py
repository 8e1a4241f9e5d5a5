"""Clusters of recent major swings, made whole at each confirmation."""

NEVER = 2**62


def clusters(prices, tolerance):
    """Lists of prices, rising; a price joins while it is at most `tolerance` above the mean of the list so far."""
    groups = []
    for price in sorted(prices):
        if groups and price - sum(groups[-1]) / len(groups[-1]) <= tolerance + 1e-9:
            groups[-1].append(price)
        else:
            groups.append([price])
    return groups


def level_clusters(pivots, atr, lookback, tolerance_atr, tick):
    """(mean rounded to the tick, touches, priority, known_at, ended_at); pivots are (kind, idx, price, confirmed_at)."""
    moments = sorted({p[3] for p in pivots})
    rows = []
    for t, end in zip(moments, [*moments[1:], NEVER], strict=True):
        prices = [price for _, idx, price, confirmed_at in pivots if confirmed_at <= t and idx > t - lookback]
        for group in clusters(prices, tolerance_atr * atr[t]):
            if len(group) >= 2:
                mean = sum(group) / len(group)
                rows.append((round((mean + 1e-12) / tick) * tick, len(group), min(0.60 + 0.05 * (len(group) - 2), 0.75), t, end))
    return rows
