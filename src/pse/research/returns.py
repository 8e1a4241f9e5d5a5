"""Figures of a return series: one return a session, flat sessions included.

Every function gives None where the figure has no value (too few sessions, a constant series, no loss); nothing here
returns NaN or infinity.  What a Sharpe ratio is worth after its length, tails and trials stands in `deflated`.
"""

from __future__ import annotations

import math

import numpy as np

_SAME = 1e-12


def total_return(returns: np.ndarray) -> float:
    """Compounded return of the whole series."""
    return float(np.prod(1.0 + returns) - 1.0)


def spread(returns: np.ndarray) -> float | None:
    """Standard deviation (ddof 1) of a session's return; None under two sessions and for a constant series."""
    if returns.size < 2:
        return None
    deviation = float(returns.std(ddof=1))
    return deviation if deviation > _SAME * float(np.abs(returns).max()) else None


def sharpe(returns: np.ndarray, periods: float = 252.0) -> float | None:
    """Annualised mean over standard deviation (ddof 1), risk-free rate 0."""
    deviation = spread(returns)
    return None if deviation is None else float(returns.mean()) / deviation * math.sqrt(periods)


def sortino(returns: np.ndarray, periods: float = 252.0, mar: float = 0.0) -> float | None:
    """Annualised mean excess over the downside deviation taken over all sessions; None without a session below
    `mar`."""
    if returns.size < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(0.0, returns - mar) ** 2)))
    return float(returns.mean() - mar) / downside * math.sqrt(periods) if downside > 0.0 else None


def drawdown_path(equity: np.ndarray, initial: float) -> np.ndarray:
    """Equity over its running peak less 1, the initial equity being the first peak; float64[n], <= 0."""
    peak = np.maximum.accumulate(np.concatenate(([initial], equity)))[1:]
    return equity / peak - 1.0


def max_drawdown(returns: np.ndarray) -> float:
    """Deepest fall from the running peak, the initial equity included; <= 0."""
    return float(min(0.0, drawdown_path(np.cumprod(1.0 + returns), 1.0).min(initial=0.0)))


def max_drawdown_money(equity: np.ndarray, initial: float) -> float:
    """Deepest fall from the running peak in money, <= 0."""
    path = np.concatenate(([initial], equity))
    return float((path - np.maximum.accumulate(path)).min())


def longest_under_water(equity: np.ndarray, initial: float) -> int:
    """Largest number of consecutive sessions below an earlier peak."""
    longest = length = 0
    for below in drawdown_path(equity, initial) < 0.0:
        length = length + 1 if below else 0
        longest = max(longest, length)
    return longest


def annual_growth(returns: np.ndarray, periods: float = 252.0) -> float | None:
    """Compound annual growth; None where the equity went to zero or below."""
    end = 1.0 + total_return(returns)
    if returns.size == 0 or end <= 0.0:
        return None
    exponent = periods / returns.size * math.log(end)
    return math.expm1(exponent) if exponent < 700.0 else None


def calmar(returns: np.ndarray, periods: float = 252.0) -> float | None:
    """Compound annual growth over the maximum drawdown; None without a drawdown.  Whoever shows it refuses windows
    under a year."""
    worst, growth = max_drawdown(returns), annual_growth(returns, periods)
    return growth / -worst if growth is not None and worst < 0.0 else None


def autocorrelation(returns: np.ndarray, lag: int = 1) -> float | None:
    """Sample autocorrelation, deviations from the whole mean."""
    if returns.size <= lag + 1 or spread(returns) is None:
        return None
    centred = returns - returns.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def lo_factor(rho: float, periods: float) -> float:
    """What first-order autocorrelation does to the annualisation of a Sharpe ratio.  Lo (2002), The Statistics of
    Sharpe Ratios, FAJ 58(4)."""
    inside = 1.0 + 2.0 * rho / (1.0 - rho) * (1.0 - (1.0 - rho**periods) / (periods * (1.0 - rho)))
    return inside**-0.5


def moments(returns: np.ndarray) -> tuple[float, float] | None:
    """Skewness and plain kurtosis (normal: 3) with population moments; None for a constant series."""
    if spread(returns) is None:
        return None
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2
