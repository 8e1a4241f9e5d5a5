"""How much of a Sharpe ratio is left when it was the best of several tests.

The ratio becomes a t value and a p value, the p value is adjusted for the number of tests, and goes back to a ratio.  Bonferroni's adjustment needs the
number alone; Holm's and that of Benjamini, Hochberg and Yekutieli need the p values of the other tests, which are drawn from the family that Harvey, Liu
and Zhu fitted to published strategies.  It is a family of monthly equity factors: a yardstick, not a model of anybody's search.
Harvey and Liu (2015), Backtesting, J. Portfolio Management 42(1); Harvey, Liu and Zhu (2016), Review of Financial Studies 29.
"""

from __future__ import annotations

import math

import numpy as np

from pse.research.returns import lo_factor
from pse.research.student import beyond, two_sided

DRAWS, CORRELATION = 2_000, 0.4
METHODS = ("bonferroni", "holm", "bhy", "mean")
# Mean correlation of returns; share of strategies without an edge; mean monthly return of the others.  Harvey, Liu and Zhu (2016), table 5.
FAMILY = ((0.0, 0.39660, 0.0054995), (0.2, 0.44589, 0.0055508), (0.4, 0.48604, 0.0055413), (0.6, 0.59902, 0.0055512), (0.8, 0.83901, 0.0055956))
FAMILY_MONTHS, FAMILY_DEVIATION = 240, 0.15 / math.sqrt(12.0)
_CELLS, _FEWEST = 2_000_000, 200


def haircut(sharpe_annual: float, periods: int, per_year: float, rho: float, trials: int, correlation: float = CORRELATION, *, draws: int = DRAWS,
            seed: int = 0) -> dict[str, dict[str, float]] | None:
    """For `single` and each of METHODS the p value, the yearly Sharpe ratio that is left, and the share that was cut; None where nothing is above 0.

    sharpe_annual: of `periods` returns, `per_year` in a year, whose first-order autocorrelation is `rho` (Lo's factor is taken off first).
    trials: tests in all, this one among them.  correlation: of the strategies' returns with each other, within [0, 0.8].
    """
    adjusted = sharpe_annual * lo_factor(rho, per_year)
    if adjusted <= 0.0 or periods < 3:
        return None
    freedom = periods - 1
    single = two_sided(adjusted * math.sqrt(periods / per_year), freedom)
    holm, bhy = _among_family(single, trials, correlation, draws, seed)
    found = {"single": single, "bonferroni": min(1.0, trials * single), "holm": holm, "bhy": bhy}
    found["mean"] = (found["bonferroni"] + holm + bhy) / 3.0
    left = {name: beyond(p, freedom) * math.sqrt(per_year / periods) for name, p in found.items()}
    return {name: {"p": p, "sharpe": left[name], "cut": 1.0 - left[name] / adjusted} for name, p in found.items()}


def holm_adjusted(p: np.ndarray) -> np.ndarray:
    """Holm's p values of each row, in the order of `p` sorted; float64[..., n], each row rising.  Holm (1979), Scandinavian J. Statistics 6."""
    n = p.shape[-1]
    return np.minimum(1.0, np.maximum.accumulate(p * np.arange(n, 0, -1), axis=-1))


def bhy_adjusted(p: np.ndarray, dependent: bool = True) -> np.ndarray:
    """False discovery rates of each row of sorted p values; `dependent` as Benjamini and Yekutieli (2001), else as Benjamini and Hochberg (1995)."""
    n = p.shape[-1]
    rank = np.arange(1, n + 1)
    scaled = p * (float((1.0 / rank).sum()) if dependent else 1.0) * n / rank
    return np.minimum(1.0, np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1])


def _among_family(single: float, trials: int, correlation: float, draws: int, seed: int) -> tuple[float, float]:
    """Middle adjusted p value of one test among others drawn from the family, by Holm and by BHY."""
    if trials < 2:
        return single, single
    draws = max(min(draws, _CELLS // trials), _FEWEST)
    random = np.random.default_rng(seed)
    holm, bhy = np.empty(draws), np.empty(draws)
    step = max(1, _CELLS // 10 // trials)
    for start in range(0, draws, step):
        rows = slice(start, min(start + step, draws))
        others = _p_values(_family(random, rows.stop - start, trials - 1, correlation))
        every = np.sort(np.column_stack((others, np.full(others.shape[0], single))), axis=1)
        own = np.arange(every.shape[0]), (every < single).sum(axis=1)
        holm[rows], bhy[rows] = holm_adjusted(every)[own], bhy_adjusted(every)[own]
    return float(np.median(holm)), float(np.median(bhy))


def _family(random: np.random.Generator, rows: int, columns: int, correlation: float) -> np.ndarray:
    """t values of strategies: without an edge or with an exponential one, and noise of which a part is common to all; float64[rows, columns]."""
    levels = np.array(FAMILY)
    worthless, edge = (float(np.interp(correlation, levels[:, 0], levels[:, column])) for column in (1, 2))
    correlation = min(max(correlation, 0.0), float(levels[-1, 0]))
    noise = math.sqrt(correlation) * random.standard_normal((rows, 1)) + math.sqrt(1.0 - correlation) * random.standard_normal((rows, columns))
    mean = np.where(random.random((rows, columns)) > worthless, random.exponential(edge, (rows, columns)), 0.0)
    found: np.ndarray = mean * math.sqrt(FAMILY_MONTHS) / FAMILY_DEVIATION + noise
    return found


def _p_values(t: np.ndarray) -> np.ndarray:
    """Two-sided normal p values."""
    return np.fromiter(map(math.erfc, (np.abs(t.ravel()) / math.sqrt(2.0)).tolist()), np.float64, t.size).reshape(t.shape)
