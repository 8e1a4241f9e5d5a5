"""What the retests of a gap share: their parameters, the bars that tag the gap, and a tag as a setup.

A retest: after a market structure shift price comes back to the fair value gap beside it, trades at most most of it, and closes back beyond the far edge of
the point of interest.  Which retests are traded, at what size and behind which stop, is the tactics' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import Setups
from pse.kernels.codes import TCC_HIGH
from pse.kernels.contract import (
    BLOCK_DTYPE,
    INVALID_CLOSE,
    INVALID_MCS,
    INVALID_OPPOSITE_MSS,
    INVALID_TARGET_SEEN,
    INVALID_TCC_AGAINST,
    LIMIT,
)
from pse.kernels.retests import POI_KINDS, RETEST_DTYPE, tag_retests
from pse.kernels.targets import CONTEXT, OK
from pse.tactics.finds import block_ids, break_ids, finds_at, gap_ids, mqs_facts, priced
from pse.tactics.rules import PRECEDENCE, StopRules, TargetRules
from pse.tactics.scan import FeatureView


class Retest(Frozen):
    """A market structure shift, the fair value gap beside it, and the first retests of the gap's near part."""

    name: ClassVar[str]

    mqs_min: float = Field(0.55, ge=0.55, le=1, description="least score of the shift; 0.55 is where grade B begins")
    pair_window: int = Field(2, ge=0, le=20, description="bars between the shift and the gap, either way")
    max_age: int = Field(20, ge=1, le=200, description="bars after the gap within which a retest counts")
    inverse_gaps: bool = Field(False, description="whether a gap that was closed through serves as one of the other direction")
    tol_fraction: float = Field(0.002, ge=0, le=0.05, description="how near to the point of interest is a tag, as a share of price")
    tol_atr: float = Field(0.10, ge=0, le=5, description="the same in ATR; the smaller counts")
    max_fill: float = Field(0.85, gt=0, le=1, description="deepest share of the gap that may have traded")
    min_overlap: float = Field(0.25, ge=0, le=1, description="share of the gap that the order block must overlap to be the point of interest")
    max_episodes: int = Field(2, ge=1, le=20, description="runs of tagging bars that may trigger")
    min_bars_between: int = Field(5, ge=1, le=500, description="bars between two setups of one direction")
    valid_minutes: int = Field(10, ge=1, le=1440, description="how long the limit order lives")
    rank_base: float = Field(0.8, ge=0, le=1, description="base score in the ranking against other tactics")
    stop: StopRules = StopRules()
    target: TargetRules = TargetRules()

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """It reads the decision bars alone."""
        return ()

    def tags(self, features: FeatureView) -> np.ndarray:
        """Every tag that meets the conditions of its pair, by bar; inside a bar the best score first, then the earlier shift, then the earlier gap."""
        rules = np.zeros(1, RETEST_DTYPE)
        for name in RETEST_DTYPE.names or ():
            rules[name] = self.inverse_gaps if name == "inverse" else getattr(self, name)

        def find() -> np.ndarray:
            bars, breaks = features.decision, features.breaks
            blocks, block_row = features.blocks, np.full(breaks.size, -1)
            block_row[blocks["break_row"]] = np.arange(blocks.size)
            blocks = blocks if blocks.size else np.zeros(1, BLOCK_DTYPE)
            tags = tag_retests(bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), bars.close, features.columns["atr"], breaks,
                               features.gaps, blocks, block_row, rules[0])
            return tags[np.lexsort((tags["gap"], tags["shift"], -tags["mqs"], tags["t"]))]

        return features.known.once(("retest tags", rules.tobytes()), find)  # type: ignore[no-any-return]

    @staticmethod
    def far_edge(features: FeatureView, tags: np.ndarray) -> np.ndarray:
        """The edge of each gap that its stop stands behind, forward adjusted."""
        return np.where(tags["dir"] > 0, features.gaps["bottom"][tags["gap"]], features.gaps["top"][tags["gap"]])

    def setups(self, features: FeatureView, instrument: Instrument, tags: np.ndarray, edge: np.ndarray, distance: np.ndarray,
               fields: Mapping[str, Any], facts: Callable[[], Mapping[str, list[Any]]]) -> Setups:
        """The tags as setups and refused finds, their stops `distance` points behind `edge`; not against a trend of high conviction.

        `fields` and `facts`: what a tactic says beside what every retest says.
        """
        t, d = tags["t"], tags["dir"]
        against = (features.columns["tcc"][t] == TCC_HIGH) & (features.columns["tcc_dir"][t] == -d)
        finds = finds_at(features, t, d, np.where(against, CONTEXT, OK), edge, distance)
        found = priced(features, instrument, finds, self.stop, self.target, self.min_bars_between, self.inverse_gaps)
        return found.setups({
            "order_type": LIMIT, "quality": tags["mqs"], "confidence": tags["mqs"], "rank_base": self.rank_base,
            "precedence": PRECEDENCE.index(self.name), "group": tags["gap"], "event_bar": features.decision.ts_close[features.breaks["t"][tags["shift"]]],
            "valid_until": features.decision.ts_close[t] + self.valid_minutes * MINUTE_NS,
            "invalid_price": self.far_edge(features, tags) + features.decision.offset[t],
            "invalid_flags": INVALID_OPPOSITE_MSS | INVALID_CLOSE | INVALID_TARGET_SEEN | INVALID_TCC_AGAINST | INVALID_MCS,
            "trail_buffer": self.stop.buffer(features.columns["atr"][t], instrument.tick), **fields,
        }, lambda: {**self._facts(features, tags), **facts()})

    @staticmethod
    def _facts(features: FeatureView, tags: np.ndarray) -> dict[str, list[Any]]:
        shifts, fvgs = break_ids(features, tags["shift"]), gap_ids(features, tags["gap"])
        offset = features.decision.offset[tags["t"]]
        lower, upper = np.minimum(tags["near"], tags["far"]) + offset, np.maximum(tags["near"], tags["far"]) + offset
        return {"objects": [list(pair) for pair in zip(shifts, fvgs, strict=True)], "mss": shifts, "fvg": fvgs,
                "order_block": block_ids(features, tags["block"]),
                "mqs": mqs_facts(features.breaks[tags["shift"]], "mqs_next"),
                "poi": [list(pair) for pair in zip(lower.tolist(), upper.tolist(), strict=True)],
                "poi_kind": [POI_KINDS[kind] for kind in tags["poi_kind"].tolist()],
                "fill": (tags["fill"] + 0.0).tolist(), "tol": tags["tol"].tolist(), "episode": tags["episode"].tolist()}
