"""TCEA-FVG-MR: a fair value gap that price came near, left again without trading its middle, and now leaves a second time out of a pullback of minutes.

Long side: beside a break of structure up a gap forms, price comes near it and rises by more than its width: the retest was missed.  The next pullback is
seen on one-minute bars; when they close above its last highs, buy the close, stop below the pullback.  The order lives as long as the gap's middle is
untraded and the trend keeps its conviction.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import GRADES, Setups, grades
from pse.kernels.codes import FAM_MISSED_FVG_REVERSION, TCC_LOW
from pse.kernels.contract import (
    INVALID_MCS,
    INVALID_OPPOSITE_MSS,
    INVALID_TARGET_SEEN,
    INVALID_TCC_LOWER,
    INVALID_TOUCH,
    LEAVES_ON_TCC_LOWER,
    LIMIT,
    NEVER,
)
from pse.kernels.missed_gaps import MISSED_RULES_DTYPE, missed_gaps
from pse.kernels.rows import EPS
from pse.kernels.targets import CONTEXT, GRADE
from pse.tactics.finds import finds_at, gap_ids, priced
from pse.tactics.minutes import Grading, Minutes, graded, grading_facts, minute_ids, minutes_of, nothing, objects_of
from pse.tactics.rules import PRECEDENCE, StopRules, TargetRules
from pse.tactics.scan import FeatureView

A_PLUS = GRADES.index("A+")


class MissedFvgReversion(Frozen):
    """A fair value gap that was missed by a little, entered on the pullback after the reaction from it."""

    name: ClassVar[str] = "missed_fvg_reversion"
    label: ClassVar[str] = "TCEA-FVG-MR"
    version: ClassVar[str] = "1"

    mqs_min: float = Field(0.55, ge=0.55, le=1, description="least score of the break of structure beside the gap; 0.55 is where grade B begins")
    break_before_bars: int = Field(5, ge=0, le=50, description="bars before the gap within which that break may stand")
    break_after_bars: int = Field(2, ge=0, le=20, description="bars after the gap within which it may stand")
    max_age_bars: int = Field(20, ge=2, le=200, description="bars after the gap within which the setup counts; never longer than the gap itself lives")
    near_atr: float = Field(0.25, ge=0, le=5, description="how near to the gap is a touch, in ATR of the bar before")
    react_min: float = Field(1.0, ge=0.1, le=10, description="least reaction, in widths of the gap and the stop buffer")
    react_window_bars: int = Field(12, ge=1, le=200, description="bars after the touch within which the reaction must have come")
    swing_minutes: int = Field(2, ge=1, le=20, description="minutes on each side of the swing that ends the pullback")
    line_minutes: int = Field(3, ge=1, le=60, description="minutes up to that swing whose highs a close must pass (lows, for a short)")
    min_depth: float = Field(0.20, ge=0, le=1, description="least share of the reaction that the pullback gives back")
    max_depth: float = Field(0.618, ge=0, le=1, description="largest share of the reaction that it gives back")
    size_r: float = Field(0.75, gt=0, le=1.25, description="size in R")
    large_size_r: float = Field(1.0, gt=0, le=1.25, description="size in R after a large reaction and with grade A+")
    large_reaction: float = Field(1.5, ge=0.1, le=20, description="reaction from which it is large")
    min_bars_between: int = Field(5, ge=1, le=200, description="bars between two setups of one direction")
    valid_minutes: int = Field(5, ge=1, le=240, description="how long the limit order lives")
    rank_base: float = Field(0.5, ge=0, le=1, description="base score in the ranking against other tactics")
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
        missed, grading = self._missed(features, minutes, instrument)
        t, d, gap, columns = missed["t"], missed["dir"], missed["gap"], features.columns
        grade = grades(grading.score)
        buffer = self.stop.buffer(columns["atr"][t], instrument.tick)
        code = missed["code"].copy()
        code[~(grading.score >= self.mqs_min - EPS)] = GRADE
        code[(columns["tcc"][t] < TCC_LOW) | (columns["tcc_dir"][t] != d)] = CONTEXT
        found = priced(features, instrument, finds_at(features, t, d, code, missed["pullback"], buffer), self.stop, self.target, self.min_bars_between)
        return found.setups({
            "order_type": LIMIT, "quality": grading.score, "confidence": grading.score, "grade": grade,
            "size_multiple": self.sizes(missed["reaction"], grade), "rank_base": self.rank_base, "precedence": PRECEDENCE.index(self.name),
            "group": gap, "event_bar": features.decision.ts_close[grading.bar],
            "valid_until": features.decision.ts_close[t] + self.valid_minutes * MINUTE_NS, "invalid_price": missed["middle"] + features.decision.offset[t],
            "invalid_flags": INVALID_OPPOSITE_MSS | INVALID_TARGET_SEEN | INVALID_MCS | INVALID_TOUCH | INVALID_TCC_LOWER,
            "plan_flags": LEAVES_ON_TCC_LOWER, "trail_buffer": buffer, "family": FAM_MISSED_FVG_REVERSION,
        }, lambda: self._facts(features, minutes, missed, grading))

    def sizes(self, reaction: np.ndarray, grade: np.ndarray) -> np.ndarray:
        """Size in R, float64[k], by the reaction and the grade's code."""
        return np.where((reaction >= self.large_reaction - EPS) & (grade == A_PLUS), self.large_size_r, self.size_r)

    def _missed(self, features: FeatureView, minutes: Minutes, instrument: Instrument) -> tuple[np.ndarray, Grading]:
        """Every breakout from the pullback of a missed gap beside a break of structure, by bar; inside a bar the best score first, then the earlier gap."""
        known, fine, columns = features.known, minutes.known, features.columns
        found = missed_gaps(known.price("high"), known.price("low"), columns["atr"], columns["atr_before"], features.gaps, fine.price("high"),
                            fine.price("low"), fine.price("close"), fine.bars.session, minutes.last, self._rules(minutes, instrument))
        formed = features.gaps["formed_at"][found["gap"]]
        grading = graded(features.breaks, found["dir"], formed - self.break_before_bars, np.minimum(formed + self.break_after_bars, found["t"]), found["t"])
        beside = np.flatnonzero(grading.row >= 0)
        order = beside[np.lexsort((found["gap"][beside], -grading.score[beside], found["t"][beside]))]
        return found[order], grading.taken(order)

    def _rules(self, minutes: Minutes, instrument: Instrument) -> Any:
        rules = np.zeros(1, MISSED_RULES_DTYPE)
        for name, value in (("max_age", self.max_age_bars), ("near_atr", self.near_atr), ("react_min", self.react_min),
                            ("react_window", self.react_window_bars), ("tick", instrument.tick), ("buffer_ticks", self.stop.buffer_ticks),
                            ("buffer_atr", self.stop.buffer_atr), ("side", self.swing_minutes), ("line_minutes", self.line_minutes),
                            ("fresh_minutes", minutes.a_bar), ("min_depth", self.min_depth), ("max_depth", self.max_depth),
                            ("one_session", minutes.one_session)):
            rules[name] = value
        return rules[0]

    @staticmethod
    def _facts(features: FeatureView, minutes: Minutes, missed: np.ndarray, grading: Grading) -> dict[str, list[Any]]:
        bars, fine, offset = features.decision, minutes.known.bars, features.decision.offset[missed["t"]]
        fvgs, swing = gap_ids(features, missed["gap"]), minute_ids(minutes, "swing", -missed["dir"], missed["pivot"])
        rests_on = grading_facts(features, grading, missed["t"])
        gaps = features.gaps[missed["gap"]]
        zone = zip((gaps["bottom"] + offset).tolist(), (gaps["top"] + offset).tolist(), strict=True)
        reacted = missed["reacted_at"]
        when = [None if bar == NEVER else int(bars.ts_close[bar]) for bar in reacted.tolist()]
        prices = {name: (missed[column] + offset).tolist() for name, column in (
            ("reaction_from", "ref"), ("reaction_to", "extreme"), ("pullback_extreme", "pullback"), ("pullback_line", "line"))}
        return {"objects": objects_of(rests_on["break"], fvgs, swing), **rests_on, "fvg": fvgs, "gap": [list(pair) for pair in zone],
                "touched_ts": bars.ts_close[missed["touched_at"]].tolist(), "reacted_ts": when, "reaction": missed["reaction"].tolist(),
                "reaction_unit_points": missed["unit"].tolist(), **prices, "pullback_swing": swing, "pullback_depth": missed["depth"].tolist(),
                "breakout_ts": fine.ts_close[missed["broke_at"]].tolist()}
