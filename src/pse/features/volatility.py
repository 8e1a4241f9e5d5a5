"""Range of the bars: true range and Wilder's average, and the range known before each bar."""

from __future__ import annotations

from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.wilder import previous, true_range, wilder_atr


class Atr(Feature):
    """Average true range: how far a bar usually reaches, gaps from the previous close included."""

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
