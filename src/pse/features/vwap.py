"""Volume-weighted average price of the session so far, with bands."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.vwap import session_slope, session_vwap


class SessionVwap(Feature):
    """Average price paid in the session so far: NaN until something was traded, and outside regular hours where it is anchored there."""

    room, title = "volume and spread", "VWAP of the session, with bands"
    columns = {
        "vwap": Column("volume-weighted average price since the anchor", "price"),
        "vwap_sd": Column("volume-weighted standard deviation of the price since the anchor", "points"),
        "vwap_upper1": Column("one standard deviation above", "price"),
        "vwap_lower1": Column("one standard deviation below", "price"),
        "vwap_upper2": Column("two standard deviations above", "price"),
        "vwap_lower2": Column("two standard deviations below", "price"),
        "vwap_slope": Column("its change over the last `slope_bars` bars of the session; NaN in the session's first ones", "ATR"),
    }
    formula = "tp = (H+L+C)/3; vwap = sum(V tp) / sum(V); sd = sqrt(sum(V tp^2)/sum(V) - vwap^2); bands vwap +- k sd; slope = (vwap[t] - vwap[t-6]) / ATR14[t]"
    source = "Berkowitz, Logue and Noser (1988), The Total Cost of Transactions on the NYSE; updated as in West (1979)"

    anchor: Literal["session", "rth"] = Field("session", description="since when: the open of the trading day, or of regular hours (bars that open in them)")
    slope_bars: int = Field(6, ge=1, le=500, description="bars over which the slope is taken")

    def warmup_bars(self) -> int:
        return max(14, self.slope_bars)

    def compute(self, known: Known) -> Columns:
        bars = known.bars
        inside = np.ones(len(bars), bool)
        if self.anchor == "rth":
            calendar = bars.sessions
            inside = (bars.ts_open >= calendar.rth_open_ns[bars.session]) & (bars.ts_open < calendar.rth_close_ns[bars.session])
        mean, sd = session_vwap(known.price("high"), known.price("low"), known.price("close"), bars.volume, bars.session, inside)
        vwap = mean + bars.offset
        return {"vwap": vwap, "vwap_sd": sd, "vwap_upper1": vwap + sd, "vwap_lower1": vwap - sd, "vwap_upper2": vwap + 2.0 * sd,
                "vwap_lower2": vwap - 2.0 * sd, "vwap_slope": session_slope(mean, known.atr, bars.session, self.slope_bars)}
