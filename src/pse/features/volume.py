"""Volume against its recent mean."""

from __future__ import annotations

from pydantic import Field

from pse.domain.bars import Bars
from pse.domain.base import Frozen
from pse.features import Columns
from pse.kernels.rolling import relative_volume


class RelativeVolume(Frozen):
    """Volume over the mean of the bars before; NaN where volume is unknown."""

    period: int = Field(20, ge=1, le=1000, description="bars in the mean, the current one left out")

    def compute(self, bars: Bars) -> Columns:
        return {"rvol": relative_volume(bars.volume, self.period)}
