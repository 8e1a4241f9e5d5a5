"""Channels around prices: deviations around a mean, highest and lowest of a window, ranges around an exponential mean."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.features.trend import Ema
from pse.features.volatility import Atr
from pse.kernels.channels import bollinger, highest, place_between
from pse.kernels.wilder import previous


class Bollinger(Feature):
    """Bollinger bands: standard deviations around the mean of closes, where the close stands between them, and how wide they are."""

    room, title = "channels", "Bollinger bands"
    columns = {
        "bb_mid": Column("mean of the last closes", "price"),
        "bb_upper": Column("the mean and `width` deviations", "price"),
        "bb_lower": Column("the mean less `width` deviations", "price"),
        "bb_pct": Column("place of the close between the bands: 0 lower, 1 upper; 0.5 where they have no width", "ratio"),
        "bb_width": Column("upper less lower band, over the mean as traded", "fraction"),
    }
    formula = "SMA(C,n) +- k sd(C,n), sd of the population; %B = (C - lower) / (upper - lower); width = (upper - lower) / mid"
    source = "Bollinger (2001), Bollinger on Bollinger Bands"

    period: int = Field(20, ge=1, le=5000, description="bars in the mean and the deviation")
    width: float = Field(2.0, gt=0, le=20, description="deviations from the mean to a band")

    def warmup_bars(self) -> int:
        return self.period - 1

    def compute(self, known: Known) -> Columns:
        close, offset = known.price("close"), known.bars.offset
        middle, upper, lower = bollinger(close, self.period, self.width)
        traded = middle + offset
        place = place_between(close, upper, lower)
        share = np.divide(upper - lower, traded, out=np.full(close.size, np.nan), where=traded != 0)
        return {"bb_mid": traded, "bb_upper": upper + offset, "bb_lower": lower + offset, "bb_pct": place, "bb_width": share}


class Donchian(Feature):
    """Donchian channel: highest high and lowest low of the last bars, with and without the bar itself."""

    room, title = "channels", "Donchian channel"
    columns = {
        "donchian_upper": Column("highest high of the last bars", "price"),
        "donchian_lower": Column("lowest low of the last bars", "price"),
        "donchian_upper_before": Column("the upper edge as it stood one bar earlier: what a breakout is held against", "price"),
        "donchian_lower_before": Column("the lower edge as it stood one bar earlier", "price"),
    }
    formula = "max(H[t-n+1..t]), min(L[t-n+1..t]); before: the same up to t-1"
    source = "Donchian's four-week rule, as in Faith (2003), The Original Turtle Trading Rules"

    period: int = Field(20, ge=1, le=5000, description="bars in the window")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        offset = known.bars.offset
        upper, lower = highest(known.price("high"), self.period, 1.0), highest(known.price("low"), self.period, -1.0)
        return {"donchian_upper": upper + offset, "donchian_lower": lower + offset,
                "donchian_upper_before": previous(upper) + offset, "donchian_lower_before": previous(lower) + offset}


class Keltner(Feature):
    """Keltner channel: average true ranges around the exponential mean of closes."""

    room, title = "channels", "Keltner channel"
    columns = {
        "keltner_mid": Column("exponential mean of closes", "price"),
        "keltner_upper": Column("the mean and `width` ranges", "price"),
        "keltner_lower": Column("the mean less `width` ranges", "price"),
    }
    formula = "EMA(C,n) +- k ATR(atr_period)"
    source = "Keltner (1960), How to Make Money in Commodities, in the form of Linda Raschke: exponential mean and Wilder's range"

    period: int = Field(20, ge=1, le=5000, description="bars of the mean")
    atr_period: int = Field(10, ge=1, le=500, description="bars of Wilder's range")
    width: float = Field(2.0, gt=0, le=20, description="ranges from the mean to an edge")

    def warmup_bars(self) -> int:
        return max(self.period - 1, self.atr_period)

    def compute(self, known: Known) -> Columns:
        middle = known.of(Ema(period=self.period))["ema"]
        reach = self.width * known.of(Atr(period=self.atr_period))["atr"]
        return {"keltner_mid": middle, "keltner_upper": middle + reach, "keltner_lower": middle - reach}
