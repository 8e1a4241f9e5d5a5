"""Momentum rotation: long after a large rise over months, out after as large a fall.

Moskowitz, Ooi and Pedersen (2012), Time Series Momentum, with a threshold.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from pse.features.feature import Known
from pse.tactics.swing import Rule, Swing, at_least, change_over


class MomentumRotation(Swing):
    """Long while the close is far above where it was months ago."""

    name: ClassVar[str] = "momentum_rotation"
    label: ClassVar[str] = "Momentum rotation"
    buys: ClassVar[str] = "the close rose by the threshold or more"
    sells: ClassVar[str] = "the close fell by the threshold or more"

    least_bars: int = Field(126, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    momentum_bars: int = Field(126, ge=1, le=2000, description="bars over which the change is taken")
    threshold: float = Field(0.05, ge=0, le=1, description="change from which on it speaks, as a share of the older price")
    full: float = Field(0.30, gt=0, le=5, description="change at full strength, above the threshold")

    @model_validator(mode="after")
    def _full_is_more(self) -> Self:
        if self.full <= self.threshold:
            raise ValueError(f"full {self.full} is not above threshold {self.threshold}; write a larger change for full strength")
        return self

    def needed_bars(self) -> int:
        """The change's bars and the one it starts from."""
        return self.momentum_bars + 1

    def rule(self, known: Known) -> Rule:
        """See the class."""
        change = change_over(known, self.momentum_bars)
        strength = (np.abs(change) - self.threshold) / (self.full - self.threshold)
        buy = at_least(change, self.threshold)
        return Rule(buy, at_least(-change, self.threshold) & ~buy, strength, (change,), {"change": change})
