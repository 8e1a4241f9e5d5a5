"""The bid-ask spread as bars let it be guessed where no quotes are known."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.rolling import to_window_sums
from pse.kernels.spreads import spread_pairs


class SpreadEstimates(Feature):
    """Estimates of the spread from highs, lows and closes: noisy, good for ranking how liquid a market is, never for the price of an order."""

    room, title = "volume and spread", "spread, estimated from bars"
    columns = {
        "spread_cs": Column("mean Corwin-Schultz estimate of the last bars, share of the price", "fraction"),
        "spread_ar": Column("mean Abdi-Ranaldo estimate of the last bars, share of the price", "fraction"),
        "spread_ticks": Column("the Abdi-Ranaldo estimate in ticks of the instrument, at least 1", "ratio"),
    }
    formula = ("of each pair of bars, below 0 as 0: CS 2(e^a - 1)/(1 + e^a), a = (sqrt(2b) - sqrt(b))/(3 - 2 sqrt 2) - sqrt(g/(3 - 2 sqrt 2)), "
               "b = sum of ln(H/L)^2, g = ln(max H / min L)^2; AR sqrt(4 (c - e)(c - e')), c = ln C, e = mid of ln H and ln L, e' that of the next bar; "
               "then the mean of n pairs")
    source = "Corwin and Schultz (2012), Journal of Finance 67; Abdi and Ranaldo (2017), Review of Financial Studies 30"

    period: int = Field(20, ge=1, le=1000, description="pairs of bars in the mean")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        bars = known.bars
        found = spread_pairs(bars.high, bars.low, bars.close, bars.offset)
        for pairs in found:
            to_window_sums(pairs, self.period)
        corwin_schultz, abdi_ranaldo = (pairs / self.period for pairs in found)
        return {"spread_cs": corwin_schultz, "spread_ar": abdi_ranaldo,
                "spread_ticks": np.maximum(1.0, abdi_ranaldo * (bars.close if bars.factor is None else bars.close / bars.factor) / known.instrument.tick)}
