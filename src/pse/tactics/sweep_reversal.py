"""DAS 2.2: the retest of DAS 2.1 where the gap came after a significant sweep of liquidity against it.

Long side: lows where orders rest were swept and reclaimed, the shift up follows within a dozen bars, and the gap is not older than the reclaim.  The stop
moves behind the extreme of the sweep where that lies little deeper than the gap.  On a desk with both tactics DAS 2.1 gives way on the same gap.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.instruments import Instrument
from pse.domain.setups import Setups, grades
from pse.kernels.codes import FAM_SWEEP_REVERSAL
from pse.kernels.contract import POOL_KINDS, SWEPT
from pse.kernels.retests import sweeps_before
from pse.kernels.targets import EPS
from pse.tactics.finds import break_ids, gap_ids, sweep_ids
from pse.tactics.retest import Retest
from pse.tactics.rules import GRADE_SIZE
from pse.tactics.scan import FeatureView

GRADE_A = 3


class SweepReversal(Retest):
    """Sweep of liquidity, market structure shift and fair value gap, retest of the point of interest."""

    name: ClassVar[str] = "sweep_reversal"
    label: ClassVar[str] = "DAS 2.2"
    version: ClassVar[str] = "1"

    sweep_window: int = Field(12, ge=0, le=200, description="bars from the sweep to the shift")
    sweep_priority: float = Field(0.50, ge=0, le=1, description="least priority of the sweep")
    boost_priority: float = Field(0.75, ge=0, le=1, description="priority of the sweep from which a shift of grade A or better is worth more")
    boost: float = Field(1.25, ge=1, le=1.25, description="size of such a setup against that of its grade")
    extreme_atr: float = Field(0.50, ge=0, le=5, description="deepest extreme of the sweep below the gap that the stop goes behind, in ATR")
    rank_base: float = Field(1.0, ge=0, le=1, description="base score in the ranking against other tactics")

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        tags = self.tags(features)
        row = sweeps_before(tags, features.breaks, features.gaps, features.sweeps, self.sweep_window)
        after = np.flatnonzero(row >= 0)
        after = after[features.sweeps["priority"][row[after]] >= self.sweep_priority - EPS]
        tags, sweeps = tags[after], features.sweeps[row[after]]
        edge, distance = self._stops(features, instrument.tick, tags, sweeps["extreme"])
        grade = grades(tags["mqs"])
        boosted = (sweeps["priority"] >= self.boost_priority - EPS) & (grade >= GRADE_A)
        return self.setups(features, instrument, tags, edge, distance,
                           {"grade": grade, "size_multiple": GRADE_SIZE[grade] * np.where(boosted, self.boost, 1.0), "family": FAM_SWEEP_REVERSAL},
                           lambda: self._swept(features, tags, row[after]))

    def _stops(self, features: FeatureView, tick: float, tags: np.ndarray, extreme: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each stop stands behind, forward adjusted, and how far: the gap by the buffer, or an extreme that lies little deeper by one tick."""
        edge, atr = self.far_edge(features, tags), features.columns["atr"][tags["t"]]
        buffer, depth = self.stop.buffer(atr, tick), tags["dir"] * (edge - extreme)
        behind = (depth >= buffer - EPS) & (depth <= self.extreme_atr * atr + EPS)
        return np.where(behind, extreme, edge), np.where(behind, tick, buffer)

    @staticmethod
    def _swept(features: FeatureView, tags: np.ndarray, rows: np.ndarray) -> dict[str, list[Any]]:
        told, offset, closes = [], features.decision.offset, features.decision.ts_close
        ended = features.pools[features.pools["end"] == SWEPT]
        ended = ended[np.argsort(ended["ended_at"], kind="stable")]
        first, last = (np.searchsorted(ended["ended_at"], features.sweeps["confirmed_at"][rows], side=side).tolist() for side in ("left", "right"))
        for at, (t, row) in enumerate(zip(tags["t"].tolist(), rows.tolist(), strict=True)):
            sweep, taken = features.sweeps[row], ended[first[at]:last[at]]
            taken = taken[taken["side"] == sweep["side"]]
            told.append({"pools": [POOL_KINDS[kind] for kind in taken["kind"].tolist()], "level": float(sweep["level"] + offset[t]),
                         "extreme": float(sweep["extreme"] + offset[t]), "penetration": float(sweep["penetration"]),
                         "priority": float(sweep["priority"]), "confirmed_at": int(closes[sweep["confirmed_at"]])})
        shifts, fvgs, named = break_ids(features, tags["shift"]), gap_ids(features, tags["gap"]), sweep_ids(features, rows)
        return {"objects": [list(three) for three in zip(shifts, fvgs, named, strict=True)], "sweep": named, "swept": told}
