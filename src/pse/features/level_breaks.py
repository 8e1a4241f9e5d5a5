"""Closes that break support or resistance."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.levels import Levels
from pse.features.liquidity import Liquidity
from pse.kernels.level_breaks import level_breaks


class LevelBreaks(Feature):
    """A close through a level of support or resistance, or through a liquidity pool that was not swept."""

    room, title = "gaps and levels", "closes through levels"
    columns = {
        "level_break_dir": Column("direction of the break", "direction", sparse=True),
        "level_break_price": Column("the broken level; of several the one of highest priority, then the nearest to the close", "price", sparse=True),
        "level_break_priority": Column("its priority", "score", sparse=True),
        "level_break_count": Column("how many levels this close broke", "count", sparse=True),
    }
    formula = "up: C[t-1] <= level and C[t] >= level + 0.10 ATR; down mirrored; levels as of the bar before"
    source = "common practice; a level touched once, a pool, is support or resistance too"

    beyond_atr: float = Field(0.10, ge=0, le=5, description="least distance of the close beyond the level, in ATR of the bar before")
    pool_priority: float = Field(0.60, ge=0, le=2, description="least priority of a liquidity pool that counts as a level; above 1 none does")
    levels: Levels = Levels()
    liquidity: Liquidity = Liquidity()

    def objects(self, known: Known) -> Objects:
        """`level_breaks`: rows of LEVEL_BREAK_DTYPE; `level` is a row of `tested`."""
        price, priority, known_at, ended_at = self.tested(known)
        return {"level_breaks": level_breaks(known.price("close"), known.atr_before, price, priority, known_at, ended_at, self.beyond_atr)}

    def tested(self, known: Known) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Price, priority, known_at and ended_at of the levels that closes are tested against, in order of known_at; levels before pools on one bar."""
        levels, pools = known.objects(self.levels)["levels"], known.objects(self.liquidity)["pools"]
        pools = pools[pools["priority"] >= self.pool_priority - 1e-9]
        columns = [np.concatenate([levels[one], pools[other]]) for one, other in
                   (("price", "level"), ("priority", "priority"), ("known_at", "known_at"), ("ended_at", "ended_at"))]
        order = np.argsort(columns[2], kind="stable")
        price, priority, known_at, ended_at = (column[order] for column in columns)
        return price, priority, known_at, ended_at

    def compute(self, known: Known) -> Columns:
        rows, n = known.objects(self)["level_breaks"], len(known)
        direction, broken = np.zeros(n, np.int64), np.zeros(n, np.int64)
        price, priority, t = np.full(n, np.nan), np.full(n, np.nan), rows["t"]
        direction[t], broken[t], price[t], priority[t] = rows["dir"], rows["broken"], rows["price"] + known.bars.offset[t], rows["priority"]
        return {"level_break_dir": direction, "level_break_price": price, "level_break_priority": priority, "level_break_count": broken}
