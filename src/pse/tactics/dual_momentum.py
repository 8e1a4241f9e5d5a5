"""Dual momentum: long while a symbol rose more than cash and no less than a benchmark.

Antonacci (2014), Dual Momentum Investing.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from pse.domain.instruments import SYMBOL_PATTERN
from pse.features.feature import Known
from pse.tactics.swing import NO_BENCHMARK, Rule, Swing, above, at_least, change_over, on_dates

LEAD = 0.05                        # what a rise no larger than the benchmark's still counts


class DualMomentum(Swing):
    """Long while the symbol beats cash and the benchmark."""

    name: ClassVar[str] = "dual_momentum"
    label: ClassVar[str] = "Dual momentum"
    buys: ClassVar[str] = "the close rose by more than cash and by no less than the benchmark"
    sells: ClassVar[str] = "the close rose by no more than cash"

    least_bars: int = Field(126, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    momentum_bars: int = Field(126, ge=1, le=2000, description="bars over which changes are taken")
    full: float = Field(0.20, gt=0, le=5, description="lead at full strength, as a share of the older price")
    benchmark: str = Field("SPY", pattern=SYMBOL_PATTERN, description="symbol that it is held against, bar by bar of the same trading day")
    cash_yield: float = Field(0.0, ge=-0.1, le=1, description="what cash yields a year, compounded over the bars; 0.02 is two percent")
    year_bars: int = Field(252, ge=1, le=366, description="bars in a year of that yield")

    def needed_bars(self) -> int:
        """The change's bars and the one it starts from."""
        return self.momentum_bars + 1

    def symbols(self) -> tuple[str, ...]:
        """The benchmark."""
        return (self.benchmark,)

    def rule(self, known: Known) -> Rule | None:
        """See the class."""
        there = known.other(self.benchmark)
        if there is None:
            return None
        own, (other, met) = change_over(known, self.momentum_bars), on_dates(known, there, change_over(there, self.momentum_bars))
        cash = (1.0 + self.cash_yield) ** (self.momentum_bars / self.year_bars) - 1.0
        beats = above(own, cash)
        strength = np.where(beats, np.minimum(own - cash, own - other + LEAD), cash - own) / self.full
        return Rule(beats & at_least(own, other), ~beats, strength, (own, other), {"change": own, "benchmark_change": other, "cash": np.full(len(known), cash)},
                    ((NO_BENCHMARK, ~met),))
