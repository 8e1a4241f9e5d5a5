"""The ten daily strategies from their tables of rules: one bar at a time, windows cut out of lists, nothing carried from bar to bar.

`close`, `high`, `low`: what price lists say on the scale of the contract of the bar asked about; None where a bar has no price.
Each rule gives (signal, x), signal +1 BUY, -1 SELL, 0 HOLD, or None where a number that it needs is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

Prices = Sequence[float | None]
Answer = tuple[int, float] | None
EPS = 1e-9


def confidence(x: float) -> float:
    return 0.5 + 0.5 * min(max(x, 0.0), 1.0)


def answer(rule: Callable[[int], Answer], t: int, least: int) -> tuple[int, float]:
    """(signal, confidence) at bar t."""
    said = rule(t) if t + 1 >= least else None
    return (0, 0.0) if said is None or said[0] == 0 else (said[0], confidence(said[1]))


def window(values: Prices, last: int, n: int) -> list[float] | None:
    cut = values[last - n + 1:last + 1] if last - n + 1 >= 0 else []
    return None if len(cut) < n or any(one is None for one in cut) else list(cut)  # type: ignore[arg-type]


def mean(values: Prices, t: int, n: int) -> float | None:
    cut = window(values, t, n)
    return None if cut is None else sum(cut) / n


def momentum(values: Prices, t: int, n: int) -> float | None:
    if t < n or values[t] is None or values[t - n] is None:
        return None
    return values[t] / values[t - n] - 1.0  # type: ignore[operator]


def atr(high: Prices, low: Prices, close: Prices, t: int, n: int) -> float | None:
    """Wilder's range over the bars with prices up to t; None at one without, and before there are n after the first."""
    if close[t] is None:
        return None
    bars = [(h, lo, c) for h, lo, c in zip(high[:t + 1], low[:t + 1], close[:t + 1], strict=True) if c is not None]
    ranges = [max(h, before) - min(lo, before) for (_, _, before), (h, lo, _) in zip(bars, bars[1:], strict=False)]  # type: ignore[type-var]
    if len(ranges) < n:
        return None
    value = sum(ranges[:n]) / n
    for one in ranges[n:]:
        value = (value * (n - 1) + one) / n
    return value


def rsi(close: Prices, t: int, n: int) -> float | None:
    if close[t] is None:
        return None
    there = [one for one in close[:t + 1] if one is not None]
    changes = [b - a for a, b in zip(there, there[1:], strict=False)]
    if len(changes) < n:
        return None
    gain, loss = sum(max(c, 0.0) for c in changes[:n]) / n, sum(max(-c, 0.0) for c in changes[:n]) / n
    for c in changes[n:]:
        gain, loss = (gain * (n - 1) + max(c, 0.0)) / n, (loss * (n - 1) + max(-c, 0.0)) / n
    return 50.0 if gain + loss == 0 else 100.0 * gain / (gain + loss)


# --- the rules, numbered as in their table -----------------------------------------------------------------------------------------------------------


def trend_following(close: Prices, t: int, fast: int, slow: int) -> Answer:
    c, f, s = close[t], mean(close, t, fast), mean(close, t, slow)
    if c is None or f is None or s is None:
        return None
    if f > s + EPS and c > s + EPS:
        return 1, (f / s - 1) / 0.05
    if c < s - EPS or f < s - EPS:
        return -1, max(1 - c / s, 1 - f / s) / 0.05
    return 0, 0.0


def momentum_rotation(close: Prices, t: int, n: int, threshold: float, full: float) -> Answer:
    m = momentum(close, t, n)
    if m is None:
        return None
    x = (abs(m) - threshold) / (full - threshold)
    return (1, x) if m >= threshold - EPS else (-1, x) if m <= -threshold + EPS else (0, 0.0)


def mean_reversion(close: Prices, t: int, n: int, oversold: float, overbought: float) -> Answer:
    value = rsi(close, t, n)
    if value is None:
        return None
    return (1, (oversold - value) / 20) if value <= oversold + EPS else (-1, (value - overbought) / 20) if value >= overbought - EPS else (0, 0.0)


def breakout(high: Prices, low: Prices, close: Prices, t: int, n: int, atr_n: int) -> Answer:
    if t < 1:
        return None
    highs, lows, c, scale = window(high, t - 1, n), window(low, t - 1, n), close[t], atr(high, low, close, t - 1, atr_n)
    if highs is None or lows is None or c is None or scale is None:
        return None
    if scale <= 0:
        return 0, 0.0
    if c > max(highs) + EPS:
        return 1, (c - max(highs)) / scale
    return (-1, (min(lows) - c) / scale) if c < min(lows) - EPS else (0, 0.0)


def volatility_breakout(high: Prices, low: Prices, close: Prices, t: int, n: int, k: float) -> Answer:
    if t < 1 or close[t] is None or close[t - 1] is None:
        return None
    scale = atr(high, low, close, t - 1, n)
    if scale is None:
        return None
    change = close[t] - close[t - 1]  # type: ignore[operator]
    if scale <= 0:
        return 0, 0.0
    x = (abs(change) / scale - k) / k
    return (1, x) if change >= k * scale - EPS else (-1, x) if change <= -k * scale + EPS else (0, 0.0)


def relative_strength(close: Prices, other: Prices, t: int, row: int | None, n: int, band: float, full: float) -> Answer:
    """`row`: the benchmark's bar of the same day; its prices on its own scale."""
    own = mean(close, t, n)
    bench = None if row is None else mean(other, row, n)
    if own is None or bench is None:
        return None
    r, lead = close[t] / own, (close[t] / own) / (other[row] / bench) - 1  # type: ignore[operator, index]
    if r >= 1 + band - EPS and lead > EPS:
        return 1, lead / full
    return (-1, -lead / full) if r <= 1 - band + EPS and lead < -EPS else (0, 0.0)


def sector_rotation(scores: Mapping[str, float | None], own: str) -> Answer:
    """`scores` of those that have a bar of that day by then."""
    ranked = sorted((-score, name) for name, score in scores.items() if score is not None)
    names, n = [name for _, name in ranked], len(ranked)
    if own not in names:
        return None
    if n < 3:
        return 0, 0.0
    rank, score = names.index(own) + 1, scores[own]
    place = 1 - (rank - 1) / (n - 1)
    assert score is not None
    if rank <= ceil(n / 3) and score > EPS:
        return 1, 2 * place - 1
    return (-1, 1 - 2 * place) if rank > n - n // 3 or score <= EPS else (0, 0.0)


def dual_momentum(close: Prices, other: Prices, t: int, row: int | None, n: int, cash: float, full: float) -> Answer:
    m, bench = momentum(close, t, n), None if row is None else momentum(other, row, n)
    if m is None or bench is None:
        return None
    if m > cash + EPS:
        return (1, min(m - cash, m - bench + 0.05) / full) if m >= bench - EPS else (0, 0.0)
    return -1, (cash - m) / full


def envelope(close: Prices, before: Prices, t: int, n: int, pct: float) -> Answer:
    """`before`: prices on the scale of the bar before."""
    c, now = close[t], mean(close, t, n)
    last, then = (before[t - 1], mean(before, t - 1, n)) if t >= 1 else (None, None)
    if c is None or now is None or last is None or then is None:
        return None
    upper, lower = now * (1 + pct), now * (1 - pct)
    if c > upper and last <= then * (1 + pct):
        return 1, (c / upper - 1) / pct
    return (-1, (1 - c / lower) / pct) if c < lower and last >= then * (1 - pct) else (0, 0.0)


def bollinger(close: Prices, t: int, n: int, k: float) -> Answer:
    cut = window(close, t, n)
    if cut is None:
        return None
    middle = sum(cut) / n
    reach = k * (sum((one - middle) ** 2 for one in cut) / n) ** 0.5
    if reach < EPS:
        return 0, 0.0
    place = (cut[-1] - (middle - reach)) / (2 * reach)
    return (1, -place / 0.25) if place <= EPS else (-1, (place - 1) / 0.25) if place >= 1 - EPS else (0, 0.0)


def first_of_run(signal: Sequence[int], t: int) -> int:
    while t > 0 and signal[t - 1] == signal[t]:
        t -= 1
    return t


def place_of(name: str, state: str, bucket: str) -> int | None:
    """Place in the order of the state of the market; None where it is not the strategy's turn."""
    turns: dict[str, list[str]] = {
        "TREND": ["trend_following", "dual_momentum", "momentum_rotation", "sector_rotation", "relative_strength"],
        "RANGE": ["bollinger_bands", "mean_reversion"], "TRANSITION": ["moving_average_envelope", "breakout"]}
    order = list(turns.get(state.partition("_")[0], []))
    if bucket == "HiVol-Q4" and state != "VOLATILE":
        order += [one for one in ("volatility_breakout", "breakout") if one not in order]
    return order.index(name) if name in order else None


def prices(bars: Any, t: int, name: str = "close") -> list[float | None]:
    """A price column on the scale of the contract of bar t."""
    return [None if value != value else value - own + bars.offset[t] for value, own in zip(getattr(bars, name).tolist(), bars.offset.tolist(), strict=True)]
