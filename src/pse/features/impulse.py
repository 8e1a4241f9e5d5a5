"""Moves: displacement and thrust bars, impulse legs and the rhythmic pullbacks that follow them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.market_structure import MarketStructure, keeps_to_sessions
from pse.features.volume import RelativeVolume
from pse.kernels.impulse import LEG_RULES_DTYPE, legs_of, pullbacks_of
from pse.kernels.structure import displacement_bars, thrust_bars


class Displacement(Feature):
    """Displacement bars: wide against the range before, full of body, closing near their end."""

    room, title = "structure", "displacement bars"
    columns = {"disp_dir": Column("direction of the displacement bar that this bar is", "direction", sparse=True)}
    formula = "body with the direction, body >= 0.60 range, range >= 1.2 ATR of the bar before, close in the last 0.30 of the range (bounds of the structure)"
    source = "the usual price-action vocabulary (Smart Money Concepts)"

    structure: MarketStructure = MarketStructure()

    def compute(self, known: Known) -> Columns:
        bounds = self.structure
        return {"disp_dir": displacement_bars(*known.prices(), known.atr_before, bounds.disp_range_atr, bounds.disp_body, bounds.disp_close)}


class Thrust(Feature):
    """Thrust bars: displacement bars of the larger kind, on volume."""

    room, title = "structure", "thrust bars"
    columns = {
        "thrust_dir": Column("direction of the thrust bar that this bar is", "direction", sparse=True),
        "thrust_no_volume": Column("whether it counts as one because its relative volume is unknown", "flag", sparse=True),
    }
    formula = "a displacement bar of range >= 1.5 ATR, body >= 0.60 range, close in the last 0.25, relative volume >= 1.5 (unknown passes)"
    source = "own definition, after the wide-range bars of momentum traders"

    range_atr: float = Field(1.5, gt=0, le=20, description="range, in ATR of the bar before")
    body: float = Field(0.60, gt=0, le=1, description="body, share of the range")
    close: float = Field(0.75, gt=0, le=1, description="close, share of the range from the far end")
    min_rvol: float = Field(1.5, ge=0, le=50, description="relative volume")
    volume: RelativeVolume = RelativeVolume()

    def compute(self, known: Known) -> Columns:
        displaced = displacement_bars(*known.prices(), known.atr_before, self.range_atr, self.body, self.close)
        direction, unmeasured = thrust_bars(displaced, known.of(self.volume)["rvol"], self.min_rvol)
        return {"thrust_dir": direction, "thrust_no_volume": unmeasured}


class ImpulseBounds(Frozen):
    """What makes a leg valid, and what a pullback from it rhythmic."""

    max_bars: int = Field(20, ge=2, le=500, description="bars back to the end of a leg, and from its end back to its start")
    min_bars: int = Field(2, ge=1, le=500, description="fewest bars from start to end")
    min_atr: float = Field(3.0, gt=0, le=50, description="shortest leg, in ATR of its last bar")
    min_er: float = Field(0.40, ge=0, le=1, description="least efficiency of its closes")
    min_pullback: int = Field(2, ge=1, le=100, description="fewest bars of a pullback")
    max_pullback: int = Field(10, ge=1, le=100, description="most bars of a pullback")
    min_depth: float = Field(0.25, ge=0, le=1, description="least share of the leg given back")
    max_depth: float = Field(0.618, ge=0, le=2, description="largest share of the leg given back")
    min_mono: float = Field(0.60, ge=0, le=1, description="least share of pullback bars without a higher high")
    max_range_atr: float = Field(1.5, gt=0, le=20, description="widest bar of a pullback, in ATR of the trigger bar")
    break_bars: int = Field(2, ge=1, le=100, description="last bars of the pullback whose highs the close must pass")


class Impulse(ImpulseBounds, Feature):
    """The impulse leg that stands on each bar, and the bars on which a close breaks out of a rhythmic pullback from it.

    Events: `legs`, all valid ones of both directions, and `pullbacks`, each with the leg that it belongs to.
    """

    room, title = "structure", "impulse legs and pullbacks"
    columns = {
        "impulse_dir": Column("direction of the valid leg; of two the one with the later end, then the longer", "direction", sparse=True, holds="while"),
        "impulse_start": Column("the extreme it began at", "price", sparse=True, holds="while"),
        "impulse_end": Column("the extreme it reached", "price", sparse=True, holds="while"),
        "impulse_atr": Column("its length, in ATR of its last bar", "ATR", sparse=True, holds="while"),
        "impulse_er": Column("net move of its closes over the way they went", "fraction", sparse=True, holds="while"),
        "impulse_bars": Column("bars from its start to its end", "bars", sparse=True, holds="while"),
        "impulse_age": Column("bars since its end", "bars", sparse=True, holds="while"),
        "pullback_dir": Column("direction of the leg whose pullback this close breaks out of", "direction", sparse=True),
        "pullback_bars": Column("bars of the pullback, this one left out", "bars", sparse=True),
        "pullback_depth": Column("share of the leg that it gave back", "fraction", sparse=True),
        "pullback_mono": Column("share of its bars with no higher high than the bar before (no lower low for a short)", "fraction", sparse=True),
        "pullback_range": Column("widest of its bars", "points", sparse=True),
        "pullback_line": Column("the price that this close passed", "price", sparse=True),
        "pullback_extreme": Column("the deepest price of the pullback", "price", sparse=True),
    }
    formula = ("leg up: e the first bar of the highest high of 20 bars, s the last bar of the lowest low of the 20 before e; e - s >= 2, length >= 3 ATR, "
               "efficiency of its closes >= 0.40, a displacement bar or valid gap inside; pullback: 2 to 10 bars, depth 0.25 to 0.618, 60 % of the bars "
               "without a higher high, none wider than 1.5 ATR, none a displacement against the leg; trigger: C above the highs of its last 2 bars")
    source = "own definition, after the measured move and the first pullback of trend traders; efficiency after Kaufman (1995)"

    one_session: bool = Field(False, description="whether a leg within the day must lie in one session; taken from the instrument (shares)")
    structure: MarketStructure = MarketStructure()
    gaps: FairValueGaps = FairValueGaps()

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"one_session": not instrument.across_sessions})

    def rules(self) -> Any:
        """The bounds as the record that the kernels read."""
        record = np.zeros(1, LEG_RULES_DTYPE)
        for name in LEG_RULES_DTYPE.names or ():
            record[name] = getattr(self.structure if name.startswith("disp_") else self, name)
        return record[0]

    def _found(self, known: Known) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Legs, the row of the one that stands at each bar, and triggers, by direction; found once."""
        bound = self.of(known.instrument)
        return known.once(("impulse", bound), lambda: {d: bound._find(known, d) for d in (1, -1)})  # type: ignore[no-any-return]

    def _find(self, known: Known, direction: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        prices, rules = known.prices(), self.rules()
        legs, standing = legs_of(*prices, known.atr, known.atr_before, known.bars.session, known.objects(self.gaps)["gaps"], direction, rules,
                                 keeps_to_sessions(self.one_session, known))
        return legs, standing, pullbacks_of(*prices, known.atr, known.atr_before, legs, standing, rules)

    def legs(self, known: Known) -> tuple[np.ndarray, np.ndarray]:
        """The valid legs up and those down, rows of LEG_DTYPE in order of known_at."""
        found = self._found(known)
        return found[1][0], found[-1][0]

    def objects(self, known: Known) -> Objects:
        """`legs` (LEG_DTYPE) and `pullbacks` (PULLBACK_DTYPE, `leg` a row of `legs`), of both directions in order of the bar that makes them known."""
        (up, _, up_triggers), (down, _, down_triggers) = (self._found(known)[d] for d in (1, -1))
        legs = np.concatenate([up, down])
        order = np.argsort(legs["known_at"], kind="stable")
        place = np.argsort(order)
        triggers = np.concatenate([up_triggers, down_triggers])
        triggers["leg"] = place[triggers["leg"] + np.where(triggers["dir"] > 0, 0, up.size)]
        return {"legs": legs[order], "pullbacks": triggers[np.argsort(triggers["t"], kind="stable")]}

    def compute(self, known: Known) -> Columns:
        n, offset, found = len(known), known.bars.offset, self._found(known)
        legs = np.concatenate([found[1][0], found[-1][0]])
        up, down = found[1][1], np.where(found[-1][1] < 0, -1, found[-1][1] + found[1][0].size)
        row = _one_of_two(legs, up, down)
        here, leg = row >= 0, legs[row[row >= 0]]
        made: Columns = {name: np.full(n, np.nan) for name in self.columns}
        made["impulse_dir"], made["pullback_dir"] = np.zeros(n, np.int64), np.zeros(n, np.int64)
        made["impulse_dir"][here] = leg["dir"]
        made["impulse_start"][here], made["impulse_end"][here] = leg["start"] + offset[here], leg["end"] + offset[here]
        made["impulse_atr"][here], made["impulse_er"][here], made["impulse_bars"][here] = leg["length_atr"], leg["er"], leg["e"] - leg["s"]
        made["impulse_age"][here] = np.flatnonzero(here) - leg["e"]
        rows = known.objects(self)["pullbacks"]
        t = rows["t"]
        for column, field, shift in (("pullback_dir", "dir", None), ("pullback_bars", "bars", None), ("pullback_depth", "depth", None),
                                     ("pullback_mono", "mono", None), ("pullback_range", "max_range", None), ("pullback_line", "line", offset),
                                     ("pullback_extreme", "extreme", offset)):
            made[column][t] = rows[field] if shift is None else rows[field] + shift[t]
        return made


def _one_of_two(legs: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Row of the leg to tell where one of each direction stands: the later end, then the longer; rows int64[n], -1 none."""
    row = np.where(up >= 0, up, down)
    both = (up >= 0) & (down >= 0)
    a, b = legs[up[both]], legs[down[both]]
    row[both] = np.where((b["e"] > a["e"]) | ((b["e"] == a["e"]) & (b["length_atr"] > a["length_atr"])), down[both], up[both])
    return row
