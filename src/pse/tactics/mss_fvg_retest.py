"""DAS 2.1: a market structure shift, the fair value gap beside it, and the first retests of the gap's near part.

Long side: after a shift up with a good score price comes back to the gap, trades at most most of it, and closes back above the point of interest:
buy that close, stop below the gap; not against a trend of high conviction.  The market condition and the account refuse later, at the gates.
"""

from __future__ import annotations

from typing import ClassVar

from pse.domain.instruments import Instrument
from pse.domain.setups import Setups, grades
from pse.kernels.codes import FAM_MSS_FVG_RETEST
from pse.tactics.finds import sweep_ids
from pse.tactics.retest import Retest
from pse.tactics.rules import GRADE_SIZE
from pse.tactics.scan import FeatureView


class MssFvgRetest(Retest):
    """Market structure shift and fair value gap, retest of the point of interest."""

    name: ClassVar[str] = "mss_fvg_retest"
    label: ClassVar[str] = "DAS 2.1"
    version: ClassVar[str] = "1"

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        tags = self.tags(features)
        grade = grades(tags["mqs"])
        buffer = self.stop.buffer(features.columns["atr"][tags["t"]], instrument.tick)
        return self.setups(features, instrument, tags, self.far_edge(features, tags), buffer,
                           {"grade": grade, "size_multiple": GRADE_SIZE[grade], "family": FAM_MSS_FVG_RETEST},
                           lambda: {"sweep": sweep_ids(features, features.breaks["sweep"][tags["shift"]])})
