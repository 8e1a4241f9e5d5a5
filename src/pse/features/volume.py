"""Volume against its recent mean."""

from __future__ import annotations

from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.kernels.rolling import relative_volume


class RelativeVolume(Feature):
    """Volume of the bar over the mean of the bars before; NaN where volume is unknown or that mean is zero."""

    columns = {"rvol": Column("volume over the mean volume of the bars before", "ratio")}
    formula = "V[t] / mean(V[t-n..t-1])"
    source = "common practice; the current bar is left out of its own mean"

    period: int = Field(20, ge=1, le=1000, description="bars in the mean, the current one left out")

    def warmup_bars(self) -> int:
        return self.period

    def compute(self, known: Known) -> Columns:
        return {"rvol": relative_volume(known.bars.volume, self.period)}
