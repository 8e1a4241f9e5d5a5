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
    """`moments` int64 ns, rising, each once; `whole`: those tried on the whole history too.  `there`, `left_out`: how many of each sort there are, and how many
    of them are no cut."""

    moments: np.ndarray
    whole: np.ndarray
    there: Mapping[str, int]
    left_out: Mapping[str, int]


def choose(rows: Bars, base: Bars, events: Mapping[str, np.ndarray], rng: np.random.Generator, random: int = 64, exhaustive: bool = False) -> Cuts:
    """Cuts for decision bars `rows` made of `base`.  `events`: moments at which something was said, by who said it."""
    closes = rows.ts_close
    sorts = {"events": _fairly(events, EVENTS, rng), "session edges": _some(_edges(rows), EDGES, rng), "rolls": _some(_rolls(rows), ROLLS, rng)}
    there = {"events": int(np.unique(_all(list(events.values()))).size), "session edges": _edges(rows).size, "rolls": _rolls(rows).size}
    # half of the random ones on any close of a base bar: a bar that is still forming must not be seen
    drawn = np.unique(np.concatenate([rng.choice(closes, min(random - random // 2, closes.size), replace=False),
                                      rng.choice(base.ts_close, min(random // 2, len(base)), replace=False)]))
    moments = np.unique(np.concatenate([*sorts.values(), drawn, closes[[row for row in FIRST_ROWS if row < closes.size]]]))
    moments = moments[moments < closes[-1]]
    # a leak on one bar in a hundred shows itself at one cut in a hundred: 800 cuts miss it once in 3,000 times
    more = np.setdiff1d(closes[:-1], moments)
    filled = _some(more, max(0, LEAST - moments.size), rng)
    moments = np.union1d(moments, filled)
    whole = np.sort(rng.choice(moments, min(WHOLE, moments.size), replace=False)) if moments.size else moments
    moments = np.union1d(moments, closes[:-1]) if exhaustive else moments
    left = {name: 0 if exhaustive else there[name] - sorts[name].size for name in there}
    return Cuts(moments, np.union1d(whole, closes[:1]), {**there, "random": int(drawn.size + filled.size), "decision bars": closes.size}, left)


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
