"""Mean reversion: long where relative strength says oversold, out where it says overbought.

Wilder (1978), New Concepts in Technical Trading Systems, ch. VI, read as a signal to fade.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from pse.features.feature import Known
from pse.features.momentum import Rsi
from pse.tactics.swing import Rule, Swing, at_least

FULL = 20.0                        # points of RSI beyond its bound at full strength


class MeanReversion(Swing):
    """Long at an oversold close, out at an overbought one."""

    name: ClassVar[str] = "mean_reversion"
    label: ClassVar[str] = "Mean reversion"
    buys: ClassVar[str] = "RSI is at or below the oversold bound"
    sells: ClassVar[str] = "RSI is at or above the overbought bound"

    least_bars: int = Field(30, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    rsi_bars: int = Field(14, ge=1, le=500, description="bars of Wilder's averages")
    oversold: float = Field(30.0, ge=0, le=100, description="RSI at or below which it buys")
    overbought: float = Field(70.0, ge=0, le=100, description="RSI at or above which it sells, above oversold")

    @model_validator(mode="after")
    def _bounds_are_apart(self) -> Self:
        if self.oversold >= self.overbought:
            raise ValueError(f"oversold {self.oversold} is not below overbought {self.overbought}; write them apart, for example 30 and 70")
        return self

    @property
    def reverts(self) -> bool:
        """It does."""
        return True

    def needed_bars(self) -> int:
        """The changes of the first average, and the close before them."""
        return self.rsi_bars + 1

    def rule(self, known: Known) -> Rule:
        """See the class."""
        rsi = known.of(Rsi(period=self.rsi_bars))["rsi"]
        buy, sell = at_least(-rsi, -self.oversold), at_least(rsi, self.overbought)
        return Rule(buy, sell & ~buy, np.where(buy, self.oversold - rsi, rsi - self.overbought) / FULL, (rsi,), {"rsi": rsi})
