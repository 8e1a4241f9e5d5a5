"""Breakout: long on a close above the highest high of the bars before, out on one below their lowest low.

Donchian's four-week rule, as in Faith (2003), The Original Turtle Trading Rules; the bar's own high is no part of the channel that it must leave.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from pse.features.channels import Donchian
from pse.features.feature import Known
from pse.features.volatility import Atr
from pse.tactics.swing import ZERO_ATR, Rule, Swing, above, over


class Breakout(Swing):
    """Long on a close above the channel of the bars before."""

    name: ClassVar[str] = "breakout"
    label: ClassVar[str] = "Breakout"
    buys: ClassVar[str] = "the close is above the highest high of the bars before"
    sells: ClassVar[str] = "the close is below the lowest low of the bars before"

    least_bars: int = Field(20, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    channel_bars: int = Field(20, ge=1, le=1000, description="bars in the channel, the bar itself left out")
    atr_bars: int = Field(14, ge=1, le=500, description="bars of Wilder's range, as it stood one bar earlier, that the way beyond the channel is measured in")

    def needed_bars(self) -> int:
        """The channel or the range before the bar, whichever is longer, and the bar."""
        return max(self.channel_bars + 1, self.atr_bars + 2)

    def rule(self, known: Known) -> Rule:
        """See the class."""
        channel, atr = known.of(Donchian(period=self.channel_bars)), known.of(Atr(period=self.atr_bars))["atr_before"]
        close, upper, lower = known.bars.close, channel["donchian_upper_before"], channel["donchian_lower_before"]
        buy, sell = above(close, upper), above(lower, close)
        strength = over(np.where(buy, close - upper, lower - close), atr)
        return Rule(buy, sell, strength, (close, upper, lower, atr), {"channel_upper": upper, "channel_lower": lower, "atr_before": atr},
                    ((ZERO_ATR, atr <= 0.0),))
