"""TCEA-SPMF: the first rhythmic pullback from an impulse leg, with a fair value gap of minutes that shows who bought it.

Long side: in a trend of some conviction a leg up that broke structure is followed by a calm pullback of a few bars; minutes leave a gap up behind and a close
passes the last highs of the pullback: buy that close, stop below the pullback.  Legs and pullbacks are those of the feature `impulse`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import GRADES, Setups, grades
from pse.features.impulse import Impulse, ImpulseBounds
from pse.features.micro_gaps import MicroGaps
from pse.features.objects import object_ids
from pse.kernels.codes import FAM_PULLBACK_MICRO_FVG, TCC_MEDIUM
from pse.kernels.contract import ALONE, INVALID_CLOSE, INVALID_MCS, INVALID_OPPOSITE_MSS, INVALID_TARGET_SEEN, INVALID_TCC_LOW, LIMIT
from pse.kernels.minute_gaps import standing_gaps
from pse.kernels.rows import EPS
from pse.kernels.targets import CONTEXT, GRADE, NO_MICRO_FVG, OK
from pse.tactics.finds import finds_at, priced
from pse.tactics.minutes import Grading, Minutes, graded, grading_facts, minute_ids, minutes_of, nothing, objects_of, spread
from pse.tactics.rules import GRADE_SIZE, PRECEDENCE, StopRules, TargetRules
from pse.tactics.scan import FeatureView

A_PLUS = GRADES.index("A+")
BEST_DEPTH, DEPTH_SPAN = 0.382, 0.236            # the favoured retracement, and how far from it nothing is left of the favour
BEST_MQS = 0.85                                  # where grade A+ begins


class PullbackMicroFvg(Frozen):
    """A pullback from an impulse leg that ends with a fair value gap of minutes."""

    name: ClassVar[str] = "pullback_micro_fvg"
    label: ClassVar[str] = "TCEA-SPMF"
    version: ClassVar[str] = "3"

    mqs_min: float = Field(0.55, ge=0.55, le=1, description="least score of the last break of structure inside the leg; 0.55 is where grade B begins")
    min_micro_gaps: int = Field(1, ge=1, le=20, description="gaps of minutes that must have formed in the pullback and stand unfilled")
    base_share: float = Field(0.75, ge=0, le=1, description="share of the grade's size that every setup gets; the rest grows with depth and score")
    min_bars_between: int = Field(5, ge=1, le=200, description="bars between two setups of one direction")
    valid_minutes: int = Field(10, ge=1, le=240, description="how long the limit order lives")
    rank_base: float = Field(0.6, ge=0, le=1, description="base score in the ranking against other tactics")
    rank_bonus: float = Field(0.10, ge=0, le=1, description="added to the rank of grade A+")
    impulse: ImpulseBounds = ImpulseBounds()
    stop: StopRules = StopRules()
    target: TargetRules = TargetRules()

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """It reads one-minute bars."""
        return ("1m",)

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        minutes = minutes_of(features, instrument)
        if minutes is None:
            return nothing()
        feature = Impulse(**dict(self.impulse), structure=features.spec.structure, gaps=features.spec.gaps)
        pullbacks, legs = (features.known.objects(feature)[name] for name in ("pullbacks", "legs"))
        legs = legs[pullbacks["leg"]]
        t, d, columns = pullbacks["t"], pullbacks["dir"], features.columns
        count, formed = self._micro_gaps(minutes, instrument, legs["e"], t, d)
        grading = graded(features.breaks, d, legs["s"], legs["e"], t)
        code = np.full(t.size, OK)
        code[~(grading.score >= self.mqs_min - EPS)] = GRADE
        code[count < self.min_micro_gaps] = NO_MICRO_FVG
        code[(columns["tcc"][t] < TCC_MEDIUM) | (columns["tcc_dir"][t] != d)] = CONTEXT
        buffer = self.stop.buffer(columns["atr"][t], instrument.tick)
        found = priced(features, instrument, finds_at(features, t, d, code, pullbacks["extreme"], buffer), self.stop, self.target, self.min_bars_between)
        grade = grades(grading.score)
        return found.setups({
            "order_type": LIMIT, "quality": grading.score, "confidence": grading.score, "grade": grade,
            "size_multiple": self.sizes(grade, pullbacks["depth"], grading.score), "rank_base": self.rank_base,
            "rank_bonus": np.where(grade == A_PLUS, self.rank_bonus, 0.0), "precedence": PRECEDENCE.index(self.name), "group": ALONE,
            "event_bar": features.decision.ts_close[grading.bar], "valid_until": features.decision.ts_close[t] + self.valid_minutes * MINUTE_NS,
            "invalid_price": pullbacks["extreme"] + features.decision.offset[t],
            "invalid_flags": INVALID_OPPOSITE_MSS | INVALID_CLOSE | INVALID_TARGET_SEEN | INVALID_MCS | INVALID_TCC_LOW,
            "trail_buffer": buffer, "family": FAM_PULLBACK_MICRO_FVG,
        }, lambda: self._facts(features, minutes, pullbacks, legs, count, formed, grading))

    def sizes(self, grade: np.ndarray, depth: np.ndarray, mqs: np.ndarray) -> np.ndarray:
        """Size in R, float64[k]: most of the grade's size, and the rest the more the nearer the depth is to 0.382 and the better the score; 0 without one."""
        depth_quality = np.clip(1 - np.abs(depth - BEST_DEPTH) / DEPTH_SPAN, 0, 1)
        mqs_quality = np.clip((np.nan_to_num(mqs) - 0.55) / (BEST_MQS - 0.55), 0, 1)
        return GRADE_SIZE[grade] * (self.base_share + (1 - self.base_share) * depth_quality * mqs_quality)

    @staticmethod
    def _micro_gaps(minutes: Minutes, instrument: Instrument, e: np.ndarray, t: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many gaps of minutes of each direction formed after the close of bar e stand at that of bar t, and the minute at which the newest formed."""
        fine, bounds = minutes.known, MicroGaps().gaps
        return standing_gaps(fine.bars.open, fine.price("high"), fine.price("low"), fine.bars.close, fine.atr, fine.bars.session, minutes.last[e] + 1,
                             minutes.last[t], d, instrument.tick, bounds.min_ticks, bounds.min_atr, bounds.max_atr, minutes.one_session)

    @staticmethod
    def _facts(features: FeatureView, minutes: Minutes, pullbacks: np.ndarray, legs: np.ndarray, count: np.ndarray, formed: np.ndarray,
               grading: Grading) -> dict[str, list[Any]]:
        offset, rests_on = features.decision.offset[pullbacks["t"]], grading_facts(features, grading, pullbacks["t"])
        leg, there = object_ids("legs", legs, features.decision), np.flatnonzero(formed >= 0)
        micro = spread(formed.size, there, minute_ids(minutes, "fvg", pullbacks["dir"][there], formed[there] - 1))
        prices = {name: (column + offset).tolist() for name, column in (
            ("leg_start", legs["start"]), ("leg_end", legs["end"]), ("pullback_line", pullbacks["line"]), ("pullback_extreme", pullbacks["extreme"]))}
        return {"objects": objects_of(rests_on["break"], leg, micro), **rests_on, "leg": leg, "leg_atr": legs["length_atr"].tolist(),
                "leg_er": legs["er"].tolist(), "leg_bars": (legs["e"] - legs["s"]).tolist(), **prices, "pullback_bars": pullbacks["bars"].tolist(),
                "pullback_depth": pullbacks["depth"].tolist(), "pullback_mono": pullbacks["mono"].tolist(),
                "pullback_range_points": pullbacks["max_range"].tolist(), "micro_fvgs": count.tolist(), "micro_fvg": micro}
