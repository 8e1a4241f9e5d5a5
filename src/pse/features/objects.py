"""The moments of every kind of object: which bar it is about, which bar makes it known, and which fields its later life writes.

Objects are row arrays of `pse.kernels.contract`, in order of the bar that makes them known; they carry forward-adjusted prices and bar indices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.domain.bars import Bars
from pse.kernels.contract import ALIVE, BREAK_CHOCH, NEVER, POOL_KINDS


@dataclass(frozen=True)
class ObjectKind:
    """`event` and `known`: the fields with the bar it is about and the bar that makes it known.

    `later`: bars of its later life, NEVER until they come.  `running`: fields that grow or change with them and cannot be set back from the row alone.
    """

    event: str
    known: str
    later: tuple[str, ...] = ()
    running: tuple[str, ...] = ()


KINDS: dict[str, ObjectKind] = {
    "pivots": ObjectKind("idx", "confirmed_at", ("superseded_at",)),
    "breaks": ObjectKind("t", "t", running=("mqs_next", "q_fvg_next")),
    "gaps": ObjectKind("mid_bar", "formed_at", ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), ("max_fill",)),
    "blocks": ObjectKind("idx", "known_at", ("touched_at", "mid_filled_at", "filled_at", "stale_at", "invalid_at"), ("max_fill",)),
    "pools": ObjectKind("origin", "known_at", ("ended_at",), ("end",)),
    "sweeps": ObjectKind("pierced_at", "confirmed_at"),
    "opening_gaps": ObjectKind("t", "t", ("filled_at",)),
    "levels": ObjectKind("known_at", "known_at", ("ended_at",)),
    "level_breaks": ObjectKind("t", "t"),
    "legs": ObjectKind("e", "known_at", ("ended_at",)),
    "pullbacks": ObjectKind("t", "t"),
    "points": ObjectKind("mid_bar", "known_at", ("ended_at",)),
    "micro_gaps": ObjectKind("mid_bar", "formed_at", ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at")),
}
NAMES = {"pivots_internal": "pivots", "pivots_major": "pivots"}      # object tables whose name is not their kind's


def kind_of(name: str) -> ObjectKind:
    """The kind of the object table `name`."""
    return KINDS[NAMES.get(name, name)]


def as_known(name: str, rows: np.ndarray, bars: int) -> np.ndarray:
    """The table as it was known after the first `bars` bars: rows of later ones gone, later life set back, running fields blanked."""
    kind = kind_of(name)
    then = rows[rows[kind.known] < bars].copy()
    for field in kind.later:
        then[field][then[field] >= bars] = NEVER
    if "max_fill" in kind.running:
        then["max_fill"] = 0.0
    if "end" in kind.running:
        then["end"][then["ended_at"] == NEVER] = ALIVE
    if "mqs_next" in kind.running:
        last = then["t"] + 1 >= bars                  # the revision comes with the next bar
        then["mqs_next"][last], then["q_fvg_next"][last] = then["mqs"][last], then["q_fvg"][last]
    return then


def available_at(name: str, rows: np.ndarray, bars: Bars) -> np.ndarray:
    """Close of the bar that makes each row known, int64 ns UTC."""
    return bars.ts_close[rows[kind_of(name).known]]


def object_ids(name: str, rows: np.ndarray, bars: Bars, timeframe: str | None = None) -> list[str]:
    """`type:symbol:timeframe:direction:ts_open` of the bar that each row is about: a second look at the same bars gives the same ids.

    A pool whose level or priority grew keeps its id.  Micro gaps carry the open of their middle bar and need the `timeframe` of it.
    """
    timeframe = timeframe or bars.timeframe
    opens = rows["mid_ts"] if name == "micro_gaps" else bars.ts_open[rows[kind_of(name).event]]
    return [f"{word}:{bars.symbol}:{timeframe}:{d}:{ts}"
            for word, d, ts in zip(_type_words(name, rows), _directions(name, rows).tolist(), opens.tolist(), strict=True)]


PLAIN_WORDS = {"blocks": "ob", "sweeps": "sweep", "opening_gaps": "opening_gap", "level_breaks": "level_break", "legs": "leg", "pullbacks": "pullback",
               "points": "poi"}


def _type_words(name: str, rows: np.ndarray) -> list[str]:
    """The first word of each id."""
    if name in ("pivots_internal", "pivots_major"):
        return ["swing" if name == "pivots_internal" else "major"] * rows.size
    if name == "breaks":
        return ["mss" if mss else ("choch" if kind == BREAK_CHOCH else "bos") for mss, kind in zip(rows["mss"], rows["type"], strict=True)]
    if name in ("gaps", "micro_gaps"):
        return ["ifvg" if inverse else "fvg" for inverse in rows["inverse"]]
    if name == "pools":
        return [POOL_KINDS[kind].lower() for kind in rows["kind"]]
    if name == "levels":
        return ["cluster" if touches > 1 else "level" for touches in rows["touches"]]
    return [PLAIN_WORDS[name]] * rows.size


def _directions(name: str, rows: np.ndarray) -> np.ndarray:
    """The direction in each id: of a pool its side, of a level 0."""
    field = {"pivots_internal": "kind", "pivots_major": "kind", "pools": "side"}.get(name, "dir")
    return rows[field] if field in (rows.dtype.names or ()) else np.zeros(rows.size, np.int64)
