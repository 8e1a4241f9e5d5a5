"""How much history a value needs: the last row of histories that begin later and later, beside the last row of all of it.

A recursion never forgets quite (Wilder's average keeps (1 - 1/n)^t of its start), so values are compared with a tolerance: TICKS of a tick for prices and
differences of prices, RELATIVE for everything else; states, directions, flags and counts must be the same.  What is not known yet (NaN) is no drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pse.domain.bars import Bars
from pse.research.lookahead.said import History, Key, Said, Series

TICKS, RELATIVE = 0.1, 0.01
LENGTHS = (1, 2, 5, 10, 20, 40, 60, 120, 250)
ENDS = 3
SAME_SETUP = ("ts", "direction", "kind", "entry", "stop", "target")


@dataclass(frozen=True)
class Drift:
    """How far a column of a shorter history is from that of the whole one, at the worst of the moments looked at.

    `amount` in ticks where `in_ticks`, otherwise relative; `value` and `whole` are what was compared there; `known` is False where the shorter history knows
    nothing yet; `beyond`: more than the tolerance.
    """

    key: Key
    sessions: int
    ts: int
    amount: float
    in_ticks: bool
    value: float
    whole: float
    known: bool = True
    beyond: bool = False


@dataclass(frozen=True)
class WarmUp:
    """`drifts` of every column by length; `setups`: by length, how many of the setups in the last session differ; `own` is the desk's length, None where
    the history is too short to try it or the desk decides on other bars."""

    lengths: tuple[int, ...]
    own: int | None
    ends: tuple[int, ...] = ()
    drifts: tuple[Drift, ...] = ()
    setups: Mapping[int, int] = field(default_factory=dict)

    def beyond(self, sessions: int) -> list[Drift]:
        """What is off at this length."""
        return [one for one in self.drifts if one.sessions == sessions and one.beyond]

    def settled(self) -> dict[Key, int | None]:
        """The shortest length from which on a column is known and within the tolerance; None where none is."""
        out: dict[Key, int | None] = {}
        for key in dict.fromkeys(one.key for one in self.drifts):
            good: int | None = None
            for one in sorted((one for one in self.drifts if one.key == key), key=lambda one: -one.sessions):
                if one.beyond or not one.known:
                    break
                good = one.sessions
            out[key] = good
        return out


def warm_up(say: Callable[[History], Said], history: History, whole: Said, rows: Bars, desk_sessions: int | None, rng: np.random.Generator,
            ticks: Mapping[Key, float]) -> Iterator[tuple[int, int] | WarmUp]:
    """Tries every length at some moments of the last part of the history; yields (done, all) after each try, and the result at last.

    `desk_sessions`: the length that is judged, None for none.  `ticks`: the price step of the keys that are measured in it.
    """
    sessions = np.unique(rows.session)
    own = {desk_sessions} if desk_sessions is not None else set()
    lengths = tuple(sorted(length for length in {*LENGTHS, *own} if 0 < length < sessions.size))
    ends = _ends(rows, lengths, history.begin_ns, rng)
    drifts: dict[tuple[Key, int], Drift] = {}
    setups = dict.fromkeys(lengths, 0)
    for done, (end, length) in enumerate(((end, length) for end in ends for length in lengths), 1):
        begin = _opens(rows, sessions, end, length)
        short = say(history.until(end).since(begin))
        for one in _drifts(whole, short, end, length, ticks):
            before = drifts.get((one.key, length))
            drifts[one.key, length] = one if before is None else max(before, one, key=lambda each: (each.beyond, not each.known, each.amount))
        setups[length] += _other_setups(whole, short, end, rows, history.begin_ns)
        yield done, len(ends) * len(lengths)
    yield WarmUp(lengths, desk_sessions if desk_sessions in lengths else None, tuple(ends), tuple(drifts.values()), setups)


def _ends(rows: Bars, lengths: Sequence[int], begin_ns: int, rng: np.random.Generator) -> list[int]:
    """The last decision close, and some at random of the window that all lengths lie before."""
    if not lengths:
        return []
    first = max(int(np.searchsorted(rows.session, np.unique(rows.session)[max(lengths)])), int(np.searchsorted(rows.ts_open, begin_ns)))
    first = min(first, len(rows) - 1)
    drawn = rng.integers(first, len(rows), ENDS - 1)
    return sorted({int(rows.ts_close[-1]), *rows.ts_close[drawn].tolist()})


def _opens(rows: Bars, sessions: np.ndarray, end: int, length: int) -> int:
    """Open of the session that lies `length` before the one of the moment."""
    own = int(np.searchsorted(sessions, rows.session[np.searchsorted(rows.ts_close, end)]))
    return int(rows.sessions.open_ns[sessions[own - length]])


def _drifts(whole: Said, short: Said, end: int, length: int, ticks: Mapping[Key, float]) -> Iterator[Drift]:
    for key, series in whole.series.items():
        a, b = _at(series, end), _at(short.series[key], end) if key in short.series else None
        if a is None or b is None or np.isnan(a):
            continue
        tick = ticks.get(key)
        exact = isinstance(series.values, np.ndarray) and series.values.dtype.kind != "f"
        off = abs(a - b)
        amount = off / tick if tick else off / max(abs(a), 1e-12) if off else 0.0
        beyond = off > (0.0 if exact else TICKS * tick if tick else RELATIVE * abs(a))
        yield Drift(key, length, end, 0.0 if np.isnan(b) else float(amount), tick is not None, b, a, not np.isnan(b), bool(beyond))


def _at(series: Series, end: int) -> float | None:
    """The value of the row that closes at the moment; None where the series has no plain rows."""
    if not isinstance(series.values, np.ndarray) or series.values.dtype.names or series.values.ndim > 1:
        return None
    row = int(np.searchsorted(series.ts, end))
    return float(series.values[row]) if row < series.ts.size and series.ts[row] == end else None


def _other_setups(whole: Said, short: Said, end: int, rows: Bars, begin_ns: int) -> int:
    """Setups of the moment's session, from the begin of trading on, that one of the two histories does not have."""
    since = max(begin_ns, int(rows.sessions.open_ns[rows.session[np.searchsorted(rows.ts_close, end)]]))
    return len(_setups(whole, since, end) ^ _setups(short, since, end))


def _setups(said: Said, since: int, end: int) -> set[tuple[object, ...]]:
    found: set[tuple[object, ...]] = set()
    for key, series in said.series.items():
        if key.column == "setups" and isinstance(series.values, np.ndarray):
            keep = series.values[(series.ts > since) & (series.ts <= end)]
            found |= {(key.subject, *(repr(row[name].item()) for name in SAME_SETUP)) for row in keep}
    return found
