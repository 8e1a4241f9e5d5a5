"""The quality of a break of structure: one score from seven parts."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.setups import GRADES, grades
from pse.features import Columns
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.feature import Column, Feature, Known, Objects, context_of
from pse.features.liquidity import Liquidity
from pse.features.market_structure import MarketStructure
from pse.features.volume import RelativeVolume
from pse.kernels.quality import score_breaks


class BreakQuality(Feature):
    """Quality score (MQS) of a break of structure, 0 to 1: how forceful, how clean, and in what company the break came.

    Each part is cut to 0..1: disp (body - 0.5) / 1.5 and close (beyond the swing) / 0.5 and level (height) / 2, all in ATR of the bar before; fvg 1 or 0; sweep
    its priority; volume its ratio - 1; htf 1, 0.5 or 0.  A gap beside the break may form one bar later: `mqs_revised` is then the score with the gap part
    alone changed, and the one that the retest tactic reads; `mqs` and its grade stay as they were.  Bars of the context that would be shorter than the rows
    tell no trend: it is unknown then.
    """

    room, title = "structure", "quality of a break (MQS)"
    columns = {
        "mqs": Column("score of the break on this bar", "score", sparse=True),
        "mqs_grade": Column("grade of that score", "state", GRADES, sparse=True),
        "mqs_revised": Column("score of the break one bar earlier, now that a gap beside it can be known", "score", sparse=True),
        "mqs_disp": Column("part: largest body of the displacement window against the range before (0.5 to 2 ATR)", "score", sparse=True),
        "mqs_close": Column("part: close beyond the broken swing (half an ATR is full)", "score", sparse=True),
        "mqs_fvg": Column("part: a valid fair value gap of the direction in the last three bars", "score", sparse=True),
        "mqs_sweep": Column("part: priority of the best sweep of the direction in the last 12 bars", "score", sparse=True),
        "mqs_volume": Column("part: relative volume above 1; 0.5 where volume is unknown", "score", sparse=True),
        "mqs_level": Column("part: how far the broken swing stands out (2 ATR is full)", "score", sparse=True),
        "mqs_htf": Column("part: trend of the coarser bars: with 1, flat or unknown 0.5, against 0", "score", sparse=True),
        "htf_trend": Column("structure trend of the last complete coarser bar", "direction", sparse=True, holds="on"),
    }
    formula = ".30 disp + .15 close + .15 fvg + .15 sweep + .10 volume + .10 level + .05 htf, each 0..1; A+ >= .85, A >= .70, B >= .55, else C"
    source = "own definition; weights are fixed, so that a score means the same on every desk"

    context_timeframe: str = Field("1h", pattern=r"^[1-9][0-9]{0,2}(s|m|h|d)$", description="bars of the trend that a break is held against")
    structure: MarketStructure = MarketStructure()
    gaps: FairValueGaps = FairValueGaps()
    liquidity: Liquidity = Liquidity()
    volume: RelativeVolume = RelativeVolume()

    def timeframes(self, of: str) -> tuple[str, ...]:
        return context_of(self.context_timeframe, of)

    def htf_trend(self, known: Known) -> np.ndarray:
        """Trend of the last complete coarser bar, float64[n]; NaN before the first, and where there are none."""
        trend = np.full(len(known), np.nan)
        for there in map(known.at, self.timeframes(known.timeframe)):
            trend = known.joined(self.structure.trend(there).astype(np.float64), there)
        return trend

    def objects(self, known: Known) -> Objects:
        """`breaks`: rows of BREAK_DTYPE with their scores."""
        breaks = known.objects(self.structure)["breaks"].copy()
        score_breaks(breaks, *known.prices(), known.atr_before, known.of(self.volume)["rvol"], self.htf_trend(known), known.objects(self.gaps)["gaps"],
                     known.objects(self.liquidity)["sweeps"], self.structure.disp_window)
        return {"breaks": breaks}

    def compute(self, known: Known) -> Columns:
        breaks, n = known.objects(self)["breaks"], len(known)
        made: Columns = {name: np.full(n, np.nan) for name in self.columns}
        for column, field in (("mqs", "mqs"), ("mqs_disp", "q_disp"), ("mqs_close", "q_close"), ("mqs_fvg", "q_fvg"), ("mqs_sweep", "q_sweep"),
                              ("mqs_volume", "q_vol"), ("mqs_level", "q_level"), ("mqs_htf", "q_htf")):
            made[column][breaks["t"]] = breaks[field]
        later = breaks[breaks["t"] + 1 < n]
        made["mqs_revised"][later["t"] + 1] = later["mqs_next"]
        made["mqs_grade"] = grades(made["mqs"])
        made["htf_trend"] = self.htf_trend(known)
        return made
