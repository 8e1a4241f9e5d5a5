"""Bollinger bands: long on a close at or below the lower band, out on one at or above the upper band.

Bollinger (2001), Bollinger on Bollinger Bands, read as a signal to fade.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from pse.features.channels import Bollinger
from pse.features.feature import Known
from pse.tactics.swing import ZERO_WIDTH, Rule, Swing, at_least

FULL = 0.25                        # distance beyond a band at full strength, in widths between the bands


class BollingerBands(Swing):
    """Long at the lower band, out at the upper one."""

    name: ClassVar[str] = "bollinger_bands"
    label: ClassVar[str] = "Bollinger bands"
    buys: ClassVar[str] = "the close stands at or below the lower band"
    sells: ClassVar[str] = "the close stands at or above the upper band"

    least_bars: int = Field(20, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    mean_bars: int = Field(20, ge=2, le=2000, description="closes in the mean and the deviation")
    deviations: float = Field(2.0, ge=0.1, le=10, description="standard deviations from the mean to a band")

    @property
    def reverts(self) -> bool:
        """It does."""
        return True

    def needed_bars(self) -> int:
        """Closes in the mean."""
        return self.mean_bars

    def rule(self, known: Known) -> Rule:
        """See the class."""
        bands = known.of(Bollinger(period=self.mean_bars, width=self.deviations))
        place, upper, lower = bands["bb_pct"], bands["bb_upper"], bands["bb_lower"]
        buy, sell = at_least(-place, 0.0), at_least(place, 1.0)
        return Rule(buy, sell, np.where(buy, -place, place - 1.0) / FULL, (place,), {"bb_pct": place, "bb_upper": upper, "bb_lower": lower},
                    ((ZERO_WIDTH, upper <= lower),))
