"""Intervals: Wilson's for a share, the stationary bootstrap over sessions for everything that hangs on the order of
days.

Trades of one session stay together, so overlapping trades are not taken for independent ones.  A percentile interval
of a Sharpe ratio still covers less than it says when sessions are correlated (90 % instead of 95 % at an
autocorrelation of 0.3).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from pse.kernels.stats import stationary_sums

_CHUNK, _SAME = 128, 1e-12
MIN_SESSIONS = 20                                # from which on a resampling of sessions says something


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float] | None:
    """Score interval of a share; None without a trial.  Wilson (1927), JASA 22."""
    if trials == 0:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    share = successes / trials
    centre = share + z * z / (2.0 * trials)
    half = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    scale = 1.0 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def block_length(series: np.ndarray) -> float:
    """Mean block of the stationary bootstrap, in sessions, at least 1.

    Politis and White (2004) with the correction of Patton, Politis and White (2009), Econometric Reviews 28: flat-top
    lag window, bandwidth where the correlogram has become insignificant.
    """
    n = series.size
    centred = series - series.mean()
    variance = float(np.mean(centred**2))
    if n < 10 or variance <= 0.0:
        return 1.0
    quiet = max(5, int(math.log10(n)))
    lags = math.ceil(math.sqrt(n)) + quiet
    covariance = np.array([float(np.dot(centred[k:], centred[: n - k])) / n for k in range(lags + 1)])
    bound = 2.0 * math.sqrt(math.log10(n) / n)
    loud = np.abs(covariance[1:] / variance) >= bound
    bandwidth = min(2 * _first_quiet_lag(loud, quiet), lags)
    k = np.arange(1, bandwidth + 1)
    window = np.minimum(1.0, 2.0 * (1.0 - k / bandwidth))
    spectrum = covariance[0] + 2.0 * float((window * covariance[1 : bandwidth + 1]).sum())
    slope = 2.0 * float((window * k * covariance[1 : bandwidth + 1]).sum())
    if spectrum <= 0.0:
        return 1.0
    length = (2.0 * slope**2 / (2.0 * spectrum**2)) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    return float(min(max(length, 1.0), math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def _first_quiet_lag(loud: np.ndarray, quiet: int) -> int:
    """First lag of the first run of `quiet` insignificant lags; the last lag where there is no such run.  `loud[0]` is
    lag 1."""
    for m in range(loud.size - quiet + 1):
        if not loud[m : m + quiet].any():
            return m + 1
    return loud.size


def resample(
    columns: np.ndarray, returns: np.ndarray, block: float, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Column sums float64[resamples, k] and maximum drawdowns float64[resamples] of stationary resamples of the
    sessions (rows)."""
    bits = np.random.Generator(np.random.PCG64(seed))
    sums, drawdowns = [], []
    for done in range(0, resamples, _CHUNK):
        shape = (min(_CHUNK, resamples - done), returns.size)
        drawn = bits.integers(0, 2**64, size=shape, dtype=np.uint64, endpoint=False)
        chunk_sums, chunk_drawdowns = stationary_sums(
            drawn, 1.0 / block, np.ascontiguousarray(columns), np.ascontiguousarray(returns)
        )
        sums.append(chunk_sums)
        drawdowns.append(chunk_drawdowns)
    return np.concatenate(sums), np.concatenate(drawdowns)


def sharpe_of_sums(sums: np.ndarray, squares: np.ndarray, sessions: int, periods: float = 252.0) -> np.ndarray:
    """Annualised Sharpe ratios (ddof 1) from sums of returns and of their squares; NaN where nothing moves."""
    average = sums / sessions
    scatter = squares - sessions * average**2
    moving = np.where(scatter > _SAME * squares, scatter, np.nan)
    ratio: np.ndarray = average / np.sqrt(moving / (sessions - 1)) * math.sqrt(periods)
    return ratio


def intervals(returns: np.ndarray, seed: int, periods: float = 252.0, *, r_of_session: np.ndarray | None = None, trades_of_session: np.ndarray | None = None,
              resamples: int = 2_000, block: float | None = None, level: float = 0.95) -> dict[str, tuple[float, float] | None]:
    """Percentile intervals of a return series from one resampling of its sessions: `sharpe`, `sortino`, `mean` (a session), `max_drawdown`, and
    `expectancy_r` where R and number of the trades of each session (float64[n] both) are given; None where a figure has none.

    returns: float64[n], one a session, flat ones included.  block: mean block in sessions; None: by `block_length`.
    """
    n = returns.size
    names = ["sharpe", "sortino", "mean", "max_drawdown"]
    columns = [returns, returns**2, np.minimum(returns, 0.0) ** 2]
    if r_of_session is not None and trades_of_session is not None:
        names, columns = [*names, "expectancy_r"], [*columns, r_of_session, trades_of_session.astype(np.float64)]
    if n < MIN_SESSIONS:
        return dict.fromkeys(names)
    sums, falls = resample(np.column_stack(columns), returns, block_length(returns) if block is None else block, resamples, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [sharpe_of_sums(sums[:, 0], sums[:, 1], n, periods), sums[:, 0] / n / np.sqrt(sums[:, 2] / n) * math.sqrt(periods), sums[:, 0] / n, falls]
        found += [sums[:, 3] / sums[:, 4]] if len(columns) > 3 else []
    return {name: percentile_interval(values, level) for name, values in zip(names, found, strict=True)}


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """Central interval of the finite values; None when fewer than nine in ten are finite."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or finite.size < 0.9 * values.size:
        return None
    low, high = np.quantile(finite, (0.5 - level / 2.0, 0.5 + level / 2.0))
    return float(low), float(high)
