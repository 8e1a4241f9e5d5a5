"""Trend following: long while the fast mean of closes and the close itself stand above the slow mean.

Faber (2007), A Quantitative Approach to Tactical Asset Allocation, in the form with two means.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from pse.features.feature import Known
from pse.features.trend import Sma
from pse.tactics.swing import Rule, Swing, above, over

FULL = 0.05                        # distance from the slow mean at full strength, as a share of it


class TrendFollowing(Swing):
    """Long while the fast mean is above the slow one and the close is too."""

    name: ClassVar[str] = "trend_following"
    label: ClassVar[str] = "Trend following"
    buys: ClassVar[str] = "the fast mean and the close stand above the slow mean"
    sells: ClassVar[str] = "the close or the fast mean stands below the slow mean"

    least_bars: int = Field(200, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    fast_bars: int = Field(50, ge=1, le=1000, description="closes in the fast mean")
    slow_bars: int = Field(200, ge=2, le=2000, description="closes in the slow mean, more than in the fast one")

    @model_validator(mode="after")
    def _fast_is_shorter(self) -> Self:
        if self.fast_bars >= self.slow_bars:
            raise ValueError(f"fast_bars {self.fast_bars} is not below slow_bars {self.slow_bars}; choose a shorter fast mean")
        return self

    def needed_bars(self) -> int:
        """Closes in the slow mean."""
        return self.slow_bars

    def rule(self, known: Known) -> Rule:
        """See the class."""
        close, fast, slow = known.bars.close, known.of(Sma(period=self.fast_bars))["sma"], known.of(Sma(period=self.slow_bars))["sma"]
        sell = above(slow, close) | above(slow, fast)
        place, apart = over(close, slow), over(fast, slow)
        strength = np.where(sell, np.maximum(1.0 - place, 1.0 - apart), apart - 1.0) / FULL
        return Rule(above(fast, slow) & above(close, slow), sell, strength, (close, fast, slow), {"sma_fast": fast, "sma_slow": slow})
