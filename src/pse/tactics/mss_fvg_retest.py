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
from pse.kernels.codes import FAM_MSS_FVG_RETEST, TCC_HIGH
from pse.kernels.contract import (
    BLOCK_DTYPE,
    INVALID_CLOSE,
    INVALID_MCS,
    INVALID_OPPOSITE_MSS,
    INVALID_TARGET_SEEN,
    INVALID_TCC_AGAINST,
    LIMIT,
)
from pse.kernels.retests import POI_KINDS, RETEST_DTYPE, TAG_DTYPE, block_rows, tag_retests
from pse.kernels.targets import CONTEXT, OK
from pse.tactics.finds import block_id, break_ids, finds_at, gap_ids, mqs_facts, priced, sweep_id
from pse.tactics.rules import GRADE_SIZE, PRECEDENCE, StopRules, TargetRules
from pse.tactics.scan import FeatureView


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

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """It reads the decision bars alone."""
        return ()

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        tags = self._tags(features)
        t, d, gaps = tags["t"], tags["dir"], features.gaps
        against = (features.columns["tcc"][t] == TCC_HIGH) & (features.columns["tcc_dir"][t] == -d)
        edge = np.where(d > 0, gaps["bottom"][tags["gap"]], gaps["top"][tags["gap"]])
        buffer = self.stop.buffer(features.columns["atr"][t], instrument.tick)
        finds = finds_at(features, t, d, np.where(against, CONTEXT, OK), edge, buffer)
        found = priced(features, instrument, finds, self.stop, self.target, self.min_bars_between, self.inverse_gaps)
        grade = grades(tags["mqs"])
        return found.setups({
            "order_type": LIMIT, "quality": tags["mqs"], "confidence": tags["mqs"], "grade": grade, "size_multiple": GRADE_SIZE[grade],
            "rank_base": self.rank_base, "precedence": PRECEDENCE.index(self.name), "group": tags["gap"],
            "event_bar": features.decision.ts_close[features.breaks["t"][tags["shift"]]],
            "valid_until": features.decision.ts_close[t] + self.valid_minutes * MINUTE_NS, "invalid_price": edge + features.decision.offset[t],
            "invalid_flags": INVALID_OPPOSITE_MSS | INVALID_CLOSE | INVALID_TARGET_SEEN | INVALID_TCC_AGAINST | INVALID_MCS,
            "trail_buffer": buffer, "family": FAM_MSS_FVG_RETEST,
        }, lambda: self._facts(features, tags))

    def _tags(self, features: FeatureView) -> np.ndarray:
        """Every tag that meets the conditions of its pair, by bar; inside a bar the best score first, then the earlier shift, then the earlier gap."""
        rules = np.zeros(1, RETEST_DTYPE)
        for name in RETEST_DTYPE.names or ():
            rules[name] = self.inverse_gaps if name == "inverse" else getattr(self, name)
        bars, breaks = features.decision, features.breaks
        blocks = features.blocks if features.blocks.size else np.zeros(1, BLOCK_DTYPE)
        inputs = (bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), bars.close, features.columns["atr"], breaks, features.gaps, blocks,
                  block_rows(breaks.size, features.blocks), rules[0])
        tags = np.zeros(tag_retests(*inputs, np.zeros(0, TAG_DTYPE)), TAG_DTYPE)
        if tags.size:
            tag_retests(*inputs, tags)
        return tags[np.lexsort((tags["gap"], tags["shift"], -tags["mqs"], tags["t"]))]

    @staticmethod
    def _facts(features: FeatureView, tags: np.ndarray) -> dict[str, list[Any]]:
        shifts, fvgs = break_ids(features, tags["shift"]), gap_ids(features, tags["gap"])
        offset = features.decision.offset[tags["t"]]
        lower, upper = np.minimum(tags["near"], tags["far"]) + offset, np.maximum(tags["near"], tags["far"]) + offset
        return {"objects": [list(pair) for pair in zip(shifts, fvgs, strict=True)], "mss": shifts, "fvg": fvgs,
                "order_block": [block_id(features, row) for row in tags["block"].tolist()],
                "sweep": [sweep_id(features, row) for row in features.breaks["sweep"][tags["shift"]].tolist()],
                "mqs": mqs_facts(features, tags["shift"], tags["mqs"]),
                "poi": [list(pair) for pair in zip(lower.tolist(), upper.tolist(), strict=True)],
                "poi_kind": [POI_KINDS[kind] for kind in tags["poi_kind"].tolist()],
                "fill": (tags["fill"] + 0.0).tolist(), "tol": tags["tol"].tolist(), "episode": tags["episode"].tolist()}
