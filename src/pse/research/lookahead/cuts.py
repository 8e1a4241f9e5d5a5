"""The moments at which history is cut: where something was said, where a session or a contract changes, and at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pse.domain.bars import Bars

EVENTS, EDGES, ROLLS, LEAST, WHOLE, ASLEEP = 400, 200, 60, 800, 24, 96
FIRST_ROWS = (0, 1, 16)


@dataclass(frozen=True, eq=False)
class Cuts:
    """`moments` int64 ns, rising, each once; `whole`: those tried on the whole history too.

    `parts`: how many of the moments each sort brought that no sort before it had; they add up.  `there`, `left_out`: how many events, session edges and
    rolls lie in the window, and at how many of them nothing is cut.
    """

    moments: np.ndarray
    whole: np.ndarray
    parts: Mapping[str, int]
    there: Mapping[str, int]
    left_out: Mapping[str, int]


def choose(rows: Bars, base: Bars, events: Mapping[str, np.ndarray], rng: np.random.Generator, random: int = 64, exhaustive: bool = False) -> Cuts:
    """Cuts inside the window of decision bars `rows` made of `base`.  `events`: moments at which something was said, by who said it."""
    closes, last = rows.ts_close, rows.ts_close[-1]
    base_closes = base.ts_close[np.searchsorted(base.ts_open, rows.ts_open[0]):]
    said = {name: moments[(moments >= base_closes[0]) & (moments < last)] for name, moments in events.items()}
    there = {"events": np.unique(_all(list(said.values()))), "session edges": _edges(rows), "rolls": _rolls(rows)}
    # half of the random ones on any close of a base bar: a bar that is still forming must not be seen
    drawn = np.unique(np.concatenate([rng.choice(closes, min(random - random // 2, closes.size), replace=False),
                                      rng.choice(base_closes, min(random // 2, base_closes.size), replace=False)]))
    sorts = {"events": _fairly(said, EVENTS, rng), "session edges": _some(there["session edges"], EDGES, rng), "rolls": _some(there["rolls"], ROLLS, rng),
             "first bars": closes[[row for row in FIRST_ROWS if row < closes.size]], "random": drawn}
    moments, parts = _apart(sorts, last)
    # a leak on one bar in a hundred shows itself at one cut in a hundred: 800 cuts miss it once in 3,000 times
    filled = _some(np.setdiff1d(closes[:-1], moments), max(0, LEAST - moments.size), rng)
    moments, parts["random"] = np.union1d(moments, filled), parts["random"] + filled.size
    whole = np.sort(rng.choice(moments, min(WHOLE, moments.size), replace=False)) if moments.size else moments
    if exhaustive:
        every = np.union1d(moments, closes[:-1])
        parts["every other bar"] = every.size - moments.size
        moments = every
    known = {name: one[one < last] for name, one in there.items()}
    left = {name: int(np.setdiff1d(one, moments).size) for name, one in known.items()}
    return Cuts(moments, np.union1d(whole, closes[:-1][:1]), parts, {name: one.size for name, one in known.items()}, left)


def _apart(sorts: Mapping[str, np.ndarray], last: int) -> tuple[np.ndarray, dict[str, int]]:
    """All moments before the last, and how many each sort adds to those before it."""
    moments, parts = np.zeros(0, np.int64), {}
    for name, one in sorts.items():
        more = np.union1d(moments, one[one < last])
        parts[name], moments = more.size - moments.size, more
    return moments, parts


def asleep(cuts: Cuts, spoken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cuts on the whole history for what never spoke in a window, int64 ns: a third where it spoke, the others of the ordinary ones."""
    own = _some(spoken[spoken < cuts.moments[-1]] if cuts.moments.size else spoken, ASLEEP // 3, rng)
    return np.union1d(own, _some(cuts.moments, ASLEEP - own.size, rng))


def _all(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _some(moments: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return moments if moments.size <= most else np.sort(rng.choice(moments, most, replace=False))


def _edges(rows: Bars) -> np.ndarray:
    """Closes of each session's last bar and of the first two of the next."""
    turns = np.flatnonzero(np.diff(rows.session)) + 1
    return _closes(rows, np.concatenate([turns - 1, turns, turns + 1]))


def _rolls(rows: Bars) -> np.ndarray:
    """Closes of the first bar of each contract, its neighbours included."""
    rolls = np.flatnonzero(rows.roll)
    return _closes(rows, np.concatenate([rolls - 1, rolls, rolls + 1]))


def _closes(rows: Bars, at: np.ndarray) -> np.ndarray:
    return rows.ts_close[np.unique(at[(at >= 0) & (at < len(rows))])]


def _fairly(events: Mapping[str, np.ndarray], most: int, rng: np.random.Generator) -> np.ndarray:
    """At most `most` moments; who speaks seldom is heard as often as who speaks always."""
    left = [rng.permutation(np.unique(events[name])) for name in sorted(events)]
    taken: set[int] = set()
    for turn in range(max((one.size for one in left), default=0)):
        for one in left:
            if turn < one.size and len(taken) < most:
                taken.add(int(one[turn]))
        if len(taken) >= most:
            break
    return np.array(sorted(taken), np.int64)
