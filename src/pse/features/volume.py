"""Volume against what is usual, at the bars before and at the same time of earlier sessions, and whose it was, buyers' or sellers'."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.sessions import DAY_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.imbalance import bulk_imbalance, money_flow
from pse.kernels.rolling import relative_volume
from pse.kernels.slots import slot_relative


class RelativeVolume(Feature):
    """Volume of the bar over the mean of the bars before; NaN where volume is unknown or that mean is zero."""

    room, title = "volume and spread", "volume against the bars before"
    columns = {"rvol": Column("volume over the mean volume of the bars before", "ratio")}
    formula = "V[t] / mean(V[t-n..t-1])"
    source = "common practice; the current bar is left out of its own mean"

    period: int = Field(20, ge=1, le=1000, description="bars in the mean, the current one left out")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        return {"rvol": relative_volume(known.bars.volume, self.period)}


def session_slots(bars: Bars) -> np.ndarray:
    """Place of each bar in its session: how many bar lengths after the one that holds the open, int64[n]; 0 for bars of a day."""
    length = timeframe_ns(bars.timeframe)
    if length >= DAY_NS:
        return np.zeros(len(bars), np.int64)
    return np.maximum(bars.ts_open // length - (bars.sessions.open_ns // length)[bars.session], 0)


class SlotVolume(Feature):
    """Volume of the bar over its usual volume at this time of the session; NaN where volume is unknown, the past too short or its median zero."""

    room, title = "volume and spread", "volume against the time of day"
    columns = {"rvol_tod": Column("volume over the median volume of the same bar in the sessions before", "ratio")}
    formula = "V[t] / median(V of the same slot in the previous D sessions that have bars), at least 5 of them"
    source = "common practice; slots count from the session's open, so that daylight saving and early closes move none of them"

    sessions: int = Field(20, ge=1, le=250, description="sessions looked back on, the current one left out")
    at_least: int = Field(5, ge=1, le=250, description="fewest of them that must have a bar of known volume in the slot")

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.at_least > self.sessions:
            raise ValueError(f"at_least {self.at_least} is more than the {self.sessions} sessions looked back on")
        return self

    def warmup_bars(self) -> int:
        return self.warmup_on(1)

    def warmup_on(self, bars_a_session: int) -> int:
        return self.at_least * bars_a_session

    def compute(self, known: Known) -> Columns:
        bars = known.bars
        slots = session_slots(bars)
        return {"rvol_tod": slot_relative(bars.volume, bars.session, slots, int(slots.max(initial=0)) + 1, self.sessions, self.at_least)}


class Imbalance(Feature):
    """Whether volume went with buyers or with sellers, guessed from bars: -1 all sold, 1 all bought; NaN where nothing was traded in the window."""

    room, title = "volume and spread", "bought against sold volume"
    columns = {
        "cmf": Column("Chaikin's money flow: place of the close in its bar, weighted by volume", "ratio"),
        "bulk_imbalance": Column("bought less sold volume, each bar split by how large its move is for the window, over all volume", "ratio"),
    }
    formula = ("cmf: sum(V ((C-L) - (H-C)) / (H-L)) / sum(V), 0 for a bar without range; bulk: sum(V (2 Phi(dC / s) - 1)) / sum(V), "
               "s the sample deviation of the window's dC, 0 where s is 0")
    source = "Chaikin's money flow; Easley, Lopez de Prado and O'Hara (2012), Review of Financial Studies 25"

    period: int = Field(20, ge=2, le=500, description="bars in the window")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        _, high, low, close = known.prices()
        volume = known.bars.volume
        return {"cmf": money_flow(high, low, close, volume, self.period), "bulk_imbalance": bulk_imbalance(close, volume, self.period)}
