"""Means of closes, strength and direction of a trend, and how straight the way was."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.trend import adx, efficiency_ratio, ema, hurst, sma

HURST_LAGS = (1, 2, 4, 8, 16)


class Sma(Feature):
    """Simple moving average of closes."""

    room, title = "trend", "simple moving average"
    columns = {"sma": Column("mean of the last closes", "price")}
    formula = "mean(C[t-n+1..t])"
    source = "common practice"

    period: int = Field(20, ge=1, le=5000, description="bars in the mean")

    def warmup_bars(self) -> int:
        return self.period - 1

    def compute(self, known: Known) -> Columns:
        return {"sma": sma(known.price("close"), self.period) + known.bars.offset}


class Ema(Feature):
    """Exponential moving average of closes."""

    room, title = "trend", "exponential moving average"
    columns = {"ema": Column("exponential mean of closes", "price")}
    formula = "EMA[n-1] = mean(C[0..n-1]); EMA[t] = EMA[t-1] + 2/(n+1) (C[t] - EMA[t-1])"
    source = "common practice; the seed is a plain mean, as in TA-Lib"

    period: int = Field(20, ge=1, le=5000, description="bars of the mean: the weight of the last close is 2/(period+1)")

    def warmup_bars(self) -> int:
        return self.period - 1

    def compute(self, known: Known) -> Columns:
        return {"ema": ema(known.price("close"), self.period) + known.bars.offset}


class Adx(Feature):
    """Directional movement: how strongly prices trend (ADX), and up (+DI) or down (-DI)."""

    room, title = "trend", "directional movement: ADX and DI"
    columns = {
        "adx": Column("average directional index, 0 to 100: strength of a trend in either direction", "percent"),
        "plus_di": Column("upward movement as a share of the range, 0 to 100", "percent"),
        "minus_di": Column("downward movement as a share of the range, 0 to 100", "percent"),
    }
    formula = ("+DM = up if up > down and up > 0, up = H - H[t-1], down = L[t-1] - L; -DM mirrored; S[t] = S[t-1] - S[t-1]/n + x[t]; DI = 100 S(DM) / S(TR); "
               "DX = 100 |+DI - -DI| / (+DI + -DI); ADX = Wilder's average of DX; nothing over nothing is 0")
    source = "Wilder (1978), New Concepts in Technical Trading Systems, ch. IV"

    period: int = Field(14, ge=1, le=500, description="bars of Wilder's averages")

    def warmup_bars(self) -> int:
        return 2 * self.period - 1

    def compute(self, known: Known) -> Columns:
        strength, plus, minus = adx(known.price("high"), known.price("low"), known.price("close"), self.period)
        return {"adx": strength, "plus_di": plus, "minus_di": minus}


class EfficiencyRatio(Feature):
    """Efficiency ratio: the way that closes made as a share of the way they walked."""

    room, title = "trend", "straightness of the way"
    columns = {"er": Column("way made over way walked: 1 straight, near 0 to and fro, 0 where nothing moved", "ratio")}
    formula = "|C[t] - C[t-n]| / sum |C[i] - C[i-1]| over the last n bars"
    source = "Kaufman (1995), Smarter Trading"

    period: int = Field(10, ge=1, le=5000, description="bars of the way")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        return {"er": efficiency_ratio(known.price("close"), self.period)}


class Hurst(Feature):
    """Hurst exponent of a window, a diagnostic that no rule reads: above 0.5 moves go on, below they turn back."""

    room, title = "trend", "Hurst exponent"
    columns = {"hurst": Column("slope of ln deviation of changes on ln lag: 0.5 for a random walk", "ratio")}
    formula = "slope of ln sd(ln(C[t] / C[t-k])) on ln k, k = 1, 2, 4, 8, 16, inside the last n closes; NaN where the changes over some lag are all alike"
    source = "Mandelbrot and Van Ness (1968), Fractional Brownian motions; the plain regression on deviations of lagged differences"

    period: int = Field(252, ge=32, le=5000, description="closes in the window")

    def warmup_bars(self) -> int:
        return self.period - 1

    def compute(self, known: Known) -> Columns:
        return {"hurst": hurst(known.price("close"), known.bars.offset, np.array(HURST_LAGS), self.period)}
