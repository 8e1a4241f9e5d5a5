"""What is known at a moment (`History`) and what features, tactics and briefings say of it (`Said`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np

from pse.domain.bars import Bars
from pse.domain.sessions import DAY_NS

CALENDAR_AHEAD_NS = 10 * DAY_NS                   # holidays are known ahead; how far the calendar at hand goes is not the market's


class Key(NamedTuple):
    """One thing that is compared: `subject` is who says it ("feature atr", "tactic mss_fvg_retest", "briefing"), `column` what."""

    subject: str
    column: str


@dataclass(frozen=True, eq=False)
class History:
    """Bars by symbol, `symbol` the audited one, as known at `until_ns`; trading begins at `begin_ns` and ends at `end_ns`, however much is known."""

    bars: Mapping[str, Bars]
    symbol: str
    begin_ns: int
    end_ns: int
    until_ns: int

    @classmethod
    def of(cls, bars: Bars, others: Mapping[str, Bars] | None = None, begin_ns: int | None = None) -> History:
        """All of these bars, and of other symbols what had closed by the end of the last; trading begins at `begin_ns`, or at the first bar."""
        last = int(bars.ts_close[-1])
        begin = int(bars.ts_open[0])
        return cls({bars.symbol: bars, **(others or {})}, bars.symbol, begin if begin_ns is None else max(begin, begin_ns), last + 1, last).until(last)

    @property
    def own(self) -> Bars:
        return self.bars[self.symbol]

    def until(self, moment_ns: int) -> History:
        """What was known at the moment: bars that had closed by then, with the calendar and the contracts that go with them."""
        return replace(self, until_ns=moment_ns, bars={name: _known_by(one, moment_ns) for name, one in self.bars.items()})

    def since(self, moment_ns: int) -> History:
        """The same without bars that opened before the moment."""
        return replace(self, begin_ns=moment_ns, bars={name: one[int(np.searchsorted(one.ts_open, moment_ns)):] for name, one in self.bars.items()})

    def window(self, begin_ns: int, end_ns: int) -> History:
        """A history of its own between two moments."""
        return replace(self.until(end_ns).since(begin_ns), end_ns=end_ns + 1)


def _known_by(bars: Bars, moment_ns: int) -> Bars:
    """The bars that had closed; their calendar ends soon after, no contract is named that had not traded, and there are no quotes if there was none."""
    known = bars[:int(np.searchsorted(bars.ts_close, moment_ns, side="right"))]
    calendar, count = bars.sessions, int(np.searchsorted(bars.sessions.open_ns, moment_ns + CALENDAR_AHEAD_NS))
    arrays: dict[str, Any] = {one.name: value[:count] for one in fields(calendar) if isinstance(value := getattr(calendar, one.name), np.ndarray)}
    spread = None if known.spread is None or np.isnan(known.spread).all() else known.spread
    return replace(known, sessions=replace(calendar, **arrays), contracts=bars.contracts[:int(known.contract.max(initial=-1)) + 1], spread=spread)


@dataclass(frozen=True, eq=False)
class Series:
    """Things that became known one after the other: `ts` int64[n] says when, `values` (an array, plain or structured, or texts and dicts) what."""

    ts: np.ndarray
    values: np.ndarray | Sequence[object]


@dataclass(frozen=True, eq=False)
class Said:
    """Everything that was said of a history.

    `ts` int64[n]: closes of its decision bars.  `series` by key.  `objects`: tables whose rows carry decision-bar indices and get a later life; `as_known`
    sets them back.  `failed`: who raised instead of answering, and what.  `bars`: closes of the bars that a subject's objects count, where those are not
    the decision bars.
    """

    ts: np.ndarray
    series: Mapping[Key, Series] = field(default_factory=dict)
    objects: Mapping[Key, np.ndarray] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    bars: Mapping[str, np.ndarray] = field(default_factory=dict)

    def closes(self, key: Key) -> np.ndarray:
        """Closes of the bars that an object table counts, int64[n]."""
        return self.bars.get(key.subject, self.ts)


Say = Callable[[History, frozenset[str]], Said]                  # the subjects that are wanted; empty: all
AsKnown = Callable[[str, np.ndarray, int], np.ndarray]           # an object table as it was known after the first n decision bars
