"""Volatility breakout: long after one close rose by more than the usual range, out after one fell by as much.

Common practice, after the volatility system of Wilder (1978), New Concepts in Technical Trading Systems, ch. III.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from pse.features.feature import Known
from pse.features.volatility import Atr
from pse.kernels.wilder import previous
from pse.tactics.swing import ZERO_ATR, Rule, Swing, at_least, over


class VolatilityBreakout(Swing):
    """Long on a close that rose by a multiple of the range."""

    name: ClassVar[str] = "volatility_breakout"
    label: ClassVar[str] = "Volatility breakout"
    buys: ClassVar[str] = "the close rose by the multiple of the range or more"
    sells: ClassVar[str] = "the close fell by the multiple of the range or more"

    least_bars: int = Field(20, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    atr_bars: int = Field(14, ge=1, le=500, description="bars of Wilder's range, as it stood one bar earlier")
    least_atr: float = Field(1.5, ge=0.1, le=20, description="change of the close from which on it speaks, in that range; twice as much is full strength")

    def needed_bars(self) -> int:
        """The range before the bar, and the bar."""
        return self.atr_bars + 2

    def rule(self, known: Known) -> Rule:
        """See the class."""
        close, atr = known.price("close"), known.of(Atr(period=self.atr_bars))["atr_before"]
        change, least = close - previous(close), self.least_atr * atr
        strength = (over(np.abs(change), atr) - self.least_atr) / self.least_atr
        return Rule(at_least(change, least), at_least(-change, least), strength, (change, atr), {"change": change, "atr_before": atr},
                    ((ZERO_ATR, atr <= 0.0),))
