"""Moving average envelope: long when the close leaves a band around its mean upwards, out when it leaves it downwards.

Common practice; a cross is an event of one bar.  Where it reverts, the two sides are exchanged.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from pse.features.feature import Known
from pse.features.trend import Sma
from pse.kernels.wilder import previous
from pse.tactics.swing import Rule, Swing, above, over


class MovingAverageEnvelope(Swing):
    """Long on the close that crosses above the band around the mean."""

    name: ClassVar[str] = "moving_average_envelope"
    label: ClassVar[str] = "Moving average envelope"
    buys: ClassVar[str] = "the close crossed the edge of the band on the buying side"
    sells: ClassVar[str] = "the close crossed the edge of the band on the selling side"

    least_bars: int = Field(50, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    mean_bars: int = Field(50, ge=1, le=2000, description="closes in the mean")
    band: float = Field(0.03, gt=0, le=0.9, description="half width of the band, as a share of the mean; as far beyond it is full strength")
    mode: Literal["follow", "revert"] = Field("follow", description="whether a cross upwards buys, or sells")

    @property
    def reverts(self) -> bool:
        """Where asked to."""
        return self.mode == "revert"

    def needed_bars(self) -> int:
        """Closes in the mean, and the close before."""
        return self.mean_bars + 1

    def rule(self, known: Known) -> Rule:
        """See the class."""
        place = over(known.bars.close, known.of(Sma(period=self.mean_bars))["sma"])
        before = previous(place)
        upper, lower = 1.0 + self.band, 1.0 - self.band
        rises, falls = above(place, upper) & ~above(before, upper), above(-place, -lower) & ~above(-before, -lower)
        strength = np.where(rises, place / upper - 1.0, 1.0 - place / lower) / self.band
        buy, sell = (falls, rises) if self.reverts else (rises, falls)
        return Rule(buy, sell, strength, (place, before), {"close_over_mean": place, "close_over_mean_before": before})
