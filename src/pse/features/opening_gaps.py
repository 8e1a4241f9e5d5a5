"""Gaps between the open of a session and the close before it."""

from __future__ import annotations

import numpy as np

from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.kernels.codes import GAP_KINDS
from pse.kernels.opening_gaps import opening_gaps


class OpeningGap(Feature):
    """The gap at the open of the session, told from the close of its first bar to the session's end, and whether price has been back by then."""

    room, title = "gaps and levels", "gap at the session's open"
    columns = {
        "open_gap": Column("open of the session less the close before it", "points"),
        "open_gap_pct": Column("the gap over that close as traded", "fraction"),
        "open_gap_atr": Column("the gap in average ranges as they stood before the open", "ATR"),
        "open_gap_kind": Column("beyond the range of the session before (FULL) or inside it (PARTIAL); NONE without a gap, after missing days and where a "
                                "contract begins", "state", GAP_KINDS),
        "open_gap_filled": Column("1 from the bar on whose range reaches the close before the gap", "flag"),
    }
    formula = "O - C[t-1] at the first bar of a session; FULL_UP O > high of the session before, FULL_DOWN O < its low; filled: low <= C[t-1] of a gap up"
    source = "common practice; nothing at the first session, none over missing trading days or a change of contract"

    def warmup_bars(self) -> int:
        return self.warmup_on(1)

    def warmup_on(self, bars_a_session: int) -> int:
        """First bar of the second session, or of the first one that has the range of fifteen bars before it."""
        return bars_a_session * -(-15 // bars_a_session)

    def objects(self, known: Known) -> Objects:
        """`opening_gaps`: rows of OPENING_GAP_DTYPE; what its session did not fill may be filled in a later one."""
        gaps = self._of_sessions(known)
        return {"opening_gaps": gaps[np.isfinite(gaps["points"])]}

    def _of_sessions(self, known: Known) -> np.ndarray:
        """One row a session, also where there is no gap."""
        return known.once("gaps of sessions", lambda: opening_gaps(*known.prices(), known.bars.session, known.bars.roll))  # type: ignore[no-any-return]

    def compute(self, known: Known) -> Columns:
        bars, gaps = known.bars, self._of_sessions(known)
        before, scale = gaps["level"] + bars.offset[gaps["t"]], known.atr_before[gaps["t"]]
        share = np.divide(gaps["points"], before, out=np.full(gaps.size, np.nan), where=before > 0)
        ranges = np.divide(gaps["points"], scale, out=np.full(gaps.size, np.nan), where=scale > 0)
        lengths = np.diff(gaps["t"], append=len(bars))

        def told(values: np.ndarray) -> np.ndarray:
            """What is known of a session on each of its bars."""
            return np.repeat(values, lengths)

        return {"open_gap": told(gaps["points"]), "open_gap_pct": told(share), "open_gap_atr": told(ranges), "open_gap_kind": told(gaps["kind"]),
                "open_gap_filled": (told(gaps["filled_at"]) <= np.arange(len(bars))).astype(np.int64)}
