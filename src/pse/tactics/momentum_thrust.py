"""TCEA-MTE: a thrust bar through a level, or a strong shift of structure, along a trend of high conviction.

The order goes to the market at the next open and lapses when that is not within a minute.  What is not here: an opposing pool of high priority within 1 R
refuses the trade as it does for every tactic, and how far the open may have moved is the slippage check's.  The size is half of one R: a whole one asks for
a spread and a latency that were measured, and in a simulation neither is.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import Setups, grades
from pse.features.impulse import Thrust
from pse.features.level_breaks import LevelBreaks
from pse.kernels.codes import FAM_MOMENTUM_THRUST, TCC_HIGH
from pse.kernels.contract import (
    ALONE,
    BREAK_DTYPE,
    INVALID_MCS,
    INVALID_OPPOSITE_MSS,
    INVALID_TARGET_SEEN,
    MARKET,
    POOL_KINDS,
    TRAIL_BARS,
)
from pse.kernels.quality import score_breaks
from pse.kernels.targets import CONTEXT, EPS, GRADE, OK
from pse.tactics.finds import finds_at, ids, mqs_facts, priced, sweep_ids
from pse.tactics.levels import CLUSTER
from pse.tactics.rules import PRECEDENCE, StopRules, TargetRules
from pse.tactics.scan import FeatureView

PLAIN = StopRules()


class ThrustStop(StopRules):
    """The stop: a tick beyond the trigger bar, which is wide already."""

    buffer_atr: float = Field(0.0, ge=0, le=5, description="least distance between the bar and the stop in ATR; that in ticks counts when it is larger")


class MomentumThrust(Frozen):
    """Thrust bar through a level, or strong market structure shift, along a trend of high conviction."""

    name: ClassVar[str] = "momentum_thrust"
    label: ClassVar[str] = "TCEA-MTE"
    version: ClassVar[str] = "1"

    thrust_range_atr: float = Field(1.5, gt=0, le=20, description="range of a thrust bar, in ATR of the bar before")
    thrust_rvol: float = Field(1.5, ge=0, le=50, description="relative volume of a thrust bar; an unknown one passes")
    beyond_atr: float = Field(0.10, ge=0, le=5, description="least distance of the close beyond the broken level, in ATR of the bar before")
    pool_priority: float = Field(0.60, ge=0, le=1, description="least priority of a liquidity pool that counts as a level")
    extreme_bars: int = Field(20, ge=1, le=500, description="bars back to the opposite extreme that the broken level is scored by")
    mqs_min: float = Field(0.55, ge=0.55, le=1, description="least score of a thrust through its level; 0.55 is where grade B begins")
    mqs_shift: float = Field(0.70, ge=0.55, le=1, description="least score of a shift that triggers without a thrust")
    min_bars_between: int = Field(5, ge=1, le=500, description="bars between two setups of one direction")
    valid_seconds: int = Field(60, ge=0, le=3600, description="latest open, after the decision, at which the market order is filled")
    size: float = Field(0.5, gt=0, le=1, description="size in R")
    rank_base: float = Field(0.6, ge=0, le=1, description="base score in the ranking against other tactics")
    momentum_trail: bool = Field(False, description="whether from 1 R on the stop follows a tick beyond the last three base bars")
    stop: ThrustStop = ThrustStop()
    target: TargetRules = TargetRules()

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """It reads the decision bars alone."""
        return ()

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        rows, priority = self._triggers(features)
        t, d, known, columns = rows["t"], rows["dir"], features.known, features.columns
        code = np.where(columns["tcc"][t] == TCC_HIGH, np.where(rows["mqs"] >= self.mqs_min - EPS, OK, GRADE), CONTEXT)
        edge = np.where(d > 0, known.price("low")[t], known.price("high")[t])
        finds = finds_at(features, t, d, code, edge, self.stop.buffer(columns["atr"][t], instrument.tick))
        found = priced(features, instrument, finds, self.stop, self.target, self.min_bars_between)
        closes = features.decision.ts_close[t]
        return found.setups({
            "order_type": MARKET, "quality": rows["mqs"], "confidence": rows["mqs"], "grade": grades(rows["mqs"]), "size_multiple": self.size,
            "rank_base": self.rank_base, "precedence": PRECEDENCE.index(self.name), "group": ALONE, "event_bar": closes,
            "valid_until": closes + self.valid_seconds * (MINUTE_NS // 60) + 1, "invalid_price": np.nan,
            "invalid_flags": INVALID_OPPOSITE_MSS | INVALID_TARGET_SEEN | INVALID_MCS, "trail_buffer": PLAIN.buffer(columns["atr"][t], instrument.tick),
            "family": FAM_MOMENTUM_THRUST, "plan_flags": TRAIL_BARS if self.momentum_trail else 0,
        }, lambda: self._facts(features, rows, priority))

    def _triggers(self, features: FeatureView) -> tuple[np.ndarray, np.ndarray]:
        """The triggers as scored breaks, BREAK_DTYPE by bar, and the priority of the level that a thrust broke, NaN of a shift.

        A thrust that is a shift at once counts with the better of both scores.  One against the trend, or without any, is none.
        """
        thrusts, priority = self._thrusts(features)
        shifts = features.breaks[features.breaks["mss"] & (features.breaks["mqs"] >= self.mqs_shift - EPS)]
        rows, priority = np.concatenate([thrusts, shifts]), np.concatenate([priority, np.full(shifts.size, np.nan)])
        along = (features.columns["tcc_dir"][rows["t"]] == rows["dir"]) & ~np.isnan(features.columns["atr"][rows["t"]])
        rows, priority = rows[along], priority[along]
        order = np.lexsort((-rows["mqs"], rows["t"]))
        _, first = np.unique(rows["t"][order], return_index=True)
        return rows[order[first]], priority[order[first]]

    def _thrusts(self, features: FeatureView) -> tuple[np.ndarray, np.ndarray]:
        """Thrust bars that close through a level, scored as the break of a swing `extreme_bars` old, and the priority of the level."""
        known, spec = features.known, features.spec
        broken = known.objects(LevelBreaks(beyond_atr=self.beyond_atr, pool_priority=self.pool_priority, levels=spec.levels,
                                           liquidity=spec.liquidity))["level_breaks"]
        thrust = known.of(Thrust(range_atr=self.thrust_range_atr, min_rvol=self.thrust_rvol, volume=spec.volume))["thrust_dir"]
        broken = broken[thrust[broken["t"]] == broken["dir"]]
        rows = np.zeros(broken.size, BREAK_DTYPE)
        rows["t"], rows["dir"], rows["level"], rows["sweep"] = broken["t"], broken["dir"], broken["price"], -1
        rows["pivot_idx"] = np.maximum(broken["t"] - self.extreme_bars, 0)
        score_breaks(rows, *known.prices(), known.atr_before, known.of(spec.volume)["rvol"], spec.quality.htf_trend(known), features.gaps,
                     features.sweeps, spec.structure.disp_window)
        return rows, broken["priority"]

    @staticmethod
    def _facts(features: FeatureView, rows: np.ndarray, priority: np.ndarray) -> dict[str, list[Any]]:
        is_thrust = ~np.isnan(priority)
        names = {kind: ids(features, kind, rows["dir"], rows["t"]) for kind in ("thrust", "mss")}
        named = [names["thrust" if thrust else "mss"][i] for i, thrust in enumerate(is_thrust.tolist())]
        level, broken = rows["level"] + features.decision.offset[rows["t"]], np.full(rows.size, "SWING", object)
        broken[is_thrust] = level_kinds(features, rows[is_thrust], priority[is_thrust])
        return {"objects": [[name] for name in named], "trigger": ["THRUST" if thrust else "MSS" for thrust in is_thrust.tolist()],
                "level": [{"price": price, "priority": row_priority if thrust else None, "kind": kind}
                          for price, kind, row_priority, thrust in zip(level.tolist(), broken.tolist(), priority.tolist(), is_thrust.tolist(), strict=True)],
                "sweep": sweep_ids(features, rows["sweep"]), "mqs": mqs_facts(rows, "mqs")}


def level_kinds(features: FeatureView, rows: np.ndarray, priority: np.ndarray) -> list[str]:
    """What each break went through: the kind of the pool that stood at that price with that priority, else a cluster."""
    order = np.argsort(features.pools["level"], kind="stable")
    pools = features.pools[order]
    first, last = (np.searchsorted(pools["level"], rows["level"], side=side) for side in ("left", "right"))
    kinds = []
    for lo, hi, t, weight in zip(first.tolist(), last.tolist(), rows["t"].tolist(), priority.tolist(), strict=True):
        same = pools[lo:hi]
        stood = np.flatnonzero((same["priority"] == weight) & (same["known_at"] < t) & (same["ended_at"] >= t))
        kinds.append(POOL_KINDS[same["kind"][stood[0]] if stood.size else CLUSTER])
    return kinds
