"""Momentum of closes: relative strength and MACD, each with its state."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.features.market_structure import MarketStructure
from pse.kernels.codes import MACD_STATES, RSI_NEUTRAL, RSI_OVERBOUGHT, RSI_OVERSOLD, RSI_STATES, RSI_UNKNOWN
from pse.kernels.momentum import macd, macd_states, rsi
from pse.kernels.rows import EPS


class Rsi(Feature):
    """Relative strength index: gains of the last bars as a share of all moves, 0 to 100."""

    room, title = "momentum", "relative strength index"
    columns = {
        "rsi": Column("Wilder's relative strength index, 0 to 100", "percent"),
        "rsi_state": Column("overbought at or above its threshold, oversold at or below, neutral between", "state", RSI_STATES),
    }
    formula = "100 G / (G + Q), G and Q Wilder's averages of gains and losses, seeded with their means over bars 1..n; 50 where G + Q = 0"
    source = "Wilder (1978), New Concepts in Technical Trading Systems, ch. VI"

    period: int = Field(14, ge=1, le=500, description="bars of Wilder's averages")
    overbought: float = Field(70.0, gt=50, le=100, description="from here on the market is overbought")
    oversold: float = Field(30.0, ge=0, lt=50, description="down from here the market is oversold")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        strength = rsi(known.price("close"), self.period)
        state = np.where(np.isnan(strength), RSI_UNKNOWN, RSI_NEUTRAL)
        state[strength >= self.overbought - EPS] = RSI_OVERBOUGHT
        state[strength <= self.oversold + EPS] = RSI_OVERSOLD
        return {"rsi": strength, "rsi_state": state}


class Macd(Feature):
    """Moving average convergence divergence: how far a fast mean of closes has left a slow one, whether that grows, and whether swings disagree with it."""

    room, title = "momentum", "MACD, with divergences"
    columns = {
        "macd": Column("fast less slow exponential mean of closes", "points"),
        "macd_signal": Column("exponential mean of that difference", "points"),
        "macd_hist": Column("the difference less its mean", "points"),
        "macd_state": Column("a divergence of the last two confirmed swings while one holds, else whether the histogram grows away from zero", "state",
                             MACD_STATES),
    }
    formula = ("EMA(C,fast) - EMA(C,slow), each with its own seed; signal EMA of it; expanding: histogram beyond eps_atr x ATR and growing; bearish "
               "divergence: last two confirmed swing highs rise while the line falls, for ttl bars and until a close above the second; bullish mirrored")
    source = "Appel (1979), The Moving Average Convergence Divergence Method; the divergence is read at confirmation of the second swing"

    fast: int = Field(12, ge=1, le=500, description="bars of the fast mean")
    slow: int = Field(26, ge=2, le=1000, description="bars of the slow mean")
    signal: int = Field(9, ge=1, le=500, description="values of the mean of the difference")
    eps_atr: float = Field(0.01, ge=0, le=5, description="band around zero in which a histogram counts as none, in ATR")
    min_sep: int = Field(5, ge=1, le=5000, description="fewest bars between the two swings of a divergence")
    max_sep: int = Field(60, ge=1, le=5000, description="most bars between them")
    ttl: int = Field(10, ge=1, le=5000, description="bars that a divergence holds from the bar that confirms its second swing")
    structure: MarketStructure = MarketStructure()

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} is not below slow {self.slow}: MACD is the fast mean less the slow one")
        if self.min_sep > self.max_sep:
            raise ValueError(f"min_sep {self.min_sep} is above max_sep {self.max_sep}: no two swings would ever fit")
        return self

    def warmup_bars(self) -> int:
        return self.slow + self.signal - 1

    def lag_bars(self) -> int:
        return self.structure.lag_bars()

    def compute(self, known: Known) -> Columns:
        close = known.price("close")
        line, smooth, histogram = macd(close, self.fast, self.slow, self.signal)
        pivots = known.objects(self.structure)["pivots_internal"]
        states = macd_states(line, histogram, close, known.atr, pivots, self.eps_atr, self.min_sep, self.max_sep, self.ttl)
        return {"macd": line, "macd_signal": smooth, "macd_hist": histogram, "macd_state": states}
