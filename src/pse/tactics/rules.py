"""Rules that several tactics share: where a stop may stand, how a target is chosen, what a grade is worth."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen

PRECEDENCE = ("sweep_reversal", "mss_fvg_retest", "momentum_thrust", "pullback_micro_fvg", "missed_fvg_reversion")  # the first wins for one gap

GRADE_SIZE = np.array((0.0, 0.0, 0.5, 0.75, 1.0))  # size in R by grade code: none, C, B, A, A+


class StopRules(Frozen):
    """The stop: beyond the structure by a buffer, widened out of noise, refused when too far."""

    buffer_ticks: float = Field(1.0, ge=0, le=100, description="least distance between the structure and the stop, ticks")
    buffer_atr: float = Field(0.10, ge=0, le=5, description="the same in ATR of the decision bars; the larger counts")
    min_ticks: float = Field(4.0, gt=0, le=1000, description="a smaller risk is widened to this many ticks")
    min_atr: float = Field(0.25, ge=0, le=5, description="and to this many ATR")
    cap_atr: float = Field(3.0, gt=0, le=20, description="largest risk in ATR where the instrument names no stop_cap_points")

    def buffer(self, atr: np.ndarray, tick: float) -> np.ndarray:
        """Points between the structure and the stop; `atr` points, NaN stays."""
        return np.maximum(self.buffer_ticks * tick, self.buffer_atr * atr)


class TargetRules(Frozen):
    """The targets: a multiple of the risk, preferably just before a level; two of them."""

    rr_star_none: float = Field(1.75, gt=0, le=20, description="favoured first target in R without conviction of the trend in the setup's direction")
    rr_star_low: float = Field(2.0, gt=0, le=20, description="the same where that conviction is low")
    rr_star_medium: float = Field(2.0, gt=0, le=20, description="where it is medium")
    rr_star_high: float = Field(2.5, gt=0, le=20, description="where it is high")
    rr_min: float = Field(1.5, gt=0, le=20, description="nearest first target in R")
    rr_cap: float = Field(3.0, gt=0, le=20, description="farthest first target in R")
    rr_block: float = Field(1.0, ge=0, le=10, description="a strong level nearer than this many R refuses the trade")
    block_priority: float = Field(0.8, ge=0, le=1, description="priority from which a level is strong")
    rr_spread: float = Field(0.75, gt=0, le=10, description="width in R of the preference around the favoured target")
    base_priority: float = Field(0.3, ge=0, le=1, description="priority of the plain multiple of risk")
    max_atr: float = Field(6.0, gt=0, le=100, description="farthest target in ATR of the decision bars")
    gap_edge_priority: float = Field(0.5, ge=0, le=1, description="priority of the near edge of an opposing gap")
    second_min_step: float = Field(0.5, ge=0, le=10, description="R between the first target and the nearest second one")
    second_star_step: float = Field(1.5, ge=0, le=10, description="R between the first target and the favoured second one")
    second_cap: float = Field(6.0, gt=0, le=50, description="farthest second target in R")
