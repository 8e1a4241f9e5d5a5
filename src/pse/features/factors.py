"""How features explain one another, and how a symbol moves with a benchmark."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.domain.instruments import SYMBOL_PATTERN
from pse.domain.sessions import DAY_NS
from pse.features import Columns
from pse.features.channels import Bollinger
from pse.features.feature import Column, Feature, Known
from pse.features.momentum import Macd, Rsi
from pse.features.resampled import as_of
from pse.features.trend import Adx
from pse.features.volume import RelativeVolume
from pse.kernels.regression import rolling_inflation, rolling_slope

REGRESSORS = ("rsi", "macd_hist", "adx", "bb_pct", "rvol")
ROWS_A_REGRESSOR, FEWEST_ROWS = 5, 30


class Vif(Feature):
    """Variance inflation of the features a signal is usually made of: 1 says something of its own, from 10 on it repeats what the others say."""

    room, title = "factors", "how features explain one another"
    columns = {
        **{f"vif_{name}": Column(f"variance inflation factor of {name} among {', '.join(REGRESSORS)}; inf where the others give it exactly", "ratio")
           for name in REGRESSORS},
        "vif_max": Column("the largest of them", "ratio"),
        "vif_worst": Column("whose it is", "state", ("UNKNOWN", *(name.upper() for name in REGRESSORS))),
    }
    formula = "1 / (1 - R^2) of the regression, with intercept, of each on the others; rows with a NaN are left out, at least 30 must be left"
    source = "Belsley, Kuh and Welsch (1980), Regression Diagnostics, ch. 3"

    period: int = Field(60, ge=30, le=2000, description="rows looked back on")
    rsi: Rsi = Rsi()
    macd: Macd = Macd()
    adx: Adx = Adx()
    bollinger: Bollinger = Bollinger()
    volume: RelativeVolume = RelativeVolume()

    def warmup_bars(self) -> int:
        first = (self.rsi.period, self.macd.slow + self.macd.signal - 2, 2 * self.adx.period - 1, self.bollinger.period - 1, self.volume.period)
        return max(first) + FEWEST_ROWS - 1

    def compute(self, known: Known) -> Columns:
        found: Columns = {}
        for part in (self.rsi, self.macd, self.adx, self.bollinger, self.volume):
            found |= known.of(part)
        factors = rolling_inflation(np.stack([found[name] for name in REGRESSORS]), self.period, max(FEWEST_ROWS, ROWS_A_REGRESSOR * len(REGRESSORS)))
        largest, worst = np.full(len(known), np.nan), np.zeros(len(known), np.int64)
        for i, factor in enumerate(factors, 1):
            worst[(factor > largest) | (np.isnan(largest) & ~np.isnan(factor))] = i
            largest = np.fmax(largest, factor)
        return {**{f"vif_{name}": factor for name, factor in zip(REGRESSORS, factors, strict=True)}, "vif_max": largest, "vif_worst": worst}


class Beta(Feature):
    """How far the symbol moves for a move of the benchmark; NaN on bars that have no bar of the benchmark beside them, everywhere without its bars."""

    room, title = "factors", "beta to a benchmark"
    columns = {
        "beta": Column("slope of the symbol's log returns on the benchmark's", "ratio"),
        "beta_shrunk": Column("the slope drawn a third of the way to 1", "ratio"),
    }
    formula = ("cov(r, b) / var(b) over the last returns between bars that both have at the same close (with `timeframe` 1d: of the same trading day, "
               "told when both have closed); shrunk: 2/3 beta + 1/3")
    source = "Sharpe (1963), Management Science 9; Blume (1971), Journal of Finance 26, for the shrinkage"

    benchmark: str = Field("SPY", pattern=SYMBOL_PATTERN, description="symbol that is moved with")
    period: int = Field(60, ge=2, le=5000, description="returns in the window")
    timeframe: str | None = Field(None, pattern=r"^[1-9][0-9]{0,2}(s|m|h|d)$", description="bars of the returns, for example 1d; none: those of the rows")

    def warmup_bars(self) -> int:
        return self.period

    def symbols(self) -> tuple[str, ...]:
        return (self.benchmark,)

    def timeframes(self, of: str) -> tuple[str, ...]:
        return () if self.timeframe is None else (self.timeframe,)

    def compute(self, known: Known) -> Columns:
        here = known.at(self.timeframe) if self.timeframe else known
        there, beta = known.other(self.benchmark, here.timeframe), np.full(len(known), np.nan)
        if there is not None:
            own, other = common_rows(here, there, by_day=self.timeframe is not None and timeframe_ns(here.timeframe) >= DAY_NS)
            slope = rolling_slope(np.stack([log_returns(here, own), log_returns(there, other)]), self.period)
            if self.timeframe:
                beta = as_of(slope, np.maximum(here.bars.ts_close[own], there.bars.ts_close[other]), known.bars.ts_close)
            else:
                beta[own] = slope
        return {"beta": beta, "beta_shrunk": beta * (2.0 / 3.0) + 1.0 / 3.0}


def common_rows(here: Known, there: Known, by_day: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both whose bars close at the same moment or, `by_day`, are of the same trading day though one market closes before the other."""
    mine, theirs = (known.bars.session_date if by_day else known.bars.ts_close for known in (here, there))
    _, own, other = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    return own, other


def log_returns(known: Known, rows: np.ndarray) -> np.ndarray:
    """Log return from each of the rows to the next, the older close moved by the rolls between them, float64[rows.size]; NaN first."""
    close, offset = known.bars.close[rows], known.bars.offset[rows]
    older, newer = close[:-1] + np.diff(offset), close[1:]
    out = np.full(rows.size, np.nan)
    good = (older > 0) & (newer > 0) & np.isfinite(older + newer)
    out[1:][good] = np.log(newer[good] / older[good])
    return out
