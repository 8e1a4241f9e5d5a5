"""Supply and demand zones: bases that price left in a hurry, and what becomes of them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pydantic import Field, field_validator

from pse.domain.bars import timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.market_structure import MarketStructure
from pse.features.trend import Ema
from pse.kernels.codes import ZONE_PATTERNS
from pse.kernels.contract import NEVER
from pse.kernels.zones import POINTS, ZONE_RULES_DTYPE, ZoneBars, find_zones

SIDES = ("demand", "supply")


class Zones(Feature):
    """The supply or demand zone that is confirmed on each bar, and the nearest standing zone of each side with its score.

    Events: `zones`, each with its pattern, lines, score at confirmation and the bars of its first touch, staleness and end.
    """

    room, title = "gaps and levels", "supply and demand zones"
    columns = {
        "zone_dir": Column("direction of the zone that is confirmed on this bar: 1 demand, -1 supply", "direction", sparse=True),
        "zone_pattern": Column("how price came into its base and left it", "state", ZONE_PATTERNS, sparse=True),
        "zone_proximal": Column("its near line", "price", sparse=True),
        "zone_distal": Column("its far line", "price", sparse=True),
        "zone_score": Column("its score", "score", sparse=True),
        "zones_violated": Column("how many zones a close of this bar passes through", "count", sparse=True),
        "demand_proximal": Column("near line of the nearest standing demand zone", "price", sparse=True, holds="while"),
        "demand_distal": Column("its far line", "price", sparse=True, holds="while"),
        "demand_score": Column("its score at this close", "score", sparse=True, holds="while"),
        "supply_proximal": Column("near line of the nearest standing supply zone", "price", sparse=True, holds="while"),
        "supply_distal": Column("its far line", "price", sparse=True, holds="while"),
        "supply_score": Column("its score at this close", "score", sparse=True, holds="while"),
    }
    formula = ("strong bar: body > 0.50 range, range >= 0.75 ATR of the bar before; zone: 1 to 8 other bars between two strong ones, from the farthest body "
               "edge to the farthest wick; confirmed by a close of the next 3 bars that left by 1.5 heights and 1 ATR; score: nine points for strength of the "
               "leg-out, length of the base, touches, trend and reward per risk; ends with a close through it, by age, or under a better one")
    source = "common practice of supply and demand traders; points as on published score sheets"

    base_bars: int = Field(8, ge=1, le=50, description="most bars of a base")
    legout_bars: int = Field(3, ge=1, le=20, description="bars after the base within which price must have left, and that its strength is measured on")
    legout_heights: float = Field(1.5, ge=0, le=20, description="distance of that close from the proximal line, in heights of the zone")
    legout_atr: float = Field(1.0, ge=0, le=20, description="the same in ATR of the last base bar")
    min_height_ticks: float = Field(2.0, ge=1, le=1000, description="least height of a zone, in ticks")
    max_height_atr: float = Field(2.0, gt=0, le=20, description="largest height of a zone, in ATR of the last base bar")
    body: float = Field(0.50, ge=0, le=1, description="body that makes a bar strong, above this share of its range")
    range_atr: float = Field(0.75, gt=0, le=20, description="range that makes a bar strong, in ATR of the bar before")
    max_age_days: int = Field(250, ge=1, le=5000, description="bars after which a zone of daily bars expires")
    max_age_bars: int = Field(500, ge=1, le=5000, description="bars after which a zone within the day expires")
    overlap: float = Field(0.50, ge=0, le=1, description="two zones of a side that share more of the smaller height: the better one stays")
    stop_heights: float = Field(0.05, ge=0, le=5, description="stop beyond the distal line, in heights of the zone")
    stop_ticks: float = Field(1.0, ge=0, le=1000, description="the same in ticks; the larger counts")
    target_ticks: float = Field(1.0, ge=0, le=1000, description="ticks between the target and the opposing zone behind it")
    fast_bars: int = Field(20, ge=2, le=1000, description="bars of the fast mean of the trend that a score counts")
    slow_bars: int = Field(50, ge=2, le=5000, description="bars of the slow one")
    tick: float = Field(0.25, gt=0, le=1e6, description="price step, taken from the instrument")
    stop_cap_points: float = Field(0.0, ge=0, le=1e9, description="largest stop distance, 0 for none, taken from the instrument; with one the stop is checked")
    structure: MarketStructure = MarketStructure(internal=5)

    @field_validator("structure", mode="before")
    @classmethod
    def _of_zones(cls, given: Any) -> Any:
        """What is not written keeps the default of zones, not that of the structure."""
        return {"internal": 5, **given} if isinstance(given, dict) else given

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"tick": instrument.tick, "stop_cap_points": instrument.stop_cap_points or 0.0})

    def lag_bars(self) -> int:
        return self.base_bars + self.legout_bars - 1

    def rules(self, timeframe: str) -> Any:
        """The bounds as the record that the kernels read."""
        record = np.zeros(1, ZONE_RULES_DTYPE)
        for name in ZONE_RULES_DTYPE.names or ():
            if name not in ("max_age", "cap_points"):
                record[name] = getattr(self, name)
        record["max_age"] = self.max_age_days if timeframe_ns(timeframe) >= DAY_NS else self.max_age_bars
        record["cap_points"] = self.stop_cap_points or np.nan
        return record[0]

    def bars(self, known: Known) -> ZoneBars:
        """What the kernels read of the bars, the trend among them."""
        bound = self.of(known.instrument)
        return known.once(("zone_bars", bound), lambda: ZoneBars(  # type: ignore[no-any-return]
            *known.prices(), known.atr, known.atr_before, np.ascontiguousarray(known.bars.offset), bound._trend(known)))

    def _trend(self, known: Known) -> np.ndarray:
        """Side of the fast mean of closes on which the structure agrees, int64[n], 0 where they do not."""
        apart = known.of(Ema(period=self.fast_bars))["ema"] - known.of(Ema(period=self.slow_bars))["ema"]
        side = np.where(apart > 1e-9, 1, np.where(apart < -1e-9, -1, 0))
        return np.where(side == self.structure.trend(known), side, 0)

    def _found(self, known: Known) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The zones, and the nearest of each side at each close with its points; found once."""
        bound = self.of(known.instrument)
        return known.once(("zones", bound), lambda: find_zones(bound.bars(known), bound.rules(known.timeframe)))  # type: ignore[no-any-return]

    def objects(self, known: Known) -> Objects:
        """`zones`: rows of ZONE_DTYPE; one that was dropped under a better one is nested on the bar that confirms it."""
        return {"zones": self._found(known)[0]}

    def compute(self, known: Known) -> Columns:
        (zones, near, points), n, offset = self._found(known), len(known), known.bars.offset
        made: Columns = {name: np.full(n, np.nan) for name in self.columns}
        at = zones["confirmed_at"]
        for name in ("zone_dir", "zone_pattern"):
            made[name] = np.zeros(n, np.int64)
            made[name][at] = zones[name.removeprefix("zone_")]
        made["zone_proximal"][at], made["zone_distal"][at] = zones["proximal"] + offset[at], zones["distal"] + offset[at]
        made["zone_score"][at] = zones["score"]
        ends = zones["violated_at"]
        made["zones_violated"] = np.bincount(ends[ends < NEVER], minlength=n)
        for side, row, score in zip(SIDES, near, points, strict=True):
            t = np.flatnonzero(row >= 0)
            made[f"{side}_proximal"][t], made[f"{side}_distal"][t] = zones["proximal"][row[t]] + offset[t], zones["distal"][row[t]] + offset[t]
            made[f"{side}_score"][t] = score[t] / POINTS
        return made
