"""How much of the evidence for a trend agrees."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from pse.domain.bars import timeframe_ns
from pse.domain.sessions import DAY_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, context_of
from pse.features.market_structure import MarketStructure
from pse.features.regime import VolatilityRegime, is_daily
from pse.features.trend import Adx, EfficiencyRatio
from pse.features.vwap import SessionVwap
from pse.kernels.codes import TCC_CLASSES
from pse.kernels.conviction import Evidence, Rules, convictions
from pse.kernels.trend import ema


class TrendConviction(Feature):
    """Trend conviction: the weighted share of six pieces of evidence that agree with a direction, and its class.

    Daily bars have neither a session VWAP nor a coarser trend; the other four weigh the more.  A bar before the warm-up of ADX, efficiency ratio and
    averages is UNKNOWN; what else is missing counts nothing, as the coarser averages do where their bars would be shorter than the rows.
    """

    room, title = "regime", "evidence for a trend"
    columns = {
        "tcc": Column("class of the stronger direction's score, with vetoes and hysteresis", "state", TCC_CLASSES),
        "tcc_dir": Column("direction of that class, 0 where it is None or UNKNOWN", "direction"),
        "tcc_score_long": Column("weighted share of the evidence for a rise", "score"),
        "tcc_score_short": Column("weighted share of the evidence for a fall", "score"),
    }
    formula = ("sum of weight x part: ADX with the sign of +DI less -DI; ER with the sign of C[t] - C[t-n]; fast over slow EMA and its slope in ATR, half "
               "each; structure trend; close beyond VWAP, half without its slope; 1h averages.  High .75, Medium .55, Low .35; ADX < 15: Low at most; "
               "volatility spike: Medium at most; a class is kept down to its threshold - .05")
    source = "own score of common measures: Wilder (1978), Kaufman (1995), session VWAP and swing structure"

    adx_period: int = Field(14, ge=2, le=500, description="bars of ADX and DI")
    adx_strong: float = Field(25.0, ge=0, le=100, description="ADX from which it counts whole")
    adx_some: float = Field(20.0, ge=0, le=100, description="ADX from which it counts half")
    adx_veto: float = Field(15.0, ge=0, le=100, description="ADX below which the class is Low at most")
    er_period: int = Field(20, ge=1, le=5000, description="bars of the efficiency ratio")
    er_strong: float = Field(0.45, ge=0, le=1, description="efficiency ratio from which it counts whole")
    er_some: float = Field(0.30, ge=0, le=1, description="efficiency ratio from which it counts half")
    ema_fast: int = Field(20, ge=1, le=5000, description="bars of the fast average")
    ema_slow: int = Field(50, ge=2, le=5000, description="bars of the slow average")
    slope_bars: int = Field(5, ge=1, le=500, description="bars over which the fast average's slope is taken")
    slope_min: float = Field(0.10, ge=0, le=10, description="slope that counts, in ATR")
    weight_adx: float = Field(0.25, ge=0, le=1, description="weight of ADX")
    weight_er: float = Field(0.15, ge=0, le=1, description="weight of the efficiency ratio")
    weight_ema: float = Field(0.20, gt=0, le=1, description="weight of the averages")
    weight_struct: float = Field(0.20, ge=0, le=1, description="weight of the structure's trend")
    weight_vwap: float = Field(0.10, ge=0, le=1, description="weight of the session VWAP")
    weight_htf: float = Field(0.10, ge=0, le=1, description="weight of the coarser averages")
    high: float = Field(0.75, gt=0, le=1, description="score of the class High")
    medium: float = Field(0.55, gt=0, le=1, description="score of the class Medium")
    low: float = Field(0.35, gt=0, le=1, description="score of the class Low")
    hysteresis: float = Field(0.05, ge=0, le=1, description="how far below its threshold a class is kept")
    context_timeframe: str = Field("1h", description="bars of the coarser averages")
    structure: MarketStructure = MarketStructure()
    volatility: VolatilityRegime = VolatilityRegime()
    vwap: SessionVwap = SessionVwap()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not (self.low < self.medium < self.high):
            raise ValueError(f"low {self.low}, medium {self.medium} and high {self.high} must rise")
        if self.ema_fast >= self.ema_slow:
            raise ValueError(f"ema_fast {self.ema_fast} is not below ema_slow {self.ema_slow}")
        return self

    def warmup_bars(self) -> int:
        return max(2 * self.adx_period - 1, self.er_period, self.ema_slow - 1)

    def timeframes(self, of: str) -> tuple[str, ...]:
        return () if timeframe_ns(of) >= DAY_NS else context_of(self.context_timeframe, of)

    def strength(self, known: Known) -> Columns:
        """adx, plus_di, minus_di."""
        return known.of(Adx(period=self.adx_period))

    def efficiency(self, known: Known) -> np.ndarray:
        """The efficiency ratio, float64[n]."""
        return known.of(EfficiencyRatio(period=self.er_period))["er"]

    def compute(self, known: Known) -> Columns:
        return dict(zip(self.columns, convictions(self._evidence(known), self._rules(not is_daily(known))), strict=True))

    def _rules(self, intraday: bool) -> Rules:
        weights = (self.weight_adx, self.weight_er, self.weight_ema, self.weight_struct, self.weight_vwap * intraday, self.weight_htf * intraday)
        return Rules(self.adx_strong, self.adx_some, self.adx_veto, self.er_strong, self.er_some, self.slope_min, *weights, self.high, self.medium, self.low,
                     self.hysteresis)

    def _evidence(self, known: Known) -> Evidence:
        close, n = known.price("close"), len(known)
        fast, slow = ema(close, self.ema_fast), ema(close, self.ema_slow)
        slope = np.full(n, np.nan)
        np.divide(fast[self.slope_bars:] - fast[:-self.slope_bars], known.atr[self.slope_bars:], out=slope[self.slope_bars:],
                  where=known.atr[self.slope_bars:] > 0)
        change = np.full(n, np.nan)
        change[self.er_period:] = close[self.er_period:] - close[:-self.er_period]
        side = to = htf = np.full(n, np.nan)
        if not is_daily(known):
            session = known.of(self.vwap)
            side, to = known.bars.close - session["vwap"], session["vwap_slope"]
        for there in map(known.at, self.timeframes(known.timeframe)):
            htf = known.joined(ema(there.price("close"), self.ema_fast) - ema(there.price("close"), self.ema_slow), there)
        return Evidence(**self.strength(known), er=self.efficiency(known), change=change, ema_fast=fast, ema_slow=slow, slope=slope,
                        trend=self.structure.trend(known), vwap_side=side, vwap_slope=to, htf=htf, spike=known.of(self.volatility)["vol_spike"])
