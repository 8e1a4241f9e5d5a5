"""How far prices move: true range and Wilder's average of it, and realised volatility a year."""

from __future__ import annotations

import math

from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.volatility import carried_close, realised_volatility
from pse.kernels.wilder import previous, true_range, wilder_atr


class Atr(Feature):
    """Average true range: how far a bar usually reaches, gaps from the previous close included."""

    room, title = "volatility", "average true range"
    columns = {
        "tr": Column("true range of the bar", "points"),
        "atr": Column("Wilder's average of the true range", "points"),
        "atr_before": Column("the average as it stood one bar earlier, the unit in which events at a bar are measured", "points"),
        "atr_pct": Column("the average over the close as traded", "fraction"),
    }
    formula = "TR = max(H-L, |H-C[t-1]|, |L-C[t-1]|); ATR[n] = mean(TR[1..n]); ATR[t] = (ATR[t-1](n-1) + TR[t]) / n"
    source = "Wilder (1978), New Concepts in Technical Trading Systems, ch. III"

    period: int = Field(14, ge=1, le=500, description="bars of Wilder's average")
    gap_in_tr: bool = Field(True, description="whether the jump from the previous close counts; no for ranges that keep to one session")

    def warmup_bars(self) -> int:
        return self.period + 1

    def compute(self, known: Known) -> Columns:
        high, low, close = known.price("high"), known.price("low"), known.price("close")
        atr = known.atr if self == Atr() else wilder_atr(high, low, close, self.period, self.gap_in_tr)
        return {"tr": true_range(high, low, close, self.gap_in_tr), "atr": atr, "atr_before": previous(atr), "atr_pct": atr / known.bars.close}


# Minutes of a regular trading day by calendar, else by kind.  Constants: taken from the calendar's own days, a year would change length with the data.
CALENDAR_MINUTES = {"CME Globex Equity": 1380, "CME Globex FX": 1380, "NYSE": 390, "EUREX": 780, "24/7": 1440}
KIND_MINUTES = {"future": 1380, "stock": 390, "index": 390, "crypto": 1440, "fx": 1440}


def bars_per_year(instrument: Instrument, timeframe: str) -> float:
    """Bars of `timeframe` in a year of regular trading days: 252 of them, 365 where trading never stops; a day's last bar may be a short one."""
    days = 365 if instrument.kind == "crypto" or instrument.calendar == "24/7" else 252
    length = timeframe_ns(timeframe)
    if length >= DAY_NS:
        return float(days)
    minutes = CALENDAR_MINUTES.get(instrument.calendar, KIND_MINUTES[instrument.kind])
    return float(days * math.ceil(minutes * MINUTE_NS / length))


class RealisedVolatility(Feature):
    """Volatility a year from the last bars, by four estimators: two see the jump from the previous close, two look inside the bars only."""

    room, title = "volatility", "volatility a year, four estimators"
    columns = {
        "vol_close_close": Column("sample standard deviation of the log returns, jumps between sessions included", "per year"),
        "vol_parkinson": Column("from high and low; bars without drift, no jumps", "per year"),
        "vol_garman_klass": Column("from high, low, open and close; bars without drift, no jumps", "per year"),
        "vol_yang_zhang": Column("from the jump at the open and all four prices; drift and jumps allowed", "per year"),
    }
    formula = ("close-close: sd of ln(C[t]/C[t-1]); Parkinson: sqrt(sum ln(H/L)^2 / (4 n ln 2)); "
               "Garman-Klass: sqrt(mean(ln(H/L)^2 / 2 - (2 ln 2 - 1) ln(C/O)^2)); Yang-Zhang: sqrt(var ln(O[t]/C[t-1]) + k var ln(C/O) + "
               "(1-k) mean(ln(H/C) ln(H/O) + ln(L/C) ln(L/O))), k = 0.34 / (1.34 + (n+1)/(n-1)); each times sqrt(bars a year)")
    source = "Parkinson (1980) and Garman and Klass (1980), Journal of Business 53; Rogers and Satchell (1991); Yang and Zhang (2000), Journal of Business 73"

    period: int = Field(20, ge=2, le=5000, description="bars in the window")
    bars_a_year: float | None = Field(None, gt=0, description="bars that make a year; none: from the instrument's calendar and the timeframe")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        bars = known.bars
        a_year = self.bars_a_year or bars_per_year(known.instrument, known.timeframe)
        found = realised_volatility(bars.open, bars.high, bars.low, bars.close, carried_close(bars.close, bars.offset), self.period, a_year)
        return dict(zip(self.columns, found, strict=True))
