"""What a Sharpe ratio is worth after its length, its tails and the number of trials that it was picked from.

Ratios here are those of one session, not annualised, and kurtosis is plain (normal: 3).  Two conventions exist for the variance of an estimated ratio, and
they give different answers on the same data, so whoever shows a figure names its convention: "2014" takes the variance at the estimate (Bailey and Lopez de
Prado 2012, 2014), "2025" at the ratio that is held against, with first-order autocorrelation (Lopez de Prado, Lipton and Zoonekynd 2025).  How many trials
there were is for the caller to know.  Nothing here returns NaN or infinity but `sharpe_of_columns`, which says NaN for a column that never moves.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np

CONVENTIONS = ("2014", "2025")
EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()
_SAME = 1e-12


# --- variance of an estimated ratio ---------------------------------------------------------------------------------------------------------------

def variance_term(sharpe: float, skew: float = 0.0, kurtosis: float = 3.0, rho: float = 0.0) -> float:
    """Variance of an estimated Sharpe ratio times the number of sessions, were `sharpe` the true one; `rho`: first-order autocorrelation, in (-1, 1)."""
    once, twice = rho / (1.0 - rho), rho**2 / (1.0 - rho**2)
    return 1.0 + 2.0 * once - (1.0 + once + twice) * skew * sharpe + (1.0 + 2.0 * twice) * (kurtosis - 1.0) / 4.0 * sharpe**2


@cache
def variance_of_max(trials: int) -> float:
    """Variance of the largest of so many independent standard normal numbers; 1 for one.

    By the trapezoid rule over the density of the largest, whose error is far below 1e-12 at this step.
    """
    if trials <= 1:
        return 1.0
    z = np.linspace(-12.0, 12.0, 4801)
    below = np.array([0.5 * math.erfc(-x / math.sqrt(2.0)) for x in z.tolist()])
    density = trials * np.exp(-0.5 * z**2) * below ** (trials - 1)
    density /= density.sum()
    mean = float((density * z).sum())
    return float((density * (z - mean) ** 2).sum())


# --- one series -----------------------------------------------------------------------------------------------------------------------------------

def probabilistic_sharpe(sharpe: float, observations: float, skew: float = 0.0, kurtosis: float = 3.0, against: float = 0.0) -> float | None:
    """Probability that the true Sharpe ratio exceeds `against`, convention "2014"; None where the variance is not positive."""
    term = variance_term(sharpe, skew, kurtosis)
    if observations <= 1 or term <= 0.0:
        return None
    return _phi((sharpe - against) / math.sqrt(term / (observations - 1.0)))


def probabilistic_sharpe_2025(sharpe: float, observations: float, skew: float = 0.0, kurtosis: float = 3.0, against: float = 0.0, rho: float = 0.0,
                              trials: int = 1) -> float | None:
    """The same in convention "2025"; of the best of so many `trials` the variance is that of a largest one."""
    term = variance_term(against, skew, kurtosis, rho) * variance_of_max(trials)
    if observations < 1 or term <= 0.0:
        return None
    return _phi((sharpe - against) / math.sqrt(term / observations))


def min_track_record(sharpe: float, skew: float = 0.0, kurtosis: float = 3.0, against: float = 0.0, level: float = 0.95) -> float | None:
    """Sessions needed to say with `level` that the Sharpe ratio exceeds `against`, convention "2014"; None when the estimate does not exceed it.

    Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier.
    """
    term = variance_term(sharpe, skew, kurtosis)
    needed = _sessions(term, sharpe - against, level)
    return None if needed is None else 1.0 + needed


def min_track_record_2025(sharpe: float, skew: float = 0.0, kurtosis: float = 3.0, against: float = 0.0, level: float = 0.95,
                          rho: float = 0.0) -> float | None:
    """The same in convention "2025"."""
    return _sessions(variance_term(against, skew, kurtosis, rho), sharpe - against, level)


# --- the best of many -----------------------------------------------------------------------------------------------------------------------------

def expected_max_sharpe(trials: float, variance: float) -> float:
    """Sharpe ratio to be expected of the best of so many worthless trials, whose ratios have this variance; 0 for one trial.

    Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio.  Two trials or more: about 2 % too high at ten, less beyond.
    """
    if trials <= 1 or variance <= 0.0:
        return 0.0
    high = (1.0 - EULER_GAMMA) * _upper(1.0 / trials) + EULER_GAMMA * _upper(1.0 / (trials * math.e))
    return math.sqrt(variance) * high


def deflated_sharpe(sharpe: float, observations: float, skew: float, kurtosis: float, trials: int, variance: float, convention: str = "2014", *,
                    rho: float = 0.0, shrink: bool = True) -> float | None:
    """Probability that the true Sharpe ratio exceeds what the best of `trials` worthless ones would show.

    variance: of the trials' ratios.  "2025" alone reads `rho`, and `shrink`: the best of many varies less than one (`variance_of_max`).
    """
    against = expected_max_sharpe(trials, variance)
    if convention == "2014":
        return probabilistic_sharpe(sharpe, observations, skew, kurtosis, against)
    if convention == "2025":
        return probabilistic_sharpe_2025(sharpe, observations, skew, kurtosis, against, rho, trials if shrink else 1)
    raise ValueError(f"no convention named {convention!r}; there are {', '.join(CONVENTIONS)}")


def min_backtest_years(trials: float, sharpe_annual: float = 1.0) -> float | None:
    """Years below which the best of so many worthless trials is expected to show this yearly Sharpe ratio; None where the ratio is not above 0.

    Bailey, Borwein, Lopez de Prado and Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, Notices of the AMS 61(5).
    """
    return None if sharpe_annual <= 0.0 else (expected_max_sharpe(trials, 1.0) / sharpe_annual) ** 2


# --- many series ----------------------------------------------------------------------------------------------------------------------------------

def sharpe_of_columns(matrix: np.ndarray) -> np.ndarray:
    """Sharpe ratio a session of every column (ddof 1), float64[N]; NaN for a column that never moves.  matrix: float64[T, N], finite."""
    if matrix.shape[0] < 2:
        return np.full(matrix.shape[1], np.nan)
    deviation = matrix.std(axis=0, ddof=1)
    moves = deviation > _SAME * np.abs(matrix).max(axis=0)
    return np.where(moves, matrix.mean(axis=0) / np.where(moves, deviation, 1.0), np.nan)


def variance_of_trials(matrix: np.ndarray, floor: bool = True) -> float:
    """Variance (ddof 1) of the Sharpe ratios of the columns, those that never move left out; with `floor` at least 1/T, which worthless independent trials
    would have: like trials vary less, and would pass too easily."""
    ratios = sharpe_of_columns(matrix)
    ratios = ratios[np.isfinite(ratios)]
    found = float(ratios.var(ddof=1)) if ratios.size > 1 else 0.0
    return max(found, 1.0 / matrix.shape[0]) if floor and matrix.shape[0] else found


def effective_rank(matrix: np.ndarray) -> float:
    """How many directions a symmetric matrix without negative eigenvalues has: exp of the entropy of its eigenvalues' shares.

    Roy and Vetterli (2007), The effective rank: a measure of effective dimensionality.
    """
    values = np.linalg.eigvalsh(matrix)
    values = values[values > _SAME * values.max(initial=0.0)]
    shares = values / values.sum()
    return float(math.exp(-(shares * np.log(shares)).sum())) if shares.size else 0.0


def effective_trials(matrix: np.ndarray) -> float:
    """Effective rank of the correlations of the columns: what so many trials count for if like ones count once; columns that never move count 0."""
    moving = matrix[:, np.isfinite(sharpe_of_columns(matrix))]
    if moving.shape[1] == 0:
        return 0.0
    centred = moving - moving.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).sum(axis=0))
    short = scaled.shape[0] < scaled.shape[1]          # both products have the same eigenvalues but for zeros
    return effective_rank(scaled @ scaled.T if short else scaled.T @ scaled)


def _sessions(term: float, above: float, level: float) -> float | None:
    """Sessions after which so small an excess is sure to the level; None where it is none, or too small for a number."""
    if above <= 0.0 or term <= 0.0:
        return None
    ratio = _NORMAL.inv_cdf(level) / above
    needed = term * ratio * ratio
    return needed if math.isfinite(needed) else None


def _phi(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _upper(share: float) -> float:
    """The normal quantile that so small a share lies above."""
    return -_NORMAL.inv_cdf(share)
