"""DAS 2.1: a market structure shift, the fair value gap beside it, and the first retests of the gap's near part.

Long side: after a shift up with a good score price comes back to the gap, trades at most most of it, and closes back above the point of interest:
buy that close, stop below the gap; not against a trend of high conviction.  The market condition and the account refuse later, at the gates.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import Setups, grades
from pse.kernels.codes import FAM_MSS_FVG_RETEST
from pse.kernels.contract import (
    BLOCK_DTYPE,
    ENTER,
    INVALID_CLOSE,
    INVALID_MCS,
    INVALID_OPPOSITE_MSS,
    INVALID_TARGET_SEEN,
    INVALID_TCC_AGAINST,
    LIMIT,
    SETUP_DTYPE,
)
from pse.kernels.retests import FIND_DTYPE, RULES_DTYPE, TAG_DTYPE, block_rows, price_retests, tag_retests
from pse.kernels.targets import OK
from pse.tactics.evidence import Journalist
from pse.tactics.levels import TargetLevels, target_levels
from pse.tactics.rules import GRADE_SIZE, PRECEDENCE, StopRules, TargetRules
from pse.tactics.scan import FeatureView, Scan


class MssFvgRetest(Frozen):
    """Market structure shift and fair value gap, retest of the point of interest."""

    name: ClassVar[str] = "mss_fvg_retest"
    label: ClassVar[str] = "DAS 2.1"
    version: ClassVar[str] = "1"

    mqs_min: float = Field(0.55, ge=0.55, le=1, description="least score of the shift; 0.55 is where grade B begins")
    pair_window: int = Field(2, ge=0, le=20, description="bars between the shift and the gap, either way")
    max_age: int = Field(20, ge=1, le=200, description="bars after the gap within which a retest counts")
    inverse_gaps: bool = Field(False, description="whether a gap that was closed through serves as one of the other direction")
    tol_fraction: float = Field(0.002, ge=0, description="how near to the point of interest is a tag, as a share of price")
    tol_atr: float = Field(0.10, ge=0, description="the same in ATR; the smaller counts")
    max_fill: float = Field(0.85, gt=0, description="deepest share of the gap that may have traded")
    min_overlap: float = Field(0.25, ge=0, le=1, description="share of the gap that the order block must overlap to be the point of interest")
    max_episodes: int = Field(2, ge=1, description="runs of tagging bars that may trigger")
    min_bars_between: int = Field(5, ge=1, description="bars between two setups of one direction")
    valid_minutes: int = Field(10, ge=1, description="how long the limit order lives")
    rank_base: float = Field(0.8, ge=0, le=1, description="base score in the ranking against other tactics")
    stop: StopRules = StopRules()
    target: TargetRules = TargetRules()

    def scan(self, features: FeatureView, instrument: Instrument) -> Scan:
        """All setups and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        decision = features.decision
        atr, offset = features.columns["atr"], np.ascontiguousarray(decision.offset)
        rules = self._rules(instrument)
        tags = self._tags(features, atr, rules)
        levels = target_levels(features, self.target.gap_edge_priority, self.inverse_gaps)
        finds = np.zeros(tags.size, FIND_DTYPE)
        price_retests(tags, features.gaps, levels.rows, offset, decision.close, atr, features.columns["tcc"], features.columns["tcc_dir"], rules, finds)
        return self._report(features, tags, finds, levels)

    def _rules(self, instrument: Instrument) -> Any:
        """The parameters and the instrument's grid as the record that the kernels read."""
        own = self.model_dump(exclude={"stop", "target", "inverse_gaps", "valid_minutes", "rank_base"})
        stop, target = self.stop, self.target.model_dump(exclude={"max_atr", "gap_edge_priority"})
        rules = np.zeros(1, RULES_DTYPE)
        for name, value in {**own, **target}.items():
            rules[name] = value
        rules["tick"], rules["inverse"], rules["target_max_atr"] = instrument.tick, self.inverse_gaps, self.target.max_atr
        rules["cap_points"] = np.nan if instrument.stop_cap_points is None else instrument.stop_cap_points
        rules["buffer_ticks"], rules["buffer_atr"] = stop.buffer_ticks, stop.buffer_atr
        rules["min_stop_ticks"], rules["min_stop_atr"], rules["cap_atr"] = stop.min_ticks, stop.min_atr, stop.cap_atr
        return rules[0]

    @staticmethod
    def _tags(features: FeatureView, atr: np.ndarray, rules: Any) -> np.ndarray:
        """Every tag that meets the conditions of its pair, by bar; inside a bar the best score first, then the earlier shift, then the earlier gap."""
        bars, breaks = features.decision, features.breaks
        blocks = features.blocks if features.blocks.size else np.zeros(1, BLOCK_DTYPE)
        inputs = (bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), bars.close, atr, breaks, features.gaps, blocks,
                  block_rows(breaks.size, features.blocks), rules)
        tags = np.zeros(tag_retests(*inputs, np.zeros(0, TAG_DTYPE)), TAG_DTYPE)
        if tags.size:
            tag_retests(*inputs, tags)
        return tags[np.lexsort((tags["gap"], tags["shift"], -tags["mqs"], tags["t"]))]

    def _report(self, features: FeatureView, tags: np.ndarray, finds: np.ndarray, levels: TargetLevels) -> Scan:
        """Finds as setups and refusals, each with its evidence."""
        good = finds["code"] == OK
        journalist = Journalist(features, levels)
        evidence = tuple(journalist.evidence(tags[good], finds[good]))
        return Scan(Setups(self._rows(features, tags[good], finds[good]), evidence), tuple(journalist.refusals(tags[~good], finds[~good])))

    def _rows(self, features: FeatureView, tags: np.ndarray, finds: np.ndarray) -> np.ndarray:
        """The setups of accepted finds, SETUP_DTYPE."""
        bars, gaps = features.decision, features.gaps
        t, direction = tags["t"], tags["dir"]
        rows = np.zeros(tags.size, SETUP_DTYPE)
        rows["ts"], rows["kind"], rows["direction"], rows["order_type"] = bars.ts_close[t], ENTER, direction, LIMIT
        for name in ("entry", "stop", "target", "target2"):
            rows[name] = finds[name]
        rows["quality"] = rows["confidence"] = tags["mqs"]
        rows["grade"] = grades(tags["mqs"])
        rows["size_multiple"] = GRADE_SIZE[rows["grade"]]
        rows["rank_base"], rows["precedence"] = self.rank_base, PRECEDENCE.index(self.name)
        rows["event_bar"] = bars.ts_close[features.breaks["t"][tags["shift"]]]
        rows["group"] = tags["gap"]
        rows["valid_until"] = rows["ts"] + self.valid_minutes * MINUTE_NS
        far = np.where(direction > 0, gaps["bottom"][tags["gap"]], gaps["top"][tags["gap"]])
        rows["invalid_price"] = far + bars.offset[t]
        rows["invalid_flags"] = INVALID_OPPOSITE_MSS | INVALID_CLOSE | INVALID_TARGET_SEEN | INVALID_TCC_AGAINST | INVALID_MCS
        rows["trail_buffer"] = finds["buffer"]
        rows["evidence"], rows["family"] = np.arange(tags.size), FAM_MSS_FVG_RETEST
        return rows
