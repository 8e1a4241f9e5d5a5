"""Relative strength: long while a symbol stands further above its mean than a benchmark above its own.

Levy (1967), Relative Strength as a Criterion for Investment Selection: price over its mean; here held against a benchmark's.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from pse.domain.instruments import SYMBOL_PATTERN
from pse.features.feature import Known
from pse.features.trend import Sma
from pse.tactics.swing import NO_BENCHMARK, Rule, Swing, above, at_least, on_dates, over


class RelativeStrength(Swing):
    """Long while the close is above its mean and further so than the benchmark."""

    name: ClassVar[str] = "relative_strength"
    label: ClassVar[str] = "Relative strength"
    buys: ClassVar[str] = "the close stands above the band around its mean, and further from it than the benchmark from its own"
    sells: ClassVar[str] = "the close stands below the band around its mean, and lower than the benchmark against its own"

    least_bars: int = Field(50, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    mean_bars: int = Field(50, ge=1, le=2000, description="closes in the means")
    band: float = Field(0.02, ge=0, le=1, description="half width of the band around the mean, as a share of it")
    full: float = Field(0.10, gt=0, le=5, description="lead over the benchmark at full strength, as a share")
    benchmark: str = Field("SPY", pattern=SYMBOL_PATTERN, description="symbol that it is held against, bar by bar of the same trading day")

    def needed_bars(self) -> int:
        """Closes in the mean."""
        return self.mean_bars

    def symbols(self) -> tuple[str, ...]:
        """The benchmark."""
        return (self.benchmark,)

    def rule(self, known: Known) -> Rule | None:
        """See the class."""
        there = known.other(self.benchmark)
        if there is None:
            return None
        own, (other, met) = self._of_mean(known), on_dates(known, there, self._of_mean(there))
        lead = over(own, other) - 1.0
        buy, sell = at_least(own, 1.0 + self.band) & above(lead, 0.0), at_least(-own, self.band - 1.0) & above(-lead, 0.0)
        return Rule(buy, sell, np.abs(lead) / self.full, (own, lead), {"close_over_mean": own, "benchmark_over_mean": other, "lead": lead},
                    ((NO_BENCHMARK, ~met),))

    def _of_mean(self, known: Known) -> np.ndarray:
        """Close over its mean, float64[n]."""
        return over(known.bars.close, known.of(Sma(period=self.mean_bars))["sma"])
