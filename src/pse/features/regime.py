"""How volatile a market is by its own recent past: rank, quarter and spikes."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.features.volatility import CALENDAR_MINUTES, KIND_MINUTES, RealisedVolatility
from pse.features.volume import session_slots
from pse.kernels.codes import VOL_BUCKETS
from pse.kernels.regimes import over_median_before, percentile_rank, quartile_states
from pse.kernels.rows import EPS
from pse.kernels.slots import slot_relative

DAYS_RANKED, FEWEST_DAYS = 252, 60             # of daily bars, where nothing else is asked for
SLOT_SESSIONS, FEWEST_SLOTS = 20, 5            # sessions whose same bar is the usual one of that time of day


def is_daily(known: Known) -> bool:
    """Whether the bars are days: they have no time of day, no session that could end soon, and no coarser trend."""
    return timeframe_ns(known.timeframe) >= DAY_NS


def bars_per_session(instrument: Instrument, timeframe: str) -> int:
    """Bars of `timeframe` in a regular trading day, 1 for bars of a day; a constant, so that windows do not move with the calendar at hand."""
    minutes = CALENDAR_MINUTES.get(instrument.calendar, KIND_MINUTES[instrument.kind])
    return max(math.ceil(minutes * MINUTE_NS / timeframe_ns(timeframe)), 1)


class VolatilityRegime(Feature):
    """Volatility against its own past: its rank among the bars before, the quarter that rank lies in, and whether it has just jumped."""

    room, title = "regime", "rank, quarter, jumps of volatility"
    columns = {
        "vol_rank": Column("share of the bars before with less volatility, ties counted half", "fraction"),
        "vol_bucket": Column("quarter of the rank, left only beyond its edge and a hysteresis", "state", VOL_BUCKETS),
        "vol_spike": Column("whether volatility is a multiple of its median over the bars before", "flag", sparse=True),
    }
    formula = ("rank = (#{w < x[t]} + #{w = x[t]}/2) / #w over w = x[t-W..t-1]; quarters at .25, .50, .75, up from edge + hysteresis, down below edge - "
               "hysteresis; spike: x[t] / median(x[t-n..t-1]) >= ratio")
    source = "percentile of the mean kind as in scipy; the window ends before the bar, for a rank in the whole sample would look ahead"

    series: Literal["auto", "atr_pct", "yang_zhang"] = Field(
        "auto", description="what is ranked: ATR14 over the close, or Yang-Zhang over 20 bars; auto: Yang-Zhang for daily bars, else the range")
    sessions: int = Field(20, ge=1, le=500, description="sessions in the window of bars shorter than a day")
    window: int | None = Field(None, ge=2, le=1_000_000, description="bars in the window; none: 252 daily ones, else `sessions` trading days (5,520 5m bars)")
    min_obs: int | None = Field(None, ge=1, le=1_000_000, description="fewest values for a rank; none: 60 daily ones, else one trading day (276 5m bars)")
    hysteresis: float = Field(0.02, ge=0, le=0.12, description="how far beyond an edge a rank must be to leave its quarter")
    spike_window: int = Field(60, ge=1, le=5000, description="bars in the median that a spike is measured by")
    spike_ratio: float = Field(2.0, gt=1, le=100, description="multiple of that median from which on it is a spike")
    deseasonalise: bool = Field(False, description="whether each value is first divided by the median of the same time of day in the 20 sessions before; "
                                                   "no keeps the day's own shape in the rank: risk is what it is at that hour")

    def warmup_bars(self) -> int:
        return self.warmup_on(1)

    def warmup_on(self, bars_a_session: int) -> int:
        daily = bars_a_session == 1
        first = 20 if self.series == "yang_zhang" or (self.series == "auto" and daily) else 14
        fewest = self.min_obs or (FEWEST_DAYS if daily else bars_a_session)
        return first + FEWEST_SLOTS * bars_a_session * self.deseasonalise + fewest

    def compute(self, known: Known) -> Columns:
        values = self._values(known)
        window, min_obs = self.ranked(known)
        rank = percentile_rank(values, window, min_obs)
        spike = over_median_before(values, self.spike_window) >= self.spike_ratio - EPS
        return {"vol_rank": rank, "vol_bucket": quartile_states(rank, self.hysteresis), "vol_spike": spike.astype(np.int64)}

    def ranked(self, known: Known) -> tuple[int, int]:
        """Bars in the window, and the fewest values in it."""
        if is_daily(known):
            return self.window or DAYS_RANKED, self.min_obs or FEWEST_DAYS
        a_day = bars_per_session(known.instrument, known.timeframe)
        return self.window or self.sessions * a_day, self.min_obs or a_day

    def _values(self, known: Known) -> np.ndarray:
        """What is ranked, float64[n]."""
        if self.series == "yang_zhang" or (self.series == "auto" and is_daily(known)):
            values = known.of(RealisedVolatility())["vol_yang_zhang"]
        else:
            values = known.atr / known.bars.close
        if not self.deseasonalise:
            return values
        slots = session_slots(known.bars)
        return slot_relative(values, known.bars.session, slots, int(slots.max(initial=0)) + 1, SLOT_SESSIONS, FEWEST_SLOTS)
