"""Premium and discount from the definition."""


def position(close, lowest, highest):
    """Share of the way through the range, None when there is no range."""
    return (close - lowest) / (highest - lowest) if highest > lowest else None


def zone(share):
    if share is None:
        return "UNKNOWN"
    if share > 0.55:
        return "PREMIUM"
    return "DISCOUNT" if share < 0.45 else "EQUILIBRIUM"
